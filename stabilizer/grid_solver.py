"""The warp grid of a frame, quickly: the exact map solved at few points, and splines between them.

`stabilizer.warp.source_points` is the plain way. Here the camera's turns while a frame is read are
tabled once, and rows are found by secants. Times are presentation times, points are pixels.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy.interpolate import make_interp_spline
from scipy.spatial.transform import Rotation

from gyro_data.checks import Floats
from gyro_data.quaternions import conjugate, multiply
from stabilizer.camera import Camera
from stabilizer.path import CameraPath
from stabilizer.warp import WarpGrid, extrapolate_outside, grid_nodes, source_points

N_SOLVED = 33
"""Points along x and along y at which the map is solved."""

_N_TURNS = 257  # of the table; between two of them rotation matrices are straight to 1e-6
_TABLED = 1.2  # readouts: rows a little outside the picture too
_MAX_ROUNDS = 6
_ROW_TOLERANCE = 1e-5  # readouts: 0.01 of 1000 rows, while which a picture moves by 0.001 px


@dataclass(frozen=True, eq=False)
class GridSolver:
    """Finds the grids of all frames of a plan."""

    measured: CameraPath
    """How the source camera moved."""
    camera: Camera
    """The source."""
    output: Camera
    """The virtual camera at zoom 1."""

    def grid(self, t: float, quat_world_virtual: Floats, zoom: float) -> WarpGrid:
        """Return the grid of the frame at `t` s.

        Args: quat_world_virtual (4,) as quat_xyzw; zoom, a factor on the output's focal length.
        """
        if self._is_small or self._unsteady(t):
            return self._plainly(t, quat_world_virtual, zoom)
        solved = self._solved(t, quat_world_virtual, zoom)
        if np.isnan(solved).any():
            return self._plainly(t, quat_world_virtual, zoom)
        width, height = self.output.width, self.output.height
        planes = np.moveaxis(solved.reshape(N_SOLVED, N_SOLVED, 2), -1, 0)
        # no @: the threads of a BLAS wait for processors that the encoder has
        rows = np.einsum("ij,cjk->cik", spline_matrix(height), planes)
        splined = np.einsum("cij,jk->cik", rows, spline_matrix(width).T)
        return WarpGrid(np.moveaxis(splined, 0, -1).astype(np.float32), width, height)

    def _plainly(self, t: float, quat_world_virtual: Floats, zoom: float) -> WarpGrid:
        """Return the grid whose nodes are solved one by one."""
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

    @cached_property
    def _is_small(self) -> bool:
        """Whether the picture has hardly more nodes, or a spline would be carried on too far."""
        rows, columns, _ = grid_nodes(self.output.width, self.output.height).shape
        return bool(rows * columns <= N_SOLVED**2 or min(rows, columns) < N_SOLVED / 2)

    def _unsteady(self, t: float) -> bool:
        """Tell whether the motion begins or ends while the frame is read: no spline bends there."""
        return bool(np.any(np.abs(self._bends - t) <= self.camera.readout_time))

    @cached_property
    def _bends(self) -> Floats:
        return np.concatenate([self.measured.t[[0, -1]], self.measured.gaps.ravel()])

    @cached_property
    def _xy(self) -> Floats:
        x, y = (solved_at(size) for size in (self.output.width, self.output.height))
        return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)

    def _solved(self, t: float, quat_world_virtual: Floats, zoom: float) -> Floats:
        """Return the source points (N_SOLVED², 2) of the points at which the map is solved."""
        rays = self.output.unproject(self._xy, zoom)
        readout = self.camera.readout_time
        span = np.linspace(-0.5, 0.5, _N_TURNS if readout else 1) * _TABLED * readout
        turns = self._turns(t + span, quat_world_virtual)
        if not readout:
            return self.camera.project(rays @ turns[0].T)
        return self._by_row(rays, _Table(turns.reshape(len(turns), 9), span))

    def _turns(self, t: Floats, quat_world_virtual: Floats) -> Floats:
        """Return R_cam_virtual (K, 3, 3) at `t` (K,) s."""
        quat = multiply(conjugate(self.measured.quat_at(t)), quat_world_virtual)
        return np.asarray(Rotation.from_quat(quat).as_matrix())

    def _by_row(self, rays: Floats, turns: "_Table") -> Floats:
        """Return where rays (P, 3) of the virtual camera are seen, each when its row is read.

        The miss of a time is that of the row on which the ray is seen then. It is almost linear.
        """
        offset = self.camera.readout_offset(self._xy)
        slope: Floats | float = -1.0  # of the miss, for a row that depends on no time
        last: tuple[Floats, Floats] | None = None
        for _ in range(_MAX_ROUNDS):
            points = self.camera.project(turns.applied(rays, offset))
            miss = self.camera.readout_offset(points) - offset
            if not np.any(np.abs(miss) > _ROW_TOLERANCE * self.camera.readout_time):
                break
            if last is not None:
                moved, fell = offset - last[0], miss - last[1]
                slope = np.divide(fell, moved, out=np.full_like(fell, -1.0), where=moved != 0)
            last = offset, miss
            offset = offset - miss / np.where(slope < -0.1, slope, -1.0)
        return points


@dataclass(frozen=True, eq=False)
class _Table:
    """Rotations at even times."""

    matrices: Floats
    """(K, 9)"""
    times: Floats
    """(K,) s"""

    def applied(self, rays: Floats, t: Floats) -> Floats:
        """Turn each of the rays (P, 3) by the matrix at its time (P,)."""
        step = self.times[1] - self.times[0]
        place = np.fmin(np.fmax((t - self.times[0]) / step, 0.0), len(self.times) - 1.0)
        k = np.minimum(place.astype(np.intp), len(self.times) - 2)
        between = np.take(self._changes, k, axis=0)
        between *= (place - k)[:, None]
        between += np.take(self.matrices, k, axis=0)
        return np.asarray(np.einsum("pij,pj->pi", between.reshape(-1, 3, 3), rays))

    @cached_property
    def _changes(self) -> Floats:
        return np.diff(self.matrices, axis=0)


def solved_at(size: int) -> Floats:
    """Return the coordinates (N_SOLVED,) along a side of `size` px, from edge to edge."""
    return np.linspace(-0.5, size - 0.5, N_SOLVED)


@lru_cache(maxsize=8)
def spline_matrix(size: int) -> Floats:
    """Return what makes nodes of a grid (Gn,) of values at `solved_at`: (Gn, N_SOLVED).

    It is the cubic spline through them, carried on by half a cell or a cell outside the picture.
    """
    nodes = grid_nodes(size, size)[0, :, 0]
    matrix: Floats = make_interp_spline(solved_at(size), np.eye(N_SOLVED), k=3)(nodes)
    return matrix
