"""Sound: packets copied unchanged from one file into another."""

import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Discard, Stream

from stabilizer.errors import StabilizerError
from stabilizer.video.pyav.reading import codec_name, errors_about

LOG = logging.getLogger(__name__)


class AudioCopy:
    """The audio packets of one container on their way into another, read only when they are due."""

    def __init__(self, source: InputContainer, output: OutputContainer, path: Path) -> None:
        for stream in source.streams:
            if stream.type != "audio":
                stream.discard = Discard.all
        left_out = {s.type for s in source.streams} - {"video", "audio"}
        if left_out:
            LOG.info("%s: streams of %s are not copied", source.name, ", ".join(sorted(left_out)))
        self._source = source
        self._output = output
        self._copies = {s.index: _copied_stream(s, output, path) for s in source.streams.audio}

    def cut(self, origin: Fraction | None, end: float | None) -> None:
        """Leave out packets before `origin` and from `end` on, and move the origin to 0 (s)."""
        self._packets = self._kept(origin, end)
        self._next = next(self._packets, None)

    def copy(self, before: Fraction | float) -> None:
        """Copy the packets that are earlier than `before` s in the output."""
        while self._next is not None and self._next[0] < before:
            self._output.mux(self._next[1])
            self._next = next(self._packets, None)

    def _kept(
        self, origin: Fraction | None, end: float | None
    ) -> "Iterator[tuple[Fraction, Packet[Any]]]":
        running = set(self._copies)
        with errors_about(self._source.name, "its audio cannot be read"):
            for packet in self._source.demux() if running else ():
                if packet.dts is None or packet.stream_index not in running:
                    continue
                t = packet.dts * packet.time_base
                if end is not None and t >= end:
                    running.remove(packet.stream_index)
                    if not running:
                        return
                elif origin is None or t >= origin:
                    yield self._moved(packet, origin or Fraction(0))

    def _moved(self, packet: "Packet[Any]", origin: Fraction) -> "tuple[Fraction, Packet[Any]]":
        """Return the packet's time in the output and the packet, ready to be muxed."""
        shift = round(origin / packet.time_base)
        packet.stream = self._copies[packet.stream_index]
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = (packet.dts or 0) - shift
        return packet.dts * packet.time_base, packet


def _copied_stream(source: Stream, output: OutputContainer, path: Path) -> Stream:
    """Add to `output` a stream that takes the packets of `source`."""
    try:
        copy = output.add_stream_from_template(source)
    except ValueError as error:
        raise StabilizerError(
            f"{path}: {path.suffix} cannot hold {codec_name(source)} audio; write to .mkv"
        ) from error
    copy.metadata.update(source.metadata)
    copy.disposition = source.disposition
    return copy
