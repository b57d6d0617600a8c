"""Where the gyro log of a video is, if nobody says: inside it, or beside it by the same name."""

import logging
from pathlib import Path

from gyro_data import GyroDataError, GyroLog
from gyro_data.readers import carries_telemetry, read
from stabilizer.errors import StabilizerError
from stabilizer.new_files import AnyPath

LOG = logging.getLogger(__name__)

SIDECAR_ENDINGS = (".gcsv", ".csv", ".txt", ".tsv", ".bbl", ".bfl", ".bin", "gyro.csv", "_gyro.csv")
"""What stands behind the video's name without its own ending."""


def find_log(video: AnyPath) -> Path:
    """Return the file that holds the video's gyro log: a sidecar, or the video itself.

    A sequence of images, whose path is a pattern, goes by the name of its folder.
    Raises StabilizerError where there is none, or more than one.
    """
    path = Path(video)
    if "%" in path.name and not path.exists():
        path = path.parent.resolve()
    beside = sidecars(path)
    inside = [path] if not path.is_dir() and carries_telemetry(path) else []
    found = inside + beside
    if len(found) == 1:
        where = "inside the video" if inside else str(beside[0])
        LOG.warning("%s: no log is given; that %s is used", path, where)
        return found[0]
    if not found:
        raise StabilizerError(
            f"{path}: give its gyro log; there is no file of its name beside it "
            f"({path.stem}{SIDECAR_ENDINGS[0]}, .csv, …), and no telemetry in it that can be read"
        )
    names = [f"{path.name} itself"] * len(inside) + [p.name for p in beside]
    raise StabilizerError(f"{path}: which is its gyro log, {' or '.join(names)}? Name one as LOG")


def sidecars(video: Path) -> list[Path]:
    """Return the logs beside a video that have its name."""
    endings = {f"{video.stem}{ending}".lower() for ending in SIDECAR_ENDINGS}
    try:
        names = sorted(p for p in video.parent.iterdir() if p.name.lower() in endings)
    except OSError:
        return []
    return [p for p in names if p.is_file() and _is_log(p)]


def on_the_video_clock(log: GyroLog) -> bool:
    """Tell whether a log's times are the video's own, as telemetry inside it has them."""
    return log.hints.get("clock") == "video"


def _is_log(path: Path) -> bool:
    """Tell whether a file that may be something else, a table of frames say, is a gyro log."""
    try:
        read(path)
    except GyroDataError as error:
        if path.suffix.lower() == ".gcsv" or "rate_unit" in str(error) or "time_unit" in str(error):
            return True  # a log, of which more must be told
        LOG.info("%s: no gyro log: %s", path, error)
        return False
    return True
