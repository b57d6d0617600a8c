"""The ends of files that do not say how long they are: are they there?"""

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType

_SYNC = 0x47
_SIZE = 188  # bytes of a packet
_APART = (188, 192, 204)  # bytes between packets: as broadcast, on discs, with error correction
_TAIL = 100 * 204  # bytes at the end that are looked at
_PAGE_HEAD = 27  # bytes, of Ogg; then come as many lengths as the last of these says
_FIRST_OF_STREAM, _LAST_OF_STREAM = 2, 4


def lacks_end(path: str, container: str) -> bool:
    """Tell if a file lacks what ends those of its container (FFmpeg's name), if something does."""
    return container in _LACKING and _LACKING[container](path)


def _ends_within_packet(path: str) -> bool:
    """Tell if a transport stream ends inside a packet."""
    tail = _tail(path)

    def synchronized(places: tuple[int, int]) -> float:
        begins = tail[places[0] :: places[1]]
        return begins.count(_SYNC) / max(1, len(begins))

    begin, apart = max(((at, n) for n in _APART for at in range(n)), key=synchronized)
    rest = (len(tail) - begin) % apart
    return 0 < rest < _SIZE and tail[-rest] == _SYNC


def _lacks_page(path: str) -> bool:
    """Tell if an Ogg file is not whole pages, up to the last of each stream (RFC 3533, 6)."""
    begun, ended = set(), set()
    with open(path, "rb") as file:
        while head := file.read(_PAGE_HEAD):
            lengths = file.read(head[-1])
            file.seek(sum(lengths), os.SEEK_CUR)
            if not head.startswith(b"OggS") or len(head) < _PAGE_HEAD:
                return True
            kind, stream = head[5], head[14:18]
            begun |= {stream} if kind & _FIRST_OF_STREAM else set()
            ended |= {stream} if kind & _LAST_OF_STREAM else set()
        return file.tell() != os.path.getsize(path) or begun != ended


def _lacks_trailer(path: str) -> bool:
    """Tell if a GIF file does not end as one, but for empty bytes (GIF89a, 27)."""
    return not _tail(path).rstrip(b"\0").endswith(b";")


def _tail(path: str) -> bytes:
    with open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - _TAIL))
        return file.read()


_LACKING: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {"mpegts": _ends_within_packet, "ogg": _lacks_page, "gif": _lacks_trailer}
)
