"""Sequential quadratic programming on SO(3) for the nodes of one window of a clip."""

import logging
from dataclasses import dataclass, replace

import numpy as np

from gyro_data.checks import Bools, Floats
from gyro_data.quaternions import conjugate, continuous, from_rotvec, multiply, normalize, to_rotvec
from stabilizer.interior_point import Program, Status, solve
from stabilizer.optimal.border_rows import SUBSTEPS, BorderRows, Watched
from stabilizer.optimal.cost import NodePath, PathCost

LOG = logging.getLogger(__name__)

_EXTRA_ROUNDS = 8  # beyond those that a cost needs in any case
_SETTLED = 1.0  # px: after a smaller step another round would move some hundredths
_PIN = 1e6  # Hessian of a turn that must not change
_ROOM = 1.0  # px that a pinned node may think it has: it cannot move anyway


@dataclass(frozen=True, eq=False)
class Window:
    """The nodes of a window and what bounds them."""

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
    path, n_rounds, watched, duals = start, 0, None, None
    worth = np.zeros(len(start.log_zoom))
    for n_rounds in range(1, cost.restlessness.rounds + _EXTRA_ROUNDS + 1):
        program, watched = _program(window, cost, path, watched, n_rounds - 1)
        solution = solve(_without_zoom(program) if fixed_zoom else program, start=duals)
        if solution.status == Status.INFEASIBLE:
            path, duals = _retreat(window, path, fixed_zoom), None
            continue
        n_variables, duals = len(solution.x), solution.duals
        worth = -np.einsum("mn,mn->n", solution.duals, program.rows[: len(solution.duals), 3])
        step = np.zeros((4, len(worth)))
        step[:n_variables] = solution.x
        path = _moved(path, cost, step)
        if n_rounds >= cost.restlessness.rounds and np.abs(step).max() < _SETTLED:
            break
    LOG.debug("window of %d nodes: %d rounds", len(worth), n_rounds)
    return path, worth


def instants(path: NodePath) -> NodePath:
    """Return the path at `SUBSTEPS` instants per node, by Catmull-Rom interpolation."""
    share = np.arange(SUBSTEPS) / SUBSTEPS
    weights = np.stack(
        [
            share * (-0.5 + share * (1.0 - 0.5 * share)),
            1.0 + share**2 * (-2.5 + 1.5 * share),
            share * (0.5 + share * (2.0 - 1.5 * share)),
            share**2 * (-0.5 + 0.5 * share),
        ],
        axis=-1,
    )  # (S, 4)
    values = np.column_stack([continuous(path.quat), path.log_zoom])
    padded = np.concatenate(
        [2 * values[:1] - values[1:2], values, 2 * values[-1:] - values[-2:-1], values[-1:]]
    )
    n = len(values)
    between = sum(weights[None, :, k, None] * padded[k : k + n, None] for k in range(4))
    flat = np.asarray(between).reshape(n * SUBSTEPS, 5)
    return NodePath(normalize(flat[:, :4]), flat[:, 4])


def _program(
    window: Window, cost: PathCost, path: NodePath, watched: Watched | None, round_number: int
) -> tuple[Program, Watched]:
    """Return the quadratic program around `path`, its variables in px at 1080 lines."""
    quadratic = cost.around(path, window.quat_measured, window.up, round_number)
    at = instants(path)
    rows, bounds, watched = window.border.linearised(at.quat, at.log_zoom, watched)
    rows[:, :3] /= cost.focal
    rows[:, 3] /= cost.radius
    limits = np.zeros((2, 4, rows.shape[-1]))
    limits[:, 3] = [[-1.0], [1.0]]
    zoom_bounds = cost.radius * np.stack([path.log_zoom - window.low, window.high - path.log_zoom])
    rows, bounds = np.concatenate([rows, limits]), np.concatenate([bounds, zoom_bounds])
    bounds[:, window.done] = np.maximum(bounds[:, window.done], _ROOM)
    bands = quadratic.bands
    bands[:3, 0, window.held] += _PIN
    bands[:, 0, window.done] += _PIN
    return Program(bands, quadratic.gradient, rows, bounds, quadratic.blocks), watched


def _without_zoom(program: Program) -> Program:
    blocks = None if program.blocks is None else program.blocks[:3, :3]
    return Program(
        program.bands[:3], program.gradient[:3], program.rows[:-2, :3], program.bounds[:-2], blocks
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
