"""Files to be made: checked before the work begins, and complete or not there at all."""

import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

from stabilizer.errors import StabilizerError

AnyPath = str | os.PathLike[str]

_PARTIAL = re.compile(r"\.partial-(\d+)-[0-9a-f]+")


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


def partial_name(path: Path) -> Path:
    """Return where beside `path` it is written to until it is complete.

    What a killed process left of this kind is removed.
    """
    for left in path.parent.glob(f"{escape(path.stem)}.partial-*{escape(path.suffix)}"):
        process = _PARTIAL.fullmatch(left.stem[len(path.stem) :])
        if process is not None and not _lives(int(process[1])):
            with suppress(OSError):  # somebody else's, or open still where that forbids it
                left.unlink()
    return path.with_stem(f"{path.stem}.partial-{os.getpid()}-{secrets.token_hex(3)}")


def _lives(process: int) -> bool:
    """Tell if a process of that number runs; False where the system does not say."""
    if os.name != "posix":
        return False  # there a file that is open cannot be removed
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def complete_or_absent(path: AnyPath) -> Iterator[Path]:
    """Give a name beside `path` to write to, which becomes `path` when the block ends well.

    Else nothing is left and what was at `path` stays. Raises StabilizerError where the file system
    refuses.
    """
    path = Path(path)
    partial = partial_name(path)
    try:
        yield partial
        os.replace(partial, path)
    except OSError as error:
        raise StabilizerError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
