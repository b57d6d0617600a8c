"""Delimited text with a time and three rates or an attitude per row, understood by its meaning.

Text → layout → columns → rows → seconds, rad/s and m/s² → log; each step says what it concluded.
"""

import logging
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gyro_data.checks import Bools, Floats
from gyro_data.errors import GyroDataError
from gyro_data.log import GyroLog
from gyro_data.quaternions import continuous
from gyro_data.readers.attitude import from_angles, from_wxyz, rates_of
from gyro_data.readers.beside import accelerometer_files
from gyro_data.readers.clock_faults import put_right
from gyro_data.readers.columns import (
    ANGLES,
    RATES,
    Columns,
    Source,
    find_columns,
    is_requested,
    names_motion,
)
from gyro_data.readers.content import looks_like_gravity
from gyro_data.readers.layout import Layout, find_layout, is_text
from gyro_data.readers.options import Hints, ReadOptions
from gyro_data.readers.repair import (
    build_log,
    finished,
    refuse_bad_rows,
    told_repairs,
    with_accel,
)
from gyro_data.readers.size import refuse_large
from gyro_data.readers.times import si_times
from gyro_data.readers.units import si_accelerations, si_angles, si_rates
from gyro_data.readers.words import ACCEL, NAMELESS, triples

if TYPE_CHECKING:
    from gyro_data.readers.rows import Readings, Rows

LOG = logging.getLogger(__name__)

NAME = "table"
EXTENSIONS: tuple[str, ...] = (".csv", ".tsv", ".txt", ".log", ".dat")
OTHER_SENSOR_FILE = re.compile(r"accel|magnet|gravity|orientation|quaternion", re.IGNORECASE)


class Sampled(NamedTuple):
    """What one sensor said: times (N,) s, and values (N, k) as the file has them."""

    t: Floats
    values: Floats


def detect(path: Path, head: bytes) -> bool:
    """Take any text."""
    return is_text(head)


def read(path: Path, options: ReadOptions) -> GyroLog:
    """Read a text table; the hints tell which columns and units were taken, and why.

    Raises GyroDataError where it holds no motion, or two readings of it are possible.
    """
    refuse_large(path)
    layout = _layout(path, options)
    columns = find_columns(path, layout, options)
    return read_columns(path, layout, columns, options)


def read_columns(path: Path, layout: Layout, columns: Columns, options: ReadOptions) -> GyroLog:
    """Read the columns of a table whose layout is known."""
    from gyro_data.readers.rows import load_rows  # brings pandas, half a second

    rows = load_rows(path, layout, columns)
    refuse_bad_rows(path, rows.good)
    motion, good, hints = _timed(path, layout, columns, rows.motion, options)
    accel = None
    if rows.accel is not None and len(rows.accel.values) > 1:
        if np.array_equal(rows.accel.ticks, rows.motion.ticks):
            accel = Sampled(motion.t, rows.accel.values[good])
        else:
            accel = _timed(path, layout, columns, rows.accel, options)[0]
    hints |= _told(layout, columns, rows)
    dropped = int(np.count_nonzero(~rows.good))
    if columns.kind != RATES:
        return _log_of_attitude(path, layout, columns, motion, options, hints, dropped)
    labels = [layout.label(i) for i in columns.motion.columns]
    if not columns.named:
        _refuse_other_sensor(path, motion.values)
    gyro, rate_hints = si_rates(
        path,
        motion.values,
        labels,
        options.rate_unit,
        table_labels=layout.labels,
        preamble=layout.preamble,
    )
    motion = motion._replace(values=gyro)
    log = _log_of_rates(path, layout, columns, motion, accel, hints | rate_hints, dropped)
    if log.accel is None and columns.accel is None:
        log = _with_accelerometer_beside(path, log, layout, columns, options)
    return log


def _layout(path: Path, options: ReadOptions) -> Layout:
    """Find the table's layout; a header names the requested columns, or those of a sensor."""
    asked = options.columns
    is_header = names_motion if asked is None else partial(is_requested, tuple(asked.values()))
    layout = find_layout(path, is_header)
    if layout is None:
        raise GyroDataError(f"{path}: no table of time and rates here; is it a gyro log?")
    if not layout.rows:
        raise GyroDataError(
            f"{path}: a header ({', '.join(layout.names)}) but no rows; was the recording finished?"
        )
    return layout


def _timed(
    path: Path, layout: Layout, columns: Columns, readings: "Readings", options: ReadOptions
) -> tuple[Sampled, Bools, Hints]:
    """Return the readings at their times in s, which of them have one, and the unit's hints."""
    label = layout.label(columns.t)
    t, good, hints = si_times(path, readings.ticks, label, options.time_unit, layout.preamble)
    refuse_bad_rows(path, good)
    return Sampled(t[good], readings.values[good]), good, hints


def _told(layout: Layout, columns: Columns, rows: "Rows") -> Hints:
    """Return what is known of the table's form."""
    hints = {
        "reader": NAME,
        "separator": layout.separator_name,
        "columns": columns.describe(layout),
        "columns_from": columns.told_by,
    }
    if columns.motion.rows is not None:
        hints["sensor_rows"] = columns.motion.rows
    if rows.others:
        hints["rows_of_other_sensors"] = str(rows.others)
    if layout.decimal == ",":
        hints["decimal_mark"] = "comma"
    return hints


