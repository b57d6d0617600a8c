"""Time stamps: repeated values, holes in the recording, and the unit of time behind an interval."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gyro_data.checks import Bools, Floats

TIME_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
"""Ticks per second of each unit of time."""

PLAUSIBLE_RATES = (9.0, 11_000.0)
"""Hz: what a motion sensor is logged at, about 10 Hz to 10 kHz."""

GAP = 2.5
"""A hole in the recording is longer than this many median intervals."""


def repeated(labels: ArrayLike, ignore: ArrayLike | None = None) -> Bools:
    """Mark the values that occur more than once along the last axis of `labels (..., N)`.

    Values in `ignore` (one or several) are never marked, nor is NaN. Returns a mask of the same
    shape. Raises TypeError unless the labels are integers or floats, ValueError for a bare number.
    """
    values = np.asarray(labels)
    if values.dtype.kind not in "iuf":
        raise TypeError(f"labels: expected integers or floats, got dtype {values.dtype}")
    if values.ndim == 0:
        raise ValueError(f"labels: expected shape (..., N), got the bare number {values}")
    order = np.argsort(values, axis=-1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=-1)
    same = ordered[..., 1:] == ordered[..., :-1]
    has_twin = np.zeros(values.shape, dtype=bool)  # equal values are neighbours now
    has_twin[..., 1:] |= same
    has_twin[..., :-1] |= same
    mask = np.empty_like(has_twin)
    np.put_along_axis(mask, order, has_twin, axis=-1)
    return mask if ignore is None else mask & ~np.isin(values, ignore)


def find_gaps(t: Floats) -> Floats:
    """Return (G, 2): last sample before and first sample after each hole in increasing `t (N,)`."""
    intervals = np.diff(t)
    if not intervals.size:
        return np.empty((0, 2))
    before = np.flatnonzero(intervals > GAP * np.median(intervals))
    return np.stack([t[before], t[before + 1]], axis=-1)


def resampled(t_new: Floats, t: Floats, values: Floats) -> Floats:
    """Interpolate `values` (N, k) at `t` linearly to (M, k) at `t_new`, ends held."""
    return np.stack([np.interp(t_new, t, column) for column in values.T], axis=-1)


def sampling_interval(ticks: NDArray[Any]) -> float:
    """Return the median step between successive distinct values of `ticks (N,)`, in any order.

    NaN when there are fewer than two distinct values.
    """
    steps = np.diff(np.sort(ticks))
    steps = steps[steps > 0]
    return float(np.median(steps)) if steps.size else np.nan


def plausible_time_units(interval: float) -> tuple[str, ...]:
    """Name the units in which a sampling `interval` gives a rate that motion sensors have."""
    slowest, fastest = PLAUSIBLE_RATES
    return tuple(
        unit
        for unit, per_second in TIME_UNITS.items()
        if slowest * interval <= per_second <= fastest * interval
    )


def to_seconds(ticks: NDArray[Any], unit: str) -> Floats:
    """Convert `ticks (N,)` to float64 seconds from the same origin.

    Integers are split into whole seconds and rest first, so that even nanoseconds since 1970, which
    float64 holds to 256 ns only, come out as exactly as float64 seconds can be (0.24 µs there).
    """
    per_second = TIME_UNITS[unit]
    if ticks.dtype.kind not in "iu":
        return np.asarray(ticks / per_second, dtype=np.float64)
    whole, rest = np.divmod(ticks, per_second)
    return np.asarray(whole + rest / per_second, dtype=np.float64)
