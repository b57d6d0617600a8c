"""The log's clock through a clip: straight, with jumps, or uneven, on simulated tracks."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose

from gyro_data.checks import Floats
from gyro_data.integration import integrate
from gyro_data.log import GyroLog
from stabilizer.camera import Camera
from stabilizer.simulate import Handheld, simulate_log
from stabilizer.sync import ClockSync
from stabilizer.synchronization.clock import (
    LocalDelay,
    is_uneven,
    joined,
    jump,
    levelled,
    local_delays,
    rough_corrections,
    straight_line,
    window_lags,
)
from stabilizer.synchronization.coarse import picture_rates
from stabilizer.synchronization.fitting import FineSync
from stabilizer.synchronization.following import Look, followed
from stabilizer.synchronization.problem import Problem
from stabilizer.synchronization.windows import Span, telling_windows
from tests.track_simulation import frames, simulate_pairs

CAMERA = Camera.from_focal(640, 360, 482.0, readout_time=0.02)
MOTION = Handheld("walk", 3)
DURATION, DELAY, SKEW = 120.0, 7.0, 3e-5
TIMES = frames(0, DURATION)

Clock = Callable[[Floats], Floats]
"""s beyond the straight line at times (s) of the video."""


def log_of(off: Clock) -> GyroLog:
    """Return the log of a clock that is `off`; what falls behind what it has written is lost."""
    steady = simulate_log(MOTION, -5, DURATION + 5, rate=200, noise=0.003)
    t = DELAY + (1 + SKEW) * steady.t + off(steady.t)
    kept = np.concatenate([[True], t[1:] > np.maximum.accumulate(t)[:-1]])
    return GyroLog(t[kept], steady.gyro[kept])


def seen(log: GyroLog, spans: list[Span]) -> Problem:
    """Return the problem of points in some windows, each drawn anew."""
    windows = [TIMES[(a <= TIMES) & (b > TIMES)] for a, b in spans]
    seed = int(100 * spans[0][0])
    pairs = simulate_pairs(MOTION, CAMERA, windows, points=30, noise=0.15, seed=seed)
    return Problem(pairs, log, integrate(log), CAMERA, np.eye(3), DURATION / 2)


def fit() -> FineSync:
    """Return a fit that is right in everything; DELAY and SKEW are those of the straight line."""
    value = np.zeros(10)
    value[:3] = DELAY + SKEW * DURATION / 2, SKEW, CAMERA.readout_time
    return FineSync(value, np.zeros(10), np.zeros(10, bool), 0.15, False, np.zeros(1))


def clock_of(off: Clock) -> tuple[ClockSync, list[LocalDelay]]:
    """Return the clock that is found for one that is off, all else being known."""
    log = log_of(off)
    windows = telling_windows(TIMES, log, DELAY)
    problem = seen(log, windows)
    rates = picture_rates(problem.pairs, CAMERA)
    t, lag = window_lags(rates, log, np.eye(3), DELAY, windows)
    line = DELAY + SKEW * t
    problem = Problem(
        problem.pairs,
        log,
        problem.orientation,
        CAMERA,
        np.eye(3),
        DURATION / 2,
        rough_corrections(t, lag, line),
    )
    delays = local_delays(problem, fit(), windows)

    def through(span: Span) -> Problem:
        return seen(log, [span])

    def middle(stretch: Span) -> Span:
        centre = sum(stretch) / 2
        return (centre - 2, centre + 2)

    corrections, delays = followed(fit(), delays, Look(through, middle), (0.0, DURATION))
    return ClockSync(DELAY, SKEW, corrections), delays


def error_ms(sync: ClockSync, off: Clock, *but: float) -> float:
    """Return the largest error, half a second around some instants aside."""
    t = TIMES[np.all([np.abs(TIMES - b) > 0.5 for b in but], axis=0)] if but else TIMES
    return float(1e3 * np.abs(sync.log_time(t) - DELAY - (1 + SKEW) * t - off(t)).max())


def test_a_straight_clock_is_found_straight() -> None:
    sync, delays = clock_of(lambda t: 0 * t)
    assert 8 <= len(delays) <= 8 + 2 and not is_uneven(delays)  # and at both ends, if need be
    assert max(abs(d.delay) for d in delays) < 3e-4
    assert error_ms(sync, lambda t: 0 * t) < 0.3


@pytest.mark.parametrize("size", [0.3, 0.04, -0.012])
@pytest.mark.parametrize("at", [44.4, 77.7])
def test_a_jump_is_found_to_a_frame(size: float, at: float) -> None:
    def off(t: Floats) -> Floats:
        return np.where(t > at, size, 0.0)

    sync, delays = clock_of(off)
    assert is_uneven(delays)
    assert error_ms(sync, off, at) < 0.6
    jumps = [
        (a, b)
        for a, b in zip(sync.corrections, sync.corrections[1:], strict=False)
        if abs(b[1] - a[1]) > abs(size) / 2
    ]
    assert len(jumps) == 1
    assert abs(jumps[0][0][0] - at) < 0.05
    assert jumps[0][1][1] - jumps[0][0][1] == pytest.approx(size, abs=5e-4)


def test_a_hole_in_the_logs_clock_stands_still() -> None:
    """Samples of 0.3 s are missing and the log's clock has not noticed."""
    sync, _ = clock_of(lambda t: np.where(t > 60.0, -0.3, 0.0))
    (hole,) = sync.holes
    assert_allclose(hole, (60.0, 60.3), atol=0.06)


