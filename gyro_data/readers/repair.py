"""From raw samples to a `GyroLog`: at increasing times, its faults told; never filled."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from gyro_data.checks import Bools, Floats
from gyro_data.errors import GyroDataError
from gyro_data.log import LARGEST_RATE, GyroLog
from gyro_data.readers.clock_faults import put_right
from gyro_data.timestamps import find_gaps, resampled

LOG = logging.getLogger(__name__)

MAX_BAD_SHARE = 0.2
"""Share of unusable rows above which a log is refused."""
SLOW = 25.0
"""Hz: what shakes faster than half of a rate below this cannot be told from what does not."""
_LEAST_TOLD = 10  # samples; fewer do not show a fault
_FULL_SCALES = (125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0)  # deg/s
_LONG_SILENCE = 0.5  # s: accelerations are not interpolated over more


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

    What was done is counted in the hints and logged once as a warning. Raises GyroDataError when
    the clock restarts or is too coarse for the samples.
    """
    timed = put_right(path, t, values)
    repairs = told_repairs(path, timed.done, dropped_rows)
    accel = timed.values[:, 3:] if values.shape[1] > 3 else None
    return finished(path, timed.t, timed.values[:, :3], accel, {**hints, **repairs})


def told_repairs(path: Path, done: Mapping[str, int | str], dropped_rows: int) -> dict[str, str]:
    """Log what was done to the rows, in one line, and return it as hints."""
    counts = {"dropped_rows": dropped_rows, **done}
    repairs = {name: str(count) for name, count in counts.items() if count}
    if repairs:
        LOG.warning("%s: %s", path, ", ".join(f"{n} {name}" for name, n in repairs.items()))
    return repairs


def finished(
    path: Path,
    t: Floats,
    gyro: Floats,
    accel: Floats | None,
    hints: Mapping[str, str],
    *,
    gaps: Floats | None = None,
) -> GyroLog:
    """Return the log of samples at increasing times, its faults in the hints and as warnings."""
    if len(t) < 2:
        raise GyroDataError(f"{path}: {len(t)} samples, at least 2 are needed")
    fastest = float(np.abs(gyro).max())
    if fastest > LARGEST_RATE:
        raise GyroDataError(
            f"{path}: a rate of {fastest:.3g} rad/s is beyond any sensor; is the unit right? Give "
            f"rate_unit, or take the row out"
        )
    faults = _faults(t, gyro)
    for fault in faults.values():
        LOG.warning("%s: %s", path, fault)
    gaps = find_gaps(t) if gaps is None else gaps
    if len(gaps):
        lost = float(np.diff(gaps).sum())
        LOG.info("%s: %d gap(s), %.3g s in total, kept as gaps", path, len(gaps), lost)
    return GyroLog(t, gyro, accel, gaps, {**hints, **faults})


def with_accel(log: GyroLog, t: Floats, values: Floats, hints: Mapping[str, str]) -> GyroLog | None:
    """Return the log with accelerations (M, 3) m/s² of other times `t`; None where they do not fit.

    That is, where they leave the log for too long.
    """
    accel = _on_times(log.t, t, values)
    if accel is None or not np.isfinite(accel).all():
        return None
    return replace(log, accel=accel, hints={**log.hints, **hints})


def _on_times(t: Floats, t_own: Floats, values: Floats) -> Floats | None:
    """Return `values (M, 3)` interpolated to `t (N,)`, None where they leave it for too long."""
    order = np.argsort(t_own, kind="stable")
    t_own, values = t_own[order], values[order]
    if len(t_own) < 2:
        return None
    after = np.clip(np.searchsorted(t_own, t), 1, len(t_own) - 1)
    nearest = np.minimum(np.abs(t - t_own[after - 1]), np.abs(t_own[after] - t))
    if np.mean(nearest > _LONG_SILENCE) > MAX_BAD_SHARE:
        return None
    return resampled(t, t_own, values)


def _faults(t: Floats, gyro: Floats) -> dict[str, str]:
    """Return what is wrong with the sensor, by name."""
    faults = {}
    rate = 1.0 / float(np.median(np.diff(t)))
    if rate < SLOW:
        faults["slow_sampling"] = (
            f"sampled at {rate:.3g} Hz: shake above {rate / 2:.3g} Hz is not in the log, and stays"
        )
    if len(t) < _LEAST_TOLD:
        return faults
    still = [axis for axis, column in zip("xyz", gyro.T, strict=True) if np.ptp(column) == 0]
    if still:
        faults["constant_axes"] = f"{', '.join(still)} never change(s); used as it is"
    pinned = {axis: _pinned(column) for axis, column in zip("xyz", gyro.T, strict=True)}
    if any(pinned.values()):
        shown = ", ".join(f"{n} of {axis}" for axis, n in pinned.items() if n)
        faults["saturated_samples"] = (
            f"samples at the end of the sensor's range: {shown}; faster motion is not in the log"
        )
    return faults


def _pinned(column: Floats) -> int:
    """Return how many samples (N,) are at the end of a usual range, several in a row."""
    largest = float(np.abs(column).max())
    if not any(1.0 <= np.rad2deg(largest) / full / 0.97 <= 1.2 for full in _FULL_SCALES):
        return 0
    at_end = np.abs(column) >= largest * (1 - 1e-9)
    runs = at_end[2:] & at_end[1:-1] & at_end[:-2]
    return int(np.count_nonzero(at_end)) if runs.any() else 0
