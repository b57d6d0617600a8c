"""OpenCV's standard model: rational radial, tangential, thin-prism and tilt distortion."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.polynomial import Polynomial

from gyro_data.checks import Bools, Floats
from stabilizer.lens.base import set_coeffs
from stabilizer.lens.fold import FoldLimit
from stabilizer.lens.pinhole import Pinhole
from stabilizer.lens.profile import RadialProfile

_MOST_COEFFS = 14
_WIDEST_RADIUS = 20.0  # tan 87°: a planar image reaches no farther
_NEWTON_STEPS = 8  # the radial part alone starts it; convergence is quadratic
_CONVERGED = 1e-9  # focal lengths
_SETTLED = 1e-7  # of a step: the next one is the square of it

Partials = tuple[Floats, Floats, Floats, Floats]
"""∂x'/∂x, ∂x'/∂y, ∂y'/∂x, ∂y'/∂y"""


@dataclass(frozen=True)
class OpenCV:
    """OpenCV's standard model, k1 k2 p1 p2 [k3 [k4 k5 k6 [s1 s2 s3 s4 [tau_x tau_y]]]].

    With r² = x² + y² and g = (1 + k1 r² + k2 r⁴ + k3 r⁶) / (1 + k4 r² + k5 r⁴ + k6 r⁶):
    x' = x g + 2 p1 x y + p2 (r² + 2 x²) + s1 r² + s2 r⁴,
    y' = y g + p1 (r² + 2 y²) + 2 p2 x y + s3 r² + s4 r⁴,
    then (x', y', 1) is seen by a sensor tilted by tau_x and tau_y, rad
    (OpenCV documentation, "Camera Calibration and 3D Reconstruction").
    """

    name: ClassVar[str] = "opencv"
    coeffs: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    _profile: RadialProfile = field(init=False, repr=False, compare=False)
    _fold: FoldLimit | None = field(init=False, repr=False, compare=False)
    _tilt: Floats | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        coeffs = set_coeffs(self, self.coeffs, lengths=(4, 5, 8, 12, _MOST_COEFFS))
        k1, k2, p1, p2, k3, k4, k5, k6, *prism, tau_x, tau_y = _filled(coeffs)
        numerator = Polynomial([0, 1, 0, k1, 0, k2, 0, k3])  # r · radial factor, in r
        denominator = Polynomial([1, 0, k4, 0, k5, 0, k6])
        profile = RadialProfile(numerator, denominator, _WIDEST_RADIUS)
        set_field = object.__setattr__
        set_field(self, "_profile", profile)
        set_field(self, "_tilt", _tilt_matrix(tau_x, tau_y) if tau_x or tau_y else None)
        radial = not any((p1, p2, *prism))
        farthest = min(1.5 * profile.limit, profile.pole)
        set_field(self, "_fold", None if radial else FoldLimit(self._determinant, farthest))

    def project(self, rays: Floats) -> Floats:
        """Return the distorted (x', y'); NaN behind the camera and past where it folds back."""
        xy = Pinhole().project(rays)
        bent, _ = self._distort(np.where(self._shown(xy), xy, np.nan))
        return bent if self._tilt is None else _seen_by(self._tilt, bent)[0]

    def project_with_jacobian(self, rays: Floats) -> tuple[Floats, Floats]:
        """Return (x', y') and its derivative: the distortion's times the pinhole's."""
        xy, pinhole = Pinhole().project_with_jacobian(rays)
        value, partials = self._distort(np.where(self._shown(xy), xy, np.nan))
        if self._tilt is not None:
            value, (a, b, c, d) = _seen_by(self._tilt, value)
            xx, xy_, yx, yy = partials
            partials = (a * xx + b * yx, a * xy_ + b * yy, c * xx + d * yx, c * xy_ + d * yy)
        jacobian = np.empty_like(pinhole)
        for row in (0, 1):
            along_x, along_y = partials[2 * row], partials[2 * row + 1]
            jacobian[..., row, :] = (
                along_x[..., None] * pinhole[..., 0, :] + along_y[..., None] * pinhole[..., 1, :]
            )
        return value, jacobian

    def unproject(self, points: Floats) -> Floats:
        """Invert `project`: the radial profile gives the start, Newton's method in 2-D the rest."""
        if self._tilt is not None:
            points = _seen_by(np.asarray(np.linalg.inv(self._tilt)), points)[0]
        distorted = np.linalg.norm(points, axis=-1, keepdims=True)
        xy = points * (self._profile.invert(distorted) / np.where(distorted > 0, distorted, 1.0))
        xy = np.where(distorted > 0, xy, points)
        for _ in range(_NEWTON_STEPS):
            value, (xx, xy_, yx, yy) = self._distort(xy)
            dx, dy = np.moveaxis(value - points, -1, 0)
            determinant = xx * yy - xy_ * yx
            step = np.stack([yy * dx - xy_ * dy, xx * dy - yx * dx], axis=-1)
            step = step / np.where(determinant == 0, np.nan, determinant)[..., None]
            xy = np.clip(xy - step, -_WIDEST_RADIUS, _WIDEST_RADIUS)
            if not np.any(np.abs(step) > _SETTLED):  # NaN compares as settled
                break
        missed = np.linalg.norm(self._distort(xy)[0] - points, axis=-1, keepdims=True)
        return Pinhole().unproject(np.where((missed < _CONVERGED) & self._shown(xy), xy, np.nan))

    def _shown(self, xy: Floats) -> Bools:
        if self._fold is not None:
            return self._fold.inside(xy)
        return np.asarray(np.linalg.norm(xy, axis=-1, keepdims=True) <= self._profile.limit)

    def _determinant(self, xy: Floats) -> Floats:
        _, (xx, xy_, yx, yy) = self._distort(xy)
        return np.asarray(xx * yy - xy_ * yx)

    def _distort(self, xy: Floats) -> tuple[Floats, Partials]:
        """Return (x', y') before the tilt, and its partial derivatives."""
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
        if not any(self.coeffs[8:12]):
            return value, (xx, cross, cross, yy)
        s1, s2, s3, s4 = self.coeffs[8:12]
        value[..., 0] += r2 * (s1 + r2 * s2)
        value[..., 1] += r2 * (s3 + r2 * s4)
        in_x, in_y = 2 * (s1 + 2 * s2 * r2), 2 * (s3 + 2 * s4 * r2)  # d / d(r²), doubled
        return value, (xx + in_x * x, cross + in_x * y, cross + in_y * x, yy + in_y * y)

    def _radial_factor(self, r2: Floats) -> tuple[Floats, Floats]:
        """Return g(r²) and dg/dr²."""
        k1, k2, _, _, k3, k4, k5, k6 = _filled(self.coeffs)[:8]
        top = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        bottom = 1 + r2 * (k4 + r2 * (k5 + r2 * k6))
        bottom = np.where(bottom == 0, np.nan, bottom)
        g = top / bottom
        d_top = k1 + r2 * (2 * k2 + r2 * 3 * k3)
        d_bottom = k4 + r2 * (2 * k5 + r2 * 3 * k6)
        return g, (d_top - g * d_bottom) / bottom


