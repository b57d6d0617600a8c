"""One zoom for the clip, the smallest that keeps every output pixel inside the source picture.

If the zoom is limited, the virtual path is pulled towards the measured one until it fits.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d
from scipy.spatial.transform import Rotation

from gyro_data.checks import Bools, Floats
from gyro_data.quaternions import conjugate, from_rotvec, multiply, to_rotvec
from stabilizer.camera import Camera
from stabilizer.convolution import gaussian
from stabilizer.errors import StabilizerError
from stabilizer.path import CameraPath
from stabilizer.warp import source_points

LOG = logging.getLogger(__name__)

LARGEST_ZOOM = 50.0
"""No crop goes beyond this."""

_SPARSE, _DENSE = 8, 64  # border points per edge: for the search and for the verdict
_TOLERANCE = 1e-3  # px
_SAME_PIXEL = 1e-6  # px: a point this close to its own source pixel needs no neighbours
_ZOOM_STEPS = 12
_WORST_FRAMES = 16  # whose zoom is searched at a time
_PULL_STEPS = 14  # halvings: the pull is found to 1e-4 of the way
_PULL_TIME = 1.0  # s over which a pull sets in and fades
_PULL_ROUNDS = 8
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

    def margin(self, t: Floats, quat: Floats, zoom: float, n_per_edge: int = _DENSE) -> Floats:
        """Return by how many px each frame's worst border point is inside (F,); −inf: not shown.

        Args: t (F,) s; quat (F, 4) R_world_virtual as quat_xyzw.
        """
        xy = border_points(self.output, n_per_edge)
        worst = [
            self._inside(xy, self._source(xy, t[k], quat[k], zoom)).min(axis=-1)
            for k in _chunks(len(t))
        ]
        return np.concatenate(worst)

    def required_zoom(self, t: Floats, quat: Floats, n_per_edge: int) -> float:
        """Return the smallest zoom ≥ 1 for which the border of all the frames is inside.

        Newton-like: on the line from the centre's source pixel to a border point's, the share
        that is inside the picture is the factor by which the zoom is wrong.
        """
        centre = np.array([[self.output.cx, self.output.cy]])
        xy = np.concatenate([centre, border_points(self.output, n_per_edge)])
        zoom = 1.0
        for _ in range(_ZOOM_STEPS):
            source = self._source(xy, t, quat, zoom)
            step = 1.0 / self._share_inside(source[:, :1], source[:, 1:])
            zoom = float(np.clip(zoom * step, 1.0, LARGEST_ZOOM))
            if abs(step - 1) < 1e-7:
                break
        return zoom

    def _source(self, xy: Floats, t: Floats, quat: Floats, zoom: float) -> Floats:
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

    def _share_inside(self, centre: Floats, source: Floats) -> float:
        """Return the share of the way from the centres (F, 1, 2) to the worst of (F, P, 2)."""
        way = source - centre
        edge = np.array((self.camera.width, self.camera.height)) - 1.0 - self.inset
        room = np.where(way > 0, edge - centre, centre - self.inset)
        share = room / np.maximum(np.abs(way), 1e-9)
        # NaN: the lens shows no such point, try half the view; a centre outside: as far as it goes
        return float(np.clip(np.nan_to_num(share, nan=0.5), 1e-2, 1e2).min())


def border_points(camera: Camera, n_per_edge: int) -> Floats:
    """Return the pixels (4 n, 2) along the outermost rows and columns, corners once each."""
    right, bottom = camera.width - 1.0, camera.height - 1.0
    a = np.arange(n_per_edge) / n_per_edge
    zero, one = np.zeros(n_per_edge), np.ones(n_per_edge)
    x = np.concatenate([a, one, 1 - a, zero]) * right
    y = np.concatenate([zero, a, one, 1 - a]) * bottom
    return np.stack([x, y], axis=-1)


def fit_crop(
    virtual: CameraPath, border: BorderCheck, *, zoom: float | None, max_zoom: float
) -> tuple[CameraPath, float, Floats]:
    """Return a virtual path and one zoom that show no border, and the margins (F,) px.

    Args:
        virtual: the wish, at the frame times.
        zoom: a given zoom, or None for the smallest that fits up to `max_zoom`.

    A zoom too small even for the measured path is raised to what that needs, with a warning.
    """
    t = virtual.t
    quat_virtual, quat_measured = virtual.quat_at(t), border.measured.quat_at(t)
    limit = max_zoom if zoom is None else zoom
    wanted = _clip_zoom(border, t, quat_virtual, limit)
    if wanted <= limit:
        chosen = wanted if zoom is None else zoom
    else:
        chosen = _feasible_limit(border, t, quat_measured, limit)
        quat_virtual = _pull(border, t, quat_measured, quat_virtual, chosen)
        virtual = replace(virtual, R_world_frame=Rotation.from_quat(quat_virtual))
    return virtual, chosen, border.margin(t, quat_virtual, chosen)


def _feasible_limit(border: BorderCheck, t: Floats, quat_measured: Floats, limit: float) -> float:
    """Return `limit`, raised with a warning to what the measured path needs if that is more."""
    least = _clip_zoom(border, t, quat_measured, LARGEST_ZOOM)
    if not np.isfinite(least):
        raise StabilizerError(
            f"no zoom up to {LARGEST_ZOOM:g} keeps the border out of the picture even without "
            "smoothing: check the camera's readout time and lens, and the log's units"
        )
    if least > limit * (1 + 1e-9):
        LOG.warning(
            "zoom %.4f would show a border even without smoothing: rolling shutter and "
            "interpolation need %.4f, which is used",
            limit,
            least,
        )
    return max(least, limit)


def _clip_zoom(border: BorderCheck, t: Floats, quat: Floats, limit: float) -> float:
    """Return the smallest zoom that fits every frame, inf if it exceeds `limit`.

    The zoom grows to what the worst frames need until no frame is left: first judged by sparse
    border points, then by dense ones.
    """
    zoom, growth = 1.0, 1e-6
    for n_per_edge in (_SPARSE, _DENSE):
        left = np.arange(len(t))
        while zoom <= limit:
            margin = border.margin(t[left], quat[left], zoom, n_per_edge)
            outside = margin < -_TOLERANCE
            if not outside.any():
                if len(left) == len(t):
                    break
                left = np.arange(len(t))  # the verdict is over all frames
                continue
            left = left[outside]
            worst = left[np.argsort(margin[outside])[:_WORST_FRAMES]]
            needed = border.required_zoom(t[worst], quat[worst], n_per_edge)
            zoom = max(needed, zoom * (1 + growth))  # grows in any case: the loop ends
            growth *= 4
    return zoom if zoom <= limit else np.inf


def _pull(
    border: BorderCheck, t: Floats, quat_measured: Floats, quat_virtual: Floats, zoom: float
) -> Floats:
    """Return the path R_measured exp(a log(R_measuredᵀ R_virtual)), a (F,) ≤ 1, that fits `zoom`.

    `a` is the largest share that fits each frame, made calm over `_PULL_TIME` without exceeding it.
    """
    way = to_rotvec(multiply(conjugate(quat_measured), quat_virtual))

    def fits(share: Floats, k: NDArray[np.intp], n_per_edge: int) -> Bools:
        quat = multiply(quat_measured[k], from_rotvec(share[:, None] * way[k]))
        return np.asarray(border.margin(t[k], quat, zoom, n_per_edge) >= -_TOLERANCE)

    every = np.arange(len(t))
    share = np.ones(len(t))
    for n_per_edge in (_SPARSE, *[_DENSE] * _PULL_ROUNDS):
        outside = every[~fits(share, every, n_per_edge)]
        if not len(outside):
            if n_per_edge == _DENSE:
                break
            continue
        low, high = np.zeros(len(outside)), share[outside]
        for _ in range(_PULL_STEPS):  # bisect between the measured pose and the present share
            middle = (low + high) / 2
            good = fits(middle, outside, n_per_edge)
            low, high = np.where(good, middle, low), np.where(good, high, middle)
        share[outside] = low
        share = calm(share, t)
    else:
        share[~fits(share, every, _DENSE)] = 0.0
    return multiply(quat_measured, from_rotvec(share[:, None] * way))


def calm(share: Floats, t: Floats) -> Floats:
    """Return a slow lower bound of `share`: a running minimum, then a Gaussian inside it."""
    if len(t) < 2:
        return share
    # frames in any second: never fewer than _PULL_TIME at irregular times
    radius = max(1, int(np.ceil(_PULL_TIME / float(np.median(np.diff(t))))))
    lowest = minimum_filter1d(share, 2 * radius + 1, mode="nearest")
    kernel = gaussian(radius / 3, radius=radius)
    return np.convolve(np.pad(lowest, radius, mode="edge"), kernel, mode="valid")


def _chunks(n_frames: int) -> Iterator[slice]:
    return (slice(k, k + _CHUNK_FRAMES) for k in range(0, n_frames, _CHUNK_FRAMES))
