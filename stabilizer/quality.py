"""How steady a clip is, from its pixels alone: luma planes and times in, one `Steadiness` out.

`observe` looks at pixels (homographies, residuals, borders), `score` turns that into numbers.
Lengths are px at 1080 lines, per-frame figures are those of 30 frames/s, unless a field says other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, make_interp_spline
from scipy.ndimage import label
from scipy.signal import butter, sosfiltfilt

from gyro_data.checks import Bools, Floats, increasing, read_only
from stabilizer.errors import StabilizerError
from stabilizer.flow import fit_homography, to_8_bit, track
from stabilizer.video.base import Plane
from stabilizer.warp import transform_points

_LINES = 1080.0
_RATE = 30.0  # frames/s
_MIN_DURATION = 2.0  # s
_SKIPPED = 0.5  # s at both ends, where the filters settle
_MIN_TRACKS = 15
_MAX_FAILED = 0.2
_UNEVEN = 1.5e-3  # s; even times that a container rounds to a millisecond stay below
_GRID = np.array([(x, y) for y in (0.2, 0.5, 0.8) for x in (0.2, 0.5, 0.8)])
_ROW_BANDS = 12


@dataclass(frozen=True, eq=False)
class Observation:
    """What the pixels of a clip of F frames show; lengths are px of the clip itself."""

    times: Floats
    """(F,) s, strictly increasing; at least 2 s and more than 16 frames/s."""
    width: int
    """px"""
    height: int
    """px"""
    homographies: Floats
    """(F−1, 3, 3) previous frame → frame, in px; the identity where tracking failed."""
    residuals: Sequence[Floats]
    """F−1 arrays (N, 3) px: y in the previous frame, then tracked − predicted x and y of each
    inlier; N is 0 where tracking failed."""
    border_pixels: Sequence[int]
    """F counts of black pixels connected to the border."""
    replicated_edges: Sequence[bool]
    """F answers: are three or more rows or columns at a border the same?"""

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        set_field(self, "times", _checked_times(self.times))
        n = len(self.times)
        set_field(self, "homographies", read_only("homographies", self.homographies, (n - 1, 3, 3)))
        lengths = {"residuals": n - 1, "border_pixels": n, "replicated_edges": n}
        for name, expected in lengths.items():
            if len(getattr(self, name)) != expected:
                raise ValueError(f"{name}: expected {expected}, got {len(getattr(self, name))}")

    @property
    def frame_rate(self) -> float:
        """Mean number of frames per second."""
        return _frame_rate(self.times)

    @property
    def found(self) -> Bools:
        """(F−1,) where the motion between two frames was found."""
        return np.array([len(r) > 0 for r in self.residuals])


@dataclass(frozen=True)
class Steadiness:
    """What shakes in a clip.

    Borders, wobble and residuals look at all frames, the rest leaves out 0.5 s at both ends. There
    a slow swing of 100 px at 0.3 Hz still seems to jitter by about 0.3 px in 3 s, 0.15 px in 10 s.
    """

    n_frames: int
    """Frames seen."""
    frame_rate: float
    """Frames per second, mean."""
    failed_pairs: int
    """Frame pairs without enough tracks; their motion was interpolated."""
    jitter_px: float
    """RMS distance of a picture point from its path smoothed below 1 Hz, px at 1080 lines."""
    jitter_bands_px: tuple[float, float, float]
    """`jitter_px` of the bands 1–3 Hz, 3–8 Hz and above 8 Hz alone."""
    frame_motion_px: float
    """RMS motion from frame to frame above 1 Hz, px at 1080 lines per 1/30 s."""
    acceleration_px: float
    """RMS change of the motion, slow motion included: px at 1080 lines per (1/30 s)²."""
    jerk_px: float
    """RMS change of the acceleration, px at 1080 lines per (1/30 s)³."""
    rotation_jitter_deg: float
    """RMS roll above 1 Hz, degrees."""
    zoom_jitter_percent: float
    """RMS change of scale above 1 Hz, percent."""
    skew_px: float
    """RMS shear and stretch from frame to frame above 1 Hz, as the shift half a picture height from
    the centre: px at 1080 lines per 1/30 s. Rolling shutter looks like this."""
    wobble_px: float
    """RMS motion of 12 row bands against the homography, px at 1080 lines per 1/30 s; free of the
    tracking noise, which differs between two halves of the points."""
    residual_px: float
    """RMS distance between inliers and their frame pair's homography, px of the clip itself."""
    residual_median_px: float
    """Median of the same distances, px of the clip itself."""
    border_pixels: int
    """Black pixels connected to the border, summed over all frames, px of the clip itself."""
    border_percent: float
    """Share of the worst frame that these cover, percent."""
    replicated_edge_frames: int
    """Frames in which three or more rows or columns at a border are the same."""


