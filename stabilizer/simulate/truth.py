"""What is true of a simulated clip, and the file that says so; times are the video's."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from gyro_data.checks import Floats
from gyro_data.log import GyroLog
from stabilizer.camera import Camera
from stabilizer.errors import StabilizerError
from stabilizer.new_files import complete_or_absent
from stabilizer.simulate.motion import Motion
from stabilizer.simulate.walk import Position
from stabilizer.sync import ClockSync

_STEP = 1e-3  # s


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
    log_motion: Motion
    """What the log tells: `motion`, unless the picture followed another one."""
    position: Position | None
    """Where the camera was in the world; None is at the centre of all."""


def new_files(stem: str, overwrite: bool) -> tuple[Path, Path, Path, Path]:
    """Return the paths of video, gyro log, camera and truth; StabilizerError if one is taken."""
    names = (".mp4", ".csv", ".camera.json", ".truth.json")
    video, gyro, camera, truth = (Path(stem + name) for name in names)
    for path in (video, gyro, camera, truth):
        if path.exists() and not overwrite:
            raise StabilizerError(f"{path}: exists already; choose another name or --overwrite it")
    return video, gyro, camera, truth


def write_truth(clip: SimulatedClip, *, margin: float, **parameters: Any) -> None:
    """Write what is true of a clip; file names are relative to the truth's own folder.

    `rate_cam` is of the picture; where the log tells another motion, `log_rate_cam` is of the log.
    """
    rate_t = np.arange(clip.frame_times[0] - margin, clip.frame_times[-1] + margin + _STEP, _STEP)
    content: dict[str, Any] = {
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
        "rate_step": _STEP,
        "rate_cam": clip.motion.rate_at(rate_t).round(9).tolist(),
    }
    if clip.position is not None:
        content["position"] = clip.position(clip.frame_times).round(9).tolist()
    if clip.log_motion is not clip.motion:
        content["log_motion"] = repr(clip.log_motion)
        content["log_rate_cam"] = clip.log_motion.rate_at(rate_t).round(9).tolist()
    with complete_or_absent(clip.truth) as partial:
        partial.write_text(json.dumps(content) + "\n", encoding="utf-8")
