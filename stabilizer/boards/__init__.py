"""A lens measured by filming a board: frames of a chessboard or ChArUco board in, a `Camera` out.

`find_views` looks for still, sharp and differing views, `calibrate_lens` fits the lens to their
corners, `draw_coverage` shows where in the picture it is known.
"""

from stabilizer.boards.board import Board, Charuco, Chessboard, parse_board
from stabilizer.boards.calibration import LensCalibration, calibrate_lens
from stabilizer.boards.drawing import draw_coverage
from stabilizer.boards.views import View, find_views

__all__ = [
    "Board",
    "Charuco",
    "Chessboard",
    "LensCalibration",
    "View",
    "calibrate_lens",
    "draw_coverage",
    "find_views",
    "parse_board",
]
