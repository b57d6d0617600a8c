"""`stabilizer info`: what a video, a gyro log or a camera file is."""

import json
import logging
from pathlib import Path
from typing import Annotated, Any

import typer

from stabilizer.cli.options import Fps, TableOptions, TalkOptions
from stabilizer.cli.planning import read_log
from stabilizer.cli.show import heed, print_table
from stabilizer.cli.values import chosen_video
from stabilizer.errors import StabilizerError

_CAMERA_SUFFIXES = (".json", ".yaml", ".yml")
LOG = logging.getLogger(__name__)


def info(
    file: Annotated[Path, typer.Argument(help="A video, log or camera file.", show_default=False)],
    table: TableOptions,
    talk: TalkOptions,
    fps: Fps = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what a video, a gyro log or a camera file is: times, rates, gaps, axes; views, lens."""
    from stabilizer.facts import camera_facts, log_facts, video_facts

    heed(talk)
    source = chosen_video(file, fps)
    if not isinstance(source, Path):
        from stabilizer.video import probe

        facts = video_facts(probe(source))
    elif _is_camera(file):
        from stabilizer.camera import read_camera

        facts = camera_facts(read_camera(file))
    elif not _is_video(file):
        facts = log_facts(read_log(file, table))
    else:
        from stabilizer.video import probe

        facts = video_facts(probe(file)) | {"telemetry": _telemetry(file, table)}
    if as_json:
        print(json.dumps(facts, indent=2))
    else:
        print_table(str(file), facts)


def _is_camera(file: Path) -> bool:
    """Tell a camera from a log that is written in JSON too."""
    from stabilizer.camera import is_camera

    return file.suffix.lower() in _CAMERA_SUFFIXES and is_camera(file)


def _telemetry(file: Path, table: TableOptions) -> dict[str, Any] | None:
    """Return the facts of the log inside a video, None if there is none to be read."""
    from gyro_data import GyroDataError
    from stabilizer.facts import log_facts

    try:
        return log_facts(read_log(file, table))
    except GyroDataError as error:
        LOG.info("%s", error)
        return None


def _is_video(file: Path) -> bool:
    """Tell a video from a log, which may be a flight log of bytes."""
    from gyro_data.readers.embedded import FLIGHT_LOGS

    return not _is_text(file) and file.suffix.lower() not in FLIGHT_LOGS


def _is_text(file: Path) -> bool:
    """Tell text from bytes."""
    from gyro_data.files import open_regular
    from gyro_data.readers.layout import HEAD_BYTES, is_text

    try:
        with open_regular(file) as stream:
            return is_text(stream.read(HEAD_BYTES))
    except OSError as error:
        raise StabilizerError(f"{file}: cannot be read: {error.strerror}") from error
