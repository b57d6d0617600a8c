"""What a caller may say about a log where the log itself does not: units and columns."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gyro_data.timestamps import TIME_UNITS

RATE_UNITS = {"rad/s": 1.0, "deg/s": np.pi / 180}
"""rad/s per unit."""

REQUIRED_ROLES = ("t", "x", "y", "z")
ACCEL_ROLES = ("ax", "ay", "az")


@dataclass(frozen=True)
class ReadOptions:
    """A caller's word on a log; what is None is told from the file."""

    time_unit: str | None = None
    """One of TIME_UNITS."""
    rate_unit: str | None = None
    """One of RATE_UNITS."""
    columns: Mapping[str, str] | None = None
    """Column name, or index from 0 as digits, of t, x, y, z and perhaps ax, ay, az."""

    def __post_init__(self) -> None:
        _one_of("time_unit", self.time_unit, TIME_UNITS)
        _one_of("rate_unit", self.rate_unit, RATE_UNITS)
        if self.columns is not None:
            _check_roles(self.columns)


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


def _one_of(name: str, value: str | None, allowed: Mapping[str, float]) -> None:
    if value is not None and value not in allowed:
        raise ValueError(f"{name}: expected one of {', '.join(allowed)}, got {value!r}")


def _check_roles(columns: Mapping[str, str]) -> None:
    """Refuse roles that do not exist, and incomplete triples."""
    given = set(columns)
    if given != set(REQUIRED_ROLES) and given != {*REQUIRED_ROLES, *ACCEL_ROLES}:
        raise ValueError(
            f"columns: expected {', '.join(REQUIRED_ROLES)} and either all or none of "
            f"{', '.join(ACCEL_ROLES)}; got {', '.join(columns) or 'nothing'}"
        )
