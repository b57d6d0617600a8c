"""Picture points followed through windows of a video: what the camera's motion is read from.

Points are (x, y) px of the full-size picture, the centre of the top-left pixel is (0, 0). Times are
presentation times in s. The same video always gives the same tracks.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyro_data import repeated
from gyro_data.checks import Floats, increasing, number, read_only
from stabilizer.flow import MARGIN, Image, Points, corners, follow, reduced
from stabilizer.video import Frame, VideoInfo, VideoReader

Indices = NDArray[np.intp]

_MAX_ROUND_TRIP = 0.35  # px of the reduced picture
_STRONG = 12.0  # grey levels per px; of weaker corners a codec shows where they were before
_LEAST_SLOPE = 3.0  # grey levels per px; what is weaker may be what a codec left standing still
_ENOUGH = 0.15  # of the cells with a strong corner: weaker ones are left out
_REFILL_AFTER = 5  # frames
_REFILL_BELOW = 0.7  # of the points there were after the last refill
_NEARLY = 1.1  # times the rate asked for is no reason to leave out every other frame


@dataclass(frozen=True, eq=False)
class Pairs:
    """Points seen in two successive frames: m points in K frame pairs."""

    pair: Indices
    """(m,) which frame pair, non-decreasing."""
    t_from: Floats
    """(K,) s, when the first frame of each pair is presented; a pair may have no points."""
    t_to: Floats
    """(K,) s, when the second one is."""
    xy_from: Floats
    """(m, 2) px"""
    xy_to: Floats
    """(m, 2) px"""

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        for name in ("t_from", "t_to"):
            set_field(self, name, read_only(name, getattr(self, name), ("K",)))
        set_field(self, "pair", _ordered("pair", self.pair, len(self.t_from)))
        for name in ("xy_from", "xy_to"):
            set_field(self, name, read_only(name, getattr(self, name), (len(self.pair), 2)))
        if self.t_to.shape != self.t_from.shape or (self.t_to <= self.t_from).any():
            raise ValueError("t_to: expected one time after each of t_from")


@dataclass(frozen=True, eq=False)
class Tracks:
    """Points followed through the frames of windows of a video: n observations in F frames."""

    t: Floats
    """(F,) s, when the frames used are presented, strictly increasing."""
    window: Indices
    """(F,) which window each frame belongs to, non-decreasing."""
    frame: Indices
    """(n,) the frame of each observation, an index into `t`, non-decreasing."""
    identity: Indices
    """(n,) the point observed: once in a frame, in one window only. Points that occur in a single
    frame say nothing of motion and are left out."""
    xy: Floats
    """(n, 2) px of the full-size picture."""
    width: int
    """px of the full-size picture."""
    height: int
    """px of the full-size picture."""

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        for side in ("width", "height"):
            set_field(self, side, int(number(side, getattr(self, side), minimum=1)))
        t = increasing("t", read_only("t", self.t, ("F",)))
        window = _ordered("window", self.window)
        frame = _ordered("frame", self.frame, len(t))
        identity = _indices("identity", self.identity)
        xy = read_only("xy", self.xy, ("n", 2))
        for name, array, length in (
            ("window", window, len(t)),
            ("identity", identity, len(frame)),
            ("xy", xy, len(frame)),
        ):
            if len(array) != length:
                raise ValueError(f"{name}: expected length {length}, got {len(array)}")
        _check_identities(identity, frame, window)
        seen_again = repeated(identity)
        for name, array in (("frame", frame), ("identity", identity), ("xy", xy)):
            kept = array[seen_again]
            kept.setflags(write=False)
            set_field(self, name, kept)
        set_field(self, "t", t)
        set_field(self, "window", window)

    def pairs(self) -> Pairs:
        """Return every point that is seen in two successive frames of a window."""
        first = np.flatnonzero(np.diff(self.window) == 0)  # (K,) frames that have a successor
        order = np.lexsort([self.frame, self.identity])
        before, after = order[:-1], order[1:]  # a point's observations are neighbours
        together = self.identity[before] == self.identity[after]
        together &= self.frame[before] + 1 == self.frame[after]
        before, after = before[together], after[together]
        by_frame = np.argsort(before)
        before, after = before[by_frame], after[by_frame]
        return Pairs(
            pair=np.searchsorted(first, self.frame[before]),
            t_from=self.t[first],
            t_to=self.t[first + 1],
            xy_from=self.xy[before],
            xy_to=self.xy[after],
        )


def track_video(
    video: VideoInfo,
    windows: Sequence[tuple[float, float]],
    *,
    max_width: int = 640,
    max_rate: float = 30.0,
    max_points: int = 200,
    progress: Callable[[int, int], None] | None = None,
) -> Tracks:
    """Follow corners through the frames with start <= t < end of each window (start, end) s.

    Args:
        video: the facts of the file, as `probe` gives them; only the windows are decoded.
        windows: increasing, apart from each other; one may hold no frame.
        max_width: px; larger pictures are reduced to it by averaging areas.
        max_rate: frames/s; of faster videos (by more than a tenth) every k-th frame is used.
        max_points: points followed at a time, at most one born in each cell of a grid over the
            whole picture. Weak corners are left out where strong ones are enough.
        progress: called with the number of frames done and of all frames.

    Shi-Tomasi corners and pyramidal Lucas-Kanade there and back. Lost points are replaced by new
    ones. Raises ValueError or TypeError that names the argument; StabilizerError for the file.
    """
    spans = _checked_windows(windows)
    width = min(video.width, int(number("max_width", max_width, minimum=64)))
    height = max(1, round(video.height * width / video.width))
    stride = _stride(video.frame_times, number("max_rate", max_rate, above=0))
    max_points = int(number("max_points", max_points, minimum=8))
    n_frames = sum(
        -(-n // stride) for n in np.diff(np.searchsorted(video.frame_times, spans))[:, 0]
    )
    scale = np.array([video.width / width, video.height / height])
    t: list[float] = []
    window: list[int] = []
    seen: list[tuple[Indices, Floats]] = []  # identities (p,), px (p, 2)
    follower = _Follower(max_points)
    for index, frame in _frames(video, spans, stride):
        if window[-1:] != [index]:
            follower.start_anew()
        identity, xy = follower.see(
            reduced(frame.planes[0], width, height, frame.pixel_format.bits)
        )
        t.append(frame.t)
        window.append(index)
        seen.append((identity, (xy + 0.5) * scale - 0.5))
        if progress is not None:
            progress(len(t), n_frames)
    return Tracks(
        t=np.array(t),
        window=np.array(window, dtype=np.intp),
        frame=np.repeat(np.arange(len(t)), [len(identity) for identity, _ in seen]),
        identity=np.concatenate([np.empty(0, np.intp), *(identity for identity, _ in seen)]),
        xy=np.concatenate([np.empty((0, 2)), *(xy for _, xy in seen)]),
        width=video.width,
        height=video.height,
    )


def _frames(video: VideoInfo, spans: Floats, stride: int) -> Iterator[tuple[int, Frame]]:
    """Yield every `stride`-th frame of each window, and which window it is."""
    for index, (start, end) in enumerate(spans):
        with VideoReader(video, start=start, end=end) as frames:
            for frame in islice(frames, 0, None, stride):
                yield index, frame


class _Follower:
    """The points in view, oldest first, as one picture after the other comes in."""

    def __init__(self, max_points: int) -> None:
        self._max_points = max_points
        self._born = 0
        self.start_anew()

    def start_anew(self) -> None:
        """Forget the picture and its points; identities are not used again."""
        self._picture: Image | None = None
        self._identity: Indices = np.empty(0, np.intp)
        self._points: Points = np.empty((0, 2), np.float32)
        self._enough = math.inf
        self._age = 0

    def see(self, picture: Image) -> tuple[Indices, Points]:
        """Return the points of the next picture: identities (p,) and px (p, 2)."""
        if self._picture is not None:
            moved, kept = follow(
                self._picture, picture, self._points, max_round_trip=_MAX_ROUND_TRIP
            )
            self._points, self._identity = moved[kept], self._identity[kept]
        self._picture = picture
        self._age += 1
        identity, points = self._identity, self._points
        if self._age > _REFILL_AFTER or len(points) < self._enough:
            new = self._refill(picture)  # drops points that were seen here: for the next picture
            identity = np.concatenate([identity, self._identity[new]])
            points = np.concatenate([points, self._points[new]])
        return identity, points

    def _refill(self, picture: Image) -> slice:
        """Keep the oldest point in each cell of the grid, add the best corners of empty ones."""
        found, slope = corners(picture, least_slope=_LEAST_SLOPE)
        for new_ones in (found[slope > _STRONG], found):
            points = np.concatenate([self._points, new_ones])
            cell = _cells(points, picture.shape, self._max_points)
            first = np.sort(np.unique(cell, return_index=True)[1])
            if len(first) > _ENOUGH * self._max_points:
                break
        kept, new = np.split(first, [np.searchsorted(first, len(self._points))])
        born = np.arange(self._born, self._born + len(new))
        self._identity = np.concatenate([self._identity[kept], born])
        self._points = points[first]
        self._born += len(new)
        self._enough = _REFILL_BELOW * len(first)
        self._age = 0
        return slice(len(kept), None)


def _cells(points: Points, shape: tuple[int, ...], n: int) -> Indices:
    """Return in which of some n squarish cells, `MARGIN` px inside, points (N, 2) px lie."""
    size = np.array(shape[::-1]) - 2 * MARGIN  # px
    counts = np.maximum(1, size * math.sqrt(n / max(1, math.prod(size)))).astype(np.intp)
    column, row = np.clip((points - MARGIN) * counts / size, 0, counts - 1).astype(np.intp).T
    return np.asarray(row * counts[0] + column)


def _stride(frame_times: Floats, max_rate: float) -> int:
    """Return k: every k-th frame is used."""
    if len(frame_times) < 2:
        return 1
    rate = 1.0 / float(np.median(np.diff(frame_times)))
    return max(1, math.ceil(rate / (_NEARLY * max_rate)))


def _checked_windows(windows: Sequence[tuple[float, float]]) -> Floats:
    """Return (W, 2) s, if each window ends after its start and before the next one's."""
    spans = read_only("windows", windows if len(windows) else np.empty((0, 2)), ("W", 2))
    if (spans[:, 1] <= spans[:, 0]).any() or (spans[1:, 0] < spans[:-1, 1]).any():
        raise ValueError(f"windows: expected (start, end) s one after the other, got {windows}")
    return spans


