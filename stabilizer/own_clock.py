"""Telemetry inside a video: its axes are told, its clock is nearly the video's own.

So the delay is looked for near 0, and a clip too calm to be sure by itself is not refused where it
turns as its telemetry does.
"""

from dataclasses import replace

from gyro_data import GyroLog, MapAxes
from stabilizer.camera import Camera
from stabilizer.log_file import on_the_video_clock
from stabilizer.sync import ClockSync
from stabilizer.synchronization import Confidence, Known, Synchronization, Verdict
from stabilizer.synchronization.judgement import gain_ratio

_FARTHEST = 0.25
"""s between a camera's telemetry and its picture."""
_ALIKE, _DISTINCT, _UNSTEADIED = 0.6, 1.6, 0.6
"""Least correlation, ratio of the best peak to the second, and gain of fast motion over slow."""


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


def on_own_clock(found: Synchronization, log: GyroLog) -> Synchronization:
    """Return what was found; a failure is low confidence where the clip is only too calm.

    Then the delay is that at which picture and telemetry turn most alike. A clip that does not turn
    as its telemetry does was steadied in the camera, and stays refused.
    """
    coarse = found.coarse
    if found.verdict.confidence != Confidence.FAILED or not on_the_video_clock(log):
        return found
    if coarse is None or found.rates is None or abs(coarse.delay) > _FARTHEST:
        return found
    alike = coarse.score > _ALIKE and coarse.peak_ratio > _DISTINCT
    body_log = MapAxes(found.camera.imu_orientation)(log)
    if not alike or gain_ratio(found.rates, body_log, coarse) < _UNSTEADIED:
        return found
    reasons = (
        f"the telemetry is the video's own, and turns as the picture does {coarse.delay:+.3f} s "
        f"from its clock (correlation {coarse.score:.2f})",
        *found.verdict.reasons,
    )
    sync = ClockSync(coarse.delay, found.sync.clock_skew)
    return replace(found, sync=sync, verdict=Verdict(Confidence.LOW, reasons))
