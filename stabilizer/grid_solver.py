"""The warp grids of frames, quickly: the exact map solved at few points, and splines between them.

`stabilizer.warp.source_points` is the plain way. Here the camera's turns while a frame is read are
tabled once, rows are found by secants, and frames are solved side by side. Times are presentation
times, points are pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from threading import Lock
from typing import NamedTuple

import numpy as np

from gyro_data.checks import Bools, Floats
from gyro_data.quaternions import conjugate, multiply, to_matrix
from stabilizer.camera import Camera
from stabilizer.path import CameraPath
from stabilizer.splines import spline
from stabilizer.warp import GRID_STEP, WarpGrid, extrapolate_outside, grid_nodes, source_points


class Spacing(NamedTuple):
    """How many points along a side are solved, and the degree of the spline through them."""

    n: int
    degree: int


FROM_ROW_TO_ROW = Spacing(33, 3)
"""Along the readout, where shake and vibration bend the map."""
ALONG_A_ROW = Spacing(17, 5)
"""Where only lens and perspective bend it, and smoothly."""

_N_TURNS = 129  # of a frame's table; between two of them matrices of rotation change evenly
_TABLED = 1.2  # readouts: rows a little outside the picture too
_MAX_ROUNDS = 6
_ROW_TOLERANCE = 1e-5  # readouts: 0.01 of 1000 rows, while which a picture moves by 0.001 px
_TOGETHER = 16  # frames
_STRIP = 32  # rows of nodes that are splined at once: a BLAS would share larger products out to
# threads, which wait for processors that the encoder has
_SMALLEST = 16 * GRID_STEP  # px; else splines would be carried on too far beyond the picture


@dataclass(frozen=True, eq=False)
class GridSolver:
    """Finds the grids of all frames of a plan."""

    measured: CameraPath
    """How the source camera moved."""
    camera: Camera
    """The source."""
    output: Camera
    """The virtual camera at zoom 1."""

    def solved(self, t: Floats, quat_world_virtual: Floats, zoom: Floats) -> Floats:
        """Return the source points (F, Ny, Nx, 2) of the points at which the map is solved.

        They are NaN where the lens shows nothing, and in frames whose nodes are to be solved one by
        one: those that are read while the motion begins or ends, for which no spline bends.

        Args: t (F,) s; quat_world_virtual (F, 4) as quat_xyzw; zoom (F,).
        """
        rays = self.output.unproject(self._xy, zoom[:, None])  # (F, P, 3)
        span = np.linspace(-0.5, 0.5, _N_TURNS) * (_TABLED * self.camera.readout_time)
        times = t[:, None] + span
        quat = multiply(conjugate(self.measured.quat_at(times)), quat_world_virtual[:, None])
        turns = to_matrix(quat).reshape(*times.shape, 9)
        points = self._by_row(rays, turns)
        points[self._unsteady(t)] = np.nan
        return points.reshape(len(t), *(spacing.n for spacing in self._spacings), 2)

    def grid(self, solved: Floats) -> WarpGrid | None:
        """Return the grid of a frame, of which `solved` gave points (Ny, Nx, 2).

        None where its nodes are to be solved one by one.
        """
        width, height = self.output.width, self.output.height
        if np.isnan(solved).any() or min(width, height) < _SMALLEST:
            return None
        down, across = self._spacings
        by_axis = np.ascontiguousarray(solved.transpose(2, 0, 1))  # (2, Ny, Nx)
        rows = spline_matrix(height, *down) @ by_axis  # (2, Gh, Nx)
        to_nodes = spline_matrix(width, *across).T
        nodes = np.empty((*rows.shape[:2], to_nodes.shape[1]), np.float32)  # as the kernel reads
        for top in range(0, nodes.shape[1], _STRIP):
            strip = slice(top, top + _STRIP)
            nodes[:, strip] = rows[:, strip] @ to_nodes
        return WarpGrid(nodes.transpose(1, 2, 0), width, height)

    def node_by_node(self, t: float, quat_world_virtual: Floats, zoom: float) -> WarpGrid:
        """Return the grid of the frame at `t` s: quat_world_virtual (4,) as quat_xyzw."""
        nodes = grid_nodes(self.output.width, self.output.height)
        points = source_points(
            nodes.reshape(-1, 2),
            t,
            quat_world_virtual,
            zoom,
            measured=self.measured,
            camera=self.camera,
            output=self.output,
        )
        src_xy = extrapolate_outside(points.reshape(nodes.shape)).astype(np.float32)
        return WarpGrid(src_xy, self.output.width, self.output.height)

    def _unsteady(self, t: Floats) -> Bools:
        bends = np.concatenate([self.measured.t[[0, -1]], self.measured.gaps.ravel()])
        near = np.abs(bends - t[:, None]) <= self.camera.readout_time
        return np.asarray(near.any(axis=-1) & (self.camera.readout_time > 0))

    @cached_property
    def _spacings(self) -> tuple[Spacing, Spacing]:
        """Spacings along y and along x."""
        by_column = self.camera.readout_direction in ("left_to_right", "right_to_left")
        along = (FROM_ROW_TO_ROW, ALONG_A_ROW)
        return along[::-1] if by_column else along

    @cached_property
    def _xy(self) -> Floats:
        """(P, 2) output pixels at which the map is solved."""
        sides = zip((self.output.height, self.output.width), self._spacings, strict=True)
        y, x = (solved_at(size, spacing.n) for size, spacing in sides)
        return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)

    def _by_row(self, rays: Floats, turns: Floats) -> Floats:
        """Return where rays (F, P, 3) of the virtual camera are seen (F, P, 2), row by row.

        The miss of a time is that of the row on which the ray is seen then: it is zero at the time
        wanted, and almost straight. `turns` (F, K, 9) are R_cam_virtual while a frame is read.
        """
        camera = self.camera
        if not camera.readout_time:
            return camera.project(_turned(rays, turns, np.zeros(len(self._xy))))
        to_place = (_N_TURNS - 1) / (_TABLED * camera.readout_time)
        offset = np.broadcast_to(camera.readout_offset(self._xy), rays.shape[:2])
        slope: Floats | float = -1.0
        before: tuple[Floats, Floats] | None = None
        for _ in range(_MAX_ROUNDS):
            place = offset * to_place + (_N_TURNS - 1) / 2
            points = camera.project(_turned(rays, turns, place))
            miss = camera.readout_offset(points) - offset
            if not (np.abs(miss) > _ROW_TOLERANCE * camera.readout_time).any():
                break
            if before is not None:
                moved, fell = offset - before[0], miss - before[1]
                slope = np.divide(fell, moved, out=np.full_like(fell, -1.0), where=moved != 0)
                slope = np.minimum(slope, -0.5)
            before = offset, miss
            offset = offset - miss / slope
        return points


def _turned(rays: Floats, turns: Floats, place: Floats) -> Floats:
    """Turn rays (F, P, 3) by matrices from the table `turns` (F, K, 9) at places (F, P) in it."""
    n_frames, n_turns, _ = turns.shape
    inside = np.fmin(np.fmax(place, 0.0), n_turns - 1.0)  # NaN becomes 0
    k = np.minimum(inside.astype(np.intp), n_turns - 2)
    share = (inside - k)[..., None]
    k = k + (np.arange(n_frames) * n_turns)[:, None]
    table = turns.reshape(-1, 9)
    lower, upper = table.take(k, axis=0), table.take(k + 1, axis=0)
    upper -= lower
    upper *= share
    lower += upper
    return np.asarray(np.einsum("fpij,fpj->fpi", lower.reshape(*k.shape, 3, 3), rays))


def solved_at(size: int, n: int) -> Floats:
    """Return `n` coordinates (n,) along a side of `size` px, from edge to edge."""
    return np.linspace(-0.5, size - 0.5, n)


@lru_cache(maxsize=8)
def spline_matrix(size: int, n: int, degree: int) -> Floats:
    """Return what makes the nodes of a grid (Gn,) of values at `solved_at`: (Gn, n).

    It is the spline through them, carried on to the nodes outside the picture.
    """
    nodes = grid_nodes(size, size)[0, :, 0]
    return spline(solved_at(size, n), np.eye(n), nodes, degree=degree)


View = Callable[[Floats], tuple[Floats, Floats]]
"""R_world_virtual as quat_xyzw (F, 4) and the zoom (F,) at times (F,)."""


class FrameGrids:
    """The grids of a clip's frames: some frames that follow each other are solved together.

    So going through them in order is quick, in as many threads as one likes.
    """

    def __init__(self, solver: GridSolver, frame_times: Floats, view: View) -> None:
        self._solver, self._frame_times, self._view = solver, frame_times, view
        self._latest = (-1, np.empty(0))
        self._lock = Lock()

    def at(self, t: float) -> WarpGrid:
        """Return the grid of the frame at `t` s, or of one that would be there."""
        time = np.array([t])
        k = int(np.searchsorted(self._frame_times, t))
        if k < len(self._frame_times) and self._frame_times[k] == t:
            solved = self._together(k // _TOGETHER)[k % _TOGETHER]
        else:
            solved = self._solver.solved(time, *self._view(time))[0]
        grid = self._solver.grid(solved)
        if grid is None:
            quat, zoom = self._view(time)
            grid = self._solver.node_by_node(t, quat[0], float(zoom[0]))
        return grid

    def _together(self, part: int) -> Floats:
        """Return what is solved for a part of the frames, the latest kept."""
        with self._lock:
            if self._latest[0] != part:
                times = self._frame_times[part * _TOGETHER : (part + 1) * _TOGETHER]
                self._latest = part, self._solver.solved(times, *self._view(times))
            return self._latest[1]
