"""The lens without distortion."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gyro_data.checks import Floats
from stabilizer.lens.base import set_coeffs


@dataclass(frozen=True)
class Pinhole:
    """No distortion: (x/z, y/z)."""

    name: ClassVar[str] = "pinhole"
    coeffs: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        set_coeffs(self, self.coeffs, lengths=(0,))

    def project(self, rays: Floats) -> Floats:
        """Return (x/z, y/z); NaN for rays that do not point forward."""
        return rays[..., :2] / _forward(rays)

    def project_with_jacobian(self, rays: Floats) -> tuple[Floats, Floats]:
        """Return (x/z, y/z) and its derivative (1, 0, −x/z; 0, 1, −y/z) / z."""
        xy = self.project(rays)
        jacobian = np.zeros((*xy.shape, 3))
        jacobian[..., 0, 0] = jacobian[..., 1, 1] = 1.0
        jacobian[..., 2] = -xy
        return xy, jacobian / _forward(rays)[..., None]

    def unproject(self, points: Floats) -> Floats:
        """Return (x, y, 1), or NaN throughout."""
        return np.concatenate([points, 1.0 + 0.0 * points.sum(axis=-1, keepdims=True)], axis=-1)


def _forward(rays: Floats) -> Floats:
    """Return z (..., 1) of `rays`; NaN for those that do not point forward."""
    z = rays[..., 2:]
    return np.where(z > 0, z, np.nan)
