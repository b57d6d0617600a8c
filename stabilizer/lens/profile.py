"""A radial function up to where it stops to grow, and its inverse."""

import numpy as np
from numpy.polynomial import Polynomial

from gyro_data.checks import Floats

_TABLE_SIZE = 2048


class RadialProfile:
    """A radial function numerator(x) / denominator(x) on [0, limit], where it grows."""

    def __init__(self, numerator: Polynomial, denominator: Polynomial, widest: float) -> None:
        self.numerator, self.denominator = numerator, denominator
        turning = numerator.deriv() * denominator - numerator * denominator.deriv()
        poles = _real_roots(denominator)
        roots = np.concatenate([_real_roots(turning), poles])
        self.limit = float(min([widest, *roots[roots > 1e-9] * (1 - 1e-9)]))
        self.pole = float(min([widest, *poles[poles > 1e-9] * (1 - 1e-9)]))
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
        """Return x with profile(x) ≈ y by linear interpolation in a table, good to 1e-3."""
        return np.asarray(np.interp(y, self._y, self._x))


def _real_roots(polynomial: Polynomial) -> Floats:
    """Return the real roots; leading terms that vanish do not count."""
    roots = polynomial.trim(1e-14).roots()
    return np.real(roots[np.abs(np.imag(roots)) < 1e-9])
