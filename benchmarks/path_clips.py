"""Clips without pictures, to plan on: times, the measured path and what judges the border."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from shake import GAITS, shaken_log

import gyro_data
from gyro_data import GyroLog, MapAxes, integrate
from gyro_data.checks import Floats
from stabilizer.border import BorderCheck
from stabilizer.camera import Camera, ReadoutDirection, load_camera
from stabilizer.crop import ZoomRange
from stabilizer.lens import Fisheye, Lens, OpenCV, Pinhole
from stabilizer.optimal import Cinematic, Fixed, Optimal
from stabilizer.path import camera_path
from stabilizer.simulate import Handheld, simulate_log
from stabilizer.smoothing import Gaussian, Smoother
from stabilizer.sync import ClockSync
from stabilizer.warp import KERNEL_REACH

SAMPLES = Path(__file__).parents[1] / "samples"
CAMERA = Camera.from_focal(1920, 1080, 1450.0, readout_time=0.020)
BEYOND = 5.0  # s of log before and after a clip


@dataclass(frozen=True, eq=False)
class Clip:
    """What a smoother is given."""

    t: Floats
    """(F,) s"""
    border: BorderCheck

    @property
    def focal(self) -> float:
        """Px at 1080 lines that a radian is worth."""
        camera = self.border.camera
        return 1080.0 / min(camera.width, camera.height) * camera.fx


def make_clip(log: GyroLog, t: Floats, camera: Camera, kernel: str = "cubic") -> Clip:
    """Return the clip of frames at `t` (F,) s on the log's clock."""
    measured = camera_path(integrate(MapAxes(camera.imu_orientation)(log)), ClockSync(), camera)
    return Clip(t, BorderCheck(measured, camera, output=camera, inset=KERNEL_REACH[kernel]))


def noisy(kind: str, seed: int, *, seconds: float = 60.0, fps: float = 30.0) -> Clip:
    """Return a clip with the shake of `shaken_log`, from 0 to `seconds` s, both included."""
    log = shaken_log(kind, seed, -BEYOND, seconds + BEYOND)
    return make_clip(log, np.arange(round(seconds * fps) + 1) / fps, CAMERA)


def waves(kind: str, seed: int) -> Clip:
    """Return a minute of `stabilizer.simulate.Handheld`."""
    log = simulate_log(Handheld(kind, seed=seed), -BEYOND, 60.0 + BEYOND)
    return make_clip(log, np.arange(1801) / 30, CAMERA)


def phone(seed: int = 0) -> Clip:
    """Return the recorded run of a phone: its gyro log, on the video's clock, and frame times."""
    times = np.loadtxt(SAMPLES / "phone_frame_times.txt", usecols=0) * 1e-9
    log = gyro_data.read(SAMPLES / "walk.csv")
    return make_clip(log, times - times[0], load_camera(SAMPLES / "walk.camera.json"))


MOTIONS: Mapping[str, Callable[[int], Clip]] = {
    **{kind: partial(noisy, kind) for kind in GAITS},
    **{f"{kind}, waves": partial(waves, kind) for kind in GAITS},
    "real phone": phone,
}
"""Clips by their motion, made of a seed."""


class Case(NamedTuple):
    """A clip and how it is to be planned."""

    clip: Clip
    smoother: Smoother
    zoom: ZoomRange
    name: str


LENSES: Mapping[str, tuple[Lens, float]] = {
    "pinhole": (Pinhole(), 0.785),
    "barrel": (OpenCV((-0.25, 0.08, 0.0005, -0.0003, -0.01)), 0.65),
    "fisheye": (Fisheye((0.05, -0.01, 0.004, -0.001)), 0.5),
}
"""Lens and focal length as a share of the longer side."""

_SIZES = ((640, 480), (1280, 720), (1920, 1080), (1080, 1920), (3840, 2160))
_RATES = (24.0, 25.0, 29.97, 30.0, 50.0, 59.94, 60.0, 100.0, 120.0)  # 1/s
_LONGEST_READOUT = 0.033  # s


def random_case(seed: int) -> Case:
    """Draw a case: motion, frame times, holes in the log, camera, kernel, smoother and zoom."""
    rng = np.random.default_rng(seed)
    fps = float(rng.choice(_RATES))
    t = _frame_times(rng, fps)
    size, lens = _SIZES[rng.integers(len(_SIZES))], str(rng.choice(list(LENSES)))
    camera = Camera.from_focal(
        *size,
        LENSES[lens][1] * max(size),
        lens=LENSES[lens][0],
        readout_time=rng.uniform(0, min(_LONGEST_READOUT, 1 / fps)),
        readout_direction=rng.choice(list(ReadoutDirection)),
    )
    kind, kernel = str(rng.choice(list(GAITS))), str(rng.choice(list(KERNEL_REACH)))
    smoother, zoom = _choices(rng)
    clip = make_clip(_log(rng, kind, t[-1]), t, camera, kernel)
    name = (
        f"{kind} {size[0]}x{size[1]} {lens} {1e3 * camera.readout_time:.1f} ms "
        f"{camera.readout_direction} {fps:g}/s {kernel} {zoom} {smoother}"
    )
    return Case(clip, smoother, zoom, name)


def _frame_times(rng: np.random.Generator, fps: float) -> Floats:
    """Return 5 to 60 s of frames; some clips have uneven times, some drop frames, some a second."""
    k = np.arange(int(rng.uniform(5, 60) * fps))
    t = (k + rng.choice([0.0, 0.3]) * rng.random(len(k))) / fps
    kept = rng.random(len(k)) >= rng.choice([0.0, 0.02])
    if rng.random() < 0.1:
        kept &= np.abs(t - t[-1] / 2) > 0.7
    return np.asarray(t[kept])


def _log(rng: np.random.Generator, kind: str, end: float) -> GyroLog:
    """Return a log with or without a hole, of one of the two kinds of shake."""
    seed = int(rng.integers(1 << 30))
    log = (
        simulate_log(Handheld(kind, seed=seed), -BEYOND, end + BEYOND)
        if rng.random() < 0.3
        else shaken_log(kind, seed, -BEYOND, end + BEYOND)
    )
    if rng.random() > 0.15:
        return log
    first = rng.uniform(0, end)
    kept = np.abs(log.t - first) > rng.uniform(0.02, 0.3)
    t = log.t[kept]
    hole = np.searchsorted(t, first)
    return GyroLog(t, log.gyro[kept], gaps=t[None, hole - 1 : hole + 1])


def _choices(rng: np.random.Generator) -> tuple[Smoother, ZoomRange]:
    """Return a smoother, mostly `Optimal`, and what zoom it may use."""
    high = rng.uniform(1.05, 2.0)
    smoothness = float(np.exp(rng.uniform(np.log(0.05), np.log(2.0))))
    smoother = rng.choice(
        [
            Optimal(smoothness),
            Optimal(crop=rng.uniform(1.02, high)),
            Cinematic(smoothness),
            Fixed(4 * smoothness),
            Gaussian(smoothness),
        ],
        p=[0.6, 0.1, 0.1, 0.1, 0.1],
    )
    by_crop = getattr(smoother, "crop", None) is not None
    given = rng.random() < 0.15 and not by_crop
    fixed = given or bool(rng.random() < 0.2)
    return smoother, ZoomRange(high if given else 1.0, high, fixed=fixed)
