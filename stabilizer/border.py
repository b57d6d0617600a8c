"""The output's border seen from the source picture: `BorderCheck` tells how far inside it is."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gyro_data.checks import Bools, Floats
from stabilizer.camera import Camera
from stabilizer.path import CameraPath
from stabilizer.warp import source_points

LARGEST_ZOOM = 50.0
"""No crop goes beyond this."""

DENSE = 64
"""Border points per edge on which a verdict rests."""

_SAME_PIXEL = 1e-6  # px: a point this close to its own source pixel needs no neighbours
_HALVINGS = 30  # of log zoom: to 4e-9
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

    def required_zoom(
        self, t: Floats, quat: Floats, n_per_edge: int = DENSE, *, least: ArrayLike = 1.0
    ) -> Floats:
        """Return for each frame the smallest zoom (F,) ≥ `least` for which its border is inside.

        By bisection; inf where not even `LARGEST_ZOOM` is enough. A picture that stays where it is
        fits at zoom 1, where nothing is interpolated, but not at a little more: so ask from the
        zoom on that a frame has.
        """

        def inside(log_zoom: Floats) -> Bools:
            return np.asarray(self.margin(t, quat, np.exp(log_zoom), n_per_edge) >= 0)

        low = np.broadcast_to(np.log(least), t.shape)
        high = np.full(len(t), np.log(LARGEST_ZOOM))
        high = np.where(inside(low), low, np.where(inside(high), high, np.inf))
        for _ in range(_HALVINGS):
            middle = (low + np.where(np.isinf(high), low, high)) / 2
            fits = inside(middle)
            low, high = np.where(fits, low, middle), np.where(fits, np.minimum(middle, high), high)
        return np.asarray(np.exp(high))

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
