"""Unit quaternions in bulk, for hot code: arrays `quat_xyzw (..., 4)`, scalar last, in any frame.

The conventions are scipy's: active rotations, Hamilton product, so that multiply(p, q) is "first q,
then p". Everywhere q and −q are the same rotation. Where neither its speed nor its import counts,
use scipy's Rotation.
"""

from math import isqrt

import numpy as np

from gyro_data.checks import Bools, Floats

_CHUNK = 16384
"""Queries interpolated at a time: temporaries of this length stay in the cache (measured)."""


def multiply(p: Floats, q: Floats) -> Floats:
    """Return the Hamilton product p q (..., 4), broadcast: R(p) · R(q)."""
    px, py, pz, pw = p[..., 0], p[..., 1], p[..., 2], p[..., 3]
    qx, qy, qz, qw = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    product = np.empty(np.broadcast_shapes(p.shape, q.shape))
    product[..., 0] = pw * qx + px * qw + py * qz - pz * qy
    product[..., 1] = pw * qy - px * qz + py * qw + pz * qx
    product[..., 2] = pw * qz + px * qy - py * qx + pz * qw
    product[..., 3] = pw * qw - px * qx - py * qy - pz * qz
    return product


def conjugate(q: Floats) -> Floats:
    """Return the inverse rotation of unit quaternions q (..., 4)."""
    return np.asarray(q * np.array([-1.0, -1.0, -1.0, 1.0]))


def normalize(q: Floats) -> Floats:
    """Scale q (..., 4) to unit length."""
    return np.asarray(q / np.sqrt(np.einsum("...i,...i", q, q))[..., None])


def from_rotvec(rotvec: Floats) -> Floats:
    """Return the rotation by |rotvec| rad about rotvec (..., 3): (sin(½|v|) v/|v|, cos ½|v|)."""
    angle = np.sqrt(np.einsum("...i,...i", rotvec, rotvec))
    # sin(x) / x is exact at any x but 0: no series needed
    scale = np.divide(np.sin(0.5 * angle), angle, out=np.full_like(angle, 0.5), where=angle > 0)
    return np.concatenate([rotvec * scale[..., None], np.cos(0.5 * angle)[..., None]], axis=-1)


def to_rotvec(q: Floats) -> Floats:
    """Return the shortest rotation vector (..., 3) rad, at most π long, of q (..., 4)."""
    q = np.where(q[..., 3:] < 0, -q, q)
    sine = np.sqrt(np.einsum("...i,...i", q[..., :3], q[..., :3]))
    angle = 2.0 * np.arctan2(sine, q[..., 3])
    scale = np.divide(angle, sine, out=np.full_like(angle, 2.0), where=sine > 0)
    return np.asarray(q[..., :3] * scale[..., None])


def from_matrix(R: Floats) -> Floats:
    """Return the rotation matrix R (3, 3) as a quaternion (4,), w ≥ 0.

    It is the eigenvector of the largest eigenvalue, 1, of a symmetric matrix: Bar-Itzhack, "New
    method for extracting the quaternion from a rotation matrix", J. Guidance 23(6), 2000.
    """
    twice_axis = np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]])
    K = np.zeros((4, 4))
    K[:3, :3] = R + R.T - np.trace(R) * np.eye(3)
    K[3, :3] = K[:3, 3] = twice_axis
    K[3, 3] = np.trace(R)
    q = np.linalg.eigh(K / 3)[1][:, -1]
    return np.asarray(-q if q[3] < 0 else q)


def to_matrix(q: Floats) -> Floats:
    """Return the rotation matrices (..., 3, 3) of unit quaternions q (..., 4)."""
    x, y, z, w = np.moveaxis(q, -1, 0)
    R = np.empty((*q.shape[:-1], 3, 3))
    R[..., 0, 0] = 1 - 2 * (y * y + z * z)
    R[..., 1, 1] = 1 - 2 * (x * x + z * z)
    R[..., 2, 2] = 1 - 2 * (x * x + y * y)
    for row, column, even, odd in (
        (1, 0, x * y, w * z),
        (0, 2, x * z, w * y),
        (2, 1, y * z, w * x),
    ):
        R[..., row, column] = 2 * (even + odd)
        R[..., column, row] = 2 * (even - odd)
    return R


def rotate(q: Floats, v: Floats) -> Floats:
    """Return v' = R(q) v (..., 3), broadcast: v' = v + w u + q_v × u with u = 2 q_v × v."""
    u = 2.0 * np.cross(q[..., :3], v)
    return np.asarray(v + q[..., 3:] * u + np.cross(q[..., :3], u))


