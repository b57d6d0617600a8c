"""Shaky clips to be rendered: a texture filmed by a rolling shutter along a hand-held motion.

Quicker to make than those of the simulator, whose truth nobody asks for here.
"""

import subprocess
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from stabilizer.camera import Camera, save_camera
from stabilizer.simulate import Handheld, simulate_log, write_log
from stabilizer.simulate.sound import SAMPLE_RATE, tone_with_clicks
from stabilizer.video import Encoding, VideoInfo, VideoWriter, write_aac

FPS = 30
SIZES = {"1080p": (1920, 1080), "4k": (3840, 2160), "180p": (320, 180)}

_READOUT = 0.016  # s
_STRIP = 8  # rows that are filmed at once
_BESIDE = 1.0  # s of log before and after a clip
_TICKS = 90_000 // FPS
_OCTAVES = ((1.0, 5.0), (3.0, 9.0), (12.0, 16.0), (60.0, 24.0))
"""Blur in px at 1080 lines and contrast in grey levels."""


class Clip(NamedTuple):
    """What the program needs."""

    video: Path
    log: Path
    camera: Path

    @property
    def options(self) -> list[str]:
        """Arguments of `stabilizer stabilize`, clocks included."""
        return [str(self.video), str(self.log), "--camera", str(self.camera), "--delay=0"]


def made_clip(folder: Path, size: str, seconds: float) -> Clip:
    """Film a clip into `folder`, or return the one that is there."""
    width, height = SIZES[size]
    stem = folder / f"{size}_{seconds:g}s"
    clip = Clip(*(stem.with_name(stem.name + end) for end in (".mp4", ".csv", ".camera.json")))
    if not clip.video.exists():
        camera = Camera.from_hfov(width, height, np.deg2rad(67), readout_time=_READOUT)
        motion = Handheld("walk", seed=1)
        write_log(simulate_log(motion, -_BESIDE, seconds + _BESIDE, rate=400.0), clip.log)
        save_camera(camera, clip.camera)
        _film(clip.video, camera, motion, seconds)
    return clip


def long_clip(folder: Path, size: str, minutes: float) -> Clip:
    """Return a clip that shows 10 s again and again, with a log of its full length."""
    short = made_clip(folder, size, 10)
    stem = folder / f"{size}_{minutes:g}min"
    clip = Clip(stem.with_suffix(".mkv"), stem.with_suffix(".csv"), short.camera)
    if not clip.video.exists():
        repeats = round(6 * minutes) - 1
        command = ["ffmpeg", "-v", "error", "-y", "-stream_loop", str(repeats), "-i", short.video]
        subprocess.run([*command, "-c", "copy", clip.video], check=True)
        end = 60 * minutes + _BESIDE
        write_log(simulate_log(Handheld("walk", seed=1), -_BESIDE, end, rate=400.0), clip.log)
    return clip


def _film(path: Path, camera: Camera, motion: Handheld, seconds: float) -> None:
    n_frames = round(FPS * seconds)
    info = VideoInfo(
        path="",
        width=camera.width,
        height=camera.height,
        pixel_format="yuv420p",
        codec="h264",
        time_base=Fraction(1, 90_000),
        frame_pts=np.arange(n_frames) * _TICKS,
        colour={"range": 1, "matrix": 1, "primaries": 1, "transfer": 1},
    )
    walls = [_texture(camera, seed, 1 if seed == 0 else 2) for seed in range(3)]
    with TemporaryDirectory() as folder:
        sound = Path(folder) / "sound.m4a"
        write_aac(sound, tone_with_clicks(seconds), SAMPLE_RATE)
        with VideoWriter(path, info, encoding=Encoding(crf=16), tracks_from=sound) as writer:
            for pts, t in zip(info.frame_pts, info.frame_times, strict=True):
                frame = writer.new_frame(int(pts))
                for k, (plane, wall) in enumerate(zip(frame.planes, walls, strict=True)):
                    _see(plane, wall, camera, motion, float(t), 2 if k else 1)
                writer.write(frame)


def _see(
    plane: NDArray[np.uint8],
    wall: NDArray[np.uint8],
    camera: Camera,
    motion: Handheld,
    t: float,
    share: int,
) -> None:
    """Fill a plane, `share` luma px to a sample, with what a flat wall looks like, row by row."""
    height, width = plane.shape
    tops = np.arange(0, height, _STRIP)
    rows = np.minimum(tops + _STRIP / 2, height)
    turns = motion.at(t + _READOUT * (rows / height - 0.5)).as_matrix()
    f = camera.fx / share
    to_ray = np.linalg.inv([[f, 0, (width - 1) / 2], [0, f, (height - 1) / 2], [0, 0, 1]])
    to_wall = np.array([[f, 0, wall.shape[1] / 2], [0, f, wall.shape[0] / 2], [0, 0, 1]])
    for top, turn in zip(tops, turns, strict=True):
        down = np.array([[1, 0, 0], [0, 1, float(top)], [0, 0, 1]])
        strip = plane[top : top + _STRIP]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        strip[:] = cv2.warpPerspective(
            wall,
            to_wall @ turn @ to_ray @ down,
            (width, len(strip)),
            flags=flags,
            borderMode=cv2.BORDER_REFLECT,
        )


def _texture(camera: Camera, seed: int, share: int) -> NDArray[np.uint8]:
    """Return a wall twice as wide and high as the picture, of structures coarse and fine."""
    rng = np.random.default_rng(seed)
    height, width = 2 * camera.height // share, 2 * camera.width // share
    wall = np.full((height, width), 118.0, np.float32)
    for blur, contrast in _OCTAVES:
        sigma = blur * camera.height / 1080 / share
        step = max(1, int(sigma / 3))
        noise = rng.standard_normal((height // step + 1, width // step + 1)).astype(np.float32)
        noise = cv2.GaussianBlur(noise, (0, 0), max(sigma / step, 0.3))
        noise *= contrast / share / noise.std()
        wall += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(wall, 16, 235).astype(np.uint8)
