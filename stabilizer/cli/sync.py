"""`stabilizer sync`: how a log belongs to a video, told, drawn or kept."""

import json
from pathlib import Path
from typing import Annotated

import typer

from stabilizer.cli.options import (
    CameraOptions,
    Log,
    Overwrite,
    SyncOptions,
    TableOptions,
    Video,
)
from stabilizer.cli.planning import read_log
from stabilizer.cli.show import print_table
from stabilizer.cli.sync_text import sync_facts
from stabilizer.cli.syncing import accept, found_sync


def sync(
    video: Video,
    log: Log,
    from_camera: CameraOptions,
    clocks: SyncOptions,
    table: TableOptions,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the result, for --sync: .json."),
    ] = None,
    overwrite: Overwrite = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse a result of low confidence too.")
    ] = False,
) -> None:
    """Find how LOG's clock and axes, and the camera, belong to VIDEO; what is given stays.

    stabilizer sync walk.mp4 walk.csv --camera walk.camera.json -o walk.sync.json
    """
    from stabilizer.sync_file import SavedSync, save_sync, sync_to_dict
    from stabilizer.video import probe

    inputs = [path for path in (video, log, from_camera.camera) if path is not None]
    _check_files(output, inputs=inputs, overwrite=overwrite)
    found, known = found_sync(probe(video), read_log(log, table), from_camera, clocks)
    saved = SavedSync.of(found)
    if as_json:
        print(json.dumps(sync_to_dict(saved), indent=2))
    else:
        print_table(f"{video} with {log}", sync_facts(saved, known))
    accept(found.verdict, f"{video}: with {log}", strict=strict)
    if output is not None:
        save_sync(saved, output)
        if not as_json:
            print(f"{output}: written")


def _check_files(output: Path | None, *, inputs: list[Path], overwrite: bool) -> None:
    """Raise StabilizerError unless the file can be written, before any work."""
    from stabilizer.new_files import check_new_file
    from stabilizer.sync_file import SYNC_SUFFIX

    if output is not None:
        check_new_file(output, suffixes=[SYNC_SUFFIX], inputs=inputs, overwrite=overwrite)
