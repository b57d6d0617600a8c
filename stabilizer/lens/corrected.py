"""A lens with part of its distortion taken away: what the output may show."""

from dataclasses import dataclass, field

import numpy as np

from gyro_data.checks import Floats, number
from stabilizer.lens.base import Lens
from stabilizer.lens.pinhole import Pinhole

_TABLE_SIZE = 4096
_WIDEST = np.deg2rad(89.9)
_NEWTON_STEPS = 6
_SETTLED = 1e-6  # of a step: the next one is the square of it
_CONVERGED = 1e-9  # of the radius


@dataclass(frozen=True)
class Corrected:
    """Between a lens (amount 0) and a pinhole (1): (1 − a) π_lens(ray) + a π_pinhole(ray).

    It shows what both of them show, and grows with the angle where the lens does. It has the name
    and the coefficients of the lens.
    """

    lens: Lens
    amount: float
    _radii: tuple[Floats, Floats] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        number("lens_correction", self.amount, minimum=0, maximum=1)
        angle = np.linspace(0.0, _WIDEST, _TABLE_SIZE)
        rays = np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=-1)
        radius = np.linalg.norm(self.project(rays), axis=-1)
        shown = slice(int(np.isfinite(radius).cumprod().sum()))
        object.__setattr__(self, "_radii", (radius[shown], np.tan(angle[shown])))

    @property
    def name(self) -> str:
        """That of the lens."""
        return self.lens.name

    @property
    def coeffs(self) -> tuple[float, ...]:
        """Those of the lens."""
        return self.lens.coeffs

    def project(self, rays: Floats) -> Floats:
        """Return the points; NaN where lens or pinhole shows none."""
        a = self.amount
        return (1 - a) * self.lens.project(rays) + a * Pinhole().project(rays)

    def project_with_jacobian(self, rays: Floats) -> tuple[Floats, Floats]:
        """Return the points and their derivatives: the weighted sum of both."""
        a = self.amount
        points, jacobian = self.lens.project_with_jacobian(rays)
        straight, pinhole = Pinhole().project_with_jacobian(rays)
        return (1 - a) * points + a * straight, (1 - a) * jacobian + a * pinhole

    def unproject(self, points: Floats) -> Floats:
        """Invert `project`: a table by radius gives the start, Newton's method in 2-D the rest."""
        radius = np.linalg.norm(points, axis=-1, keepdims=True)
        tangent = np.interp(radius, *self._radii, right=np.nan)
        rays = Pinhole().unproject(points * (tangent / np.where(radius > 0, radius, 1.0)))
        for _ in range(_NEWTON_STEPS):
            value, jacobian = self.project_with_jacobian(rays)
            step = _solved(jacobian[..., :2], value - points)
            rays[..., :2] -= step
            if not np.any(np.abs(step) > _SETTLED):  # NaN compares as settled
                break
        missed = np.linalg.norm(self.project(rays) - points, axis=-1, keepdims=True)
        return np.where(missed <= _CONVERGED * (1 + radius), rays, np.nan)


def corrected(lens: Lens, amount: float) -> Lens:
    """Return the lens with this share of its distortion, 0 to 1, taken away."""
    amount = number("lens_correction", amount, minimum=0, maximum=1)
    if amount == 0 or isinstance(lens, Pinhole):
        return lens
    return Pinhole() if amount == 1 else Corrected(lens, amount)


def _solved(matrix: Floats, vector: Floats) -> Floats:
    """Return x (..., 2) of matrix (..., 2, 2) x = vector (..., 2); NaN where there is none."""
    a, b, c, d = (matrix[..., i, j] for i in (0, 1) for j in (0, 1))
    determinant = a * d - b * c
    x, y = vector[..., 0], vector[..., 1]
    solution = np.stack([d * x - b * y, a * y - c * x], axis=-1)
    return solution / np.where(determinant == 0, np.nan, determinant)[..., None]
