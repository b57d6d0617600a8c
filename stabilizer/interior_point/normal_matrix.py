"""The banded, symmetric matrix of a Newton step, factorized and solved by LAPACK."""

import numpy as np
from scipy.linalg import LinAlgError, cho_solve_banded, cholesky_banded

from gyro_data.checks import Floats
from stabilizer.interior_point.program import Program

_REGULARIZATION = 1e-14  # of the diagonal: above what rounding does to it
_MOST_REGULARIZATION = 1e-4


class NormalMatrix:
    """H + AᵀWA with a diagonal W ≥ 0, in LAPACK's banded form with a node's variables together.

    Where it is singular to rounding, as squared third differences are, a sliver of the diagonal is
    added, and more of it when the factorization fails: the step bends, the optimum does not.
    """

    def __init__(self, program: Program) -> None:
        n_variables, n_nodes = program.gradient.shape
        n_bands = min(program.bands.shape[1], n_nodes)
        width = max((n_bands - 1) * n_variables, n_variables - 1) + 1
        self._rows = program.rows
        # [n, v, d] is d below the diagonal in the column of variable v of node n
        self._hessian = np.zeros((n_nodes, n_variables, width))
        for k in range(n_bands):
            self._hessian[: n_nodes - k, :, k * n_variables] = program.bands[:, k, : n_nodes - k].T
        if program.blocks is not None:
            for v in range(n_variables):
                _add_column(self._hessian, v, program.blocks[v:, v])
        if not np.isfinite(self._hessian).all():
            raise ValueError("bands, blocks: expected finite numbers")
        self._least = 1e-8 * (float(self._hessian[:, :, 0].max()) or 1.0)
        self._regularization = _REGULARIZATION
        self._matrix = np.empty_like(self._hessian)
        self._factor = self._matrix

    def factorize(self, weight: Floats) -> bool:
        """Factorize H + AᵀWA for the diagonal W = weight (M, N); False if rounding forbids it."""
        while self._regularization <= _MOST_REGULARIZATION:
            self._assemble(weight)
            lower = self._matrix.reshape(-1, self._matrix.shape[-1]).T  # Fortran's order: no copy
            try:
                self._factor = cholesky_banded(
                    lower, overwrite_ab=True, lower=True, check_finite=False
                )
                return True
            except LinAlgError:
                self._regularization *= 100
        return False

    def _assemble(self, weight: Floats) -> None:
        np.copyto(self._matrix, self._hessian)
        for v in range(self._rows.shape[1]):
            column = np.einsum("mvn,mn->vn", self._rows[:, v:], self._rows[:, v] * weight)
            _add_column(self._matrix, v, column)
        diagonal = self._matrix[:, :, 0]
        diagonal += self._regularization * (diagonal + self._least)

    def solve(self, right: Floats) -> Floats:
        """Return x (V, N) of (H + AᵀWA) x = right (V, N)."""
        n_variables, n_nodes = right.shape
        x = cho_solve_banded(
            (self._factor, True), right.T.flatten(), overwrite_b=True, check_finite=False
        )
        return np.ascontiguousarray(x.reshape(n_nodes, n_variables).T)


def _add_column(matrix: Floats, v: int, column: Floats) -> None:
    """Add the couplings (V − v, N) of a node's variables v, v + 1, … with v to a banded matrix."""
    for d, entries in enumerate(column):
        matrix[:, v, d] += entries
