"""A zip of float64 arrays and one text, as `numpy.savez` would write it; read without trusting it.

Nothing is compressed and nothing pickled, so that reading takes no more memory than the file has.
"""

import io
import math
import os
import re
import struct
from collections.abc import Mapping
from typing import BinaryIO
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np

from gyro_data.checks import Floats
from gyro_data.files import open_regular
from stabilizer.new_files import AnyPath

LARGEST_ARCHIVE = 1 << 31
"""Bytes; 10 h of a path sampled at 1 kHz take 2.3e9."""

_MOST_MEMBERS = 64
_LARGEST_DIRECTORY = 1 << 16  # bytes
_LARGEST_TEXT = 1 << 20  # bytes
_DIRECTORY_END = struct.Struct("<4s4H2LH")
_ARRAY_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00(..)\{'descr': '<f8', 'fortran_order': False, "
    rb"'shape': \((\d{1,10}),(?: (\d{1,10}))?\), \} *\n",
    re.DOTALL,
)
_ENCRYPTED = 1  # bit of a member's flags


def write_archive(path: AnyPath, text_name: str, text: str, arrays: Mapping[str, Floats]) -> None:
    """Write `text` as the member `text_name` and each array as NAME.npy; ValueError if too large.

    The same content gives the same bytes.
    """
    n_bytes = sum(array.nbytes for array in arrays.values())
    if n_bytes > LARGEST_ARCHIVE - 2 * _LARGEST_TEXT:
        raise ValueError(f"arrays: expected up to {LARGEST_ARCHIVE:,} bytes, got {n_bytes:,}")
    with ZipFile(path, "w", ZIP_STORED) as archive:
        archive.writestr(ZipInfo(text_name), text)  # of 1980: no time of writing
        for name, array in arrays.items():
            content = io.BytesIO()
            plain = np.ascontiguousarray(array, dtype="<f8")
            np.lib.format.write_array(content, plain, version=(1, 0), allow_pickle=False)
            archive.writestr(ZipInfo(f"{name}.npy"), content.getbuffer())


def read_archive(path: AnyPath, text_name: str) -> tuple[bytes, dict[str, Floats]]:
    """Return the text and the arrays by name, of one or two dimensions.

    Raises OSError, or ValueError for what `write_archive` would not have written.
    """
    with open_regular(path) as stream:
        n_bytes = _checked_size(stream)
        try:
            members = _members(stream, n_bytes)
        except (BadZipFile, EOFError, RuntimeError, struct.error) as error:
            raise ValueError(f"the zip is damaged ({error})") from error
    if len(members.get(text_name, b"")) > _LARGEST_TEXT:
        raise ValueError(f"{text_name} is over {_LARGEST_TEXT:,} bytes")
    text = members.pop(text_name, b"")
    arrays = {name: _array(name, content) for name, content in members.items()}
    return text, {name.removesuffix(".npy"): array for name, array in arrays.items()}


def _checked_size(stream: BinaryIO) -> int:
    """Return the file's size if it and its directory, told of in the last bytes, are small enough.

    `ZipFile` reads a directory of any size, and would follow a second one for large files.
    """
    n_bytes = stream.seek(0, os.SEEK_END)
    if n_bytes > LARGEST_ARCHIVE:
        raise ValueError(f"it has {n_bytes:,} bytes, more than {LARGEST_ARCHIVE:,}")
    stream.seek(max(0, n_bytes - _DIRECTORY_END.size - 20))
    locator, end = stream.read(20), stream.read()
    if len(end) != _DIRECTORY_END.size or not end.startswith(b"PK\5\6"):
        raise ValueError("it is no such file, or its end is missing")
    _, _, _, _, n_members, n_directory, offset, n_comment = _DIRECTORY_END.unpack(end)
    if n_members > _MOST_MEMBERS or n_directory > _LARGEST_DIRECTORY:
        raise ValueError(f"its directory is too large ({n_members} members)")
    if n_comment or locator.startswith(b"PK\6\7"):
        raise ValueError("it is a zip of another kind")
    if offset + n_directory + len(end) != n_bytes:
        raise ValueError("a part of it is missing")
    return n_bytes


def _members(stream: BinaryIO, n_bytes: int) -> dict[str, bytes]:
    """Return the content of each member, none of which may be larger than the file."""
    with ZipFile(stream) as archive:
        members = archive.infolist()
        if len({member.filename for member in members}) < len(members):
            raise ValueError("it has two members of one name")
        for member in members:
            if member.compress_type != ZIP_STORED or member.flag_bits & _ENCRYPTED:
                raise ValueError(f"{member.filename} is compressed or encrypted")
        if sum(max(member.file_size, member.compress_size) for member in members) > n_bytes:
            raise ValueError("its members claim to be larger than it is")
        return {member.filename: archive.read(member) for member in members}


def _array(name: str, content: bytes) -> Floats:
    """Return the array of an npy member, whose header is read as numpy writes it, not evaluated."""
    header = _ARRAY_HEADER.match(content)
    if header is None or header.end() != 10 + int.from_bytes(header[1], "little"):
        raise ValueError(f"{name} is no plain array of float64")
    shape = tuple(int(length) for length in header.groups()[1:] if length is not None)
    n_bytes = len(content) - header.end()
    if 8 * math.prod(shape) != n_bytes:
        raise ValueError(f"{name} claims the shape {shape} and has {n_bytes:,} bytes")
    values = np.frombuffer(content, dtype="<f8", offset=header.end())
    return values.astype(np.float64).reshape(shape)
