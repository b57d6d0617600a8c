"""Which column of a table is what: told by the header, by the caller, or by the numbers."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gyro_data.checks import Floats
from gyro_data.errors import GyroDataError
from gyro_data.readers.layout import Layout, is_number
from gyro_data.readers.options import ACCEL_ROLES, REQUIRED_ROLES

EXAMPLE = "columns='t=time,x=gyro_x,y=gyro_y,z=gyro_z'"

# Names are compared as lower-case words: "gyroX [rad/s]" is "gyro x rad s" (see `_words`).
TIME_UNIT_WORDS = {
    "s": r"s|secs?|seconds?",
    "ms": r"cts|(?:t|time|timestamp)?(?:ms|msecs?|millis?|milliseconds?)",  # GoPro's cts is in ms
    "us": r"(?:t|time|timestamp)?(?:us|usecs?|micros?|microseconds?)",
    "ns": r"(?:t|time|timestamp)?(?:ns|nsecs?|nanos?|nanoseconds?)",
}
RATE_UNIT_WORDS = {
    "rad/s": r"rad(?:ian)?s?(?: per)? ?s(?:ec|econd)?(?: 1)?|radps",
    "deg/s": r"deg(?:ree)?s?(?: per)? ?s(?:ec|econd)?(?: 1)?|dps|gyro adc [012]",  # Betaflight's
}
ACCEL_UNIT_WORDS = {"m/s^2": r"m s 2|m s2|m s s|ms2|mps2", "g": r"g"}

_T_UNIT = "|".join(TIME_UNIT_WORDS.values())
_RATE_UNIT = "|".join(RATE_UNIT_WORDS.values())
_ACCEL_UNIT = "|".join(ACCEL_UNIT_WORDS.values())
_GYRO = (
    r"(?:imu )?(?:g|w|w rs s|omega|gyr|gyro|gyroscope|gyro adc|gyro rotation"
    r"|(?:motion )?rotation rate|ang(?:ular)? (?:vel(?:ocity)?|rate|speed))"
)
_ACCEL = r"(?:imu )?(?:a|a rs s|acc|accel|accelerometer|acceleration)"


def _sensor_axis(sensor: str, unit: str) -> re.Pattern[str]:
    """Match "sensor axis", with a unit in the middle or at the end, or a bare axis with a unit."""
    return re.compile(
        rf"(?P<sensor>{sensor})(?: (?:{unit}))? ?(?P<axis>[xyz0-3])(?: axis)?(?: (?:{unit}))?"
        rf"|(?P<bare>[xyz])(?: axis)? (?:{unit})"
    )


TIME = re.compile(
    r"(?:(?:sensor|sampling|sample|system|log|unix|elapsed|boot) )?"
    r"(?:t|ts|times?|time ?stamps?|elapsed|epoch|uptime)(?: since \w+)?(?: in)?"
    rf"(?: (?:{_T_UNIT}))?|(?:{_T_UNIT})(?: elapsed)?"
)
GYRO = _sensor_axis(_GYRO, _RATE_UNIT)
ACCEL = _sensor_axis(_ACCEL, _ACCEL_UNIT)
NAMELESS = re.compile(r"(?P<sensor>)(?P<axis>)(?P<bare>[xyz])")
OTHER_SENSOR = re.compile(
    r"\b(?:w|q[wxyz]|quat\w*|mag\w*|gravity|roll|pitch|yaw|azimuth|lat|lon|latitude|longitude|position"
    r"|sensor|type|name|topic)\b"
)
"""Beside such a column, x, y, z need not be rates: a quaternion, or rows of several sensors."""


@dataclass(frozen=True)
class Columns:
    """Where the quantities stand in a row."""

    index: Mapping[str, int]
    """Column index of t, x, y, z and perhaps ax, ay, az."""
    named: bool
    """Whether the header or the caller calls x, y, z rates; else they may be another sensor's."""

    def describe(self, layout: Layout, roles: Iterable[str]) -> str:
        """Write down the columns of some roles as the option `columns` takes them."""
        shown = layout.names or range(layout.width)
        return ",".join(f"{role}={shown[self.index[role]]}" for role in roles)


def unit_of(label: str, words: Mapping[str, str]) -> str | None:
    """Return the unit that a column's label names, or None."""
    text = _words(label)
    for unit, pattern in words.items():
        if re.search(rf"(?:^| )(?:{pattern})(?: |$)", text):
            return unit
    return None


def names_rates(labels: Sequence[str]) -> bool:
    """Tell whether a line of labels is the header of a gyro table."""
    return any(map(_is_time, labels)) and bool(_triples(labels, GYRO) or _triples(labels, NAMELESS))


def is_requested(wanted: Mapping[str, str], names: Sequence[str]) -> bool:
    """Tell whether a line of names has all that the caller asks for by name."""
    asked = {name.casefold() for name in wanted.values() if not name.isdecimal()}
    return bool(asked) and asked <= {name.casefold() for name in names}


def columns_by_request(path: Path, layout: Layout, wanted: Mapping[str, str]) -> Columns:
    """Find the columns that the caller names, or counts from 0."""
    names = {name.casefold(): i for i, name in reversed(list(enumerate(layout.names)))}
    index = {}
    for role, name in wanted.items():
        place = names.get(name.casefold(), int(name) if name.isdecimal() else layout.width)
        if place >= layout.width:
            raise GyroDataError(f"{path}: no column {name!r} for {role}; {_found(layout)}")
        index[role] = place
    if len(set(index.values())) < len(index):
        raise GyroDataError(f"{path}: columns names one column twice; {_found(layout)}")
    return Columns(index, named=True)


