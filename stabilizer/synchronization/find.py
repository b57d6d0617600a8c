"""Find what was not told: delay, clock skew, axes, drift, readout and focal length of a clip.

Tracks from pixels → rates → coarse sync → rates and tracks of the windows that tell most → fine
sync → judgement. The same clip and log always give the same answer.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from scipy.spatial.transform import Rotation

from gyro_data.axes import axes_letters, axes_matrix, nearest_axes
from gyro_data.checks import Floats
from gyro_data.conditioning import MapAxes
from gyro_data.integration import integrate
from gyro_data.log import GyroLog
from stabilizer.camera import Camera, ReadoutDirection
from stabilizer.sync import ClockSync
from stabilizer.synchronization.coarse import (
    BAND,
    CoarseSync,
    PictureRates,
    band_passed,
    coarse_sync,
    log_rates_at,
    picture_rates,
)
from stabilizer.synchronization.fine import (
    NAMES,
    FineSync,
    Problem,
    Unknowns,
    epipolar_stage,
    rotation_stage,
)
from stabilizer.synchronization.judgement import Confidence, Verdict, judged, without_hope
from stabilizer.tracks import Pairs, track_video
from stabilizer.video import VideoInfo

LOG = logging.getLogger(__name__)

_WHOLE = 12.0  # s: a shorter clip is looked at throughout
_GLANCE, _GLANCE_EVERY = 4.0, 12.0  # s, of the first look at a longer one
_WINDOW, _WINDOWS = 4.0, 8  # s and number of the windows for the fine stage
_MOST_POINTS = 16_000  # in the fine stage: more cost time and tell little
_PARALLAX = 1.5  # ratio of errors from which translation is taken into account
_ALIGNED = np.deg2rad(8.0)  # a mounting this near to a signed permutation is taken for one
_SPREAD = np.array([0.05, 5e-4, 0.012, 0.25, 0.02, 0.02, 0.02, 0.15, 0.15, 0.15])
"""Of the priors where nothing is known, in the order of `NAMES`: s, ratio, s, ratio, rad/s, rad."""


@dataclass(frozen=True)
class Known:
    """What was told and therefore is not looked for."""

    delay: float | None = None
    """s"""
    clock_skew: float | None = None
    drift: tuple[float, float, float] | None = None
    """rad/s in the log's axes."""
    focal: bool = False
    """Whether the camera's focal length is trusted."""
    readout: bool = False
    """Whether the camera's readout time is trusted."""
    axes: bool = False
    """Whether the camera's imu_orientation and R_body_cam are trusted."""


@dataclass(frozen=True, eq=False)
class Synchronization:
    """How the log belongs to the clip, and how sure that is."""

    sync: ClockSync
    camera: Camera
    """With the readout, the focal length and the mounting that were found or told."""
    drift: Floats
    """(3,) rad/s in the log's axes."""
    verdict: Verdict
    errors: Mapping[str, float]
    """Standard errors of the unknowns by name, in their units (focal: a ratio); 0: told."""
    kept: tuple[str, ...]
    """Unknowns that the clip cannot determine, which stayed as assumed."""
    coarse: CoarseSync | None
    fine: FineSync | None
    rates: PictureRates | None = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "errors", MappingProxyType(dict(self.errors)))


def synchronize(
    video: VideoInfo, log: GyroLog, camera: Camera, known: Known = Known()
) -> Synchronization:
    """Find how the log's clock and axes, and the camera, belong to the clip.

    Args:
        camera: as far as it is known; what `known` does not name is where the search starts.

    Never raises for a clip and a log that do not fit: the verdict tells. Raises StabilizerError
    for a video that cannot be read.
    """
    log = MapAxes(camera.imu_orientation)(log)  # from here on in body axes
    pairs = track_video(video, _glances(video)).pairs()
    rates = picture_rates(pairs, camera)
    hopeless = without_hope(rates, log)
    if hopeless is not None:
        return _unsynchronized(camera, known, hopeless)
    coarse = coarse_sync(rates, log)
    verdict = judged(rates, log, coarse, None)
    if verdict.confidence == Confidence.FAILED:
        return _unsynchronized(camera, known, verdict, coarse, rates)
    if video.frame_times[-1] - video.frame_times[0] > _WHOLE:
        windows = _telling_windows(video, log, coarse.delay)
        pairs = track_video(video, windows).pairs()
        rates = picture_rates(pairs, camera)
    mounting = _mounting(coarse.R_cam_body, camera, known)
    middle = float((video.frame_times[0] + video.frame_times[-1]) / 2)
    problem = Problem(_thinned(pairs), log, integrate(log), camera, mounting, middle)
    fine = _fitted(problem, _unknowns(camera, known, coarse, middle))
    verdict = judged(rates, log, coarse, fine)
    return _result(problem, fine, known, verdict, coarse, rates)


def _glances(video: VideoInfo) -> list[tuple[float, float]]:
    """Return windows (s) for a first look: all of a short clip, a few of a long one's middle."""
    first, last = float(video.frame_times[0]), float(video.frame_times[-1])
    if last - first <= _WHOLE:
        return [(first, last + 1e-6)]
    middle = (first + last) / 2
    room = min((last - first - _GLANCE) / 2, _GLANCE_EVERY)
    return [(c - _GLANCE / 2, c + _GLANCE / 2) for c in (middle - room, middle, middle + room)]


