"""Lookups between samples against motions in closed form; gaps, ends, shapes and composition."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gyro_data.orientation import Orientation
from tests.analytic_motion import angle_deg, tumbling, walking


def exact(motion, rate_hz, duration=4.0):
    """Return the motion sampled without error, with its rates."""
    t = np.arange(0, duration + 0.5 / rate_hz, 1 / rate_hz)
    return Orientation.of(t, motion.R_world_body(t), rate=motion.rate(t))


def worst_deg(orientation, motion):
    """Return the largest error at a dense set of instants between the samples."""
    t = np.linspace(orientation.t[0], orientation.t[-1], 7919)
    return angle_deg(motion.R_world_body(t), orientation.at(t)).max()


def two_halves(gaps=((1.0, 2.0),)):
    """Return four samples whose orientation differs on the two sides of a gap from 1 to 2 s."""
    R = Rotation.from_rotvec([[0.0, 0, 0], [0.1, 0, 0], [0, 0.7, 0], [0, 0.8, 0]])
    rate = np.array([[0.1, 0, 0], [0.1, 0, 0], [0, 0.1, 0], [0, 0.1, 0]])
    return Orientation.of(np.array([0.0, 1.0, 2.0, 3.0]), R, rate=rate, gaps=np.array(gaps))


def test_samples_are_returned_as_they_are():
    orientation = exact(tumbling(), 50)
    assert angle_deg(orientation.R_world_body, orientation.at(orientation.t)).max() < 1e-12


def test_lookup_error_is_fourth_order_and_slerps_second():
    motion = tumbling()
    cubic = [worst_deg(exact(motion, hz), motion) for hz in (25, 50, 100)]
    slerp = [worst_deg(replace(exact(motion, hz), rate=None), motion) for hz in (25, 50, 100)]
    assert np.all(np.divide(cubic[:-1], cubic[1:]) > 14)
    np.testing.assert_allclose(np.divide(slerp[:-1], slerp[1:]), 4, rtol=0, atol=0.3)


def test_lookup_of_a_walk_at_400_hz_beats_slerp_fifty_times():
    motion = walking()
    orientation = exact(motion, 400)
    cubic = worst_deg(orientation, motion)
    slerp = worst_deg(replace(orientation, rate=None), motion)
    assert cubic < 2e-6
    assert slerp > 50 * cubic


def test_signs_of_the_given_quaternions_do_not_matter():
    motion = tumbling()
    orientation = exact(motion, 50)
    flips = np.random.default_rng(0).choice([-1.0, 1.0], size=(len(orientation.t), 1))
    flipped = flips * orientation.quat_xyzw
    assert worst_deg(replace(orientation, quat_xyzw=flipped), motion) < 1e-3


@pytest.mark.parametrize("rate_known", [True, False])
def test_full_turns_pass_half_a_turn_smoothly(rate_known):
    t = np.linspace(0, 3, 301)
    rate = np.array([0.0, 5.0, 3.0])  # 2.8 turns
    R = Rotation.from_rotvec(t[:, None] * rate)
    orientation = Orientation.of(t, R, rate=np.tile(rate, (301, 1)) if rate_known else None)
    t_query = np.linspace(0, 3, 1234)
    error = angle_deg(Rotation.from_rotvec(t_query[:, None] * rate), orientation.at(t_query))
    assert error.max() < 1e-6


def test_turning_the_world_turns_every_lookup():
    orientation = exact(walking(), 100)
    R_new_world = Rotation.from_rotvec([0.3, -2.0, 1.0])
    turned = Orientation.of(
        orientation.t, R_new_world * orientation.R_world_body, rate=orientation.rate
    )
    t = np.linspace(-1, 5, 500)
    assert angle_deg(R_new_world * orientation.at(t), turned.at(t)).max() < 1e-12


def test_beyond_the_ends_the_orientation_is_held():
    orientation = exact(walking(), 100)
    first, last = orientation.R_world_body[0], orientation.R_world_body[-1]
    assert angle_deg(first, orientation.at(np.array([-np.inf, -1e-9]))).max() < 1e-12
    assert angle_deg(last, orientation.at(np.array([4.0 + 1e-9, 1e6]))).max() < 1e-12


def test_inside_a_gap_the_orientation_is_held_and_jumps_at_its_end():
    held = two_halves().at(np.array([1.0, 1.001, 1.999, 2.0])).as_rotvec()
    np.testing.assert_allclose(held, [[0.1, 0, 0]] * 3 + [[0, 0.7, 0]], rtol=0, atol=1e-15)


def test_intervals_beside_a_gap_are_interpolated():
    beside = two_halves().at(np.array([0.5, 2.5])).as_rotvec()
    np.testing.assert_allclose(beside, [[0.05, 0, 0], [0, 0.75, 0]], rtol=0, atol=1e-6)


def test_covered_means_within_the_ends_and_not_inside_a_gap():
    t = np.array([[-0.1, 0.0, 0.9, 1.0], [1.1, 1.9, 2.0, 3.1]])
    np.testing.assert_array_equal(
        two_halves().covered(t), [[False, True, True, True], [False, False, True, False]]
    )
    assert two_halves().covered(0.5).shape == ()


def test_gaps_may_touch_and_come_in_any_order():
    orientation = two_halves(gaps=((2.0, 3.0), (1.0, 2.0)))
    np.testing.assert_array_equal(
        orientation.covered(np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.0])),
        [True, True, False, True, False, True],
    )


@pytest.mark.parametrize("shape", [(1,), (6,), (2, 3), (0,)])
def test_lookups_keep_the_shape_of_their_times(shape):
    orientation = exact(tumbling(), 25)
    t = np.linspace(0.11, 3.7, int(np.prod(shape))).reshape(shape)
    quat_xyzw = orientation.quat_at(t)
    assert quat_xyzw.shape == (*shape, 4)
    np.testing.assert_allclose(np.linalg.norm(quat_xyzw, axis=-1), 1, rtol=0, atol=1e-15)
    assert len(orientation.at(t)) == t.size
    assert orientation.covered(t).shape == shape


def test_lookup_at_one_number_gives_one_rotation():
    orientation = exact(walking(), 100)
    assert orientation.at(0.123).single
    assert orientation.quat_at(0.123).shape == (4,)
    assert angle_deg(orientation.at(0.123), orientation.at(np.array([0.123]))[0]) < 1e-12


def test_many_unordered_lookups_agree_with_few():
    orientation = exact(walking(), 100)
    t = np.random.default_rng(0).uniform(-1, 5, 40_000)
    many = orientation.quat_at(t)
    few = np.concatenate([orientation.quat_at(part) for part in np.array_split(t, 17)])
    np.testing.assert_array_equal(many, few)


def test_motions_between_instants_compose():
    orientation = exact(walking(), 100)
    a, b, c = np.random.default_rng(0).uniform(0, 4, (3, 50))
    chained = orientation.between(a, b) * orientation.between(b, c)
    assert angle_deg(chained, orientation.between(a, c)).max() < 1e-12
    assert angle_deg(orientation.between(a, b).inv(), orientation.between(b, a)).max() < 1e-12


def test_motion_between_instants_is_the_second_body_seen_from_the_first():
    motion = tumbling()
    t = np.array([0.0, 0.7, 1.9])
    truth = motion.R_world_body(t)
    body1_in_body0 = exact(motion, 400).between(0.7, 1.9)
    assert angle_deg(truth[1] * body1_in_body0, truth[2]) < 1e-6


def test_wrong_values_are_refused():
    good = exact(walking(), 100, duration=0.05)
    with pytest.raises(ValueError, match="at least 1"):
        Orientation.of(np.array([]), Rotation.identity(0))
    with pytest.raises(ValueError, match=r"quat_xyzw: expected shape \(6, 4\), got \(5, 4\)"):
        replace(good, quat_xyzw=good.quat_xyzw[:5])
    for other in (np.zeros((6, 4)), 1.0001 * good.quat_xyzw):
        with pytest.raises(ValueError, match="quat_xyzw: expected unit quaternions"):
            replace(good, quat_xyzw=other)
    with pytest.raises(ValueError, match=r"rate: expected shape \(6, 3\)"):
        replace(good, rate=np.zeros((5, 3)))
    with pytest.raises(ValueError, match="strictly increasing"):
        replace(good, t=good.t[::-1])
    with pytest.raises(ValueError, match="gaps"):
        replace(good, gaps=np.zeros((1, 3)))
