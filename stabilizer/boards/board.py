"""Calibration boards and where their inner corners are in an 8 bit picture (H, W).

Corners are two tables: `board_xy (n, 2)`, their column and row on the board (so in squares), and
`xy (n, 2)` px with the centre of the top-left pixel at (0, 0).
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Protocol

import cv2
import numpy as np

from gyro_data.checks import Floats, number
from stabilizer.flow import Image

Corners = tuple[Floats, Floats]

_QUICK = cv2.CALIB_CB_ADAPTIVE_THRESH | cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_FAST_CHECK
_FORMS = (
    "9x6 (inner corners of a chessboard) or 7x5:4x4_50 (squares and markers of a ChArUco board; "
    "then :0.7, the markers' share of a square, and :legacy)"
)
_TEXT = re.compile(r"(\d{1,3})x(\d{1,3})(?::(\w+)(?::(\d*\.?\d+))?(:legacy)?)?", re.ASCII)


class Board(Protocol):
    """A flat pattern whose inner corners can be found and told apart."""

    detection_side: ClassVar[int]
    """px, longer side of the picture in which it is searched: more costs time and finds little."""

    @property
    def reach(self) -> float:
        """How far from a corner, in squares, the picture shows nothing but the lines through it."""

    def find(self, image: Image) -> Corners | None:
        """Return the corners to a pixel or so, or None if the board is not there."""


@dataclass(frozen=True)
class Chessboard:
    """Black and white squares, all of which must be seen. It is known by its inner corners."""

    detection_side: ClassVar[int] = 640
    reach: ClassVar[float] = 0.25
    columns: int
    """Inner corners along a row: one less than squares."""
    rows: int
    """Inner corners along a column."""

    def __post_init__(self) -> None:
        _check_size(self, minimum=3)

    def __str__(self) -> str:
        return f"chessboard of {self.columns}x{self.rows} inner corners"

    def find(self, image: Image) -> Corners | None:
        """Return all corners or None. Which end of the board comes first is left open.

        Two finders of OpenCV: the first is quick and takes strong distortion, the second blur.
        """
        size = (self.columns, self.rows)
        found, xy = cv2.findChessboardCorners(image, size, flags=_QUICK)
        if not found:
            found, xy = cv2.findChessboardCornersSB(image, size)
        if not found:
            return None
        return _grid(self.columns, self.rows), np.reshape(xy, (-1, 2)).astype(np.float64)


@dataclass(frozen=True)
class Charuco:
    """A chessboard with a marker in each white square: a part of it is enough to be recognised."""

    detection_side: ClassVar[int] = 1280  # markers are small
    columns: int
    """Squares along a row."""
    rows: int
    """Squares along a column."""
    dictionary: str = "4x4_50"
    """Name of the markers' dictionary, as OpenCV has it without "DICT_"."""
    marker_share: float = 0.75
    """Side of a marker over the side of a square."""
    legacy: bool = False
    """The layout that OpenCV drew before 4.6, which differs when `rows` is even."""

    def __post_init__(self) -> None:
        _check_size(self, minimum=3)
        number("marker_share", self.marker_share, minimum=0.2, maximum=0.95)
        size = len(_dictionary(self.dictionary).bytesList)
        needed = self.columns * self.rows // 2
        if needed > size:
            raise ValueError(
                f"dictionary: expected one with the {needed} markers of {self.columns}x{self.rows} "
                f"squares, got {self.dictionary} with {size}"
            )

    def __str__(self) -> str:
        layout = " (layout before OpenCV 4.6)" if self.legacy else ""
        return f"ChArUco board of {self.columns}x{self.rows} squares, {self.dictionary}{layout}"

    @property
    def reach(self) -> float:
        """How far from a corner's lines the next marker is, less a little for the lens's blur."""
        return min(Chessboard.reach, 0.45 * (1 - self.marker_share))

    def find(self, image: Image) -> Corners | None:
        """Return the corners beside markers that were read; None when they give no pose."""
        xy, ids = _detector(self).detectBoard(image)[:2]
        if ids is None:
            return None
        board_xy = _grid(self.columns - 1, self.rows - 1)[np.ravel(ids)]
        if not places_board(board_xy):
            return None
        return board_xy, np.reshape(xy, (-1, 2)).astype(np.float64)


