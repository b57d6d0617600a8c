"""The log's clock through a long clip: is it straight, and where it is not, by how much it is off.

Each window tells its own delay, all else being known; knots through them are the corrections.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from gyro_data.checks import Floats
from gyro_data.log import GyroLog
from stabilizer.sync import Knots
from stabilizer.synchronization.coarse import PictureRates, lag_near
from stabilizer.synchronization.fine import epipolar_stage, rotation_stage
from stabilizer.synchronization.fitting import FineSync
from stabilizer.synchronization.problem import Problem, Unknowns
from stabilizer.synchronization.windows import Span

UNEVEN = 1e-3
"""s off a straight line from which a clock is followed in pieces."""

SURE = 4.0  # standard errors beside it
_TELLING = 1e-3  # s, standard error of a window that tells its delay
_ALIKE = 0.6  # correlation of a window that tells its lag
_COARSE = 0.025  # s; lags err by half of that at most
_LONG = 150.0  # s over which lags tell a skew better than it is guessed
_FEWEST_POINTS = 100
TRIED_EVERY = 0.01  # s between delays from which a fit finds the right one
SHARP = 1e-3  # s that a step forwards takes


@dataclass(frozen=True)
class LocalDelay:
    """What a window tells of the log's clock."""

    t: float
    """s of the video, its middle."""
    delay: float
    """s by which the log's time is off the straight line of delay and clock skew there."""
    error: float
    """s, standard."""


def window_lags(
    rates: PictureRates, log: GyroLog, R_cam_body: Floats, near: float, windows: Sequence[Span]
) -> tuple[Floats, Floats]:
    """Return middles (n,) s and lags (n,) s of the windows that turn as the log does somewhere."""
    found = []
    for start, end in windows:
        part = (rates.t >= start) & (rates.t <= end)
        if np.count_nonzero(part) < 2:
            continue
        own = PictureRates(
            rates.t[part], rates.interval[part], rates.rate[part], rates.residual[part]
        )
        lag, score = lag_near(own, log, R_cam_body, near)
        if score > _ALIKE:
            found.append(((start + end) / 2, lag))
    return np.array([t for t, _ in found]), np.array([lag for _, lag in found])


def straight_line(
    t: Floats, delay: Floats, middle: float, *, skew: float | None = None
) -> tuple[float, float]:
    """Return delay at `middle` s and skew of the line through most points (n,): Theil–Sen.

    The skew is the given one, or 0 where points are too near in time to tell it.
    """
    if skew is None:
        i, j = np.triu_indices(len(t), k=1)
        slopes = (delay[j] - delay[i]) / (t[j] - t[i])
        skew = float(np.median(slopes)) if np.ptp(t) > _LONG else 0.0
    return float(np.median(delay - skew * (t - middle))), skew


def rough_corrections(t: Floats, lag: Floats, line: Floats) -> Knots:
    """Return corrections that lead from the line (n,) s to lags (n,) s at `t`, if some are far off.

    Halfway between two windows they jump.
    """
    if len(t) < 2 or np.abs(lag - line).max() < _COARSE:
        return ()
    return joined([LocalDelay(*point, error=_COARSE) for point in zip(t, lag - line, strict=True)])


def local_delays(problem: Problem, fine: FineSync, windows: Sequence[Span]) -> list[LocalDelay]:
    """Return what each window tells that tells anything; each may be on its own side of a jump."""
    tried = sorted({round(c / TRIED_EVERY) * TRIED_EVERY for _, c in problem.corrections})
    found = (local_delay(problem, fine, span, tried) for span in windows)
    return [delay for delay in found if delay is not None]


