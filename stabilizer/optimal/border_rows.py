"""The border as inequalities: how far inside the source picture is it, and what does a turn change?

Per window: N nodes, each standing for `SUBSTEPS` instants so that what the camera does between two
nodes counts too. Distances are px at 1080 lines.
"""

import numpy as np

from gyro_data.checks import Floats
from gyro_data.quaternions import conjugate, multiply, normalize, to_matrix
from stabilizer.border import LARGEST_ZOOM
from stabilizer.optimal.border_model import BEYOND, BorderModel, Indices

SUBSTEPS = 2
"""Instants per node at which the border is watched."""

_HALVINGS = 20  # of log zoom
_DEEPEST = 5.0  # px; a deeper dip is none, but points that the lens does not show
_FARTHEST = 1e4  # px; stands for points that the lens does not show

Watched = tuple[Indices, Indices]
"""Border points now tightest and the last others: (2, G, N) instants and points of G groups."""


class BorderRows:
    """The border at the instants `t` (I,) of one window, with the rolling shutter as knots.

    Around each instant the camera's turn R_cam(row)_cam(middle) is interpolated linearly between
    knots, as Gibbs vectors g = tan(angle / 2) · axis: R c = c + 2 (g × c + g × (g × c)) / (1 + g²).
    """

    def __init__(self, model: BorderModel, t: Floats, *, until: float = np.inf) -> None:
        """Take the instants; those after `until` s show no frame and do not count."""
        self.model, self.t = model, t
        self.unseen = t > until
        self.quat_measured = model.border.measured.quat_at(t)
        self.readout_time = model.border.camera.readout_time
        self.doubt = np.zeros(len(t))
        if self.readout_time > 0:
            self._set_knots(model.knot_phases)
        self._rows: Floats | None = None  # knot positions of the last call: a start for the next

    def _set_knots(self, phases: Floats) -> None:
        """Sample the turns at the rows, and how far they may be from what is interpolated.

        Linear interpolation errs by an eighth of the second difference; a quarter is allowed for.
        """
        measured = self.model.border.measured
        at_rows = measured.quat_at(self.t[:, None] + self.readout_time * phases)
        turn = multiply(conjugate(at_rows), self.quat_measured[:, None])
        gibbs = turn[..., :3] / turn[..., 3:]
        bend = np.linalg.norm(np.diff(gibbs, n=2, axis=1), axis=-1).max(axis=1)
        self.doubt = 2 * self.model.focal * bend / 4
        self.n_knots = len(phases)
        self.knots = np.ascontiguousarray(np.moveaxis(gibbs, -1, 0).reshape(3, -1))
        self.steps = np.diff(self.knots, append=0.0)  # those between instants are not used

    def camera_rays(
        self, quat_virtual: Floats, log_zoom: Floats, *, rounds: int
    ) -> tuple[Floats, Floats]:
        """Return source-camera rays (3, I, P) of the border points and R_cam_virtual (I, 3, 3).

        The rays are those of the row that sees them, after `rounds` of row iteration that start
        with the rows found by the last call.
        """
        turn = normalize(multiply(conjugate(self.quat_measured), quat_virtual))
        R_cam_virtual = to_matrix(turn)
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

    def distances(self, rays: Floats) -> Floats:
        """Return by how many px camera rays (3, I, P) are inside each side (4, I, P).

        Sides are left, right, top and bottom.
        """
        border = self.model.border
        xy = self._project(rays)
        size = np.array((border.camera.width, border.camera.height)) - 1.0
        low = (xy - border.inset) * self.model.scale - self.model.safety
        high = (size - border.inset - xy) * self.model.scale - self.model.safety
        sides = np.stack([low[..., 0], high[..., 0], low[..., 1], high[..., 1]])
        sides = np.nan_to_num(sides, nan=-_FARTHEST)
        sides[:, self.unseen] = _FARTHEST
        return sides

    def margins(self, quat_virtual: Floats, log_zoom: Floats) -> Floats:
        """Return px at 1080 lines by which each instant's border is inside at least (I,).

        Less than the least distance of the points by what a side may bulge between two of them
        (an eighth of the largest second difference along it, twice over) and by `doubt`.
        """
        rays, _ = self.camera_rays(quat_virtual, log_zoom, rounds=3)
        sides = self.distances(rays)
        n = self.model.per_edge
        around = np.concatenate([sides, sides[..., :1]], axis=-1)  # (4, I, P + 1): closed
        bulge = np.zeros(sides.shape[1])
        for edge in range(4):
            bend = np.abs(np.diff(around[..., edge * n : (edge + 1) * n + 1], n=2, axis=-1))
            bulge = np.maximum(bulge, bend.max(axis=(0, 2)))
        return np.asarray(sides.min(axis=(0, 2)) - bulge / 4 - self.doubt)

    def measured_log_zoom(self, least: float) -> Floats:
        """Return the log zooms (I,), at least `least`, with which the measured path is inside.

        By bisection of `margins`: a little more than is needed. inf where no zoom is enough.
        """
        low = np.full(len(self.t), least)
        high = low.copy()
        k = np.flatnonzero(self.margins(self.quat_measured, low) < 0)
        if not len(k):
            return high
        some = self.of(k)
        below, above = low[k], np.full(len(k), np.log(LARGEST_ZOOM))
        hopeless = some.margins(some.quat_measured, above) < 0
        for _ in range(_HALVINGS):
            middle = (below + above) / 2
            inside = some.margins(some.quat_measured, middle) >= 0
            below, above = np.where(inside, below, middle), np.where(inside, middle, above)
        high[k] = np.where(hopeless, np.inf, above)
        return high

    def of(self, k: Indices) -> "BorderRows":
        """Return the rows of some of the instants."""
        until = -np.inf if self.unseen[k].all() else float(self.t[~self.unseen].max())
        return BorderRows(self.model, self.t[k], until=until)

    def linearised(
        self, quat_virtual: Floats, log_zoom: Floats, before: "Watched | None"
    ) -> tuple[Floats, Floats, "Watched"]:
        """Return rows (M, 4, N) and bounds (M, N) of A (δ, d log zoom) ≤ b for every node.

        Of each third of each side two points give rows: the tightest over the node's instants now,
        and the last other one `before`. b is their distance, less what it may dip between instants.
        """
        rays, R_cam_virtual = self.camera_rays(quat_virtual, log_zoom, rounds=1)
        sides = self.distances(rays)
        watched = self._watched(sides, before)
        instant, point = np.concatenate(watched, axis=1)  # (2G, N) each
        groups = self.model.groups * 2
        side = np.array([2 * group.axis + (group.sign > 0) for group in groups])
        bounds = sides[side[:, None], instant, point] - np.tile(self._dips(sides), (2, 1))
        rows = self._derivatives(rays, R_cam_virtual, log_zoom, instant, point)
        # where the lens shows nothing there is no derivative: the verdict will tell
        unseen = np.logical_not(np.isfinite(rows).all(axis=1))
        rows = np.where(unseen[:, None], 0.0, rows)
        return rows, np.where(unseen, 1.0, bounds), watched

    def _derivatives(
        self,
        rays: Floats,
        R_cam_virtual: Floats,
        log_zoom: Floats,
        instant: Indices,
        point: Indices,
    ) -> Floats:
        """Return rows (M, 4, N) of the watched points `instant`, `point` (M, N).

        A turn δ (rad, virtual frame) and a zoom move the pixel x = π(c), c = R_cam_virtual d(zoom):
        dx = ∂π/∂c · ((R_cam_virtual δ) × c) + ∂π/∂c · R_cam_virtual ∂d/∂log zoom. How the row's own
        turn changes with x is left out.
        """
        groups = self.model.groups * 2
        c = rays[:, instant, point]  # (3, M, N)
        _, jacobian = self.model.border.camera.project_with_jacobian(np.moveaxis(c, 0, -1))
        sign = self.model.scale * np.array([group.sign for group in groups])
        axis = np.array([group.axis for group in groups])
        normal = np.moveaxis(jacobian[np.arange(len(axis)), :, axis], -1, 0) * sign[:, None]
        R = np.moveaxis(R_cam_virtual[instant], (-2, -1), (0, 1))  # (3, 3, M, N)
        torque = _cross(c, normal)
        d_ray = self.model.ray_slopes(log_zoom[instant], point)
        rows = np.empty((len(groups), 4, instant.shape[1]))
        for k in range(3):
            rows[:, k] = _dot(R[:, k], torque)
        rows[:, 3] = _dot(normal, np.stack([_dot(R[k], d_ray) for k in range(3)]))
        return rows

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

    def _dips(self, sides: Floats) -> Floats:
        """Return by how many px (G, N) a distance may fall between the instants of a node.

        A parabola through three of them has its lowest point at most an eighth of their second
        difference below the lowest.
        """
        n_nodes = len(self.t) // SUBSTEPS
        least = np.stack(
            [
                sides[2 * group.axis + (group.sign > 0)][:, group.points].min(axis=1)
                for group in self.model.groups
            ]
        )
        dips = np.zeros_like(least)
        dips[:, 1:-1] = np.clip(np.diff(least, n=2, axis=1) / 8, 0.0, _DEEPEST)
        dips[:, :-1][:, self.unseen[1:]] = 0.0  # the clip ends here: nothing comes between
        return np.asarray(dips.reshape(len(least), n_nodes, SUBSTEPS).max(axis=2))

    def _project(self, rays: Floats) -> Floats:
        return self.model.border.camera.project(np.moveaxis(rays, 0, -1))

    def _row_positions(self, xy: Floats) -> Floats:
        """Return between which knots the rows of pixels `xy` (I, P, 2) are read: 0 to K − 1."""
        last = self.n_knots - 1
        offset = np.nan_to_num(self.model.border.camera.readout_offset(xy))
        phase = offset / self.readout_time + (0.5 + BEYOND)
        return np.asarray(np.clip(phase * (last / (1 + 2 * BEYOND)), 0.0, last * (1 - 1e-9)))

    def _at_row(self, still: Floats, position: Floats) -> Floats:
        """Turn rays (3, I, P) at the middle row to what rows between knots see: position (I, P)."""
        low = position.astype(np.intp)
        share = position - low
        low += self.n_knots * np.arange(len(self.t))[:, None]
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
