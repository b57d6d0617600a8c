"""A file in: its facts by `probe`, its frames as native planes by `VideoReader`."""

import logging
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from itertools import chain
from types import MappingProxyType
from typing import Any, Self

import av
import numpy as np
from av.codec.context import ThreadType
from av.container import InputContainer
from av.stream import Discard
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from gyro_data.files import open_regular
from stabilizer.errors import StabilizerError
from stabilizer.video.base import (
    MOST_PIXELS,
    PIXEL_FORMATS,
    Chapter,
    Frame,
    PixelFormat,
    Plane,
    Ticks,
    VideoInfo,
    seconds,
)
from stabilizer.video.image_sequence import IMAGE2, ImageSequence
from stabilizer.video.pyav.formats import native_format
from stabilizer.video.pyav.parts import codec_name, is_cover
from stabilizer.video.pyav.picture_facts import (
    beside,
    chroma_offset,
    display_matrix,
    hdr10,
    siting_is_told,
)
from stabilizer.video.pyav.planes import plane_views
from stabilizer.video.pyav.scanning import (
    MOST_PIXELS_TEXT,
    Scan,
    no_times,
    packets_of,
    scan,
    time_base_of,
    times_by_order,
)

LOG = logging.getLogger(__name__)

AnyPath = str | os.PathLike[str]

_BEFORE_19 = int(av.__version__.split(".")[0]) < 19
LENIENT_TAGS: dict[str, Any] = {"metadata_errors": "surrogateescape"} if _BEFORE_19 else {}
"""Options of av.open that let tags survive byte by byte if not UTF-8; PyAV 19 needs none."""

COLOUR = {
    "range": "color_range",
    "matrix": "colorspace",
    "primaries": "color_primaries",
    "transfer": "color_trc",
}
"""Our names of the colour tags and PyAV's."""
_FULL_RANGE = 2
_LIMITS = {"max_pixels": str(MOST_PIXELS)}
"""Options of decoders, which refuse larger pictures before they take memory for them."""
_NO_PICTURES = {"skip_frame": "all"}
"""Options of decoders that take no pictures."""
_PROGRESSIVE = 1
"""FFmpeg's number of the order of fields where a picture has none; 0 if that is unknown."""
_SAYS_INTERLACED = (
    "is interlaced by its head, but not by its pictures; if moving edges look like combs, "
    "deinterlace it first, e.g. with ffmpeg -vf bwdif"
)
_LOSES_LEAST = ThreadType.SLICE
"""How threads decode a damaged file: of frames decoded at once, an error takes some that follow."""
_STEPS_BACK = (0.0, 2.0, 10.0, 60.0, math.inf)
"""s before the start where a keyframe is looked for: containers seek by time of decoding, which may
lead to a keyframe that is shown after the start."""


def probe(path: AnyPath) -> VideoInfo:
    """Return the facts of the first video stream, from one pass over its packets.

    `frame_pts` holds what `VideoReader` gives: no frame outside the container's edit list, none
    before the first that can be decoded (of a clip cut inside a group of pictures), none without a
    time or out of order. Raises StabilizerError if the file is not a video that can be stabilized.
    """
    source, path = path, os.fspath(path)
    with opened(source) as container:
        stream = _video_stream(container, path)
        found = scan(container, stream, path)
        if found.damage:  # where other tracks end, pictures may go on
            alone = _scanned_alone(source)
            damage = alone.damage or found.damage
            found = alone._replace(faults=found.faults, damage=damage)
        first = found.first
        pixel_format = _accepted(first, source)
        if found.repeated:
            LOG.warning(
                "%s: %d frames have the time of another one, and are left out", path, found.repeated
            )
        if stream.codec_context.field_order > _PROGRESSIVE:
            LOG.warning("%s: %s", path, _SAYS_INTERLACED)
        stored = first.format.name
        codec = codec_name(stream)
        return VideoInfo(
            path=source if isinstance(source, ImageSequence) else path,
            width=first.width,
            height=first.height,
            pixel_format=pixel_format.name,
            codec=codec,
            time_base=time_base_of(stream),
            frame_pts=found.frame_pts,
            sample_aspect_ratio=stream.sample_aspect_ratio or Fraction(1),
            chroma_offset_xy=chroma_offset(first, told=siting_is_told(stream)),
            display_matrix=display_matrix(first),
            audio=tuple(codec_name(s) for s in container.streams.audio),
            colour=_colour(first, _FULL_RANGE if isinstance(source, ImageSequence) else 0),
            metadata=container.metadata,
            stream_metadata=stream.metadata,
            roles=int(stream.disposition),
            chapters=_chapters(container),
            hdr10=hdr10(first),
            side_data=beside(first),
            stored_format="" if stored == pixel_format.name else stored,
            repeated=found.repeated,
            untimed=found.untimed,
            faults=np.union1d(found.faults, _empty_images(source)),
            damage=found.damage,
        )


