"""The border as inequalities: how far inside the source picture is it, and what does a turn change?

Everything here is per window: N nodes on a uniform time grid, each standing for `SUBSTEPS` instants
so that what the camera does between two nodes counts too. Distances are px at 1080 lines.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gyro_data.checks import Floats
from gyro_data.quaternions import conjugate, multiply, normalize
from stabilizer.border import LARGEST_ZOOM, BorderCheck, border_points

SUBSTEPS = 2
"""Instants per node at which the border is watched."""

_PER_EDGE = 8  # border points
_NEAR = 0.26  # of the picture: a border point this close to a side may leave through it
_ZOOM_STEP = 0.004  # of the table of rays over log zoom: errs by 0.003 px
_BEYOND = 0.05  # readouts by which the row knots go past the picture
_FARTHEST = 1e4  # px; stands for points that the lens does not show

Indices = NDArray[np.intp]
Watched = tuple[Indices, Indices]
"""Border points now tightest and the last others: (2, G, N) instants and points of G groups."""


@dataclass(frozen=True, eq=False)
class BorderModel:
    """The border's points, sides and rays: all that is the same at every instant of a clip."""

    border: BorderCheck
    per_edge: int = _PER_EDGE
    n_knots: int = 9
    """Instants per readout between which the camera's turn is interpolated."""
    safety: float = 0.0
    """px (1080 lines) kept from the edge of what may be sampled."""
    rays: Floats = field(init=False, repr=False)
    """(3, L, P) directions of the border points in the virtual frame, by log zoom."""
    groups: tuple["_Group", ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        output = self.border.output
        xy = border_points(output, self.per_edge)
        log_zoom = np.arange(0.0, np.log(LARGEST_ZOOM) + 2 * _ZOOM_STEP, _ZOOM_STEP)
        rays = output.unproject(xy, np.exp(log_zoom)[:, None])
        object.__setattr__(self, "rays", np.ascontiguousarray(np.moveaxis(rays, -1, 0)))
        size = np.array((output.width, output.height)) - 1.0
        object.__setattr__(self, "groups", tuple(_groups(xy / size)))

    @property
    def px(self) -> float:
        """Px at 1080 lines per px of the source."""
        return 1080.0 / min(self.border.camera.width, self.border.camera.height)

    @property
    def focal(self) -> float:
        """Focal length, px at 1080 lines: what a radian is worth."""
        return self.px * float(np.sqrt(self.border.camera.fx * self.border.camera.fy))

    @property
    def radius(self) -> float:
        """Px at 1080 lines by which the border moves per unit of log zoom, on average."""
        camera = self.border.camera
        return self.px * float(np.hypot(camera.width, camera.height) / np.sqrt(12.0))

    def at(self, t: Floats) -> "BorderRows":
        """Return the border at instants `t` (I,) s."""
        return BorderRows(self, t)

    def rays_at(self, log_zoom: Floats) -> Floats:
        """Return the rays (3, I, P) at `log_zoom` (I,)."""
        low, share = self._cell(log_zoom)
        rays = self.rays[:, low]
        rays += (self.rays[:, low + 1] - rays) * share[:, None]
        return rays

    def ray_slopes(self, log_zoom: Floats, points: Indices) -> Floats:
        """Return ∂ray/∂log zoom (3, ...) of some `points` (...) at `log_zoom` (...)."""
        low, _ = self._cell(log_zoom)
        return np.asarray((self.rays[:, low + 1, points] - self.rays[:, low, points]) / _ZOOM_STEP)

    def _cell(self, log_zoom: Floats) -> tuple[Indices, Floats]:
        position = np.clip(log_zoom / _ZOOM_STEP, 0.0, self.rays.shape[1] - 1.001)
        low = position.astype(np.intp)
        return low, position - low


@dataclass(frozen=True, eq=False)
class _Group:
    """Border points of which the one nearest to a side's edge is watched."""

    axis: int
    """0: the side is left or right; 1: top or bottom."""
    sign: float
    """−1: the left or top side, +1: the right or bottom one."""
    points: Indices


def _groups(place: Floats) -> list[_Group]:
    """Sort border points (P, 2), in units of the picture, by side and by thirds along it."""
    groups = []
    for axis in (0, 1):
        third = np.minimum(place[:, 1 - axis] * 3, 2.999).astype(int)
        for sign, near in ((-1.0, place[:, axis] < _NEAR), (1.0, place[:, axis] > 1 - _NEAR)):
            groups += [
                _Group(axis, sign, np.flatnonzero(near & (third == part))) for part in range(3)
            ]
    return groups


class BorderRows:
    """The border at the instants `t` (I,) of one window, with the rolling shutter as knots.

    Around each instant the camera's turn R_cam(row)_cam(middle) is interpolated linearly between
    knots, as Gibbs vectors g = tan(angle / 2) · axis: R c = c + 2 (g × c + g × (g × c)) / (1 + g²).
    """

    def __init__(self, model: BorderModel, t: Floats) -> None:
        self.model, self.t = model, t
        self.quat_measured = model.border.measured.quat_at(t)
        self.readout_time = model.border.camera.readout_time
        if self.readout_time > 0:
            phase = np.linspace(-0.5 - _BEYOND, 0.5 + _BEYOND, model.n_knots)
            at_rows = model.border.measured.quat_at(t[:, None] + self.readout_time * phase)
            turn = multiply(conjugate(at_rows), self.quat_measured[:, None])
            gibbs = turn[..., :3] / turn[..., 3:]
            self.knots = np.ascontiguousarray(np.moveaxis(gibbs, -1, 0).reshape(3, -1))
            self.steps = np.diff(self.knots, append=0.0)  # those between instants are not used
        self._rows: Floats | None = None

    def camera_rays(
        self, quat_virtual: Floats, log_zoom: Floats, *, rounds: int
    ) -> tuple[Floats, Floats]:
        """Return source-camera rays (3, I, P) of the border points and R_cam_virtual (I, 3, 3).

        The rays are those of the row that sees them, after `rounds` of row iteration that start
        with the rows found by the last call.
        """
        turn = normalize(multiply(conjugate(self.quat_measured), quat_virtual))
        R_cam_virtual = Rotation.from_quat(turn).as_matrix()
        rays = self.model.rays_at(log_zoom)
        still = np.stack([_dot(R_cam_virtual[:, a].T[..., None], rays) for a in range(3)])
        if self.readout_time == 0:
            return still, R_cam_virtual
        rows = self._row_positions(self._project(still)) if self._rows is None else self._rows
        for _ in range(rounds):
            seen = self._at_row(still, rows)
            rows = self._row_positions(self._project(seen))
        self._rows = rows
        return seen, R_cam_virtual

    def distances(self, rays: Floats) -> tuple[Floats, Floats]:
        """Return source pixels (I, P, 2) of camera rays (3, I, P) and px inside each side (4, ...).

        Sides are left, right, top and bottom.
        """
        border = self.model.border
        xy = self._project(rays)
        size = np.array((border.camera.width, border.camera.height)) - 1.0
        low = (xy - border.inset) * self.model.px - self.model.safety
        high = (size - border.inset - xy) * self.model.px - self.model.safety
        sides = np.stack([low[..., 0], high[..., 0], low[..., 1], high[..., 1]])
        return xy, np.nan_to_num(sides, nan=-_FARTHEST)

    def margins(self, quat_virtual: Floats, log_zoom: Floats) -> Floats:
        """Return px at 1080 lines by which each instant's border is inside at least (I,).

        Less than the least distance of the points by what a side may bulge between two of them:
        an eighth of the largest second difference along it, twice over.
        """
        rays, _ = self.camera_rays(quat_virtual, log_zoom, rounds=3)
        _, sides = self.distances(rays)
        n = self.model.per_edge
        around = np.concatenate([sides, sides[..., :1]], axis=-1)  # (4, I, P + 1): closed
        bulge = np.zeros(sides.shape[1])
        for edge in range(4):
            bend = np.abs(np.diff(around[..., edge * n : (edge + 1) * n + 1], n=2, axis=-1))
            bulge = np.maximum(bulge, bend.max(axis=(0, 2)))
        return np.asarray(sides.min(axis=(0, 2)) - bulge / 4)

    def linearised(
        self, quat_virtual: Floats, log_zoom: Floats, before: "Watched | None"
    ) -> tuple[Floats, Floats, "Watched"]:
        """Return rows (M, 4, N) and bounds (M, N) of A (δ, d log zoom) ≤ b for every node.

        A turn δ (rad, virtual frame) and a zoom move the pixel x = π(c), c = R_cam_virtual d(zoom):
        dx = ∂π/∂c · ((R_cam_virtual δ) × c) + ∂π/∂c · R_cam_virtual ∂d/∂log zoom, where the row's
        own turn is left out of the derivatives, but not of x. Of each third of each side two points
        give rows: the tightest over the node's instants now, and the last other one `before`.
        """
        rays, R_cam_virtual = self.camera_rays(quat_virtual, log_zoom, rounds=1)
        _, sides = self.distances(rays)
        watched = self._watched(sides, before)
        instant, point = np.concatenate(watched, axis=1)  # (2G, N) each
        groups = self.model.groups * 2
        side = np.array([2 * group.axis + (group.sign > 0) for group in groups])
        bounds = sides[side[:, None], instant, point]
        c = rays[:, instant, point]  # (3, M, N)
        _, jacobian = self.model.border.camera.project_with_jacobian(np.moveaxis(c, 0, -1))
        sign = self.model.px * np.array([group.sign for group in groups])
        axis = np.array([group.axis for group in groups])
        normal = np.moveaxis(jacobian[np.arange(len(axis)), :, axis], -1, 0) * sign[:, None]
        R = np.moveaxis(R_cam_virtual[instant], (-2, -1), (0, 1))  # (3, 3, M, N)
        torque = _cross(c, normal)
        d_ray = self.model.ray_slopes(log_zoom[instant], point)
        rows = np.empty((len(groups), 4, bounds.shape[1]))
        for k in range(3):
            rows[:, k] = _dot(R[:, k], torque)
        rows[:, 3] = _dot(normal, np.stack([_dot(R[k], d_ray) for k in range(3)]))
        unseen = np.logical_not(
            np.isfinite(rows).all(axis=1)
        )  # no derivative: the verdict will tell
        rows = np.where(unseen[:, None], 0.0, rows)
        return rows, np.where(unseen, 1.0, bounds), watched

    def _watched(self, sides: Floats, before: "Watched | None") -> "Watched":
        """Return the points (instant, point), each (G, N), now tightest, and the last others."""
        n_nodes = len(self.t) // SUBSTEPS
        now = np.empty((2, len(self.model.groups), n_nodes), dtype=np.intp)
        for m, group in enumerate(self.model.groups):
            side = sides[2 * group.axis + (group.sign > 0)][:, group.points]
            least = side.reshape(n_nodes, -1).argmin(axis=1)
            now[0, m] = np.arange(n_nodes) * SUBSTEPS + least // len(group.points)
            now[1, m] = group.points[least % len(group.points)]
        if before is None:
            return now, now
        last, other = before
        changed = (now != last).any(axis=0)
        return now, np.where(changed, last, other)

    def _project(self, rays: Floats) -> Floats:
        return self.model.border.camera.project(np.moveaxis(rays, 0, -1))

    def _row_positions(self, xy: Floats) -> Floats:
        """Return between which knots the rows of pixels `xy` (I, P, 2) are read: 0 to K − 1."""
        last = self.model.n_knots - 1
        offset = np.nan_to_num(self.model.border.camera.readout_offset(xy))
        phase = offset / self.readout_time + (0.5 + _BEYOND)
        return np.asarray(np.clip(phase * (last / (1 + 2 * _BEYOND)), 0.0, last * (1 - 1e-9)))

    def _at_row(self, still: Floats, position: Floats) -> Floats:
        """Turn rays (3, I, P) at the middle row to what rows between knots see: position (I, P)."""
        low = position.astype(np.intp)
        share = position - low
        low += self.model.n_knots * np.arange(len(self.t))[:, None]
        gibbs = self.knots.take(low, axis=1, mode="clip")
        gibbs += self.steps.take(low, axis=1, mode="clip") * share
        across = _cross(gibbs, still)
        factor = 2.0 / (1.0 + _dot(gibbs, gibbs))
        return still + factor * (across + _cross(gibbs, across))


def _dot(a: Floats, b: Floats) -> Floats:
    """Return the dot product over the components: the first axis."""
    return np.asarray(a[0] * b[0] + a[1] * b[1] + a[2] * b[2])


def _cross(a: Floats, b: Floats) -> Floats:
    product = np.empty_like(b)
    product[0] = a[1] * b[2] - a[2] * b[1]
    product[1] = a[2] * b[0] - a[0] * b[2]
    product[2] = a[0] * b[1] - a[1] * b[0]
    return product
