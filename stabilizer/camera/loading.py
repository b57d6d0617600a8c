"""From a path to what a camera file says, whatever its format."""

import logging
from typing import Any

from stabilizer.camera.document import read_document
from stabilizer.camera.file import CameraFile, CameraMode
from stabilizer.camera.formats import CAMERA_READERS, CameraReader
from stabilizer.camera.model import Camera
from stabilizer.errors import StabilizerError
from stabilizer.new_files import AnyPath
from stabilizer.text_files import in_short

LOG = logging.getLogger(__name__)


def read_camera(path: AnyPath) -> CameraFile:
    """Return all that a camera file of any of `CAMERA_READERS` says.

    Raises StabilizerError that names the file and the key that is missing, unknown or wrong.
    """
    content = read_document(path)
    reader = _reader_of(content)
    if reader is None:
        raise StabilizerError(f"{path}: {_unknown(content)}")
    try:
        return reader.read(str(path), content)
    except (TypeError, ValueError) as error:
        raise StabilizerError(f"{path}: {reader.name}: {in_short(error)}") from error


def load_camera(
    path: AnyPath,
    *,
    width: int | None = None,
    height: int | None = None,
    frame_rate: float | None = None,
    mode: str | None = None,
) -> Camera:
    """Return the camera of a file of any of `CAMERA_READERS`.

    Args:
        width, height: px, of the video that it filmed: the camera is scaled to this size. Without
            them it is that of the file's first mode.
        frame_rate: 1/s, of the video: it tells modes of one size apart.
        mode: the name, or a part of it, of the mode or the camera that is meant.

    Raises StabilizerError that names the file where it cannot be used, or not for this video.
    """
    found = camera_mode(path, width=width, height=height, frame_rate=frame_rate, mode=mode)
    return found.usable


def camera_mode(
    path: AnyPath,
    *,
    width: int | None = None,
    height: int | None = None,
    frame_rate: float | None = None,
    mode: str | None = None,
) -> CameraMode:
    """Return the mode that `load_camera` takes, with what it tells besides the camera."""
    file = read_camera(path)
    if width is None or height is None:
        found = file.chosen(mode)
    else:
        found = file.fitting(width, height, frame_rate, mode)
    title = f" {file.title!r}" if file.title else ""
    LOG.info("%s: %s%s, mode %s", path, file.format, title, found.label)
    return found


def given_keys(path: AnyPath) -> frozenset[str]:
    """Return the keys that a camera file tells; `load_camera` takes usual values for the others.

    Raises StabilizerError that names the file if it cannot be used.
    """
    return read_camera(path).given


def is_camera(path: AnyPath) -> bool:
    """Whether a file is a camera's; nothing is said of whether it can be used."""
    try:
        return _reader_of(read_document(path)) is not None
    except StabilizerError:
        return False


def _reader_of(content: Any) -> CameraReader | None:
    if not isinstance(content, dict):
        return None
    return next((reader for reader in CAMERA_READERS if reader.recognises(content)), None)


def _unknown(content: Any) -> str:
    if isinstance(content, dict) and content.get("format") == "gyro-stabilizer sync":
        return "a sync file, not a camera; give it by --sync"
    names = ", ".join(reader.name for reader in CAMERA_READERS)
    return f"not a camera file of a kind that is known ({names})"