def _scanned_alone(source: AnyPath) -> Scan:
    """Return what a pass over the packets of the first video stream alone tells."""
    path = os.fspath(source)
    with opened(source) as container:
        return scan(container, _only_video_stream(container, path), path)


def _empty_images(source: AnyPath) -> Ticks:
    """Return the ticks at which images of a sequence are empty; image2 counts them from 0."""
    if not isinstance(source, ImageSequence):
        return np.zeros(0, np.int64)
    return np.flatnonzero([path.name in source.empty for path in source.files])


class VideoReader:
    """The frames of the first video stream with start <= t < end (s), in order of presentation.

    They are decoded by so many `threads`, 0 for one for each processor; each holds some frames.
    A context manager, to be iterated once; a file that was not probed before is. Planes are
    read-only views of the decoder's buffer, valid for as long as they are kept. All frames are of
    `VideoInfo.frame_pts`; those that cannot be decoded are left out.
    Raises StabilizerError for what cannot be stabilized.
    """

    def __init__(
        self,
        video: AnyPath | VideoInfo,
        *,
        start: float | None = None,
        end: float | None = None,
        threads: int = 0,
    ) -> None:
        self._video, self._threads = video, threads
        self._source = video.path if isinstance(video, VideoInfo) else video
        self.path = os.fspath(self._source)
        self.start = -math.inf if start is None else start
        self.end = math.inf if end is None else end
        self.n_damaged = 0
        """Frames so far of which a part could not be decoded."""

    def __enter__(self) -> Self:
        info = self._video if isinstance(self._video, VideoInfo) else probe(self._video)
        self._times = info.frame_pts.tolist()
        self._known = frozenset(self._times)
        self._container = opened(self._source)
        self._stream = _only_video_stream(self._container, self.path)
        self._by_order = times_by_order(self._container, self._stream)
        sound = not info.damage and not info.faults.size
        self._stream.thread_type = ThreadType.AUTO if sound else _LOSES_LEAST
        self._stream.codec_context.thread_count = self._threads
        self._time_base = time_base_of(self._stream)
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def __iter__(self) -> Iterator[Frame]:
        layout = ""
        for pts, picture in self._pictures():
            t = seconds(pts, self._time_base)
            layout = layout or _layout(picture)
            if _layout(picture) != layout:
                raise StabilizerError(
                    f"{self.path}: changes from {layout} to {_layout(picture)} at {t:.3f} s; "
                    f"stabilize the parts before and after one by one"
                )
            if t >= self.end:
                return
            if t >= self.start:
                self.n_damaged += picture.is_corrupt
                yield Frame(*_native(picture, self._source), t, pts)

    def _pictures(self) -> Iterator[tuple[int, VideoFrame]]:
        """Decode from the beginning, or from a keyframe that is shown at or before the start."""
        pictures = self._decoded()
        first = None
        for back in _STEPS_BACK if self._can_seek() else ():
            self._seek(self.start - back)
            pictures = self._decoded()
            first = next(pictures, None)
            if first is not None and seconds(first[0], self._time_base) <= self.start:
                break
        return pictures if first is None else chain([first], pictures)

    def _decoded(self) -> Iterator[tuple[int, VideoFrame]]:
        """Yield ticks and frames from where the container is, in order of presentation.

        Of frames that are out of order, the one whose time fits neither side is left out. But if
        the packets are in order, all times are those of decoding: StabilizerError.
        """
        self._reordered = False
        before, held = -math.inf, None
        for pts, picture in self._timed():
            if held is None:
                held = pts, picture
            elif pts > held[0]:
                yield held
                before, held = held[0], (pts, picture)
            elif pts < held[0]:
                if not self._reordered:
                    raise StabilizerError(no_times(self.path))
                held = (pts, picture) if pts > before else held
        if held is not None:
            yield held

    def _timed(self) -> Iterator[tuple[int, VideoFrame]]:
        """Yield the frames that can be decoded and have a time, in the codec's order."""
        if self._by_order:
            return zip(self._times, self._coded(), strict=False)
        known = self._known
        return ((p.pts, p) for p in self._coded() if p.pts is not None and p.pts in known)

    def _coded(self) -> Iterator[VideoFrame]:
        """Yield the frames that can be decoded, in the codec's order."""
        context = self._stream.codec_context
        last: float = -math.inf
        for packet in packets_of(self._container, self._stream):
            told = None if packet is None else packet.pts
            if told is not None and told in self._known:
                self._reordered |= told < last
                last = told
            pictures = []
            with suppress(av.FFmpegError):
                pictures = context.decode(None) if packet is None else packet.decode()
            yield from pictures

    def _can_seek(self) -> bool:
        """Tell whether there is need to seek and an index: MPEG's own streams land anywhere."""
        if self._by_order or self.start == -math.inf:
            return False
        return self._container.format.name not in ("mpeg", "mpegts")

    def _seek(self, t: float) -> None:
        begin = self._stream.start_time or 0
        target = max(t / float(self._time_base), begin)
        with suppress(av.FFmpegError):  # what cannot seek is read from its beginning
            self._container.seek(math.floor(target), stream=self._stream)


