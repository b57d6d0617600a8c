"""The camera: picture size, intrinsics, lens, rolling shutter and how the motion sensor sits in it.

Pixels are (x, y), the centre of the top-left pixel is (0, 0). Row times refer to the middle row.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np

from gyro_data.axes import axes_matrix
from gyro_data.checks import Floats, number, read_only
from stabilizer.errors import StabilizerError
from stabilizer.lens import Lens, Pinhole

_LARGEST_SIDE = 32766  # px; OpenCV's remap addresses no more
_LARGEST = 1e6  # px, of focal length and principal point
_FOCAL = {"minimum": 1e-3, "maximum": _LARGEST}
SAME_ASPECT = 0.01


class ReadoutDirection(StrEnum):
    """Where the sensor's readout starts and ends."""

    TOP_TO_BOTTOM = "top_to_bottom"
    BOTTOM_TO_TOP = "bottom_to_top"
    LEFT_TO_RIGHT = "left_to_right"
    RIGHT_TO_LEFT = "right_to_left"


@dataclass(frozen=True, eq=False)
class Camera:
    """A camera without its pose: `xy = (fx, fy) · lens.project(ray) + (cx, cy)`."""

    width: int
    """px"""
    height: int
    """px"""
    fx: float
    """Focal length along x, px."""
    fy: float
    """Focal length along y, px."""
    cx: float
    """Principal point, px; the picture's centre is (width − 1) / 2."""
    cy: float
    """Principal point, px."""
    lens: Lens = field(default_factory=Pinhole)
    """Distortion of normalised points."""
    readout_time: float = 0.0
    """s from the first to the last row (or column) plus one; 0 is a global shutter."""
    readout_direction: ReadoutDirection = ReadoutDirection.TOP_TO_BOTTOM
    """The order in which rows (or columns) are read."""
    imu_orientation: str = "XYZ"
    """Log axes → body axes, see `gyro_data.axes_matrix`."""
    R_body_cam: Floats = field(default_factory=lambda: np.eye(3))
    """(3, 3) rotation, body ← cam; identity when the letters already give camera axes."""

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        for side in ("width", "height"):
            value = getattr(self, side)
            number(side, value, minimum=2, maximum=_LARGEST_SIDE)
            if int(value) != value:
                raise ValueError(f"{side}: expected a whole number of pixels, got {value}")
            set_field(self, side, int(value))
        for name in ("fx", "fy"):
            set_field(self, name, number(name, getattr(self, name), **_FOCAL))
        for name in ("cx", "cy"):
            centre = number(name, getattr(self, name), minimum=-_LARGEST, maximum=_LARGEST)
            set_field(self, name, centre)
        set_field(
            self, "readout_time", number("readout_time", self.readout_time, minimum=0, maximum=1)
        )
        set_field(self, "readout_direction", _direction(self.readout_direction))
        axes_matrix(self.imu_orientation)
        set_field(self, "R_body_cam", _rotation_matrix("R_body_cam", self.R_body_cam))

    @classmethod
    def from_focal(cls, width: int, height: int, focal: float, **fields: Any) -> "Camera":
        """Return a camera of focal length `focal` px, its principal point in the centre."""
        number("focal", focal, **_FOCAL)
        return cls(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2, **fields)

    @classmethod
    def from_hfov(cls, width: int, height: int, hfov: float, **fields: Any) -> "Camera":
        """Return a camera of horizontal view `hfov` rad: f = (width / 2) / tan(hfov / 2)."""
        number("hfov", hfov, above=0, maximum=np.deg2rad(175))
        return cls.from_focal(width, height, width / 2 / np.tan(hfov / 2), **fields)

    def project(self, rays: Floats) -> Floats:
        """Return pixels (..., 2) of camera-frame rays (..., 3); NaN where the lens shows none."""
        return self.lens.project(rays) * (self.fx, self.fy) + (self.cx, self.cy)

    def project_with_jacobian(self, rays: Floats) -> tuple[Floats, Floats]:
        """Return the pixels (..., 2) of rays (..., 3) and their derivatives (..., 2, 3)."""
        points, jacobian = self.lens.project_with_jacobian(rays)
        focal = np.array((self.fx, self.fy))
        return points * focal + (self.cx, self.cy), jacobian * focal[:, None]

    def unproject(self, xy: Floats, zoom: Floats | float = 1.0) -> Floats:
        """Return camera-frame rays (..., 3) of pixels (..., 2) at `zoom` times the focal length."""
        focal = np.asarray(zoom)[..., None] * (self.fx, self.fy)
        return self.lens.unproject((xy - np.array((self.cx, self.cy))) / focal)

    def readout_offset(self, xy: Floats) -> Floats:
        """Return when pixels (..., 2) are read, s after the middle row: T ((row + ½) / height − ½).

        Beyond the picture the count goes on for half a readout: maps are smooth over its edge.
        """
        axis, size = (1, self.height) if self._reads_rows else (0, self.width)
        phase = np.clip((xy[..., axis] + 0.5) / size - 0.5, -1.0, 1.0)
        return self.readout_time * (phase if self._reads_forward else -phase)

    @property
    def _reads_rows(self) -> bool:
        return self.readout_direction in (
            ReadoutDirection.TOP_TO_BOTTOM,
            ReadoutDirection.BOTTOM_TO_TOP,
        )

    @property
    def _reads_forward(self) -> bool:
        return self.readout_direction in (
            ReadoutDirection.TOP_TO_BOTTOM,
            ReadoutDirection.LEFT_TO_RIGHT,
        )

    def fits(self, width: int, height: int) -> bool:
        """Tell if a picture has the aspect ratio of the camera's (1 % of tolerance)."""
        return abs((width / height) / (self.width / self.height) - 1) <= SAME_ASPECT

    def scaled_to(self, width: int, height: int) -> "Camera":
        """Return the camera at another resolution of the same aspect ratio (1 % of tolerance).

        Raises StabilizerError when the aspect differs: then the sensor was cropped differently.
        """
        if not self.fits(width, height):
            raise StabilizerError(
                f"camera is calibrated for {self.width}x{self.height}, the video is "
                f"{width}x{height}: another aspect ratio means another crop of the sensor; "
                "give a camera for this mode, or --focal"
            )
        sx, sy = width / self.width, height / self.height
        return replace(
            self,
            width=width,
            height=height,
            fx=self.fx * sx,
            fy=self.fy * sy,
            cx=(self.cx + 0.5) * sx - 0.5,
            cy=(self.cy + 0.5) * sy - 0.5,
        )


def _direction(value: str) -> ReadoutDirection:
    try:
        return ReadoutDirection(value)
    except ValueError:
        expected = ", ".join(ReadoutDirection)
        raise ValueError(f"readout_direction: expected one of {expected}, got {value!r}") from None


def _rotation_matrix(name: str, value: Any) -> Floats:
    matrix = read_only(name, value, (3, 3))
    if not _is_rotation(matrix):
        raise ValueError(f"{name}: expected a rotation (orthonormal, determinant +1)")
    u, _, vt = np.linalg.svd(matrix)  # the nearest rotation: files round to a few digits
    return read_only(name, u @ vt, (3, 3))


def _is_rotation(matrix: Floats) -> bool:
    if np.abs(matrix).max() > 2:  # before it is squared
        return False
    return bool(np.abs(matrix @ matrix.T - np.eye(3)).max() <= 1e-3 and np.linalg.det(matrix) >= 0)
