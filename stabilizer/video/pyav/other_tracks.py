"""Sound, subtitles and telemetry: packets copied unchanged from one file into another."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.stream import Discard, Stream

from stabilizer.video.pyav.reading import codec_name, is_cover
from stabilizer.video.pyav.tags import true_tags

_SOUND_CODECS = {"webm": "libopus"}
_USUAL_SOUND = "aac"
"""What sound is encoded as where the output cannot hold it as it is."""

_HOLDS_NOTHING = "image2"
_HOLD_DATA = ("mp4", "mov")
_HOLDS_ATTACHMENTS = "matroska"
_TIMECODE = "timecode"
_RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 8_000)
"""Hz that AAC knows."""

AnyPacket = Any  # av.packet.Packet, which cannot be subscripted at run time


class OtherTracks:
    """All but the pictures on their way from one container into another, read only when due."""

    def __init__(self, source: InputContainer, output: OutputContainer) -> None:
        self._source, self._output = source, output
        self._copies: dict[int, Stream] = {}
        self._encoders: dict[int, _Encoder] = {}
        self.left_out: list[str] = []
        """What the output cannot hold, in words."""
        self.encoded: list[str] = []
        """What it holds only encoded anew, in words."""
        self.damaged = False
        """Whether the source could not be read to its end."""
        pictures = next((s for s in source.streams.video if not is_cover(s)), None)
        for stream in source.streams:
            if stream is not pictures:
                self._add(stream)
            if stream.index not in self._copies and stream.index not in self._encoders:
                stream.discard = Discard.all

    def cut(self, origin: Fraction | None, end: float | None) -> None:
        """Leave out packets before `origin` and from `end` on, and move the origin to 0 (s)."""
        self._packets = self._due(origin or Fraction(0), origin is not None, end)
        self._next = next(self._packets, None)

    def copy(self, before: Fraction | float) -> None:
        """Copy the packets that are earlier than `before` s in the output."""
        while self._next is not None and self._next[0] < before:
            self._output.mux(self._next[1])
            self._next = next(self._packets, None)

    def _add(self, stream: Stream) -> None:
        """Have the output hold a stream: as it is, encoded anew if it is sound, or not at all."""
        if stream.type == "attachment":
            self._attach(stream)
        elif not self._tells_elsewhere(stream):
            if self._output.format.name == _HOLDS_NOTHING:
                self.left_out.append(_described(stream))
                return
            if self._add_copy(stream):
                return
            if isinstance(stream, AudioStream) and stream.codec_context is not None:
                self._encoders[stream.index] = _Encoder(stream, self._output)
                self.encoded.append(f"{_described(stream)} as {self._encoders[stream.index].name}")
            else:
                self.left_out.append(_described(stream))

    def _add_copy(self, stream: Stream) -> bool:
        if stream.type == "data" and not (
            self._output.format.name in _HOLD_DATA and stream.name is not None
        ):
            return False
        if stream.type == "video" and not is_cover(stream):
            return False
        try:
            copy = self._output.add_stream_from_template(stream)
        except ValueError:
            return False
        copy.metadata.update(true_tags(stream.metadata))
        if stream.type != "data":
            copy.disposition = stream.disposition
        self._copies[stream.index] = copy
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
        if self._output.format.name == _HOLDS_ATTACHMENTS:
            self._output.add_attachment(name, stream.mimetype or "", stream.data)
        else:
            self.left_out.append(f"attachment {name}")

    def _due(
        self, origin: Fraction, cut: bool, end: float | None
    ) -> Iterator[tuple[Fraction, AnyPacket]]:
        """Yield times in the output and packets for it, in the source's order."""
        running = {*self._copies, *self._encoders}
        try:
            for packet in self._source.demux() if running else ():
                if packet.stream_index not in running or not packet.size:
                    continue
                if is_cover(packet.stream):  # which has no time
                    packet.stream = self._copies[packet.stream_index]
                    packet.pts = packet.dts = 0
                    yield Fraction(0), packet
                    continue
                if packet.dts is None:
                    continue
                t = packet.dts * packet.time_base
                if end is not None and t >= end:
                    running.remove(packet.stream_index)
                    if not running:
                        break
                elif not cut or t >= origin:
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
        shift = round(origin / packet.time_base)
        packet.stream = self._copies[packet.stream_index]
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = (packet.dts or 0) - shift
        yield packet.dts * packet.time_base, packet


class _Encoder:
    """Sound that is decoded and encoded anew."""

    def __init__(self, source: AudioStream, output: OutputContainer) -> None:
        self.name = _SOUND_CODECS.get(output.format.name, _USUAL_SOUND)
        told = source.codec_context.sample_rate
        rate = told if self.name == _USUAL_SOUND and told in _RATES else 48_000
        layout = source.codec_context.layout.name.replace("(side)", "")
        self.damaged = False
        self._stream: Any = output.add_stream(self.name, rate=rate, layout=layout)
        self._stream.metadata.update(true_tags(source.metadata))
        self._stream.disposition = source.disposition
        taken = self._stream.codec_context.codec.audio_formats or []
        self._resampler = av.AudioResampler(taken[0] if taken else "fltp", layout, rate)

    def encoded(
        self, packet: AnyPacket | None, origin: Fraction
    ) -> Iterator[tuple[Fraction, AnyPacket]]:
        """Yield what comes of a packet; of the end, of None, what is left."""
        frames: list[Any] = [None]
        if packet is not None:
            try:
                frames = list(packet.decode())
            except av.FFmpegError:
                frames, self.damaged = [], True
            for frame in frames:
                if frame.pts is not None:
                    frame.pts -= round(origin / frame.time_base)
        for frame in frames:
            for even in self._resampler.resample(frame):
                yield from self._packets(even)
        if packet is None:
            yield from self._packets(None)

    def _packets(self, frame: Any) -> Iterator[tuple[Fraction, AnyPacket]]:
        for made in self._stream.encode(frame):
            yield (made.dts or 0) * made.time_base, made


def _described(stream: Stream) -> str:
    """Return what a stream is, in a few words."""
    name = "cover" if stream.type == "video" and is_cover(stream) else stream.type
    codec = stream.name if stream.type == "data" else codec_name(stream)
    handler = stream.metadata.get("handler_name", "").strip()
    words = [name, codec or "", f"({handler})" if handler else ""]
    return " ".join(word for word in words if word)