def _log_of_rates(
    path: Path,
    layout: Layout,
    columns: Columns,
    motion: Sampled,
    accel: Sampled | None,
    hints: Hints,
    dropped: int,
) -> GyroLog:
    """Return the log of rates (N, 3) rad/s, with accelerations where the table has some."""
    if accel is None or columns.accel is None:
        return build_log(path, motion.t, motion.values, hints, dropped_rows=dropped)
    labels = [layout.label(i) for i in columns.accel.columns]
    values, accel_hints = si_accelerations(path, accel.values, labels, layout.preamble)
    if np.array_equal(accel.t, motion.t):
        both = np.hstack([motion.values, values])
        return build_log(path, motion.t, both, hints | accel_hints, dropped_rows=dropped)
    log = build_log(path, motion.t, motion.values, hints, dropped_rows=dropped)
    return _with_accel(path, log, accel._replace(values=values), accel_hints)


def _with_accel(path: Path, log: GyroLog, accel: Sampled, hints: Hints) -> GyroLog:
    """Return the log with accelerations (M, 3) m/s² of other times, interpolated."""
    told = {**hints, "accel_times": "interpolated to the gyro's"}
    both = with_accel(log, accel.t, accel.values, told)
    if both is None:
        LOG.warning("%s: the accelerations leave too much of the log, and are left out", path)
    return both or log


def _log_of_attitude(
    path: Path,
    layout: Layout,
    columns: Columns,
    motion: Sampled,
    options: ReadOptions,
    hints: Hints,
    dropped: int,
) -> GyroLog:
    """Return the log whose rates turn the body as its attitudes differ."""
    if columns.kind == ANGLES:
        labels = [layout.label(i) for i in columns.motion.columns]
        angles = si_angles(path, motion.values, labels, options.rate_unit)
        quat, told = from_angles(path, angles, options.attitude)
    else:
        quat, told = from_wxyz(path, motion.values, options.attitude)
    timed = put_right(path, motion.t, continuous(quat))  # so that they can be averaged
    repairs = told_repairs(path, timed.done, dropped)
    t, gyro, gaps = rates_of(timed.t, timed.values)
    told_of = {
        "source": f"attitude ({columns.kind}); rates by differentiation",
        "attitude": told,
        "rate_unit": "rad/s",
        "rate_unit_from": "attitude",
    }
    return finished(path, t, gyro, None, hints | told_of | repairs, gaps=gaps)


def _refuse_other_sensor(path: Path, values: Floats) -> None:
    """Refuse nameless columns of another sensor: by the file's name, or as long as gravity."""
    size = float(np.median(np.linalg.norm(values, axis=1)))
    other_name = OTHER_SENSOR_FILE.search(path.stem) and "gyr" not in path.stem.lower()
    if other_name or (looks_like_gravity(values) and size > 2.0):
        why = "the file name" if other_name else f"a median magnitude of {size:.2f}"
        raise GyroDataError(
            f"{path}: x, y, z do not look like rates, judging by {why}; give the gyro's log, or "
            f"say with columns that they are rates"
        )


def _with_accelerometer_beside(
    path: Path, log: GyroLog, layout: Layout, columns: Columns, options: ReadOptions
) -> GyroLog:
    """Return the log with the accelerations of a file beside it, where one fits."""
    for file in accelerometer_files(path):
        try:
            accel = _accelerations_of(file, layout, columns, options)
        except GyroDataError as error:
            LOG.info("%s: not used: %s", file, error)
            continue
        values, hints = si_accelerations(file, accel.values, [""] * 3)
        if not looks_like_gravity(values) or hints["accel_unit_from"] == "assumed":
            LOG.info("%s: not used: its accelerations are without gravity", file)
            continue
        return _with_accel(
            path, log, accel._replace(values=values), hints | {"accel_file": file.name}
        )
    return log


def _accelerations_of(
    file: Path, gyro_layout: Layout, gyro_columns: Columns, options: ReadOptions
) -> Sampled:
    """Read a file of accelerations whose form is that of the gyro's."""
    from gyro_data.readers.rows import load_rows

    refuse_large(file)
    layout = find_layout(file, names_motion)
    if layout is None or not layout.rows or layout.names == () != gyro_layout.names:
        raise GyroDataError(f"{file}: no table of accelerations")
    columns = gyro_columns
    if layout.names:
        found = triples(layout.labels, ACCEL) or triples(layout.labels, NAMELESS)
        name = gyro_layout.names[gyro_columns.t]
        if not found or name not in layout.names:
            raise GyroDataError(f"{file}: no columns of accelerations beside {name!r}")
        columns = Columns(layout.names.index(name), RATES, Source(found[0]))
    elif layout.width != gyro_layout.width:
        raise GyroDataError(
            f"{file}: {layout.width} columns, the gyro's file has {gyro_layout.width}"
        )
    rows = load_rows(file, layout, columns)
    refuse_bad_rows(file, rows.good)
    return _timed(file, layout, columns, rows.motion, options)[0]