def parse_board(text: str) -> Chessboard | Charuco:
    """Return the board that `text` names: "9x6", or "7x5:4x4_50", "7x5:4x4_50:0.7", "…:legacy".

    Raises ValueError that says what is expected.
    """
    parts = _TEXT.fullmatch(text.strip().lower())
    if parts is None:
        raise ValueError(f"board: expected {_FORMS}, got {text!r}")
    columns, rows = int(parts[1]), int(parts[2])
    if parts[3] is None:
        return Chessboard(columns, rows)
    share = float(parts[4] or Charuco.marker_share)
    return Charuco(columns, rows, parts[3], share, legacy=parts[5] is not None)


def refined(image: Image, corners: Corners, reach: float) -> Corners:
    """Return the corners to a few hundredths of a pixel: saddle points within `reach` squares."""
    board_xy, xy = corners
    step = np.nanmin(np.linalg.norm(square_sides(board_xy, xy), axis=-1))
    half = max(2, round(reach * step))
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-3)
    start = np.array(xy, dtype=np.float32, order="C")  # which OpenCV overwrites
    better = cv2.cornerSubPix(image, start, (half, half), (-1, -1), stop)
    inside = ((better > -0.5) & (better < np.array(image.shape[::-1]) - 0.5)).all(axis=1)
    return board_xy[inside], better[inside].astype(np.float64)


def places_board(board_xy: Floats) -> bool:
    """Tell if corners (n, 2) are enough for a pose: six, of which four are around one square."""
    column, row = board_xy.astype(int).T
    seen = np.zeros((row.max(initial=0) + 2, column.max(initial=0) + 2), dtype=bool)
    seen[row, column] = True
    square = seen[:-1, :-1] & seen[1:, :-1] & seen[:-1, 1:] & seen[1:, 1:]
    return len(board_xy) >= 6 and bool(square.any())


def square_sides(board_xy: Floats, xy: Floats) -> Floats:
    """Return (n, 2, 2) px: the sides of a square at each corner, along the row and the column.

    The mean of the steps to both neighbours; NaN where neither is known.
    """
    column, row = board_xy.astype(int).T
    grid = np.full((row.max() + 3, column.max() + 3, 2), np.nan)  # a margin of unknown corners
    grid[row + 1, column + 1] = xy
    steps = []
    for dx, dy in ((1, 0), (0, 1)):
        ahead = grid[row + 1 + dy, column + 1 + dx] - xy
        behind = xy - grid[row + 1 - dy, column + 1 - dx]
        ahead, behind = (
            np.where(np.isfinite(a), a, b) for a, b in ((ahead, behind), (behind, ahead))
        )
        steps.append((ahead + behind) / 2)
    return np.stack(steps, axis=1)


def _grid(columns: int, rows: int) -> Floats:
    """Return (columns · rows, 2): column and row of each corner, row by row."""
    y, x = np.mgrid[:rows, :columns].reshape(2, -1).astype(np.float64)
    return np.column_stack([x, y])


def _check_size(board: Chessboard | Charuco, *, minimum: int) -> None:
    for name in ("columns", "rows"):
        value = getattr(board, name)
        number(name, value, minimum=minimum, maximum=100)
        if int(value) != value:
            raise ValueError(f"{name}: expected a whole number, got {value}")


def _dictionary(name: str) -> Any:
    known = {n[5:].lower(): n for n in dir(cv2.aruco) if n.startswith("DICT_")}
    if name.lower() not in known:
        raise ValueError(f"dictionary: expected one of {', '.join(sorted(known))}, got {name!r}")
    return cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, known[name.lower()]))


@lru_cache(maxsize=4)
def _detector(board: Charuco) -> Any:
    size = (board.columns, board.rows)
    pattern = cv2.aruco.CharucoBoard(size, 1.0, board.marker_share, _dictionary(board.dictionary))
    pattern.setLegacyPattern(board.legacy)
    return cv2.aruco.CharucoDetector(pattern)
