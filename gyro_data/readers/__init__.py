"""Gyro logs of many makes in, `GyroLog` out: SI units, the log's own axes, the log's own clock."""

import logging
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Protocol

from gyro_data.errors import GyroDataError
from gyro_data.files import open_regular
from gyro_data.log import GyroLog
from gyro_data.readers import embedded, gcsv, gopro, table
from gyro_data.readers.layout import HEAD_BYTES
from gyro_data.readers.options import ReadOptions, parse_columns

LOG = logging.getLogger(__name__)


class Reader(Protocol):
    """What a module needs to be a reader of one log format."""

    NAME: str
    EXTENSIONS: tuple[str, ...]

    def detect(self, path: Path, head: bytes) -> bool:
        """Tell from the first bytes (64 KiB at most) whether the file is of this format."""

    def read(self, path: Path, options: ReadOptions) -> GyroLog:
        """Read the file; raises GyroDataError when it cannot be used."""


READERS: tuple[Reader, ...] = (gcsv, gopro, embedded, table)
"""Asked in this order; `table` takes any text and therefore comes last."""


def read(
    path: str | PathLike[str],
    *,
    time_unit: str | None = None,
    rate_unit: str | None = None,
    columns: Mapping[str, str | int] | str | None = None,
    attitude: str | None = None,
) -> GyroLog:
    """Read a gyro log of any known format.

    What the file leaves open can be said: `time_unit` ("s", "ms", "us", "ns"), `rate_unit`
    ("rad/s", "deg/s", "mdeg/s" or the rad/s of one count), `columns`, a mapping or a string such as
    "t=time,x=wx,y=wy,z=wz" (names, or indices from 0; ax, ay, az may follow; or qw, qx, qy, qz; or
    roll, pitch, yaw) and `attitude`: whether quaternions are "body_to_world" or "world_to_body", or
    in which order angles turn ("ZYX": yaw, pitch, roll). Times keep the log's own origin, in
    float64 seconds, which resolve 0.24 µs when counted since 1970. Raises ValueError for unknown
    units or roles, GyroDataError when the file cannot be used.
    """
    options = ReadOptions(time_unit, rate_unit, parse_columns(columns), attitude)
    file = Path(path)
    head = _head(file)
    for reader in READERS:
        if reader.detect(file, head):
            log = reader.read(file, options)
            LOG.info("%s: %s", file, "; ".join(f"{name}: {v}" for name, v in log.hints.items()))
            return log
    known = ", ".join(f"{r.NAME} ({' '.join(r.EXTENSIONS)})" for r in READERS)
    raise GyroDataError(f"{file}: not a gyro log of a known format; the known ones are {known}")


def carries_telemetry(video: str | PathLike[str]) -> bool:
    """Tell whether a video carries telemetry with a gyro that can be read here."""
    file = Path(video)
    head = _head(file)
    for reader in (gopro, embedded):
        if reader.detect(file, head):
            try:
                reader.read(file, ReadOptions())
            except GyroDataError as error:
                LOG.info("%s", error)
            else:
                return True
    return False


def _head(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise GyroDataError(f"{path}: {error.strerror}; give the path of a gyro log") from error
    if not head:
        raise GyroDataError(f"{path}: the file is empty; was the recording finished?")
    return head
