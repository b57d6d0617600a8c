"""Find what was not told: delay, clock skew, axes, drift, readout and focal length of a clip.

Tracks from pixels → rates → coarse sync → tracks of the windows that tell most → fine sync → the
clock of each window → judgement. The same clip and log always give the same answer.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.spatial.transform import Rotation

from gyro_data.axes import axes_matrix, nearest_axes
from gyro_data.checks import Floats
from gyro_data.conditioning import MapAxes
from gyro_data.integration import integrate
from gyro_data.log import GyroLog
from stabilizer.camera import Camera
from stabilizer.sync import ClockSync
from stabilizer.synchronization.clock import (
    LocalDelay,
    is_uneven,
    joined,
    levelled,
    local_delays,
    rough_corrections,
    straight_line,
    window_lags,
)
from stabilizer.synchronization.coarse import CoarseSync, PictureRates, coarse_sync, picture_rates
from stabilizer.synchronization.fine import epipolar_residual, epipolar_stage, rotation_stage
from stabilizer.synchronization.fitting import FineSync
from stabilizer.synchronization.following import Look, followed
from stabilizer.synchronization.judgement import (
    Confidence,
    Verdict,
    hardly_moves,
    judged,
    without_hope,
)
from stabilizer.synchronization.problem import NAMES, Problem, Unknowns
from stabilizer.synchronization.result import Known, Synchronization, found_result
from stabilizer.synchronization.windows import (
    Span,
    glances,
    is_short,
    most_telling,
    telling_windows,
)
from stabilizer.tracks import Pairs, track_video
from stabilizer.video import VideoInfo

LOG = logging.getLogger(__name__)

_MOST_POINTS = 16_000  # in the fine stage: more cost time and tell little
_FEWEST_OF_PAIR = 40  # of which fewer points hide how pairs disagree, and fake parallax
_PARALLAX = 1.5  # ratio of errors from which translation is taken into account
_MAYBE_PARALLAX = 1.4  # the same before the unknowns are fitted to it
_ALIGNED = np.deg2rad(8.0)  # a mounting this near to a signed permutation is taken for one
_CLOCK_ROUNDS = 2  # of fits after which the corrections of an uneven clock stand still
_SPREAD = np.array([0.05, 5e-4, 0.012, 0.25, 0.02, 0.02, 0.02, 0.15, 0.15, 0.15])
"""Of the priors where nothing is known, in the order of `NAMES`: s, ratio, s, ratio, rad/s, rad."""


def synchronize(
    video: VideoInfo,
    log: GyroLog,
    camera: Camera,
    known: Known = Known(),  # noqa: B008 (frozen)
) -> Synchronization:
    """Find how the log's clock and axes, and the camera, belong to the clip.

    Args:
        camera: as far as it is known; what `known` does not name is where the search starts.

    Never raises for a clip and a log that do not fit: the verdict tells. Raises StabilizerError
    for a video that cannot be read.
    """
    log = MapAxes(camera.imu_orientation)(log)  # from here on in body axes
    first = _first_look(video, log, camera, known)
    if first.verdict.confidence == Confidence.FAILED or first.coarse is None:
        return _unsynchronized(camera, known, first)
    clip = _Clip(video, log, camera, known, first.coarse, float(np.mean(first.rates.t)))
    short = is_short(video.frame_times)
    return clip.solved(first.pairs if short else track_video(video, clip.windows).pairs())


@dataclass(frozen=True, eq=False)
class _FirstLook:
    """What a few windows tell."""

    pairs: Pairs
    rates: PictureRates
    coarse: CoarseSync | None
    """None where there is nothing to compare."""
    verdict: Verdict


def _first_look(video: VideoInfo, log: GyroLog, camera: Camera, known: Known) -> _FirstLook:
    """Return the first look that is not hopeless, or else the last one."""
    for spans in glances(video.frame_times):
        look = _glanced(video, spans, log, camera, known)
        if look.verdict.confidence != Confidence.FAILED:
            break
    return look


def _glanced(
    video: VideoInfo, spans: Sequence[Span], log: GyroLog, camera: Camera, known: Known
) -> _FirstLook:
    pairs = track_video(video, spans).pairs()
    rates = picture_rates(pairs, camera)
    hopeless = without_hope(rates, log)
    if hopeless is not None:
        return _FirstLook(pairs, rates, None, hopeless)
    coarse = coarse_sync(rates, log, near=known.near)
    return _FirstLook(pairs, rates, coarse, judged(rates, log, coarse, None))


class _Clip:
    """A clip of which the log's moment and the axes are known roughly."""

    def __init__(
        self,
        video: VideoInfo,
        log: GyroLog,
        camera: Camera,
        known: Known,
        coarse: CoarseSync,
        coarse_at: float,
    ) -> None:
        """Take what a first look at about `coarse_at` s told."""
        self.video, self.log, self.camera, self.known = video, log, camera, known
        self.coarse, self.coarse_at, self.orientation = coarse, coarse_at, integrate(log)
        first, last = video.frame_times[[0, -1]].tolist()
        # a delay that is told is that at 0; one that is sought is surest in the middle
        self.middle = (first + last) / 2 if known.delay is None else 0.0
        if is_short(video.frame_times):
            self.windows = glances(video.frame_times)[0]
        else:
            self.windows = telling_windows(video.frame_times, log, coarse.delay)

    def solved(self, pairs: Pairs) -> Synchronization:
        """Return what points in the windows tell."""
        rates = picture_rates(pairs, self.camera)
        start, problem = self._start(pairs, rates)
        fine = _fitted(problem, start)
        delays: tuple[LocalDelay, ...] = ()
        if not hardly_moves(rates):  # else windows tell too little of a clock to follow it
            problem, fine, delays = self._straightened(problem, start, fine)
        clock = problem.clock(fine.value)
        at = np.array(self.coarse_at)
        moved = float(clock.log_time(at) - at - self.coarse.delay)
        told = self.known.delay is not None
        verdict = judged(rates, self.log, self.coarse, fine, clock=clock, moved=moved, told=told)
        return found_result(problem, fine, self.known, verdict, self.coarse, rates, delays)

    def _start(self, pairs: Pairs, rates: PictureRates) -> tuple[Unknowns, Problem]:
        """Return where the fine stage starts: windows may have lags of their own."""
        known, coarse = self.known, self.coarse
        mounting = _mounting(coarse.R_cam_body, self.camera, known)
        problem = Problem(
            _thinned(pairs), self.log, self.orientation, self.camera, mounting, self.middle
        )
        skew = known.clock_skew or 0.0
        if known.delay is not None:
            return _unknowns(self.camera, known, known.delay, skew), problem
        delay = coarse.delay
        t, lag = window_lags(rates, self.log, coarse.R_cam_body, delay, self.windows)
        if len(t) > 1:
            delay, skew = straight_line(t, lag, self.middle, skew=known.clock_skew)
            line = delay + skew * (t - self.middle)
            problem = replace(problem, corrections=rough_corrections(t, lag, line))
        return _unknowns(self.camera, known, delay, skew), problem

    def _straightened(
        self, problem: Problem, start: Unknowns, fine: FineSync
    ) -> tuple[Problem, FineSync, tuple[LocalDelay, ...]]:
        """Return problem and fit with the corrections that an uneven clock needs."""
        if len(self.windows) < 2 or self.known.delay is not None:
            return problem, fine, ()
        delays = local_delays(problem, fine, self.windows)
        if len(delays) < 2 or not (is_uneven(delays) or problem.corrections):
            return problem, fine, tuple(delays)
        for _ in range(_CLOCK_ROUNDS):  # a fit with the clock all wrong tells little of the rest
            problem, fine, delays = self._refitted(problem, start, fine, delays)
        if is_uneven(delays):
            ends = (float(self.video.frame_times[0]), float(self.video.frame_times[-1]))
            corrections, delays = followed(fine, delays, self._look(problem), ends)
        else:  # it was the first fit that was wrong
            corrections = ()
        problem = replace(problem, corrections=corrections)
        fine = _fitted(problem, replace(start, value=fine.value))
        return problem, fine, tuple(delays)

    def _refitted(
        self, problem: Problem, start: Unknowns, fine: FineSync, delays: Sequence[LocalDelay]
    ) -> tuple[Problem, FineSync, list[LocalDelay]]:
        """Return all three once the clock goes through the delays."""
        skew_known = self.known.clock_skew is not None
        fine, moved = levelled(fine, delays, self.middle, skew_known=skew_known)
        problem = replace(problem, corrections=joined(moved))
        fine = _fitted(problem, replace(start, value=fine.value))
        delays = local_delays(problem, fine, self.windows)
        return (problem, *levelled(fine, delays, self.middle, skew_known=skew_known))

    def _look(self, problem: Problem) -> Look:
        def through(span: Span) -> Problem:
            pairs = track_video(self.video, [span]).pairs()
            return replace(problem, pairs=_thinned(pairs))

        return Look(through, partial(most_telling, self.log, self.coarse.delay))


