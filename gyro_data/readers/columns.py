"""Which column of a table is what: told by the caller, by the header, or by the numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gyro_data.errors import GyroDataError
from gyro_data.readers.content import SAME_MOTION, clocks, first_clock, same_motion, sample_of
from gyro_data.readers.layout import Layout, is_number
from gyro_data.readers.options import (
    ACCEL_ROLES,
    ANGLE_ROLES,
    QUATERNION_ROLES,
    REQUIRED_ROLES,
    ReadOptions,
)
from gyro_data.readers.words import (
    ACCEL,
    ACCEL_ROWS,
    GYRO,
    GYRO_FIRST,
    GYRO_UNCALIBRATED,
    NAMELESS,
    NUMBERED,
    TIME_UNIT_WORDS,
    angles,
    is_other_sensor,
    is_selector,
    is_time,
    numbered_quaternions,
    quaternions,
    sensor_rows,
    triples,
    turn_rates,
    unit_of,
)

EXAMPLE = "columns='t=time,x=gyro_x,y=gyro_y,z=gyro_z'"
_MANY_NAMES = 40
RATES, QUATERNION, ANGLES = "rates", "quaternion", "angles"
ROLES = {RATES: REQUIRED_ROLES[1:], QUATERNION: QUATERNION_ROLES, ANGLES: ANGLE_ROLES}


@dataclass(frozen=True)
class Source:
    """One sensor's columns, and which rows are its own."""

    columns: tuple[int, ...]
    rows: str | None = None
    """What the selector column says in the sensor's rows; None: all rows are its own."""


@dataclass(frozen=True)
class Columns:
    """Where the quantities stand in a table."""

    t: int
    kind: str
    """RATES, QUATERNION (w, x, y, z) or ANGLES (roll, pitch, yaw)."""
    motion: Source
    accel: Source | None = None
    selector: int | None = None
    """The column that tells the sensor of a row, where there is one."""
    named: bool = True
    """Whether the header or the caller calls x, y, z rates; else they may be another sensor's."""
    told_by: str = "header"
    """"header", "option" or "numbers"."""

    @property
    def used(self) -> list[int]:
        """All columns that are used, in ascending order."""
        accel = self.accel.columns if self.accel else ()
        selector = () if self.selector is None else (self.selector,)
        return sorted({self.t, *self.motion.columns, *accel, *selector})

    def width(self, layout: Layout) -> int:
        """How many columns a row may have: the table's, or what the sensor's own rows have."""
        return max(layout.width, *(i + 1 for i in self.used))

    def describe(self, layout: Layout) -> str:
        """Write the columns down as the option `columns` takes them."""
        roles = dict(zip(ROLES[self.kind], self.motion.columns, strict=True))
        if self.accel and self.accel.rows is None:
            roles |= zip(ACCEL_ROLES, self.accel.columns, strict=True)
        shown = layout.names or range(layout.width)
        return ",".join(f"{r}={shown[i]}" for r, i in {"t": self.t, **roles}.items())


def names_motion(labels: Sequence[str]) -> bool:
    """Tell whether a line of labels is the header of a table of rates or of an attitude."""
    return any(map(is_time, labels)) and bool(
        _rate_columns(labels)
        or triples(labels, NAMELESS)
        or triples(labels, ACCEL)
        or quaternions(labels)
        or angles(labels)
        or (any(map(is_selector, labels)) and triples(labels, NUMBERED))
    )


def find_columns(path: Path, layout: Layout, options: ReadOptions) -> Columns:
    """Return the columns as the caller asks, else as the header says, else as the numbers do."""
    if options.columns is not None:
        return _columns_by_request(path, layout, options.columns)
    if layout.names:
        return _columns_by_name(path, layout)
    return _columns_by_content(path, layout)


def is_requested(wanted: Sequence[str], names: Sequence[str]) -> bool:
    """Tell whether a line of names has all that the caller asks for by name."""
    asked = {name.casefold() for name in wanted if not name.isdecimal()}
    return bool(asked) and asked <= {name.casefold() for name in names}


