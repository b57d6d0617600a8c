"""Mehrotra's predictor-corrector method (SIAM Journal on Optimization 2, 1992).

After Nocedal & Wright, Numerical Optimization, 2nd edition, chapter 16.6. Every size is compared
with another one of the program: nothing depends on units.
"""

from dataclasses import dataclass

import numpy as np

from gyro_data.checks import Floats, number
from stabilizer.interior_point.normal_matrix import NormalMatrix
from stabilizer.interior_point.program import Program, Solution, Status, check_shape

_MOST_ITERATIONS = 100
_PATIENCE = 25  # iterations without a smaller error: what is left is rounding
_KEEP_INSIDE = 0.99  # share of the way to the nearest bound that a step may go
_NEGLIGIBLE = 1e-6  # of the sizes at the start: what is smaller counts as zero
_ENOUGH = 0.1  # of the tolerance: no closer to the bounds than this
_SHORTEST_SLACK = 0.05  # of the mean bound, at the start (this and the next two: measured)
_SHORTEST_SLACK_WARM = 1e-3
_LEAST_PRODUCT_WARM = 1e-2  # of the mean dual times the mean bound
_REACH = 1e6  # of the farthest bound: no solution is looked for beyond
_RELAXED = 1e-9  # of the farthest bound: what contradicts itself by less is rounding
_TINY = 1e-300


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # a breakdown ends as STALLED
def solve(program: Program, *, tolerance: float = 1e-6, start: Floats | None = None) -> Solution:
    """Minimise the program by Mehrotra's predictor-corrector method.

    Args:
        tolerance: the largest relative error of the objective, of the forces H x + g + Aᵀz = 0 and
            of the bounds.
        start: (M, N) duals of a similar program, such as the one linearised before; they save a
            third of the iterations. The search for x starts at 0 in any case.

    Raises ValueError when a number is not finite or the start has another shape.
    """
    number("tolerance", tolerance, above=0)
    _check_finite("gradient", program.gradient)
    _check_finite("rows", program.rows)
    _check_finite("bounds", program.bounds)
    matrix = NormalMatrix(program)
    point = best = _starting_point(program, start)
    floor = _NEGLIGIBLE * _sizes_at_start(program, point)
    farkas = _Farkas(program)
    least, best_iteration = np.inf, 0
    for iteration in range(_MOST_ITERATIONS):
        residual = _residual(program, point)
        error = residual.error(floor)
        if error < least:
            best, least, best_iteration = point, error, iteration
        if error <= tolerance:
            return Solution(point.x, point.z, iteration, Status.SOLVED)
        proof = farkas.proof(point.z, residual.pull)
        if proof is not None:
            return Solution(best.x, proof, iteration, Status.INFEASIBLE)
        hopeless = not np.isfinite(error) or iteration - best_iteration > _PATIENCE
        if hopeless or not matrix.factorize(point.z / point.s):
            break
        enough = _ENOUGH * tolerance * max(float(residual.sizes[0]), float(floor[0]))
        point = _advance(program, matrix, point, residual, enough / max(point.s.size, 1))
    return Solution(best.x, best.z, iteration, Status.STALLED)


@dataclass(frozen=True, eq=False)
class _Point:
    """An iterate: s and z are positive throughout, A x + s = b in the end."""

    x: Floats  # (V, N)
    s: Floats  # (M, N) slacks
    z: Floats  # (M, N) duals


def _check_finite(name: str, value: Floats) -> None:
    if not np.isfinite(value).all():
        raise ValueError(f"{name}: expected finite numbers, got {value[~np.isfinite(value)][0]}")


def _starting_point(program: Program, start: Floats | None) -> _Point:
    """Return x = 0 with slacks not much below their bounds and all products s z of one size."""
    b = program.bounds
    x = np.zeros_like(program.gradient)
    if start is not None:
        check_shape("start", start, b.shape)
        _check_finite("start", start)
    if not b.size:
        return _Point(x, b, b)
    length = float(np.abs(b).mean()) or 1.0
    if start is None or not start.any():
        s = np.maximum(b, _SHORTEST_SLACK * length)
        return _Point(x, s, _typical_force(program) / len(b) * length / s)
    s = np.maximum(b, _SHORTEST_SLACK_WARM * length)
    return _Point(x, s, np.maximum(start, _LEAST_PRODUCT_WARM * np.abs(start).mean() * length / s))


def _typical_force(program: Program) -> float:
    """Return mean |g|, or where there is none a force of H: it scales as the objective does."""
    diagonal = program.bands[:, 0]
    return float(np.abs(program.gradient).mean()) or float(np.abs(diagonal).mean()) or 1.0


@dataclass(frozen=True, eq=False)
class _Residual:
    """How far a point is from optimal (Nocedal & Wright, equation 16.55)."""

    force: Floats  # (V, N) H x + g
    pull: Floats  # (V, N) Aᵀz
    primal: Floats  # (M, N) A x + s − b
    products: Floats  # (M, N) s z
    gap: float  # sᵀz
    errors: Floats  # (3,) of the objective, the forces and the bounds
    sizes: Floats  # (3,) what they are relative to

    def error(self, floor: Floats) -> float:
        """Return the largest relative error; sizes below the floor (3,) count as the floor."""
        return float((self.errors / np.maximum(np.maximum(self.sizes, floor), _TINY)).max())


