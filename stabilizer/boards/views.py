"""Views of a board in a clip: still, sharp and differing ones of hundreds of nearly equal frames.

Frames come as (t, luma (H, W)); t is presentation time in s and only labels them. Stillness counts
because a rolling shutter bends what moves.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np

from gyro_data.checks import Floats, number, read_only
from stabilizer.boards.board import Board, places_board, refined, square_sides
from stabilizer.errors import StabilizerError
from stabilizer.flow import Image, to_8_bit
from stabilizer.video.base import Plane

LOG = logging.getLogger(__name__)

STILL = 0.001
"""Picture widths per frame: motion that rolling shutter does not make much of."""

_SHARP = 1.5  # an edge up to so many times as wide as in the sharpest tenth is sharp enough
_SHARPEST = 2.0  # px, the width of an edge in a picture that could not be sharper
_DISTINCT = 0.03  # picture widths; see `_appearance`
_PERSPECTIVE = 0.25  # what a tilt counts beside a shift: 40° about as much as a third of the width


@dataclass(frozen=True, eq=False)
class View:
    """One picture of a board."""

    t: float
    """s, presentation time of the frame."""
    board_xy: Floats
    """(n, 2) squares: column and row of each corner on the board."""
    xy: Floats
    """(n, 2) px: where it is in the picture."""
    edge_width: float = 0.0
    """px from black to white across an edge, in the blurred direction; 2 is sharp."""
    motion: float = 0.0
    """px that the board moved since the frame before."""

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        board_xy = read_only("board_xy", self.board_xy, ("n", 2))
        if (board_xy < 0).any() or (board_xy % 1 > 0).any() or not places_board(board_xy):
            raise ValueError(
                "board_xy: expected columns and rows of six corners or more, four of them around "
                f"one square, got {board_xy.tolist()}"
            )
        set_field(self, "board_xy", board_xy)
        set_field(self, "xy", read_only("xy", self.xy, (len(self.board_xy), 2)))


class _Moment(NamedTuple):
    """The stillest frame of an interval."""

    t: float
    image: Image
    small: Image
    before: Image
    """The frame before it, as small."""


def find_views(
    frames: Iterable[tuple[float, Plane]],
    board: Board,
    *,
    max_views: int = 40,
    interval: float = 0.25,
    max_motion: float = 0.003,
) -> list[View]:
    """Return up to `max_views` still, sharp and distinct views of the board, in order of time.

    In each `interval` of s the stillest frame is searched; views that moved by more than
    `max_motion` picture widths since the frame before, or are blurred, do not count. Of the rest
    those are taken that differ most in place, size and tilt, the stiller and sharper the rather:
    a move of 0.1 % of the width per frame costs, through rolling shutter, 0.05 % of focal length.
    Raises StabilizerError when no view is left.
    """
    number("max_views", max_views, minimum=1)
    number("interval", interval, minimum=0)
    number("max_motion", max_motion, above=0)
    looked_at, seen, width = 0, [], 0
    for moment in _still_moments(frames, interval, board.detection_side):
        looked_at, width = looked_at + 1, moment.image.shape[1]
        view = _look(moment, board)
        seen += [] if view is None else [view]
    LOG.info("%s found in %d of %d frames looked at", board, len(seen), looked_at)
    if not seen:
        raise StabilizerError(
            f"no {board} in the {looked_at} frames looked at: check its numbers, show the whole "
            "board with a white margin, evenly lit and at least a fifth of the picture wide"
        )
    still = [v for v in seen if v.motion <= max_motion * width]
    if not still:
        raise StabilizerError(
            f"the board moves in all {len(seen)} frames where it was found, by "
            f"{min(v.motion for v in seen):.1f} px per frame or more: hold still for half a "
            "second at each view"
        )
    limit = max(_SHARPEST, float(np.quantile([v.edge_width for v in still], 0.1))) * _SHARP
    sharp = [v for v in still if v.edge_width <= limit]
    chosen = _most_different(sharp, max_views, width)
    LOG.info("views: %d still, %d of them sharp, %d distinct", len(still), len(sharp), len(chosen))
    return sorted(chosen, key=lambda v: v.t)


def _still_moments(
    frames: Iterable[tuple[float, Plane]], interval: float, side: int
) -> Iterator[_Moment]:
    """Yield of each interval the frame that differs least from the one before."""
    before: Image | None = None
    best: _Moment | None = None
    least, start = np.inf, -np.inf
    for t, luma in frames:
        image = to_8_bit(luma)
        small = _reduced(image, side)
        if best is not None and t - start >= interval:
            yield best
            best = None
        if best is None:
            least, start = np.inf, t
        if before is not None and (change := float(cv2.absdiff(small, before).mean())) < least:
            least, best = change, _Moment(t, image.copy(), small, before)
        before = small
    if best is not None:
        yield best


def _reduced(image: Image, side: int) -> Image:
    """Return a copy whose longer side is at most `side` px."""
    height, width = image.shape
    scale = min(1.0, side / max(height, width))
    size = (round(width * scale), round(height * scale))
    return np.array(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _look(moment: _Moment, board: Board) -> View | None:
    """Find the board in the small picture, its corners in the full one."""
    corners = board.find(moment.small)
    if corners is None:
        return None
    scale = np.array(moment.image.shape[::-1]) / moment.small.shape[::-1]
    board_xy, xy = refined(
        moment.image, (corners[0], (corners[1] + 0.5) * scale - 0.5), board.reach
    )
    if not places_board(board_xy):
        return None
    motion = _motion(moment.small, moment.before, corners[1]) * float(scale.mean())
    return View(
        moment.t, board_xy, xy, _edge_width(moment.image, board_xy, xy, board.reach), motion
    )


def _motion(small: Image, before: Image, xy: Floats) -> float:
    """Return by how many px the corners moved since the frame before; infinite when they vanish."""
    start = np.array(xy, dtype=np.float32, order="C")
    moved: Any
    moved, status, _ = cv2.calcOpticalFlowPyrLK(small, before, start, None, winSize=(15, 15))
    followed = np.ravel(status) > 0
    if not followed.any():
        return np.inf
    return float(np.median(np.linalg.norm((moved - start)[followed], axis=-1)))


def _edge_width(image: Image, board_xy: Floats, xy: Floats, reach: float) -> float:
    """Return how many px an edge takes from black to white, across rows or columns, the wider.

    The board's contrast over the steepest slope of a typical edge halfway between two corners.
    """
    sides = square_sides(board_xy, xy)
    along = np.linspace(-reach, reach, 15)[:, None]
    slopes = []
    for edge, across in ((sides[:, 0], sides[:, 1]), (sides[:, 1], sides[:, 0])):
        line = (xy + edge / 2)[:, None] + along * across[:, None]  # (n, 15, 2)
        pixel = (across / np.linalg.norm(across, axis=-1, keepdims=True))[:, None]
        slope = np.abs(_sampled(image, line + pixel) - _sampled(image, line - pixel)) / 2
        slopes.append(np.nanmedian(slope.max(axis=1)))
    left, top = np.floor(xy.min(axis=0)).astype(int)
    right, bottom = np.ceil(xy.max(axis=0)).astype(int)
    black, white = np.percentile(image[top : bottom + 1, left : right + 1], (2, 98))
    return float((white - black) / max(np.min(slopes), 1e-6))


def _sampled(image: Image, xy: Floats) -> Floats:
    """Return the image at points (n, m, 2) by linear interpolation; NaN where a point is NaN."""
    values = cv2.remap(
        image.astype(np.float32),
        np.nan_to_num(xy).astype(np.float32),
        None,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.where(np.isnan(xy).any(axis=-1), np.nan, values)


def _most_different(views: list[View], n: int, width: int) -> list[View]:
    """Choose by farthest points: each time the view that looks least like any chosen one.

    T. Gonzalez, Clustering to minimize the maximum intercluster distance, 1985. Blur and motion
    shrink a view's distance.
    """
    looks = np.array([_appearance(v, width) for v in views])
    motion = np.array([v.motion for v in views]) / (STILL * width)
    worth = 1 / ((1 + motion**2) * np.maximum([v.edge_width for v in views], _SHARPEST))
    chosen = [int(np.argmax(worth))]
    distance = np.linalg.norm(looks - looks[chosen[0]], axis=1)
    while len(chosen) < n and (distance > _DISTINCT).any():
        chosen.append(int(np.argmax(np.where(distance > _DISTINCT, distance * worth, 0))))
        distance = np.minimum(distance, np.linalg.norm(looks - looks[chosen[-1]], axis=1))
    return [views[i] for i in chosen]


def _appearance(view: View, width: int) -> Floats:
    """Return (8,) place, sides and perspective of a view, in picture widths.

    The perspective is how much larger squares are at one end than at the other: the slope of
    log area over the board. A board seen from the other end looks the same.
    """
    sides = square_sides(view.board_xy, view.xy)
    extent = np.ptp(view.board_xy, axis=0)
    area = np.abs(sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0])
    known = area > 0  # not NaN either
    design = np.column_stack([np.ones(len(area)), view.board_xy])[known]
    slopes = np.linalg.lstsq(design, np.log(area[known]), rcond=None)[0][1:] * extent
    size = np.nanmean(sides, axis=0) * extent[:, None] / width
    turned = 1.0 if size[0, 0] + size[1, 1] >= 0 else -1.0
    place = view.xy.mean(axis=0) / width
    return np.concatenate([place, turned * size.ravel(), turned * _PERSPECTIVE * slopes])