def _columns_by_request(path: Path, layout: Layout, wanted: Mapping[str, str]) -> Columns:
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
    kind = next(kind for kind, roles in ROLES.items() if roles[0] in index)
    motion = Source(tuple(index[role] for role in ROLES[kind]))
    accel = Source(tuple(index[role] for role in ACCEL_ROLES)) if "ax" in index else None
    return Columns(index["t"], kind, motion, accel, told_by="option")


def _columns_by_name(path: Path, layout: Layout) -> Columns:
    """Find the columns by the meaning of their labels; rates need a name or no rival."""
    labels = layout.labels
    named = _rate_columns(labels)
    if not named and (selector := _selector(layout)) is not None:
        return _columns_by_row_names(path, layout, selector)
    accel = triples(labels, ACCEL)
    found_accel = Source(accel[0]) if accel else None
    if rates := named or _nameless_rates(path, layout):
        t = _time_column(path, layout)
        return Columns(
            t, RATES, Source(_one_of(path, layout, rates)), found_accel, named=bool(named)
        )
    if attitude := quaternions(labels):
        return Columns(_time_column(path, layout), QUATERNION, Source(attitude[0]), found_accel)
    if turned := angles(labels):
        return Columns(_time_column(path, layout), ANGLES, Source(turned[0]), found_accel)
    raise GyroDataError(f"{path}: {_why_no_rates(labels)}; {_found(layout)}; {_remedy(labels)}")


def _rate_columns(labels: Sequence[str]) -> list[tuple[int, int, int]]:
    return triples(labels, GYRO) or turn_rates(labels)


def _nameless_rates(path: Path, layout: Layout) -> list[tuple[int, int, int]]:
    """Return columns x, y, z that no sensor's name stands at, unless another's may be meant."""
    found = triples(layout.labels, NAMELESS)
    rivals = [label for label in layout.labels if is_other_sensor(label)]
    if found and quaternions(layout.labels) and all(v in {"w", "W"} for v in rivals):
        return []  # w, x, y, z
    if found and rivals:
        raise GyroDataError(
            f"{path}: x, y, z may belong to another sensor; {_found(layout)}; "
            f"if they are rates, say so with columns='t=time,x=x,y=y,z=z'"
        )
    return found


def _one_of(path: Path, layout: Layout, sets: list[tuple[int, int, int]]) -> tuple[int, int, int]:
    """Return the one set of rates, or the first of several that say the same but for a bias."""
    if len(sets) == 1:
        return sets[0]
    sample = sample_of(layout)
    if all(same_motion(sample[:, sets[0]], sample[:, other]) for other in sets[1:]):
        return sets[0]
    shown = " or ".join(", ".join(layout.names[i] for i in triple) for triple in sets)
    raise GyroDataError(
        f"{path}: which are the rates, {shown}? They differ by more than a bias (correlation "
        f"under {SAME_MOTION}); choose with {EXAMPLE}"
    )


def _selector(layout: Layout) -> int | None:
    """Return the column that names the sensor of each row, where several sensors share columns."""
    if not (triples(layout.labels, NAMELESS) or triples(layout.labels, NUMBERED)):
        return None
    labelled = (i for i, label in enumerate(layout.labels) if is_selector(label))
    return next(labelled, _column_of_words(layout))


def _columns_by_row_names(path: Path, layout: Layout, selector: int) -> Columns:
    """Find the rows of the gyro, and perhaps the accelerometer, among those of many sensors."""
    gyro, accel = _sensors_by_row(path, layout, selector)
    axes = (triples(layout.labels, NAMELESS) or triples(layout.labels, NUMBERED))[0]
    return Columns(
        _time_column(path, layout),
        RATES,
        Source(axes, gyro),
        None if accel is None else Source(axes, accel),
        selector,
    )


