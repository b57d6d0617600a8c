"""Bulk quaternions against scipy's Rotation and against the group's own laws."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

from gyro_data.quaternions import (
    conjugate,
    continuous,
    cumulative_product,
    from_matrix,
    from_rotvec,
    interpolate,
    multiply,
    normalize,
    rotate,
    to_matrix,
    to_rotvec,
)

SHAPES = [(), (1,), (7,), (3, 5)]
HALF_TURN = np.pi


def random_quat(shape, seed=0):
    return normalize(np.random.default_rng(seed).normal(size=(*shape, 4)))


def as_rotation(quat_xyzw):
    return Rotation.from_quat(quat_xyzw.reshape(-1, 4))


@pytest.mark.parametrize("shape", SHAPES)
def test_multiply_is_scipys_composition(shape):
    p, q = random_quat(shape, 1), random_quat(shape, 2)
    product = multiply(p, q)
    assert product.shape == (*shape, 4)
    expected = (as_rotation(p) * as_rotation(q)).as_matrix()
    np.testing.assert_allclose(as_rotation(product).as_matrix(), expected, rtol=0, atol=1e-14)


def test_multiply_broadcasts():
    p, q = random_quat((4, 1), 1), random_quat((5,), 2)
    expected = [[multiply(p[i, 0], q[j]) for j in range(5)] for i in range(4)]
    np.testing.assert_allclose(multiply(p, q), expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("shape", SHAPES)
def test_conjugate_is_the_inverse(shape):
    q = random_quat(shape)
    identity = np.broadcast_to([0, 0, 0, 1], (*shape, 4))
    np.testing.assert_allclose(multiply(q, conjugate(q)), identity, rtol=0, atol=1e-15)


@pytest.mark.parametrize("angle", [0.0, 1e-300, 1e-9, 1e-3, 1.0, HALF_TURN - 1e-9, HALF_TURN, 30.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_exp_is_scipys_rotation_vector(angle, shape):
    axis = np.random.default_rng(3).normal(size=(*shape, 3))
    rotvec = angle * axis / np.linalg.norm(axis, axis=-1, keepdims=True)
    expected = Rotation.from_rotvec(rotvec.reshape(-1, 3)).as_matrix()
    np.testing.assert_allclose(
        as_rotation(from_rotvec(rotvec)).as_matrix(), expected, rtol=0, atol=1e-14
    )


@pytest.mark.parametrize("angle", [1e-300, 1e-160, 1e-9, 1e-4, 0.1, 3.0, HALF_TURN - 1e-9])
def test_log_inverts_exp_to_all_digits(angle):
    rotvec = angle * np.array([0.48, -0.6, 0.64])
    np.testing.assert_allclose(to_rotvec(from_rotvec(rotvec)), rotvec, rtol=3e-15)


def test_log_takes_the_shortest_way():
    rotvec = np.array([[0.0, 0.0, 3.5], [0.0, -6.0, 0.0], [1.0, 2.0, 2.0]])
    short = rotvec * (1 - 2 * np.pi / np.linalg.norm(rotvec, axis=-1, keepdims=True))
    short[2] = rotvec[2]  # 3 rad is short already
    np.testing.assert_allclose(to_rotvec(from_rotvec(rotvec)), short, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(to_rotvec(-from_rotvec(rotvec)), short, rtol=1e-14, atol=1e-15)


def test_log_of_identity_and_half_turn():
    np.testing.assert_array_equal(to_rotvec(np.array([0.0, 0.0, 0.0, -1.0])), [0, 0, 0])
    np.testing.assert_allclose(to_rotvec(np.array([0.0, 1.0, 0.0, 0.0])), [0, np.pi, 0])


@pytest.mark.parametrize("shape", SHAPES)
def test_matrices_are_scipys(shape):
    q = random_quat(shape)
    matrices = to_matrix(q)
    expected = as_rotation(q).as_matrix().reshape(*shape, 3, 3)
    np.testing.assert_allclose(matrices, expected, rtol=0, atol=1e-14)
    for matrix, quat in zip(matrices.reshape(-1, 3, 3), q.reshape(-1, 4), strict=True):
        found = from_matrix(matrix)
        assert found[3] >= 0
        np.testing.assert_allclose(np.sign(quat[3]) * found, quat, rtol=0, atol=1e-14)


@pytest.mark.parametrize("axis", [*np.eye(3), np.array([0.6, 0.0, -0.8])])
def test_half_turns_and_axes_swapped_have_quaternions(axis):
    for turn in (0.0, np.pi / 2, np.pi, 3 * np.pi / 2):
        R = Rotation.from_rotvec(turn * axis)
        again = Rotation.from_quat(from_matrix(R.as_matrix()))
        assert (R.inv() * again).magnitude() < 1e-14


@pytest.mark.parametrize("shape", SHAPES)
def test_rotate_is_scipys_apply(shape):
    q, v = random_quat(shape), np.random.default_rng(4).normal(size=(*shape, 3))
    expected = as_rotation(q).apply(v.reshape(-1, 3)).reshape(v.shape)
    np.testing.assert_allclose(rotate(q, v), expected, rtol=0, atol=1e-14)


def test_rotate_broadcasts_one_rotation_per_row_of_points():
    q, v = random_quat((4, 1)), np.random.default_rng(4).normal(size=(4, 6, 3))
    expected = [as_rotation(q[row]).apply(v[row]) for row in range(4)]
    np.testing.assert_allclose(rotate(q, v), expected, rtol=0, atol=1e-14)


def test_continuous_undoes_any_sign_flips():
    steps = from_rotvec(np.random.default_rng(5).normal(scale=0.3, size=(500, 3)))
    smooth = cumulative_product(steps)
    flips = np.random.default_rng(6).choice([-1.0, 1.0], size=(500, 1))
    np.testing.assert_array_equal(continuous(flips * smooth), flips[0] * smooth)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 9, 10, 99, 100, 101, 1000])
def test_cumulative_product_is_the_sequential_product(n):
    factors = Rotation.from_quat(random_quat((n,)))
    sequential = [factors[0]]
    for k in range(1, n):
        sequential.append(sequential[-1] * factors[k])
    product = cumulative_product(factors.as_quat())
    assert product.shape == (n, 4)
    np.testing.assert_allclose(
        Rotation.from_quat(product).as_matrix(),
        [R.as_matrix() for R in sequential],
        rtol=0,
        atol=1e-13,
    )


def test_cumulative_product_stays_a_unit_and_keeps_its_argument():
    q = random_quat((5000,)) * 1.0001  # off by what an odd file might bring: 1.0001⁵⁰⁰⁰ = 1.65
    before = q.copy()
    np.testing.assert_allclose(
        np.linalg.norm(cumulative_product(q), axis=-1), 1, rtol=0, atol=1e-15
    )
    np.testing.assert_array_equal(q, before)


def test_interpolation_without_rates_is_scipys_slerp():
    t = np.array([0.0, 0.3, 0.35, 2.0])
    q = continuous(random_quat((4,), 7))
    t_query = np.linspace(0.0, 2.0, 201)
    result = interpolate(t_query, t, q, None, np.zeros(3, dtype=bool))
    expected = Slerp(t, Rotation.from_quat(q))(t_query)
    np.testing.assert_allclose(
        as_rotation(result).as_matrix(), expected.as_matrix(), rtol=0, atol=1e-14
    )


def test_interpolation_in_a_held_interval_jumps_at_its_second_end():
    t, q = np.array([0.0, 1.0, 2.0]), continuous(random_quat((3,), 8))
    t_query = np.array([1.0, 1.5, np.nextafter(2.0, 0.0), 2.0, 2.5])
    for rate in (None, np.ones((3, 3))):
        result = interpolate(t_query, t, q, rate, np.array([False, True]))
        np.testing.assert_allclose(result, q[[1, 1, 1, 2, 2]], rtol=0, atol=1e-14)


def test_interpolation_of_a_single_rotation_is_constant():
    q = random_quat((1,))
    t_query = np.array([[-1.0, 0.0], [5.0, 9.0]])
    result = interpolate(t_query, np.array([5.0]), q, None, np.empty(0, dtype=bool))
    np.testing.assert_array_equal(result, np.broadcast_to(q, (2, 2, 4)))
