"""Files that are read: regular ones, for of a pipe or a device there may be no end."""

import errno
import os
import stat
from typing import BinaryIO


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for its bytes; OSError if it cannot be read, or is no regular file."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "is no regular file", os.fspath(path))
    return open(path, "rb")
