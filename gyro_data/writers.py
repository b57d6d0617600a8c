"""A `GyroLog` to a file that others read: .csv, .gcsv or .parquet, with every digit."""

from collections.abc import Callable, Iterator, Mapping
from os import PathLike
from pathlib import Path

import numpy as np

from gyro_data.axes import axes_matrix
from gyro_data.checks import Floats
from gyro_data.errors import GyroDataError
from gyro_data.log import GyroLog
from gyro_data.readers.content import GRAVITY
from gyro_data.readers.gcsv import CAMERA_KEYS, DIRECTIONS, camera_to_gyroflow

_GYRO = ("gx_rad_s", "gy_rad_s", "gz_rad_s")
_ACCEL = ("ax_m_s2", "ay_m_s2", "az_m_s2")


def write(log: GyroLog, path: str | PathLike[str], *, imu_orientation: str | None = None) -> None:
    """Write the log in the format that the name's ending tells; holes stay holes.

    `imu_orientation` are the log axes that feed camera x, y, z, for .gcsv, which states them; None:
    those of the log's hints. Raises ValueError for another ending or wrong letters, GyroDataError
    where a package is missing.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in WRITERS:
        raise ValueError(f"path: expected a name ending in {', '.join(WRITERS)}, got {suffix!r}")
    letters = imu_orientation or log.hints.get("imu_orientation")
    if letters is not None:
        axes_matrix(letters)
    WRITERS[suffix](log, Path(path), letters)


def _write_csv(log: GyroLog, path: Path, letters: str | None) -> None:
    columns = _columns(log)
    _write_lines(path, [",".join(columns)], np.column_stack(list(columns.values())))


def _write_gcsv(log: GyroLog, path: Path, letters: str | None) -> None:
    head = ["GYROFLOW IMU LOG", "version,1.3", f"id,{_one_field(log.hints.get('id', 'gyro_data'))}"]
    head += [f"orientation,{camera_to_gyroflow(letters)}"] if letters else []
    head += [f"{k},{_one_field(log.hints[k])}" for k in CAMERA_KEYS if log.hints.get(k)]
    head += [*_readout(log.hints), "tscale,1", "gscale,1", "ascale,1"]
    values = [log.t, log.gyro] + ([] if log.accel is None else [log.accel / GRAVITY])
    head.append("t,gx,gy,gz" + ("" if log.accel is None else ",ax,ay,az"))
    _write_lines(path, head, np.column_stack(values))


def _write_parquet(log: GyroLog, path: Path, letters: str | None) -> None:
    import pandas as pd

    try:
        pd.DataFrame(_columns(log)).to_parquet(path, index=False)
    except ImportError as error:
        raise GyroDataError(
            f"{path}: Parquet needs the package pyarrow: pip install pyarrow, or write .csv"
        ) from error


WRITERS: Mapping[str, Callable[[GyroLog, Path, str | None], None]] = {
    ".csv": _write_csv,
    ".gcsv": _write_gcsv,
    ".parquet": _write_parquet,
}
"""By the ending of the name: (log, path, letters of the axes or None)."""


def _columns(log: GyroLog) -> dict[str, Floats]:
    """Return t, rates and accelerations by names that tell their units."""
    columns = {"t_s": log.t, **dict(zip(_GYRO, log.gyro.T, strict=True))}
    return columns if log.accel is None else columns | dict(zip(_ACCEL, log.accel.T, strict=True))


def _write_lines(path: Path, head: list[str], rows: Floats) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in head)
        file.writelines(_lines(rows))


def _lines(rows: Floats) -> Iterator[str]:
    for row in rows.tolist():  # repr has as many digits as tell the number, and no more
        yield ",".join(map(repr, row)) + "\n"


def _readout(hints: Mapping[str, str]) -> list[str]:
    if "readout_time" not in hints:
        return []
    number = {name: code for code, name in reversed(list(DIRECTIONS.items())) if code.isdigit()}
    direction = number[hints.get("readout_direction", "top_to_bottom")]
    milliseconds = float(f"{1000 * float(hints['readout_time']):.9g}")
    return [f"frame_readout_time,{milliseconds!r}", f"frame_readout_direction,{direction}"]


def _one_field(text: str) -> str:
    """Return text that is one field of one line."""
    return " ".join(text.replace(",", ";").replace('"', "'").split())
