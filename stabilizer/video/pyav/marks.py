"""Chapters and timecode: marks on a video's time, moved as it is cut."""

import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from stabilizer.video.base import Chapter

_TICK = Fraction(1, 1_000_000)  # s
_TIMECODE = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.])(\d\d+)")
_DROPPED = {30: 2, 60: 4}
"""Numbers that drop-frame counting leaves out at a minute's start, by frames a second."""
_DAY = 24 * 60 * 60  # s


def chapters_between(
    chapters: Iterable[Chapter], origin: Fraction | None, end: float | None
) -> list[Any]:
    """Return chapters as PyAV wants them: what of them is kept, from the origin (s) on."""
    first = float(origin or 0)
    made: list[Any] = []
    for chapter in chapters:
        start = chapter.start if origin is None else max(chapter.start, first)
        stop = chapter.end if end is None else min(chapter.end, end)
        if start < stop:
            made.append(
                {
                    "id": len(made),
                    "start": round((start - first) / _TICK),
                    "end": round((stop - first) / _TICK),
                    "time_base": _TICK,
                    "metadata": dict(chapter.tags),
                }
            )
    return made


def later(timecode: str, n_frames: int, rate: Fraction | float) -> str | None:
    """Return an SMPTE 12M timecode `n_frames` later, None if it is not one.

    `rate` are frames per second. Behind ";" numbers are dropped so that 29.97 frames a second keep
    the pace of a clock: the first two of each minute but every tenth.
    """
    parts = _TIMECODE.fullmatch(timecode)
    per_second = round(rate)
    if parts is None or per_second < 1:
        return None
    hours, minutes, seconds, frames = (int(parts[k]) for k in (1, 2, 3, 5))
    dropped = _DROPPED.get(per_second, 0) if parts[4] != ":" else 0
    whole_minutes = 60 * hours + minutes
    count = (60 * whole_minutes + seconds) * per_second + frames
    count += n_frames - dropped * (whole_minutes - whole_minutes // 10)
    per_minute = 60 * per_second - dropped
    per_ten = 10 * per_minute + dropped
    tens, rest = divmod(count, per_ten)
    if dropped:
        count += 9 * dropped * tens + dropped * max(0, (rest - dropped) // per_minute)
    count %= _DAY * per_second
    clock, frames = divmod(count, per_second)
    hours, minutes, seconds = clock // 3600, clock // 60 % 60, clock % 60
    return f"{hours:02}:{minutes:02}:{seconds:02}{parts[4]}{frames:02}"