def _residual(program: Program, point: _Point) -> _Residual:
    x, s, z = point.x, point.s, point.z
    Hx, Ax, pull = program.times_hessian(x), program.times_rows(x), program.times_rows_transposed(z)
    force = Hx + program.gradient
    dual = force + pull
    products = s * z
    gap = float(products.sum())
    objective = float((x * force).sum()) - 0.5 * float((x * Hx).sum()) + program.constant
    strongest = max(_largest(Hx), _largest(program.gradient), _largest(pull))
    sizes = np.array((abs(objective), strongest, _largest(Ax)))
    primal = np.add(Ax, s, out=Ax)
    primal -= program.bounds
    # the objective exceeds its minimum by no more than sᵀz when the forces balance; what they are
    # out of balance by does work along x
    errors = np.array((gap + abs(float((x * dual).sum())), _largest(dual), _largest(primal)))
    return _Residual(force, pull, primal, products, gap, errors, sizes)


def _sizes_at_start(program: Program, point: _Point) -> Floats:
    """Return sizes (3,) of objective, forces and bounds while x is still 0."""
    gap = float((point.s * point.z).sum())
    strongest = max(_largest(program.gradient), _largest(program.times_rows_transposed(point.z)))
    return np.array((gap, strongest, _largest(program.bounds)))


class _Farkas:
    """Looks for a proof that no max |x| ≤ reach keeps the bounds, not even a little relaxed.

    A x ≤ b and z ≥ 0 give zᵀA x ≤ bᵀz, which fails at a node where bᵀz < −reach |Aᵀz|₁. Where there
    is no solution, the duals grow along such a z.
    """

    def __init__(self, program: Program) -> None:
        norm = np.sqrt(np.einsum("mvn,mvn->mn", program.rows, program.rows))
        b = program.bounds
        farthest = _largest(np.divide(b, norm, out=np.zeros_like(norm), where=norm > 0))
        self._reach = _REACH * farthest
        self._relaxed = b + _RELAXED * farthest * norm

    def proof(self, z: Floats, pull: Floats) -> Floats | None:
        """Return the duals (M, N) of a node that cannot be kept, or None. Args: pull is Aᵀz."""
        work = np.einsum("mn,mn->n", self._relaxed, z)
        work += self._reach * np.abs(pull).sum(axis=0)
        node = int(work.argmin())
        if not work[node] < 0:
            return None
        proof = np.zeros_like(z)
        proof[:, node] = z[:, node] / z[:, node].max()
        return proof


def _advance(
    program: Program, matrix: NormalMatrix, point: _Point, residual: _Residual, least: float
) -> _Point:
    """Take one step: a predictor straight at the optimum, then a corrector that keeps the centre.

    With W = Z/S and r = A x + s − b, Newton's equations for H x + g + Aᵀz = 0, A x + s = b, S z = τ
    become

        (H + AᵀWA) Δx = −(H x + g) − Aᵀ(p + W r),   Δs = −r − A Δx,   z + Δz = p − W Δs

    with p = τ/s. The predictor has p = 0 and finds Δs = S u, hence Δz = −Z (1 + u). The corrector
    aims at τ = σμ − Δs Δz, hence p = σμ/s + z u (1 + u); not at σμ below `least`, because W grows
    as s falls, until its rounding drowns H.
    """
    s, z = point.s, point.z
    inverse = 1.0 / s
    weight = z * inverse
    carried = weight * residual.primal  # W r
    # in place from here on, where it can be: memory is what the time goes into
    _, u = _direction(program, matrix, residual, carried)
    u *= inverse
    push = 1.0 + u
    push *= u
    push *= z
    push += max(_centre(residual, u), least) * inverse
    carried += push
    dx, ds = _direction(program, matrix, residual, carried)
    weight *= ds
    push -= weight
    dz = np.subtract(push, z, out=push)
    primal_step = _step_length(ds, s)
    dual_step = _step_length(dz, z)
    return _Point(
        _moved(point.x, primal_step, dx), _moved(s, primal_step, ds), _moved(z, dual_step, dz)
    )


def _direction(
    program: Program, matrix: NormalMatrix, residual: _Residual, carried: Floats
) -> tuple[Floats, Floats]:
    """Return Δx (V, N) and Δs (M, N) for carried = p + W r (M, N)."""
    right = program.times_rows_transposed(carried)
    right += residual.force
    dx = matrix.solve(np.negative(right, out=right))
    ds = program.times_rows(dx)
    ds += residual.primal
    return dx, np.negative(ds, out=ds)


def _centre(residual: _Residual, u: Floats) -> float:
    """Return σμ, σ = (μ_predicted / μ)³: the better the predictor (u), the smaller.

    The predictor moves s to s (1 + α u) and z to z (1 − β (1 + u)).
    """
    gap = residual.gap
    if not gap:
        return 0.0
    a = 1.0 / max(1.0, -float(u.min()))
    b = 1.0 / max(1.0, 1.0 + float(u.max()))
    first = float(np.einsum("mn,mn->", residual.products, u))
    second = float(np.einsum("mn,mn,mn->", residual.products, u, u))
    predicted = (1.0 - b) * gap + (a - b - a * b) * first - a * b * second
    return (predicted / gap) ** 3 * gap / u.size


def _step_length(change: Floats, value: Floats) -> float:
    """Return the longest step ≤ 1 that keeps the positive value well inside."""
    worst = -float((change / value).min(initial=0.0))
    return 1.0 if worst <= _KEEP_INSIDE else _KEEP_INSIDE / worst


def _moved(value: Floats, step: float, change: Floats) -> Floats:
    """Return value + step · change, in the memory of the change."""
    change *= step
    return np.add(change, value, out=change)


def _largest(values: Floats) -> float:
    """Return max |value|, 0 of none."""
    return max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))
