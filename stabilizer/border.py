"""The output's border seen from the source picture: `BorderCheck` tells how far inside it is."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gyro_data.checks import Floats
from stabilizer.camera import Camera
from stabilizer.path import CameraPath
from stabilizer.warp import source_points

LARGEST_ZOOM = 50.0
"""No crop goes beyond this."""

DENSE = 64
"""Border points per edge on which a verdict rests."""

_SAME_PIXEL = 1e-6  # px: a point this close to its own source pixel needs no neighbours
_ZOOM_STEPS = 12
_CHUNK_FRAMES = 256  # bounds the memory of the border check


@dataclass(frozen=True, eq=False)
class BorderCheck:
    """Judges whether the output's border lies inside the source picture, for frames of one clip."""

    measured: CameraPath
    camera: Camera
    """The source."""
    output: Camera
    """The virtual camera at zoom 1."""
    inset: float
    """px that the interpolation kernel needs between a sample and the picture's edge."""

    def margin(self, t: Floats, quat: Floats, zoom: ArrayLike, n_per_edge: int = DENSE) -> Floats:
        """Return by how many px each frame's worst border point is inside (F,); −inf: not shown.

        Args: t (F,) s; quat (F, 4) R_world_virtual as quat_xyzw; zoom (F,), or one for all.
        """
        xy = border_points(self.output, n_per_edge)
        zooms = np.broadcast_to(np.asarray(zoom, dtype=np.float64), t.shape)
        worst = [
            self._inside(xy, self._source(xy, t[k], quat[k], zooms[k])).min(axis=-1)
            for k in chunks(len(t), _CHUNK_FRAMES)
        ]
        return np.concatenate([np.empty(0), *worst])

    def required_zoom(self, t: Floats, quat: Floats, n_per_edge: int = DENSE) -> Floats:
        """Return for each frame the smallest zoom (F,) ≥ 1 for which its border is inside.

        Newton-like: on the line from the centre's source pixel to a border point's, the share
        that is inside the picture is the factor by which the zoom is wrong.
        """
        centre = np.array([[self.output.cx, self.output.cy]])
        xy = np.concatenate([centre, border_points(self.output, n_per_edge)])
        zoom = np.ones(len(t))
        for _ in range(_ZOOM_STEPS):
            source = self._source(xy, t, quat, zoom)
            step = 1.0 / self._share_inside(source[:, :1], source[:, 1:])
            zoom = np.clip(zoom * step, 1.0, LARGEST_ZOOM)
            if np.all(np.abs(step - 1) < 1e-7):
                break
        return zoom

    def _source(self, xy: Floats, t: Floats, quat: Floats, zoom: Floats) -> Floats:
        return source_points(
            xy, t, quat, zoom, measured=self.measured, camera=self.camera, output=self.output
        )

    def _inside(self, xy: Floats, source: Floats) -> Floats:
        """Return signed distances (F, P) to the inset picture; pixels that stay are inside."""
        low = source - self.inset
        high = np.array((self.camera.width, self.camera.height)) - 1.0 - self.inset - source
        distance = np.minimum(low, high).min(axis=-1)
        stays = np.abs(source - xy).max(axis=-1) < _SAME_PIXEL
        distance = np.nan_to_num(distance, nan=-np.inf)
        return np.asarray(np.where(stays, np.maximum(distance, 0.0), distance))

    def _share_inside(self, centre: Floats, source: Floats) -> Floats:
        """Return the share (F,) of the way from the centres (F, 1, 2) to the worst of (F, P, 2)."""
        way = source - centre
        edge = np.array((self.camera.width, self.camera.height)) - 1.0 - self.inset
        room = np.where(way > 0, edge - centre, centre - self.inset)
        share = room / np.maximum(np.abs(way), 1e-9)
        # NaN: the lens shows no such point, try half the view; a centre outside: as far as it goes
        return np.asarray(np.clip(np.nan_to_num(share, nan=0.5), 1e-2, 1e2).min(axis=(1, 2)))


def border_points(camera: Camera, n_per_edge: int) -> Floats:
    """Return the pixels (4 n, 2) along the outermost rows and columns, corners once each."""
    right, bottom = camera.width - 1.0, camera.height - 1.0
    a = np.arange(n_per_edge) / n_per_edge
    zero, one = np.zeros(n_per_edge), np.ones(n_per_edge)
    x = np.concatenate([a, one, 1 - a, zero]) * right
    y = np.concatenate([zero, a, one, 1 - a]) * bottom
    return np.stack([x, y], axis=-1)


def chunks(n: int, size: int) -> Iterator[slice]:
    """Yield slices of `size` that cover range(n)."""
    return (slice(k, k + size) for k in range(0, n, size))
