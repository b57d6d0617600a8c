"""The rows of a text table as arrays, through pandas; rows that lack a number are left out."""

import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyro_data.checks import Bools, Floats
from gyro_data.errors import GyroDataError
from gyro_data.readers.columns import Columns, Source
from gyro_data.readers.content import LARGEST_NUMBER
from gyro_data.readers.layout import Layout
from gyro_data.readers.size import MAX_ROWS, too_many_rows

LOG = logging.getLogger(__name__)

_CHUNK_ROWS = 1 << 18
_LONGEST_NUMBER = 300  # digits that a float holds
_LARGEST_VALUE = 1e9
"""Larger numbers are none of a sensor, in whatever unit."""


@dataclass(frozen=True)
class Readings:
    """What one sensor said."""

    ticks: NDArray[Any]
    """(N,) times as the file has them: integers, floats, or text."""
    values: Floats
    """(N, k) as the file has them, all finite."""


@dataclass(frozen=True)
class Rows:
    """The whole rows of a table, by sensor, and what became of the others."""

    motion: Readings
    accel: Readings | None
    good: Bools
    """Marks which of the motion sensor's own rows (n,) are whole."""
    others: int
    """How many rows were of other sensors."""


def load_rows(path: Path, layout: Layout, columns: Columns) -> Rows:
    """Return the readings of the motion sensor and of the accelerometer from whole rows.

    A row is bad with too many fields, or without a finite number for some role. Integers stay
    integers. Raises GyroDataError where the text cannot be split, or has too many rows.
    """
    motion, accel, good, n_rows, others = [], [], [], 0, 0
    for frame in _frames(path, layout, columns):
        n_rows += len(frame)
        if n_rows > MAX_ROWS:
            raise too_many_rows(path)
        own = _own_rows(frame, columns, columns.motion)
        others += int(np.count_nonzero(~own))
        whole = own & frame[columns.width(layout)].isna().to_numpy()
        part, kept = _readings(frame, columns.t, columns.motion, whole)
        motion.append(part)
        good.append(kept[own])
        if columns.accel is not None:
            accel.append(
                _readings(
                    frame, columns.t, columns.accel, _own_rows(frame, columns, columns.accel)
                )[0]
            )
    if not motion:
        raise GyroDataError(f"{path}: no rows below the header; was the recording finished?")
    return Rows(_joined(motion), _joined(accel) if accel else None, np.concatenate(good), others)


def _own_rows(frame: pd.DataFrame, columns: Columns, source: Source) -> Bools:
    """Mark the rows (n,) of a sensor; without a selector all but those without its values.

    There, a row without any rate but with an acceleration is the accelerometer's.
    """
    if source.rows is not None:
        assert columns.selector is not None
        return np.asarray(frame[columns.selector].astype(str).str.strip() == source.rows)
    if columns.accel is None or source is columns.accel or columns.accel.rows is not None:
        return np.ones(len(frame), dtype=bool)
    empty = frame[[*source.columns]].isna().all(axis=1).to_numpy()
    return np.asarray(~(empty & frame[[*columns.accel.columns]].notna().any(axis=1).to_numpy()))


def _readings(frame: pd.DataFrame, t: int, source: Source, rows: Bools) -> tuple[Readings, Bools]:
    """Return the sensor's whole readings among `rows` (n,), and which rows they are."""
    part = frame if rows.all() else frame[rows]
    ticks = part[t]
    values = np.stack([_floats(part[c]) for c in source.columns], axis=-1)
    number = _floats(ticks)
    timed = np.abs(number) < LARGEST_NUMBER if _is_numeric(number) else _has_text(ticks)
    whole = (np.abs(values) < _LARGEST_VALUE).all(axis=1) & timed
    kept = rows.copy()
    kept[rows] = whole
    return Readings(_ticks(ticks[whole], number[whole]), values[whole]), kept


def _is_numeric(number: Floats) -> bool:
    return bool(np.isfinite(number).any()) or not number.size


def _has_text(column: "pd.Series[Any]") -> Bools:
    return np.asarray(column.astype(str).str.contains(r"\d"))


def _ticks(column: "pd.Series[Any]", number: Floats) -> NDArray[Any]:
    """Return times (n,): integers that a float does not hold stay integers, words stay words."""
    if number.size and not np.isfinite(number).all():
        return column.astype(str).to_numpy(dtype=object)
    if column.dtype.kind in "iu":
        return column.to_numpy()
    exact = _numeric(column).to_numpy()
    return exact if exact.dtype.kind in "iu" else number


def _floats(column: "pd.Series[Any]") -> Floats:
    """Return a column (n,) as float64, NaN for what is no number."""
    if column.dtype.kind in "iuf":
        return column.to_numpy(dtype=np.float64)
    if column.dtype.kind == "b":
        return np.full(len(column), np.nan)
    return _numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)


def _numeric(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return a column of words as numbers, missing for what is none, or too large for a float."""
    try:
        return pd.to_numeric(column, errors="coerce")
    except OverflowError:  # pandas does not coerce integers that no float holds
        fits = column.astype(str).str.len() <= _LONGEST_NUMBER
        return pd.to_numeric(column.where(fits), errors="coerce")


def _joined(parts: list[Readings]) -> Readings:
    kinds = {part.ticks.dtype.kind for part in parts if part.ticks.size}
    ticks = [part.ticks for part in parts if part.ticks.size or not kinds]
    if "O" in kinds and len(kinds) > 1:
        ticks = [part.astype(str).astype(object) for part in ticks]
    return Readings(np.concatenate(ticks), np.concatenate([part.values for part in parts]))


def _frames(path: Path, layout: Layout, columns: Columns) -> Iterator[pd.DataFrame]:
    """Yield the wanted columns as they stand, numbers or text, and the one beyond the last.

    A row of zeros goes ahead: it makes pandas see one column more than there are, which holds what
    a row has too much.
    """
    width = columns.width(layout)
    zeros = layout.separator.join("0" * (width + 1)) + "\n"
    with path.open(encoding=layout.encoding, errors="replace") as file:
        for _ in range(layout.skip_lines):
            file.readline()
        try:
            with pd.read_csv(
                _Preceded(zeros, file),
                sep=r"\s+" if layout.separator == " " else layout.separator,
                header=None,
                names=range(width + 1),
                usecols=[*columns.used, width],
                index_col=False,
                decimal=layout.decimal,
                comment=layout.comment,
                skipinitialspace=True,
                chunksize=_CHUNK_ROWS,
            ) as chunks:
                for i, frame in enumerate(chunks):
                    if layout.decimal == ",":  # a column with one field of text is still all text
                        for name in frame.select_dtypes(exclude="number"):
                            if name != columns.selector:
                                text = frame[name].astype(str).str.replace(",", ".")
                                frame[name] = text.where(frame[name].notna())
                    yield frame.iloc[1:] if i == 0 else frame
        except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            raise GyroDataError(f"{path}: {error}; is a quote left open?") from error


class _Preceded(io.TextIOBase):
    """A text stream with something put ahead of it."""

    def __init__(self, ahead: str, rest: TextIO) -> None:
        self._ahead, self._rest = ahead, rest

    def read(self, size: int | None = -1, /) -> str:
        ahead, self._ahead = self._ahead, ""
        return ahead or self._rest.read(-1 if size is None else size)
