"""Every kind of camera file that is read; each is recognised by its content."""

from collections.abc import Callable
from typing import Any, NamedTuple

from stabilizer.camera.file import CameraFile
from stabilizer.camera.formats import gyroflow, kalibr, opencv, own, ros


class CameraReader(NamedTuple):
    """A kind of camera file."""

    name: str
    recognises: Callable[[dict[str, Any]], bool]
    read: Callable[[str, dict[str, Any]], CameraFile]
    """(path, content) → file. Raises TypeError or ValueError naming a key."""


CAMERA_READERS: tuple[CameraReader, ...] = tuple(
    CameraReader(module.NAME, module.recognises, module.read)
    for module in (gyroflow, kalibr, ros, opencv, own)
)
"""In the order in which they are asked."""