def _filled(coeffs: tuple[float, ...]) -> tuple[float, ...]:
    return coeffs + (0.0,) * (_MOST_COEFFS - len(coeffs))


def _tilt_matrix(tau_x: float, tau_y: float) -> Floats:
    """Return the homography (3, 3) to a sensor turned by tau_x about x, then tau_y about y.

    That is (R22 0 −R02; 0 R22 −R12; 0 0 1) R with R = R_y R_x: the axis stays where it was.
    """
    cx, sx, cy, sy = np.cos(tau_x), np.sin(tau_x), np.cos(tau_y), np.sin(tau_y)
    about_x = np.array([[1, 0, 0], [0, cx, sx], [0, -sx, cx]])
    about_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    R = about_y @ about_x
    if R[2, 2] < 0.1:
        raise ValueError("coeffs: expected a sensor tilted by less than 84°, got more")
    keep = np.array([[R[2, 2], 0, -R[0, 2]], [0, R[2, 2], -R[1, 2]], [0, 0, 1]])
    return np.asarray(keep @ R, dtype=np.float64)


def _seen_by(H: Floats, points: Floats) -> tuple[Floats, Partials]:
    """Return where a homography (3, 3) takes points (..., 2), and its partial derivatives.

    NaN on and beyond its horizon.
    """
    x, y = points[..., 0], points[..., 1]
    u, v, w = (H[k, 0] * x + H[k, 1] * y + H[k, 2] for k in range(3))
    w = np.where(w > 1e-6, w, np.nan)
    u, v = u / w, v / w
    partials = (
        (H[0, 0] - u * H[2, 0]) / w,
        (H[0, 1] - u * H[2, 1]) / w,
        (H[1, 0] - v * H[2, 0]) / w,
        (H[1, 1] - v * H[2, 1]) / w,
    )
    return np.stack([u, v], axis=-1), partials
