"""The end of an MPEG transport stream, which does not say how long it is: is all of it there?"""

import os

_SYNC = 0x47
_SIZE = 188  # bytes of a packet
_APART = (188, 192, 204)  # bytes between packets: as broadcast, on discs, with error correction
_TAIL = 1 << 20  # bytes at the end that are looked at
_PES_HEAD = 6  # bytes, before those that it counts
_PES_START = b"\0\0\1"


def is_cut_off(path: str) -> bool:
    """Tell if a file ends inside a packet, or inside a piece of sound that tells its length.

    A cut between packets of a picture is not noticed, as pictures do not tell theirs.
    """
    with open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - _TAIL))
        tail = file.read()
    begin, apart = _packets(tail)
    rest = (len(tail) - begin) % apart
    if 0 < rest < _SIZE and tail[-rest] == _SYNC:
        return True
    missing: dict[int, int] = {}  # bytes, by the number of a track
    for at in range(begin, len(tail) - _SIZE + 1, apart):
        packet = tail[at : at + _SIZE]
        track = int.from_bytes(packet[1:3], "big") & 0x1FFF
        payload = _payload(packet)
        if packet[1] & 0x40:  # the first of a piece
            length = int.from_bytes(payload[4:_PES_HEAD], "big")
            told = payload.startswith(_PES_START) and length
            missing[track] = _PES_HEAD + length if told else 0
        if missing.get(track):
            missing[track] = max(0, missing[track] - len(payload))
    return any(missing.values())


def _packets(tail: bytes) -> tuple[int, int]:
    """Return where packets begin, and how far one from the next."""

    def synchronized(places: tuple[int, int]) -> float:
        begins = tail[places[0] :: places[1]]
        return begins.count(_SYNC) / max(1, len(begins))

    return max(((at, apart) for apart in _APART for at in range(apart)), key=synchronized)


def _payload(packet: bytes) -> bytes:
    has_adaptation, has_payload = packet[3] & 0x20, packet[3] & 0x10
    begin = 5 + packet[4] if has_adaptation else 4
    return packet[begin:] if has_payload else b""
