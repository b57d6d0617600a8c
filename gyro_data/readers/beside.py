"""The accelerometer's file beside the gyro's, where an app writes one file per sensor."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

LOG = logging.getLogger(__name__)

_GYRO = re.compile(r"gyr(?:o(?:scope)?)?", re.IGNORECASE)
_ACCEL = (
    "total_acceleration",
    "totalacceleration",
    "accelerometer",
    "acceleration",
    "accel",
    "acc",
)


def accelerometer_files(path: Path) -> Iterator[Path]:
    """Yield files in the folder that are named as this gyro's is, but after the accelerometer."""
    if not (found := _GYRO.search(path.stem)):
        return
    before, after = path.stem[: found.start()], path.stem[found.end() :]
    after = re.sub(r"[ _-]?uncalibrated", "", after, flags=re.IGNORECASE)
    wanted = [f"{before}{word}{after}{path.suffix}".lower() for word in _ACCEL]
    try:
        names = {p.name.lower(): p for p in path.parent.iterdir()}
    except OSError:
        return
    yield from (names[name] for name in wanted if name in names and names[name].is_file())