def _thinned(pairs: Pairs) -> Pairs:
    """Return at most `_MOST_POINTS` of the points: fewer of each pair, then of fewer pairs."""
    n = len(pairs.pair)
    if n <= _MOST_POINTS:
        return pairs
    seen = np.unique(pairs.pair)
    every = -(-len(seen) * _FEWEST_OF_PAIR // _MOST_POINTS)
    drawn = np.flatnonzero(np.isin(pairs.pair, seen[::every]))
    if len(drawn) > _MOST_POINTS:
        drawn = np.random.default_rng(0).permutation(drawn)[:_MOST_POINTS]
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


def _unknowns(camera: Camera, known: Known, delay: float, skew: float) -> Unknowns:
    """Return where the fine stage starts, and how far from there each unknown may be."""
    drift = axes_matrix(camera.imu_orientation) @ (known.drift or (0.0, 0.0, 0.0))
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
    if far.residual < _MAYBE_PARALLAX * epipolar_residual(problem, far.value):
        return far
    near = epipolar_stage(problem, unknowns, far)
    LOG.info(
        "errors: %.3f px for far points, %.3f px with translation", far.residual, near.residual
    )
    return near if far.residual > _PARALLAX * near.residual else far


def _unsynchronized(camera: Camera, known: Known, look: _FirstLook) -> Synchronization:
    """Return what was told and assumed, with the verdict that it is of no use."""
    compared = look.coarse is not None
    return Synchronization(
        sync=ClockSync(known.delay or 0.0, known.clock_skew or 0.0),
        camera=camera,
        drift=np.array(known.drift or (0.0, 0.0, 0.0)),
        verdict=look.verdict,
        errors={},
        kept=NAMES,
        coarse=look.coarse,
        rates=look.rates if compared else None,
    )
