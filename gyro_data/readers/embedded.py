"""Telemetry of many cameras and flight logs, through telemetry-parser where it is installed.

Insta360, Sony, DJI, Betaflight's .bbl, ArduPilot's .bin and more, in the axes up, left, back that
it turns every camera's into; GoPro's own track is read without it.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from gyro_data.checks import Floats
from gyro_data.errors import GyroDataError
from gyro_data.log import GyroLog
from gyro_data.readers.gcsv import gyroflow_to_camera
from gyro_data.readers.gopro import is_mp4
from gyro_data.readers.layout import is_text
from gyro_data.readers.options import ReadOptions
from gyro_data.readers.repair import build_log, with_accel

NAME = "embedded"
VIDEOS = (".mp4", ".mov", ".mxf", ".insv", ".360", ".braw", ".r3d", ".crm", ".mcraw")
FLIGHT_LOGS = (".bbl", ".bfl", ".bin")
EXTENSIONS: tuple[str, ...] = (*VIDEOS, *FLIGHT_LOGS)
BLACKBOX = b"H Product:Blackbox"
ARDUPILOT = b"\xa3\x95"
PACKAGE = "telemetry_parser"


def detect(path: Path, head: bytes) -> bool:
    """Take videos and flight logs, by name or by how they begin, but no text."""
    named = path.suffix.lower() in EXTENSIONS or head.startswith((BLACKBOX, ARDUPILOT))
    return (named or is_mp4(head)) and not is_text(head)


def read(path: Path, options: ReadOptions) -> GyroLog:
    """Read the telemetry; raises GyroDataError without any, or without the package."""
    parsed, every = _parsed(path)
    samples = [s for s in every if s["gyro"] is not None]
    if len(samples) < 2:
        raise GyroDataError(f"{path}: {parsed.camera or 'its'} telemetry has no gyro")
    t, gyro = _series(samples, "gyro")
    good = np.isfinite(t) & np.isfinite(gyro).all(axis=1)
    video = path.suffix.lower() not in FLIGHT_LOGS
    hints = {
        "reader": NAME,
        "source": "telemetry-parser",
        "model": " ".join(filter(None, (parsed.camera, parsed.model))),
        "imu_orientation": gyroflow_to_camera("XYZ"),
        "time_unit": "ms",
        "time_unit_from": "telemetry-parser",
        "rate_unit": "deg/s",
        "rate_unit_from": "telemetry-parser",
    } | ({"clock": "video"} if video else {})
    dropped = int(np.count_nonzero(~good))
    log = build_log(path, t[good], np.deg2rad(gyro[good]), hints, dropped_rows=dropped)
    accel = _series([s for s in every if s["accl"] is not None], "accl")
    return with_accel(log, *accel, {}) or log


def how_to_install() -> str:
    """Return what to do where the package is missing."""
    remedy = "pip install telemetry-parser"
    if sys.version_info >= (3, 13):
        return f"{remedy} in Python 3.12 or older, for it is not made for {sys.version.split()[0]}"
    return remedy


def _series(samples: list[dict[str, Any]], name: str) -> tuple[Floats, Floats]:
    """Return times (n,) s and values (n, 3)."""
    t = np.array([s["timestamp_ms"] for s in samples], dtype=np.float64) / 1e3
    return t, np.array([s[name] for s in samples], dtype=np.float64).reshape(-1, 3)


@contextmanager
def _alone(path: Path) -> Iterator[Path]:
    """Give the file in a folder of its own: telemetry-parser would read a .gcsv beside it."""
    with TemporaryDirectory() as folder:
        link = Path(folder) / path.name
        try:
            link.symlink_to(path.resolve())
        except OSError:  # where links need rights
            link = path
        yield link


def _parsed(path: Path) -> tuple[Any, list[dict[str, Any]]]:
    """Return what telemetry-parser made of the file, and its samples."""
    try:
        package = importlib.import_module(PACKAGE)
    except ImportError as error:
        raise GyroDataError(
            f"{path}: telemetry that is not GoPro's is read by telemetry-parser, which is not "
            f"installed; {how_to_install()}"
        ) from error
    try:
        with _alone(path) as file:
            parsed = package.Parser(str(file))
            return parsed, list(parsed.normalized_imu())
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # Rust's panics are no Exceptions
        raise GyroDataError(f"{path}: no telemetry that telemetry-parser reads: {error}") from error
