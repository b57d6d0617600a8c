"""Point pairs as a rolling-shutter camera of known motion sees them, without a pixel: for sync.

World and camera are x right, y down, z forward; times are presentation times in s. Nothing here
comes from `tracks` or `synchronization` but the type that holds the result.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from gyro_data.checks import Floats
from stabilizer.camera import Camera
from stabilizer.simulate import Motion
from stabilizer.tracks import Pairs

Position = Callable[[Floats], Floats]
"""Times (N,) s -> where the camera is in the world (N, 3) m."""


def frames(start: float, end: float, fps: float = 30.0) -> Floats:
    """Return the presentation times of one window."""
    return start + np.arange(round((end - start) * fps)) / fps


def simulate_pairs(
    motion: Motion,
    camera: Camera,
    windows: Sequence[Floats],
    *,
    points: int = 40,
    noise: float = 0.3,
    outliers: float = 0.08,
    position: Position | None = None,
    depth: tuple[float, float] = (2.0, 30.0),
    object_speed: float = 0.0,
    seed: int = 0,
) -> Pairs:
    """Return `points` pairs of points (less those that leave the picture) per frame pair.

    Args:
        windows: presentation times of the frames of each window.
        noise: px RMS of each coordinate of the second point.
        outliers: share of points that are found some 12 px off.
        position: where the camera is; None: points are at infinity.
        depth: m, the nearest and the farthest point along the camera's axis, log-uniform.
        object_speed: px/s along x of what fills a quarter of the picture, the rest stands.
    """
    rng = np.random.default_rng(seed)
    t_from = np.concatenate([w[:-1] for w in windows])
    t_to = np.concatenate([w[1:] for w in windows])
    pair = np.repeat(np.arange(len(t_from)), points)
    xy_from = rng.uniform((0, 0), (camera.width - 1, camera.height - 1), (len(pair), 2))
    near, far = np.log(depth)
    z = np.exp(rng.uniform(near, far, len(pair)))
    xy_to = xy_from.copy()
    t = t_from[pair] + camera.readout_offset(xy_from)
    ray = camera.unproject(xy_from)
    world = motion.at(t).apply(ray * (z / ray[:, 2])[:, None])
    if position is not None:
        world += position(t)
    for _ in range(4):  # when it is read depends on where it lands
        t = t_to[pair] + camera.readout_offset(xy_to)
        seen = world if position is None else world - position(t)
        xy_to = camera.project(motion.at(t).inv().apply(seen))
        xy_to = np.where(np.isfinite(xy_to), xy_to, -1e3)
    moving = (xy_from[:, 0] < camera.width / 2) & (xy_from[:, 1] < camera.height / 2)
    xy_to[moving, 0] += object_speed * (t_to - t_from)[pair[moving]]
    inside = ((xy_to >= 0) & (xy_to <= (camera.width - 1, camera.height - 1))).all(axis=1)
    xy_to += noise * rng.standard_normal(xy_to.shape)
    wrong = rng.random(len(pair)) < outliers
    xy_to[wrong] += rng.normal(0, 12, (np.count_nonzero(wrong), 2))
    return Pairs(pair[inside], t_from, t_to, xy_from[inside], xy_to[inside])


def walking(
    motion: Motion, *, speed: float = 1.3, lever: tuple[float, float, float] = (0.02, 0.05, 0.25)
) -> Position:
    """Return a walk along the world's z axis: steps go up and down, the camera is held away."""

    def position(t: Floats) -> Floats:
        step = 2 * np.pi * 1.9 * t
        body = np.column_stack([0.02 * np.sin(step / 2), 0.03 * np.sin(step), speed * t])
        return np.asarray(body + motion.at(t).apply(lever))

    return position


class Steadied:
    """A motion as the picture shows it once the camera has taken away some of it."""

    def __init__(
        self, motion: Motion, gain: Callable[[Floats], Floats], span: tuple[float, float]
    ) -> None:
        """Multiply the angles' spectrum over `span` (s) by `gain` of the frequency (Hz)."""
        t = np.arange(span[0] - 3.0, span[1] + 3.0, 1 / 200)
        angles = motion.at(t).as_euler("YXZ")
        spectrum = np.fft.rfft(np.concatenate([angles, angles[::-1]]), axis=0)
        frequency = np.fft.rfftfreq(2 * len(t), 1 / 200)
        spectrum *= gain(frequency)[:, None]
        self._angles = CubicSpline(t, np.fft.irfft(spectrum, axis=0)[: len(t)])

    def at(self, t: Floats) -> Rotation:
        return Rotation.from_euler("YXZ", self._angles(t))

    def rate_at(self, t: Floats) -> Floats:
        step = 1e-4
        return np.asarray((self.at(t - step).inv() * self.at(t + step)).as_rotvec() / (2 * step))


def electronic(frequency: Floats, time_constant: float = 0.15) -> Floats:
    """Return the gain of a Gaussian average of the path, `time_constant` s: EIS."""
    return np.exp(-((2 * np.pi * frequency * time_constant) ** 2) / 2)


def optical(frequency: Floats) -> Floats:
    """Return the gain of a lens that takes away 70 % of what is faster than 1 Hz: OIS."""
    return 1.0 - 0.7 / (1.0 + (1.0 / np.maximum(frequency, 1e-6)) ** 8)
