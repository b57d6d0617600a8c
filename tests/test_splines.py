"""Splines: those of SciPy."""

import numpy as np
import pytest
from scipy.interpolate import CubicSpline, make_interp_spline

from stabilizer.splines import spline


def nodes(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return uneven x (n,), y (n, 5) and places inside, at the nodes, and beyond both ends."""
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.uniform(0.2, 1.5, n))
    at = np.concatenate([x, rng.uniform(x[0] - 0.5, x[-1] + 0.5, 300)])
    return x, rng.normal(size=(n, 5)), at


@pytest.mark.parametrize("n", [2, 3, 4, 5, 33, 1000])
def test_the_cubic_spline_is_that_of_scipy(n) -> None:
    x, y, at = nodes(n)
    np.testing.assert_allclose(spline(x, y, at), CubicSpline(x, y)(at), rtol=0, atol=1e-11)


@pytest.mark.parametrize("degree", [1, 3, 5, 7])
def test_splines_of_odd_degrees_are_those_of_scipy(degree) -> None:
    x, y, at = nodes(17)
    expected = make_interp_spline(x, y, k=degree)(at)
    np.testing.assert_allclose(spline(x, y, at, degree=degree), expected, rtol=1e-9, atol=1e-9)
