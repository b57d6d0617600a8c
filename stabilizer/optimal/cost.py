"""What a virtual path costs, on nodes `STEP` s apart: a quadratic model around the present path.

Unknown are a turn δ of each node in its virtual frame, as δ · focal px at 1080 lines, and the
change of log zoom, times the radius of the picture in px. So all costs compare px with px, at every
resolution; and since nodes are a fixed time apart, at every frame rate.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import numpy as np

from gyro_data.checks import Floats
from gyro_data.quaternions import conjugate, continuous, multiply, rotate, to_rotvec

STEP = 1 / 30
"""s between nodes; a smooth path bends little in it."""

_ACCELERATION = 1e-3  # weight beside jerk, in px and nodes: counts where motion is slower than 1 s
_ANCHOR = 2e-4  # of the price: being 100 px off the measured path costs what 1 px of zoom does
_ZOOM_JERK = 1e3  # zooming draws more attention than turning
_ZOOM_DAMPING = 1e-6  # of the price: keeps the Hessian definite, a step of 100 px costs nothing
_LEVEL = 1e-4  # weight of roll: a level horizon is found within about a second

_STEEP = (0.17, 0.5)  # cosine of the pitch, 80° to 60°, over which a horizon begins to count

_DIFFERENCES = {
    1: np.array([-1.0, 1.0]),
    2: np.array([1.0, -2.0, 1.0]),
    3: np.array([-1.0, 3.0, -3.0, 1.0]),
}


@dataclass(frozen=True, eq=False)
class NodePath:
    """A virtual path and its zoom at the nodes."""

    quat: Floats
    """(N, 4) R_world_virtual as quat_xyzw."""
    log_zoom: Floats
    """(N,)"""

    @property
    def values(self) -> Floats:
        """(N, 5) sign-continuous quaternions and log zoom, which a spline may interpolate."""
        return np.column_stack([continuous(self.quat), self.log_zoom])


@dataclass(frozen=True, eq=False)
class Quadratic:
    """c + ½ xᵀ H x + gᵀ x, a cost after a step x (4, N) px from the present path."""

    bands: Floats
    """(4, 4, N) lower bands of H, within each variable."""
    gradient: Floats
    """(4, N)"""
    present: Floats
    """(4,) c of each variable."""
    blocks: Floats | None = None
    """(4, 4, N) what couples the variables of a node."""

    def __add__(self, other: "Quadratic") -> "Quadratic":
        blocks = other.blocks if self.blocks is None else self.blocks  # one term has any
        return Quadratic(
            self.bands + other.bands,
            self.gradient + other.gradient,
            self.present + other.present,
            blocks,
        )


class Restlessness(Protocol):
    """A measure of how restless a path is."""

    @property
    def rounds(self) -> int:
        """Least number of rounds in which the weights settle."""

    def weights(self, velocity: Floats, round_number: int) -> dict[int, Floats]:
        """Return by order of difference the weights (N − order,) of its square, for one round.

        `velocity` (N − 1, 3) px per node is that of the present path.
        """


@dataclass(frozen=True)
class Jerk:
    """Squared third differences, with a little of the second: a path without haste."""

    rounds: ClassVar[int] = 2

    def weights(self, velocity: Floats, round_number: int) -> dict[int, Floats]:
        """Return constant weights."""
        n = len(velocity) + 1
        return {2: np.full(max(n - 2, 0), _ACCELERATION), 3: np.ones(max(n - 3, 0))}


@dataclass(frozen=True)
class GroupNorms:
    """Σ w |difference| for orders 1, 2 and 3: mostly exactly still or exactly steady segments.

    Lengths, not squares, of the differences of all three axes together (Grundmann et al. 2011 with
    group norms), by iteratively reweighted squares: |v| ≈ ½ |v|² / |v₀| + ½ |v₀|, rounded near 0.
    """

    first: float
    second: float
    third: float
    resolution: float = 0.003
    """px per node^order that count as nothing."""
    rounds: ClassVar[int] = 10

    def weights(self, velocity: Floats, round_number: int) -> dict[int, Floats]:
        """Return w / max(|difference|, ε), with an ε that shrinks from round to round."""
        rounded = self.resolution * max(1.0, 100 * 0.4**round_number)
        result = {}
        for order, weight in ((1, self.first), (2, self.second), (3, self.third)):
            size = np.linalg.norm(np.diff(velocity, n=order - 1, axis=0), axis=-1)
            result[order] = weight / np.hypot(size, rounded)
        return result


@dataclass(frozen=True, eq=False)
class PathCost:
    """The cost of a path: restlessness, zoom, distance from the measured path, roll."""

    restlessness: Restlessness
    focal: float
    """px at 1080 lines per radian."""
    radius: float
    """px at 1080 lines per unit of log zoom."""
    price: float
    """Cost of 1 px of zoom for the time of one node."""
    axis_weights: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Of turns about the virtual camera's x, y and z (pitch, yaw and roll)."""
    upright: tuple[float, float] = (0.0, -1.0)
    """Which way is up in a level picture, as x and y: (0, −1) unless the camera is held on end."""

    def around(
        self, path: NodePath, quat_measured: Floats, up: Floats | None, round_number: int
    ) -> Quadratic:
        """Return the quadratic model of the cost around `path`.

        `up` (N, 3) in the world asks for a level horizon.
        """
        cost = self.turning(path, round_number) + self.anchor(path, quat_measured)
        cost += self.zooming(path)
        return cost if up is None else cost + self.tilt(path, up)

    def turning(self, path: NodePath, round_number: int) -> Quadratic:
        """Return Σ ½ w |difference of ω|² with ω_k = log(V_kᵀ V_{k+1}).

        With V_k ← V_k exp(δ_k), dω_k = δ_{k+1} − δ_k + ½ ω_k × (δ_{k+1} + δ_k) + O(ω²). The
        product with ω is left out, of the gradient too: it ties axes together, and in the gradient
        alone it would drive steps where the Hessian is almost flat. So the axes count as fixed
        during the second or so over which forces balance.
        """
        turn = multiply(conjugate(path.quat[:-1]), path.quat[1:])
        velocity = self.focal * to_rotvec(turn)
        weights = self.restlessness.weights(velocity, round_number)
        force, value = _forces(weights, velocity)
        result, axes = _nothing(len(path.quat)), np.array(self.axis_weights)
        result.bands[:3] = axes[:, None, None] * _bands(weights, len(path.quat))
        result.gradient[:3] = np.diff(-force * axes, axis=0, prepend=0.0, append=0.0).T
        result.present[:3] = axes * value
        return result

    def anchor(self, path: NodePath, quat_measured: Floats) -> Quadratic:
        """Return Σ ½ w |focal log(Rᵀ V)|²."""
        away = self.focal * to_rotvec(multiply(conjugate(quat_measured), path.quat)).T
        weight, result = _ANCHOR * self.price, _nothing(len(path.quat))
        result.bands[:3, 0] = weight
        result.gradient[:3] = weight * away
        result.present[:3] = weight * (away * away).sum(axis=1) / 2
        return result

    def zooming(self, path: NodePath) -> Quadratic:
        """Return Σ price ζ + ½ w |differences of ζ|², and a little damping of its steps."""
        zoom_px = self.radius * path.log_zoom
        n, result = len(zoom_px), _nothing(len(zoom_px))
        weights = {2: np.full(n - 2, _ZOOM_JERK * _ACCELERATION), 3: np.full(n - 3, _ZOOM_JERK)}
        force, value = _forces(weights, np.diff(zoom_px)[:, None])
        result.bands[3] = _bands(weights, n)
        result.bands[3, 0] += _ZOOM_DAMPING * self.price
        result.gradient[3] = np.diff(-force[:, 0], prepend=0.0, append=0.0) + self.price
        result.present[3] = value[0] + self.price * zoom_px.sum()
        return result

    def tilt(self, path: NodePath, up: Floats) -> Quadratic:
        """Return Σ ½ w (focal τ)², τ = e_x u_y − e_y u_x with e = `upright` and u = V_kᵀ up.

        Level is where the picture's part of u points along e. A turn changes u by u × δ, so
        dτ = u_z (e_x δ_x + e_y δ_y) − (e_x u_x + e_y u_y) δ_z. The weight fades where the camera
        looks up or down: there no roll is level.
        """
        x, y, z = rotate(conjugate(path.quat), up).T
        e_x, e_y = self.upright
        slope = np.stack([e_x * z, e_y * z, -(e_x * x + e_y * y)])
        tilted = self.focal * (e_x * y - e_y * x)
        steep, flat = _STEEP
        weight = _LEVEL * np.clip((np.hypot(x, y) - steep) / (flat - steep), 0.0, 1.0)
        result, blocks = _nothing(len(x)), np.zeros((4, 4, len(x)))
        blocks[:3, :3] = weight * slope[:, None] * slope[None]
        result.gradient[:3] = weight * tilted * slope
        result.present[2] = float((weight * tilted) @ tilted) / 2
        return replace(result, blocks=blocks)


