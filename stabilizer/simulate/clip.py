"""A clip on disk: video, gyro log, camera and truth; times are the video's unless named."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gyro_data.checks import Floats, increasing, number, read_only
from stabilizer.camera import Camera, save_camera
from stabilizer.new_files import complete_or_absent
from stabilizer.simulate.imu import simulate_log, write_log
from stabilizer.simulate.motion import Handheld, Motion
from stabilizer.simulate.movers import Mover
from stabilizer.simulate.painting import Image
from stabilizer.simulate.render import line_times, render_frame, to_yuv420p, with_noise
from stabilizer.simulate.scene import Room, Scene
from stabilizer.simulate.sound import SAMPLE_RATE, tone_with_clicks
from stabilizer.simulate.truth import SimulatedClip, new_files, write_truth
from stabilizer.simulate.walk import ROOM_SIZE, Position, within
from stabilizer.sync import ClockSync
from stabilizer.video import Encoding, VideoInfo, VideoWriter, write_aac
from stabilizer.video.base import seconds

TIME_BASE = Fraction(1, 90_000)
"""s per tick of the written videos; holds the usual frame rates exactly."""

_MAX_PICTURE_NOISE = 100.0  # grey levels: little is left to see
_BT709_LIMITED = {"range": 1, "matrix": 1, "primaries": 1, "transfer": 1}

Planes = tuple[Image, Image, Image]

Progress = Callable[[int, int], None]
"""Called with the number of frames done and of all frames."""


def simulate(
    output_stem: str | os.PathLike[str],
    *,
    camera: Camera,
    motion: Motion | str = "walk",
    log_motion: Motion | None = None,
    position: Position | None = None,
    room_size: float = ROOM_SIZE,
    scene: Scene | None = None,
    movers: Sequence[Mover] = (),
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
    picture_noise: float = 0.0,
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
        log_motion: what the motion sensor feels, where the picture is steadied and follows another
            `motion`; None: the same.
        position: where the camera is, a `Walk` for instance; None: at the centre, as if all that it
            sees were at infinity.
        room_size: m from the centre to the walls, inside of which `position` stays.
        scene: what it sees; None is a `Room` as fine as the camera's pixels.
        movers: what moves in front of the scene, see `crossing`.
        duration, fps: s and 1/s: evenly spaced frames from 0 on, unless `frame_times` are given.
        frame_times: (F,) s >= 0, rounded to ticks of 1/90000 s.
        gyro_rate, drift, noise, jitter, gaps: see `simulate_log`.
        delay, clock_skew: see `ClockSync`.
        margin: s by which the log begins before the first frame and ends after the last.
        seed: of the motion, if it is a key, and of noise, jitter and picture noise.
        supersample: rays along x and y in each pixel.
        picture_noise: grey levels RMS, white, of each sample of the luma.
        crf: H.264's quality, 0 (lossless) to 51.
        audio: add an AAC track, a tone with a click at each second.
        overwrite: replace files that exist.
        progress: told after each frame.

    Raises ValueError or TypeError that names the argument; StabilizerError for the files.
    """
    number("crf", crf, minimum=0, maximum=51)
    number("margin", margin, minimum=0)
    number("supersample", supersample, minimum=1, maximum=8)
    number("picture_noise", picture_noise, minimum=0, maximum=_MAX_PICTURE_NOISE)
    number("room_size", room_size, above=0)
    if camera.width % 2 or camera.height % 2:
        raise ValueError(f"camera: expected even sides, got {camera.width}x{camera.height}")
    frame_pts = _ticks(_even_times(duration, fps) if frame_times is None else frame_times)
    times = seconds(frame_pts, TIME_BASE)
    motion = Handheld(motion, seed) if isinstance(motion, str) else motion
    log_motion = motion if log_motion is None else log_motion
    if position is not None:
        within(position, _read_at(camera, times), room_size)
    sync = ClockSync(delay, clock_skew)
    log = simulate_log(
        log_motion,
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
    files = new_files(os.fspath(output_stem), overwrite)
    clip = SimulatedClip(
        *files, times, motion.at(times), motion, camera, sync, log, log_motion, position
    )
    render = partial(
        render_frame,
        camera,
        motion,
        scene=Room.for_camera(camera) if scene is None else scene,
        supersample=supersample,
        position=position,
        room_size=room_size,
        movers=movers,
    )
    frames = _noisy(_frames(render, times, progress), picture_noise, seed)
    _write_video(clip, frame_pts, frames, crf=int(crf), audio=audio, overwrite=overwrite)
    with complete_or_absent(clip.gyro) as unfinished:
        write_log(log, unfinished)
    with complete_or_absent(clip.camera_file) as unfinished:
        save_camera(camera, unfinished)
    used = {"room_size": room_size} if position is not None else {}
    used |= {"picture_noise": picture_noise} if picture_noise else {}
    used |= {"movers": len(movers)} if movers else {}
    write_truth(
        clip,
        margin=margin,
        gyro_rate=gyro_rate,
        drift=np.asarray(drift).tolist(),
        noise=noise,
        jitter=jitter,
        gaps=np.asarray(gaps).tolist(),
        seed=seed,
        **used,
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


def _read_at(camera: Camera, times: Floats) -> Floats:
    """Return when the first, the middle and the last row of frames is read."""
    offset = line_times(camera, camera.height)[[0, camera.height // 2, -1]]
    return np.add.outer(times, offset).ravel()


def _frames(
    render: Callable[[float], Image], times: Floats, progress: Progress | None
) -> Iterator[Planes]:
    for done, t in enumerate(times, start=1):
        yield to_yuv420p(render(float(t)))
        if progress is not None:
            progress(done, len(times))


def _noisy(frames: Iterable[Planes], rms: float, seed: int) -> Iterator[Planes]:
    """Add noise of `rms` grey levels to the luma; it has nothing in common with the log's."""
    rng = np.random.default_rng([seed, 1])
    for luma, blue, red in frames:
        yield with_noise(luma, rms, rng) if rms else luma, blue, red


def _write_video(
    clip: SimulatedClip,
    frame_pts: NDArray[np.int64],
    frames: Iterable[Planes],
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
            clip.video, info, encoding=Encoding(crf=crf), tracks_from=sound, overwrite=overwrite
        ) as writer:
            for pts, planes in zip(frame_pts, frames, strict=True):
                frame = writer.new_frame(int(pts))
                for plane, samples in zip(frame.planes, planes, strict=True):
                    plane[:] = samples
                writer.write(frame)
