"""From raw samples to a `GyroLog`: sorted, each instant once; repaired or refused, never filled."""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gyro_data.checks import Bools, Floats
from gyro_data.errors import GyroDataError
from gyro_data.log import GyroLog
from gyro_data.timestamps import find_gaps, repeated

LOG = logging.getLogger(__name__)

MAX_BAD_SHARE = 0.2
"""Share of unusable rows above which a log is refused."""
MAX_STEP_BACK = 1.0
"""s: rows may come late, but a clock that jumps back further has been restarted."""


def refuse_bad_rows(path: Path, good: Bools) -> None:
    """Raise GyroDataError when too many rows are bad or fewer than two are good."""
    n_bad = int(np.count_nonzero(~good))
    if good.size - n_bad < 2:
        raise GyroDataError(
            f"{path}: {good.size - n_bad} usable rows of {good.size}, at least 2 are needed; "
            f"was the recording finished?"
        )
    if n_bad > MAX_BAD_SHARE * good.size:
        raise GyroDataError(
            f"{path}: {n_bad} of {good.size} rows lack a number or have too many fields, the first "
            f"is row {int(np.argmin(good)) + 1} below the header; check the separator and columns"
        )


def build_log(
    path: Path, t: Floats, values: Floats, hints: Mapping[str, str], *, dropped_rows: int = 0
) -> GyroLog:
    """Sort and merge samples `t (N,)` s, `values (N, 3 or 6)` rad/s and m/s² into a log.

    Rows with the same time become their mean. What was done is counted in the hints and logged once
    as a warning. Raises GyroDataError when the clock restarts or is too coarse for the samples.
    """
    _refuse_restart(path, t)
    late = np.count_nonzero(t < np.maximum.accumulate(t))
    if late:
        order = np.argsort(t, kind="stable")
        t, values = t[order], values[order]
    shared = np.count_nonzero(repeated(t))
    if shared:
        t, values = _mean_of_repeats(path, t, values)
    counts = {"dropped_rows": dropped_rows, "reordered_rows": late, "repeated_times": shared}
    repairs = {name: str(count) for name, count in counts.items() if count}
    if repairs:
        LOG.warning("%s: %s", path, ", ".join(f"{n} {name}" for name, n in repairs.items()))
    accel = values[:, 3:] if values.shape[1] > 3 else None
    return GyroLog(t, values[:, :3], accel, find_gaps(t), {**hints, **repairs})


def _refuse_restart(path: Path, t: Floats) -> None:
    steps = np.diff(t)
    back = np.flatnonzero(steps < -MAX_STEP_BACK)
    if back.size:
        i = int(back[0])
        raise GyroDataError(
            f"{path}: the time falls by {-steps[i]:.6g} s after {t[i]:.9g} s (row {i + 2}); "
            f"if these are two recordings, split the file there"
        )


def _mean_of_repeats(path: Path, t: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Merge rows of equal time; a clock that gives most rows the time of another is no clock."""
    first = np.flatnonzero(np.diff(t, prepend=-np.inf) > 0)
    if 2 * first.size < t.size or first.size < 2:
        raise GyroDataError(
            f"{path}: {t.size} rows have only {first.size} different times; the clock is too "
            f"coarse, choose or export a finer one"
        )
    counts = np.diff(first, append=t.size)
    return t[first], np.add.reduceat(values, first, axis=0) / counts[:, None]
