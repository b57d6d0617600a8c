"""Sound out: encoded anew where a container cannot hold it as it is, or made."""

import math
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from os import PathLike, fspath
from typing import Any

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.filter import Graph

from gyro_data.checks import Floats
from stabilizer.video.pyav.containers import Container
from stabilizer.video.pyav.tags import track_tags

_AAC = "aac"
_RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 8_000)
"""Hz that AAC knows."""
_MOST_CHANNELS = 8  # of Opus, and of the layouts that AAC's decoders know
_FRAME_SAMPLES = 1024  # of AAC

SMALLEST_HOLE = 0.01  # s that is filled with silence, so that what follows keeps its time
LONGEST_HOLE = 3600.0  # s

AnyPacket = Any  # av.packet.Packet, which cannot be subscripted at run time


class SoundEncoder:
    """Sound that is decoded and encoded anew, with silence where some is missing."""

    def __init__(self, source: AudioStream, output: OutputContainer, kind: Container) -> None:
        codec = kind.sound
        told, own = source.codec_context.sample_rate, source.codec_context.layout
        rate = told if codec == _AAC and told in _RATES else 48_000
        layout = _layout(codec, own.name, own.nb_channels)
        channels = av.AudioLayout(layout).nb_channels
        self.what = codec if channels == own.nb_channels else f"{codec} {layout}"
        """What it is encoded as, in words."""
        self.damaged = False
        """Whether some of it could not be decoded."""
        self._stream: Any = output.add_stream(codec, rate=rate, layout=layout)
        self._stream.metadata.update(track_tags(source.metadata, kind))
        self._stream.disposition = source.disposition
        self._form = f"sample_rates={rate}:sample_fmts={_sample_format(codec)}"
        self._form += f":channel_layouts={layout}"
        self.length: Fraction | None = None
        """s at which sound ends in the output, where it begins at 0; None: with the source's."""
        self._end: Fraction | float = math.inf  # s, of what came
        self._graph: Graph | None = None
        self._graph_takes: tuple[Any, ...] = ()

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
            if frame is not None and not self._placed(frame, origin):
                continue
            for even in self._converted(frame):
                yield from self._packets(even)
        if packet is None:
            yield from self._packets(None)

    def _placed(self, frame: Any, origin: Fraction) -> bool:
        """Move a frame to its time in the output, to the sample; tell if that can be."""
        if frame.pts is None:
            return True
        begin = frame.pts * frame.time_base - origin
        if begin > self._end + LONGEST_HOLE:
            self.damaged = True
            return False
        self._end = begin + Fraction(frame.samples, frame.sample_rate)
        frame.time_base = Fraction(1, frame.sample_rate)
        frame.pts = round(begin * frame.sample_rate)
        return True

    def _converted(self, frame: Any) -> Iterator[Any]:
        """Yield sound as the encoder wants it; of the end, of None, what is left."""
        if frame is not None:
            takes = (frame.format.name, frame.layout.name, frame.sample_rate, frame.time_base)
            if takes != self._graph_takes:
                yield from self._converted(None)
                self._graph, self._graph_takes = self._converter(frame), takes
        if self._graph is not None:
            self._graph.push(frame)
            with suppress(av.EOFError, av.BlockingIOError):  # at the end; until there is more
                while True:
                    yield self._graph.pull()

    def _converter(self, frame: Any) -> Graph:
        """Return a graph of filters that takes sound as of a frame, and cuts it at both ends."""
        graph, layout = Graph(), frame.layout
        end = "" if self.length is None else f":end={float(self.length)!r}"
        steps = [
            graph.add(
                "abuffer",
                f"sample_rate={frame.sample_rate}:sample_fmt={frame.format.name}"
                f":channel_layout={_told(layout.name, layout.nb_channels)}"
                f":time_base={frame.time_base}",
            ),
            graph.add("aresample", f"async=1:min_hard_comp={SMALLEST_HOLE}"),
            graph.add("atrim", f"start=0{end}"),
            graph.add("aformat", self._form),
            graph.add("abuffersink"),
        ]
        graph.link_nodes(*steps).configure()
        return graph

    def _packets(self, frame: Any) -> Iterator[tuple[Fraction, AnyPacket]]:
        for made in self._stream.encode(frame):
            yield (made.dts or 0) * made.time_base, made


def write_aac(path: str | PathLike[str], samples: Floats, sample_rate: int) -> None:
    """Write samples (N,) of −1..1 as mono AAC into an .m4a file."""
    with av.open(fspath(path), "w", "mp4") as container:
        stream = container.add_stream("aac", rate=sample_rate, layout="mono")
        for start in range(0, len(samples), _FRAME_SAMPLES):
            part = samples[None, start : start + _FRAME_SAMPLES].astype(np.float32)
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = sample_rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _layout(codec: str, own: str, channels: int) -> str:
    """Return the layout nearest to the sound's own that the encoder takes."""
    fallback = "7.1" if channels > _MOST_CHANNELS else "stereo"
    layouts = (_told(own, channels).replace("(side)", ""), f"{channels}c", fallback)
    return next((name for name in layouts if _opens(codec, name)), fallback)


def _told(layout: str, channels: int) -> str:
    """Return a layout; the usual one where the file tells the number of channels alone."""
    return f"{channels}c" if layout.endswith("channels") else layout


def _opens(codec: str, layout: str) -> bool:
    context = av.CodecContext.create(codec, "w")
    assert isinstance(context, AudioCodecContext)
    try:
        context.sample_rate, context.layout, context.format = 48_000, layout, _sample_format(codec)
        context.open()
    except (ValueError, av.FFmpegError):
        return False
    return True


def _sample_format(codec: str) -> str:
    formats = av.Codec(codec, "w").audio_formats
    return formats[0].name if formats else "fltp"
