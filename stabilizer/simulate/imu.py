"""The gyro log that a motion leaves, in the log's own axes and on the log's own clock."""

from os import PathLike

import numpy as np
from numpy.typing import ArrayLike

from gyro_data.axes import axes_matrix
from gyro_data.checks import Floats, number, read_only
from gyro_data.log import GyroLog
from gyro_data.orientation import inside_gaps
from stabilizer.simulate.motion import Motion
from stabilizer.sync import ClockSync

_SAME_CLOCK = ClockSync()
_MAX_JITTER = 0.2  # of a sampling interval: samples keep their order


def simulate_log(
    motion: Motion,
    t0: float,
    t1: float,
    *,
    rate: float = 200.0,
    sync: ClockSync = _SAME_CLOCK,
    drift: ArrayLike = (0.0, 0.0, 0.0),
    noise: float = 0.0,
    imu_orientation: str = "XYZ",
    R_body_cam: ArrayLike = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    gaps: ArrayLike = (),
    jitter: float = 0.0,
    seed: int = 0,
) -> GyroLog:
    """Sample a motion as a sensor does.

    gyro = M⁻¹ R_body_cam ω_cam / (1 + clock_skew) + drift + noise.

    Args:
        motion: what the camera does.
        t0, t1: s, presentation time: the log covers it.
        rate: samples per second of the log's clock.
        sync: the log's clock against the video's.
        drift: (3,) rad/s, bias in the log's axes.
        noise: rad/s RMS, white, of each sample.
        imu_orientation: M = axes_matrix(imu_orientation), body ← log.
        R_body_cam: (3, 3) rotation.
        gaps: (G, 2) s, presentation time: nothing is recorded strictly inside.
        jitter: ratio of the sampling interval, RMS: samples are taken, and dated, off the beat;
            never by more than 0.2.
        seed: of noise and jitter.

    Raises ValueError or TypeError that names the argument.
    """
    number("t1", t1, above=number("t0", t0))
    step = 1.0 / number("rate", rate, above=0)
    number("noise", noise, minimum=0)
    number("jitter", jitter, minimum=0, maximum=_MAX_JITTER)
    rng = np.random.default_rng(int(number("seed", seed, minimum=0)))
    first, last = sync.log_time(np.array([t0, t1], dtype=np.float64))
    beat = np.arange(np.floor((last - first) / step + 1e-6) + 2)
    off_beat = np.clip(jitter * rng.standard_normal(len(beat)), -_MAX_JITTER, _MAX_JITTER)
    off_beat[[0, -1]] = 0.0  # the ends are covered
    t = first + (beat + off_beat) * step
    kept = ~inside_gaps(sync.video_time(t), _gaps(gaps))
    rate_cam = motion.rate_at(sync.video_time(t[kept])) / (1.0 + sync.clock_skew)
    body_from_log = axes_matrix(imu_orientation)
    log_from_cam = body_from_log.T @ read_only("R_body_cam", R_body_cam, (3, 3))
    gyro = rate_cam @ log_from_cam.T + read_only("drift", drift, (3,))
    gyro += noise * rng.standard_normal((len(t), 3))[kept]
    return GyroLog(t[kept], gyro, gaps=_holes(t, kept))


def write_log(log: GyroLog, path: str | PathLike[str]) -> None:
    """Write a CSV table t, gx, gy, gz in s and rad/s; nanoseconds and nanoradians are kept."""
    table = np.column_stack([log.t, log.gyro])
    np.savetxt(path, table, fmt="%.9f", delimiter=",", header="t,gx,gy,gz", comments="")


def _gaps(gaps: ArrayLike) -> Floats:
    return read_only("gaps", gaps if np.size(gaps) else np.empty((0, 2)), ("G", 2))


def _holes(t: Floats, kept: np.ndarray) -> Floats:
    """Return (G, 2) s: the last sample before and the first after each run that was not kept."""
    index = np.flatnonzero(kept)
    before = np.flatnonzero(np.diff(index) > 1)
    return np.column_stack([t[index[before]], t[index[before + 1]]])