def _telling_windows(video: VideoInfo, log: GyroLog, delay: float) -> list[tuple[float, float]]:
    """Return the window (s) of each eighth of the clip in which the gyro shakes most."""
    first, last = float(video.frame_times[0]), float(video.frame_times[-1])
    n = max(1, min(_WINDOWS, int((last - first) / _WINDOW)))
    t = np.arange(first, last, 0.05)
    shake = band_passed(log_rates_at(log, t + delay, 0.05), 20.0, (BAND[0], 9.0))
    energy = np.concatenate([[0.0], np.cumsum((shake**2).sum(axis=1))])
    length = int(_WINDOW / 0.05)
    windows = []
    for part in range(n):
        low, high = part * len(t) // n, (part + 1) * len(t) // n
        starts = np.arange(low, max(high - length, low) + 1)
        ends = np.minimum(starts + length, len(t))
        best = int(starts[np.argmax(energy[ends] - energy[starts])])
        windows.append((float(t[best]), float(min(t[best] + _WINDOW, last + 1e-6))))
    return windows


def _thinned(pairs: Pairs) -> Pairs:
    """Return at most `_MOST_POINTS` of the points, drawn evenly."""
    if len(pairs.pair) <= _MOST_POINTS:
        return pairs
    drawn = np.random.default_rng(0).permutation(len(pairs.pair))[:_MOST_POINTS]
    drawn.sort()
    return replace(
        pairs, pair=pairs.pair[drawn], xy_from=pairs.xy_from[drawn], xy_to=pairs.xy_to[drawn]
    )


def _mounting(R_cam_body: Floats, camera: Camera, known: Known) -> Floats:
    """Return R_cam_body (3, 3) to start from: what was told, a signed permutation, or as found."""
    if known.axes:
        return camera.R_body_cam.T
    _, aligned = nearest_axes(R_cam_body)
    angle = Rotation.from_matrix(R_cam_body @ aligned.T).magnitude()
    return aligned if angle < _ALIGNED else R_cam_body


def _unknowns(camera: Camera, known: Known, coarse: CoarseSync, middle: float) -> Unknowns:
    """Return where the fine stage starts, and how far from there each unknown may be."""
    skew = known.clock_skew or 0.0
    delay = coarse.delay if known.delay is None else known.delay + skew * middle
    drift = known.drift or (0.0, 0.0, 0.0)
    value = np.array([delay, skew, camera.readout_time, 0.0, *drift, 0.0, 0.0, 0.0])
    told = [
        known.delay is not None,
        known.clock_skew is not None,
        known.readout,
        known.focal,
        *[known.drift is not None] * 3,
        *[False] * 3,
    ]
    return Unknowns(value, np.where(told, 0.0, _SPREAD))


def _fitted(problem: Problem, unknowns: Unknowns) -> FineSync:
    """Return the fit that the points support: to far points, or with translation."""
    far = rotation_stage(problem, unknowns)
    near = epipolar_stage(problem, unknowns, far)
    LOG.info(
        "errors: %.3f px for far points, %.3f px with translation", far.residual, near.residual
    )
    return near if far.residual > _PARALLAX * near.residual else far


def _result(
    problem: Problem,
    fine: FineSync,
    known: Known,
    verdict: Verdict,
    coarse: CoarseSync,
    rates: PictureRates,
) -> Synchronization:
    value = fine.value
    skew = float(value[1])
    camera = problem.camera_at(value)
    camera = _mounted(camera, problem.mounting(value), known)
    readout = float(value[2])
    if readout < 0:
        opposite = {
            ReadoutDirection.TOP_TO_BOTTOM: ReadoutDirection.BOTTOM_TO_TOP,
            ReadoutDirection.BOTTOM_TO_TOP: ReadoutDirection.TOP_TO_BOTTOM,
            ReadoutDirection.LEFT_TO_RIGHT: ReadoutDirection.RIGHT_TO_LEFT,
            ReadoutDirection.RIGHT_TO_LEFT: ReadoutDirection.LEFT_TO_RIGHT,
        }
        camera = replace(camera, readout_direction=opposite[camera.readout_direction])
    camera = replace(camera, readout_time=abs(readout))
    return Synchronization(
        sync=ClockSync(float(value[0]) - skew * problem.middle, skew),
        camera=camera,
        drift=axes_matrix(problem.camera.imu_orientation).T @ value[4:7],
        verdict=verdict,
        errors=dict(zip(NAMES, fine.error.tolist(), strict=True)),
        kept=tuple(name for name, kept in zip(NAMES, fine.kept, strict=True) if kept),
        coarse=coarse,
        fine=fine,
        rates=rates,
    )


def _mounted(camera: Camera, R_cam_body: Floats, known: Known) -> Camera:
    """Return the camera with that mounting: told letters stay, others are the nearest ones."""
    if known.axes:
        return replace(camera, R_body_cam=R_cam_body.T)
    letters, R_near_body = nearest_axes(R_cam_body)
    order = axes_letters(axes_matrix(letters) @ axes_matrix(camera.imu_orientation))
    return replace(camera, imu_orientation=order, R_body_cam=R_near_body @ R_cam_body.T)


def _unsynchronized(
    camera: Camera,
    known: Known,
    verdict: Verdict,
    coarse: CoarseSync | None = None,
    rates: PictureRates | None = None,
) -> Synchronization:
    """Return what was told and assumed, with the verdict that it is of no use."""
    return Synchronization(
        sync=ClockSync(known.delay or 0.0, known.clock_skew or 0.0),
        camera=camera,
        drift=np.array(known.drift or (0.0, 0.0, 0.0)),
        verdict=verdict,
        errors={},
        kept=NAMES,
        coarse=coarse,
        fine=None,
        rates=rates,
    )
