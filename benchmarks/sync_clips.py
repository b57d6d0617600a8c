"""Rendered clips of known truth to synchronize, and the logs that belong to them, or do not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import permutations, product
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from gyro_data import GyroLog
from gyro_data.axes import axes_matrix
from gyro_data.checks import Floats
from stabilizer.camera import Camera
from stabilizer.simulate import Handheld, Motion, SimulatedClip, simulate, simulate_log
from stabilizer.simulate.movers import crossing
from stabilizer.simulate.walk import Walk
from stabilizer.sync import ClockSync
from stabilizer.video import VideoInfo, probe

LARGE, SMALL = (1280, 720), (640, 360)
ROOM_SIZE = 10.0  # m from the centre to the walls, where a clip has a near scene
N_MOVERS = 4  # things that cross in front of a near scene
BESIDE = 150.0  # s of log before and after a clip
GYRO_NOISE = 0.003  # rad/s of each sample
MISALIGNED = np.deg2rad(1.5)
PICTURE_NOISE = 1.5  # grey levels RMS of each pixel
CRF = 13
"""With that noise about 12 Mbit/s at `LARGE`, what an action camera writes. Where fewer bits are
spent, what is shown of weak texture lags behind: 0.5 ms of delay at crf 20."""

LETTERS = [
    "".join(letters)
    for order in permutations("xyz")
    for letters in product(*[(letter.upper(), letter) for letter in order])
]
RIGHT_HANDED = [letters for letters in LETTERS if np.linalg.det(axes_matrix(letters)) > 0]
LEFT_HANDED = [letters for letters in LETTERS if np.linalg.det(axes_matrix(letters)) < 0]


@dataclass(frozen=True)
class Case:
    """What is drawn for a clip: the camera and the clocks."""

    kind: str
    seconds: float
    seed: int
    size: tuple[int, int] = LARGE
    near: bool = False
    """Walking through a room in which things cross, instead of turning amid what is far."""

    @property
    def rng(self) -> np.random.Generator:
        return np.random.default_rng([self.seed, len(self.kind), int(self.seconds)])

    @property
    def motion(self) -> Handheld:
        return Handheld(self.kind, seed=100 * self.seed + int(self.seconds))

    @property
    def camera(self) -> Camera:
        """The true one: nothing of it is told."""
        rng = self.rng
        tilt = Rotation.from_rotvec(MISALIGNED * rng.standard_normal(3) / np.sqrt(3))
        return Camera.from_hfov(
            *self.size,
            np.deg2rad(rng.uniform(55, 75)),
            readout_time=rng.uniform(0.008, 0.030),
            imu_orientation=str(rng.choice(RIGHT_HANDED)),
            R_body_cam=tilt.as_matrix(),
        )

    @property
    def sync(self) -> ClockSync:
        """Boot time, Unix time or zero; up to 50 ppm."""
        rng = np.random.default_rng([7, self.seed])
        origin = rng.choice([4e4, 1.7e9, BESIDE])
        return ClockSync(float(origin + rng.uniform(0, 60)), float(rng.uniform(-5e-5, 5e-5)))

    @property
    def drift(self) -> Floats:
        return np.random.default_rng([8, self.seed]).normal(0, 0.01, 3)

    def log(self, rate: float, off: Callable[[Floats], Floats] | None = None) -> GyroLog:
        """Return the log, minutes longer than the clip, of a clock that is `off` (s)."""
        camera = self.camera
        log = simulate_log(
            self.motion,
            -BESIDE,
            self.seconds + BESIDE,
            rate=rate,
            sync=self.sync,
            drift=self.drift,
            noise=GYRO_NOISE,
            imu_orientation=camera.imu_orientation,
            R_body_cam=camera.R_body_cam,
            seed=self.seed,
        )
        if off is None:
            return log
        t = log.t + off(self.sync.video_time(log.t))
        kept = np.concatenate([[True], t[1:] > np.maximum.accumulate(t)[:-1]])
        return GyroLog(t[kept], log.gyro[kept])


def rendered(
    case: Case, folder: Path, *, fps: float = 30.0, motion: Motion | None = None, name: str = ""
) -> VideoInfo:
    """Return the clip of a case, rendered unless it lies in the folder; by another motion maybe."""
    place = "near" if case.near else "far"
    stem = folder / f"{case.kind}-{place}-{case.size[0]}-{case.seconds:g}-{case.seed}{name}"
    if not stem.with_suffix(".mp4").exists():
        render(case, stem, fps=fps, motion=motion or case.motion)
    return probe(stem.with_suffix(".mp4"))


def render(case: Case, stem: Path, *, fps: float, motion: Motion) -> SimulatedClip:
    start = (0.0, 0.0, -0.65 * case.seconds)  # the middle of the way is that of the room
    return simulate(
        stem,
        camera=replace(case.camera, imu_orientation="XYZ"),
        motion=motion,
        duration=case.seconds,
        fps=fps,
        position=Walk(motion, start=start) if case.near else None,
        room_size=ROOM_SIZE,
        movers=crossing(N_MOVERS, case.seed) if case.near else (),
        picture_noise=PICTURE_NOISE,
        crf=CRF,
        margin=0.5,
        audio=False,
        overwrite=True,
    )


class Steadied:
    """A motion as the picture shows it once the camera has taken away some of it."""

    def __init__(self, motion: Motion, gain: Callable[[Floats], Floats], seconds: float) -> None:
        """Multiply the spectrum of the angles by `gain` of the frequency (Hz)."""
        t = np.arange(-3.0, seconds + 3.0, 1 / 200)
        angles = motion.at(t).as_euler("YXZ")
        spectrum = np.fft.rfft(np.concatenate([angles, angles[::-1]]), axis=0)
        spectrum *= gain(np.fft.rfftfreq(2 * len(t), 1 / 200))[:, None]
        self._angles = CubicSpline(t, np.fft.irfft(spectrum, axis=0)[: len(t)])

    def at(self, t: Floats) -> Rotation:
        return Rotation.from_euler("YXZ", self._angles(t))

    def rate_at(self, t: Floats) -> Floats:
        turn = (self.at(t - 1e-4).inv() * self.at(t + 1e-4)).as_rotvec()
        return np.asarray(turn / 2e-4)


def electronic(frequency: Floats, time_constant: float) -> Floats:
    """Return the gain of a path averaged under a Gaussian of `time_constant` s."""
    return np.exp(-((2 * np.pi * frequency * time_constant) ** 2) / 2)


def optical(frequency: Floats, share: float) -> Floats:
    """Return the gain of a lens that takes away a `share` of what is faster than 1 Hz."""
    return 1.0 - share / (1.0 + (1.0 / np.maximum(frequency, 1e-6)) ** 8)


def still(frequency: Floats) -> Floats:
    """Return the gain of a tripod."""
    return 0.0 * frequency


STABILIZERS: Mapping[str, Callable[[Floats], Floats]] = {
    "EIS 150 ms": partial(electronic, time_constant=0.15),
    "EIS 400 ms": partial(electronic, time_constant=0.4),
    "OIS 70 %": partial(optical, share=0.7),
    "OIS 90 %": partial(optical, share=0.9),
    "tripod": still,
}
