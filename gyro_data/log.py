"""What the motion sensor said: `GyroLog`, in the log's own axes and on the log's own clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from gyro_data.checks import Floats, increasing, read_only

LARGEST_RATE = 1e4
"""rad/s; beyond any sensor and any unit mistaken for another, within what integrates."""


@dataclass(frozen=True, eq=False)
class GyroLog:
    """Angular rates (and perhaps accelerations) at real instants; at least 2 samples."""

    t: Floats
    """(N,) s, strictly increasing, on the log's clock (any origin)."""
    gyro: Floats
    """(N, 3) rad/s about x, y, z: the right-handed rate of the body, in its own axes."""
    accel: Floats | None = None
    """(N, 3) m/s² along x, y, z (at rest: +9.81 along the axis that points up), or None."""
    gaps: Floats = field(default_factory=lambda: np.empty((0, 2)))
    """(G, 2) s: last sample before and first sample after each hole in the recording."""
    hints: Mapping[str, str] = field(default_factory=dict)
    """What the reader concluded and why: "time_unit", "rate_unit", "dropped_rows", …"""

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        set_field(self, "t", increasing("t", read_only("t", self.t, ("N",))))
        if len(self.t) < 2:
            raise ValueError(f"t: expected at least 2 samples, got {len(self.t)}")
        set_field(self, "gyro", read_only("gyro", self.gyro, (len(self.t), 3)))
        fastest = np.abs(self.gyro).max()
        if fastest > LARGEST_RATE:
            raise ValueError(
                f"gyro: expected rates up to {LARGEST_RATE:g} rad/s, got {fastest:.3g}; "
                "is the unit right?"
            )
        if self.accel is not None:
            set_field(self, "accel", read_only("accel", self.accel, (len(self.t), 3)))
        set_field(self, "gaps", read_only("gaps", self.gaps, ("G", 2)))
        set_field(self, "hints", MappingProxyType(dict(self.hints)))

    @property
    def duration(self) -> float:
        """Seconds from the first to the last sample."""
        return float(self.t[-1] - self.t[0])

    @property
    def sample_rate(self) -> float:
        """Samples per second: the inverse of the median sampling interval."""
        return 1.0 / float(np.median(np.diff(self.t)))
