"""Integration against motions in closed form, and the properties any integrator must have."""

import logging

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gyro_data.integration import INTEGRATORS, integrate
from gyro_data.log import GyroLog
from tests.analytic_motion import angle_deg, tumbling, walking

every_method = pytest.mark.parametrize("method", INTEGRATORS)


def regular(rate_hz, duration):
    return np.arange(0, duration + 0.5 / rate_hz, 1 / rate_hz)


def jittered(rate_hz, duration, seed=0):
    """Return instants up to 40 % of a step away from the regular ones."""
    t = regular(rate_hz, duration)
    return t + np.random.default_rng(seed).uniform(-0.4, 0.4, t.size) / rate_hz


def without(t, start, end):
    return t[(t <= start) | (t >= end)]


def worst_deg(motion, orientation):
    return angle_deg(motion.R_world_body(orientation.t), orientation.R_world_body).max()


def nominal_rate(log):
    """Integrate as if all steps were the mean step."""
    step = log.duration / (len(log.t) - 1)
    return chain(step * (log.gyro[:-1] + log.gyro[1:]) / 2)


def axis_sums(log):
    """Sum up the angles of each axis on its own."""
    angles = np.diff(log.t)[:, None] * (log.gyro[:-1] + log.gyro[1:]) / 2
    return Rotation.from_rotvec(np.concatenate([np.zeros((1, 3)), np.cumsum(angles, axis=0)]))


def chain(rotvec):
    """Multiply up the rotations one by one, with scipy."""
    R = [Rotation.identity()]
    for step in Rotation.from_rotvec(rotvec):
        R.append(R[-1] * step)
    return Rotation.concatenate(R)


@every_method
@pytest.mark.parametrize("speed", [0.0, 1e-9, 0.3, 20.0])
def test_a_constant_rate_is_exact_with_any_steps(method, speed):
    t = np.sort(np.random.default_rng(0).uniform(3.0, 9.0, 500))
    rate = speed * np.array([0.6, 0.0, -0.8])
    orientation = integrate(GyroLog(t, np.tile(rate, (500, 1))), method=method)
    truth = Rotation.from_rotvec((t - t[0])[:, None] * rate)
    assert angle_deg(truth, orientation.R_world_body).max() < 1e-11


@every_method
def test_almost_half_a_turn_per_step_is_exact(method):
    t = np.arange(20.0)
    rate = (np.pi - 1e-6) * np.array([0.0, 0.6, 0.8])
    orientation = integrate(GyroLog(t, np.tile(rate, (20, 1))), method=method)
    truth = Rotation.from_rotvec(t[:, None] * rate)
    assert angle_deg(truth, orientation.R_world_body).max() < 1e-11


@every_method
def test_two_samples_are_one_trapezoid_about_a_fixed_axis(method):
    log = GyroLog(np.array([1.0, 1.5]), np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 3.0]]))
    rotvec = integrate(log, method=method).R_world_body.as_rotvec()
    np.testing.assert_allclose(rotvec, [[0, 0, 0], [0, 0, 1.0]], rtol=0, atol=1e-15)


@every_method
def test_the_world_is_the_body_at_the_first_sample_and_the_rates_are_kept(method):
    log = walking().log(regular(100, 1))
    orientation = integrate(log, method=method)
    assert orientation.R_world_body[0].magnitude() == 0
    np.testing.assert_array_equal(orientation.t, log.t)
    np.testing.assert_array_equal(orientation.rate, log.gyro)


def test_trapezoid_agrees_with_a_plain_scipy_loop():
    log = tumbling().log(jittered(100, 5))
    h = np.diff(log.t)[:, None]
    loop = chain(h * (log.gyro[:-1] + log.gyro[1:]) / 2)
    assert angle_deg(loop, integrate(log, method="trapezoid").R_world_body).max() < 1e-11


def test_a_minute_of_walking_at_400_hz_stays_within_a_thousandth_of_a_degree():
    motion = walking()
    assert worst_deg(motion, integrate(motion.log(regular(400, 60)))) < 1e-3


@pytest.mark.parametrize(("method", "least", "most"), [("cubic", 12, 20), ("trapezoid", 3.8, 4.2)])
def test_halving_the_step_divides_the_error_by_two_to_the_order(method, least, most):
    motion = tumbling()
    logs = [motion.log(regular(hz, 5)) for hz in (50, 100, 200)]
    error = [worst_deg(motion, integrate(log, method=method)) for log in logs]
    ratio = np.divide(error[:-1], error[1:])
    assert np.all((ratio > least) & (ratio < most)), (error, ratio)


@every_method
def test_the_time_reversed_log_gives_the_way_back(method):
    log = tumbling().log(jittered(100, 3))
    back = GyroLog(-log.t[::-1], -log.gyro[::-1])
    R = integrate(log, method=method).R_world_body
    R_back = integrate(back, method=method).R_world_body
    assert angle_deg(R[-1].inv() * R[::-1], R_back).max() < 1e-11


