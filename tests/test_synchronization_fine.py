"""Fine sync on simulated tracks: derivatives, recovery of every unknown, honest errors."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.transform import Rotation

from gyro_data.checks import Floats
from gyro_data.integration import integrate
from stabilizer.camera import Camera, ReadoutDirection
from stabilizer.lens import make_lens
from stabilizer.simulate import Handheld, Motion, simulate_log
from stabilizer.sync import ClockSync
from stabilizer.synchronization import fine
from stabilizer.synchronization.fine import epipolar_stage, rotation_stage
from stabilizer.synchronization.fitting import FineSync
from stabilizer.synchronization.problem import NAMES, Problem, Unknowns
from stabilizer.tracks import Pairs
from tests.track_simulation import Position, frames, simulate_pairs, walking

CAMERA = Camera.from_focal(1280, 720, 967.0, readout_time=0.02)
SPREAD = np.array([0.05, 5e-4, 0.012, 0.25, 0.02, 0.02, 0.02, 0.15, 0.15, 0.15])
BACKWARDS = {
    ReadoutDirection.TOP_TO_BOTTOM: ReadoutDirection.BOTTOM_TO_TOP,
    ReadoutDirection.BOTTOM_TO_TOP: ReadoutDirection.TOP_TO_BOTTOM,
    ReadoutDirection.LEFT_TO_RIGHT: ReadoutDirection.RIGHT_TO_LEFT,
    ReadoutDirection.RIGHT_TO_LEFT: ReadoutDirection.LEFT_TO_RIGHT,
}
DELAY, SKEW, DRIFT = 3.217, 1e-4, (0.01, -0.006, 0.004)
MISALIGNED = np.radians(1.5) * np.array([0.6, -0.5, 0.62])


def case(
    motion: Motion,
    *,
    duration: float = 8.0,
    camera: Camera = CAMERA,
    guess: Camera | None = None,
    gyro_noise: float = 0.002,
    position: Position | None = None,
    seed: int = 0,
    **points: Any,
) -> tuple[Problem, Floats, Unknowns]:
    """Return a problem, the true unknowns and where to start: focal length 17 % off."""
    guess = guess or replace(camera, fx=camera.fx * 0.83, fy=camera.fy * 0.83)
    points = {"points": 20, **points}
    pairs = simulate_pairs(
        motion, camera, [frames(0, duration)], position=position, seed=seed, **points
    )
    log = simulate_log(
        motion,
        -3,
        duration + 3,
        sync=ClockSync(DELAY, SKEW),
        drift=DRIFT,
        noise=gyro_noise,
        R_body_cam=Rotation.from_rotvec(-MISALIGNED).as_matrix(),
        seed=seed,
    )
    middle = duration / 2
    longer = float(np.log(camera.fx / guess.fx))
    truth = np.array(
        [DELAY + SKEW * middle, SKEW, camera.readout_time, longer, *DRIFT, *MISALIGNED]
    )
    start = np.array([truth[0] + 0.006, 0, 0.012, 0, 0, 0, 0, 0, 0, 0])
    problem = Problem(pairs, log, integrate(log), guess, np.eye(3), middle)
    return problem, truth, Unknowns(start, SPREAD)


@cache
def far_fit(seed: int) -> tuple[Problem, Floats, FineSync]:
    motion = Handheld(("walk", "stand")[seed % 2], seed)
    problem, truth, unknowns = case(motion, duration=16.0, points=12, seed=seed)
    return problem, truth, rotation_stage(problem, unknowns)


# Derivatives


def test_the_derivatives_of_the_turn_are_those_of_the_prediction() -> None:
    problem, truth, _ = case(Handheld("run", 1), duration=2.0)
    value = truth + np.array([1e-3, 1e-4, -0.01, 0.05, 0.002, 0.001, -0.003, 0.01, 0.02, -0.01])
    analytic = problem.derivatives(value, problem.turns(value))
    steps = np.array([1e-4, 1e-3, 1e-4, 1e-4, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3])
    for i, name in enumerate(NAMES):
        ahead, behind = (value + sign * steps[i] * np.eye(10)[i] for sign in (1, -1))
        plain = (problem.turns(ahead) - problem.turns(behind)) / (2 * steps[i])
        # of first order in a turn of up to 2° per frame; the log's rate is read between samples
        scale = np.linalg.norm(plain, axis=-1).max()
        error = np.linalg.norm(analytic[..., i] - plain, axis=-1).max()
        assert error <= 0.05 * scale, name
    assert not analytic[..., 3].any()


Errors = Callable[[Floats], tuple[Floats, Floats]]


def errors_of(stage: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> Errors:
    """Return the errors that a stage would minimize."""
    caught: list[Errors] = []

    def fitted(problem: Problem, unknowns: Unknowns, errors: Errors, *, epipolar: bool) -> FineSync:
        caught.append(errors)
        none = np.zeros(10)
        return FineSync(none, none, none.astype(bool), 1.0, epipolar, none)

    with monkeypatch.context() as patch:
        patch.setattr(fine, "fitted", fitted)
        stage()
    return caught[0]


def test_the_derivatives_of_the_errors_at_infinity(monkeypatch: pytest.MonkeyPatch) -> None:
    fisheye = Camera.from_focal(
        1280, 720, 600.0, readout_time=0.02, lens=make_lens("fisheye", (0.03, -0.01, 0.0, 0.0))
    )
    for camera in (CAMERA, fisheye):
        problem, truth, unknowns = case(Handheld("walk", 1), duration=1.5, camera=camera)
        errors = errors_of(lambda p=problem, u=unknowns: rotation_stage(p, u), monkeypatch)
        value = truth + 1e-3
        jacobian = errors(value)[1]
        for i, name in enumerate(NAMES):
            step = np.eye(10)[i] * 1e-4
            plain = (errors(value + step)[0] - errors(value - step)[0]) / 2e-4
            miss = np.linalg.norm(jacobian[..., i] - plain) / np.linalg.norm(plain)
            assert miss < 0.02, name  # 1° per frame


def test_what_the_first_stage_kept_is_still_called_kept() -> None:
    motion = Handheld("walk", 1)
    problem, truth, unknowns = case(motion, duration=1.5, position=walking(motion), points=40)
    kept = np.arange(10) == 2
    start = FineSync(truth, unknowns.spread, kept, 1.0, False, np.zeros(10))
    found = epipolar_stage(problem, unknowns, start)
    assert found.kept[2] and found.error[2] == unknowns.spread[2] > 0
    assert found.value[2] == unknowns.value[2]


def test_the_derivatives_of_the_epipolar_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the direction of each pair following; exact points leave nothing of second order."""
    motion = Handheld("walk", 1)
    problem, truth, unknowns = case(
        motion,
        duration=1.5,
        camera=replace(CAMERA, readout_time=0.0),  # one direction for all rows
        position=walking(motion),
        noise=0.0,
        outliers=0.0,
        gyro_noise=0.0,
        points=40,
    )
    none = np.zeros(10)
    start = FineSync(truth, none, none.astype(bool), 1.0, False, none)
    errors = errors_of(lambda: epipolar_stage(problem, unknowns, start), monkeypatch)
    for _ in range(7):  # directions are drawn at first
        at_truth = errors(truth)[0]
    assert np.median(np.abs(at_truth)) < 0.01
    jacobian = errors(truth)[1][:, 0]
    for i in range(10):
        step = np.eye(10)[i] * 0.1 / np.sqrt(np.mean(jacobian[:, i] ** 2))  # to errors of 0.1 px
        ahead, behind = errors(truth + step)[0][:, 0], errors(truth - step)[0][:, 0]
        plain = (ahead - behind) / (2 * step[i])
        # the sign of a pair's direction is arbitrary, and with it that of its errors
        for k in range(len(problem.pairs.t_from)):
            of = problem.pairs.pair == k
            ahead_sign = np.sign(ahead[of] @ jacobian[of, i]) or 1.0
            behind_sign = -np.sign(behind[of] @ jacobian[of, i]) or 1.0
            plain[of] = (ahead_sign * ahead[of] - behind_sign * behind[of]) / (2 * step[i])
        cosine = plain @ jacobian[:, i] / np.linalg.norm(plain) / np.linalg.norm(jacobian[:, i])
        assert cosine > 0.95, (NAMES[i], cosine)
        ratio = np.linalg.norm(plain) / np.linalg.norm(jacobian[:, i])
        assert ratio == pytest.approx(1.0, abs=0.1), NAMES[i]


