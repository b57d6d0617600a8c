"""OpenCV's calibration: FileStorage in YAML or JSON, under the names that are usual.

A file tells a standard from a fisheye calibration by `fisheye_model` (as OpenCV's own program
does), by a `distortion_model`, by a name with "fisheye" in it, or by the number of coefficients.
"""

from typing import Any

from stabilizer.camera.file import CameraFile, CameraMode
from stabilizer.camera.model import Camera
from stabilizer.camera.values import Content, intrinsics, numbers, real, required, text, whole
from stabilizer.lens import Lens, make_lens

NAME = "OpenCV calibration"

_MATRIX = ("camera_matrix", "cameraMatrix", "Camera_Matrix", "intrinsic_matrix", "mtx", "K")
_COEFFS = (
    "distortion_coefficients",
    "Distortion_Coefficients",
    "dist_coeffs",
    "distCoeffs",
    "dist_coeff",
    "distortion_coeffs",
    "dist",
    "D",
)
_SIZES = (("image_width", "image_height"), ("image_Width", "image_Height"))
_PAIRS = ("image_size", "imageSize", "img_size", "resolution")
_STEREO = ("M1", "K1", "cameraMatrix1")
_FISHEYE = ("fisheye", "equidistant", "kannala_brandt")
_STANDARD = ("opencv", "standard", "pinhole", "radtan", "plumb_bob", "rational_polynomial")


def recognises(content: dict[str, Any]) -> bool:
    """Whether it has a camera matrix."""
    return _name_in(content, _MATRIX + _STEREO) is not None


def read(path: str, content: dict[str, Any]) -> CameraFile:
    """Return its one camera."""
    name = _name_in(content, _MATRIX)
    if name is None:
        raise ValueError("it tells of a pair of cameras; give one camera's calibration")
    width, height = _size(content)
    lens = _lens(content)
    camera = Camera(width, height, **intrinsics(name, content[name]), lens=lens)
    given = frozenset({"width", "height", "fx", "fy", "cx", "cy", "lens", "coeffs"})
    facts: dict[str, str] = {
        key: text(content, key)
        for key in ("calibration_time", "avg_reprojection_error")
        if key in content
    }
    mode = CameraMode(width, height, camera=camera, given=given)
    return CameraFile(path, NAME, (mode,), text(content, "camera_name"), facts)


def _name_in(content: Content, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if content.get(name) is not None), None)


def _size(content: Content) -> tuple[int, int]:
    for names in _SIZES:
        if names[0] in content:
            width, height = (whole(name, required(content, name)) for name in names)
            return width, height
    pair = _name_in(content, _PAIRS)
    if pair is None:
        raise ValueError(
            "image_width: expected the size of the pictures, got none; write image_width and "
            "image_height into the file"
        )
    found = numbers(pair, content[pair], most=2)
    if len(found) != 2:
        raise ValueError(f"{pair}: expected width and height, got {len(found)} numbers")
    return whole(f"{pair}[0]", found[0]), whole(f"{pair}[1]", found[1])


def _lens(content: Content) -> Lens:
    name = _name_in(content, _COEFFS)
    coeffs = [] if name is None else numbers(name, content[name], most=14)
    fisheye = _says_fisheye(content)
    if not any(coeffs):
        return make_lens("fisheye", (0.0,) * 4) if fisheye else make_lens("pinhole")
    if fisheye is None and len(coeffs) == 4:
        raise ValueError(
            f"{name}: 4 coefficients are k1 k2 p1 p2 of the standard model or k1 k2 k3 k4 of the "
            "fisheye model; write fisheye_model: 0 or 1 into the file"
        )
    return make_lens("fisheye" if fisheye else "opencv", tuple(coeffs))


def _says_fisheye(content: Content) -> bool | None:
    """Return what the file says of its model, None where it says nothing."""
    if content.get("fisheye_model") is not None:
        return bool(real("fisheye_model", content["fisheye_model"]))
    model = text(content, "distortion_model").lower() or text(content, "camera_model").lower()
    if model:
        if any(word in model for word in _FISHEYE):
            return True
        if not any(word in model for word in _STANDARD):
            known = ", ".join((*_STANDARD, *_FISHEYE))
            raise ValueError(f"distortion_model: expected one of {known}, got {model!r:.60}")
        return False
    if any("fisheye" in str(key).lower() for key in content):
        return True
    return None
