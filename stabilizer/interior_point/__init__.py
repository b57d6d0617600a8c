"""A primal-dual interior-point solver for the quadratic programs of a camera path.

What couples the nodes is a narrow band, and every inequality belongs to one node, so that a Newton
step is one banded Cholesky factorization and the time is linear in the number of nodes.
"""

from stabilizer.interior_point.program import Program, Solution, Status
from stabilizer.interior_point.solver import solve

__all__ = ["Program", "Solution", "Status", "solve"]
