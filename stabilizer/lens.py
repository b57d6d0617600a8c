"""Lens models: rays in the camera frame (x right, y down, z forward) ↔ normalised image points.

A point is in units of the focal length from the principal point. A ray that a lens cannot show
(behind it, or past the radius where its distortion stops growing) projects to NaN: it is outside.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Protocol

import numpy as np
from numpy.polynomial import Polynomial

from gyro_data.checks import Bools, Floats, number

_TABLE_SIZE = 2048
_WIDEST_RADIUS = 20.0  # tan 87°: a planar image reaches no farther
_NEWTON_STEPS = 6  # the table starts within 1e-3 of the root; convergence is quadratic
_CONVERGED = 1e-9  # focal lengths


class Lens(Protocol):
    """A lens model; `LENSES` holds every one under its name."""

    name: ClassVar[str]

    @property
    def coeffs(self) -> tuple[float, ...]:
        """Distortion coefficients in OpenCV's order."""

    def project(self, rays: Floats) -> Floats:
        """Return normalised points (..., 2) of `rays` (..., 3); NaN where the lens shows none."""

    def project_with_jacobian(self, rays: Floats) -> tuple[Floats, Floats]:
        """Return the points (..., 2) of `rays` (..., 3) and their derivatives (..., 2, 3)."""

    def unproject(self, points: Floats) -> Floats:
        """Return rays (..., 3) of any length of `points` (..., 2); NaN where there is none."""


@dataclass(frozen=True)
class Pinhole:
    """No distortion: (x/z, y/z)."""

    name: ClassVar[str] = "pinhole"
    coeffs: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        _set_coeffs(self, self.coeffs, lengths=(0,))

    def project(self, rays: Floats) -> Floats:
        """Return (x/z, y/z); NaN for rays that do not point forward."""
        z = rays[..., 2:]
        return rays[..., :2] / np.where(z > 0, z, np.nan)

    def project_with_jacobian(self, rays: Floats) -> tuple[Floats, Floats]:
        """Return (x/z, y/z) and its derivative (1, 0, −x/z; 0, 1, −y/z) / z."""
        xy = self.project(rays)
        jacobian = np.zeros((*xy.shape, 3))
        jacobian[..., 0, 0] = jacobian[..., 1, 1] = 1.0
        jacobian[..., 2] = -xy
        return xy, jacobian / rays[..., 2:, None]

    def unproject(self, points: Floats) -> Floats:
        """Return (x, y, 1), or NaN throughout."""
        return np.concatenate([points, 1.0 + 0.0 * points.sum(axis=-1, keepdims=True)], axis=-1)


@dataclass(frozen=True)
class OpenCV:
    """OpenCV's standard model, coefficients k1 k2 p1 p2 [k3 [k4 k5 k6]].

    With r² = x² + y² and g = (1 + k1 r² + k2 r⁴ + k3 r⁶) / (1 + k4 r² + k5 r⁴ + k6 r⁶):
    x' = x g + 2 p1 x y + p2 (r² + 2 x²),  y' = y g + p1 (r² + 2 y²) + 2 p2 x y
    (OpenCV documentation, "Camera Calibration and 3D Reconstruction").
    """

    name: ClassVar[str] = "opencv"
    coeffs: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    _profile: "_RadialProfile" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        coeffs = _set_coeffs(self, self.coeffs, lengths=(4, 5, 8))
        k1, k2, _, _, k3, k4, k5, k6 = (coeffs + (0.0,) * 4)[:8]
        numerator = Polynomial([0, 1, 0, k1, 0, k2, 0, k3])  # r · radial factor, in r
        denominator = Polynomial([1, 0, k4, 0, k5, 0, k6])
        object.__setattr__(self, "_profile", _RadialProfile(numerator, denominator, _WIDEST_RADIUS))

    def project(self, rays: Floats) -> Floats:
        """Return the distorted (x', y'); NaN behind the camera and past the monotonic radius."""
        xy = Pinhole().project(rays)
        return self._distort(np.where(self._shown(xy), xy, np.nan))[0]

    def project_with_jacobian(self, rays: Floats) -> tuple[Floats, Floats]:
        """Return (x', y') and its derivative: the distortion's times the pinhole's."""
        xy, pinhole = Pinhole().project_with_jacobian(rays)
        value, (xx, cross, yy) = self._distort(np.where(self._shown(xy), xy, np.nan))
        jacobian = np.empty_like(pinhole)
        jacobian[..., 0, :] = (
            xx[..., None] * pinhole[..., 0, :] + cross[..., None] * pinhole[..., 1, :]
        )
        jacobian[..., 1, :] = (
            cross[..., None] * pinhole[..., 0, :] + yy[..., None] * pinhole[..., 1, :]
        )
        return value, jacobian

    def unproject(self, points: Floats) -> Floats:
        """Invert `project`: the radial profile gives the start, Newton's method in 2-D the rest."""
        distorted = np.linalg.norm(points, axis=-1, keepdims=True)
        xy = points * (self._profile.invert(distorted) / np.where(distorted > 0, distorted, 1.0))
        xy = np.where(distorted > 0, xy, points)
        for _ in range(_NEWTON_STEPS):
            value, (xx, cross, yy) = self._distort(xy)
            dx, dy = np.moveaxis(value - points, -1, 0)
            determinant = xx * yy - cross * cross
            step = np.stack([yy * dx - cross * dy, xx * dy - cross * dx], axis=-1)
            xy = xy - step / np.where(determinant == 0, np.nan, determinant)[..., None]
        missed = np.linalg.norm(self._distort(xy)[0] - points, axis=-1, keepdims=True)
        return Pinhole().unproject(np.where((missed < _CONVERGED) & self._shown(xy), xy, np.nan))

    def _shown(self, xy: Floats) -> Bools:
        return np.asarray(np.linalg.norm(xy, axis=-1, keepdims=True) <= self._profile.limit)

    def _distort(self, xy: Floats) -> tuple[Floats, tuple[Floats, Floats, Floats]]:
        """Return (x', y') and its symmetric Jacobian (∂x'/∂x, ∂x'/∂y = ∂y'/∂x, ∂y'/∂y)."""
        p1, p2 = self.coeffs[2:4]
        x, y = xy[..., 0], xy[..., 1]
        r2 = x * x + y * y
        g, slope = self._radial_factor(r2)
        value = np.stack(
            [
                x * g + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
                y * g + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
            ],
            axis=-1,
        )
        xx = g + 2 * x * x * slope + 2 * p1 * y + 6 * p2 * x
        cross = 2 * x * y * slope + 2 * p1 * x + 2 * p2 * y
        yy = g + 2 * y * y * slope + 6 * p1 * y + 2 * p2 * x
        return value, (xx, cross, yy)

    def _radial_factor(self, r2: Floats) -> tuple[Floats, Floats]:
        """Return g(r²) and dg/dr²."""
        k1, k2, _, _, k3, k4, k5, k6 = (self.coeffs + (0.0,) * 4)[:8]
        top = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        bottom = 1 + r2 * (k4 + r2 * (k5 + r2 * k6))
        g = top / bottom
        d_top = k1 + r2 * (2 * k2 + r2 * 3 * k3)
        d_bottom = k4 + r2 * (2 * k5 + r2 * 3 * k6)
        return g, (d_top - g * d_bottom) / bottom