def columns_by_name(path: Path, layout: Layout) -> Columns:
    """Find the columns by the meaning of their labels; rates need a name or no rival."""
    named = _triples(layout.labels, GYRO)
    triples = named or _triples(layout.labels, NAMELESS)
    if not triples:
        raise GyroDataError(
            f"{path}: no gyro columns; {_found(layout)}; name them with columns, such as {EXAMPLE}"
        )
    if len(triples) > 1:
        sets = " or ".join(", ".join(layout.names[i] for i in triple) for triple in triples)
        raise GyroDataError(f"{path}: which are the rates, {sets}? Choose with {EXAMPLE}")
    if not named and any(map(_is_other_sensor, layout.labels)):
        raise GyroDataError(
            f"{path}: x, y, z may belong to another sensor; {_found(layout)}; "
            f"if they are rates, say so with columns='t=time,x=x,y=y,z=z'"
        )
    index = {"t": _time_column(path, layout)} | dict(zip("xyz", triples[0], strict=True))
    accel = _triples(layout.labels, ACCEL)
    if len(accel) == 1:
        index |= zip(ACCEL_ROLES, accel[0], strict=True)
    return Columns(index, named=bool(named))


def columns_by_content(path: Path, layout: Layout) -> Columns:
    """Tell time from rates in a table of four columns without a header.

    Time is the one column that never falls and does more than count rows; ten rows must show it.
    """
    rows = [row for row in layout.rows if len(row) == layout.width and all(map(is_number, row))]
    numbers = np.array([[float(f.replace(",", ".")) for f in row] for row in rows])
    numbers = numbers[np.isfinite(numbers).all(axis=-1)]
    enough = len(numbers) >= 10 and layout.width == 4
    rising = [i for i in range(4) if _never_falls(numbers[:, i])] if enough else []
    if len(rising) != 1 or not _is_clock(numbers[:, rising[0]]):
        raise GyroDataError(
            f"{path}: no header, and the numbers do not tell which of {layout.width} columns are "
            f"time and rates; say it with columns, counting from 0, such as "
            f"columns='t=0,x=1,y=2,z=3' (first row: {', '.join(layout.rows[0])})"
        )
    rates = [i for i in range(4) if i not in rising]
    return Columns(dict(zip(REQUIRED_ROLES, rising + rates, strict=True)), named=False)


def _words(label: str) -> str:
    """Write a label as lower-case words: "gyroX [°/s]" as "gyro x deg s"."""
    text = unicodedata.normalize("NFKC", label).replace("μ", "u").replace("°", " deg ")
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text).lower()
    return re.sub(r"[^a-z0-9]+", " ", text).strip()


def _is_time(label: str) -> bool:
    return TIME.fullmatch(_words(label)) is not None


def _is_other_sensor(label: str) -> bool:
    return OTHER_SENSOR.search(_words(label)) is not None and not _is_time(label)


def _triples(labels: Sequence[str], pattern: re.Pattern[str]) -> list[tuple[int, int, int]]:
    """Return the columns of x, y, z of every sensor that `pattern` finds complete."""
    sensors: dict[str, dict[str, int]] = {}
    for i, label in enumerate(labels):
        if found := pattern.fullmatch(_words(label)):
            axes = sensors.setdefault(found["sensor"] or "", {})
            axes[found["axis"] or found["bare"]] = i
    return [
        (axes[x], axes[y], axes[z])
        for axes in sensors.values()
        for x, y, z in ("xyz", "012", "123")
        if set(axes) == {x, y, z}
    ]


def _time_column(path: Path, layout: Layout) -> int:
    """Choose among the times: numbers before text, a stated unit before none, left before right."""
    times = [i for i, label in enumerate(layout.labels) if _is_time(label)]
    if not times:
        raise GyroDataError(f"{path}: no time column; {_found(layout)}; name it with {EXAMPLE}")
    row = layout.rows[0]
    numeric = [i for i in times if i < len(row) and is_number(row[i])]
    if not numeric:
        example = row[times[0]] if times[0] < len(row) else ""
        raise GyroDataError(
            f"{path}: the time column {layout.names[times[0]]!r} holds {example!r}, not numbers; "
            f"name another with {EXAMPLE}"
        )
    return min(numeric, key=lambda i: unit_of(layout.labels[i], TIME_UNIT_WORDS) is None)


def _never_falls(column: Floats) -> bool:
    return bool((np.diff(column) >= 0).all() and column[0] < column[-1])


def _is_clock(column: Floats) -> bool:
    """Tell a clock from a row number and from a frame number, which mostly stays."""
    steps = np.diff(column)
    return bool(np.mean(steps > 0) >= 0.5 and not (steps == 1).all())


def _found(layout: Layout) -> str:
    """List the columns for a message."""
    shown = layout.names or tuple(map(str, range(layout.width)))
    more = f" … ({len(shown)} in all)" if len(shown) > 20 else ""
    return f"columns found: {', '.join(shown[:20])}{more}"
