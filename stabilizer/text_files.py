"""Small text files that are not trusted: their text, their JSON, what is wrong in one line."""

import json
from typing import Any

from gyro_data.files import open_regular
from stabilizer.new_files import AnyPath

_LARGEST = 1 << 20  # bytes
_MOST_DIGITS = 400  # of a whole number; no float has as many before its point
_LONGEST = 400  # characters of a message


def read_text(path: AnyPath) -> str:
    """Return the text of a file; OSError if it cannot be read, ValueError if it is none."""
    with open_regular(path) as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise ValueError(f"it is over {_LARGEST >> 20} MB large")
    return decoded(content)


def decoded(content: bytes) -> str:
    """Return bytes as the UTF-8 text that they are; ValueError if they are none."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is no UTF-8 text") from None


def parse_json(text: str) -> Any:
    """Return the value that JSON text is; ValueError if it is none."""
    try:
        return json.loads(text, parse_int=_whole)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def in_short(error: Exception) -> str:
    """Return what an error says as one line of bearable length."""
    text = " ".join(str(error).split())
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " …"


def _whole(digits: str) -> int | float:
    """Return a whole number, infinite if it is larger than a field may be, which then names it."""
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)
