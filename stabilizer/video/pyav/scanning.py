"""One pass over a stream's packets: when its frames are shown, and what of it is damaged."""

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from typing import Any, NamedTuple

import av
import av.logging
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from stabilizer.errors import StabilizerError
from stabilizer.video.base import MOST_PIXELS, Ticks, missing_between, seconds
from stabilizer.video.image_sequence import IMAGE2
from stabilizer.video.pyav.file_ends import lacks_end
from stabilizer.video.pyav.frame_order import in_order

MOST_PIXELS_TEXT = f"{math.isqrt(MOST_PIXELS)}x{math.isqrt(MOST_PIXELS)} pixels"
"""How large a picture may be."""

_MATROSKA_DURATION = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")
_LONGEST_LAST_FRAME = 0.25  # s
_TRANSPORT_STREAM = "mpegts"
"""What holds frames that come evenly: cameras write no pauses into it."""
_AVI = "avi"
_ONLY_DECODING_TIMES = (_AVI, "asf")
"""What says when packets are due; of frames shown in another order, FFmpeg guesses when."""
_CORRUPT = "Packet corrupt"
"""How FFmpeg begins what it warns of where a packet is marked as damaged."""


class Scan(NamedTuple):
    """What a pass over all packets tells."""

    frame_pts: Ticks
    """Of all frames that are shown."""
    first: VideoFrame
    repeated: int
    untimed: Ticks
    faults: Ticks
    damage: str


class _Seen(NamedTuple):
    """What a look at all packets gives."""

    first: VideoFrame | None
    """The first frame that can be decoded."""
    told: list[int | None]
    """What each packet that is shown tells of its time."""
    n_packets: int
    faults: list[int]
    """About when, in the stream's ticks, something is damaged or missing, of this or another."""
    cut_off: bool
    """Whether the file could be read no further at some place."""


def scan(container: InputContainer, stream: VideoStream, path: str) -> Scan:
    """Return the ticks of all frames that are shown, the first of these frames, and what is wrong.

    Raises StabilizerError where no frame can be decoded, or most have no time of their own.
    """
    seen = _looked_through(container, stream)
    first = seen.first
    if first is None:
        if not stream.width:
            raise StabilizerError(
                f"{path}: its pictures have no size, or one over {MOST_PIXELS_TEXT}; is the file "
                "complete?"
            )
        raise StabilizerError(f"{path}: holds no frame that can be decoded; is the file complete?")
    known, untimed = _timed(seen.told)
    begin = first.pts if first.pts is not None and first.pts in known else -math.inf
    if container.format.name == IMAGE2 or times_by_order(container, stream):
        begin = -math.inf  # no frame needs another one; frames are known by their number
    shown, untimed = known[known >= begin], untimed[untimed >= begin]
    once = np.unique(shown)
    if len(shown) <= len(untimed):
        raise StabilizerError(no_times(path))
    damage = _damage(container, stream, path, seen, once)
    faults = np.array(seen.faults, dtype=np.int64)
    if container.format.name == _TRANSPORT_STREAM and not len(untimed):
        holes = np.flatnonzero(missing_between(seconds(once, time_base_of(stream))))
        faults = np.union1d(faults, once[holes + 1])
    return Scan(once, first, len(shown) - len(once), untimed, faults, damage)


def _looked_through(container: InputContainer, stream: VideoStream) -> _Seen:
    """Read all packets, and decode until there is a frame."""
    first: VideoFrame | None = None
    told: list[int | None] = []
    faults: list[int] = []
    n_packets, now, cut_off = 0, stream.start_time or 0, False
    by_order = times_by_order(container, stream)
    stream.codec_context.thread_count = 1  # as `_errors_of` wants
    with _errors_of(container) as has_failed:
        for packet in packets_of(container):
            failed = has_failed()
            if packet is None or not packet.size:
                cut_off |= failed or packet is None
            else:
                if packet.dts is not None:
                    now = round(packet.dts * packet.time_base / time_base_of(stream))
                if failed or packet.is_corrupt:
                    faults.append(now)
                if packet.stream is stream:
                    n_packets += 1
                    told += [] if packet.is_discard else [packet.dts if by_order else packet.pts]
            if first is None and (packet is None or packet.stream is stream):
                with suppress(av.FFmpegError):
                    context = stream.codec_context
                    pictures = context.decode(None) if packet is None else packet.decode()
                    first = next(iter(pictures), None)
    return _Seen(first, told, n_packets, faults, cut_off)


