"""What others do, to compare with: smooth the path first, then zoom until no border shows.

Two filters of the camera's rotation, each followed by a dynamic zoom. They are written from public
descriptions, and run on the rotation alone; the second is not the program it is modelled on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.linalg import solve_banded
from scipy.ndimage import convolve1d, minimum_filter1d
from scipy.optimize import brentq

from gyro_data.checks import Floats
from gyro_data.quaternions import conjugate, continuous, multiply, normalize, to_rotvec
from stabilizer.border import BorderCheck, chunks
from stabilizer.convolution import gaussian
from stabilizer.crop import CroppedPath
from stabilizer.path import CameraPath
from stabilizer.smoothing import Gaussian

_RATE = 200.0  # 1/s, at which the adaptive filter runs, as if on gyro samples
_BEYOND = 5.0  # s of the log around the clip that it may use
_STILL, _FAST = 1.0, 0.1  # s, its time constants
_USUAL_SPEED = 10.0  # rad/s; above, both time constants grow: every crop can be used
_LEAST_SHARE = 0.5  # of the effect of speed in its second pass, where it already follows closely
_SPARSE, _FINE = 2, 4  # border points per edge, while strengths are searched and at the end
_ABOVE = 1e-4  # ratio by which the zoom exceeds what these need: there are others between
_STEP, _LIMIT = 0.4, 4.0  # of the log of the strength, in its search
_TOLERANCE = 2e-3  # of the same: some 1e-4 of zoom


Filter = Callable[[CameraPath, Floats, float], Floats]
"""Returns R_world_virtual (F, 4) of a measured path at frame times (F,) s and a strength."""


def gaussian_path(measured: CameraPath, t: Floats, time_constant: float) -> Floats:
    """Return the mean rotations under a Gaussian of standard deviation `time_constant` s."""
    smooth = Gaussian(min(time_constant, 30.0))(measured, t)
    return smooth.quat_xyzw


def adaptive_path(measured: CameraPath, t: Floats, speed: float) -> Floats:
    """Return the path of an exponential filter that follows the faster the camera turns.

    Forward and backward, with the time constant's weight α blended from that of 1 s at rest to that
    of 0.1 s at `speed` rad/s and on beyond, up to 1: any crop can be reached. A second pass damps
    the effect of speed where the first path stayed close. After Gyroflow's default algorithm.
    """
    first, last = max(measured.t[0], t[0] - _BEYOND), min(measured.t[-1], t[-1] + _BEYOND)
    at = first + np.arange(int((last - first) * _RATE) + 1) / _RATE
    quat = continuous(measured.quat_at(at))
    rate = _RATE * np.linalg.norm(_turns(quat[:-1], quat[1:]), axis=-1)
    ratio = both_ways(np.append(rate, rate[-1])[:, None] / speed, _share(_FAST))[:, 0]
    slower = max(1.0, speed / _USUAL_SPEED)
    smooth = both_ways(quat, _blended(ratio, slower))
    away = np.linalg.norm(_turns(normalize(smooth), quat), axis=-1)
    away = both_ways(away[:, None], _share(_FAST))[:, 0]
    ratio *= np.maximum(away / away.max(), _LEAST_SHARE)
    return CameraPath(at, normalize(both_ways(quat, _blended(ratio, slower)))).quat_at(t)


def both_ways(x: Floats, share: Floats | float) -> Floats:
    """Return y_k = y_{k−1} + share_k (x_k − y_{k−1}) of x (N, C), run forward and then backward.

    The recursion is a bidiagonal system. Of quaternions it is the chordal mean, which to second
    order is what the recursion by slerp gives.
    """
    shares = np.broadcast_to(share, len(x))
    forward = _recursion(x, shares)
    return _recursion(forward[::-1], shares[::-1])[::-1]


def _recursion(x: Floats, share: Floats) -> Floats:
    share = np.concatenate([[1.0], share[1:]])  # starts at the first sample
    bands = np.stack([np.ones(len(x)), np.append(share[1:] - 1.0, 0.0)])
    return np.asarray(solve_banded((1, 0), bands, share[:, None] * x))


def _turns(quat_from: Floats, quat_to: Floats) -> Floats:
    return to_rotvec(multiply(conjugate(quat_from), quat_to))


def _share(time_constant: float) -> float:
    return float(1.0 - np.exp(-1.0 / (_RATE * time_constant)))


def _blended(ratio: Floats, slower: float) -> Floats:
    still, fast = _share(_STILL * slower), _share(_FAST * slower)
    return np.asarray(np.minimum(still + ratio * (fast - still), 1.0))


def _root(f: Callable[[float], float]) -> float:
    """Return where an increasing f is 0 between ±`_LIMIT`, or the nearer end."""
    before, x, step = 0.0, 0.0, -np.copysign(_STEP, f(0.0))
    while f(x) * f(0.0) > 0 and abs(x) < _LIMIT:
        before, x, step = x, float(np.clip(x + step, -_LIMIT, _LIMIT)), 2 * step
    return x if f(x) * f(0.0) > 0 else float(brentq(f, before, x, xtol=_TOLERANCE))


@dataclass(frozen=True)
class Rival:
    """A filter with a dynamic zoom."""

    path: Filter
    zoom_window: float
    """s over which the smallest field of view is held, then averaged."""

    def at_mean_zoom(self, border: BorderCheck, t: Floats, mean_zoom: float) -> CroppedPath:
        """Return the path of the strength that takes this mean zoom, or comes nearest to it."""

        @cache
        def excess(log_strength: float) -> float:  # of the crop's logarithm: almost a line
            quat = self.path(border.measured, t, float(np.exp(log_strength)))
            crop = float(self._zoom(border, t, quat, _SPARSE).mean()) - 1
            return float(np.log(crop / (mean_zoom - 1)))

        found = _root(excess)
        return self.with_zoom(border, t, self.path(border.measured, t, float(np.exp(found))))

    def with_zoom(self, border: BorderCheck, t: Floats, quat: Floats) -> CroppedPath:
        """Return a path R_world_virtual (F, 4) with the dynamic zoom that it needs."""
        zoom = self._zoom(border, t, quat, _FINE)
        virtual = CameraPath(t, normalize(quat))
        return CroppedPath(virtual, zoom, border.margin(t, quat, zoom))

    def _zoom(self, border: BorderCheck, t: Floats, quat: Floats, per_edge: int) -> Floats:
        """Return the running minimum of the field of view, averaged by a Gaussian inside it."""
        needed = [border.required_zoom(t[k], quat[k], per_edge) for k in chunks(len(t), 512)]
        view = 1.0 / (np.concatenate(needed) * (1 + _ABOVE))
        radius = int(np.ceil(self.zoom_window / 2 / float(np.median(np.diff(t)))))
        least = minimum_filter1d(view, 2 * radius + 1, mode="nearest")
        kernel = gaussian(radius / 3, radius=radius)
        return np.asarray(1.0 / convolve1d(least, kernel, mode="nearest"))


RIVALS: Mapping[str, Rival] = {
    "Gaussian, zoom 4 s": Rival(gaussian_path, 4.0),
    "adaptive, zoom 4 s": Rival(adaptive_path, 4.0),
    "Gaussian, zoom 2.5 s": Rival(gaussian_path, 2.5),
}
"""The last one zooms about as fast as `Optimal` does."""
CALM = ("Gaussian, zoom 4 s", "adaptive, zoom 4 s")
"""Those of the targets."""
