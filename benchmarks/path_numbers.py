"""How restless a virtual path is, in numbers: px at 1080 lines, frames of 1/30 s."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.signal import butter, sosfiltfilt

from gyro_data.checks import Floats
from gyro_data.quaternions import conjugate, from_rotvec, multiply, normalize, to_rotvec
from stabilizer.crop import CroppedPath
from stabilizer.path import CameraPath

_CUTOFF = 1.0  # Hz, above which a motion is jitter
_RATE = 30.0  # 1/s, at which paths are looked at
_SKIPPED = 15  # of these frames at both ends
_STILL = 0.02  # px per frame, below which a virtual camera stands still


class Numbers(NamedTuple):
    """How restless a path is, RMS over frames; a frame is 1/30 s."""

    zoom: float
    """Mean."""
    max_zoom: float
    jitter: float
    """px above 1 Hz"""
    jerk: float
    """px / frame³"""
    acceleration: float
    """px / frame²"""
    zoom_speed: float
    """%/s"""
    max_zoom_speed: float
    """%/s"""
    still: float
    """% of the frames"""
    margin: float
    """px, the worst"""


COLUMNS = ("zoom", "max", "jitter", "jerk", "accel", "zoom %/s", "max", "still %", "margin")
FORMATS = ("7.4f", "7.3f", "9.3f", "9.4f", "9.3f", "9.2f", "7.1f", "9.1f", "10.4f")


def measure(path: CroppedPath, focal: float) -> Numbers:
    """Return the numbers of a path; `focal` px is what a radian is worth.

    The frames may come at any times: a spline through them is looked at 30 times per second.
    """
    values = np.column_stack([path.virtual.quat_xyzw, np.log(path.zoom)])
    first, last = path.virtual.t[[0, -1]]
    t = first + np.arange(int((last - first) * _RATE + 1e-6) + 1) / _RATE
    at = CubicSpline(path.virtual.t, values)(t)
    quat, zoom_speed = normalize(at[:, :4]), 100 * _RATE * np.diff(at[:, 4])
    step = focal * to_rotvec(multiply(conjugate(quat[:-1]), quat[1:]))
    place = np.concatenate([np.zeros((1, 3)), np.cumsum(step, axis=0)])
    above = sosfiltfilt(butter(4, _CUTOFF, "highpass", fs=_RATE, output="sos"), place, axis=0)
    velocity, acceleration, jerk = (_lengths(np.diff(place, n, axis=0)) for n in (1, 2, 3))
    return Numbers(
        float(path.zoom.mean()),
        float(path.zoom.max()),
        _rms(_lengths(above)),
        _rms(jerk),
        _rms(acceleration),
        _rms(zoom_speed),
        float(np.abs(zoom_speed).max()),
        100 * float(np.mean(velocity < _STILL)),
        float(path.margin.min()),
    )


def _lengths(x: Floats) -> Floats:
    return np.asarray(np.linalg.norm(x[_SKIPPED:-_SKIPPED], axis=-1))


def _rms(x: Floats) -> float:
    return float(np.sqrt(np.mean(x**2)))


def pooled(numbers: Iterable[Numbers]) -> Numbers:
    """Return geometric means over seeds; of largest values the largest, of margins the least."""
    rows = np.array(list(numbers))
    result = np.exp(np.log(np.maximum(rows, 1e-12)).mean(axis=0))
    for name, pool in (("max_zoom", np.max), ("max_zoom_speed", np.max), ("margin", np.min)):
        k = Numbers._fields.index(name)
        result[k] = pool(rows[:, k])
    result[Numbers._fields.index("still")] = rows[:, Numbers._fields.index("still")].mean()
    return Numbers(*result.tolist())


def print_row(name: str, numbers: Numbers) -> None:
    """Print one line of a table."""
    cells = (f"{value:{form}}" for value, form in zip(numbers, FORMATS, strict=True))
    print(f"{name:24}" + "".join(cells), flush=True)


def print_head(title: str) -> None:
    """Print a table's head."""
    cells = (f"{c:>{f.split('.')[0]}}" for c, f in zip(COLUMNS, FORMATS, strict=True))
    print(f"\n{title:24}" + "".join(cells))


def print_check() -> None:
    """Print the metrics of a swing whose numbers are known: amplitude/√2 (2 sin(π f / fps))ⁿ."""
    t, f, amplitude = np.arange(1801) / 30, 3.0, 10.0
    turn = np.outer(np.sin(2 * np.pi * f * t), [0, amplitude / 1450, 0])
    path = CameraPath(t, from_rotvec(turn))
    zoom = np.exp(0.01 * np.sin(2 * np.pi * 0.1 * t))
    found = measure(CroppedPath(path, zoom, np.zeros(len(t))), 1450.0)
    rms, factor = amplitude / np.sqrt(2), 2 * np.sin(np.pi * f / 30)
    truth = (rms, rms * factor**3, rms * factor**2, 0.2 * np.pi / np.sqrt(2))
    pairs = zip(("jitter", "jerk", "accel", "zoom %/s"), found[2:6], truth, strict=True)
    print("metrics of a known swing: " + ", ".join(f"{n} {a:.3f} ({b:.3f})" for n, a, b in pairs))
