"""Interpolating splines, without the half second that scipy.interpolate takes to import."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_banded

from gyro_data.checks import Floats


def spline(x: Floats, y: Floats, at: Floats, *, degree: int = 3) -> Floats:
    """Return values (m, c) at `at` (m,) of the spline through `y` (n, c) at increasing `x` (n,).

    Of an odd degree, without knots at the first and last inner nodes ("not a knot"); of 1 up to
    `degree` nodes the polynomial through them. It is carried on beyond its ends. A B-spline (de
    Boor, A Practical Guide to Splines, ch. X and XIII).
    """
    n = len(x)
    k = min(degree, n - 1)
    inner = (k + 1) // 2
    knots = np.concatenate(
        [x[:1].repeat(k + 1), x[inner : n + inner - k - 1], x[-1:].repeat(k + 1)]
    )
    first, basis = _basis(knots, k, x)
    row = np.arange(n)
    bands = np.zeros((2 * k + 1, n))
    for j in range(k + 1):
        bands[k + row - (first + j), first + j] = basis[:, j]
    weights = solve_banded((k, k), bands, y)
    first, basis = _basis(knots, k, at)
    values: Floats = basis[:, :1] * weights[first]
    for j in range(1, k + 1):
        values += basis[:, j, None] * weights[first + j]
    return values


def _basis(knots: Floats, degree: int, t: Floats) -> tuple[NDArray[np.intp], Floats]:
    """Return the `degree` + 1 B-splines that are not 0 at each `t`: the first's index and values.

    Values are (m, degree + 1).
    """
    last = np.clip(knots.searchsorted(t, "right") - 1, degree, len(knots) - degree - 2)
    values = np.ones((1, len(t)))
    for d in range(1, degree + 1):
        higher = np.zeros((d + 1, len(t)))
        for j, lower in enumerate(values):
            left, right = knots[last + j + 1 - d], knots[last + j + 1]
            share = lower / (right - left)
            higher[j] += share * (right - t)
            higher[j + 1] += share * (t - left)
        values = higher
    return last - degree, values.T