def _indices(name: str, value: Any) -> Indices:
    """Copy `value` to a read-only array (N,) of integers."""
    array = np.array(value)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(f"{name}: expected integers (N,), got {array.dtype} {array.shape}")
    array = array.astype(np.intp)
    array.setflags(write=False)
    return array


def _ordered(name: str, value: Any, limit: int | None = None) -> Indices:
    """Copy `value` to a read-only array (N,) of indices that never decrease, below `limit`."""
    array = _indices(name, value)
    if (np.diff(array) < 0).any():
        raise ValueError(f"{name}: expected no index below the one before")
    if len(array) and (array[0] < 0 or (limit is not None and array[-1] >= limit)):
        below = "" if limit is None else f" and below {limit}"
        raise ValueError(f"{name}: expected indices >= 0{below}, got {array[[0, -1]]}")
    return array


def _check_identities(identity: Indices, frame: Indices, window: Indices) -> None:
    """Raise ValueError if a point occurs twice in a frame or in two windows."""
    order = np.lexsort([frame, identity])
    same = np.diff(identity[order]) == 0
    twice = same & (np.diff(frame[order]) == 0)
    crossing = same & (np.diff(window[frame[order]]) != 0)
    for wrong, fact in ((twice, "at most once in a frame"), (crossing, "in one window only")):
        if wrong.any():
            raise ValueError(f"identity: expected {fact}, got {identity[order][1:][wrong][0]}")