def continuous(q: Floats) -> Floats:
    """Choose the signs of q (N, 4) so that no two neighbours have a negative dot product."""
    flips = np.where(np.einsum("ni,ni->n", q[1:], q[:-1]) < 0, -1.0, 1.0)
    signs = np.concatenate([np.ones(len(q[:1])), np.cumprod(flips)])
    return np.asarray(q * signs[:, None])


def cumulative_product(q: Floats) -> Floats:
    """Return the products q[0], q[0] q[1], …, q[0] ⋯ q[N−1] of q (N, 4), renormalised.

    The quaternions are cut into ~√N blocks of ~√N; the products within all blocks grow side by
    side, then each block is multiplied by the product of all blocks before it.
    """
    if len(q) < 2:
        return normalize(q)
    length = isqrt(len(q) - 1) + 1
    n_blocks = -(-len(q) // length)
    padding = np.broadcast_to([0.0, 0.0, 0.0, 1.0], (n_blocks * length - len(q), 4))
    blocks = np.concatenate([q, padding]).reshape(n_blocks, length, 4)
    steps = blocks.swapaxes(0, 1).copy()  # (length, n_blocks, 4): the k-th of all blocks together
    # each product needs the one before it; two loops of √N steps over √N quaternions cost little
    for k in range(1, length):
        steps[k] = multiply(steps[k - 1], steps[k])
    before = cumulative_product(steps[-1, :-1])
    for k in range(length):
        steps[k, 1:] = multiply(before, steps[k, 1:])
    return normalize(steps.swapaxes(0, 1).reshape(-1, 4)[: len(q)])


def interpolate(
    t_query: Floats | float, t: Floats, quat_xyzw: Floats, rate: Floats | None, held: Bools
) -> Floats:
    """Return the rotations at `t_query` (...) s as quat_xyzw (..., 4), held beyond both ends.

    `t` (N,) s increases; `quat_xyzw` (N, 4) are sign-continuous rotations world ← body; `rate`
    (N, 3) rad/s is the body's rate at t, or None. With rates each interval is a cubic Hermite curve
    of the components, q̇ = ½ q (ω, 0), normalised: 4th order. Without rates it is a slerp. In the
    intervals marked by `held` (N−1,) the rotation stays at the first end and jumps at the second.
    """
    queries = np.ravel(t_query)
    result = np.empty((queries.size, 4))
    if len(t) == 1:
        result[:] = quat_xyzw
    else:
        for start in range(0, queries.size, _CHUNK):
            part = slice(start, start + _CHUNK)
            result[part] = _interpolate_chunk(queries[part], t, quat_xyzw, rate, held)
    return result.reshape(*np.shape(t_query), 4)


def _interpolate_chunk(
    t_query: Floats, t: Floats, quat_xyzw: Floats, rate: Floats | None, held: Bools
) -> Floats:
    left = np.clip(np.searchsorted(t, t_query, side="right") - 1, 0, len(t) - 2)
    step = t[left + 1] - t[left]
    u = np.clip((t_query - t[left]) / step, 0.0, 1.0)
    u = np.where(held[left], np.floor(u), u)
    q0, q1 = quat_xyzw[left], quat_xyzw[left + 1]
    if rate is None:
        return _slerp(q0, q1, u)
    return _hermite(q0, q1, step[:, None] * rate[left], step[:, None] * rate[left + 1], u)


def _slerp(q0: Floats, q1: Floats, u: Floats) -> Floats:
    """Go the fraction u (n,) of the shortest way from q0 (n, 4) to q1 (n, 4) at constant rate."""
    return multiply(q0, from_rotvec(u[:, None] * to_rotvec(multiply(conjugate(q0), q1))))


def _hermite(q0: Floats, q1: Floats, turn0: Floats, turn1: Floats, u: Floats) -> Floats:
    """Return the normalised cubic through q0, q1 (n, 4) with q̇ = ½ q (turn, 0) at u = 0 and 1.

    `turn0`, `turn1` (n, 3) rad are step · rate. The basis is factored so that q0 and q1 each occur
    in one product: q = q0 (½ u (1−u)² turn0, (1−u)² (1+2u)) + q1 (−½ u² (1−u) turn1, u² (3−2u)).
    """
    v, u = 1.0 - u[:, None], u[:, None]
    from_first = np.concatenate([0.5 * u * v * v * turn0, v * v * (1.0 + 2.0 * u)], axis=-1)
    from_last = np.concatenate([-0.5 * u * u * v * turn1, u * u * (1.0 + 2.0 * v)], axis=-1)
    return normalize(multiply(q0, from_first) + multiply(q1, from_last))
