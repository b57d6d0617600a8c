"""Fine sync and self-calibration: one robust least squares over what the picture and the log say.

The unknowns tell how the clocks, the sensor's readout, the focal length, the gyro's bias and the
mounting of the sensor relate. Each may be free, free with a prior, or fixed.
"""

from dataclasses import replace
from itertools import count

import numpy as np

from gyro_data.checks import Floats
from stabilizer.synchronization.by_pair import Indices, sums
from stabilizer.synchronization.coarse import unit_vectors
from stabilizer.synchronization.fitting import KNEE, FineSync, fitted, typical
from stabilizer.synchronization.problem import Problem, Unknowns

_FOCAL_STEP = 1e-5
_DRAWS = 40
_SAMPLED_ROUNDS = 5
_DIRECTION_ROUNDS = 3
_LEAST_LEVER = 0.01  # sine between a ray and the camera's own direction: nearer tells little


def rotation_stage(problem: Problem, unknowns: Unknowns) -> FineSync:
    """Fit the unknowns to points at infinity: errors in px between prediction and track."""

    def errors(value: Floats) -> tuple[Floats, Floats]:
        psi = problem.turns(value)
        ray, camera = problem.predicted(value, psi), problem.camera_at(value)
        xy, slope = camera.project_with_jacobian(ray)  # (m, 2), (m, 2, 3)
        error = xy - problem.pairs.xy_to
        # a turn dψ moves the ray by dψ × r
        by_turn = np.cross(ray[:, None], slope)
        jacobian = np.einsum("mab,mbc->mac", by_turn, problem.derivatives(value, psi))
        longer = value + _FOCAL_STEP * (np.arange(10) == 3)
        moved = problem.camera_at(longer).project(problem.predicted(longer, psi))
        jacobian[..., 3] = (moved - xy) / _FOCAL_STEP
        return error, jacobian

    return fitted(problem, unknowns, errors, epipolar=False)


def epipolar_stage(problem: Problem, unknowns: Unknowns, start: FineSync) -> FineSync:
    """Fit the unknowns to points at any distance: errors in px from their epipolar lines.

    The camera also moved along a direction m, one per frame pair: r × r_to is at right angles to m.
    Each m is the best for the present unknowns, and the derivatives are those with m following
    (variable projection).
    """
    # the stage before was misled by parallax, but for the focal length it is a better start
    value = np.where(np.arange(10) == 3, start.value, unknowns.value)
    spread = np.where(start.kept, 0.0, unknowns.spread)
    pair, n_pairs = problem.pairs.pair, len(problem.pairs.t_from)

    def px(value: Floats) -> float:
        camera = problem.camera_at(value)
        return float(np.sqrt(camera.fx * camera.fy))

    def epipolar_errors(value: Floats, psi: Floats, m: Floats) -> Floats:
        ray = unit_vectors(problem.predicted(value, psi))
        found = unit_vectors(problem.rays_to(value))
        aside = np.einsum("mi,mi->m", np.cross(ray, found), m)
        return np.asarray(aside * px(value) / _lever(m, found))

    calls = count()
    direction = np.zeros((n_pairs, 3))  # of the last call, where the next one starts

    def errors(value: Floats) -> tuple[Floats, Floats]:
        psi = problem.turns(value)
        ray = unit_vectors(problem.predicted(value, psi))
        found = unit_vectors(problem.rays_to(value))
        normal = np.cross(ray, found)
        start = direction
        if next(calls) < _SAMPLED_ROUNDS:  # while the unknowns still move far
            start = _sampled_directions(normal, found, pair, n_pairs, size=1.0 / px(value))
        direction[:], weight = _directions(normal, found, pair, start)
        m = direction[pair]
        error = epipolar_errors(value, psi, m)
        across = px(value) / _lever(m, found)
        by_turn = np.cross(ray, np.cross(found, m)) * across[:, None]
        jacobian = np.einsum("ma,mac->mc", by_turn, problem.derivatives(value, psi))
        by_direction = np.einsum("mi,mib->mb", normal * across[:, None], _tangents(m))
        longer = value + _FOCAL_STEP * (np.arange(10) == 3)
        jacobian[:, 3] = (epipolar_errors(longer, psi, m) - error) / _FOCAL_STEP
        jacobian -= _followed(jacobian, by_direction, weight, pair, n_pairs)
        return error[:, None], jacobian[:, None]

    fit = fitted(problem, Unknowns(value, spread), errors, epipolar=True)
    error = np.where(start.kept, unknowns.spread, fit.error)
    return replace(fit, kept=fit.kept | start.kept, error=error)


