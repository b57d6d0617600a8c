"""A picture of a lens calibration: where the board was, how far its corners miss, what is blank."""

import cv2
import numpy as np

from gyro_data.checks import Floats
from stabilizer.boards.calibration import LensCalibration
from stabilizer.boards.coverage import view_count
from stabilizer.errors import StabilizerError
from stabilizer.flow import Image
from stabilizer.new_files import AnyPath, complete_or_absent

_SIDE = 1280  # px, of the drawing's longer side
_BLANK = (120, 70, 60)  # BGR: where no view was
_ONCE, _OFTEN = 60, 120  # grey where one view was, and where many
_CORNER = (235, 235, 235)
_ERROR = (60, 190, 255)
_ARROW = 0.02  # of the picture's longer side, the length of a typical error
_SHIFT = 4  # OpenCV draws in sixteenths of a pixel


def draw_coverage(calibration: LensCalibration, path: AnyPath) -> None:
    """Draw all corners over the picture to a PNG file, each with its error magnified.

    Blue is what no view covered, lighter grey what more views did. Raises ValueError for a name
    that does not end in .png, StabilizerError where the file cannot be written.
    """
    if not str(path).lower().endswith(".png"):
        raise ValueError(f"path: expected a name that ends in .png, got {str(path)!r}")
    encoded, content = cv2.imencode(".png", coverage_picture(calibration))
    if not encoded:
        raise StabilizerError(f"{path}: OpenCV cannot encode the picture")
    with complete_or_absent(path) as partial:
        partial.write_bytes(content.tobytes())


def coverage_picture(calibration: LensCalibration) -> Image:
    """Return the drawing (H, W, 3) BGR, with the camera's picture at most 1280 px large."""
    camera = calibration.camera
    scale = min(1.0, _SIDE / max(camera.width, camera.height))
    size = (round(camera.width * scale), round(camera.height * scale))
    picture = _background(calibration, size)
    magnified = _magnification(calibration.rms, max(camera.width, camera.height))
    for view, residuals in zip(calibration.views, calibration.residuals, strict=True):
        ends = (view.xy - magnified * residuals, view.xy)
        start, end = (_fixed_point((xy + 0.5) * scale - 0.5) for xy in ends)
        for a, b in zip(start, end, strict=True):
            cv2.line(picture, b, a, _ERROR, 1, cv2.LINE_AA, _SHIFT)
            cv2.circle(picture, b, 2 << _SHIFT, _CORNER, -1, cv2.LINE_AA, _SHIFT)
    return np.vstack([picture, _caption(calibration, magnified, size[0])])


def _background(calibration: LensCalibration, size: tuple[int, int]) -> Image:
    camera = calibration.camera
    count = view_count(calibration.views, camera.width, camera.height)
    grey = _ONCE + (_OFTEN - _ONCE) * np.minimum(count - 1, 9) / 9
    colours = np.where(count[..., None] > 0, grey[..., None], _BLANK).astype(np.uint8)
    return np.asarray(cv2.resize(colours, size, interpolation=cv2.INTER_NEAREST))


def _magnification(rms: float, side: int) -> float:
    """Return 1, 2 or 5 times a power of ten that makes errors visible."""
    wanted = _ARROW * side / max(rms, 1e-3)
    steps = [m * 10.0**n for n in range(5) for m in (1, 2, 5)]
    return max((step for step in steps if step <= wanted), default=1.0)


def _caption(calibration: LensCalibration, magnified: float, width: int) -> Image:
    n = len(calibration.views)
    text = (
        f"{n} views cover {calibration.coverage:.0%}, RMS {calibration.rms:.3f} px; "
        f"errors x{magnified:g}; blue: not covered"
    )
    strip = np.zeros((36, width, 3), dtype=np.uint8)
    size = min(0.6, width / 1100)
    cv2.putText(strip, text, (10, 24), cv2.FONT_HERSHEY_SIMPLEX, size, _CORNER, 1, cv2.LINE_AA)
    return strip


def _fixed_point(xy: Floats) -> list[tuple[int, int]]:
    return [(int(x), int(y)) for x, y in np.rint(xy * (1 << _SHIFT))]
