"""Up by the accelerometer: a log and its orientation in, unit vectors in its world frame out.

The inclination is VQF's without a magnetometer (Laidig and Seel, Information Fusion 91, 2023). Only
its slow part is kept: gyro and accelerometer disagree slowly, by drift, and all else is noise.
"""

import numpy as np

from gyro_data.checks import Floats
from gyro_data.errors import GyroDataError
from gyro_data.log import GyroLog
from gyro_data.orientation import Orientation, inside_gaps
from gyro_data.quaternions import conjugate, multiply, normalize, rotate, to_rotvec
from gyro_data.timestamps import resampled

GRAVITY = 9.81
"""m/s²."""
TOLERANCE = 0.3
"""Share by which the median acceleration may differ from gravity: sensors are off by a few percent,
vibration of half of gravity about each axis adds a third, gravity taken out leaves nothing near."""
TIME_CONSTANT = 2.0
"""s of the low-pass: two strides of a walk; drift of 1 deg/s turns little in it."""
LONGEST_BRIDGE = 0.3
"""s; the level is found anew after a longer gap. In a hand-held walk that is as far off, having no
past to lean on, as what the body turns unseen in a gap of this length (measured: 1.2 deg)."""


def up_direction(log: GyroLog, orientation: Orientation) -> Floats:
    """Return the unit vectors (N, 3) that point up, in the world frame of `orientation`, at log.t.

    What drift the log still has (up to 2 deg/s) turns that world, so up wanders there: it is VQF's
    inclination seen from the world, low-passed without delay. `orientation` is `integrate(log)`;
    where that is held across a gap, up jumps by what was turned unseen. Raises GyroDataError for a
    log without gravity in it or without the package vqf, ValueError for an orientation at other
    times than the log's.
    """
    if not np.array_equal(log.t, orientation.t):
        raise ValueError(
            f"orientation: expected one at the {len(log.t)} times of the log, as integrate makes "
            f"it; got one at {len(orientation.t)} times"
        )
    accel = _accelerations(log)
    starts = _stretches(log.t, orientation.gaps)
    up = np.empty_like(log.gyro)
    for start, end in zip(starts, [*starts[1:], len(log.t)], strict=True):
        part = slice(start, end)
        up[part] = _up_in_stretch(log.t[part], accel[part], orientation)
    return normalize(up)


def _accelerations(log: GyroLog) -> Floats:
    """Return the log's accelerations (N, 3), or raise GyroDataError if gravity is not in them."""
    if log.accel is None:
        raise GyroDataError(
            "the log has no accelerometer, which a level horizon needs: use a log with one, or "
            "leave the horizon as it is"
        )
    median = float(np.median(np.linalg.norm(log.accel, axis=1)))
    if abs(median - GRAVITY) > TOLERANCE * GRAVITY:
        raise GyroDataError(
            f"the log's accelerations have a median of {median:.3g} m/s², so they cannot hold "
            f"gravity ({GRAVITY} m/s²), which a level horizon needs: check their unit, and "
            f"log them with gravity included, or leave the horizon as it is"
        )
    return log.accel


def _stretches(t: Floats, gaps: Floats) -> list[int]:
    """Return where the stretches between gaps too long to bridge begin, as indices into t (N,)."""
    long = gaps[np.diff(gaps)[:, 0] > LONGEST_BRIDGE]
    return [0, *(1 + np.flatnonzero(inside_gaps((t[:-1] + t[1:]) / 2, long))).tolist()]


def _up_in_stretch(t: Floats, accel: Floats, orientation: Orientation) -> Floats:
    """Return up in the world (N, 3), about of unit length, at the instants `t` (N,) s of a stretch.

    VQF wants one rate: it gets N samples, as many as there are, evenly spaced over the stretch.
    """
    grid = np.linspace(t[0], t[-1], len(t))
    step = (t[-1] - t[0]) / (len(t) - 1) if len(t) > 1 else 1.0
    quat_xyzw = orientation.quat_at(grid)
    up_body = _up_in_body(_mean_rates(quat_xyzw, step), resampled(grid, t, accel), step)
    return resampled(t, grid, _slow_part(rotate(quat_xyzw, up_body), step))


def _mean_rates(quat_xyzw: Floats, step: float) -> Floats:
    """Return the rates (N, 3) rad/s with which VQF turns as the orientation (N, 4) has turned.

    Its sample k turns it from k − 1 to k at a constant rate: log(R[k−1]ᵀ R[k]) / step. The gyro's
    own samples would leave it half a step behind, 4 deg off in wild turns at 50 Hz.
    """
    turned = to_rotvec(multiply(conjugate(quat_xyzw[:-1]), quat_xyzw[1:]))
    return np.concatenate([turned[:1] if len(turned) else np.zeros((1, 3)), turned]) / step


def _up_in_body(gyro: Floats, accel: Floats, step: float) -> Floats:
    """Return up in body axes (N, 3) of samples `step` s apart: R_earth_bodyᵀ z, by VQF."""
    try:
        from vqf import offlineVQF
    except ImportError as error:
        raise GyroDataError(
            "a level horizon needs the package vqf, which is not installed: "
            "pip install vqf, or leave the horizon as it is"
        ) from error
    # VQF's earth frame has z up, and its quat6D is wxyz, earth <- body
    w, x, y, z = offlineVQF(gyro, accel, None, step)["quat6D"].T
    return np.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], axis=-1)


def _slow_part(up: Floats, step: float) -> Floats:
    """Low-pass unit vectors (N, 3), `step` s apart, without delay; half is left at the cut-off.

    Beyond the ends e they go on as their reflection 2 e (e · up) − up: at a steady drift's pace.
    """
    nyquist, cutoff = 0.5 / step, 1 / (2 * np.pi * TIME_CONSTANT)  # Hz
    if len(up) < 2 or cutoff >= nyquist:  # nothing faster is in them
        return up
    n = min(len(up) - 1, int(np.ceil(5 * TIME_CONSTANT / step)))
    before, after = up[n:0:-1], up[-2 : -n - 2 : -1]
    padded = np.concatenate([_reflected(before, up[0]), up, _reflected(after, up[-1])])
    from scipy.signal import butter, sosfiltfilt  # takes long to import

    low_pass = butter(2, cutoff / nyquist, output="sos")
    return np.asarray(sosfiltfilt(low_pass, padded, axis=0, padlen=0)[n:-n])


def _reflected(up: Floats, axis: Floats) -> Floats:
    """Turn vectors (N, 3) by half a turn about the unit vector `axis` (3,)."""
    return np.asarray(2 * np.outer(up @ axis, axis) - up)
