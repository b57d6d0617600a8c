"""Where picture points go from one frame to the next, and the homography that they share.

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


def to_8_bit(luma: Plane) -> Image:
    """Return luma (H, W) in 8 bits; uint16 holds 10 significant bits, as in every `PixelFormat`."""
    if luma.ndim != 2 or luma.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"luma: expected uint8 or uint16 (H, W), got {luma.dtype} {luma.shape}")
    return luma.astype(np.uint8, copy=False) if luma.itemsize == 1 else (luma >> 2).astype(np.uint8)


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
    corners: Points = found.reshape(-1, 2)
    moved, followed = _follow(start, end, corners)
    returned, followed_back = _follow(end, start, moved)
    round_trip = np.linalg.norm(returned - corners, axis=-1)
    keep = followed & followed_back & (round_trip < max_round_trip)
    keep &= _window_inside(corners, start.shape) & _window_inside(moved, start.shape)
    return corners[keep].astype(np.float64), moved[keep].astype(np.float64)


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


def _follow(start: Image, end: Image, points: Points) -> tuple[Points, Bools]:
    """Find `points (N, 2)` of `start` in `end`: where they are now, and whether they were found."""
    moved, status, _ = cv2.calcOpticalFlowPyrLK(
        start,
        end,
        points,
        np.empty_like(points),
        winSize=(_WINDOW, _WINDOW),
        maxLevel=_PYRAMID_LEVELS - 1,
    )
    return np.asarray(moved, np.float32), np.ravel(np.asarray(status)) == 1


def _window_inside(points: Points, shape: tuple[int, ...]) -> Bools:
    """Tell which windows lie in the picture; others see mirrored pixels, which pull the result."""
    margin = _WINDOW // 2
    last = np.array(shape[::-1]) - 1 - margin
    return np.asarray(((points >= margin) & (points <= last)).all(axis=-1))
