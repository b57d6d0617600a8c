"""Files and folders to be made: checked before the work, and complete or not there at all."""

import os
import platform
import re
import secrets
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

from stabilizer.errors import StabilizerError

AnyPath = str | os.PathLike[str]

_HOST = f"{zlib.crc32(platform.node().encode()):08x}"
"""Of a folder that is shared, other hosts do not know which of our processes live."""
_LONGEST_NAME, _LONGEST_END = 255, 40  # bytes: of a file, of what names one beside it
_BESIDE = re.compile(rf"\.(partial|earlier)-{_HOST}-(\d+)-[0-9a-f]+")


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
    if not path.name:
        raise StabilizerError("output: expected the name of a file, got none")
    suffixes = list(suffixes)
    if path.suffix.lower() not in suffixes:
        expected = ", ".join(suffixes)
        raise StabilizerError(f"{path}: expected a name ending in {expected}, got {path.suffix!r}")
    _check_parent(path)
    there = path.exists()
    if there and any(os.path.exists(p) and os.path.samefile(p, path) for p in inputs):
        raise StabilizerError(f"{path}: is an input too; choose another name")
    if path.is_symlink():
        raise StabilizerError(f"{path}: is a link; name the file that it leads to, or another")
    if there and not path.is_file():
        what = "a folder" if path.is_dir() else "no file"
        raise StabilizerError(f"{path}: is {what}; choose another name")
    if there and not overwrite:
        raise StabilizerError(f"{path}: exists already; choose another name or --overwrite it")


def check_new_folder(
    folder: Path,
    *,
    replaceable: Callable[[str], bool],
    inputs: Iterable[AnyPath] = (),
    overwrite: bool = False,
) -> None:
    """Raise StabilizerError unless files can appear as the only ones in `folder`, all at once.

    It may be there and empty; with `overwrite` it may hold files of names that are `replaceable`.
    """
    _check_parent(folder)
    if not folder.exists():
        return
    if not folder.is_dir():
        raise StabilizerError(f"{folder}: is a file; choose another name for the folder")
    if any(os.path.samefile(folder, p) for p in {Path(p).parent for p in inputs} if p.exists()):
        raise StabilizerError(f"{folder}: holds an input; choose another folder")
    if os.path.samefile(folder, os.curdir) or folder.is_mount():
        raise StabilizerError(f"{folder}: cannot be replaced as a whole; name a folder inside it")
    with os.scandir(folder) as entries:
        held = sorted((e.name, e.is_file(follow_symlinks=False)) for e in entries)
    others = [name for name, is_file in held if not (is_file and replaceable(name))]
    if others:
        raise StabilizerError(f"{folder}: holds {others[0]}, which is not replaced; choose another")
    if held and not overwrite:
        raise StabilizerError(f"{folder}: is not empty; choose another or --overwrite its images")


def _check_parent(path: Path) -> None:
    folder = path.parent
    if not folder.exists():
        raise StabilizerError(f"{path}: there is no folder {folder}; make it first")
    if not folder.is_dir():
        raise StabilizerError(f"{path}: {folder} is no folder; choose another name")
    if not os.access(folder, os.W_OK):
        raise StabilizerError(f"{path}: the folder {folder} cannot be written to")


def partial_name(path: Path) -> Path:
    """Return where beside `path` it is written to until it is complete.

    What a killed process of this host left of this kind is removed.
    """
    stem = _short_stem(path)
    for left in path.parent.glob(f"{escape(stem)}.*-*{escape(path.suffix)}"):
        end = len(left.name) - len(path.suffix)
        kind = _BESIDE.fullmatch(left.name[len(stem) : end])
        if kind is None or _lives(int(kind[2])):
            continue
        if kind[1] == "partial" or path.exists():
            remove(left)
    return _beside(path, "partial")


def put_in_place(partial: Path, path: Path) -> None:
    """Let a file or folder that is complete appear as `path`, in the place of what is there.

    A folder that is there is renamed first, as no system can replace it by another: who is killed
    just then finds it beside as `STEM.earlier-…`.
    """
    if not path.is_dir():
        os.replace(partial, path)
        return
    earlier = _beside(path, "earlier")
    path.rename(earlier)
    try:
        partial.rename(path)
    except BaseException:
        if not path.exists():
            earlier.rename(path)
        raise
    remove(earlier)


def remove(path: Path) -> None:
    """Remove a file, or a folder and its files; what somebody else owns or has open may stay."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def _beside(path: Path, kind: str) -> Path:
    stem = _short_stem(path)
    return path.with_stem(f"{stem}.{kind}-{_HOST}-{os.getpid()}-{secrets.token_hex(3)}")


def _short_stem(path: Path) -> str:
    """Return as much of a file's stem as leaves room for what is put behind it."""
    most = _LONGEST_NAME - _LONGEST_END - len(os.fsencode(path.suffix))
    return os.fsencode(path.stem)[:most].decode(errors="ignore")


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
        remove(partial)
