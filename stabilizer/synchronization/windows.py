"""Where to look: windows of a video, (start, end) in s, for a first look and for the fine stage."""

from itertools import pairwise

import numpy as np

from gyro_data.checks import Floats
from gyro_data.log import GyroLog
from stabilizer.synchronization.coarse import BAND, band_passed, log_rates_at

Span = tuple[float, float]

LENGTH = 4.0
"""s of a window."""

_WHOLE = 12.0  # s: a shorter clip is looked at throughout
_GLANCE, _GLANCE_EVERY = 4.0, 12.0  # s
_PLACES = (0.5, 0.2, 0.8)  # of a long clip: where to glance until something is to be seen
_FEWEST, _MOST = 8, 60  # windows of a long clip
_EVERY = 60.0  # s of a long clip that have a window
_STEP = 0.05  # s
_END = 1e-6  # s beyond the last frame


def is_short(frame_times: Floats) -> bool:
    """Tell if a clip is looked at throughout."""
    return bool(frame_times[-1] - frame_times[0] <= _WHOLE)


def glances(frame_times: Floats) -> list[list[Span]]:
    """Return windows for a first look, in the order in which they are to be tried.

    All of a short clip; of a longer one three windows at its middle, then before and after.
    """
    first, last = float(frame_times[0]), float(frame_times[-1])
    if is_short(frame_times):
        return [[(first, last + _END)]]
    room = min((last - first - _GLANCE) / 2, _GLANCE_EVERY)
    low, high = first + room + _GLANCE / 2, last - room - _GLANCE / 2
    middle, *others = (float(np.clip(first + p * (last - first), low, high)) for p in _PLACES)
    middles = [middle, *(m for m in others if abs(m - middle) > _GLANCE)]
    return [[_glance(m + shift) for shift in (-room, 0.0, room)] for m in middles]


def _glance(middle: float) -> Span:
    return (middle - _GLANCE / 2, middle + _GLANCE / 2)


def telling_windows(frame_times: Floats, log: GyroLog, delay: float) -> list[Span]:
    """Return the window of each part of the clip in which the gyro shakes most."""
    first, last = float(frame_times[0]), float(frame_times[-1])
    wanted = int(np.clip((last - first) / _EVERY, _FEWEST, _MOST))
    n = max(1, min(wanted, int((last - first) / LENGTH)))
    edges = np.linspace(first, last + _END, n + 1).tolist()
    return [most_telling(log, delay, part) for part in pairwise(edges)]


def most_telling(log: GyroLog, delay: float, stretch: Span) -> Span:
    """Return the window of a stretch in which the gyro shakes most; a short one is all of it."""
    start, end = stretch
    if end - start <= LENGTH:
        return (start, end)
    t = np.arange(start, end, _STEP)
    shake = band_passed(log_rates_at(log, t + delay, _STEP), 1.0 / _STEP, (BAND[0], 9.0))
    energy = np.concatenate([[0.0], np.cumsum((shake**2).sum(axis=1))])
    length = int(LENGTH / _STEP)
    best = float(t[np.argmax(energy[length:] - energy[:-length])])
    return (best, min(best + LENGTH, end))