@contextmanager
def errors_about(path: AnyPath, fact: str) -> Iterator[None]:
    """Turn errors of FFmpeg and of the file system into StabilizerError."""
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        raise StabilizerError(f"{os.fspath(path)}: {fact}: {error.strerror}") from error


def opened(path: AnyPath, *, pictures: bool = True) -> InputContainer:
    """Open a file to read from, or a sequence of images.

    FFmpeg decodes some, which takes longer than all else; without `pictures` it does not, and they
    may have neither format nor size.
    Raises StabilizerError if it is missing or no audio or video.
    """
    how: dict[str, Any] = {"options": _LIMITS if pictures else _LIMITS | _NO_PICTURES}
    with errors_about(path, "is not a video that FFmpeg can read"):
        if isinstance(path, ImageSequence):
            name, options = path.for_ffmpeg
            how = {"options": how["options"] | options, "format": IMAGE2}
            if path.empty:
                how["io_open"] = path.opened_image
        else:
            open_regular(path).close()  # of a pipe, FFmpeg would wait for the end
            name = os.path.abspath(path)  # relative, what is before a colon were a protocol
        container: InputContainer = av.open(name, "r", **how, **LENIENT_TAGS)
        return container


def _video_stream(container: InputContainer, path: str) -> VideoStream:
    """Return the first video stream that is not a cover picture.

    Raises StabilizerError if there is none that can be decoded, or its pictures are too large.
    """
    streams = [s for s in container.streams.video if not is_cover(s)]
    if not streams:
        raise StabilizerError(f"{path}: has no video stream; choose a video file")
    if len(streams) > 1:
        LOG.info("%s: has %d video streams, the first is used", path, len(streams))
    stream = streams[0]
    if not stream.codec_context:
        raise StabilizerError(
            f"{path}: its video is of a codec that is not known here; is the file complete?"
        )
    if stream.width * stream.height > MOST_PIXELS:
        raise StabilizerError(
            f"{path}: its pictures have {stream.width}x{stream.height} pixels, more than "
            f"{MOST_PIXELS_TEXT}; if the file is not damaged, make it smaller first, e.g. with "
            "ffmpeg -vf scale"
        )
    stream.codec_context.options = dict(_LIMITS)
    return stream


def _only_video_stream(container: InputContainer, path: str) -> VideoStream:
    """Return what `_video_stream` does, and have the container read no other one."""
    stream = _video_stream(container, path)
    for other in container.streams:
        if other is not stream:
            other.discard = Discard.all
    return stream


def _accepted(picture: VideoFrame, path: AnyPath) -> PixelFormat:
    """Return the format as which a frame is read; raises StabilizerError if it is interlaced."""
    if picture.interlaced_frame and not isinstance(path, ImageSequence):  # a PNG's way to store
        raise StabilizerError(
            f"{path}: is interlaced; deinterlace it first, e.g. with ffmpeg -vf bwdif"
        )
    try:
        return PIXEL_FORMATS[native_format(picture.format.name)]
    except ValueError as error:
        raise StabilizerError(
            f"{path}: has pixel format {picture.format.name}, which is not known here; convert it "
            "first, e.g. with ffmpeg -pix_fmt yuv420p"
        ) from error


def _native(picture: VideoFrame, path: AnyPath) -> tuple[Sequence[Plane], PixelFormat]:
    """Return the planes of a frame in its native format, and that."""
    pixel_format = _accepted(picture, path)
    if picture.format.name != pixel_format.name:
        picture = picture.reformat(format=pixel_format.name)
    return plane_views(picture, writable=False), pixel_format


def _chapters(container: InputContainer) -> tuple[Chapter, ...]:
    return tuple(
        Chapter(
            float(chapter["start"] * chapter["time_base"]),
            float(chapter["end"] * chapter["time_base"]),
            MappingProxyType(dict(chapter["metadata"])),
        )
        for chapter in container.chapters()
        if chapter["time_base"] is not None
    )


def _layout(picture: VideoFrame) -> str:
    return f"{picture.width}x{picture.height} {picture.format.name}"


def _colour(picture: VideoFrame, usual_range: int) -> dict[str, int]:
    """Return the colour tags of a picture, which has the usual range if it does not say."""
    colour: dict[str, int] = {ours: getattr(picture, theirs) for ours, theirs in COLOUR.items()}
    return {**colour, "range": colour["range"] or usual_range}
