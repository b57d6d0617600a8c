"""Sums and medians over the points of each frame pair; `pair` (m,) never decreases."""

import numpy as np
from numpy.typing import NDArray

from gyro_data.checks import Floats

Indices = NDArray[np.intp]


def sums(values: Floats, pair: Indices, n_pairs: int) -> Floats:
    """Return the sums (n_pairs, ...) of values (m, ...)."""
    result = np.zeros((n_pairs, *values.shape[1:]))
    occurring, starts = np.unique(pair, return_index=True)
    if len(pair):
        result[occurring] = np.add.reduceat(values, starts, axis=0)
    return result


def medians(values: Floats, pair: Indices, n_pairs: int) -> Floats:
    """Return the upper median (n_pairs,) of values (m,), NaN of none."""
    count = np.bincount(pair, minlength=n_pairs)
    ordered = np.append(values[np.lexsort((values, pair))], np.nan)
    middle = np.searchsorted(pair, np.arange(n_pairs)) + count // 2
    return np.asarray(np.where(count > 0, ordered[np.minimum(middle, len(values))], np.nan))
