"""`stabilizer info`: what a video, a gyro log or a camera file is."""

import json
from pathlib import Path
from typing import Annotated

import typer

from stabilizer.cli.options import TableOptions
from stabilizer.cli.show import print_table
from stabilizer.errors import StabilizerError

_CAMERA_SUFFIXES = (".json", ".yaml", ".yml")


def info(
    file: Annotated[Path, typer.Argument(help="A video, log or camera file.", show_default=False)],
    table: TableOptions,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what a video, a gyro log or a camera file is: times, rates, gaps, axes; views, lens."""
    from stabilizer.facts import camera_facts, log_facts, video_facts

    if _is_camera(file):
        from stabilizer.camera import read_camera

        facts = camera_facts(read_camera(file))
    elif _is_text(file):
        import gyro_data

        log = gyro_data.read(
            file, time_unit=table.time_unit, rate_unit=table.rate_unit, columns=table.columns
        )
        facts = log_facts(log)
    else:
        from stabilizer.video import probe

        facts = video_facts(probe(file))
    if as_json:
        print(json.dumps(facts, indent=2))
    else:
        print_table(str(file), facts)


def _is_camera(file: Path) -> bool:
    """Tell a camera from a log that is written in JSON too."""
    from stabilizer.camera import is_camera

    return file.suffix.lower() in _CAMERA_SUFFIXES and is_camera(file)


def _is_text(file: Path) -> bool:
    """Tell a log from a video."""
    from gyro_data.readers.layout import HEAD_BYTES, is_text

    try:
        with file.open("rb") as stream:
            return is_text(stream.read(HEAD_BYTES))
    except OSError as error:
        raise StabilizerError(f"{file}: cannot be read: {error.strerror}") from error
