"""Fine sync and self-calibration: one robust least squares over what the picture and the log say.

Unknowns `Unknowns`: how the clocks, the sensor's readout, the focal length, the gyro's bias and the
mounting of the sensor relate. Each may be free, free with a prior, or fixed.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
from scipy.spatial.transform import Rotation

from gyro_data.checks import Bools, Floats
from gyro_data.log import GyroLog
from gyro_data.orientation import Orientation
from gyro_data.quaternions import conjugate, from_rotvec, multiply, rotate, to_rotvec
from stabilizer.camera import Camera
from stabilizer.synchronization.by_pair import Indices, medians, sums
from stabilizer.tracks import Pairs

NAMES = (
    "delay",
    "clock_skew",
    "readout_time",
    "focal",
    "drift_x",
    "drift_y",
    "drift_z",
    "mounting_x",
    "mounting_y",
    "mounting_z",
)
"""The unknowns in their order: s at the middle of the clip, ratio, s (negative: backwards), log of
the focal length's factor, rad/s, rad about camera axes."""

_ROUNDS = 20
_SETTLED = 1e-3  # standard errors
_KNEE = 2.0  # median errors at which an error begins to count less
_FOCAL_STEP = 1e-5
_DETERMINED = 0.7  # of the prior's spread: an unknown that the clip tells less well is kept
_LEAST_ERROR = 0.02  # px; no tracker does better
_DRAWS = 40
_SAMPLED_ROUNDS = 5
_DIRECTION_ROUNDS = 3
_LEAST_LEVER = 0.01  # sine between a ray and the camera's own direction: nearer tells little


@dataclass(frozen=True, eq=False)
class Unknowns:
    """Values and spreads of the unknowns, in the order of `NAMES`."""

    value: Floats
    """(10,)"""
    spread: Floats
    """(10,) standard deviations: of a prior; 0: fixed; inf: free."""


@dataclass(frozen=True, eq=False)
class FineSync:
    """The least-squares estimate."""

    value: Floats
    """(10,) in the order of `NAMES`."""
    error: Floats
    """(10,) standard errors, from how the frame pairs disagree; 0 where fixed."""
    kept: Bools
    """(10,) unknowns that the clip cannot determine: they stayed at their prior."""
    residual: float
    """Typical (1.48 median) error of a coordinate, px of the full-size picture."""
    epipolar: bool
    """Whether the camera's translation was taken into account."""
    pair_errors: Floats
    """(K,) median error of each frame pair, px."""


@dataclass(frozen=True, eq=False)
class Problem:
    """The data: point pairs, the log's orientation and rates, the camera as far as it is known."""

    pairs: Pairs
    log: GyroLog
    orientation: Orientation
    camera: Camera
    R_cam_body: Floats
    """(3, 3) mounting that the unknowns refine."""
    middle: float
    """s, the video's time that `delay` refers to."""

    def take(self, chosen: Bools) -> "Problem":
        """Return the problem with only some of the points (m,)."""
        p = self.pairs
        pairs = replace(p, pair=p.pair[chosen], xy_from=p.xy_from[chosen], xy_to=p.xy_to[chosen])
        return replace(self, pairs=pairs)

    def predicted(self, value: Floats) -> tuple[Floats, Floats]:
        """Return rays r (m, 3) of the points after the turn ψ that the log tells, and ψ (m, 3).

        r = exp([ψ]×) π⁻¹(x_from), ψ = R_cam_body φ and φ = log(R(t_to)ᵀ R(t_from)) + drift
        (t_to − t_from), at the times of the points' own rows.
        """
        pairs, camera = self.pairs, self._camera(value)
        k = pairs.pair
        t_from = pairs.t_from[k] + value[2] * self._phase(pairs.xy_from)
        t_to = pairs.t_to[k] + value[2] * self._phase(pairs.xy_to)
        quat_from = self.orientation.quat_at(self._log_time(t_from, value))
        quat_to = self.orientation.quat_at(self._log_time(t_to, value))
        phi = to_rotvec(multiply(conjugate(quat_to), quat_from))
        phi += value[4:7] * (t_to - t_from)[:, None]
        psi = phi @ self.mounting(value).T
        return rotate(from_rotvec(psi), camera.unproject(pairs.xy_from)), psi

    def mounting(self, value: Floats) -> Floats:
        """Return R_cam_body (3, 3)."""
        return np.asarray(Rotation.from_rotvec(value[7:10]).as_matrix() @ self.R_cam_body)

    def derivatives(self, value: Floats, psi: Floats) -> Floats:
        """Return ∂ψ/∂unknowns (m, 3, 10); the focal length's is 0: it acts on the rays."""
        pairs, k = self.pairs, self.pairs.pair
        phase_from, phase_to = self._phase(pairs.xy_from), self._phase(pairs.xy_to)
        t_from = pairs.t_from[k] + value[2] * phase_from
        t_to = pairs.t_to[k] + value[2] * phase_to
        # φ grows with the rate at the first instant and shrinks with that at the second
        first, second = self._rate(t_from, value), -self._rate(t_to, value)
        phi = np.zeros((len(k), 3, 10))
        phi[..., 0] = first + second
        phi[..., 1] = (
            first * (t_from - self.middle)[:, None] + second * (t_to - self.middle)[:, None]
        )
        phi[..., 2] = first * phase_from[:, None] + second * phase_to[:, None]
        phi[..., 4:7] = np.eye(3) * (t_to - t_from)[:, None, None]
        result = np.einsum("ab,mbc->mac", self.mounting(value), phi)
        result[..., 7:10] = -_crosses(psi)  # ρ × ψ
        return np.asarray(result)

    def rays_to(self, value: Floats) -> Floats:
        """Return the rays (m, 3) where the points were found."""
        return self._camera(value).unproject(self.pairs.xy_to)

    def camera_at(self, value: Floats) -> Camera:
        """Return the camera with the focal length of `value`."""
        return self._camera(value)

    def _camera(self, value: Floats) -> Camera:
        factor = float(np.exp(value[3]))
        return replace(self.camera, fx=self.camera.fx * factor, fy=self.camera.fy * factor)

    def _phase(self, xy: Floats) -> Floats:
        unit = replace(self.camera, readout_time=1.0)
        return unit.readout_offset(xy)

    def _log_time(self, t: Floats, value: Floats) -> Floats:
        return np.asarray(self.middle + value[0] + (1.0 + value[1]) * (t - self.middle))

    def _rate(self, t: Floats, value: Floats) -> Floats:
        t_log = self._log_time(t, value)
        gyro = [np.interp(t_log, self.log.t, column) for column in self.log.gyro.T]
        return np.stack(gyro, axis=-1) - value[4:7]


