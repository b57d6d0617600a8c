"""Times as a file writes them to seconds: numbers in some unit, ISO 8601, or h:m:s."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyro_data.checks import Bools, Floats
from gyro_data.errors import GyroDataError
from gyro_data.readers.options import Hints
from gyro_data.readers.words import TIME_UNIT_WORDS, unit_of
from gyro_data.timestamps import TIME_UNITS, plausible_time_units, sampling_interval, to_seconds

_EPOCH_YEARS = (1.0e9, 4.2e9)
"""s since 1970: the years 2001 to 2103."""
_POSSIBLE_RATES = (0.5, 60_000.0)
"""Hz; a unit that the header names is believed within."""
_YEARS = (1970, 2200)
_MOST_DAYS = 1000
_DAY = 86_400 * 10**9
_CLOCK_TIME = re.compile(r"\d{1,3}:\d{1,2}(:\d{1,2})?([.,:]\d*)?")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")


def si_times(
    path: Path,
    ticks: NDArray[Any],
    label: str,
    option: str | None,
    preamble: Mapping[str, str],
) -> tuple[Floats, Bools, Hints]:
    """Return `ticks (n,)` in s, which of them are times, and the hints that tell of their unit.

    The unit is the option's, else the label's, else the preamble's `tscale`, else the one in which
    the sampling rate is a motion sensor's. Raises GyroDataError where two are.
    """
    if ticks.dtype.kind == "O":
        nanoseconds, good, form = _text_times(path, ticks)
        return to_seconds(nanoseconds, "ns"), good, {"time_unit": form, "time_unit_from": "text"}
    every = np.ones(len(ticks), dtype=bool)
    if option is not None:
        return to_seconds(ticks, option), every, {"time_unit": option, "time_unit_from": "option"}
    if (unit := unit_of(label, TIME_UNIT_WORDS)) is not None:
        _refuse_impossible(path, ticks, unit, label)
        return to_seconds(ticks, unit), every, {"time_unit": unit, "time_unit_from": "header"}
    if (scale := _scale(preamble)) is not None:
        hints = {"time_unit": f"{scale:g} s", "time_unit_from": "preamble"}
        return np.asarray(ticks * scale, dtype=np.float64), every, hints
    unit, source, why = _unit_by_interval(path, ticks)
    hints = {"time_unit": unit, "time_unit_from": source, "time_unit_why": why}
    return to_seconds(ticks, unit), every, hints


def _scale(preamble: Mapping[str, str]) -> float | None:
    try:
        scale = float(preamble.get("tscale", "nan"))
    except ValueError:
        return None
    return scale if np.isfinite(scale) and scale > 0 else None


def _interval(path: Path, ticks: NDArray[Any]) -> float:
    """Return the ticks from one sample to the next, also where many share a time."""
    interval = sampling_interval(ticks) * len(np.unique(ticks)) / len(ticks)
    if np.isnan(interval):
        raise GyroDataError(f"{path}: all rows have the same time; choose another with columns")
    return interval


def _unit_by_interval(path: Path, ticks: NDArray[Any]) -> tuple[str, str, str]:
    """Return the one unit of time that makes the rate plausible, what told it, and how."""
    interval = _interval(path, ticks)
    units = plausible_time_units(interval)
    rates = {unit: f"{TIME_UNITS[unit] / interval:.5g} Hz in {unit}" for unit in units}
    if len(units) == 1:
        return units[0], "interval", f"{rates[units[0]]}, in no other unit a motion sensor's rate"
    since_1970 = [u for u in units if _counts_since_1970(ticks, u)]
    if len(since_1970) == 1:
        return since_1970[0], "epoch", f"{rates[since_1970[0]]}, counted since 1970"
    raise GyroDataError(
        f"{path}: in which unit is the time? An interval of {interval:.6g} means "
        f"{' or '.join(rates.values()) or 'no plausible rate in any unit'}; give time_unit (one of "
        f"{', '.join(TIME_UNITS)})"
    )


def _counts_since_1970(ticks: NDArray[Any], unit: str) -> bool:
    first, last = _EPOCH_YEARS
    return bool(first < float(np.median(ticks)) / TIME_UNITS[unit] < last)


def _refuse_impossible(path: Path, ticks: NDArray[Any], unit: str, label: str) -> None:
    """Raise GyroDataError where the header's unit makes a rate that no log has."""
    interval = _interval(path, ticks)
    rate = TIME_UNITS[unit] / interval
    slowest, fastest = _POSSIBLE_RATES
    if not slowest <= rate <= fastest:
        raise GyroDataError(
            f"{path}: the header says that {label!r} is in {unit}, which would be {rate:.5g} "
            f"samples per second; give time_unit (one of {', '.join(TIME_UNITS)})"
        )


def _text_times(path: Path, text: NDArray[Any]) -> tuple[NDArray[np.int64], Bools, str]:
    """Return words (n,) as ns, which of them are times, and how they are written."""
    import pandas as pd

    words = pd.Series(text, dtype=str).str.strip().str.strip("\"'")
    first = words.iloc[0] if len(words) else ""
    iso = _ISO.match(first.replace("/", "-")) is not None
    if iso:
        stamps = words.str.replace("/", "-").str.replace(",", ".")
        times = pd.to_datetime(stamps, format="ISO8601", utc=True, errors="coerce")
        times = times.where((times.dt.year > _YEARS[0]) & (times.dt.year < _YEARS[1]))
        elapsed = times.dt.tz_localize(None).dt.as_unit("ns") - pd.Timestamp(0)
    else:
        clock = words.str.split(r"[ T]", regex=True).str[-1].str.replace(",", ".")
        clock = clock.str.replace(r"^(\d+:\d+:\d+):", r"\1.", regex=True)
        if clock.str.count(":").median() == 1:
            clock = "0:" + clock
        elapsed = pd.to_timedelta(clock, errors="coerce")
        elapsed = elapsed.where(elapsed.abs() < pd.Timedelta(days=_MOST_DAYS))
    good = elapsed.notna().to_numpy()
    if (not iso and not _CLOCK_TIME.search(first)) or good.mean() < 0.5:
        raise GyroDataError(
            f"{path}: the time column holds {first[:40]!r}, not numbers, nor ISO 8601, nor "
            f"hours:minutes:seconds; choose another with columns"
        )
    nanoseconds = elapsed.dt.as_unit("ns").fillna(pd.Timedelta(0)).to_numpy().astype(np.int64)
    if not iso:
        nanoseconds = _over_midnight(nanoseconds, good)
    return nanoseconds, good, "ISO 8601" if iso else "h:m:s"


def _over_midnight(nanoseconds: NDArray[np.int64], good: Bools) -> NDArray[np.int64]:
    """Let times of day (n,) go on where they start again at 0:00."""
    days = np.zeros(len(nanoseconds), dtype=np.int64)
    days[good] = np.cumsum(np.diff(nanoseconds[good], prepend=nanoseconds[good][:1]) < -_DAY // 2)
    return nanoseconds + days * _DAY