@every_method
def test_a_body_mounted_otherwise_turns_the_same_way(method):
    log = tumbling().log(jittered(100, 3))
    R_mount = Rotation.from_rotvec([0.5, -1.0, 2.0])
    mounted = integrate(GyroLog(log.t, R_mount.apply(log.gyro.copy())), method=method).R_world_body
    plain = integrate(log, method=method).R_world_body
    assert angle_deg(R_mount * plain * R_mount.inv(), mounted).max() < 1e-11


@every_method
def test_a_later_clock_origin_changes_nothing(method):
    log = tumbling().log(regular(128, 3))  # a step of 1/128 s is the same number at any origin
    later = integrate(GyroLog(log.t + 4096, log.gyro), method=method).R_world_body
    assert angle_deg(integrate(log, method=method).R_world_body, later).max() < 1e-11


def test_irregular_steps_do_not_hurt_but_a_nominal_rate_would():
    motion = walking()
    log = motion.log(jittered(400, 60))
    assert worst_deg(motion, integrate(log)) < 1e-3
    assert angle_deg(motion.R_world_body(log.t), nominal_rate(log)).max() > 0.1


def test_a_dropped_stretch_breaks_a_nominal_rate():
    motion = walking()
    log = motion.log(without(regular(400, 20), 5.0, 5.015))
    assert worst_deg(motion, integrate(log)) < 2e-3
    assert angle_deg(motion.R_world_body(log.t), nominal_rate(log)).max() > 0.1


def test_coupled_turns_break_sums_per_axis():
    motion = tumbling()
    log = motion.log(regular(400, 5))
    assert worst_deg(motion, integrate(log)) < 1e-4
    assert angle_deg(motion.R_world_body(log.t), axis_sums(log)).max() > 30


def test_almost_equal_times_do_not_hurt_even_with_noise():
    motion = walking()
    t = np.sort(np.append(regular(400, 10), [2.0 + 1e-6, 7.3 - 1e-6]))
    assert worst_deg(motion, integrate(motion.log(t))) < 1e-3
    noise = np.random.default_rng(0).normal(scale=0.01, size=(t.size, 3))
    noisy = GyroLog(t, motion.rate(t) + noise)
    cubic, plain = integrate(noisy), integrate(noisy, method="trapezoid")
    assert angle_deg(cubic.R_world_body, plain.R_world_body).max() < 2e-2


def test_a_long_gap_is_held_listed_and_reported(caplog):
    t = without(regular(200, 4), 1.0, 1.25)
    log = GyroLog(t, walking().rate(t), gaps=np.array([[1.0, 1.25]]))
    with caplog.at_level(logging.WARNING):
        orientation = integrate(log)
    assert "1 gap(s) longer than 0.02 s, 0.250 s" in caplog.text
    np.testing.assert_array_equal(orientation.gaps, [[1.0, 1.25]])
    inside = np.array([1.01, 1.12, 1.24])
    assert not orientation.covered(inside).any()
    assert angle_deg(orientation.at(1.0), orientation.at(inside)).max() < 1e-12
    assert angle_deg(orientation.at(1.0), orientation.at(1.25)) < 1e-12


def test_both_sides_of_a_gap_are_integrated_as_if_alone():
    t = without(regular(200, 4), 1.0, 1.25)
    log = GyroLog(t, walking().rate(t), gaps=np.array([[1.0, 1.25]]))
    orientation = integrate(log, method="trapezoid")
    after = t >= 1.25
    alone = integrate(GyroLog(t[after], log.gyro[after]), method="trapezoid")
    since = orientation.at(1.25).inv() * orientation.R_world_body[after]
    assert angle_deg(alone.R_world_body, since).max() < 1e-11


@pytest.mark.parametrize(("max_bridge", "n_held"), [(0.01, 2), (0.02, 1), (0.5, 0)])
def test_gaps_up_to_max_bridge_are_integrated_through(caplog, max_bridge, n_held):
    motion = walking()
    t = without(without(regular(400, 4), 1.0, 1.015), 3.0, 3.1)
    log = GyroLog(t, motion.rate(t), gaps=np.array([[1.0, 1.015], [3.0, 3.1]]))
    with caplog.at_level(logging.WARNING):
        orientation = integrate(log, max_bridge=max_bridge)
    assert len(orientation.gaps) == n_held
    assert len(caplog.records) == (n_held > 0)
    across = motion.R_world_body(np.array([1.0, 1.015]))[1]
    error = angle_deg(across, orientation.between(1.0, 1.015))
    assert error < 2e-3 if max_bridge >= 0.015 else error > 0.1


def test_samples_filled_into_a_long_gap_are_not_believed():
    t = regular(200, 4)
    log = GyroLog(t, np.ones((t.size, 3)), gaps=np.array([[1.0, 1.25]]))
    assert integrate(log).between(1.0, 1.25).magnitude() == 0


def test_wrong_arguments_are_refused():
    log = walking().log(regular(100, 1))
    with pytest.raises(ValueError, match="cubic, trapezoid; got 'simpson'"):
        integrate(log, method="simpson")
    with pytest.raises(ValueError, match="max_bridge"):
        integrate(log, max_bridge=-0.1)
