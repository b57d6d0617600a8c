"""Sound, subtitles and telemetry: packets from one file into another, unchanged where it can be."""

import io
import math
import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import PacketSideData
from av.stream import Discard, Stream

from stabilizer.video.pyav.containers import Container
from stabilizer.video.pyav.opus import told_duration
from stabilizer.video.pyav.parts import codec_name, described, is_cover
from stabilizer.video.pyav.pcm import PcmHoles
from stabilizer.video.pyav.reading import AnyPath, opened
from stabilizer.video.pyav.sound import SoundEncoder
from stabilizer.video.pyav.subtitles import SubtitleEncoder, is_text
from stabilizer.video.pyav.tags import track_tags, true_tags

_IMAGES = {"mjpeg": ("jpeg", "jpg")}
"""How MIME and names of files call what FFmpeg has another word for."""
_PCM = "pcm_"
_HEARD_BEFORE = 1  # s that sound is decoded before it is to begin, as its codec may want
_ROUNDED = Fraction(1, 1000)  # s, of Matroska's times
_SKIPPED = "skip_samples"
_TELLS_BY_DURATION = "ogg"
"""What shortens the last packet of a track too."""
_SHORTENED = "opus"
"""A codec whose last packet MP4 shortens by its duration."""
_SKIP_SAMPLES = 11
"""FFmpeg's number of what is told beside a packet of samples that are not played."""
_TIMECODE = "timecode"
_TOLD_LENGTH = "tta"
"""A codec whose end is not decoded where the file is longer than its sound."""

AnyPacket = Any  # av.packet.Packet, which cannot be subscripted at run time


