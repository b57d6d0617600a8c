"""Robust least squares over the unknowns, with standard errors that can be believed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gyro_data.checks import Bools, Floats
from stabilizer.synchronization.by_pair import medians
from stabilizer.synchronization.problem import Problem, Unknowns

_ROUNDS = 20
_SETTLED = 1e-2  # standard errors
KNEE = 2.0
"""Typical errors at which an error begins to count less."""
_FARTHEST = 6.0  # spreads of the prior: no unknown goes beyond
_DETERMINED = 0.7  # of the prior's spread: an unknown that the clip tells less well is kept
_LEAST_ERROR = 0.02  # px; no tracker does better


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


Errors = Callable[[Floats], tuple[Floats, Floats]]
"""Values (10,) -> errors (m, c) px and their derivatives (m, c, 10)."""


def fitted(problem: Problem, unknowns: Unknowns, errors: Errors, *, epipolar: bool) -> FineSync:
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
    reach = _FARTHEST * unknowns.spread[free]
    low, high = value[free] - reach, value[free] + reach
    for _ in range(_ROUNDS):
        error, jacobian = errors(value)
        size, weighted, matrix = _normal_equations(error, jacobian[..., free])
        gradient = weighted.sum(axis=0) + precision * (value - unknowns.value)[free]
        matrix = matrix + np.diag(precision)
        step = np.linalg.solve(matrix, -gradient)
        value[free] = np.clip(value[free] + step, low, high)
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
    size = typical(error)
    length = np.linalg.norm(error, axis=1)
    weight = np.nan_to_num(1.0 / (1.0 + (length / (KNEE * size)) ** 2)) / size**2
    error, jacobian = np.nan_to_num(error), np.nan_to_num(jacobian)
    weighted = np.einsum("m,mc,mcp->mp", weight, error, jacobian)
    flat = (jacobian * np.sqrt(weight)[:, None, None]).reshape(-1, jacobian.shape[-1])
    return size, weighted, flat.T @ flat


def typical(error: Floats) -> float:
    """Return the size of most errors of a coordinate, as a standard deviation."""
    return max(1.48 * float(np.nanmedian(np.abs(error))), _LEAST_ERROR)
