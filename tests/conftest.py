"""Fixtures that many tests share."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from stabilizer.path import CameraPath


def shaky_path(duration: float, *, seed: int = 0, rms: float = 0.15) -> CameraPath:
    """Return a hand-held motion: 0.8 to 14 Hz, `rms` rad/s per axis, a slow pan; at 2 kHz."""
    rng = np.random.default_rng(seed)
    t = np.arange(-0.5, duration + 0.5, 1 / 2000)
    frequency = np.geomspace(0.8, 14, 12)[:, None]  # (12, 1) Hz
    phase = rng.uniform(0, 2 * np.pi, (3, 12, 1))
    weight = rms * np.sqrt(2 / 12) / (2 * np.pi * frequency)
    yaw, pitch, roll = (weight * np.sin(2 * np.pi * frequency * t + phase)).sum(axis=1)
    yaw = yaw + 0.2 * np.sin(2 * np.pi * 0.07 * t)
    return CameraPath.of(t, Rotation.from_euler("YXZ", np.stack([yaw, pitch, roll], axis=-1)))


@pytest.fixture(scope="session")
def handheld() -> CameraPath:
    """4 s of hand-held motion."""
    return shaky_path(4.0)
