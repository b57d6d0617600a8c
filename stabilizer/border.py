"""The output's border seen from the source picture: `BorderCheck` tells how far inside it is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gyro_data.checks import Floats
from stabilizer.camera import Camera
from stabilizer.path import CameraPath
from stabilizer.warp import source_points

LARGEST_ZOOM = 50.0
"""No crop goes beyond this."""

DENSE = 64
"""Border points per edge on which a verdict rests."""

Indices = NDArray[np.intp]

_SAME_PIXEL = 1e-6  # px: a point this close to its own source pixel needs no neighbours
_CLOSE = 1e-6  # px by which a smallest zoom may be too large
_NARROW = 1e-8  # of a view: no closer to where a lens stops to show anything, which is a jump
_SECANTS = 16  # trials after which an interval is halved, whatever its shape
_MOST_TRIALS = 46
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

        It is exceeded by `_CLOSE`; inf where not even `LARGEST_ZOOM` is enough. A picture that
        stays where it is fits at zoom 1, where nothing is interpolated, but not at a little more:
        so ask from the zoom on that a frame has.
        """

        def margin(view: Floats, k: Indices) -> Floats:
            return self.margin(t[k], quat[k], 1.0 / view, n_per_edge)

        widest = np.broadcast_to(1.0 / np.asarray(least, dtype=np.float64), t.shape)
        narrowest, every = np.full(len(t), 1.0 / LARGEST_ZOOM), np.arange(len(t))
        at_widest, at_narrowest = margin(widest, every), margin(narrowest, every)
        zoom = np.where(at_widest >= 0, 1.0 / widest, np.inf)
        k = np.flatnonzero((at_widest < 0) & (at_narrowest >= 0))
        outer, inner = (widest[k], at_widest[k]), (narrowest[k], at_narrowest[k])
        zoom[k] = 1.0 / _widest_inside(margin, k, outer, inner)
        return zoom

    def _source(self, xy: Floats, t: Floats, quat: Floats, zoom: Floats) -> Floats:
        return source_points(
            xy, t, quat, zoom, measured=self.measured, camera=self.camera, output=self.output
        )

    def _inside(self, xy: Floats, source: Floats) -> Floats:
        """Return signed distances (F, P) to the inset picture; pixels that stay are inside.

        With `DENSE` points, what the border may dip between them counts too.
        """
        low = source - self.inset
        high = np.array((self.camera.width, self.camera.height)) - 1.0 - self.inset - source
        sides = np.concatenate([low, high], axis=-1)  # (F, P, 4)
        if len(xy) >= 4 * DENSE:
            sides -= _dips(sides)
        distance = sides.min(axis=-1)
        stays = np.abs(source - xy).max(axis=-1) < _SAME_PIXEL
        distance = np.nan_to_num(distance, nan=-np.inf)
        return np.asarray(np.where(stays, np.maximum(distance, 0.0), distance))


def _dips(distances: Floats) -> Floats:
    """Return by how much distances (F, 4 n, 4) along the border may fall between its points.

    A parabola through three of them dips below its lower ones by an eighth of their second
    difference at most: a straight edge of the output is bent where its lens is corrected.
    """
    n = distances.shape[1] // 4
    dips = np.empty_like(distances)
    for edge in range(4):
        k = np.arange(edge * n, (edge + 1) * n + 1) % (4 * n)  # up to the next corner
        bend = np.diff(distances[:, k], n=2, axis=1)  # (F, n − 1, 4)
        dips[:, edge * n + 1 : (edge + 1) * n] = bend
        dips[:, edge * n] = bend[:, 0]
    return np.clip(np.nan_to_num(dips), 0.0, None) / 8


def _widest_inside(
    margin: Callable[[Floats, Indices], Floats],
    k: Indices,
    outer: tuple[Floats, Floats],
    inner: tuple[Floats, Floats],
) -> Floats:
    """Return the view (K,), 1 / zoom, up to which each of the frames `k` (K,) is inside.

    By regula falsi in its Illinois form: margins are almost linear in the view. `outer` and `inner`
    are views outside and inside and their margins. The view returned is inside.
    """
    found, left = inner[0].copy(), np.arange(len(k))
    (a, f_a), (b, f_b) = outer, inner
    stayed = np.zeros(len(k))  # 1, −1: the last one was inside, outside
    for n in range(_MOST_TRIALS):
        if not len(left):
            break
        straight = np.isfinite(f_a) & (n < _SECANTS)
        share = np.where(straight, f_b / (f_b - np.where(straight, f_a, -1.0)), 0.5)
        x = b + share * (a - b)
        f = margin(x, k[left])
        inside = f >= 0
        found[left[inside]] = x[inside]
        # the end that stays a second time counts half, or it would stay for ever
        f_a = np.where(inside, np.where(stayed > 0, f_a / 2, f_a), f)
        f_b = np.where(inside, f, np.where(stayed < 0, f_b / 2, f_b))
        a, b, stayed = np.where(inside, a, x), np.where(inside, x, b), np.where(inside, 1.0, -1.0)
        on = ~(inside & (f < _CLOSE)) & (a - b > _NARROW * a)
        left, stayed = left[on], stayed[on]
        a, b, f_a, f_b = a[on], b[on], f_a[on], f_b[on]
    return found


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
