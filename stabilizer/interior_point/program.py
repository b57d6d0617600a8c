"""A convex quadratic program over nodes in a row, and its solution. Units are the caller's."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from gyro_data.checks import Floats, number


class Status(StrEnum):
    """How a solve ended."""

    SOLVED = "solved"
    INFEASIBLE = "infeasible"
    STALLED = "stalled"


@dataclass(frozen=True, eq=False)
class Program:
    """Minimise ½ xᵀ H x + gᵀ x + c subject to A x ≤ b, over N nodes with V variables each.

    H is positive semidefinite. The arrays are neither copied nor changed. Raises ValueError when
    their shapes do not fit together.
    """

    bands: Floats
    """(V, K+1, N) lower bands of H within each variable: H[(n+k, v), (n, v)] = bands[v, k, n]; the
    last k entries of band k are not read."""
    gradient: Floats
    """(V, N) g."""
    rows: Floats
    """(M, V, N) A: M inequalities at each node, over the variables of that node."""
    bounds: Floats
    """(M, N) b."""
    blocks: Floats | None = None
    """(V, V, N) symmetric couplings of the variables of each node, added to H."""
    constant: float = 0.0
    """The objective at x = 0. A solve is as exact as the whole objective asks for, so it pays to
    know it: minimising a linearised cost again and again, what is left to gain becomes nothing."""

    def __post_init__(self) -> None:
        check_shape("gradient", self.gradient, ("V", "N"))
        n_variables, n_nodes = self.gradient.shape
        check_shape("bands", self.bands, (n_variables, "K+1", n_nodes))
        check_shape("bounds", self.bounds, ("M", n_nodes))
        check_shape("rows", self.rows, (len(self.bounds), n_variables, n_nodes))
        if self.blocks is not None:
            check_shape("blocks", self.blocks, (n_variables, n_variables, n_nodes))
        number("constant", self.constant)
        if not self.bands.size:
            raise ValueError(f"bands: expected a diagonal at least, got shape {self.bands.shape}")

    def times_hessian(self, x: Floats) -> Floats:
        """Return H x (V, N)."""
        product = self.bands[:, 0] * x
        for k in range(1, min(self.bands.shape[1], x.shape[1])):
            band = self.bands[:, k, :-k]
            product[:, k:] += band * x[:, :-k]
            product[:, :-k] += band * x[:, k:]
        if self.blocks is not None:
            product += np.einsum("vwn,wn->vn", self.blocks, x)
        return product

    def times_rows(self, x: Floats) -> Floats:
        """Return A x (M, N)."""
        return np.asarray(np.einsum("mvn,vn->mn", self.rows, x))

    def times_rows_transposed(self, z: Floats) -> Floats:
        """Return Aᵀz (V, N)."""
        return np.asarray(np.einsum("mvn,mn->vn", self.rows, z))

    def objective(self, x: Floats) -> float:
        """Return ½ xᵀ H x + gᵀ x + c at x (V, N)."""
        return float((x * (0.5 * self.times_hessian(x) + self.gradient)).sum()) + self.constant


@dataclass(frozen=True, eq=False)
class Solution:
    """Where a solve ended."""

    x: Floats
    """(V, N): the minimiser if SOLVED, else the best that was met."""
    duals: Floats
    """(M, N) z ≥ 0, the multipliers of A x ≤ b; if INFEASIBLE, Farkas' proof at one node instead:
    bᵀz < 0 while Aᵀz = 0 (to rounding)."""
    iterations: int
    status: Status


def check_shape(name: str, value: Floats, shape: tuple[int | str, ...]) -> None:
    """Raise ValueError unless the value has the shape, in which a letter is any length."""
    fits = value.ndim == len(shape) and all(
        isinstance(want, str) or want == got for want, got in zip(shape, value.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join(map(str, shape))
        raise ValueError(f"{name}: expected shape ({wanted}), got {value.shape}")
