"""The project's own camera file, see `stabilizer.camera.own`."""

from typing import Any

from stabilizer.camera.file import CameraFile, CameraMode
from stabilizer.camera.own import camera_from_dict

NAME = "camera file"


def recognises(content: dict[str, Any]) -> bool:
    """Whether it has a size or a focal length of its own."""
    return bool({"width", "height", "fx", "fy"} & content.keys())


def read(path: str, content: dict[str, Any]) -> CameraFile:
    """Return its one camera."""
    camera = camera_from_dict(content)
    mode = CameraMode(camera.width, camera.height, camera=camera, given=frozenset(content))
    note = content.get("note")
    return CameraFile(path, NAME, (mode,), title=note if isinstance(note, str) else "")
