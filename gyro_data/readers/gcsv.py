"""Gyroflow's .gcsv, versions 1.0 to 1.3: a text table whose preamble states scales and camera.

Seconds are t · tscale, rad/s g · gscale, multiples of gravity a · ascale; columns without names
that are known are taken in the format's order.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gyro_data.axes import axes_matrix
from gyro_data.errors import GyroDataError
from gyro_data.log import GyroLog
from gyro_data.readers.columns import RATES, Columns, Source, find_columns
from gyro_data.readers.layout import Fields, Layout, decode, find_layout, is_text
from gyro_data.readers.options import ReadOptions
from gyro_data.readers.size import refuse_large
from gyro_data.readers.table import read_columns
from gyro_data.readers.words import GYRO, is_time, triples

NAME = "gcsv"
EXTENSIONS: tuple[str, ...] = (".gcsv",)
FIRST_LINES = ("GYROFLOW IMU LOG", "CAMERA IMU LOG")
DIRECTIONS: Mapping[str, str] = {
    **dict.fromkeys(("0", "toptobottom"), "top_to_bottom"),
    **dict.fromkeys(("1", "180", "bottomtotop"), "bottom_to_top"),
    **dict.fromkeys(("2", "270", "lefttoright"), "left_to_right"),
    **dict.fromkeys(("3", "90", "righttoleft"), "right_to_left"),
}
"""What `frame_readout_direction` may be, in lower case."""

_SCALES = {"tscale": "0.001", "gscale": "1", "ascale": "1"}
_ORIENTATION = "xzY"  # where none is stated, as the format's first reader takes it
CAMERA_KEYS = ("vendor", "videofilename", "lensprofile", "lens_info", "fwversion", "note")
"""What the preamble tells of camera and clip: kept as hints, and written again."""
_KEPT = ("version", "id", *CAMERA_KEYS)


def detect(path: Path, head: bytes) -> bool:
    """Take text that begins as the format does, whatever stands before it unseen."""
    start = decode(head)[0][:200].lstrip("\ufeff \t\r\n\"'").upper()
    return is_text(head) and start.startswith(FIRST_LINES)


def read(path: Path, options: ReadOptions) -> GyroLog:
    """Read the log; the hints tell what the preamble says of camera, axes and readout.

    Raises GyroDataError for what cannot be read, a scale that is no number above 0 among it.
    """
    refuse_large(path)
    layout = find_layout(path, _is_header)
    if layout is None or not layout.names:
        raise GyroDataError(f"{path}: a .gcsv without its line of columns, t,gx,gy,gz")
    if not layout.rows:
        raise GyroDataError(f"{path}: a .gcsv without rows; was the recording finished?")
    stated = {**_SCALES, **layout.preamble}
    for name in _SCALES:
        _positive(path, name, stated[name])
    layout = replace(layout, preamble=stated)
    log = read_columns(path, layout, _columns(path, layout, options), options)
    return replace(log, hints={**log.hints, "reader": NAME, **_camera_hints(path, stated)})


def gyroflow_to_camera(letters: str) -> str:
    """Return the letters for camera axes (right, down, forward) of Gyroflow's `orientation`.

    Those name the log axes along its own up, left and back: right is minus the second, and so on.
    """
    return "".join(letters[i].swapcase() for i in (1, 0, 2))


camera_to_gyroflow = gyroflow_to_camera
"""The same exchange is its own inverse."""


def _is_header(fields: Fields) -> bool:
    return len(fields) >= 4 and fields[0].lower() in ("t", "time")


def _columns(path: Path, layout: Layout, options: ReadOptions) -> Columns:
    """Return the columns by their names, or in the format's order."""
    named = any(map(is_time, layout.labels)) and triples(layout.labels, GYRO)
    if options.columns is not None or named:
        return find_columns(path, layout, options)
    accel = Source((4, 5, 6)) if layout.width >= 7 else None
    return Columns(0, RATES, Source((1, 2, 3)), accel, told_by="the format")


def _camera_hints(path: Path, stated: Mapping[str, str]) -> dict[str, str]:
    """Return what the preamble says of the camera; nonsense is refused."""
    letters = stated.get("orientation", _ORIENTATION)
    try:
        axes_matrix(letters)
    except ValueError as error:
        raise GyroDataError(f"{path}: orientation,{letters}: {error}") from error
    default = "" if "orientation" in stated else " (the format's default)"
    hints = {
        "orientation": letters + default,
        "imu_orientation": gyroflow_to_camera(letters),
    }
    if (readout := stated.get("frame_readout_time")) is not None:
        direction = stated.get("frame_readout_direction", "0")
        if direction.lower() not in DIRECTIONS:
            raise GyroDataError(
                f"{path}: frame_readout_direction,{direction}: expected one of "
                f"{', '.join(DIRECTIONS)}"
            )
        milliseconds = _number(path, "frame_readout_time", readout)
        hints["readout_time"] = f"{milliseconds / 1000:.9g}"
        hints["readout_direction"] = DIRECTIONS[direction.lower()]
    return hints | {key: stated[key] for key in _KEPT if key in stated}


def _positive(path: Path, name: str, text: str) -> None:
    if not _number(path, name, text) > 0:
        raise GyroDataError(f"{path}: {name},{text}: expected a number above 0")


def _number(path: Path, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and 0 <= value < 1e6):
        raise GyroDataError(f"{path}: {name},{text}: expected a number from 0 to 1e6")
    return value