@dataclass(frozen=True)
class Fisheye:
    """Kannala and Brandt's model as OpenCV's fisheye module has it, coefficients k1..k4.

    A ray at angle θ from the axis lands at θ (1 + k1 θ² + k2 θ⁴ + k3 θ⁶ + k4 θ⁸), also past 90°.
    """

    name: ClassVar[str] = "fisheye"
    coeffs: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    _profile: "_RadialProfile" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        k1, k2, k3, k4 = _set_coeffs(self, self.coeffs, lengths=(4,))
        radius = Polynomial([0, 1, 0, k1, 0, k2, 0, k3, 0, k4])  # in θ
        object.__setattr__(self, "_profile", _RadialProfile(radius, Polynomial([1]), np.pi))

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
        tangential = np.where(
            sine > 0, self._profile(theta) / np.where(sine > 0, sine, 1.0), 1.0 / z
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
            theta = theta - (self._profile(theta) - radius) / self._profile.slope(theta)
        theta = np.where(radius <= self._profile(self._profile.limit), theta, np.nan)
        scale = np.where(radius > 0, np.sin(theta) / np.where(radius > 0, radius, 1.0), 1.0)
        return np.concatenate([points * scale, np.cos(theta)], axis=-1)


class _RadialProfile:
    """A radial function numerator(x) / denominator(x) on [0, limit], where it grows."""

    def __init__(self, numerator: Polynomial, denominator: Polynomial, widest: float) -> None:
        self.numerator, self.denominator = numerator, denominator
        turning = numerator.deriv() * denominator - numerator * denominator.deriv()
        roots = np.concatenate([_real_roots(turning), _real_roots(denominator)])
        self.limit = float(min([widest, *roots[roots > 1e-9] * (1 - 1e-9)]))
        self._x = self.limit * np.linspace(0.0, 1.0, _TABLE_SIZE) ** 1.5  # denser near the axis
        self._y = self(self._x)

    def __call__(self, x: Floats | float) -> Floats:
        return np.asarray(self.numerator(x) / self.denominator(x))

    def slope(self, x: Floats) -> Floats:
        """Return the derivative."""
        n, d = self.numerator, self.denominator
        slope = (n.deriv()(x) * d(x) - n(x) * d.deriv()(x)) / d(x) ** 2
        return np.where(slope > 1e-6, slope, np.nan)

    def invert(self, y: Floats) -> Floats:
        """Return x with profile(x) ≈ y by linear interpolation in a table."""
        return np.asarray(np.interp(y, self._y, self._x))


LENSES: Mapping[str, Callable[[tuple[float, ...]], Lens]] = MappingProxyType(
    {"pinhole": Pinhole, "opencv": OpenCV, "fisheye": Fisheye}
)
"""Every lens model by the name that camera files use."""


def make_lens(name: str, coeffs: tuple[float, ...] = ()) -> Lens:
    """Return the lens `name` of `LENSES` with `coeffs`; ValueError names what exists."""
    if name not in LENSES:
        raise ValueError(f"lens: expected one of {', '.join(LENSES)}, got {name!r}")
    return LENSES[name](tuple(coeffs))


def _set_coeffs(
    lens: Lens, coeffs: tuple[float, ...], *, lengths: tuple[int, ...]
) -> tuple[float, ...]:
    """Check and store the coefficients of a lens at its birth."""
    if len(coeffs) not in lengths:
        expected = " or ".join(map(str, lengths))
        raise ValueError(f"{lens.name} lens: expected {expected} coefficients, got {len(coeffs)}")
    checked = tuple(number(f"coeffs[{i}]", c) for i, c in enumerate(coeffs))
    object.__setattr__(lens, "coeffs", checked)
    return checked


def _real_roots(polynomial: Polynomial) -> Floats:
    """Return the real roots; leading terms that vanish do not count."""
    roots = polynomial.trim(1e-14).roots()
    return np.real(roots[np.abs(np.imag(roots)) < 1e-9])