def epipolar_residual(problem: Problem, value: Floats) -> float:
    """Return the typical error (px) of points at any distance, with the unknowns as they are.

    It is an upper bound of what the epipolar stage leaves.
    """
    camera = problem.camera_at(value)
    px = float(np.sqrt(camera.fx * camera.fy))
    pair, n_pairs = problem.pairs.pair, len(problem.pairs.t_from)
    found = unit_vectors(problem.rays_to(value))
    normal = np.cross(unit_vectors(problem.predicted(value, problem.turns(value))), found)
    start = _sampled_directions(normal, found, pair, n_pairs, size=1.0 / px)
    m, _ = _directions(normal, found, pair, start)
    error = np.einsum("mi,mi->m", normal, m[pair]) * px / _lever(m[pair], found)
    return typical(error)


def _sampled_directions(
    normal: Floats, found: Floats, pair: Indices, n_pairs: int, *, size: float
) -> Floats:
    """Return for each pair the direction (n, 3) on which most points agree, of some drawn ones.

    Two points tell one: m = n₁ × n₂. `size` (rad) is an error that counts half.
    """
    rng = np.random.default_rng(0)
    size_of = np.bincount(pair, minlength=n_pairs)
    first = np.searchsorted(pair, np.arange(n_pairs))
    best, most = np.tile([0.0, 0.0, 1.0], (n_pairs, 1)), np.full(n_pairs, -1.0)
    drawn = np.flatnonzero(size_of >= 2)
    for _ in range(_DRAWS):
        one, two = (first[drawn] + rng.integers(size_of[drawn]) for _ in range(2))
        m = np.zeros((n_pairs, 3))
        m[drawn] = np.cross(normal[one], normal[two])
        m = m / np.maximum(np.linalg.norm(m, axis=1, keepdims=True), 1e-300)
        error = np.einsum("mi,mi->m", normal, m[pair]) / _lever(m[pair], found)
        agreeing = sums(1.0 / (1.0 + (error / size) ** 2), pair, n_pairs)
        better = (agreeing > most) & m.any(axis=1)
        best[better], most[better] = m[better], agreeing[better]
    return best


def _directions(
    normal: Floats, found: Floats, pair: Indices, start: Floats
) -> tuple[Floats, Floats]:
    """Return the direction m (n, 3) of each pair, Σ w (n·m)² least, and the robust weights (m,)."""
    m, n_pairs = start, len(start)
    weight = np.ones(len(pair))
    for _ in range(_DIRECTION_ROUNDS):
        lever = _lever(m[pair], found)
        error = np.einsum("mi,mi->m", normal, m[pair]) / lever
        size = max(1.48 * float(np.median(np.abs(error))), 1e-9)
        weight = 1.0 / (1.0 + (error / (KNEE * size)) ** 2)
        square = (weight / lever**2)[:, None, None] * normal[:, :, None] * normal[:, None]
        m = np.linalg.eigh(sums(square, pair, n_pairs))[1][..., 0]
    return m, weight


def _lever(m: Floats, found: Floats) -> Floats:
    """Return the sine (m,) of the angle between rays and the camera's own direction."""
    return np.asarray(np.maximum(np.linalg.norm(np.cross(m, found), axis=1), _LEAST_LEVER))


def _followed(
    jacobian: Floats, by_direction: Floats, weight: Floats, pair: Indices, n_pairs: int
) -> Floats:
    """Return the part (m, 10) of the derivatives that each pair's direction (m, 2) makes up for."""
    weighted = weight[:, None, None] * by_direction[:, :, None]
    square = sums(weighted * by_direction[:, None], pair, n_pairs)
    mixed = sums(weighted * jacobian[:, None], pair, n_pairs)
    size = np.trace(square, axis1=1, axis2=2)[:, None, None]
    answer = np.linalg.solve(square + (1e-9 * size + 1e-12) * np.eye(2), mixed)  # (n, 2, 10)
    return np.asarray(np.einsum("mb,mbc->mc", by_direction, answer[pair]))


def _tangents(m: Floats) -> Floats:
    """Return two unit vectors (n, 3, 2) at right angles to unit vectors m (n, 3)."""
    other = np.eye(3)[np.abs(m).argmin(axis=1)]
    first = unit_vectors(np.cross(m, other))
    return np.stack([first, np.cross(m, first)], axis=-1)
