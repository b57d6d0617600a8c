"""What damage of a video takes of its pictures, in words."""

import math

import numpy as np

from stabilizer.errors import StabilizerError
from stabilizer.video.base import Ticks, VideoInfo, missing_between, seconds


def known_damage(info: VideoInfo, start: float | None, end: float | None) -> str:
    """Return what is known to be damaged between start and end (s) before that is decoded.

    None for either means the video's own.
    """
    n_faults, n_untimed = (_number(t, info, start, end) for t in (info.faults, info.untimed))
    faulty = f"it is damaged at {_counted(n_faults, 'place')}" if n_faults else ""
    have = f"{_counted(n_untimed, 'frame')} {'has' if n_untimed == 1 else 'have'}"
    without = f"{have} no time, or one out of order" if n_untimed else ""
    return ", ".join(filter(None, [info.damage if end is None else "", faulty, without]))


def refuse_known_damage(info: VideoInfo, start: float | None, end: float | None) -> None:
    """Raise StabilizerError if something is known to be damaged between start and end (s)."""
    damage = known_damage(info, start, end)
    if damage:
        raise refusal(info, damage)


def refusal(info: VideoInfo, damage: str) -> StabilizerError:
    """Return what is said where a damaged video is not to be saved."""
    return StabilizerError(f"{info.path}: {damage}; strict refuses to save the rest")


def lost_frames(
    info: VideoInfo,
    start: float | None,
    end: float | None,
    *,
    planned: int,
    done: int,
    damaged: int,
) -> str:
    """Return what damage took, where `done` of `planned` frames came; "" if nothing.

    `damaged` of those that came are so in part.
    """
    cause = known_damage(info, start, end)
    if done < planned or damaged:
        cause = cause or "some of it cannot be decoded"
    holes = np.repeat(info.frame_pts[1:], missing_between(info.frame_times))
    total = planned + max(_number(t, info, start, end) for t in (info.untimed, holes))
    which = f"{done} of {total} frames" if done < total else f"all {done} frames that are there"
    saved = f"{which} were saved" + (f", {damaged} damaged" if damaged else "")
    return f"{cause}: {saved}" if cause else ""


def _counted(n: int, thing: str) -> str:
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"


def _number(ticks: Ticks, info: VideoInfo, start: float | None, end: float | None) -> int:
    """Return how many of some times lie between start and end."""
    t = seconds(ticks, info.time_base)
    first = -math.inf if start is None else start
    after = math.inf if end is None else end
    return int(np.count_nonzero((t >= first) & (t < after)))
