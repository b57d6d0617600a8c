"""How a text table is written (encoding, separator, header, …), told from its first lines."""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HEAD_BYTES = 65_536
LONG_HEAD_BYTES = 1 << 20
"""How far the table is looked for where a long preamble leaves no row of it in the first bytes."""
LONGEST_LINE = 65_536
"""Bytes; no row of a table is longer."""
SEPARATORS = (",", ";", "\t", "|", " ")
"""In the order of trial: "t, gx" could be split at blanks too."""
_SEPARATOR_NAMES = dict(
    zip(SEPARATORS, ("comma", "semicolon", "tab", "bar", "blanks"), strict=True)
)
COMMENTS = ("#", "//", "%", ";")
ROWS_BEGIN = 3
"""So many lines of numbers one after the other are rows, and no header follows."""
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
NUMBER = re.compile(
    r"[+-]?(?:(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[+-]?\d+)?|nan|inf(?:inity)?)", re.IGNORECASE
)
PAIR = re.compile(
    r'\s*"?(?P<name>[^",;:=\t]{1,80})"?\s*[,;:=\t]\s*"?(?P<value>[^"\t]{1,400}?)"?[,;]*\s*'
)
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")

Fields = tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """Where the table begins and how it is written."""

    encoding: str
    separator: str
    """One of SEPARATORS; a blank stands for any run of blanks and tabs."""
    decimal: str
    """Decimal mark: "." or ","."""
    comment: str
    """A character that starts a comment."""
    skip_lines: int
    """Lines before the first row."""
    names: Fields
    """Column names, or () without a header."""
    units: Fields
    """Fields of a line of units below the names, or ()."""
    rows: tuple[Fields, ...]
    """The rows among the first lines."""
    preamble: Mapping[str, str]
    """What lines of a name and a value above the table say."""

    @property
    def width(self) -> int:
        """How many columns the table has: as many as names, else as most rows have."""
        return len(self.names) or Counter(map(len, self.rows)).most_common(1)[0][0]

    @property
    def separator_name(self) -> str:
        """The separator in a word."""
        return _SEPARATOR_NAMES[self.separator]

    def label(self, column: int) -> str:
        """Return a column's name with its unit, if this stands on a line of its own; "" without."""
        name = self.names[column] if column < len(self.names) else ""
        return f"{name} {self.units[column]}" if column < len(self.units) else name

    @property
    def labels(self) -> Fields:
        """The labels of all columns, () without a header."""
        return tuple(map(self.label, range(len(self.names))))


def decode(head: bytes) -> tuple[str, str]:
    """Return the text of a file's first bytes and the name of its encoding."""
    encoding = next((name for bom, name in BOMS if head.startswith(bom)), "utf-8")
    try:
        # incremental: the last character may be cut in two
        return codecs.getincrementaldecoder(encoding)().decode(head), encoding
    except UnicodeDecodeError:
        return head.decode("latin-1"), "latin-1"


def is_text(head: bytes) -> bool:
    """Tell text from binary data by its control characters."""
    return not CONTROL.search(decode(head)[0])


def is_number(field: str) -> bool:
    """Tell whether a field is a number, with either decimal mark, perhaps NaN or infinite."""
    return NUMBER.fullmatch(field) is not None


def find_layout(path: Path, is_header: Callable[[Fields], bool]) -> Layout | None:
    """Find the first line whose fields `is_header` accepts, else the first line of numbers.

    Returns None when there is neither. `rows` is empty when nothing follows the header.
    """
    found = _layout_of_head(path, HEAD_BYTES, is_header)
    if (found is None or not found.rows) and path.stat().st_size > HEAD_BYTES:
        found = _layout_of_head(path, LONG_HEAD_BYTES, is_header)
    return found


