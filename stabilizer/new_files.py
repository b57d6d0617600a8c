"""Files to be made: checked before the work begins, and complete or not there at all."""

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stabilizer.errors import StabilizerError

AnyPath = str | os.PathLike[str]


def check_new_file(
    path: AnyPath,
    *,
    suffixes: Iterable[str],
    inputs: Iterable[AnyPath] = (),
    overwrite: bool = False,
) -> None:
    """Raise StabilizerError unless a file can be made at `path` without harm to `inputs`.

    `suffixes` are the endings that its name may have, in lower case.
    """
    path = Path(path)
    suffixes = list(suffixes)
    if path.suffix.lower() not in suffixes:
        expected = ", ".join(suffixes)
        raise StabilizerError(f"{path}: expected a name ending in {expected}, got {path.suffix!r}")
    if not path.parent.is_dir():
        raise StabilizerError(f"{path}: there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK):
        raise StabilizerError(f"{path}: the folder {path.parent} cannot be written to")
    if not path.exists():
        return
    if any(os.path.exists(p) and os.path.samefile(p, path) for p in inputs):
        raise StabilizerError(f"{path}: is an input too; choose another name")
    if path.is_dir() or not overwrite:
        raise StabilizerError(f"{path}: exists already; choose another name or --overwrite it")


@contextmanager
def complete_or_absent(path: AnyPath) -> Iterator[Path]:
    """Give a name beside `path` to write to, which becomes `path` when the block ends well.

    Else nothing is left and what was at `path` stays. Raises StabilizerError where the file system
    refuses.
    """
    path = Path(path)
    partial = path.with_stem(f"{path.stem}.partial{secrets.token_hex(4)}")
    try:
        yield partial
        os.replace(partial, path)
    except OSError as error:
        raise StabilizerError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
