"""The end of an MPEG transport stream, which does not say how long it is: is it a whole packet?"""

import os

_SYNC = 0x47
_SIZE = 188  # bytes of a packet
_APART = (188, 192, 204)  # bytes between packets: as broadcast, on discs, with error correction
_TAIL = 100 * 204  # bytes at the end that are looked at


def ends_within_packet(path: str) -> bool:
    """Tell if a file ends inside a packet."""
    with open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - _TAIL))
        tail = file.read()

    def synchronized(places: tuple[int, int]) -> float:
        begins = tail[places[0] :: places[1]]
        return begins.count(_SYNC) / max(1, len(begins))

    begin, apart = max(((at, n) for n in _APART for at in range(n)), key=synchronized)
    rest = (len(tail) - begin) % apart
    return 0 < rest < _SIZE and tail[-rest] == _SYNC
