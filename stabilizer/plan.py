"""Everything decided before a pixel is touched: `Plan`, on the video's clock."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gyro_data.checks import Bools, Floats, number, read_only
from stabilizer.camera import Camera
from stabilizer.grid_solver import FrameGrids, GridSolver
from stabilizer.path import CameraPath
from stabilizer.warp import WarpGrid, check_interpolation, source_points


@dataclass(frozen=True, eq=False)
class Plan:
    """How each frame is to be warped. Made by `stabilizer.make_plan`."""

    measured: CameraPath
    """How the camera moved."""
    virtual: CameraPath
    """How the output's camera moves, at the frame times."""
    zoom: Floats
    """(F,) factor on the output's focal length, ≥ 1."""
    camera: Camera
    """The source camera."""
    output: Camera
    """The virtual camera at zoom 1."""
    margin: Floats
    """(F,) px by which the worst border pixel of each frame is inside what may be sampled."""

    interpolation: str
    """The kernel that samples the source, one of `INTERPOLATIONS`: the margin depends on it."""

    def __post_init__(self) -> None:
        check_interpolation(self.interpolation)
        for name in ("zoom", "margin"):
            checked = read_only(name, getattr(self, name), (len(self.virtual.t),))
            object.__setattr__(self, name, checked)

    @property
    def frame_times(self) -> Floats:
        """(F,) s, presentation times, strictly increasing."""
        return self.virtual.t

    @property
    def covered(self) -> Bools:
        """(F,) whether the log says how the camera moved at each frame."""
        return self.measured.covered(self.frame_times)

    def source_points(self, t: float, xy: Floats) -> Floats:
        """Return where in the source output pixels `xy` (P, 2) of the frame at `t` s are found."""
        return source_points(
            xy,
            number("t", t),
            *self._view(np.asarray(t, dtype=np.float64)),
            measured=self.measured,
            camera=self.camera,
            output=self.output,
        )

    def warp_grid(self, t: float) -> WarpGrid:
        """Return the grid that warps the frame presented at `t` s."""
        return self._grids.at(number("t", t))

    @cached_property
    def _grids(self) -> FrameGrids:
        solver = GridSolver(self.measured, self.camera, self.output)
        return FrameGrids(solver, self.frame_times, self._view)

    def _view(self, t: Floats) -> tuple[Floats, Floats]:
        """Return R_world_virtual as quat_xyzw (..., 4) and the zoom (...) at `t` (...) s."""
        return self.virtual.quat_at(t), np.interp(t, self.frame_times, self.zoom)
