"""Uncompressed sound for containers that play samples one after the other, whatever their times."""

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from av.audio.stream import AudioStream
from av.packet import Packet

from stabilizer.video.pyav.sound import LONGEST_HOLE, SMALLEST_HOLE

_BITS = re.compile(r"pcm_[suf](\d+)")
_SILENT = {"pcm_u8": b"\x80", "pcm_alaw": b"\xd5", "pcm_mulaw": b"\xff"}
"""Bytes of silence that are not 0."""

AnyPacket = Any  # av.packet.Packet, which cannot be subscripted at run time


class PcmHoles:
    """Finds where samples are missing in a stream of PCM, and makes silence to put there."""

    def __init__(self, stream: AudioStream) -> None:
        context = stream.codec_context
        bits = _BITS.match(context.name)
        self._silent = _SILENT.get(context.name, b"\0")
        self._rate = context.sample_rate
        self._block = context.layout.nb_channels * (int(bits[1]) // 8 if bits else 1)  # bytes
        self._end: Fraction | None = None  # s, of what came

    def before(self, packet: AnyPacket) -> Iterator[AnyPacket]:
        """Yield silence, in packets of up to 1 s, for what is missing before a packet."""
        t = packet.dts * packet.time_base
        hole = Fraction(0) if self._end is None else t - self._end
        if not SMALLEST_HOLE <= hole <= LONGEST_HOLE:
            hole = Fraction(0)
        missing = round(hole * self._rate)
        for done in range(0, missing, self._rate):
            n_samples = min(self._rate, missing - done)
            silence = Packet(self._silent * (n_samples * self._block))
            silence.time_base = Fraction(1, self._rate)
            silence.pts = silence.dts = round((t - hole) * self._rate) + done
            silence.duration = n_samples
            yield silence
        begin = t - hole if self._end is None or hole else self._end
        length = Fraction(missing + packet.size // self._block, self._rate)
        self._end = begin + length
