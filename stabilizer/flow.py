"""Corners, where they go from one frame to the next, and the homography that they share.

Points are (x, y) in px with the centre of the top-left pixel at (0, 0). The same frames always
give the same result.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gyro_data.checks import Bools, Floats
from stabilizer.video.base import Plane

Image = NDArray[np.uint8]
Points = NDArray[np.float32]

_WINDOW = 21  # px, the side of the Lucas-Kanade patch
_PYRAMID_LEVELS = 4  # follows steps of up to about 80 px
_LEVELS_BACK = 2  # the way back is known but for what a point moves otherwise than most
_SMOOTHING = 0.7  # px: a box leaves detail that interpolation between pixels gets wrong

MARGIN = _WINDOW // 2
"""px between the picture's edge and the points that can be followed."""


def to_8_bit(luma: Plane, bits: int = 10) -> Image:
    """Return luma (H, W) in 8 bits; uint16 holds so many significant `bits`."""
    if luma.ndim != 2 or luma.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"luma: expected uint8 or uint16 (H, W), got {luma.dtype} {luma.shape}")
    if luma.itemsize == 1:
        return luma.astype(np.uint8, copy=False)
    return (luma >> (bits - 8)).astype(np.uint8)


def track(
    previous: Plane,
    current: Plane,
    *,
    max_points: int = 500,
    quality: float = 0.005,
    max_round_trip: float = 0.5,
) -> tuple[Floats, Floats]:
    """Follow corners from one luma plane (H, W) to the next: two times (N, 2) px, before and after.

    Shi-Tomasi corners of at least `quality` times the best and H/60 apart; pyramidal Lucas-Kanade.
    A point stays if tracking it back ends within `max_round_trip` px of its start. N may be 0.
    """
    if previous.shape != current.shape:
        raise ValueError(f"current: expected shape {previous.shape}, got {current.shape}")
    start, end = to_8_bit(previous), to_8_bit(current)
    found: Any = cv2.goodFeaturesToTrack(start, max_points, quality, start.shape[0] / 60)
    if found is None:  # a flat picture
        return np.empty((0, 2)), np.empty((0, 2))
    points: Points = found.reshape(-1, 2)
    moved, keep = follow(start, end, points, max_round_trip=max_round_trip)
    return points[keep].astype(np.float64), moved[keep].astype(np.float64)


def follow(
    previous: Image, current: Image, points: Points, *, max_round_trip: float
) -> tuple[Points, Bools]:
    """Find `points (N, 2)` px of one picture in the next: where they are, and which to believe.

    These come back to within `max_round_trip` px of their start when they are tracked back, from
    where most points would be, and lie at least `MARGIN` px inside both pictures.
    """
    if not len(points):
        return points, np.zeros(0, dtype=bool)
    moved, followed = _follow(previous, current, points, points, _PYRAMID_LEVELS)
    near = moved - np.median(moved - points, axis=0)
    returned, followed_back = _follow(current, previous, moved, near, _LEVELS_BACK)
    round_trip = np.linalg.norm(returned - points, axis=-1)
    keep = followed & followed_back & (round_trip < max_round_trip)
    return moved, keep & _window_inside(points, current.shape) & _window_inside(
        moved, current.shape
    )


def corners(picture: Image, *, least_slope: float) -> tuple[Points, Floats]:
    """Return the corners (N, 2) px of a picture, `MARGIN` px inside it, and slopes, steepest first.

    Shi-Tomasi: peaks of the smaller eigenvalue λ of the mean over 3x3 px of ∇I ∇Iᵀ, with √λ, the
    slope across the weakest direction, above `least_slope` grey levels per px.
    """
    strength: Any = cv2.cornerMinEigenVal(picture, 3)  # (2 √λ / 255)²
    peak = strength == cv2.dilate(strength, np.ones((3, 3), np.uint8))
    peak &= strength > (2 * least_slope / 255) ** 2
    y, x = np.nonzero(peak)
    order = np.argsort(-strength[y, x], kind="stable")
    points = np.column_stack([x, y])[order].astype(np.float32)
    slope = 255 / 2 * np.sqrt(strength[y, x][order], dtype=np.float64)
    inside = _window_inside(points, picture.shape)
    return points[inside], slope[inside]


def reduced(luma: Plane, width: int, height: int, bits: int = 10) -> Image:
    """Return luma (H, W) in 8 bits at a size that is not larger, smoothed for tracking.

    uint16 holds so many significant `bits`. Pixels are averages over their area:
    x_full = (x + ½) W / width − ½.
    """
    picture: Any = cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA)
    smooth: Any = cv2.GaussianBlur(to_8_bit(picture, bits), (0, 0), _SMOOTHING)
    return np.asarray(smooth, np.uint8)


def fit_homography(
    xy_from: Floats, xy_to: Floats, *, tolerance: float
) -> tuple[Floats, Bools] | None:
    """Fit `xy_to ~ H @ (xy_from, 1)` to the points that agree: `(H (3, 3), inliers (N,))`.

    MAGSAC picks inliers, which miss by less than about `tolerance` px, and least squares on these
    give H. None when no four points agree.
    """
    if len(xy_from) < 4:
        return None
    matrix: Any  # None on failure
    matrix, mask = cv2.findHomography(xy_from, xy_to, cv2.USAC_MAGSAC, tolerance)
    if matrix is None:
        return None
    inliers = np.ravel(mask) > 0
    # With a tenth of outliers, MAGSAC's own matrix has four times the error of this one.
    refined: Any
    refined, _ = cv2.findHomography(xy_from[inliers], xy_to[inliers])
    return None if refined is None else (refined, inliers)


def _follow(
    start: Image, end: Image, points: Points, near: Points, levels: int
) -> tuple[Points, Bools]:
    """Find `points (N, 2)` of `start` in `end`, searched from `near`: where, and if, they are."""
    moved, status, _ = cv2.calcOpticalFlowPyrLK(
        start,
        end,
        points,
        near.copy(),
        winSize=(_WINDOW, _WINDOW),
        maxLevel=levels - 1,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    return np.asarray(moved, np.float32), np.ravel(np.asarray(status)) == 1


def _window_inside(points: Points, shape: tuple[int, ...]) -> Bools:
    """Tell which windows lie in the picture; others see mirrored pixels, which pull the result."""
    last = np.array(shape[::-1]) - 1 - MARGIN
    return np.asarray(((points >= MARGIN) & (points <= last)).all(axis=-1))