def measure(
    frames: Iterable[Plane], times: Sequence[float] | Floats, *, full_range: bool = False
) -> Steadiness:
    """Measure the steadiness of luma planes (H, W) shown at `times (F,)` s.

    `full_range`: black is 0 instead of 16. A picture that is itself black at the border counts as
    border, so compare with the same clip before. Raises ValueError for a clip under 2 s or with
    16 frames/s or less, StabilizerError if tracking fails in over 20 % of the frame pairs.
    """
    return score(observe(frames, times, full_range=full_range))


def observe(
    frames: Iterable[Plane], times: Sequence[float] | Floats, *, full_range: bool = False
) -> Observation:
    """Track every frame pair and inspect every border; the pictures are read once, in order."""
    t, black = _checked_times(times), 0 if full_range else 16
    matches, borders, replicated = [], [], []
    previous = None
    for plane in frames:
        luma = to_8_bit(plane)
        borders.append(count_border_pixels(luma, black))
        replicated.append(has_replicated_edge(luma))
        if previous is not None:
            matches.append(match(previous, luma))
        previous = luma
    if len(borders) != len(t):
        raise ValueError(f"frames: expected {len(t)}, as many as times, got {len(borders)}")
    return Observation(
        times=t,
        width=luma.shape[1],
        height=luma.shape[0],
        homographies=np.array([h for h, _ in matches]),
        residuals=[r for _, r in matches],
        border_pixels=borders,
        replicated_edges=replicated,
    )


def match(previous: Plane, current: Plane) -> tuple[Floats, Floats]:
    """Return the homography (3, 3) px between two frames and its inliers' residuals (N, 3).

    Residuals are as in `Observation`; with fewer than 15 inliers there are none.
    """
    xy_from, xy_to = track(previous, current)
    fit = fit_homography(xy_from, xy_to, tolerance=1.5 * previous.shape[0] / _LINES + 0.5)
    if fit is None or np.count_nonzero(fit[1]) < _MIN_TRACKS:
        return np.eye(3), np.empty((0, 3))
    matrix, inlier = fit
    missed = xy_to[inlier] - transform_points(xy_from[inlier], matrix)
    return matrix, np.column_stack([xy_from[inlier, 1], missed])


def count_border_pixels(luma: NDArray[np.uint8], black: int) -> int:
    """Count the pixels of `luma` up to `black` + 2 that connect to the border by 4 neighbours."""
    dark = luma <= black + 2
    if not (dark[[0, -1]].any() or dark[:, [0, -1]].any()):
        return 0
    regions, _ = label(dark)
    rim = np.concatenate([*regions[[0, -1]], *regions[:, [0, -1]].T])
    sizes = np.bincount(regions.ravel())
    return int(sizes[np.unique(rim[rim > 0])].sum())


def has_replicated_edge(luma: NDArray[np.uint8]) -> bool:
    """Tell whether three outermost rows or columns are equal, and not one flat tone.

    To the last bit, so ask it of pictures that no lossy codec has touched.
    """
    sides = (luma[:3], luma[-3:], luma[:, :3].T, luma[:, -3:].T)
    return any(bool((s == s[0]).all() and np.ptp(s[0]) > 0) for s in sides)