def rotation_stage(problem: Problem, unknowns: Unknowns) -> FineSync:
    """Fit the unknowns to points at infinity: errors in px between prediction and track."""

    def errors(value: Floats) -> tuple[Floats, Floats]:
        ray, psi = problem.predicted(value)
        camera = problem.camera_at(value)
        xy, slope = camera.project_with_jacobian(ray)  # (m, 2), (m, 2, 3)
        error = xy - problem.pairs.xy_to
        # a turn dψ moves the ray by dψ × r
        by_turn = np.cross(ray[:, None], slope)
        jacobian = np.einsum("mab,mbc->mac", by_turn, problem.derivatives(value, psi))
        longer = value + _FOCAL_STEP * (np.arange(10) == 3)
        moved = problem.camera_at(longer).project(problem.predicted(longer)[0])
        jacobian[..., 3] = (moved - xy) / _FOCAL_STEP
        return error, jacobian

    return _fitted(problem, unknowns, errors, epipolar=False)


def epipolar_stage(problem: Problem, unknowns: Unknowns, start: FineSync) -> FineSync:
    """Fit the unknowns to points at any distance: errors in px from their epipolar lines.

    The camera also moved along a direction m, one per frame pair: r × r_to is at right angles to m.
    Each m is the best for the present unknowns, and the derivatives are those with m following
    (variable projection).
    """
    # the stage before was misled by parallax, but for the focal length it is a better start
    value = np.where(start.kept | (np.arange(10) == 3), start.value, unknowns.value)
    spread = np.where(start.kept, 0.0, unknowns.spread)
    pair, n_pairs = problem.pairs.pair, len(problem.pairs.t_from)

    def px(value: Floats) -> float:
        camera = problem.camera_at(value)
        return float(np.sqrt(camera.fx * camera.fy))

    def epipolar_errors(value: Floats, m: Floats) -> Floats:
        ray, found = _unit(problem.predicted(value)[0]), _unit(problem.rays_to(value))
        aside = np.einsum("mi,mi->m", np.cross(ray, found), m)
        return np.asarray(aside * px(value) / _lever(m, found))

    calls = count()
    direction = np.zeros((n_pairs, 3))  # of the last call, where the next one starts

    def errors(value: Floats) -> tuple[Floats, Floats]:
        ray, psi = problem.predicted(value)
        ray, found = _unit(ray), _unit(problem.rays_to(value))
        normal = np.cross(ray, found)
        start = direction
        if next(calls) < _SAMPLED_ROUNDS:  # while the unknowns still move far
            start = _sampled_directions(normal, found, pair, n_pairs, size=1.0 / px(value))
        direction[:], weight = _directions(normal, found, pair, start)
        m = direction[pair]
        error = epipolar_errors(value, m)
        across = px(value) / _lever(m, found)
        by_turn = np.cross(ray, np.cross(found, m)) * across[:, None]
        jacobian = np.einsum("ma,mac->mc", by_turn, problem.derivatives(value, psi))
        by_direction = np.einsum("mi,mib->mb", normal * across[:, None], _tangents(m))
        longer = value + _FOCAL_STEP * (np.arange(10) == 3)
        jacobian[:, 3] = (epipolar_errors(longer, m) - error) / _FOCAL_STEP
        jacobian -= _followed(jacobian, by_direction, weight, pair, n_pairs)
        return error[:, None], jacobian[:, None]

    return _fitted(problem, Unknowns(value, spread), errors, epipolar=True)


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
        weight = 1.0 / (1.0 + (error / (_KNEE * size)) ** 2)
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
    first = _unit(np.cross(m, other))
    return np.stack([first, np.cross(m, first)], axis=-1)


