"""A file out: frames encoded with their own ticks, other tracks copied as they are."""

import math
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, Self
from weakref import WeakKeyDictionary

import av
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from stabilizer.errors import StabilizerError
from stabilizer.new_files import (
    check_new_file,
    check_new_folder,
    partial_name,
    put_in_place,
    remove,
)
from stabilizer.video.base import PIXEL_FORMATS, Frame, VideoInfo, seconds
from stabilizer.video.encoding import Encoding
from stabilizer.video.image_sequence import ImagePattern, ImageSequence
from stabilizer.video.pyav.containers import CONTAINERS
from stabilizer.video.pyav.conversion import Converter, conversion_text
from stabilizer.video.pyav.encoder import (
    chosen_encoder,
    encoder_options,
    open_encoder,
    untold,
)
from stabilizer.video.pyav.images import images_leave_out
from stabilizer.video.pyav.marks import chapters_between, later
from stabilizer.video.pyav.other_tracks import OtherTracks, opened_for_tracks
from stabilizer.video.pyav.parts import Told, lost_facts, shown_unasked
from stabilizer.video.pyav.planes import plane_views
from stabilizer.video.pyav.reading import (
    LENIENT_TAGS,
    AnyPath,
    errors_about,
    opened,
)
from stabilizer.video.pyav.tags import tag, track_tags, true_tags

_TIMECODE = "timecode"
_TELL_PIXEL_SHAPE = ("h264", "hevc")
"""Codecs that say it themselves: PyAV does not let it be told to Matroska."""


def check_output(path: AnyPath, *, inputs: Iterable[AnyPath] = (), overwrite: bool = False) -> None:
    """Raise StabilizerError unless a video can be written to `path` without harm to `inputs`.

    Images are written to a folder that is new, is empty, or with `overwrite` holds only images of
    the same pattern.
    """
    container = CONTAINERS.get(Path(path).suffix.lower())
    if container is None or not container.is_images:
        check_new_file(path, suffixes=CONTAINERS, inputs=inputs, overwrite=overwrite)
        return
    pattern = ImagePattern.parse(path)

    def replaceable(name: str) -> bool:
        return pattern.number(name) is not None

    folder = pattern.folder.resolve()
    check_new_folder(folder, replaceable=replaceable, inputs=inputs, overwrite=overwrite)