def test_two_jumps_are_both_found() -> None:
    def off(t: Floats) -> Floats:
        return np.where(t > 20.2, 0.03, 0.0) + np.where(t > 90.9, -0.01, 0.0)

    sync, _ = clock_of(off)
    assert error_ms(sync, off, 20.2, 90.9) < 0.6


def test_a_clock_that_wanders_is_followed() -> None:
    def off(t: Floats) -> Floats:
        return 6e-3 * np.sin(2 * np.pi * t / 150)

    sync, delays = clock_of(off)
    assert is_uneven(delays)
    assert error_ms(sync, off) < 1.2


def test_the_line_through_lags_that_err() -> None:
    t = np.linspace(0, 600, 12)
    delay = 5.0 + 4e-5 * t + 0.004 * np.sin(7 * t)
    delay[3] += 0.5
    at, skew = straight_line(t, delay, 300.0)
    assert at == pytest.approx(5.012, abs=0.003)
    assert skew == pytest.approx(4e-5, abs=1e-5)
    assert straight_line(t[:3], delay[:3], 0.0)[1] == 0.0  # too short to tell a skew
    assert straight_line(t, delay, 0.0, skew=1e-4)[1] == 1e-4  # it is known


def test_levelling_follows_most_neighbours_rather_than_a_jump() -> None:
    t = np.linspace(0, 600, 12)
    delay = 1e-4 * t + np.where(t > 200, 0.3, 0.0)
    delays = [LocalDelay(*point, error=1e-4) for point in zip(t, delay, strict=True)]
    fine, moved = levelled(fit(), delays, 300.0, skew_known=False)
    assert fine.value[1] - SKEW == pytest.approx(1e-4, abs=1e-9)
    same = fine.value[0] + fine.value[1] * (t - 300) + [d.delay for d in moved]
    assert_allclose(same, fit().value[0] + SKEW * (t - 300) + delay, atol=1e-12)
    told, _ = levelled(fit(), delays, 300.0, skew_known=True)
    assert told.value[1] == SKEW


def test_lags_of_one_line_need_no_corrections() -> None:
    t, line = np.array([1.0, 2.0, 3.0]), np.array([5.0, 5.1, 5.2])
    assert rough_corrections(t, line + 0.02, line) == ()
    off = rough_corrections(t, line + np.array([0.0, 0.0, 0.3]), line)
    at = ClockSync(0.0, 0.0, off).correction(np.array([0.0, 2.4, 2.6, 9.0]))
    assert_allclose(at, [0.0, 0.0, 0.3, 0.3], atol=1e-12)


@pytest.mark.parametrize("size", [0.3, -0.3, 1e-3, -1e-3])
def test_a_jump_is_a_clock_that_can_be(size: float) -> None:
    """Forwards it takes a moment between frames; backwards the log waits until it is right."""
    sync = ClockSync(5.0, 1e-5, ((0.0, 0.0), *jump(10.0, 0.0, size), (20.0, size)))
    assert sync.log_time(9.9) == pytest.approx(14.9, abs=1e-3)
    assert sync.log_time(10.4) == pytest.approx(15.4 + size, abs=1e-3)
    t = np.linspace(0, 20, 1001)
    assert_allclose(sync.video_time(sync.log_time(t)), t, atol=1e-6)
    assert len(sync.holes) == (size == -0.3)


def test_without_steps_neighbours_are_joined_by_lines() -> None:
    delays = [LocalDelay(10.0, 0.001, 1e-4), LocalDelay(20.0, 0.002, 1e-4)]
    assert joined(delays) == ((10.0, 0.001), (20.0, 0.002))
