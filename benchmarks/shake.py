"""Gyro logs of hand-held shots made of noise: sway, tremor, vibration, steps and deliberate pans.

Beside `stabilizer.simulate.Handheld`, which leaves a gap between slow pans and fast shake, sway
has all frequencies from 0.05 Hz on and pans start and end: no filter can tell one from the other.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from gyro_data import GyroLog
from gyro_data.checks import Floats

_RATE = 400.0  # samples per second
_AXES = (1.0, 1.0, 0.8)  # of noise, about camera x, y and z
_BREADTH = 0.5  # rad/s: by how much the steps' frequency wanders
_VARIATION = 0.25  # of the steps' size
_TILT = 0.15  # of a pan, RMS


class Gait(NamedTuple):
    """How a kind of shot shakes; RMS about each axis in deg/s."""

    sway: float
    tremor: float
    vibration: float
    step_rate: float
    """1/s"""
    step_size: float
    """1: the harmonics of `_STEPS` as they are."""
    widest_pan: float
    """deg"""


GAITS: Mapping[str, Gait] = {
    "stand": Gait(2.0, 1.2, 0.15, 1.0, 0.0, 35.0),
    "walk": Gait(6.0, 4.0, 0.8, 1.9, 1.0, 70.0),
    "run": Gait(14.0, 12.0, 4.0, 2.8, 2.2, 70.0),
}

_STEPS = (  # (multiple of the step rate, deg/s, phase) about x, y and z
    ((1.0, 12.0, 0.0), (2.0, 4.0, 0.7), (3.0, 1.2, 1.9)),
    ((0.5, 7.0, 0.3), (1.0, 3.0, 1.1)),
    ((0.5, 5.0, 1.2), (1.5, 1.5, 0.0)),
)


def sway(f: Floats) -> Floats:
    """Return the power at `f` Hz of what an arm does slowly, from 0.05 to 6 Hz."""
    return np.where((f > 0.05) & (f < 6), np.maximum(f, 0.15) ** -1.2, 0.0)


def tremor(f: Floats) -> Floats:
    """Return the power at `f` Hz of what muscles do: around 4 and 9 Hz."""
    return np.asarray(np.exp(-((f - 4) ** 2) / 8) + 0.35 * np.exp(-((f - 9) ** 2) / 8))


def vibration(f: Floats) -> Floats:
    """Return the power at `f` Hz of what comes through the ground, from 10 to 120 Hz."""
    return np.where((f > 10) & (f < 120), np.maximum(f, 10.0) ** -2, 0.0)


def shaken_log(kind: str, seed: int, start: float, end: float) -> GyroLog:
    """Return a log (rad/s about camera x, y, z) of a kind of `GAITS` from `start` to `end` s."""
    rng = np.random.default_rng(seed)
    gait, t = GAITS[kind], start + np.arange(round((end - start) * _RATE) + 1) / _RATE
    gyro = np.column_stack([_shake(rng, gait, len(t)) * share for share in _AXES])
    gyro += _steps(rng, gait, t)
    _add_pans(rng, gait, t, gyro)
    return GyroLog(t, np.deg2rad(gyro))


def noise(rng: np.random.Generator, n: int, power: Callable[[Floats], Floats]) -> Floats:
    """Return noise (n,) of RMS 1 with the given power over frequency and random phases."""
    f = np.fft.rfftfreq(n, 1 / _RATE)
    amplitude = np.sqrt(power(f))
    amplitude[0] = 0.0
    drawn = np.fft.irfft(amplitude * np.exp(2j * np.pi * rng.random(len(f))), n)
    return np.asarray(drawn / drawn.std())


def _shake(rng: np.random.Generator, gait: Gait, n: int) -> Floats:
    parts = ((gait.sway, sway), (gait.tremor, tremor), (gait.vibration, vibration))
    return np.sum([rms * noise(rng, n, power) for rms, power in parts], axis=0)


def _steps(rng: np.random.Generator, gait: Gait, t: Floats) -> Floats:
    """Return rates (N, 3) of steps whose frequency and size wander below 0.5 and 1 Hz."""
    wandering = _BREADTH * np.cumsum(noise(rng, len(t), lambda f: (f < 0.5) * 1.0)) * 2 / _RATE
    phase = 2 * np.pi * gait.step_rate * t + wandering
    size = gait.step_size * (1 + _VARIATION * noise(rng, len(t), lambda f: (f < 1) * 1.0))
    axes = [sum(a * np.sin(m * phase + at) for m, a, at in waves) for waves in _STEPS]
    return size[:, None] * np.column_stack(axes)


def _add_pans(rng: np.random.Generator, gait: Gait, t: Floats, gyro: Floats) -> None:
    """Add to `gyro` (N, 3), every 5 to 13 s, a pan of least jerk within 0.8 to 3 s."""
    begin = t[0] + rng.uniform(2, 6)
    while begin < t[-1] - 4:
        duration = rng.uniform(0.8, 3.0)
        angle = rng.choice([-1, 1]) * rng.uniform(10, gait.widest_pan)
        share = np.clip((t - begin) / duration, 0, 1)
        rate = angle / duration * 30 * share**2 * (1 - share) ** 2
        gyro[:, 0] += _TILT * rng.standard_normal() * rate
        gyro[:, 1] += rate
        begin += duration + rng.uniform(4, 10)
