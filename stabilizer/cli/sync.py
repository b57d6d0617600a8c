"""`stabilizer sync`: how a log belongs to a video, told, drawn or kept."""

import json
from pathlib import Path
from typing import Annotated

import typer

from stabilizer.cli.options import (
    CameraOptions,
    Fps,
    Log,
    Overwrite,
    SyncOptions,
    TableOptions,
    TalkOptions,
    Video,
)
from stabilizer.cli.planning import read_log
from stabilizer.cli.show import heed, print_table, tell
from stabilizer.cli.sync_text import sync_facts
from stabilizer.cli.syncing import found_sync, warn_of_clock
from stabilizer.cli.values import chosen_video, input_files


def sync(
    video: Video,
    from_camera: CameraOptions,
    clocks: SyncOptions,
    table: TableOptions,
    talk: TalkOptions,
    log: Log = None,
    fps: Fps = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the result, for --sync: .json."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Draw both motions, the correlation and the errors: .png, .svg, .pdf or .html."
        ),
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
    from stabilizer.log_file import find_log
    from stabilizer.sync_file import SavedSync, save_sync, sync_to_dict
    from stabilizer.synchronization import accept
    from stabilizer.video import probe

    heed(talk)
    source = chosen_video(video, fps)
    log = log or find_log(source)
    inputs = input_files(source, log, from_camera.camera)
    _check_files(output, plot, inputs=inputs, overwrite=overwrite)
    samples = read_log(log, table)
    found, known = found_sync(probe(source), samples, from_camera, clocks)
    saved = SavedSync.of(found)
    warn_of_clock(found.sync)
    if as_json:
        print(json.dumps(sync_to_dict(saved), indent=2))
    else:
        print_table(f"{video} with {log}", sync_facts(saved, known))
    if plot is not None and found.coarse is not None:  # a failure is worth seeing too
        from stabilizer.report import plot_sync

        plot_sync(found, samples, plot)
        if not as_json:
            tell(f"{plot}: written")
    accept(found.verdict, f"{video}: with {log}", strict=strict)
    if output is not None:
        save_sync(saved, output)
        if not as_json:
            tell(f"{output}: written")


def _check_files(
    output: Path | None, plot: Path | None, *, inputs: list[Path], overwrite: bool
) -> None:
    """Raise StabilizerError or ValueError unless both can be written, before any work."""
    from stabilizer.new_files import check_new_file
    from stabilizer.sync_file import SYNC_SUFFIX

    if output is not None:
        check_new_file(output, suffixes=[SYNC_SUFFIX], inputs=inputs, overwrite=overwrite)
    if plot is not None:
        from stabilizer.report import SUFFIXES, check_plot

        check_plot(plot)
        check_new_file(plot, suffixes=SUFFIXES, inputs=inputs, overwrite=overwrite)