class OtherTracks:
    """All but the pictures on their way from one container into another, read only when due."""

    def __init__(self, source: InputContainer, output: OutputContainer, kind: Container) -> None:
        self._source, self._output, self._kind = source, output, kind
        self._copies: dict[int, Stream] = {}
        self._encoders: dict[int, SoundEncoder | SubtitleEncoder] = {}
        self._holes: dict[int, PcmHoles] = {}
        self._last_dts: dict[int, int] = {}
        self._has_sounded: set[int] = set()
        self.left_out: list[str] = []
        """What the output cannot hold, in words."""
        self.changed: list[str] = []
        """What it holds encoded anew or in part, in words; known at the end."""
        self.damaged = False
        """Whether some of it could not be read or copied."""
        pictures = next((s for s in source.streams.video if not is_cover(s)), None)
        for stream in source.streams:
            if stream is not pictures:
                self._add(stream)
            if stream.index not in self._copies and stream.index not in self._encoders:
                stream.discard = Discard.all

    def cut(self, origin: Fraction | None, end: float | None) -> None:
        """Leave out packets before `origin` and from `end` on, and move the origin to 0 (s)."""
        for encoder in self._encoders.values():
            if isinstance(encoder, SoundEncoder) and end is not None:
                encoder.length = Fraction(end) - (origin or 0)
        self._packets = self._due(origin, end)
        self._next = next(self._packets, None)

    def copy(self, before: Fraction | float) -> None:
        """Copy the packets that are earlier than `before` s in the output."""
        while self._next is not None and self._next[0] < before:
            try:
                self._output.mux(self._next[1])
            except (av.InvalidDataError, av.ArgumentError):
                self.damaged = True  # the container cannot look into it, or its time is set back
            self._next = next(self._packets, None)

    def _add(self, stream: Stream) -> None:
        """Have the output hold a stream: as it is, encoded anew (sound, text), or not at all."""
        if stream.type == "attachment":
            self._attach(stream)
        elif stream.type == "video" and is_cover(stream) and not self._holds_cover():
            self._attach_cover(stream)
        elif not self._tells_elsewhere(stream):
            if self._kind.is_images:
                self.left_out.append(described(stream))
                return
            if self._add_copy(stream):
                return
            encoder = self._encoder_of(stream)
            if encoder is not None:
                self._encoders[stream.index] = encoder
                self.changed.append(f"{described(stream)} as {encoder.what}")
            else:
                self.left_out.append(described(stream))

    def _encoder_of(self, stream: Stream) -> SoundEncoder | SubtitleEncoder | None:
        if isinstance(stream, AudioStream) and stream.codec_context is not None:
            if not stream.codec_context.layout.nb_channels:  # no sound of it was found
                return None
            return SoundEncoder(stream, self._output, self._kind)
        is_words = is_text(codec_name(stream))
        return SubtitleEncoder(stream, self._output, self._kind) if is_words else None

    def _add_copy(self, stream: Stream) -> bool:
        if stream.type == "data" and not (self._kind.iso and stream.name is not None):
            return False
        if stream.type == "video" and not is_cover(stream):
            return False
        if not _holds(self._kind, stream):
            return False
        copy = self._output.add_stream_from_template(stream)
        copy.metadata.update(track_tags(stream.metadata, self._kind))
        if stream.type != "data":
            copy.disposition = stream.disposition
        self._copies[stream.index] = copy
        plays_on = self._kind.pcm_plays_on and codec_name(stream).startswith(_PCM)
        if plays_on and isinstance(stream, AudioStream):
            self._holes[stream.index] = PcmHoles(stream)
        return True

    def _tells_elsewhere(self, stream: Stream) -> bool:
        """Tell if a data stream is what the writer makes of a tag: a timecode, or chapters' titles.

        FFmpeg shows the text track of chapters as data; its times are those of the chapters.
        """
        if stream.type != "data":
            return False
        if stream.name is None:
            return _TIMECODE in stream.metadata
        chapters = self._source.chapters()
        return stream.name == "bin_data" and bool(chapters) and stream.frames == len(chapters)

    def _attach(self, stream: Any) -> None:
        name = stream.metadata.get("filename") or stream.name or "attachment"
        if self._kind.attachments:
            self._add_attachment(stream, name, stream.mimetype or "", stream.data)
        else:
            self.left_out.append(f"attachment {name}")

    def _holds_cover(self) -> bool:
        tags_by_key = "use_metadata_tags" in self._output.container_options.get("movflags", "")
        return self._kind.covers and not tags_by_key  # in their place

    def _attach_cover(self, stream: Stream) -> None:
        with opened(self._source.name) as source:  # its packet comes once
            packets = source.demux(source.streams[stream.index])
            picture = next((p for p in packets if p.size), None)
        if picture is None or not self._kind.attachments:
            self.left_out.append(described(stream))
            return
        codec = codec_name(stream)
        kind, end = _IMAGES.get(codec, (codec, codec))
        name = stream.metadata.get("filename", f"cover.{end}")
        self._add_attachment(stream, name, f"image/{kind}", bytes(picture))

    def _add_attachment(self, stream: Stream, name: str, mimetype: str, content: bytes) -> None:
        attached = self._output.add_attachment(name, mimetype, content)
        attached.metadata.update(true_tags(stream.metadata) | dict(attached.metadata))

    def _due(
        self, start: Fraction | None, end: float | None
    ) -> Iterator[tuple[Fraction, AnyPacket]]:
        """Yield times in the output and packets for it, in the source's order."""
        origin = start or Fraction(0)
        running = {*self._copies, *self._encoders}
        try:
            for packet in self._source.demux() if running else ():
                if not running:
                    break
                if packet.stream_index not in running or not packet.size:
                    continue
                if is_cover(packet.stream):  # which has no time, and one packet
                    running.remove(packet.stream_index)
                    packet.stream = self._copies[packet.stream_index]
                    packet.pts = packet.dts = 0
                    yield Fraction(0), packet
                    continue
                if packet.dts is None:
                    continue
                if packet.stream.type == "subtitle":
                    _trim(packet, start, end)
                t = packet.dts * packet.time_base
                if end is not None and t >= end:
                    running.remove(packet.stream_index)
                elif self._is_kept(packet, t, start):
                    self.damaged = self.damaged or self._is_broken(packet)
                    yield from self._moved(packet, origin)
        except av.FFmpegError:
            self.damaged = True
        for encoder in self._encoders.values():
            yield from encoder.encoded(None, Fraction(0))
            self.damaged |= encoder.damaged

    def _moved(self, packet: AnyPacket, origin: Fraction) -> Iterator[tuple[Fraction, AnyPacket]]:
        """Yield a packet ready to be muxed, with its time in the output."""
        encoder = self._encoders.get(packet.stream_index)
        if encoder is not None:
            yield from encoder.encoded(packet, origin)
            return
        self._tell_duration(packet)
        if self._kind.iso:
            _tell_padding(packet, by_duration=self._source.format.name == _TELLS_BY_DURATION)
        else:
            _keep_padding(packet)
        index = packet.stream_index
        silence = self._holes[index].before(packet) if index in self._holes else ()
        for part in (*silence, packet):
            shift = round(origin / part.time_base)
            part.stream = self._copies[index]
            part.pts = None if part.pts is None else part.pts - shift
            part.dts = (part.dts or 0) - shift
            yield part.dts * part.time_base, part

    def _is_kept(self, packet: AnyPacket, t: Fraction, start: Fraction | None) -> bool:
        if start is None:
            return not self._is_hidden(packet)
        is_sound = isinstance(self._encoders.get(packet.stream_index), SoundEncoder)
        return t >= start - (_HEARD_BEFORE if is_sound else 0)

    def _is_hidden(self, packet: AnyPacket) -> bool:
        """Tell if a packet begins before the presentation, in a container that would show it."""
        copied = packet.stream_index in self._copies
        if not copied or not self._kind.matroska:
            return False
        if packet.dts * packet.time_base > -_padding(packet.stream) - _ROUNDED:
            return False
        end = float((packet.dts + (packet.duration or 0)) * packet.time_base)
        faded = not codec_name(packet.stream).startswith(_PCM)
        if end > (-float(_ROUNDED) if faded else 0):
            how = "faded in from" if faded else "from"
            self.changed.append(f"{described(packet.stream)} {how} {max(0.0, end):.3f} s on")
        return True

    def _is_broken(self, packet: AnyPacket) -> bool:
        """Tell if a packet is damaged, or sound that cannot be decoded, though some before could.

        What is encoded anew tells of that itself.
        """
        index, stream = packet.stream_index, packet.stream
        is_copied_sound = index in self._copies and isinstance(stream, AudioStream)
        if packet.is_corrupt or not is_copied_sound or not stream.codec_context:
            return bool(packet.is_corrupt)
        try:
            if packet.decode():
                self._has_sounded.add(index)
        except av.FFmpegError:
            return index in self._has_sounded
        return False

    def _tell_duration(self, packet: AnyPacket) -> None:
        """Give sound without durations that of the packet before: MP4's end would cut the last."""
        if packet.stream.type == "audio" and not packet.duration:
            before = self._last_dts.get(packet.stream_index, packet.dts)
            packet.duration = max(0, packet.dts - before)
        self._last_dts[packet.stream_index] = packet.dts