# Points at infinity


def test_every_unknown_is_recovered() -> None:
    limits = np.array([3e-4, 6e-5, 5e-4, 0.015, 5e-4, 5e-4, 5e-4, 0.01, 0.01, 0.01])
    for seed in range(10):
        _, truth, fit = far_fit(seed)
        assert (np.abs(fit.value - truth) < limits).all(), (seed, fit.value - truth)
        assert not fit.kept.any() and not fit.epipolar
        assert fit.residual == pytest.approx(0.35, abs=0.06)  # 0.3 px and what the tails add


def test_standard_errors_are_honest() -> None:
    """Errors over their standard errors have a spread of about 1.

    100 numbers of spread 1 have one of 1 ± 0.07. The clusters of half a second are few (33), and
    the gyro's noise, of which the errors do not know, makes the focal length a little short.
    """
    z = np.array([(fit.value - truth) / fit.error for _, truth, fit in map(far_fit, range(10))])
    assert 0.6 < np.sqrt(np.mean(z**2)) < 1.5
    assert np.abs(z).max() < 5
    assert (np.sqrt(np.mean(z**2, axis=0)) < 2.2).all()
    assert (np.sqrt(np.mean(z**2, axis=0)) > 0.3).all()  # nor are they too careful


def test_the_same_problem_gives_the_same_bits() -> None:
    motion = Handheld("walk", 3)
    for position, stages in ((None, 1), (walking(motion), 2)):
        fits = []
        for _ in range(2):
            problem, _, unknowns = case(motion, duration=3.0, position=position)
            fit = rotation_stage(problem, unknowns)
            fits.append(fit if stages == 1 else epipolar_stage(problem, unknowns, fit))
        for name in ("value", "error", "kept", "residual", "pair_errors"):
            assert_array_equal(getattr(fits[0], name), getattr(fits[1], name))


