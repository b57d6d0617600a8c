"""What is too large for a log of a clip: refused by one look at its bytes, before it is parsed."""

from pathlib import Path

import numpy as np

from gyro_data.errors import GyroDataError
from gyro_data.readers.layout import LONGEST_LINE

MAX_BYTES = 2 * 1024**3
MAX_ROWS = 20_000_000
"""More are 14 hours at 400 Hz: no log of a clip."""
_CHUNK = 1 << 24
_NEWLINE, _RETURN = 10, 13


def refuse_large(path: Path) -> None:
    """Raise GyroDataError for a text too large, of too many lines, or with one that is too long."""
    if path.stat().st_size > MAX_BYTES:
        raise GyroDataError(f"{path}: larger than 2 GB; cut the log to the length of the video")
    n_ends = n_rows = at = last_end = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            data = np.frombuffer(chunk, dtype=np.uint8)
            ends = np.flatnonzero((data == _NEWLINE) | (data == _RETURN)) + at
            at += len(chunk)
            edges = np.concatenate([[last_end], ends, [at]])
            longest = int(np.argmax(np.diff(edges)))
            if edges[longest + 1] - edges[longest] > LONGEST_LINE:
                raise GyroDataError(
                    f"{path}: line {n_ends + longest + 1} is longer than {LONGEST_LINE} "
                    f"characters; no row of a table is"
                )
            n_ends, last_end = n_ends + len(ends), int(edges[-2])
            n_rows += int(np.count_nonzero(data == _NEWLINE)) or len(ends)
            if n_rows > MAX_ROWS:
                raise too_many_rows(path)


def too_many_rows(path: Path) -> GyroDataError:
    """Return what to say of a log of more than MAX_ROWS rows."""
    return GyroDataError(f"{path}: over {MAX_ROWS} rows; cut the log to the length of the video")
