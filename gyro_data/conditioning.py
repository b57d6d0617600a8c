"""Conditioners: a log in, the same log put right out; gyro and accel stay in rad/s and m/s²."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gyro_data.axes import axes_matrix
from gyro_data.checks import Floats, read_only
from gyro_data.log import GyroLog


@dataclass(frozen=True, eq=False)
class SubtractDrift:
    """Take a constant bias off the rates."""

    drift: Floats
    """(3,) rad/s about x, y, z of the log: what the gyro says while it rests."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "drift", read_only("drift", self.drift, (3,)))

    def __call__(self, log: GyroLog) -> GyroLog:
        """Return the log with the drift subtracted from every sample."""
        return replace(log, gyro=log.gyro - self.drift)


@dataclass(frozen=True)
class MapAxes:
    """Turn the axes of the log into body axes, for rates and accelerations alike."""

    letters: str
    """The log axis that feeds body x, y and z; lower case negates, as in "yXz"."""

    def __post_init__(self) -> None:
        axes_matrix(self.letters)  # refuses impossible letters now rather than at the first log

    def __call__(self, log: GyroLog) -> GyroLog:
        """Return the log in body axes."""
        matrix = axes_matrix(self.letters)  # (3, 3) @ (N, 3) -> (N, 3)
        accel = None if log.accel is None else log.accel @ matrix.T
        return replace(log, gyro=log.gyro @ matrix.T, accel=accel)


CONDITIONERS: Mapping[str, type[SubtractDrift] | type[MapAxes]] = {
    "subtract_drift": SubtractDrift,
    "map_axes": MapAxes,
}
"""What can be done to a log before it is integrated."""
