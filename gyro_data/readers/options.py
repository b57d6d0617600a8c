"""What a caller may say about a log where the log itself does not: units, columns, conventions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from gyro_data.timestamps import TIME_UNITS

Hints = dict[str, str]
"""What was concluded of a log, by name, as `GyroLog.hints` keeps it."""

RATE_UNITS = {"rad/s": 1.0, "deg/s": np.pi / 180, "mdeg/s": np.pi / 180_000}
"""rad/s per unit."""

REQUIRED_ROLES = ("t", "x", "y", "z")
ACCEL_ROLES = ("ax", "ay", "az")
QUATERNION_ROLES = ("qw", "qx", "qy", "qz")
ANGLE_ROLES = ("roll", "pitch", "yaw")
ROLE_SETS = (
    frozenset(REQUIRED_ROLES),
    frozenset((*REQUIRED_ROLES, *ACCEL_ROLES)),
    frozenset(("t", *QUATERNION_ROLES)),
    frozenset(("t", *ANGLE_ROLES)),
)

BODY_TO_WORLD, WORLD_TO_BODY = "body_to_world", "world_to_body"
ANGLE_ORDERS = tuple("".join(p) for p in permutations("XYZ"))
"""In which order yaw (Z), pitch (Y) and roll (X) turn the body, each about the axis just turned."""


@dataclass(frozen=True)
class ReadOptions:
    """A caller's word on a log; what is None is told from the file."""

    time_unit: str | None = None
    """One of TIME_UNITS."""
    rate_unit: str | None = None
    """One of RATE_UNITS, or a positive number: rad/s per count of a raw log."""
    columns: Mapping[str, str] | None = None
    """Column name, or index from 0 as digits, of t and x, y, z (and perhaps ax, ay, az), or of an
    attitude: qw, qx, qy, qz, or roll, pitch, yaw."""
    attitude: str | None = None
    """What an attitude is: body_to_world or world_to_body for quaternions, one of ANGLE_ORDERS for
    roll, pitch and yaw."""

    def __post_init__(self) -> None:
        _one_of("time_unit", self.time_unit, TIME_UNITS)
        if self.rate_unit is not None and not _is_scale(self.rate_unit):
            _one_of("rate_unit", self.rate_unit, (*RATE_UNITS, "a number of rad/s"))
        _one_of("attitude", self.attitude, (BODY_TO_WORLD, WORLD_TO_BODY, *ANGLE_ORDERS))
        if self.columns is not None:
            _check_roles(self.columns)


def rate_scale(unit: str) -> float:
    """Return the rad/s of one of a `rate_unit`."""
    return RATE_UNITS[unit] if unit in RATE_UNITS else float(unit)


def parse_columns(columns: Mapping[str, str | int] | str | None) -> dict[str, str] | None:
    """Turn "t=time,x=gyro_0,…" or a mapping into {role: column}; ValueError for anything else."""
    if columns is None:
        return None
    if isinstance(columns, str):
        pairs = [pair.partition("=") for pair in columns.split(",")]
        if not all(equals for _, equals, _ in pairs):
            raise ValueError(f"columns: expected 't=name,x=name,y=name,z=name', got {columns!r}")
        columns = {role.strip(): name for role, _, name in pairs}
    return {role: str(name).strip() for role, name in columns.items()}


def _is_scale(unit: str) -> bool:
    number = re.fullmatch(r"\+?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", unit, re.IGNORECASE)
    return number is not None and 0 < float(unit) < 1e3


def _one_of(name: str, value: str | None, allowed: Mapping[str, float] | tuple[str, ...]) -> None:
    if value is not None and value not in allowed:
        raise ValueError(f"{name}: expected one of {', '.join(allowed)}, got {value!r}")


def _check_roles(columns: Mapping[str, str]) -> None:
    """Refuse roles that do not exist, and incomplete triples."""
    if frozenset(columns) not in ROLE_SETS:
        raise ValueError(
            f"columns: expected {', '.join(REQUIRED_ROLES)} and either all or none of "
            f"{', '.join(ACCEL_ROLES)}; or t and {', '.join(QUATERNION_ROLES)}; or t and "
            f"{', '.join(ANGLE_ROLES)}; got {', '.join(columns) or 'nothing'}"
        )
