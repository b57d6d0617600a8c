"""What damage of a video takes of its pictures, in words."""

import math

import numpy as np

from stabilizer.errors import StabilizerError
from stabilizer.video.base import Ticks, VideoInfo, missing_between, seconds
from stabilizer.video.image_sequence import ImageSequence


def known_damage(info: VideoInfo, start: float | None, end: float | None) -> str:
    """Return what is known to be damaged between start and end (s) before that is decoded.

    None for either means the video's own.
    """
    n_faults, n_untimed = (len(_between(t, info, start, end)) for t in (info.faults, info.untimed))
    faulty = f"it is damaged at {_counted(n_faults, 'place')}" if n_faults else ""
    if n_faults and isinstance(info.path, ImageSequence):
        faulty = f"{_counted(n_faults, 'image')} {'is' if n_faults == 1 else 'are'} empty"
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
    info: VideoInfo, start: float | None, end: float | None, *, came: Ticks, damaged: int
) -> str:
    """Return what damage took between start and end (s), where the frames at `came` came.

    `damaged` of them are so in part. "" if nothing was lost.
    """
    cause = known_damage(info, start, end)
    planned = _between(info.frame_pts, info, start, end)
    gone = np.setdiff1d(planned, came)
    if len(gone) and isinstance(info.path, ImageSequence):
        cause = f"{info.path.named(gone)} cannot be decoded"
    elif len(gone) or damaged:
        cause = cause or "some of it cannot be decoded"
    holes = np.repeat(info.frame_pts[1:], missing_between(info.frame_times))
    missing = max(len(_between(t, info, start, end)) for t in (info.untimed, holes))
    done, total = len(came), len(planned) + missing
    which = f"{done} of {total} frames" if done < total else f"all {done} frames that are there"
    saved = f"{which} were saved" + (f", {damaged} damaged" if damaged else "")
    return f"{cause}: {saved}" if cause else ""


def _counted(n: int, thing: str) -> str:
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"


def _between(ticks: Ticks, info: VideoInfo, start: float | None, end: float | None) -> Ticks:
    """Return those of some times that lie between start and end (s)."""
    t = seconds(ticks, info.time_base)
    first = -math.inf if start is None else start
    after = math.inf if end is None else end
    return ticks[(t >= first) & (t < after)]
