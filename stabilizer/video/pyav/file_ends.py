"""The ends of files that do not say how long they are: MPEG transport streams, Ogg, GIF."""

import os

_SYNC = 0x47
_SIZE = 188  # bytes of a packet
_APART = (188, 192, 204)  # bytes between packets: as broadcast, on discs, with error correction
_TAIL = 100 * 204  # bytes at the end that are looked at
_PAGE_HEAD = 27  # bytes, of Ogg; then come as many lengths as the last of these says
_FIRST_OF_STREAM, _LAST_OF_STREAM = 2, 4


def ends_within_packet(path: str) -> bool:
    """Tell if a transport stream ends inside a packet."""
    with open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - _TAIL))
        tail = file.read()

    def synchronized(places: tuple[int, int]) -> float:
        begins = tail[places[0] :: places[1]]
        return begins.count(_SYNC) / max(1, len(begins))

    begin, apart = max(((at, n) for n in _APART for at in range(n)), key=synchronized)
    rest = (len(tail) - begin) % apart
    return 0 < rest < _SIZE and tail[-rest] == _SYNC


def has_all_pages(path: str) -> bool:
    """Tell if an Ogg file is whole pages, up to the last of each stream (RFC 3533, 6)."""
    begun, ended = set(), set()
    with open(path, "rb") as file:
        while head := file.read(_PAGE_HEAD):
            lengths = file.read(head[-1])
            file.seek(sum(lengths), os.SEEK_CUR)
            if not head.startswith(b"OggS") or len(head) < _PAGE_HEAD:
                return False
            kind, stream = head[5], head[14:18]
            begun |= {stream} if kind & _FIRST_OF_STREAM else set()
            ended |= {stream} if kind & _LAST_OF_STREAM else set()
        return file.tell() == os.path.getsize(path) and begun == ended


def has_trailer(path: str) -> bool:
    """Tell if a GIF file ends as one, but for empty bytes (GIF89a, 27)."""
    with open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - _TAIL))
        return file.read().rstrip(b"\0").endswith(b";")