@pytest.mark.parametrize("direction", list(ReadoutDirection))
def test_readout_is_found_in_every_direction_also_when_told_the_opposite(
    direction: ReadoutDirection,
) -> None:
    camera = replace(CAMERA, readout_direction=direction)
    problem, truth, unknowns = case(Handheld("walk", 1), duration=5.0, camera=camera, guess=camera)
    fit = rotation_stage(problem, unknowns)
    assert fit.value[2] == pytest.approx(0.02, abs=7e-4)
    told = replace(problem, camera=replace(camera, readout_direction=BACKWARDS[direction]))
    opposite = rotation_stage(told, unknowns)
    assert opposite.value[2] == pytest.approx(-fit.value[2], abs=1e-4)
    assert opposite.value[0] == pytest.approx(truth[0], abs=3e-4)


def test_through_a_fisheye() -> None:
    camera = Camera.from_focal(
        1280, 720, 500.0, readout_time=0.02, lens=make_lens("fisheye", (0.02, -0.01, 0.0, 0.0))
    )
    problem, truth, unknowns = case(Handheld("walk", 2), camera=camera)
    fit = rotation_stage(problem, unknowns)
    assert abs(fit.value[0] - truth[0]) < 3e-4
    assert abs(fit.value[3] - truth[3]) < 0.01
    assert (np.abs(fit.value - truth) < 5 * fit.error).all()


def test_points_that_the_lens_cannot_show_do_not_matter() -> None:
    problem, truth, unknowns = case(Handheld("walk", 2), duration=5.0, guess=CAMERA)
    pairs = problem.pairs
    lens = make_lens("opencv", (-0.01, -0.001, 0.0, 0.0, -0.9))  # folds back at the corners
    narrow = replace(CAMERA, lens=lens)
    rays = narrow.unproject(pairs.xy_from)
    assert 0.001 < np.isnan(rays).any(axis=1).mean() < 0.5
    fit = rotation_stage(replace(problem, camera=narrow), unknowns)
    assert np.isfinite(fit.value).all() and np.isfinite(fit.error).all()
    assert abs(fit.value[0] - truth[0]) < 5e-4