class VideoWriter:
    """A new file of encoded frames that appears under its name when it is complete, or not at all.

    So does a new folder of images, PNG or TIFF, where `path` is a pattern for their names; their
    numbers are those of the input's images, else from 1 on.

    A context manager. Presentation times, colour and HDR tags, pixel shape, rotation, chapters and
    the container's tags are those of `info` (but Matroska rounds times to 1 ms and begins at 0).
    All other tracks of the file `tracks_from` are copied packet by packet where the container can
    hold them. With `start` (s), the first frame moves to time 0 and the tracks with it, and what of
    them is before it is left out; so is what is from `end` (s) on. Raises StabilizerError for what
    cannot be written; where `strict`, for other tracks that are damaged too.
    """

    def __init__(
        self,
        path: AnyPath,
        info: VideoInfo,
        *,
        encoding: Encoding = Encoding(),  # noqa: B008 (frozen)
        tracks_from: AnyPath | None = None,
        start: float | None = None,
        end: float | None = None,
        overwrite: bool = False,
        strict: bool = False,
    ) -> None:
        self.path = Path(path)
        self.info = info
        self.encoding = encoding
        self.tracks_from = tracks_from
        self.start = start
        self.end = end
        self.overwrite = overwrite
        self.strict = strict
        self.left_out: list[str] = []
        """What of the input the output does not hold, in words."""
        self.changed: list[str] = []
        """What it holds otherwise than the input, in words."""
        self._tracks: OtherTracks | None = None

    @property
    def tracks_damaged(self) -> bool:
        """Whether some of the other tracks could not be read or copied."""
        return self._tracks is not None and self._tracks.damaged

    def __enter__(self) -> Self:
        self._check()
        self._kind = CONTAINERS[self.path.suffix.lower()]
        self._target = self.path.parent.resolve() if self._kind.is_images else self.path
        self._partial = partial_name(self._target)
        # the pictures behind the frames of `new_frame`, for as long as somebody keeps these
        self._fresh: WeakKeyDictionary[Frame, VideoFrame] = WeakKeyDictionary()
        self._spare: list[VideoFrame] = []  # fresh memory would cost more than copying a frame
        self._shift: int | None = None
        self._last_pts = -1
        with ExitStack() as cleanup, errors_about(self.path, "cannot be written"):
            cleanup.callback(remove, self._partial)
            self._container = self._open()
            cleanup.callback(self._discard)
            self._stream = self._add_video()
            if self.tracks_from is not None:
                source = cleanup.enter_context(opened_for_tracks(self.tracks_from))
                self._tracks = OtherTracks(source, self._container, self._kind)
                self.left_out += self._tracks.left_out
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(self, error_type: type[BaseException] | None, *_: object) -> None:
        with self._cleanup, errors_about(self.path, "cannot be written"):
            if error_type is None:
                self._finish()

    def new_frame(self, pts: int) -> Frame:
        """Return a frame for `pts` ticks whose planes are the encoder's memory, to be filled.

        Memory is used again: after `write` the planes belong to another frame. Any thread may ask
        for frames, also while another one writes.
        """
        pixel_format = PIXEL_FORMATS[self.info.pixel_format]
        try:
            picture = self._spare.pop()
        except IndexError:
            picture = VideoFrame(self.info.width, self.info.height, self._format)
        else:
            picture.make_writable()  # copies if the encoder still reads from it
        planes = plane_views(picture, writable=True)
        frame = Frame(planes, pixel_format, seconds(pts, self.info.time_base), pts)
        self._fresh[frame] = picture
        return frame

    def write(self, frame: Frame) -> None:
        """Encode the next `frame` in order of presentation, copying it unless it is a `new_frame`.

        Raises ValueError if its planes do not fit the output, or its pts is negative or not after
        the last one.
        """
        if frame.pts <= self._last_pts:
            raise ValueError(f"pts: expected more than {self._last_pts}, got {frame.pts}")
        picture = self._fresh.pop(frame, None) or self._copied(frame)
        with errors_about(self.path, "cannot be written"):
            if self._shift is None:
                self._shift = self._begin(frame.pts)
            picture.pts = frame.pts - self._shift
            self._last_pts = frame.pts
            self._mux(self._stream.encode(self._converted(picture)))
        self._spare.append(picture)

    def _check(self) -> None:
        inputs = [p for p in (self.info.path, self.tracks_from) if p]
        check_output(self.path, inputs=inputs, overwrite=self.overwrite)

    def _open(self) -> OutputContainer:
        kind = self._kind
        tags = true_tags(self.info.metadata)
        options = _mp4_options(self.info.time_base, tags) if kind.iso else {}
        name = str(self._partial.absolute())  # relative, what is before a colon were a protocol
        if kind.is_images:
            self._partial.mkdir()
            name = ImagePattern.parse(self.path).for_ffmpeg(self._partial)
        container: OutputContainer = av.open(
            name, "w", kind.muxer, container_options=options, **LENIENT_TAGS
        )
        container.metadata.update(tags)
        return container

    def _add_video(self) -> VideoStream:
        info = self.info
        name = chosen_encoder(self.encoding, info, self.path.suffix)
        stream = self._container.add_stream(
            name,
            info.even_rate or info.average_rate,
            encoder_options(self.encoding, name, info),
            width=self.info.width,
            height=self.info.height,
            time_base=info.time_base,
        )
        assert isinstance(stream, VideoStream)
        if info.display_matrix:
            stream.set_display_matrix(info.display_matrix)
        stream.metadata.update(track_tags(info.stream_metadata, self._kind))
        stream.disposition = Disposition(info.roles)
        context = stream.codec_context
        if context.codec.canonical_name == "hevc" and self._kind.iso:
            context.codec_tag = "hvc1"  # what players of Apple want
        open_encoder(context, self.encoding, info)
        stored = context.pix_fmt or info.pixel_format
        # the range of "yuvj420p" is a tag; as a format it would be converted to the usual range
        self._format = info.pixel_format.replace("j", "")
        self._converted = Converter(info, self._format, stored, name)
        if conversion_text(info, stored):
            self.changed.append(conversion_text(info, stored))
        if self._kind.is_images:
            self.left_out += images_leave_out(info, self.path.suffix)
        silent = context.codec.canonical_name not in _TELL_PIXEL_SHAPE
        if info.sample_aspect_ratio != 1 and silent and self._kind.matroska:
            self.left_out.append(f"pixels' shape {info.sample_aspect_ratio}")
        self.left_out += untold(info, name, stored, self._kind)
        return stream

    def _copied(self, frame: Frame) -> VideoFrame:
        own = self.new_frame(frame.pts)
        expected, got = ((f.pixel_format.name, [p.shape for p in f.planes]) for f in (own, frame))
        if got != expected:
            raise ValueError(f"frame: expected planes {expected}, got {got}")
        for plane, source in zip(own.planes, frame.planes, strict=True):
            np.copyto(plane, source)
        return self._fresh.pop(own)

    def _begin(self, first_pts: int) -> int:
        """Write the head of the file; return what is to be subtracted from all ticks."""
        cut = None if self.start is None else first_pts * self.info.time_base
        shift = 0 if cut is None else first_pts
        if self._kind.is_images:
            if isinstance(self.info.path, ImageSequence):  # whose numbers are kept
                self._container.container_options["frame_pts"] = "1"
                shift = -self.info.path.numbers[0]
        else:
            self._set_timecode(first_pts)
            self._container.set_chapters(chapters_between(self.info.chapters, cut, self.end))
        self._container.start_encoding()
        if self._tracks is not None:
            self._tracks.cut(cut, self.end)
        return shift

    def _set_timecode(self, first_pts: int) -> None:
        """Tell the timecode of the first frame, from which players and editors count on."""
        info = self.info
        told = tag(_TIMECODE, info.stream_metadata, info.metadata)
        if told is None:
            return
        interval = np.diff(info.frame_times)
        rate = 1.0 / float(np.median(interval)) if interval.size else float(info.average_rate)
        skipped = seconds(first_pts - int(info.frame_pts[0]), info.time_base)
        moved = later(told, round(skipped * rate), rate)
        if moved is None:
            self.left_out.append(f"timecode {told}")
        else:
            self._stream.metadata[_TIMECODE] = moved

    def _mux(self, packets: "Iterable[Packet[Any]]") -> None:
        """Write video packets, and before each what of the other tracks is due."""
        for packet in packets:
            if self._tracks is not None and packet.dts is not None:
                self._tracks.copy(packet.dts * packet.time_base)
            self._container.mux(packet)

    def _finish(self) -> None:
        if self._shift is None:
            raise StabilizerError(f"{self.path}: no frame was written; check start and end")
        self._mux(self._stream.encode(None))
        self._spare.clear()  # to read the head of what was written takes memory too
        if self._tracks is not None:
            self._tracks.copy(math.inf)
            self.changed += self._tracks.changed
        if self.strict and self.tracks_damaged:
            raise StabilizerError(
                f"{self.tracks_from}: its other tracks are damaged; strict refuses to save the rest"
            )
        told = Told.all_of(self._container)
        self._container.close()
        if self._kind.is_images:
            self._check()  # a folder may have got other files meanwhile
        else:
            self._compare_parts(told)
        put_in_place(self._partial, self._target)

    def _compare_parts(self, told: Sequence[Told]) -> None:
        """Find out what the muxer did not write of what the file and its tracks are."""
        with opened(self._partial, pictures=False) as written:
            found = Told.all_of(written)
        self.left_out += lost_facts(told, found)
        self.changed += shown_unasked(told, found)

    def _discard(self) -> None:
        """Remove and close what was not finished; in this order it is not completed in vain."""
        remove(self._partial)
        with suppress(av.FFmpegError):
            self._container.close()


def _mp4_options(time_base: Fraction, tags: Iterable[str]) -> dict[str, str]:
    """Return options that put the index first and keep the streams' starts and phones' tags.

    A start other than 0 is stored in ticks of the movie, by default 1 ms. Tags such as
    "com.apple.quicktime.model" have a place of their own, which then holds all others too.
    """
    timescale = math.lcm(time_base.denominator, 48_000)
    by_key = "+use_metadata_tags" if any(key.lower().startswith("com.") for key in tags) else ""
    return {"movflags": f"+faststart{by_key}", "movie_timescale": str(min(timescale, 2**31 - 1))}