def local_delay(
    view: Problem, fine: FineSync, span: Span, tried: Sequence[float] = ()
) -> LocalDelay | None:
    """Return the delay that a window tells, all else being known; None if it tells none.

    The fit starts from the best of those `tried` (s off the line), else from the corrections.
    """
    pairs = view.pairs
    inside = (pairs.t_from >= span[0]) & (pairs.t_from < span[1])
    own = view.take(inside[pairs.pair])
    if len(own.pairs.pair) < _FEWEST_POINTS:
        return None
    own = _started(own, fine, tried) if len(tried) > 1 else own
    unknowns = Unknowns(fine.value, np.eye(10)[0])  # a prior of 1 s: none
    near = fine.epipolar
    fit = epipolar_stage(own, unknowns, fine) if near else rotation_stage(own, unknowns)
    if fit.error[0] > _TELLING:
        return None
    t = (span[0] + span[1]) / 2
    off = float(fit.value[0] - fine.value[0] + own.clock(fine.value).correction(np.array(t)))
    return LocalDelay(t, off, float(fit.error[0]))


def _started(view: Problem, fine: FineSync, tried: Sequence[float]) -> Problem:
    """Return the view with the delay that explains it best of those tried."""
    constant: list[Knots] = [((0.0, delay),) for delay in tried]
    size = min(float(np.median(point_errors(view, fine, knots))) for knots in constant)
    best = min(constant, key=lambda knots: misfit(view, fine, knots, size))
    return replace(view, corrections=best)


def is_uneven(delays: Sequence[LocalDelay]) -> bool:
    """Tell if a window is surely off the straight line."""
    return any(abs(d.delay) > UNEVEN + SURE * d.error for d in delays)


def levelled(
    fine: FineSync, delays: Sequence[LocalDelay], middle: float, *, skew_known: bool
) -> tuple[FineSync, list[LocalDelay]]:
    """Return the same with the line moved to where most neighbours agree on its slope.

    Jumps tilt a line through all windows, but not the slopes between most neighbours.
    """
    t, delay = np.array([(d.t, d.delay) for d in delays]).T
    slope = 0.0
    if len(t) > 1 and not skew_known:
        steps = np.diff(t)
        slopes = np.diff(delay) / steps
        order = np.argsort(slopes)
        half = np.searchsorted(np.cumsum(steps[order]), steps.sum() / 2)
        slope = float(slopes[order][half])
    off = delay - slope * (t - middle)
    shift = float(np.median(off))
    value = fine.value + shift * np.eye(10)[0] + slope * np.eye(10)[1]
    moved = [replace(d, delay=float(o - shift)) for d, o in zip(delays, off, strict=True)]
    return replace(fine, value=value), moved


def joined(delays: Sequence[LocalDelay], steps: dict[float, Knots] | None = None) -> Knots:
    """Return knots through the delays, with the steps that follow some of them.

    Where none is known, windows that are far apart have a jump halfway between them.
    """
    if steps is None:
        steps = {
            a.t: jump((a.t + b.t) / 2, a.delay, b.delay)
            for a, b in pairwise(delays)
            if abs(a.delay - b.delay) > _COARSE
        }
    knots: list[tuple[float, float]] = []
    for delay in delays:
        knots += [(delay.t, delay.delay), *steps.get(delay.t, ())]
    return tuple(knots)


def jump(t: float, before: float, after: float) -> Knots:
    """Return a step of the clock at `t` s: at once forwards; backwards the log stands meanwhile."""
    length = max(SHARP, (before - after) * 1.001 + SHARP)
    return ((t - SHARP / 2, before), (t - SHARP / 2 + length, after))


def point_errors(view: Problem, fine: FineSync, corrections: Knots) -> Floats:
    """Return how far (m,) px points are from where they should be, the camera only turning."""
    corrected = replace(view, corrections=corrections)
    ray = corrected.predicted(fine.value, corrected.turns(fine.value))
    error = corrected.camera_at(fine.value).project(ray) - view.pairs.xy_to
    return np.asarray(np.nan_to_num(np.linalg.norm(error, axis=1)))


def misfit(view: Problem, fine: FineSync, corrections: Knots, size: float) -> float:
    error = point_errors(view, fine, corrections)
    return float(np.log1p((error / size) ** 2).mean())
