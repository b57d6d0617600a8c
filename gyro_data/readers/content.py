"""What the numbers of a table tell: which column is a clock, which are rates, which gravity."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gyro_data.checks import Floats
from gyro_data.readers.layout import Fields, Layout
from gyro_data.timestamps import TIME_UNITS

GRAVITY = 9.80665
SAME_MOTION = 0.98
"""Correlation above which two sets of rates tell the same motion."""
LARGEST_NUMBER = 1e19
"""Larger ones are no times, in whatever unit, and no readings of a sensor."""
LEAST_ROWS = 10
"""Fewer rows do not show what a column is."""

GRAVITY_OFF = 0.15
"""Part by which an acceleration at rest may differ from gravity."""
_STEADY = 0.2
_SENSOR_COLUMNS = (3, 6, 9)
_NEVER_BACK = 0.98
_MOVES = 0.2


@dataclass(frozen=True)
class Content:
    """What columns are, by their numbers."""

    candidates: tuple[int, ...]
    """Columns that may be the time, the steadiest clock first."""
    same_clock: bool
    """Whether all of them tell the same time, in whatever unit."""
    rates: tuple[int, ...] | None
    """x, y, z; None where the numbers leave doubt."""
    accel: tuple[int, ...] | None
    why: str
    """What the doubt is, else ""."""


def sample_of(layout: Layout, rows: Sequence[Fields] | None = None) -> Floats:
    """Return the first rows as numbers (n, width), NaN where a field is none."""
    rows = layout.rows if rows is None else rows
    width = max(layout.width, *(len(row) for row in rows)) if rows else layout.width
    sample = np.full((len(rows), width), np.nan)
    for i, row in enumerate(rows):
        for j, field in enumerate(row):
            sample[i, j] = _number(field)
    return sample


def clocks(sample: Floats, among: Sequence[int] | None = None) -> Content:
    """Tell clock, rates and accelerations in `sample (n, width)`; NaN are fields without number."""
    used = [i for i in range(sample.shape[1]) if np.isfinite(sample[:, i]).mean() > 0.8]
    rows = sample[np.isfinite(sample[:, used]).all(axis=1)] if used else sample[:0]
    looked_at = [i for i in used if among is None or i in among]
    candidates = sorted(
        (i for i in looked_at if _is_clock(rows[:, i])), key=lambda i: _unrest(rows[:, i])
    )
    same = len(candidates) > 0 and _tell_the_same_time(rows[:, candidates])
    others = [i for i in used if i not in candidates and not _counts(rows[:, i])]
    if len(rows) < LEAST_ROWS or not same:
        why = f"only {len(rows)} whole rows" if len(rows) < LEAST_ROWS else _clock_doubt(candidates)
        return Content(tuple(candidates), same, None, None, why)
    if len(others) not in _SENSOR_COLUMNS:
        others = [i for i in others if np.ptp(rows[:, i]) > 0]
    rates, accel, why = _sensors(rows, others)
    return Content(tuple(candidates), same, rates, accel, why)


def first_clock(content: Content) -> int | None:
    """Return the column of the time, None where several columns may be it."""
    return content.candidates[0] if content.same_clock else None


def same_motion(a: Floats, b: Floats) -> bool:
    """Tell whether rates `a`, `b (n, 3)` differ by no more than a bias."""
    good = np.isfinite(a).all(axis=1) & np.isfinite(b).all(axis=1)
    if good.sum() < 3:
        return False
    a, b = (v[good] - v[good].mean(axis=0) for v in (a, b))
    size = float(np.sum(a * a)), float(np.sum(b * b))
    if min(size) == 0.0:
        return size[0] == size[1]
    likeness = float(np.sum(a * b)) / np.sqrt(size[0] * size[1])
    return likeness > SAME_MOTION and 0.9 < size[0] / size[1] < 1.1


def looks_like_gravity(values: Floats) -> bool:
    """Tell whether vectors (n, 3) are about as long as gravity, in m/s² or g, most of the time."""
    if not len(values):
        return False
    size = np.linalg.norm(values, axis=1)
    middle = float(np.median(size))
    near = any(abs(middle / g - 1) < GRAVITY_OFF for g in (GRAVITY, 1.0))
    return bool(near and np.percentile(np.abs(size - middle), 75) < _STEADY * middle)


def _sensors(
    rows: Floats, others: list[int]
) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None, str]:
    """Return the columns of the rates and of the accelerations, or why there is doubt."""
    groups = [tuple(others[i : i + 3]) for i in range(0, len(others), 3)]
    if len(others) == 4 and _unit_length(rows[:, others]):
        return None, None, "four columns are a quaternion, w first or last; use qw, qx, qy, qz"
    if len(others) not in _SENSOR_COLUMNS:
        return None, None, f"{len(others)} columns besides time and counts"
    if len(groups) == 1:
        return groups[0], None, ""
    gravity = [g for g in groups if looks_like_gravity(rows[:, g])]
    turning = [g for g in groups if g not in gravity and not _keeps_its_length(rows[:, g])]
    if len(gravity) == 1 and len(turning) == 1:
        return turning[0], gravity[0], ""
    return None, None, f"{len(groups)} groups of three columns may be the rates"


def _is_clock(column: Floats) -> bool:
    """Tell a clock from a row number and from a frame number, which mostly stays."""
    steps = np.diff(column)
    if not steps.size or column[-1] <= column[0]:
        return False
    runs = np.mean(steps >= 0) >= _NEVER_BACK and np.mean(steps > 0) >= _MOVES
    return bool(runs) and not _counts(column)


def _counts(column: Floats) -> bool:
    """Tell a number of rows or frames: integers that grow by 1 or stay."""
    steps = np.diff(column)
    return bool(np.isin(steps, (0.0, 1.0)).all() and column.size and np.ptp(column) > 0) and bool(
        (steps == 1).all() or np.mean(steps == 0) > 0.5
    )


def _unrest(column: Floats) -> float:
    """Return how uneven the steps of a clock are: their mean deviation over their median."""
    steps = np.diff(column)
    middle = float(np.median(steps[steps > 0]))
    return float(np.mean(np.abs(steps - np.median(steps))) / middle)


def _tell_the_same_time(columns: Floats) -> bool:
    """Tell whether all columns (n, k) span the same time in some units."""
    spans = columns[-1] - columns[0]
    factors = np.log10(spans / spans[0])
    units = np.log10([b / a for a in TIME_UNITS.values() for b in TIME_UNITS.values()])
    return bool(all(np.abs(units - f).min() < 0.02 for f in factors))


def _clock_doubt(candidates: list[int]) -> str:
    shown = ", ".join(map(str, candidates))
    return f"columns {shown} may all be the time" if candidates else "no column runs like a clock"


def _unit_length(values: Floats) -> bool:
    size = np.linalg.norm(values, axis=1)
    return bool(size.mean() > 0 and np.ptp(size) < 0.02 * size.mean())


def _keeps_its_length(values: Floats) -> bool:
    size = np.linalg.norm(values, axis=1)
    return bool(size.std() < _STEADY * size.mean())


def _number(field: str) -> float:
    try:
        number = float(field.replace(",", "."))
    except ValueError:
        return np.nan
    return number if abs(number) < LARGEST_NUMBER else np.nan