def _sensors_by_row(path: Path, layout: Layout, selector: int) -> tuple[str, str | None]:
    """Return what the gyro's rows are called, and the accelerometer's; refuse rows of no gyro."""
    values = list(dict.fromkeys(row[selector] for row in layout.rows if len(row) > selector))
    gyro = sensor_rows(values, GYRO_FIRST, GYRO_UNCALIBRATED)
    if gyro is None:
        name = layout.label(selector) or str(selector)
        raise GyroDataError(
            f"{path}: no rows of a gyro: column {name!r} is {', '.join(values[:12])}; give the "
            f"gyro's log, or name its columns, such as {EXAMPLE}"
        )
    return gyro, sensor_rows(values, ACCEL_ROWS)


def _columns_by_content(path: Path, layout: Layout) -> Columns:
    """Tell time from rates in a table without a header."""
    selector = _column_of_words(layout)
    rows, gyro, accel = layout.rows, None, None
    if selector is not None:
        gyro, accel = _sensors_by_row(path, layout, selector)
        rows = tuple(row for row in rows if len(row) > selector and row[selector] == gyro)
    found = clocks(sample_of(layout, rows))
    t = first_clock(found)
    if t is None or found.rates is None:
        first = rows[0] if rows else ()
        raise GyroDataError(
            f"{path}: no header, and the numbers do not tell which of {layout.width} columns are "
            f"time and rates ({found.why}); say it with columns, counting from 0, such as "
            f"columns='t=0,x=1,y=2,z=3' (first row: {', '.join(first)})"
        )
    beside = None if found.accel is None else Source(found.accel)
    if accel is not None:
        beside = Source(found.rates, accel)
    return Columns(
        t,
        RATES,
        Source(found.rates, gyro),
        beside,
        selector,
        named=gyro is not None,
        told_by="numbers",
    )


def _column_of_words(layout: Layout) -> int | None:
    """Return the first column of several words that come again and again: names of sensors."""
    for column in range(max(map(len, layout.rows))):
        words = [row[column] for row in layout.rows if len(row) > column]
        if 1 < len(set(words)) < min(_MANY_NAMES, len(words)) and not any(map(is_number, words)):
            return column
    return None


def _time_column(path: Path, layout: Layout) -> int:
    """Choose among the times: numbers before text, a running clock, a stated unit, the left one."""
    times = [i for i, label in enumerate(layout.labels) if is_time(label)]
    if not times:
        raise GyroDataError(f"{path}: no time column; {_found(layout)}; name it with {EXAMPLE}")
    if len(times) == 1:
        return times[0]
    sample = sample_of(layout)
    numeric = [i for i in times if any(i < len(r) and is_number(r[i]) for r in layout.rows[:9])]
    running = set(clocks(sample, numeric).candidates)

    def rank(i: int) -> tuple[bool, bool, bool]:
        return (
            i not in numeric,
            i not in running,
            unit_of(layout.labels[i], TIME_UNIT_WORDS) is None,
        )

    return min(times, key=rank)


def _why_no_rates(labels: Sequence[str]) -> str:
    if triples(labels, ACCEL):
        return "accelerations alone, which do not tell how the camera turned"
    if numbered_quaternions(labels):
        return "a quaternion whose components are numbered, not named"
    return "no gyro columns"


def _remedy(labels: Sequence[str]) -> str:
    if triples(labels, ACCEL):
        return "give the gyro's log"
    if numbered_quaternions(labels):
        return "say which is which with columns='t=time,qw=q0,qx=q1,qy=q2,qz=q3'"
    return f"name them with columns, such as {EXAMPLE}"


def _found(layout: Layout) -> str:
    """List the columns for a message."""
    shown = layout.names or tuple(map(str, range(layout.width)))
    more = f" … ({len(shown)} in all)" if len(shown) > 20 else ""
    return f"columns found: {', '.join(shown[:20])}{more}"
