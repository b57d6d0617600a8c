"""Raw columns to seconds, rad/s and m/s², and the hints that tell where each unit came from."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyro_data.checks import Floats
from gyro_data.errors import GyroDataError
from gyro_data.readers.columns import (
    ACCEL_UNIT_WORDS,
    RATE_UNIT_WORDS,
    TIME_UNIT_WORDS,
    unit_of,
)
from gyro_data.readers.options import RATE_UNITS
from gyro_data.timestamps import TIME_UNITS, plausible_time_units, sampling_interval, to_seconds

LOG = logging.getLogger(__name__)

Hints = dict[str, str]

GRAVITY = 9.80665
ACCEL_UNITS = {"m/s^2": 1.0, "g": GRAVITY}
FASTEST = 36.0
"""rad/s: motion sensors end at 2000 deg/s (34.9); faster numbers were not written in rad/s."""


def si_times(
    path: Path, ticks: NDArray[Any], label: str, option: str | None
) -> tuple[Floats, Hints]:
    """Convert `ticks (N,)` to s by the option, else the label, else the sampling interval."""
    unit, source = option, "option"
    if unit is None:
        unit, source = unit_of(label, TIME_UNIT_WORDS), "header"
    if unit is None:
        unit, source = _unit_by_interval(path, ticks), "interval"
    return to_seconds(ticks, unit), {"time_unit": unit, "time_unit_from": source}


def si_rates(
    path: Path, rates: Floats, labels: Sequence[str], option: str | None
) -> tuple[Floats, Hints]:
    """Convert `rates (N, 3)` to rad/s by the option, else the labels; else they are rad/s."""
    unit, source = option, "option"
    if unit is None:
        unit, source = _common_unit(path, labels, RATE_UNIT_WORDS), "header"
    if unit is None:
        unit, source = "rad/s", "assumed"
        _refuse_impossible_rates(path, rates)
        LOG.info("%s: the log tells no unit of the rates; they are taken as rad/s", path)
    return rates * RATE_UNITS[unit], {"rate_unit": unit, "rate_unit_from": source}


def si_accelerations(path: Path, values: Floats, labels: Sequence[str]) -> tuple[Floats, Hints]:
    """Convert accelerations `values (N, 3)` to m/s² by the labels; else they are m/s²."""
    unit, source = _common_unit(path, labels, ACCEL_UNIT_WORDS), "header"
    if unit is None:
        unit, source = "m/s^2", "assumed"
        size = np.median(np.linalg.norm(values, axis=1))
        LOG.info("%s: accelerations (median %.3g) are taken as m/s^2", path, size)
    return values * ACCEL_UNITS[unit], {"accel_unit": unit, "accel_unit_from": source}


def _unit_by_interval(path: Path, ticks: NDArray[Any]) -> str:
    """Return the one unit of time that makes the sampling rate plausible."""
    interval = sampling_interval(ticks)
    if np.isnan(interval):
        raise GyroDataError(f"{path}: all rows have the same time; choose another with columns")
    units = plausible_time_units(interval)
    rates = [f"{TIME_UNITS[unit] / interval:.5g} Hz in {unit}" for unit in units]
    if len(units) != 1:
        raise GyroDataError(
            f"{path}: in which unit is the time? An interval of {interval:.6g} means "
            f"{' or '.join(rates) or 'no plausible rate in any unit'}; give time_unit (one of "
            f"{', '.join(TIME_UNITS)})"
        )
    LOG.info("%s: unit of time told by the sampling interval: %s", path, rates[0])
    return units[0]


def _common_unit(path: Path, labels: Sequence[str], words: Mapping[str, str]) -> str | None:
    """Return the unit that the labels of a triple name, or None."""
    units = [unit_of(label, words) for label in labels]
    if len(set(units)) > 1:
        raise GyroDataError(
            f"{path}: the units of {', '.join(labels)} differ; give the three columns one unit"
        )
    return units[0]


def _refuse_impossible_rates(path: Path, rates: Floats) -> None:
    """Raise GyroDataError when more than one number in a hundred is beyond any sensor in rad/s."""
    too_fast = np.abs(rates) > FASTEST
    if np.count_nonzero(too_fast) > 0.01 * rates.size:
        raise GyroDataError(
            f"{path}: the log tells no unit of the rates, and {rates[too_fast][0]:.6g} is too fast "
            f"for rad/s; give rate_unit (one of {', '.join(RATE_UNITS)})"
        )