def _nothing(n: int) -> Quadratic:
    return Quadratic(np.zeros((4, 4, n)), np.zeros((4, n)), np.zeros(4))


def _bands(weights: dict[int, Floats], n: int) -> Floats:
    """Return the lower bands (4, N) of Σ Dᵀ diag(w) D over differences D of orders up to 3."""
    bands = np.zeros((4, n))
    for order, weight in weights.items():
        stencil = _DIFFERENCES[order]
        for i in range(order + 1):
            for j in range(i, order + 1):
                bands[j - i, i : n - order + i] += stencil[i] * stencil[j] * weight
    return bands


def _forces(weights: dict[int, Floats], velocity: Floats) -> tuple[Floats, Floats]:
    """Return ∂/∂velocity (N − 1, k) and the value (k,) of Σ ½ w difference², order by order.

    `velocity` (N − 1, k) are the first differences.
    """
    force, value = np.zeros_like(velocity), np.zeros(velocity.shape[1])
    for order, weight in weights.items():
        difference = np.diff(velocity, n=order - 1, axis=0)
        pulled = weight[:, None] * difference
        value += (pulled * difference).sum(axis=0) / 2
        for _ in range(order - 1):  # the adjoint of a difference
            pulled = np.diff(-pulled, axis=0, prepend=0.0, append=0.0)
        force += pulled
    return force, value
