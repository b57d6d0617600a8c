"""A clip on disk: video, gyro log, camera and truth; times are the video's unless named."""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from gyro_data.checks import Floats, increasing, number, read_only
from gyro_data.log import GyroLog
from stabilizer.camera import Camera, save_camera
from stabilizer.errors import StabilizerError
from stabilizer.simulate.imu import simulate_log, write_log
from stabilizer.simulate.motion import Handheld, Motion
from stabilizer.simulate.painting import Image
from stabilizer.simulate.render import render_frame, to_yuv420p
from stabilizer.simulate.scene import Room, Scene
from stabilizer.simulate.sound import SAMPLE_RATE, tone_with_clicks
from stabilizer.sync import ClockSync
from stabilizer.video import Encoding, VideoInfo, VideoWriter, write_aac
from stabilizer.video.base import seconds

TIME_BASE = Fraction(1, 90_000)
"""s per tick of the written videos; holds the usual frame rates exactly."""

_BT709_LIMITED = {"range": 1, "matrix": 1, "primaries": 1, "transfer": 1}
_TRUTH_STEP = 1e-3  # s

Progress = Callable[[int, int], None]
"""Called with the number of frames done and of all frames."""


@dataclass(frozen=True, eq=False)
class SimulatedClip:
    """The four files of a clip, and what is true of it."""

    video: Path
    """STEM.mp4"""
    gyro: Path
    """STEM.csv"""
    camera_file: Path
    """STEM.camera.json"""
    truth: Path
    """STEM.truth.json: all parameters, the rotation of each frame and the rate at 1 kHz."""
    frame_times: Floats
    """(F,) s, presentation times as the file has them."""
    R_world_cam: Rotation
    """F rotations, at the frame times."""
    motion: Motion
    camera: Camera
    sync: ClockSync
    log: GyroLog
    """What was written to the gyro file, on its own clock and in its own axes."""