@contextmanager
def _errors_of(container: InputContainer) -> Iterator[Callable[[], bool]]:
    """Give a function that tells if the demuxer found errors since it was asked before.

    Where a demuxer can go on, it tells of damage in FFmpeg's log alone: pieces that parsers cut out
    of its packets lose the mark that these have.

    No thread but this one may decode meanwhile: it could wait for Python while it is waited for.
    """
    demuxer, before = container.format.name, av.logging.get_level()
    av.logging.set_level(av.logging.WARNING)
    try:
        with av.logging.Capture() as logs:

            def has_failed() -> bool:
                told = [(level, text) for level, name, text in logs if name == demuxer]
                logs.clear()
                return any(
                    level <= av.logging.ERROR or text.startswith(_CORRUPT) for level, text in told
                )

            yield has_failed
    finally:
        av.logging.set_level(before)


def _damage(
    container: InputContainer, stream: VideoStream, path: str, seen: _Seen, shown: Ticks
) -> str:
    """Return what is wrong with a file whose frames are at the ticks `shown`; "" if nothing."""
    stated = _stated_frames(container, stream)
    if seen.n_packets < stated:
        return f"it is cut off, with {seen.n_packets} of {stated} frames"
    if seen.cut_off:
        return "it cannot be read to its end"
    t = seconds(shown, time_base_of(stream))
    last = max(_LONGEST_LAST_FRAME, 2 * float(np.diff(t).max(initial=0.0)))
    if t[-1] + last < _stated_end(container, stream):
        return "it ends before it says"
    return "it is cut off" if lacks_end(path, container.format.name) else ""


def packets_of(container: InputContainer, *streams: Stream) -> "Iterator[Packet[Any] | None]":
    """Yield the streams' packets, or all; None at last where the file can be read no further."""
    try:
        yield from container.demux(*streams)
    except av.FFmpegError:
        yield None


def time_base_of(stream: Stream) -> Fraction:
    """Return s per tick."""
    assert stream.time_base is not None  # every demuxer sets it
    return stream.time_base


def times_by_order(container: InputContainer, stream: VideoStream) -> bool:
    """Tell if the k-th frame that is shown has the k-th time: no packet tells that of its own.

    In AVI, packets are numbered as they come; as many frames are shown one after the other. ASF has
    times, of which it does not say of what.
    """
    return container.format.name in _ONLY_DECODING_TIMES and stream.codec_context.has_b_frames


def no_times(path: str) -> str:
    """Return what is told of a file whose frames have no times, or wrong ones."""
    return (
        f"{path}: its frames have no presentation times of their own; write it into an .mp4 "
        f"with a known frame rate first"
    )


def _timed(told: list[int | None]) -> tuple[Ticks, Ticks]:
    """Return the times that can be right, and about when the frames without one are shown."""
    has_time = np.array([pts is not None for pts in told], dtype=bool)
    pts = np.array([pts for pts in told if pts is not None], dtype=np.int64)
    right = in_order(pts) if len(pts) else np.zeros(0, bool)
    known = pts[right]
    timed = np.flatnonzero(has_time)[right]
    untimed = np.setdiff1d(np.arange(len(told)), timed)
    if not len(known):
        return known, np.zeros(len(untimed), np.int64)
    nearest = np.maximum(np.searchsorted(timed, untimed) - 1, 0)
    return known, known[nearest]


def _stated_frames(container: InputContainer, stream: VideoStream) -> int:
    """Return how many frames there are by what an MP4's heads or a folder's files say, else 0."""
    if container.format.name == IMAGE2:  # each tick has one
        return stream.duration or 0
    if "mp4" not in container.format.name:
        return 0
    return stream.frames or len(stream.index_entries)  # of the fragments that were reached


def _stated_end(container: InputContainer, stream: VideoStream) -> float:
    """Return when (s) the last frame ends by what the head of a Matroska or AVI file says."""
    if container.format.name == _AVI:  # each tick has a packet, of nothing too
        return stream.frames * float(time_base_of(stream))
    told = _MATROSKA_DURATION.fullmatch(stream.metadata.get("DURATION", ""))
    if told is not None:
        hours, minutes, rest = (float(part) for part in told.groups())
        return 3600 * hours + 60 * minutes + rest
    alone = len(container.streams) == 1 and container.format.name.startswith("matroska")
    if not alone or container.duration is None:
        return -math.inf
    return container.duration / av.time_base
