"""What damage of a video takes of its pictures, in words."""

import math

import numpy as np

from stabilizer.video.base import VideoInfo, seconds


def known_damage(info: VideoInfo, start: float | None, end: float | None) -> str:
    """Return what is known to be damaged between start and end (s) before that is decoded.

    None for either means the video's own.
    """
    n_untimed = _untimed(info, start, end)
    frames = "1 frame has" if n_untimed == 1 else f"{n_untimed} frames have"
    without = f"{frames} no time, or one out of order" if n_untimed else ""
    return ", ".join(filter(None, [info.damage if end is None else "", without]))


def lost_frames(
    info: VideoInfo, start: float | None, end: float | None, *, planned: int, done: int
) -> str:
    """Return what damage took, where `done` frames of `planned` ones came; "" if nothing."""
    cause = known_damage(info, start, end)
    if done < planned:
        cause = cause or "some of it cannot be decoded"
    total = planned + _untimed(info, start, end)
    return f"{cause}: {done} of {total} frames were saved" if cause else ""


def _untimed(info: VideoInfo, start: float | None, end: float | None) -> int:
    t = seconds(info.untimed, info.time_base)
    first = -math.inf if start is None else start
    after = math.inf if end is None else end
    return int(np.count_nonzero((t >= first) & (t < after)))
