"""What goes wrong with a log's clock: wild rows, steps back, late rows, jumps, stamps too coarse.

Times (N,) s come in the file's order and leave increasing; what was done is counted by name.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from gyro_data.checks import Bools, Floats
from gyro_data.errors import GyroDataError
from gyro_data.timestamps import GAP, repeated, sampling_interval

MAX_STEP_BACK = 1.0
"""s: rows may come late and clocks be set, but one that jumps back further has been restarted."""
MAX_JUMP = 3600.0
"""s: a log that stops for longer is two recordings."""
LATEST = 1e10
"""s; beyond the year 2286 a number is no time."""
_MAIN_PART = 0.8
_COARSE_SHARE = 0.05
_LEAST_COARSE = 50
_COARSEST = 0.1  # s
_FINE = 8.0  # stamps are fine where a sample lasts so many ticks
_EXACT = 1e-6  # s; what is moved by less was even
_MOST_MOVED = 5.0  # steps of the stamps


class Timed(NamedTuple):
    """Samples whose times increase."""

    t: Floats
    values: Floats
    done: dict[str, int | str]
    """What was done, by name: "reordered_rows", "repeated_times", "retimed_rows", …"""


def put_right(path: Path, t: Floats, values: Floats) -> Timed:
    """Return the samples `t (N,)`, `values (N, k)` at increasing times, and what was done to them.

    Raises GyroDataError where the clock restarts, or is too coarse for the samples.
    """
    done: dict[str, int | str] = {}
    keep = ~_wild(t)
    done["wild_times"] = int(np.count_nonzero(~keep))
    t, values = t[keep], values[keep]
    _refuse_restart(path, t)
    t, steps = _steps_joined(t)
    done["clock_steps"] = "; ".join(steps)
    late = int(np.count_nonzero(t < np.maximum.accumulate(t)))
    if late:
        order = np.argsort(t, kind="stable")
        t, values = t[order], values[order]
    done["reordered_rows"] = late
    kept = _main_part(path, t)
    done["rows_of_other_recordings"] = len(t) - (kept.stop - kept.start)
    t, values = t[kept], values[kept]
    again = _written_twice(t, values)
    done["rows_written_twice"] = int(np.count_nonzero(again))
    t, values = t[~again], values[~again]
    if (even := _evenly(path, t)) is not None:
        moved = float(np.abs(even - t).max())
        done["retimed_rows"] = f"{len(t)} by regression, moved by up to {1000 * moved:.2g} ms"
        t = even
    if (np.diff(t) == 0).any():
        done["repeated_times"] = int(np.count_nonzero(repeated(t)))
        t, values = _mean_of_repeats(path, t, values)
    return Timed(t, values, {name: what for name, what in done.items() if what})


def _wild(t: Floats) -> Bools:
    """Mark rows whose time is none, or that jump away and back while their neighbours agree."""
    wild = np.abs(t) > LATEST
    if len(t) > 2:
        before, own, after = t[:-2], t[1:-1], t[2:]
        away = (own > after + MAX_STEP_BACK) | (own < before - MAX_STEP_BACK)
        wild[1:-1] |= away & (after >= before) & (after - before < MAX_JUMP)
    return wild


def _refuse_restart(path: Path, t: Floats) -> None:
    steps = np.diff(t)
    back = np.flatnonzero(steps < -MAX_STEP_BACK)
    if back.size:
        i = int(back[0])
        raise GyroDataError(
            f"{path}: the time falls by {-steps[i]:.6g} s after {t[i]:.9g} s (row {i + 2}); "
            f"if these are two recordings, split the file there"
        )


def _steps_joined(t: Floats) -> tuple[Floats, list[str]]:
    """Let a clock that was set back go on where it was; return the times and what was done.

    Rows that are late fill a hole behind them; after a step back the same span is sampled twice.
    """
    back = np.flatnonzero(np.diff(t) < 0)
    if not back.size:
        return t, []
    interval = sampling_interval(t)
    steps = []
    shifted = t.copy()
    for i in back if len(back) < 100 else ():  # more are disorder, not steps
        low, high = shifted[i + 1], shifted[i]
        near = slice(max(0, i - 20_000), i + 20_000)
        twice = np.count_nonzero((shifted[near] >= low) & (shifted[near] <= high))
        if twice > 1.5 * (high - low) / interval + 3:
            steps.append(f"back by {high - low:.3g} s after {t[i]:.6g} s, joined there")
            shifted[i + 1 :] += high + interval - low
    return shifted, steps


def _main_part(path: Path, t: Floats) -> slice:
    """Return the rows of the recording itself where some rows are hours away from it."""
    ends = np.concatenate([[0], np.flatnonzero(np.diff(t) > MAX_JUMP) + 1, [len(t)]])
    longest = int(np.argmax(np.diff(ends)))
    part = slice(int(ends[longest]), int(ends[longest + 1]))
    if part.stop - part.start < _MAIN_PART * len(t):
        i = int(ends[1])
        raise GyroDataError(
            f"{path}: the time jumps from {t[i - 1]:.9g} s to {t[i]:.9g} s (row {i + 1}); if these "
            f"are two recordings, split the file there"
        )
    return part


def _written_twice(t: Floats, values: Floats) -> Bools:
    """Mark rows that repeat the row before, where that is what repeated times are."""
    same_time = np.diff(t, prepend=-np.inf) == 0
    if not same_time.any():
        return np.zeros(len(t), dtype=bool)
    again = same_time & (np.diff(values, axis=0, prepend=np.nan) == 0).all(axis=1)
    return again if again.sum() > 0.9 * same_time.sum() else np.zeros(len(t), dtype=bool)


def _evenly(path: Path, t: Floats) -> Floats | None:
    """Return even times where stamps are coarser than the sampling, None where they are not.

    Between holes the sensor's clock is taken as even: the times are the line through the stamps,
    or, where the rate wanders, their running mean.
    """
    steps = np.diff(t)
    moving = steps[steps > 0]
    if not moving.size:
        return None
    middle = float(np.median(moving))
    coarse = _tick_of(t)
    tick = coarse or float(moving.min())
    shared = 1.0 - (len(moving) + 1) / len(t)
    many = shared > _COARSE_SHARE and len(t) >= _LEAST_COARSE
    if many and tick > _COARSEST:
        raise GyroDataError(
            f"{path}: {len(t)} rows have only {len(moving) + 1} different times, {tick:.3g} s "
            f"apart; the clock is too coarse, choose or export a finer one"
        )
    uneven = len(t) >= _LEAST_COARSE and float(np.ptp(moving)) > 0.5 * tick
    rounded = uneven and middle < _FINE * (coarse or 0.0)
    if not (many or rounded):
        return None
    result = t.copy()
    apart = np.flatnonzero(steps > GAP * max(middle, tick))
    for start, stop in zip([0, *(apart + 1)], [*(apart + 1), len(t)], strict=True):
        result[start:stop] = _even_stretch(t[start:stop], tick, wandering=many)
    moved = float(np.abs(result - t).max())
    if (np.diff(result) <= 0).any() or not _EXACT < moved <= _MOST_MOVED * max(tick, middle):
        return None
    return result


def _tick_of(t: Floats) -> float | None:
    """Return the decimal step, 100 µs to 1 s, that all stamps are whole multiples of, or None."""
    for tick in (1.0, 0.1, 0.01, 1e-3, 1e-4):
        for part in (t[:1000], t):  # the first rows rule most of them out
            ticks = part / tick
            if np.abs(ticks - np.round(ticks)).max() >= 0.01:
                break
        else:
            return tick
    return None


def _even_stretch(t: Floats, tick: float, *, wandering: bool) -> Floats:
    """Return even times of one stretch without holes: the line through the stamps.

    Stamps that leave it are of a rate that wanders: where many share a time, their running line is
    taken; else they stay, for nothing says that the sensor is even.
    """
    if len(t) < _LEAST_COARSE:
        return t + np.arange(len(t)) * (tick * 1e-3 / len(t)) if wandering else t
    index = np.arange(len(t), dtype=np.float64)
    line = np.polynomial.Polynomial.fit(index, t, 1)(index)
    if np.abs(line - t).max() < 1.5 * tick:
        return np.asarray(line)
    if not wandering:
        return t
    second = int((len(t) - 1) / (t[-1] - t[0]))
    width = min(len(t), max(second, 9)) // 2 * 2 - 1
    from scipy.signal import savgol_filter  # takes long to import

    return np.asarray(line + savgol_filter(t - line, width, 1))


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
