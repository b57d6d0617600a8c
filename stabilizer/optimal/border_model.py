"""The output's border as the source camera may see it: points, sides and rays of a whole clip.

Distances are px at 1080 lines.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gyro_data.checks import Floats
from stabilizer.border import LARGEST_ZOOM, BorderCheck, border_points

PER_EDGE = 8
"""Border points per edge that are watched."""

BEYOND = 0.05
"""Readouts by which the row knots go past the picture."""

_NEAR = 0.26  # of the picture: a border point this close to a side may leave through it
_ZOOM_STEP = 0.004  # of the table of rays over log zoom: errs by 0.003 px
_FEWEST_KNOTS = 9

Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class BorderModel:
    """The border's points, sides and rays: all that is the same at every instant of a clip."""

    border: BorderCheck
    per_edge: int = PER_EDGE
    knot_interval: float = 4e-3
    """s, at most, between the row knots through which the camera's turn is interpolated."""
    safety: float = 0.0
    """px (1080 lines) kept from the edge of what may be sampled."""
    rays: Floats = field(init=False, repr=False)
    """(3, L, P) directions of the border points in the virtual frame, by log zoom."""
    groups: tuple["Group", ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        output = self.border.output
        xy = border_points(output, self.per_edge)
        log_zoom = np.arange(0.0, np.log(LARGEST_ZOOM) + 2 * _ZOOM_STEP, _ZOOM_STEP)
        rays = output.unproject(xy, np.exp(log_zoom)[:, None])
        object.__setattr__(self, "rays", np.ascontiguousarray(np.moveaxis(rays, -1, 0)))
        size = np.array((output.width, output.height)) - 1.0
        object.__setattr__(self, "groups", tuple(_groups(xy / size)))

    @property
    def knot_phases(self) -> Floats:
        """(K,) readouts after the middle row, a little beyond the picture."""
        span = (1 + 2 * BEYOND) * self.border.camera.readout_time
        n_knots = max(_FEWEST_KNOTS, 1 + int(np.ceil(span / self.knot_interval)))
        return np.linspace(-0.5 - BEYOND, 0.5 + BEYOND, n_knots)

    @property
    def scale(self) -> float:
        """Px at 1080 lines per px of the source."""
        return 1080.0 / min(self.border.camera.width, self.border.camera.height)

    @property
    def focal(self) -> float:
        """Focal length, px at 1080 lines: what a radian is worth."""
        return self.scale * float(np.sqrt(self.border.camera.fx * self.border.camera.fy))

    @property
    def radius(self) -> float:
        """RMS distance of pixels from the picture's centre: what a unit of log zoom is worth."""
        camera = self.border.camera
        return self.scale * float(np.hypot(camera.width, camera.height) / np.sqrt(12.0))

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
class Group:
    """Border points of which the one nearest to a side's edge is watched."""

    axis: int
    """0: the side is left or right; 1: top or bottom."""
    sign: float
    """−1: the left or top side, +1: the right or bottom one."""
    points: Indices


def _groups(place: Floats) -> list[Group]:
    """Sort border points (P, 2), in units of the picture, by side and by thirds along it."""
    groups = []
    for axis in (0, 1):
        third = np.minimum(place[:, 1 - axis] * 3, 2.999).astype(int)
        for sign, near in ((-1.0, place[:, axis] < _NEAR), (1.0, place[:, axis] > 1 - _NEAR)):
            groups += [
                Group(axis, sign, np.flatnonzero(near & (third == part))) for part in range(3)
            ]
    return groups