def simulate(
    output_stem: str | os.PathLike[str],
    *,
    camera: Camera,
    motion: Motion | str = "walk",
    scene: Scene | None = None,
    duration: float = 10.0,
    fps: float = 30.0,
    frame_times: ArrayLike | None = None,
    gyro_rate: float = 400.0,
    delay: float = 0.0,
    clock_skew: float = 0.0,
    drift: ArrayLike = (0.0, 0.0, 0.0),
    noise: float = 0.0,
    jitter: float = 0.0,
    gaps: ArrayLike = (),
    margin: float = 1.0,
    seed: int = 0,
    supersample: int = 1,
    crf: int = 16,
    audio: bool = True,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> SimulatedClip:
    """Render a clip and write STEM.mp4, STEM.csv, STEM.camera.json and STEM.truth.json.

    Args:
        output_stem: how the names of the four files begin.
        camera: lens, rolling shutter and how the motion sensor sits in it.
        motion: how it turns, or a key of `GAITS`.
        scene: what it sees; None is a `Room` as fine as the camera's pixels.
        duration, fps: s and 1/s: evenly spaced frames from 0 on, unless `frame_times` are given.
        frame_times: (F,) s >= 0, rounded to ticks of 1/90000 s.
        gyro_rate, drift, noise, jitter, gaps: see `simulate_log`.
        delay, clock_skew: see `ClockSync`.
        margin: s by which the log begins before the first frame and ends after the last.
        seed: of the motion, if it is a key, and of noise and jitter.
        supersample: rays along x and y in each pixel.
        crf: H.264's quality, 0 (lossless) to 51.
        audio: add an AAC track, a tone with a click at each second.
        overwrite: replace files that exist.
        progress: told after each frame.

    Raises ValueError or TypeError that names the argument; StabilizerError for the files.
    """
    number("crf", crf, minimum=0, maximum=51)
    number("margin", margin, minimum=0)
    number("supersample", supersample, minimum=1, maximum=8)
    if camera.width % 2 or camera.height % 2:
        raise ValueError(f"camera: expected even sides, got {camera.width}x{camera.height}")
    frame_pts = _ticks(_even_times(duration, fps) if frame_times is None else frame_times)
    times = seconds(frame_pts, TIME_BASE)
    motion = Handheld(motion, seed) if isinstance(motion, str) else motion
    sync = ClockSync(delay, clock_skew)
    log = simulate_log(
        motion,
        float(times[0]) - margin,
        float(times[-1]) + margin,
        rate=gyro_rate,
        sync=sync,
        drift=drift,
        noise=noise,
        imu_orientation=camera.imu_orientation,
        R_body_cam=camera.R_body_cam,
        gaps=gaps,
        jitter=jitter,
        seed=seed,
    )
    files = _new_files(os.fspath(output_stem), overwrite)
    clip = SimulatedClip(*files, times, motion.at(times), motion, camera, sync, log)
    scene = Room.for_camera(camera) if scene is None else scene
    pictures = _pictures(clip, scene, supersample, progress)
    _write_video(clip, frame_pts, pictures, crf=int(crf), audio=audio, overwrite=overwrite)
    write_log(log, clip.gyro)
    save_camera(camera, clip.camera_file)
    _write_truth(
        clip,
        margin=margin,
        gyro_rate=gyro_rate,
        drift=np.asarray(drift).tolist(),
        noise=noise,
        jitter=jitter,
        gaps=np.asarray(gaps).tolist(),
        seed=seed,
    )
    return clip


def _even_times(duration: float, fps: float) -> Floats:
    n_frames = round(number("duration", duration, above=0) * number("fps", fps, above=0))
    if n_frames < 1:
        raise ValueError(f"duration: expected one frame at least, got {duration} s at {fps} fps")
    return np.arange(n_frames) / fps


def _ticks(frame_times: ArrayLike) -> NDArray[np.int64]:
    """Round to the file's time base; frames must stay apart."""
    times = increasing("frame_times", read_only("frame_times", frame_times, ("F",)))
    if not len(times) or times[0] < 0:
        raise ValueError(f"frame_times: expected times >= 0, got {times[:1]}")
    ticks = np.rint(times / float(TIME_BASE)).astype(np.int64)
    increasing("frame_times", seconds(ticks, TIME_BASE))
    return ticks


def _new_files(stem: str, overwrite: bool) -> tuple[Path, Path, Path, Path]:
    """Return the paths of video, gyro log, camera and truth; StabilizerError if one is taken."""
    names = (".mp4", ".csv", ".camera.json", ".truth.json")
    video, gyro, camera, truth = (Path(stem + name) for name in names)
    for path in (video, gyro, camera, truth):
        if path.exists() and not overwrite:
            raise StabilizerError(
                f"{path}: exists already; choose another name or allow overwriting"
            )
    return video, gyro, camera, truth


def _pictures(
    clip: SimulatedClip, scene: Scene, supersample: int, progress: Progress | None
) -> Iterator[Image]:
    for done, t in enumerate(clip.frame_times, start=1):
        yield render_frame(clip.camera, clip.motion, float(t), scene, supersample=supersample)
        if progress is not None:
            progress(done, len(clip.frame_times))


def _write_video(
    clip: SimulatedClip,
    frame_pts: NDArray[np.int64],
    pictures: Iterable[Image],
    *,
    crf: int,
    audio: bool,
    overwrite: bool,
) -> None:
    info = VideoInfo(
        path="",
        width=clip.camera.width,
        height=clip.camera.height,
        pixel_format="yuv420p",
        codec="h264",
        time_base=TIME_BASE,
        frame_pts=frame_pts,
        colour=_BT709_LIMITED,
    )
    with TemporaryDirectory() as folder:
        sound = Path(folder) / "sound.m4a" if audio else None
        if sound is not None:
            last_frame = float(1 / info.average_rate)  # s
            sound_samples = tone_with_clicks(float(clip.frame_times[-1]) + last_frame)
            write_aac(sound, sound_samples, SAMPLE_RATE)
        with VideoWriter(
            clip.video, info, encoding=Encoding(crf=crf), copy_audio_from=sound, overwrite=overwrite
        ) as writer:
            for pts, picture in zip(frame_pts, pictures, strict=True):
                frame = writer.new_frame(int(pts))
                for plane, samples in zip(frame.planes, to_yuv420p(picture), strict=True):
                    plane[:] = samples
                writer.write(frame)


def _write_truth(clip: SimulatedClip, *, margin: float, **parameters: Any) -> None:
    """Write what is true of a clip; file names are relative to the truth's own folder."""
    rate_t = np.arange(
        clip.frame_times[0] - margin, clip.frame_times[-1] + margin + _TRUTH_STEP, _TRUTH_STEP
    )
    content = {
        "video": clip.video.name,
        "gyro": clip.gyro.name,
        "camera": clip.camera_file.name,
        "delay": clip.sync.delay,
        "clock_skew": clip.sync.clock_skew,
        "motion": repr(clip.motion),
        **parameters,
        "imu_orientation": clip.camera.imu_orientation,
        "R_body_cam": clip.camera.R_body_cam.tolist(),
        "readout_time": clip.camera.readout_time,
        "readout_direction": str(clip.camera.readout_direction),
        "frame_times": clip.frame_times.tolist(),
        "R_world_cam_quat_xyzw": clip.R_world_cam.as_quat().round(12).tolist(),
        "rate_t0": float(rate_t[0]),
        "rate_step": _TRUTH_STEP,
        "rate_cam": clip.motion.rate_at(rate_t).round(9).tolist(),
    }
    clip.truth.write_text(json.dumps(content) + "\n", encoding="utf-8")
