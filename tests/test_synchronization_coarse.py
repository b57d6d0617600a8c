"""Coarse sync on simulated tracks: every lag and rotation, clocks of any origin, wrong logs."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from gyro_data.checks import Floats
from gyro_data.log import GyroLog
from stabilizer.camera import Camera
from stabilizer.lens import make_lens
from stabilizer.simulate import Handheld, simulate_log
from stabilizer.sync import ClockSync
from stabilizer.synchronization.by_pair import medians, sums
from stabilizer.synchronization.coarse import (
    PictureRates,
    _correlation,
    coarse_sync,
    log_rates_at,
    picture_rates,
)
from stabilizer.tracks import Pairs
from tests.track_simulation import frames, simulate_pairs, walking

CAMERA = Camera.from_focal(1280, 720, 967.0, readout_time=0.02)
UNKNOWN = Camera.from_focal(1280, 720, 967.0)  # as the first stage sees it: no readout
COARSE = 0.012  # s: what the fine stage is sure to mend
NOISE = 0.007  # rad/s, a poor sensor


def degrees(R: Floats, truth: Floats) -> float:
    return float(np.degrees(Rotation.from_matrix(R @ truth.T).magnitude()))


def mounting(seed: int) -> Floats:
    """Return R_cam_body, drawn from all rotations."""
    return np.asarray(Rotation.random(rng=np.random.default_rng(seed)).as_matrix())


@cache
def walk(seed: int, fps: float = 30.0, kind: str = "walk") -> tuple[Handheld, Pairs]:
    motion = Handheld(kind, seed)
    return motion, simulate_pairs(motion, CAMERA, [frames(0, 8, fps)], points=16, seed=seed)


@pytest.mark.parametrize(
    ("seed", "kind", "fps", "factor"),
    [
        (0, "walk", 24, 1.0),
        (1, "stand", 30, 0.6),
        (2, "walk", 60, 1.4),
        (3, "stand", 120, 1.0),
        (4, "run", 30, 0.6),
        (5, "stand", 24, 1.4),
    ],
)
def test_finds_delay_and_axes_in_a_log_five_minutes_longer(
    seed: int, kind: str, fps: float, factor: float
) -> None:
    motion, pairs = walk(seed, fps, kind)
    R = mounting(seed)
    delay = float(np.random.default_rng(seed).uniform(-200, 200))
    log = simulate_log(
        motion,
        -20.0 - 45 * seed,
        288.0 - 45 * seed,
        sync=ClockSync(delay),
        drift=(0.01, -0.006, 0.004),
        noise=NOISE,
        R_body_cam=R.T,
    )
    guess = Camera.from_focal(1280, 720, 967 * factor)
    found = coarse_sync(picture_rates(pairs, guess), log)
    assert abs(found.delay - delay) < COARSE
    # a wrong focal length scales pitch and yaw but not roll: it turns the best rotation a little
    assert degrees(found.R_cam_body, R) < (3.0 if factor == 1 else 6.0)
    assert np.linalg.det(found.R_cam_body) == pytest.approx(1.0)
    assert found.peak_ratio > 1.87  # where right logs begin
    assert 0.9 < found.score <= 1.0 + 1e-6
    assert found.lags[0] < found.delay < found.lags[-1]
    assert found.scores.max() == found.score


@pytest.mark.parametrize(("start", "end"), [(2.5, 60.0), (-60.0, 5.5), (2.0, 6.5)])
def test_a_log_may_cover_a_part_of_the_clip(start: float, end: float) -> None:
    motion, pairs = walk(0)
    log = simulate_log(motion, start, end, sync=ClockSync(-start), noise=NOISE)
    found = coarse_sync(picture_rates(pairs, UNKNOWN), log)
    assert abs(found.delay + start) < COARSE
    assert degrees(found.R_cam_body, np.eye(3)) < 3


@pytest.mark.parametrize("origin", [1.7e9, -1.7e9, 4.0e5])
def test_the_origin_of_the_clock_does_not_matter(origin: float) -> None:
    motion, pairs = walk(0)
    rates = picture_rates(pairs, UNKNOWN)
    log = simulate_log(motion, -20, 30, noise=NOISE)
    here = coarse_sync(rates, log)
    there = coarse_sync(rates, GyroLog(log.t + origin, log.gyro))
    # a double holds seconds since 1970 to 0.2 µs
    assert there.delay - origin == pytest.approx(here.delay, abs=1e-5)
    assert_allclose(there.R_cam_body, here.R_cam_body, atol=1e-4)
    assert there.score == pytest.approx(here.score, abs=1e-4)


def test_windows_apart_in_time_add_up() -> None:
    motion = Handheld("walk", 11)
    windows = [frames(3, 6), frames(40.01, 43), frames(90, 94)]
    pairs = simulate_pairs(motion, CAMERA, windows, points=16)
    log = simulate_log(motion, -30, 150, sync=ClockSync(12.345), noise=NOISE)
    rates = picture_rates(pairs, UNKNOWN)
    together = coarse_sync(rates, log)
    assert abs(together.delay - 12.345) < COARSE
    assert together.score > 0.95 and together.peak_ratio > 10
    late = rates.t > 30
    torn = replace(rates, t=np.where(late, rates.t + 0.25, rates.t))  # none fits all three
    assert coarse_sync(torn, log).score < 0.9


def test_turning_the_log_turns_the_rotation_and_nothing_else() -> None:
    motion, pairs = walk(1)
    rates = picture_rates(pairs, UNKNOWN)
    log = simulate_log(motion, -20, 30, noise=NOISE)
    Q = mounting(7)
    here, there = (coarse_sync(rates, GyroLog(log.t, gyro)) for gyro in (log.gyro, log.gyro @ Q.T))
    assert there.delay == pytest.approx(here.delay, abs=1e-9)
    assert_allclose(there.R_cam_body @ Q, here.R_cam_body, atol=1e-9)
    assert_allclose(there.scores, here.scores, atol=1e-9)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_mirrored_log_is_like_the_picture_only_in_the_mirror(seed: int) -> None:
    motion, pairs = walk(seed)
    log = simulate_log(motion, -20, 30, noise=NOISE, imu_orientation="yXZ")  # a rotation
    left_handed = GyroLog(log.t, log.gyro * (1, 1, -1))
    found = coarse_sync(picture_rates(pairs, UNKNOWN), left_handed)
    assert found.mirrored > 0.95 and found.score < 0.75
    assert coarse_sync(picture_rates(pairs, UNKNOWN), log).mirrored < 0.85


@pytest.mark.parametrize("length", [8.0, 10.0, 60.0, 240.0])
def test_wrong_logs_have_no_peak(length: float) -> None:
    kinds = ("walk", "stand", "run")
    for n in range(9):
        _, pairs = walk(n % 3, kind=kinds[n % 3])
        wrong = simulate_log(Handheld(kinds[n // 3], 100 + n), 0, length, rate=100, noise=NOISE)
        found = coarse_sync(picture_rates(pairs, UNKNOWN), wrong)
        assert found.peak_ratio < 1.3
        assert found.score < 0.75


def test_the_correlation_is_the_plain_sum() -> None:
    rng = np.random.default_rng(0)
    for n, m in ((5, 9), (9, 5), (1, 7), (7, 1), (6, 6)):
        a, b = rng.standard_normal((n, 3, 1)), rng.standard_normal((m, 1, 3))
        plain = [
            sum((a[t] * b[t + lag] for t in range(n) if 0 <= t + lag < m), np.zeros((3, 3)))
            for lag in range(1 - n, m)
        ]
        assert_allclose(_correlation(a, b), plain, atol=1e-12)


def test_sums_and_medians_are_those_of_each_pair() -> None:
    rng = np.random.default_rng(1)
    pair = np.sort(rng.integers(0, 12, 40))
    pair = pair[pair != 5]
    values = rng.standard_normal((len(pair), 2))
    added, middle = sums(values, pair, 13), medians(values[:, 0], pair, 13)
    for k in range(13):
        of_pair = values[pair == k]
        assert_allclose(added[k], of_pair.sum(axis=0), atol=1e-12)
        expected = np.sort(of_pair[:, 0])[len(of_pair) // 2] if len(of_pair) else np.nan
        assert_allclose(middle[k], expected)
    assert np.isnan(middle[[5, 12]]).all()
    assert_allclose(sums(np.empty((0, 2)), pair[:0], 3), np.zeros((3, 2)))


def mean_rate(motion: Handheld, rates: PictureRates) -> Floats:
    """Return the true rate, averaged between the frames."""
    half = rates.interval / 2
    turn = motion.at(rates.t - half).inv() * motion.at(rates.t + half)
    return np.asarray(turn.as_rotvec() / rates.interval[:, None])


@pytest.mark.parametrize(
    "camera",
    [
        UNKNOWN,
        Camera.from_focal(1280, 720, 500.0, lens=make_lens("fisheye", (0.03, -0.01, 0.0, 0.0))),
        Camera.from_focal(640, 480, 600.0, lens=make_lens("opencv", (-0.2, 0.03, 1e-3, -1e-3))),
    ],
    ids=["pinhole", "fisheye", "opencv"],
)
def test_picture_rates_are_those_of_the_motion(camera: Camera) -> None:
    motion = Handheld("walk", 4)
    exact = simulate_pairs(motion, camera, [frames(0, 3)], points=20, noise=0, outliers=0)
    rates = picture_rates(exact, camera)
    truth = mean_rate(motion, rates)
    # the linear model leaves the square of 1° per frame
    assert np.abs(rates.rate - truth).max() < 0.015 * np.abs(truth).max()
    assert_allclose(rates.t, np.arange(89) / 30 + 1 / 60)
    assert_allclose(rates.interval, 1 / 30)


def test_a_third_of_outliers_hardly_matters_to_picture_rates() -> None:
    motion = Handheld("walk", 4)
    rough = simulate_pairs(motion, UNKNOWN, [frames(0, 3)], points=60, noise=0.3, outliers=0.3)
    rates = picture_rates(rough, UNKNOWN)
    error = rates.rate - mean_rate(motion, rates)
    assert np.sqrt(np.mean(error[:, :2] ** 2)) < 0.01  # 0.3 px · 30 Hz / 967 px / √42 = 0.0014
    assert np.sqrt(np.mean(error[:, 2] ** 2)) < 0.02
    assert np.median(rates.residual) < 3 * 0.3 / 967


def test_what_moves_in_a_quarter_of_the_picture_does_not_turn_the_camera() -> None:
    motion = Handheld("stand", 4)
    pairs = simulate_pairs(motion, CAMERA, [frames(0, 8)], points=24, object_speed=300.0)
    log = simulate_log(motion, -30, 60, sync=ClockSync(-7.0), noise=NOISE)
    found = coarse_sync(picture_rates(pairs, UNKNOWN), log)
    assert abs(found.delay + 7.0) < COARSE
    assert found.peak_ratio > 1.6


@pytest.mark.parametrize("depth", [(2.0, 30.0), (0.8, 4.0)])
def test_walking_past_near_things_keeps_the_coarse_delay(depth: tuple[float, float]) -> None:
    motion = Handheld("walk", 2)
    pairs = simulate_pairs(
        motion, CAMERA, [frames(0, 8)], points=20, position=walking(motion), depth=depth
    )
    log = simulate_log(motion, -60, 120, sync=ClockSync(5.0), noise=NOISE)
    assert abs(coarse_sync(picture_rates(pairs, UNKNOWN), log).delay - 5.0) < COARSE


def test_pairs_of_few_or_unseen_points_are_left_out() -> None:
    motion = Handheld("walk", 4)
    full = simulate_pairs(motion, UNKNOWN, [frames(0, 1)], points=20, outliers=0)
    kept = (full.pair != 3) | (np.cumsum(full.pair == 3) <= 7)
    kept &= full.pair != 9
    thin = Pairs(full.pair[kept], full.t_from, full.t_to, full.xy_from[kept], full.xy_to[kept])
    rates = picture_rates(thin, UNKNOWN)
    whole = picture_rates(full, UNKNOWN)
    assert_allclose(rates.t, np.delete(whole.t, [3, 9]))
    assert np.isfinite(rates.rate).all() and np.isfinite(rates.residual).all()
    narrow = Camera.from_focal(1280, 720, 700.0, lens=make_lens("opencv", (-0.3, 0.0, 0.0, 0.0)))
    assert np.isnan(narrow.unproject(full.xy_from)).any()
    assert np.isfinite(picture_rates(full, narrow).rate).all()


def test_log_rates_are_means_over_the_interval() -> None:
    t = np.arange(0, 4, 0.005)
    slope = np.array([1.0, -2.0, 0.5])
    log = GyroLog(t + 100.0, t[:, None] * slope)
    at = np.array([101.0, 102.345])
    assert_allclose(log_rates_at(log, at, 0.1), (at - 100)[:, None] * slope, atol=1e-9)
    beat = GyroLog(t, np.cos(2 * np.pi * 5 * t)[:, None] * slope)
    # the mean of a cosine over T is smaller by sinc(f T), the trapezoids' by (2π f h)² / 12 more
    assert_allclose(log_rates_at(beat, np.array([2.0]), 0.1), [np.sinc(0.5) * slope], rtol=3e-3)
