"""Subtitles out: text written anew where a container cannot hold it as it is."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av.container import OutputContainer
from av.stream import Stream
from av.subtitles.stream import SubtitleStream

from stabilizer.video.pyav.containers import Container
from stabilizer.video.pyav.tags import track_tags

_TEXTS = ("subrip", "ass", "webvtt", "mov_text", "text")
"""Codecs of subtitles that are words, not pictures."""

AnyPacket = Any  # av.packet.Packet, which cannot be subscripted at run time


class SubtitleEncoder:
    """Text that is read and written anew; its style may become plainer."""

    def __init__(self, source: Stream, output: OutputContainer, kind: Container) -> None:
        self.what = kind.text
        """What it is encoded as."""
        self.damaged = False
        """Whether some of it could not be decoded."""
        assert isinstance(source, SubtitleStream)
        self._decoder = source.codec_context
        self._decoder.open(strict=False)  # tells the header
        stream = output.add_stream(self.what)
        assert isinstance(stream, SubtitleStream)
        self._stream, self._encoder = stream, stream.codec_context
        self._encoder.subtitle_header = self._decoder.subtitle_header
        self._stream.metadata.update(track_tags(source.metadata, kind))
        self._stream.disposition = source.disposition

    def encoded(
        self, packet: AnyPacket | None, origin: Fraction
    ) -> Iterator[tuple[Fraction, AnyPacket]]:
        """Yield what comes of a packet; nothing of the end, None, and of a pause."""
        if packet is None:
            return
        try:
            lines = self._decoder.decode2(packet)
            made = self._encoder.encode_subtitle(lines) if lines else None
        except av.FFmpegError:
            self.damaged, made = True, None
        if made is not None:
            made.stream, made.time_base = self._stream, packet.time_base
            made.duration = packet.duration
            made.pts = made.dts = packet.dts - round(origin / packet.time_base)
            yield made.dts * made.time_base, made


def is_text(codec: str) -> bool:
    """Tell if subtitles of a codec can be written anew."""
    return codec in _TEXTS
