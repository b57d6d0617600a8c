"""Sequential quadratic programming on SO(3) for the nodes of one window of a clip."""

import logging
from dataclasses import dataclass, replace

import numpy as np

from gyro_data.checks import Bools, Floats
from gyro_data.quaternions import conjugate, from_rotvec, multiply, normalize, to_rotvec
from stabilizer.interior_point import Program, Status, solve
from stabilizer.optimal.border_rows import BorderRows, Watched
from stabilizer.optimal.cost import STEP, NodePath, PathCost, Quadratic
from stabilizer.splines import spline

LOG = logging.getLogger(__name__)

_EXTRA_ROUNDS = 8  # beyond those that a cost needs in any case
_FREE_ROUNDS = 2  # more, before steps are damped
_DAMPING = 1e-3  # of the price: at first, a step of 50 px costs what 1 px of zoom does
_SETTLED = 1.0  # px: after a smaller step another round would move some hundredths
_TOLERANCES = (1e-2, 1e-3, 1e-4)  # relative errors of the cost: far less than a round changes
_PIN = 1e6  # Hessian of a turn that must not change
_ROOM = 1.0  # px that a pinned node may think it has: it cannot move anyway


@dataclass(frozen=True, eq=False)
class Window:
    """The nodes of a window and what bounds them."""

    t: Floats
    """(N,) s"""
    border: BorderRows
    """At `SUBSTEPS` instants per node."""
    quat_measured: Floats
    """(N, 4) R_world_cam at the nodes."""
    low: float
    """Smallest log zoom."""
    high: Floats
    """(N,) largest log zoom."""
    held: Bools
    """(N,) nodes whose virtual orientation stays as it is at the start."""
    done: Bools
    """(N,) nodes at which zoom and orientation stay as they are."""
    up: Floats | None = None
    """(N, 3) up in the world, if the horizon is to be level."""


def optimise(
    window: Window, cost: PathCost, start: NodePath, *, fixed_zoom: bool
) -> tuple[NodePath, Floats]:
    """Return the least costly path that stays inside, and the worth of zoom at each node (N,).

    Each round the border and the cost are linearised around the present path, the quadratic program
    is solved and the path moves: V ← V exp(δ). The worth is −∂cost/∂(zoom px) by the multipliers
    (the envelope theorem): with a fixed zoom it says what a larger one would save.
    """
    path, watched, duals = start, None, None
    worth = np.zeros(len(start.log_zoom))
    for n_rounds in range(1, cost.restlessness.rounds + _EXTRA_ROUNDS + 1):
        quadratic = cost.around(path, window.quat_measured, window.up, n_rounds - 1)
        late = n_rounds - cost.restlessness.rounds - _FREE_ROUNDS
        if late > 0:  # steps that do not shrink go to and fro where the cost is flat
            quadratic.bands[:3, 0] += cost.price * _DAMPING * 4.0**late
        rows, bounds, watched = _inequalities(window, cost, path, watched)
        solution = solve(
            _program(window, quadratic, rows, bounds, n_variables=3 if fixed_zoom else 4),
            tolerance=_TOLERANCES[min(n_rounds, len(_TOLERANCES)) - 1],
            start=duals,
        )
        if solution.status == Status.INFEASIBLE:
            path, duals = _retreat(window, path, fixed_zoom), None
            continue
        duals, step = solution.duals, np.zeros((4, len(worth)))
        worth = -np.einsum("mn,mn->n", duals, rows[: len(duals), 3])
        step[: len(solution.x)] = solution.x
        path = _moved(path, cost, step)
        if n_rounds >= cost.restlessness.rounds and np.abs(step).max() < _SETTLED:
            break
    else:
        LOG.info("%.0f s of path: not settled after %d rounds", len(worth) * STEP, n_rounds)
    return path, worth


def sampled(t_nodes: Floats, path: NodePath, t: Floats) -> NodePath:
    """Return the path at times `t` (n,) s by cubic splines through its nodes."""
    values = spline(t_nodes, path.values, t)
    return NodePath(normalize(values[:, :4]), values[:, 4])


def _inequalities(
    window: Window, cost: PathCost, path: NodePath, watched: Watched | None
) -> tuple[Floats, Floats, Watched]:
    """Return rows (M, 4, N) and bounds (M, N), variables in px; the last two limit the zoom."""
    at = sampled(window.t, path, window.border.t)
    rows, bounds, watched = window.border.linearised(at.quat, at.log_zoom, watched)
    rows[:, :3] /= cost.focal
    rows[:, 3] /= cost.radius
    limits = np.zeros((2, 4, rows.shape[-1]))
    limits[:, 3] = [[-1.0], [1.0]]
    zoom_bounds = cost.radius * np.stack([path.log_zoom - window.low, window.high - path.log_zoom])
    rows, bounds = np.concatenate([rows, limits]), np.concatenate([bounds, zoom_bounds])
    bounds[:, window.done] = np.maximum(bounds[:, window.done], _ROOM)
    return rows, bounds, watched


def _program(
    window: Window, quadratic: Quadratic, rows: Floats, bounds: Floats, *, n_variables: int
) -> Program:
    """Return the program over turns alone (3 variables per node), or over turns and zoom (4)."""
    v, n_rows = n_variables, len(rows) if n_variables == 4 else len(rows) - 2
    bands = quadratic.bands[:v].copy()
    bands[:3, 0, window.held] += _PIN
    bands[:, 0, window.done] += _PIN
    return Program(
        bands,
        quadratic.gradient[:v],
        rows[:n_rows, :v],
        bounds[:n_rows],
        None if quadratic.blocks is None else quadratic.blocks[:v, :v],
        constant=float(quadratic.present[:v].sum()),
    )


def _moved(path: NodePath, cost: PathCost, step: Floats) -> NodePath:
    turned = multiply(path.quat, from_rotvec(step[:3].T / cost.focal))
    return NodePath(normalize(turned), path.log_zoom + step[3] / cost.radius)


def _retreat(window: Window, path: NodePath, fixed_zoom: bool) -> NodePath:
    """Return a path halfway to what is surely inside: the measured one at the largest zoom."""
    way = to_rotvec(multiply(conjugate(path.quat), window.quat_measured))
    free = ~window.done
    quat = multiply(path.quat, from_rotvec(0.5 * free[:, None] * way))
    log_zoom = path.log_zoom
    if not fixed_zoom:
        log_zoom = np.where(free, (log_zoom + window.high) / 2, log_zoom)
    return replace(path, quat=quat, log_zoom=log_zoom)