def test_pairs_without_points_or_with_one_do_not_matter() -> None:
    problem, truth, unknowns = case(Handheld("walk", 2), duration=5.0)
    pair = problem.pairs.pair
    chosen = ~np.isin(pair, [0, 7, 8, 140, 148])
    chosen |= (pair == 7) & (np.cumsum(pair == 7) == 1)
    thin = problem.take(chosen)
    fit = rotation_stage(thin, unknowns)
    assert abs(fit.value[0] - truth[0]) < 3e-4
    assert_array_equal(np.flatnonzero(np.isnan(fit.pair_errors)), [0, 8, 140, 148])
    near = epipolar_stage(thin, unknowns, fit)
    assert np.isfinite(near.value).all() and np.isfinite(near.error).all()


def test_many_more_pairs_than_points_still_tell_the_delay() -> None:
    problem, truth, unknowns = case(Handheld("walk", 2), points=2)
    fit = rotation_stage(problem, unknowns)
    assert abs(fit.value[0] - truth[0]) < max(5 * fit.error[0], 1e-3)
    assert fit.error[0] < 2e-3


# Fixed, prior, undetermined


def test_fixed_unknowns_stay() -> None:
    problem, truth, unknowns = case(Handheld("walk", 2), duration=5.0)
    for i in range(10):
        fixed = np.where(np.arange(10) == i, 0.0, SPREAD)
        value = np.where(np.arange(10) == i, truth, unknowns.value)
        fit = rotation_stage(problem, Unknowns(value, fixed))
        assert fit.value[i] == truth[i] and fit.error[i] == 0 and not fit.kept[i]
    fit = rotation_stage(problem, Unknowns(truth, np.zeros(10) + (np.arange(10) == 0) * 0.05))
    assert abs(fit.value[0] - truth[0]) < 2e-4
    assert_array_equal(np.delete(fit.value, 0), np.delete(truth, 0))


def test_a_strong_prior_is_followed_and_a_weak_one_not() -> None:
    problem, _, unknowns = case(Handheld("walk", 2), duration=5.0)
    wrong = np.where(np.arange(10) == 2, 0.010, unknowns.value)  # s of readout
    strong = np.where(np.arange(10) == 2, 1e-5, SPREAD)
    fit = rotation_stage(problem, Unknowns(wrong, strong))
    assert fit.value[2] == pytest.approx(0.010, abs=1e-4)
    assert fit.kept[2]
    weak = rotation_stage(problem, Unknowns(wrong, SPREAD))
    free = rotation_stage(problem, Unknowns(wrong, np.full(10, np.inf)))
    assert weak.value[2] == pytest.approx(0.020, abs=5e-4)
    assert_allclose(weak.value[[0, 2]], free.value[[0, 2]], atol=1e-4)


def test_two_seconds_do_not_tell_the_skew() -> None:
    motion = Handheld("stand", 2)
    problem, truth, unknowns = case(motion, duration=2.0, points=12, noise=0.5)
    fit = rotation_stage(problem, unknowns)
    assert fit.kept[1] and fit.value[1] == 0 and fit.error[1] == SPREAD[1]
    assert not fit.kept[0] and abs(fit.value[0] - truth[0]) < 3e-3


class Panning:
    """A camera that turns about one of its axes only, with a shake."""

    def __init__(self, axis: int) -> None:
        self._axis = axis
        self._f = np.array([0.3, 1.1, 2.3, 4.1, 6.7])
        self._a = 0.15 / (2 * np.pi * self._f)

    def at(self, t: Floats) -> Rotation:
        angle = np.sin(np.multiply.outer(t, 2 * np.pi * self._f)) @ self._a
        return Rotation.from_rotvec(angle[:, None] * np.eye(3)[self._axis])

    def rate_at(self, t: Floats) -> Floats:
        w = 2 * np.pi * self._f
        rate = np.cos(np.multiply.outer(t, w)) @ (self._a * w)
        return np.asarray(rate[:, None] * np.eye(3)[self._axis])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_turn_about_one_axis_does_not_tell_the_mounting_about_it(axis: int) -> None:
    problem, truth, unknowns = case(Panning(axis), gyro_noise=1e-4)
    fit = rotation_stage(problem, unknowns)
    kept = {name for name, is_kept in zip(NAMES, fit.kept, strict=True) if is_kept}
    about = f"mounting_{'xyz'[axis]}"
    assert about in kept
    if axis == 2:  # a roll looks the same at any focal length
        assert kept == {about, "focal"}
    else:
        assert kept == {about}
    for i in np.flatnonzero(fit.kept):
        assert fit.value[i] == unknowns.value[i] and fit.error[i] == SPREAD[i]
    assert abs(fit.value[0] - truth[0]) < 5e-4


