"""Motions in closed form: orientation and body rate at any instant, the truth for other results."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from gyro_data.checks import Floats
from gyro_data.log import GyroLog


@dataclass(frozen=True, eq=False)
class Motion:
    """R_world_body(t) = Rz(yaw) Ry(pitch) Rx(roll), each angle a sum of K sines."""

    frequency: Floats
    """(K,) Hz."""
    amplitude: Floats
    """(3, K) rad of yaw, pitch and roll."""
    phase: Floats
    """(3, K) rad."""

    def R_world_body(self, t: Floats) -> Rotation:
        """Return the orientations at `t` (N,) s, relative to the one at t[0]."""
        angles = np.einsum("ak,akn->na", self.amplitude, np.sin(self._argument(t)))
        rotations = Rotation.from_euler("ZYX", angles)
        return rotations[0].inv() * rotations

    def rate(self, t: Floats) -> Floats:
        """Return the body rates (N, 3) rad/s at `t` (N,): x̂ roll' + Rxᵀ (ŷ pitch' + Ryᵀ ẑ yaw')."""
        _, pitch, roll = np.einsum("ak,akn->an", self.amplitude, np.sin(self._argument(t)))
        speed = 2 * np.pi * self.frequency * self.amplitude
        yaw_rate, pitch_rate, roll_rate = np.einsum("ak,akn->an", speed, np.cos(self._argument(t)))
        return np.stack(
            [
                roll_rate - yaw_rate * np.sin(pitch),
                pitch_rate * np.cos(roll) + yaw_rate * np.cos(pitch) * np.sin(roll),
                yaw_rate * np.cos(pitch) * np.cos(roll) - pitch_rate * np.sin(roll),
            ],
            axis=-1,
        )

    def log(self, t: Floats) -> GyroLog:
        """Return what a perfect gyroscope says at the instants `t` (N,) s."""
        return GyroLog(t, self.rate(t))

    def _argument(self, t: Floats) -> Floats:
        turn = 2 * np.pi * self.frequency[:, None] * np.asarray(t)  # (K, N)
        return turn + self.phase[:, :, None]


def walking() -> Motion:
    """Return a hand-held walk: 0.15 rad/s rms about each axis at 0.8 to 14 Hz, and a slow yaw."""
    frequency = np.array([0.05, 0.8, 1.7, 2.3, 3.6, 5.1, 7.4, 10.3, 14.0])
    speed = np.full((3, 9), 0.15 * np.sqrt(2 / 8))  # rad/s: 8 sines of equal share
    amplitude = speed / (2 * np.pi * frequency)
    amplitude[:, 0] = [1.0, 0.0, 0.0]
    return Motion(frequency, amplitude, np.random.default_rng(1).uniform(0, 2 * np.pi, (3, 9)))


def tumbling() -> Motion:
    """Return large turns about all axes at once: up to 150 degrees of yaw, at some rad/s."""
    amplitude = np.array([[2.0, 0.6], [0.8, 0.4], [1.0, 0.5]])
    phase = np.array([[0.0, 1.0], [1.5, 2.5], [0.7, 4.0]])
    return Motion(np.array([0.3, 0.8]), amplitude, phase)


def angle_deg(R_a: Rotation, R_b: Rotation) -> Floats:
    """Return the angles in degrees between two rotations, or two stacks of them."""
    return np.degrees((R_a.inv() * R_b).magnitude())
