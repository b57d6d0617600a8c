"""Telemetry inside a video: its axes are told, its clock is nearly the video's own.

So the delay is looked for near 0.
"""

from dataclasses import replace

from gyro_data import GyroLog
from stabilizer.camera import Camera
from stabilizer.log_file import on_the_video_clock
from stabilizer.synchronization import Known


def with_own_clock(log: GyroLog, camera: Camera, known: Known) -> tuple[Camera, Known]:
    """Return camera and what is known, with what the log's being inside the video adds."""
    if not on_the_video_clock(log):
        return camera, known
    if known.delay is None and known.near is None:
        known = replace(known, near=0.0)
    letters = log.hints.get("imu_orientation")
    if letters is None or known.axes:
        return camera, known
    return replace(camera, imu_orientation=letters), replace(known, axes=True)
