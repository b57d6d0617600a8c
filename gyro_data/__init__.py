"""Gyro logs: read, repaired, integrated to orientations. Useful without `stabilizer`."""

from typing import TYPE_CHECKING

from gyro_data.lazy import lazy

if TYPE_CHECKING:
    from gyro_data.axes import axes_matrix
    from gyro_data.conditioning import MapAxes, SubtractDrift
    from gyro_data.errors import GyroDataError
    from gyro_data.integration import integrate
    from gyro_data.log import GyroLog
    from gyro_data.orientation import Orientation
    from gyro_data.readers import read
    from gyro_data.timestamps import find_gaps, repeated

__all__ = [
    "GyroDataError",
    "GyroLog",
    "MapAxes",
    "Orientation",
    "SubtractDrift",
    "axes_matrix",
    "find_gaps",
    "integrate",
    "read",
    "repeated",
]

__getattr__ = lazy(
    __name__,
    {
        "GyroDataError": "errors",
        "GyroLog": "log",
        "MapAxes": "conditioning",
        "Orientation": "orientation",
        "SubtractDrift": "conditioning",
        "axes_matrix": "axes",
        "find_gaps": "timestamps",
        "integrate": "integration",
        "read": "readers",
        "repeated": "timestamps",
    },
)