def _layout_of_head(path: Path, size: int, is_header: Callable[[Fields], bool]) -> Layout | None:
    with path.open("rb") as file:
        head = file.read(size)
    text, encoding = decode(head)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(head) == size:
        lines = lines[:-1] or lines  # the last line may be cut
    lines = [line if len(line) < LONGEST_LINE else "" for line in lines]
    start = _header(lines, is_header) or _text_above_numbers(lines)
    if start is None:
        return None
    skip_lines, separator, names = start
    body = _body(lines, separator, skip_lines)
    units = _units(names, body)
    if units:
        skip_lines = body.pop(0)[0] + 1
    rows = tuple(fields for _, fields in body)
    return Layout(
        encoding=encoding,
        separator=separator,
        decimal="," if _has_decimal_commas(rows) else ".",
        comment=_comment(lines, separator, rows),
        skip_lines=skip_lines,
        names=names,
        units=units,
        rows=rows,
        preamble=_preamble(lines[:skip_lines]),
    )


def _split(line: str, separator: str) -> Fields:
    """Split a line into fields without quotes, outer blanks and empty fields at the end."""
    line = line.replace("\t", " ") if separator == " " else line
    try:
        row = next(csv.reader([line.strip(" ")], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:  # a field longer than any
        return ()
    fields = [field.strip() for field in row]
    while fields and not fields[-1]:
        fields.pop()
    return tuple(fields)


def _comment_mark(line: str, separator: str) -> str:
    """Return the mark that a comment line starts with, or ""; a separator is no mark."""
    text = line.lstrip()
    return next((m for m in COMMENTS if text.startswith(m) and m != separator), "")


def _header(
    lines: Sequence[str], is_header: Callable[[Fields], bool]
) -> tuple[int, str, Fields] | None:
    """Find lines to skip, separator and names; a header may hide behind a comment mark."""
    for separator in SEPARATORS:
        n_rows = 0
        for number, line in enumerate(lines):
            mark = _comment_mark(line, separator)
            fields = _split(line.lstrip()[len(mark) :] if mark else line, separator)
            n_rows = n_rows + 1 if sum(map(is_number, fields)) >= 4 else 0
            if n_rows == ROWS_BEGIN:  # the table has begun without a header
                break
            if is_header(fields):
                return number + 1, separator, fields
    return None


def _text_above_numbers(lines: Sequence[str]) -> tuple[int, str, Fields] | None:
    """Find lines to skip, separator and the fields of the text line above the first numbers."""
    for separator in SEPARATORS:
        above: Fields = ()
        for number, line in enumerate(lines):
            if _comment_mark(line, separator) or not line.strip():
                continue
            fields = _split(line, separator)
            if sum(map(is_number, fields)) >= 4:
                named = len(above) == len(fields) and not any(map(is_number, above))
                return number, separator, above if named else ()
            above = fields
    return None


def _body(lines: Sequence[str], separator: str, start: int) -> list[tuple[int, Fields]]:
    """Return the line number and the fields of every row from line `start` on."""
    return [
        (number, _split(line, separator))
        for number, line in enumerate(lines)
        if number >= start and line.strip() and not _comment_mark(line, separator)
    ]


def _units(names: Fields, body: Sequence[tuple[int, Fields]]) -> Fields:
    """Return the first row if it is a line of units rather than of numbers, else ()."""
    first = body[0][1] if body else ()
    return first if len(first) == len(names) and not any(map(is_number, first)) else ()


def _preamble(lines: Sequence[str]) -> dict[str, str]:
    """Return the names and values in lines above the table: "name,value", "name: value", …"""
    pairs = (PAIR.fullmatch(line.strip().strip("".join(COMMENTS))) for line in lines)
    return {p["name"].strip().lower(): p["value"].strip() for p in pairs if p}


def _has_decimal_commas(rows: Sequence[Fields]) -> bool:
    """Tell whether numbers are written so; between commas only quotes let them be."""
    return any("," in field and is_number(field) for row in rows for field in row)


def _comment(lines: Sequence[str], separator: str, rows: Sequence[Fields]) -> str:
    """Return the first character of the file's comments, "#" where it has none or they use it."""
    mark = next((m[0] for line in lines if (m := _comment_mark(line, separator))), "#")
    return "#" if any(mark in field for row in rows for field in row) else mark