def opened_for_tracks(path: AnyPath) -> InputContainer:
    """Open a file whose pictures are not asked for, but for a cover, which is to have its size.

    Raises StabilizerError as `opened` does.
    """
    container = opened(path, pictures=False)
    if any(is_cover(stream) for stream in container.streams):
        container.close()
        container = opened(path)
    return container


def _holds(container: Container, stream: Stream) -> bool:
    """Tell if a container takes a stream: some say so only when their head is written."""
    codec = codec_name(stream)
    if codec == _TOLD_LENGTH or (codec.startswith(_PCM) and not container.pcm):
        return False
    trial = av.open(io.BytesIO(), "w", container.muxer)
    try:
        trial.add_stream_from_template(stream)
        trial.start_encoding()
        trial.close()
    except (ValueError, av.FFmpegError):
        return False
    return True


def _padding(stream: Stream) -> Fraction:
    """Return how long (s) the sound that decoders leave out at its beginning lasts."""
    if not isinstance(stream, AudioStream) or stream.codec_context is None:
        return Fraction(0)
    return Fraction(stream.codec_context.delay, stream.codec_context.sample_rate or 1)


def _tell_padding(packet: AnyPacket, *, by_duration: bool) -> None:
    """Have the times of a packet say which of its samples are not played, as told beside it.

    At its end its duration may say so already.
    """
    if not packet.has_sidedata(_SKIPPED):
        return
    at_begin, at_end = struct.unpack_from("<II", bytes(packet.get_sidedata(_SKIPPED)))
    rate = packet.stream.codec_context.sample_rate
    samples = packet.time_base * rate  # to a tick
    begin = round(packet.dts * samples)
    if abs(begin + at_begin) < samples:  # but for rounding, it begins before 0 by what is skipped
        begin = -at_begin
    packet.pts = packet.dts = begin
    duration = round(packet.duration * samples)
    packet.duration = duration if by_duration else max(0, duration - at_end)
    packet.time_base = Fraction(1, rate)


def _keep_padding(packet: AnyPacket) -> None:
    """Have what is beside a packet say which samples at its end its times leave out."""
    if codec_name(packet.stream) != _SHORTENED or packet.has_sidedata(_SKIPPED):
        return
    rest = told_duration(bytes(packet)) - packet.duration * packet.time_base
    n_samples = round(rest * packet.stream.codec_context.sample_rate)
    if packet.duration and rest > packet.time_base:  # else it may be rounding
        of_kind: Any = PacketSideData  # whose arguments its types leave out
        skipped = of_kind(_SKIP_SAMPLES, 10)
        skipped.update(struct.pack("<IIBB", 0, n_samples, 0, 0))
        packet.set_sidedata(skipped)


def _trim(packet: AnyPacket, start: Fraction | None, end: float | None) -> None:
    """Have what is shown at the start begin there, and what is shown at the end stop there (s)."""
    first, after = packet.dts, packet.dts + (packet.duration or 0)
    if start is not None:
        begin = math.ceil(start / packet.time_base)
        first = begin if first < begin < after else first
    if end is not None:
        after = min(after, math.ceil(end / packet.time_base))
    packet.pts = packet.dts = first
    packet.duration = max(0, after - first)
