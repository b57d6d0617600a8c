"""The two clocks: `ClockSync` maps presentation time of the video to the log's time and back."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gyro_data.checks import Floats, increasing, number, read_only

Knots = tuple[tuple[float, float], ...]

_LARGEST = 1e10  # s
_SUDDEN = 0.01  # s per s: no clock drifts like that
_STANDING = 0.5  # s of log per s of video: in a slower stretch the log is taken to have a hole


@dataclass(frozen=True)
class ClockSync:
    """t_log = (1 + clock_skew) · t_video + delay + correction(t_video)."""

    delay: float = 0.0
    """s on the log's clock at video time 0."""
    clock_skew: float = 0.0
    """How much faster the log's clock runs, as a ratio (1e-6 is 1 ppm)."""
    corrections: Knots = ()
    """(video time s, correction s) of a clock that jumps or runs unevenly: straight lines between
    them, constant before the first and after the last."""

    def __post_init__(self) -> None:
        number("delay", self.delay, minimum=-_LARGEST, maximum=_LARGEST)
        number("clock_skew", self.clock_skew, minimum=-0.1, maximum=0.1)
        if not self.corrections:
            return
        t, correction = increasing_knots(self.corrections)
        log_time = (1.0 + self.clock_skew) * t + correction
        if (np.diff(log_time) <= 0).any():
            raise ValueError("corrections: expected a log's clock that never goes backwards")

    def log_time(self, t_video: Floats) -> Floats:
        """Return the log's time of presentation times (s)."""
        straight = (1.0 + self.clock_skew) * t_video + self.delay
        return straight + self.correction(t_video) if self.corrections else straight

    def video_time(self, t_log: Floats) -> Floats:
        """Return the presentation times (s) of the log's times."""
        since = np.asarray(t_log) - self.delay
        if self.corrections:
            t, correction = np.array(self.corrections).T
            since = since - np.interp(since, (1.0 + self.clock_skew) * t + correction, correction)
        return since / (1.0 + self.clock_skew)

    def correction(self, t_video: Floats) -> Floats:
        """Return by how many s the log's time is off the straight line at presentation times."""
        t, correction = np.array(self.corrections or ((0.0, 0.0),)).T
        return np.asarray(np.interp(t_video, t, correction))

    def speed(self, t_video: Floats) -> Floats:
        """Return how many s of the log pass in one of the video, at presentation times."""
        t, correction = np.array(self.corrections or ((0.0, 0.0),)).T
        slopes = np.concatenate([[0.0], np.diff(correction) / np.diff(t), [0.0]])
        return np.asarray(1.0 + self.clock_skew + slopes[np.searchsorted(t, t_video)])

    @property
    def holes(self) -> Floats:
        """(G, 2) s of the video in which the log's clock all but stands: nothing was recorded."""
        if not self.corrections:
            return np.empty((0, 2))
        t = np.array(self.corrections)[:, 0]
        standing = self.speed((t[1:] + t[:-1]) / 2) < _STANDING
        return np.stack([t[:-1], t[1:]], axis=-1)[standing]

    @property
    def jumps(self) -> list[tuple[float, float]]:
        """(video time s, s by which the log's clock is ahead from there on): sudden changes."""
        return [
            (a[0], b[1] - a[1])
            for a, b in pairwise(self.corrections)
            if abs(b[1] - a[1]) > _SUDDEN * (b[0] - a[0])
        ]


def increasing_knots(corrections: Knots) -> tuple[Floats, Floats]:
    """Return times and corrections (K,) s, if there are such; else raise ValueError."""
    t, correction = read_only("corrections", corrections, ("K", 2)).T
    if np.abs(correction).max() > _LARGEST:
        raise ValueError(f"corrections: expected up to {_LARGEST:g} s, got {correction}")
    return increasing("corrections", t), correction