def test_a_slow_turn_does_not_tell_the_readout() -> None:
    problem, _, unknowns = case(Handheld("stand", 0, shake_rms=0.002, pan=0.1), gyro_noise=1e-4)
    fit = rotation_stage(problem, unknowns)
    assert fit.error[2] > 1e-3
    assert abs(fit.value[2] - 0.02) < 4 * fit.error[2]


def test_nothing_to_see_gives_an_answer_all_the_same() -> None:
    class Still:
        def at(self, t: Floats) -> Rotation:
            return Rotation.identity(len(t))

        def rate_at(self, t: Floats) -> Floats:
            return np.zeros((len(t), 3))

    problem, _, unknowns = case(Still(), duration=3.0, gyro_noise=0.0)
    fit = rotation_stage(problem, unknowns)
    moving = np.array([n.startswith("drift") for n in NAMES])
    assert fit.kept[~moving].all()
    assert_array_equal(fit.value[~moving], unknowns.value[~moving])
    # the drift is what the still picture tells, in the axes that are assumed
    assert np.linalg.norm(fit.value[4:7] - DRIFT) < 5e-4


# Points at any distance


def test_translation_does_not_spoil_the_delay_of_a_walk() -> None:
    for seed in (0, 2, 4):
        motion = Handheld("walk", seed)
        problem, truth, unknowns = case(
            motion, duration=8.0, position=walking(motion), seed=seed, points=30, noise=0.1
        )
        far = rotation_stage(problem, unknowns)
        near = epipolar_stage(problem, unknowns, far)
        assert near.epipolar
        assert near.residual == pytest.approx(0.12, abs=0.04)
        assert far.residual > 5 * near.residual
        assert abs(near.value[0] - truth[0]) < 1.5e-4
        assert abs(near.value[3] - truth[3]) < 0.01
        assert abs(near.value[2] - truth[2]) < 1e-3


def test_the_epipolar_stage_finds_exact_points() -> None:
    """But for the camera's way, which is not quite straight while the rows are read."""
    motion = Handheld("walk", 1)
    problem, truth, unknowns = case(
        motion, duration=4.0, position=walking(motion), noise=0.0, outliers=0.0, gyro_noise=0.0
    )
    far = rotation_stage(problem, unknowns)
    near = epipolar_stage(problem, unknowns, far)
    assert abs(near.value[0] - truth[0]) < 2e-4
    assert abs(near.value[3] - truth[3]) < 3e-3
    assert_allclose(near.value[4:7], DRIFT, atol=6e-4)


def test_a_passing_object_is_an_outlier_of_both_stages() -> None:
    motion = Handheld("walk", 5)
    problem, truth, unknowns = case(motion, object_speed=400.0)
    far = rotation_stage(problem, unknowns)
    assert abs(far.value[0] - truth[0]) < 4e-4
    problem, truth, unknowns = case(motion, object_speed=400.0, position=walking(motion), points=30)
    near = epipolar_stage(problem, unknowns, rotation_stage(problem, unknowns))
    assert abs(near.value[0] - truth[0]) < 1e-3


def test_take_keeps_the_pairs() -> None:
    problem, _, _ = case(Handheld("walk", 5), duration=1.0)
    chosen = problem.pairs.pair % 2 == 0
    part = problem.take(chosen)
    assert isinstance(part.pairs, Pairs)
    assert_array_equal(part.pairs.xy_to, problem.pairs.xy_to[chosen])
    assert_array_equal(part.pairs.t_from, problem.pairs.t_from)