def score(observation: Observation) -> Steadiness:
    """Turn homographies, residuals and borders into numbers. Raises as `measure` does."""
    _check_found(observation.found)
    fps = observation.frame_rate
    path = grid_path(observation)
    turn, log_zoom, skew = (_accumulate(observation, s) for s in _centre_changes(observation))
    frame_area = observation.width * observation.height
    distances = np.concatenate([np.hypot(r[:, 1], r[:, 2]) for r in observation.residuals])
    return Steadiness(
        n_frames=len(observation.times),
        frame_rate=fps,
        failed_pairs=int(np.count_nonzero(~observation.found)),
        jitter_px=_rms(_band(path, fps, 1.0), fps),
        jitter_bands_px=(
            _rms(_band(path, fps, 1.0, 3.0), fps),
            _rms(_band(path, fps, 3.0, 8.0), fps),
            _rms(_band(path, fps, 8.0), fps),
        ),
        frame_motion_px=motion_above(observation, 1.0),
        acceleration_px=_rms(_differences(path, fps, 2), fps),
        jerk_px=_rms(_differences(path, fps, 3), fps),
        rotation_jitter_deg=float(np.degrees(_rms(_band(turn, fps, 1.0), fps))),
        zoom_jitter_percent=100 * _rms(_band(log_zoom, fps, 1.0), fps),
        skew_px=_rms(_differences(_band(skew, fps, 1.0), fps, 1), fps),
        wobble_px=_wobble(observation),
        residual_px=float(np.sqrt(np.mean(distances**2))),
        residual_median_px=float(np.median(distances)),
        border_pixels=sum(observation.border_pixels),
        border_percent=100 * max(observation.border_pixels) / frame_area,
        replicated_edge_frames=sum(observation.replicated_edges),
    )


def motion_above(observation: Observation, frequency: float) -> float:
    """Return the RMS motion per 1/30 s above `frequency` Hz, in px at 1080 lines."""
    fps = observation.frame_rate
    return _rms(_differences(_band(grid_path(observation), fps, frequency), fps, 1), fps)


def grid_path(observation: Observation) -> Floats:
    """Return (F, 9, 2) px at 1080 lines: the motion summed up at 3 × 3 places of the picture.

    Evenly spaced in time: where the clip's times are not, the path is resampled by a cubic spline.
    """
    points = _GRID * (observation.width - 1, observation.height - 1)
    moved = _moved(observation.homographies, points)  # (F-1, 9, 2)
    return _accumulate(observation, (moved - points) * (_LINES / observation.height))


def _checked_times(times: Sequence[float] | Floats) -> Floats:
    t = increasing("times", read_only("times", times, ("F",)))
    if len(t) < 2 or len(t) / _frame_rate(t) < _MIN_DURATION - _UNEVEN:
        raise ValueError(
            f"times: expected at least {_MIN_DURATION:g} s of video, got {len(t)} frames"
        )
    if _frame_rate(t) <= 16:
        raise ValueError(f"times: expected over 16 frames/s to see 8 Hz, got {_frame_rate(t):.3g}")
    return t


def _frame_rate(t: Floats) -> float:
    return float((len(t) - 1) / (t[-1] - t[0]))


def _check_found(found: Bools) -> None:
    failed = int(np.count_nonzero(~found))
    if failed > _MAX_FAILED * len(found):
        raise StabilizerError(
            f"steadiness: {failed} of {len(found)} frame pairs show fewer than {_MIN_TRACKS} "
            "points that move as one; measure a clip with more texture and without cuts"
        )


def _moved(matrices: Floats, points: Floats) -> Floats:
    """Apply each of the homographies (M, 3, 3) to each of the points (N, 2): (M, N, 2)."""
    shape = len(matrices), len(points)
    return transform_points(
        np.broadcast_to(points, (*shape, 2)), np.broadcast_to(matrices[:, None], (*shape, 3, 3))
    )


