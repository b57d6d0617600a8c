"""The rows of a text table as arrays, through pandas; rows that lack a number are left out."""

import io
import logging
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyro_data.checks import Bools
from gyro_data.errors import GyroDataError
from gyro_data.readers.columns import Columns
from gyro_data.readers.layout import Layout
from gyro_data.readers.options import ACCEL_ROLES, REQUIRED_ROLES
from gyro_data.readers.repair import MAX_BAD_SHARE, refuse_bad_rows

LOG = logging.getLogger(__name__)


def load_rows(path: Path, layout: Layout, columns: Columns) -> tuple[dict[str, NDArray[Any]], int]:
    """Return `{role: (N,)}` from the rows that are whole, and how many rows are not.

    A row is bad with too many fields, or without a finite number for some role. Accelerations are
    left out altogether when many rows lack them. Integers stay integers. Raises GyroDataError.
    """
    frame = _parse(path, layout, sorted(set(columns.index.values())))
    good = frame[layout.width].isna().to_numpy()  # nothing beyond the last column
    good = good & _finite(frame[[columns.index[role] for role in REQUIRED_ROLES]])
    roles = list(REQUIRED_ROLES)
    if "ax" in columns.index:
        complete = good & _finite(frame[[columns.index[role] for role in ACCEL_ROLES]])
        if np.count_nonzero(good & ~complete) <= MAX_BAD_SHARE * np.count_nonzero(good):
            good, roles = complete, [*roles, *ACCEL_ROLES]
        else:
            LOG.warning("%s: many rows lack accelerations, which are left out", path)
    refuse_bad_rows(path, good)
    numbers = {role: _numbers(frame[columns.index[role]][good]) for role in roles}
    return numbers, int(np.count_nonzero(~good))


def _numbers(column: "pd.Series[Any]") -> NDArray[Any]:
    """Return a column of good fields (N,) as integers if they all are, else as float64."""
    numbers = pd.to_numeric(column).to_numpy()
    return numbers if numbers.dtype.kind in "iu" else numbers.astype(np.float64)


def _finite(frame: pd.DataFrame) -> Bools:
    """Mark the rows (N,) whose fields are all finite numbers."""
    finite = np.ones(len(frame), dtype=bool)
    for name in frame:
        numbers = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64)
        finite &= np.isfinite(numbers)
    return finite


def _parse(path: Path, layout: Layout, wanted: list[int]) -> pd.DataFrame:
    """Return the wanted columns as they stand, numbers or text, and the one beyond the last.

    A row of zeros goes ahead: it makes pandas see one column more than there are, which holds what
    a row has too much.
    """
    zeros = layout.separator.join("0" * (layout.width + 1)) + "\n"
    with path.open(encoding=layout.encoding, errors="replace") as file:
        for _ in range(layout.skip_lines):
            file.readline()
        try:
            frame = pd.read_csv(
                _Preceded(zeros, file),
                sep=r"\s+" if layout.separator == " " else layout.separator,
                header=None,
                names=range(layout.width + 1),
                usecols=[*wanted, layout.width],
                index_col=False,
                decimal=layout.decimal,
                comment=layout.comment,
                skipinitialspace=True,
                low_memory=False,
            )
        except pd.errors.ParserError as error:
            raise GyroDataError(f"{path}: {error}; is a quote left open?") from error
    if layout.decimal == ",":  # a column with one field of text in it is still all text
        for name in frame.select_dtypes(exclude="number"):
            frame[name] = frame[name].astype(str).str.replace(",", ".")
    return frame.iloc[1:]


class _Preceded(io.TextIOBase):
    """A text stream with something put ahead of it."""

    def __init__(self, ahead: str, rest: TextIO) -> None:
        self._ahead, self._rest = ahead, rest

    def read(self, size: int | None = -1, /) -> str:
        ahead, self._ahead = self._ahead, ""
        return ahead or self._rest.read(-1 if size is None else size)
