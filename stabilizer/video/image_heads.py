"""The sizes of images by their heads: without decoding them."""

import struct
from pathlib import Path
from typing import BinaryIO

_PNG = b"\x89PNG\r\n\x1a\n"
_TIFF = {b"II*\0": "<", b"MM\0*": ">"}
_WIDTH, _HEIGHT = 256, 257
_KINDS = {3: "H", 4: "I"}


def size_of(path: Path) -> tuple[int, int] | None:
    """Return width and height of a PNG or TIFF; None for others, or if the head is damaged."""
    with path.open("rb") as file:
        try:
            return _png_size(file) or _tiff_size(file)
        except (KeyError, struct.error):
            return None


def _png_size(file: BinaryIO) -> tuple[int, int] | None:
    head = file.read(24)
    if not head.startswith(_PNG):
        return None
    width, height = struct.unpack_from(">II", head, 16)
    return width, height


def _tiff_size(file: BinaryIO) -> tuple[int, int]:
    """Return what the first directory says, which is often behind the pixels."""
    file.seek(0)
    order = _TIFF[file.read(4)]
    (at,) = struct.unpack(f"{order}I", file.read(4))
    file.seek(at)
    (n,) = struct.unpack(f"{order}H", file.read(2))
    told: dict[int, int] = {}
    for tag, kind, _, value in struct.iter_unpack(f"{order}HHI4s", file.read(12 * n)):
        if tag in (_WIDTH, _HEIGHT):
            (told[tag],) = struct.unpack_from(order + _KINDS[kind], value)
    return told[_WIDTH], told[_HEIGHT]
