"""Kannala and Brandt's fisheye model, which shows what is beside and behind the camera too."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.polynomial import Polynomial

from gyro_data.checks import Floats
from stabilizer.lens.base import set_coeffs
from stabilizer.lens.profile import RadialProfile

_NEWTON_STEPS = 6  # the table starts within 1e-3 of the root; convergence is quadratic
_SETTLED = 1e-7  # rad, of a step: the next one is the square of it


@dataclass(frozen=True)
class Fisheye:
    """Kannala and Brandt's model as OpenCV's fisheye module has it, coefficients k1..k4.

    A ray at angle θ from the axis lands at θ (1 + k1 θ² + k2 θ⁴ + k3 θ⁶ + k4 θ⁸), also past 90°.
    """

    name: ClassVar[str] = "fisheye"
    coeffs: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    _profile: "RadialProfile" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        k1, k2, k3, k4 = set_coeffs(self, self.coeffs, lengths=(4,))
        radius = Polynomial([0, 1, 0, k1, 0, k2, 0, k3, 0, k4])  # in θ
        object.__setattr__(self, "_profile", RadialProfile(radius, Polynomial([1]), np.pi))

    def project(self, rays: Floats) -> Floats:
        """Return the points; NaN past the angle where the distortion stops growing."""
        xy = rays[..., :2]
        sine = np.linalg.norm(xy, axis=-1, keepdims=True)
        theta = np.arctan2(sine, rays[..., 2:])
        radius = np.where(theta <= self._profile.limit, self._profile(theta), np.nan)
        on_axis = np.where(rays[..., 2:] > 0, rays[..., 2:], np.nan)
        scale = np.where(sine > 0, radius / np.where(sine > 0, sine, 1.0), 1.0 / on_axis)
        return xy * scale

    def project_with_jacobian(self, rays: Floats) -> tuple[Floats, Floats]:
        """Return the points p = u r(θ), u = (x, y) / s, s = |(x, y)|, and their derivatives.

        dp = u r'(θ) dθ + (1 − u uᵀ) (dx, dy) r / s with dθ = (z u·(dx, dy) − s dz) / (s² + z²).
        """
        points = self.project(rays)
        sine = np.linalg.norm(rays[..., :2], axis=-1, keepdims=True)
        z = rays[..., 2:]
        theta = np.arctan2(sine, z)
        u = rays[..., :2] / np.where(sine > 0, sine, 1.0)  # on the axis no direction counts
        slope = self._profile.slope(theta) / (sine**2 + z**2)
        on_axis = np.where(z > 0, z, np.nan)
        tangential = np.where(
            sine > 0, self._profile(theta) / np.where(sine > 0, sine, 1.0), 1.0 / on_axis
        )
        outer = u[..., :, None] * u[..., None, :]
        jacobian = np.empty((*points.shape, 3))
        jacobian[..., :2] = outer * (slope * z - tangential)[..., None]
        jacobian[..., :2] += np.eye(2) * tangential[..., None]
        jacobian[..., 2] = -u * slope * sine
        return points, jacobian

    def unproject(self, points: Floats) -> Floats:
        """Return (sin θ cos φ, sin θ sin φ, cos θ); NaN past the largest radius."""
        radius = np.linalg.norm(points, axis=-1, keepdims=True)
        theta = self._profile.invert(radius)
        for _ in range(_NEWTON_STEPS):
            step = (self._profile(theta) - radius) / self._profile.slope(theta)
            theta = np.clip(theta - step, 0.0, self._profile.limit)
            if not np.any(np.abs(step) > _SETTLED):  # NaN compares as settled
                break
        theta = np.where(radius <= self._profile(self._profile.limit), theta, np.nan)
        scale = np.where(radius > 0, np.sin(theta) / np.where(radius > 0, radius, 1.0), 1.0)
        return np.concatenate([points * scale, np.cos(theta)], axis=-1)
