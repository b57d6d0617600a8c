"""ROS's camera_info: the YAML of camera_calibration, or a message as `topic echo` prints it."""

from typing import Any

from stabilizer.camera.file import CameraFile, CameraMode
from stabilizer.camera.model import Camera
from stabilizer.camera.values import Content, intrinsics, numbers, part, real, required, text, whole
from stabilizer.lens import Lens, make_lens

NAME = "ROS camera_info"

_LENSES = {
    "plumb_bob": "opencv",
    "rational_polynomial": "opencv",
    "thin_prism": "opencv",
    "equidistant": "fisheye",
    "fisheye": "fisheye",
    "kannala_brandt4": "fisheye",
}
"""What its distortion models are called here."""


def recognises(content: dict[str, Any]) -> bool:
    """Whether it has a distortion model beside a plain matrix."""
    named = _matrix_name(content)
    return (
        named is not None
        and "distortion_model" in content
        and not (isinstance(content[named], dict) and "type_id" in content[named])
    )


def read(path: str, content: dict[str, Any]) -> CameraFile:
    """Return its one camera; rectification and projection matrix are for rectified pictures."""
    _refuse_parts(content)
    short = "image_width" not in content
    names = ("width", "height") if short else ("image_width", "image_height")
    width, height = (whole(name, required(content, name)) for name in names)
    name = _matrix_name(content)
    assert name is not None  # recognises() has seen it
    camera = Camera(width, height, **intrinsics(name, content[name]), lens=_lens(content))
    given = frozenset({"width", "height", "fx", "fy", "cx", "cy", "lens", "coeffs"})
    mode = CameraMode(width, height, camera=camera, given=given)
    return CameraFile(path, NAME, (mode,), text(content, "camera_name"))


def _matrix_name(content: Content) -> str | None:
    return next((n for n in ("camera_matrix", "K", "k") if content.get(n) is not None), None)


def _lens(content: Content) -> Lens:
    model = text(content, "distortion_model").lower()
    name = next((n for n in ("distortion_coefficients", "D", "d") if n in content), None)
    coeffs = [] if name is None else numbers(name, content[name] or [], most=14)
    if not any(coeffs) and model in ("", "none", "pinhole", "plumb_bob", "rational_polynomial"):
        return make_lens("pinhole")
    if model not in _LENSES:
        raise ValueError(
            f"distortion_model: expected one of {', '.join(_LENSES)}, got {model!r:.60}"
        )
    return make_lens(_LENSES[model], tuple(coeffs))


def _refuse_parts(content: Content) -> None:
    """Refuse a message about a part of the picture: its matrix is that of the whole one."""
    for key in ("binning_x", "binning_y"):
        if real(key, content.get(key) or 0) > 1:
            raise ValueError(f"{key}: expected 0 or 1, got {content[key]}: calibrate this mode")
    if content.get("roi") is not None:
        roi = part(content, "roi")
        cut = [key for key in ("x_offset", "y_offset") if real(f"roi {key}", roi.get(key) or 0)]
        if cut:
            raise ValueError(f"roi {cut[0]}: expected 0, got {roi[cut[0]]}: calibrate this mode")