Errors = Callable[[Floats], tuple[Floats, Floats]]
"""Values (10,) -> errors (m, c) px and their derivatives (m, c, 10)."""


def _fitted(problem: Problem, unknowns: Unknowns, errors: Errors, *, epipolar: bool) -> FineSync:
    """Fit; then again with the unknowns fixed that are hardly better known than before."""
    value, error, residual = _least_squares(problem, unknowns, errors)
    prior = np.isfinite(unknowns.spread) & (unknowns.spread > 0)
    kept = prior & (error > _DETERMINED * unknowns.spread)
    if kept.any():
        start = np.where(kept, unknowns.value, value)
        less = Unknowns(start, np.where(kept, 0.0, unknowns.spread))
        value, error, residual = _least_squares(problem, less, errors)
        error = np.where(kept, unknowns.spread, error)
    length = np.linalg.norm(errors(value)[0], axis=1)
    by_pair = medians(length, problem.pairs.pair, len(problem.pairs.t_from))
    return FineSync(value, error, kept, residual, epipolar, by_pair)


def _least_squares(
    problem: Problem, unknowns: Unknowns, errors: Errors
) -> tuple[Floats, Floats, float]:
    """Return values, standard errors and the typical error px, by reweighted Gauss–Newton steps.

    Weights 1 / (1 + (e / c)²) (Cauchy) with c twice the typical error. Standard errors are those of
    clustered errors: frame pairs within half a second may all be wrong together.
    """
    free = np.flatnonzero(unknowns.spread > 0)
    precision = 1.0 / unknowns.spread[free] ** 2  # of the priors; 0: none
    value = unknowns.value.copy()
    for _ in range(_ROUNDS):
        error, jacobian = errors(value)
        size, weighted, matrix = _normal_equations(error, jacobian[..., free])
        gradient = weighted.sum(axis=0) + precision * (value - unknowns.value)[free]
        matrix = matrix + np.diag(precision)
        step = np.linalg.solve(matrix, -gradient)
        value[free] += step
        if np.all(np.abs(step) < _SETTLED * np.sqrt(np.diag(np.linalg.inv(matrix)))):
            break
    error, jacobian = errors(value)
    size, weighted, matrix = _normal_equations(error, jacobian[..., free])
    inverse = np.linalg.inv(matrix + np.diag(precision))
    cluster = np.unique(np.floor(problem.pairs.t_from * 2.0), return_inverse=True)[1]
    sums = np.zeros((cluster.max() + 1, len(free)))
    np.add.at(sums, cluster[problem.pairs.pair], weighted)
    clustered = inverse @ (sums.T @ sums) @ inverse
    spread = np.zeros(10)
    spread[free] = np.sqrt(np.maximum(np.diag(clustered), np.diag(inverse)))
    return value, spread, size


def _normal_equations(error: Floats, jacobian: Floats) -> tuple[float, Floats, Floats]:
    """Return the typical error, the points' weighted gradients (m, p) and the matrix (p, p)."""
    size = max(1.48 * float(np.nanmedian(np.abs(error))), _LEAST_ERROR)  # of a coordinate
    length = np.linalg.norm(error, axis=1)
    weight = np.nan_to_num(1.0 / (1.0 + (length / (_KNEE * size)) ** 2)) / size**2
    error, jacobian = np.nan_to_num(error), np.nan_to_num(jacobian)
    weighted = np.einsum("m,mc,mcp->mp", weight, error, jacobian)
    flat = (jacobian * np.sqrt(weight)[:, None, None]).reshape(-1, jacobian.shape[-1])
    return size, weighted, flat.T @ flat


def _crosses(v: Floats) -> Floats:
    """Return the matrices [v]× (m, 3, 3): [v]× a = v × a."""
    x, y, z = v.T
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(-1, 3, 3)


def _unit(rays: Floats) -> Floats:
    return np.asarray(rays / np.linalg.norm(rays, axis=-1, keepdims=True))
