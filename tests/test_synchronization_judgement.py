"""What is good and what is not: steadied, still, short and wrong clips, on simulated tracks."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gyro_data.checks import Floats
from gyro_data.log import GyroLog
from stabilizer.camera import Camera
from stabilizer.simulate import Handheld, Motion, simulate_log
from stabilizer.sync import ClockSync
from stabilizer.synchronization.coarse import (
    CoarseSync,
    PictureRates,
    coarse_sync,
    picture_rates,
    stretches,
)
from stabilizer.synchronization.fitting import FineSync
from stabilizer.synchronization.judgement import (
    Confidence,
    Verdict,
    gain_ratio,
    judged,
    without_hope,
)
from tests.track_simulation import (
    Steadied,
    electronic,
    frames,
    optical,
    simulate_pairs,
    walking,
)

CAMERA = Camera.from_focal(1280, 720, 967.0)
NOISE = 0.007  # rad/s, a poor sensor


def seen(motion: Motion, *windows: Floats, focal: float = 967.0, seed: int = 0) -> PictureRates:
    """Return the rates that a picture tells which moves by `motion`."""
    pairs = simulate_pairs(motion, CAMERA, windows or [frames(0, 10)], points=16, seed=seed)
    return picture_rates(pairs, replace(CAMERA, fx=focal, fy=focal))


def coarsely(rates: PictureRates, log: GyroLog) -> Verdict:
    assert without_hope(rates, log) is None
    return judged(rates, log, coarse_sync(rates, log), None)


def log_of(motion: Motion, start: float = -20.0, end: float = 40.0) -> GyroLog:
    return simulate_log(motion, start, end, sync=ClockSync(2.0), noise=NOISE)


@pytest.mark.parametrize("kind", ["stand", "walk", "run"])
@pytest.mark.parametrize("focal", [700.0, 967.0, 1300.0])
def test_an_honest_clip_is_good_and_its_gain_one(kind: str, focal: float) -> None:
    motion = Handheld(kind, 1)
    rates, log = seen(motion, focal=focal), log_of(motion)
    assert coarsely(rates, log) == Verdict(Confidence.GOOD, ())
    # pitch and yaw scale with the focal length, roll does not: bands differ in their share of it
    assert gain_ratio(rates, log, coarse_sync(rates, log)) == pytest.approx(1.0, abs=0.12)


@pytest.mark.parametrize("kind", ["stand", "walk"])
@pytest.mark.parametrize(
    "gain", [optical, lambda f: electronic(f, 0.05)], ids=["optical", "electronic"]
)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_clip_that_was_steadied_a_little_is_named_as_such(
    kind: str, gain: Callable[[Floats], Floats], seed: int
) -> None:
    motion = Handheld(kind, seed)
    verdict = coarsely(seen(Steadied(motion, gain, (0, 10))), log_of(motion))
    assert verdict.confidence == Confidence.FAILED
    assert "stabilized already" in verdict.reasons[0]


@pytest.mark.parametrize("kind", ["stand", "walk", "run"])
@pytest.mark.parametrize("time_constant", [0.1, 0.15, 0.3, 1.0])
def test_a_clip_that_was_steadied_much_fails(kind: str, time_constant: float) -> None:
    for seed in range(2):
        motion = Handheld(kind, seed)
        steady = Steadied(motion, lambda f: electronic(f, time_constant), (0, 10))
        verdict = coarsely(seen(steady), log_of(motion))
        assert verdict.confidence == Confidence.FAILED and verdict.reasons


def test_a_running_clip_behind_optical_stabilization_is_never_good() -> None:
    for seed in range(4):
        motion = Handheld("run", seed)
        verdict = coarsely(seen(Steadied(motion, optical, (0, 10))), log_of(motion))
        assert verdict.confidence != Confidence.GOOD
        assert "shakes" in verdict.reasons[0] and "less than the gyro" in verdict.reasons[0]


def test_near_things_are_not_taken_for_stabilization() -> None:
    for seed in range(3):
        motion = Handheld("walk", seed)
        pairs = simulate_pairs(
            motion, CAMERA, [frames(0, 10)], points=20, position=walking(motion), depth=(1.5, 10)
        )
        assert coarsely(picture_rates(pairs, CAMERA), log_of(motion)).confidence == Confidence.GOOD


class Still:
    """A camera on a tripod."""

    def at(self, t: Floats) -> Rotation:
        return Rotation.identity(len(t))

    def rate_at(self, t: Floats) -> Floats:
        return np.zeros((len(t), 3))


@pytest.mark.parametrize("log_motion", [Still(), Handheld("walk", 1)], ids=["still", "walk"])
def test_a_still_clip_fails_and_is_told_to_be_still(log_motion: Motion) -> None:
    verdict = coarsely(seen(Still()), log_of(log_motion))
    assert verdict.confidence == Confidence.FAILED
    assert "the picture hardly moves" in verdict.reasons[0]


def test_a_pan_from_a_tripod_is_not_good() -> None:
    motion = Handheld("stand", 3, shake_rms=0.0, pan=1.0)
    assert coarsely(seen(motion), log_of(motion)).confidence == Confidence.FAILED


@pytest.mark.parametrize("length", [10.0, 12.0, 60.0, 200.0])
def test_the_log_of_another_clip_fails(length: float) -> None:
    for n in range(8):
        rates = seen(Handheld(("walk", "stand")[n % 2], n % 4), seed=n)
        verdict = coarsely(rates, log_of(Handheld(("walk", "stand")[n // 4], 50 + n), 0, length))
        assert verdict.confidence == Confidence.FAILED
        assert any("is it the log of this clip?" in reason for reason in verdict.reasons)


def test_a_mirrored_log_is_named() -> None:
    for kind in ("walk", "stand", "run"):
        motion = Handheld(kind, 2)
        log = log_of(motion)
        verdict = coarsely(seen(motion), GyroLog(log.t, log.gyro * (1, -1, 1)))
        assert verdict.confidence == Confidence.FAILED
        assert "left-handed" in verdict.reasons[0]


def test_an_overlap_of_less_than_half_is_never_good() -> None:
    for kind in ("walk", "stand"):
        motion = Handheld(kind, 3)
        for span in ((7.0, 60.0), (-60.0, 2.5), (9.0, 12.0), (30.0, 60.0)):
            assert coarsely(seen(motion), log_of(motion, *span)).confidence == Confidence.FAILED


def test_half_a_turned_log_is_never_good() -> None:
    """The log slips against the video by half a second in the middle of the clip."""
    motion = Handheld("walk", 4)
    rates = seen(motion)
    slipped = replace(rates, t=np.where(rates.t > 5, rates.t + 0.5, rates.t))
    assert coarsely(slipped, log_of(motion)).confidence != Confidence.GOOD


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda log: GyroLog(log.t[:200], log.gyro[:200]), "the log is only 1.00 s long"),
        (lambda log: GyroLog(log.t, 0 * log.gyro + 0.1), "the log's rates never change"),
    ],
)
def test_logs_without_hope(make: Callable[[GyroLog], GyroLog], says: str) -> None:
    motion = Handheld("walk", 1)
    verdict = without_hope(seen(motion), make(log_of(motion)))
    assert verdict is not None and verdict.confidence == Confidence.FAILED
    assert says in verdict.reasons[0] and "give the delay" in verdict.reasons[0]


def test_a_clip_of_a_second_is_without_hope() -> None:
    motion = Handheld("walk", 1)
    verdict = without_hope(seen(motion, frames(0, 1)), log_of(motion))
    assert verdict is not None and "only 1.0 s of the picture" in verdict.reasons[0]


def test_many_short_windows_are_not_good() -> None:
    """Each is too short for the band that is compared."""
    motion = Handheld("walk", 1)
    rates = seen(motion, *(frames(2 * i, 2 * i + 0.8) for i in range(6)))
    assert coarsely(rates, log_of(motion)).confidence == Confidence.FAILED
    assert [s.stop - s.start for s in stretches(rates)] == [23] * 6


def fine_with(delay: float, error: float) -> FineSync:
    value, errors = np.zeros(10), np.zeros(10)
    value[0], errors[0] = delay, error
    return FineSync(value, errors, np.zeros(10, bool), 0.3, False, np.zeros(1))


def test_the_verdict_follows_the_error_of_the_fine_delay() -> None:
    motion = Handheld("walk", 1)
    rates, log = seen(motion), log_of(motion)
    coarse = coarse_sync(rates, log)

    def verdict(moved: float, error: float) -> Verdict:
        return judged(rates, log, coarse, fine_with(coarse.delay, error), moved=moved)

    assert verdict(0.012, 1e-4) == Verdict(Confidence.GOOD, ())
    low = verdict(0.0, 2e-3)
    assert low.confidence == Confidence.LOW and "2.0 ms" in low.reasons[0]
    assert verdict(0.0, 6e-3).confidence == Confidence.FAILED
    for moved in (0.021, -0.021):
        far = verdict(moved, 1e-4)
        assert far.confidence == Confidence.FAILED and "21.0 ms from" in far.reasons[0]


def test_a_given_delay_that_is_not_where_both_turn_alike_is_doubted() -> None:
    motion = Handheld("walk", 1)
    rates, log = seen(motion), log_of(motion)
    coarse = coarse_sync(rates, log)
    fine = fine_with(coarse.delay, 0.0)
    for moved, confidence in ((0.012, "good"), (-0.015, "low"), (0.5, "failed")):
        verdict = judged(rates, log, coarse, fine, moved=moved, told=True)
        assert verdict.confidence == confidence
        assert not verdict.reasons or f"{1e3 * moved:+.1f} ms from where" in verdict.reasons[0]


def test_peaks_decide_in_three_steps() -> None:
    motion = Handheld("walk", 1)
    rates, log = seen(motion), log_of(motion)
    coarse = coarse_sync(rates, log)

    def verdict(score: float, ratio: float) -> Verdict:
        second = 1 - ratio * (1 - score)
        return judged(rates, log, replace_peak(coarse, score, second), None)

    assert verdict(0.9, 1.62).confidence == Confidence.GOOD
    assert verdict(0.9, 1.58).confidence == Confidence.LOW
    assert verdict(0.7, 2.5).confidence == Confidence.LOW
    assert verdict(0.9, 1.28).confidence == Confidence.FAILED
    assert "correlates 0.90, second 0.87" in verdict(0.9, 1.28).reasons[0]


def replace_peak(coarse: CoarseSync, score: float, second: float) -> CoarseSync:
    return replace(coarse, score=score, second=second, mirrored=0.0)
