"""Delimited text with a time and three rates per row, in any order, with or without a header."""

import re
from functools import partial
from pathlib import Path

import numpy as np

from gyro_data.checks import Floats
from gyro_data.errors import GyroDataError
from gyro_data.log import GyroLog
from gyro_data.readers.columns import (
    Columns,
    columns_by_content,
    columns_by_name,
    columns_by_request,
    is_requested,
    names_rates,
)
from gyro_data.readers.layout import Layout, decode, find_layout, is_text
from gyro_data.readers.options import ACCEL_ROLES, ReadOptions
from gyro_data.readers.repair import build_log
from gyro_data.readers.units import GRAVITY, si_accelerations, si_rates, si_times

NAME = "table"
EXTENSIONS: tuple[str, ...] = (".csv", ".tsv", ".txt", ".log", ".dat")
GCSV_FIRST_LINES = ("GYROFLOW IMU LOG", "CAMERA IMU LOG")
MAX_BYTES = 2 * 1024**3
OTHER_SENSOR_FILE = re.compile(r"accel|magnet|gravity|orientation|quaternion", re.IGNORECASE)


def detect(path: Path, head: bytes) -> bool:
    """Take any text but gcsv, whose numbers mean nothing without its own scales."""
    return is_text(head) and not decode(head)[0].startswith(GCSV_FIRST_LINES)


def read(path: Path, options: ReadOptions) -> GyroLog:
    """Read a text table; the hints tell which columns and units were taken, and why.

    A unit comes from the options, else from the header; else that of time from the sampling
    interval, while rates are taken as rad/s and accelerations as m/s². Raises GyroDataError.
    """
    from gyro_data.readers.rows import load_rows  # brings pandas, half a second

    if path.stat().st_size > MAX_BYTES:
        raise GyroDataError(f"{path}: larger than 2 GB; cut the log to the length of the video")
    layout = _layout(path, options)
    columns = _columns(path, layout, options)
    numbers, dropped_rows = load_rows(path, layout, columns)
    label = {role: layout.label(columns.index[role]) for role in numbers}
    t, hints = si_times(path, numbers["t"], label["t"], options.time_unit)
    rates = np.stack([numbers[axis] for axis in "xyz"], axis=-1, dtype=np.float64)
    if not columns.named:
        _refuse_other_sensor(path, rates)
    values, rate_hints = si_rates(path, rates, [label[a] for a in "xyz"], options.rate_unit)
    hints |= rate_hints
    if "ax" in numbers:
        raw = np.stack([numbers[axis] for axis in ACCEL_ROLES], axis=-1, dtype=np.float64)
        accel, accel_hints = si_accelerations(path, raw, [label[a] for a in ACCEL_ROLES])
        values, hints = np.hstack([values, accel]), hints | accel_hints
    used = columns.describe(layout, numbers)
    hints |= {"reader": NAME, "separator": layout.separator, "columns": used}
    return build_log(path, t, values, hints, dropped_rows=dropped_rows)


def _layout(path: Path, options: ReadOptions) -> Layout:
    """Find the table's layout; a header is what names the requested columns, or a gyro's."""
    is_header = names_rates if options.columns is None else partial(is_requested, options.columns)
    layout = find_layout(path, is_header)
    if layout is None:
        raise GyroDataError(f"{path}: no table of time and rates here; is it a gyro log?")
    if not layout.rows:
        raise GyroDataError(
            f"{path}: a header ({', '.join(layout.names)}) but no rows; was the recording finished?"
        )
    return layout


def _columns(path: Path, layout: Layout, options: ReadOptions) -> Columns:
    if options.columns is not None:
        return columns_by_request(path, layout, options.columns)
    return (columns_by_name if layout.names else columns_by_content)(path, layout)


def _refuse_other_sensor(path: Path, values: Floats) -> None:
    """Refuse nameless columns of another sensor: by the file's name, or as long as gravity."""
    size = float(np.median(np.linalg.norm(values, axis=1)))
    other_name = OTHER_SENSOR_FILE.search(path.stem) and "gyro" not in path.stem.lower()
    if other_name or abs(size - GRAVITY) < 0.5:
        why = "the file name" if other_name else f"a median magnitude of {size:.2f}"
        raise GyroDataError(
            f"{path}: x, y, z do not look like rates, judging by {why}; give the gyro's log, or "
            f"say with columns that they are rates"
        )
