"""Opus: how long a packet lasts by its own word."""

from fractions import Fraction

_SILK, _HYBRID, _CELT = (10, 20, 40, 60), (10, 20), (Fraction(5, 2), 5, 10, 20)  # ms
_FIRST_HYBRID, _FIRST_CELT = 12, 16  # numbers of configurations


def told_duration(packet: bytes) -> Fraction:
    """Return how many s a packet holds, by its first two bytes; RFC 6716, section 3.1."""
    if len(packet) < 2:
        return Fraction(0)
    configuration, code = packet[0] >> 3, packet[0] & 3
    if configuration < _FIRST_HYBRID:
        frame = Fraction(_SILK[configuration % 4])
    elif configuration < _FIRST_CELT:
        frame = Fraction(_HYBRID[configuration % 2])
    else:
        frame = Fraction(_CELT[configuration % 4])
    return (1, 2, 2, packet[1] & 63)[code] * frame / 1000