def _centre_changes(observation: Observation) -> tuple[Floats, Floats, Floats]:
    """Return roll (F−1, 1) rad, log zoom (F−1, 1) and shear, stretch (F−1, 2) px per frame pair.

    From the Jacobian of each homography at the picture's centre.
    """
    centre = np.array([[observation.width - 1, observation.height - 1]]) / 2
    H = observation.homographies
    moved = _moved(H, centre)[:, 0, :, None]  # (F-1, 2, 1)
    weight = H[:, 2, :2] @ centre[0] + H[:, 2, 2]
    J = (H[:, :2, :2] - moved * H[:, None, 2, :2]) / weight[:, None, None]
    roll = np.arctan2(J[:, 1, 0] - J[:, 0, 1], J[:, 0, 0] + J[:, 1, 1])
    log_zoom = np.log(np.linalg.det(J)) / 2
    shear, stretch = J[:, 0, 1] + J[:, 1, 0], J[:, 0, 0] - J[:, 1, 1]
    return roll[:, None], log_zoom[:, None], np.stack([shear, stretch], axis=-1) * (_LINES / 2)


def _accumulate(observation: Observation, steps: Floats) -> Floats:
    """Sum steps (F−1, ...) to a path (F, ...) at even times, bridging the pairs not found."""
    t, found = observation.times, observation.found
    dt = np.diff(t).reshape(-1, *[1] * (steps.ndim - 1))
    middle = (t[:-1] + t[1:]) / 2
    known = make_interp_spline(middle[found], (steps / dt)[found], k=1)
    rate = known(np.clip(middle, *middle[found][[0, -1]]))
    path = np.concatenate([np.zeros_like(steps[:1]), np.cumsum(rate * dt, axis=0)])
    even = np.linspace(t[0], t[-1], len(t))
    if np.abs(t - even).max() <= _UNEVEN:
        return path
    return np.asarray(CubicSpline(t, path)(even))


def _band(path: Floats, fps: float, low: float, high: float | None = None) -> Floats:
    """Keep what `path (F, ...)` does from `low` to `high` Hz (None: and above), without delay."""
    kept = _filtered(path, fps, low, "highpass")
    return kept if high is None else _filtered(kept, fps, high, "lowpass")


def _filtered(
    path: Floats, fps: float, edge: float, kind: Literal["highpass", "lowpass"]
) -> Floats:
    sections = butter(4, edge, kind, fs=fps, output="sos")
    # A pan goes on beyond both ends: mirrored through the end point, long enough to settle.
    padding = min(len(path) - 1, round(2 * fps))
    return np.asarray(sosfiltfilt(sections, path, axis=0, padlen=padding))


def _differences(path: Floats, fps: float, order: int) -> Floats:
    """Differentiate `path (F, ...)` `order` times, per 1/30 s."""
    return np.diff(path, order, axis=0) * (fps / _RATE) ** order


def _rms(vectors: Floats, fps: float) -> float:
    """RMS length of vectors (F, ..., D) without the first and last 0.5 s."""
    skipped = round(_SKIPPED * fps)
    kept = vectors[skipped : len(vectors) - skipped]
    return float(np.sqrt(np.mean(np.sum(kept**2, axis=-1))))


def _wobble(observation: Observation) -> float:
    """Return the RMS common motion of row bands that the homographies leave.

    The points of a band are dealt into two halves. Their medians share the true motion but not the
    noise, so the mean of the medians' dot products is the squared motion alone.
    """
    rng = np.random.default_rng(0)
    products = [
        _shared_square(rng.permutation(band))
        for residuals in observation.residuals
        for band in _row_bands(residuals, observation.height)
        if len(band) >= 2
    ]
    scale = _LINES / observation.height * observation.frame_rate / _RATE
    return float(np.sqrt(max(0.0, float(np.mean(products))))) * scale


def _row_bands(residuals: Floats, height: int) -> list[Floats]:
    """Split residuals (N, 3) by y into the misses (n, 2) px of 12 bands of rows."""
    band = (residuals[:, 0] * _ROW_BANDS / height).astype(int)
    return [residuals[band == b, 1:] for b in range(_ROW_BANDS)]


def _shared_square(misses: Floats) -> float:
    return float(np.median(misses[::2], axis=0) @ np.median(misses[1::2], axis=0))
