"""`stabilizer calibrate`: a camera file, made of a clip and its gyro log or of a filmed board."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stabilizer.cli.calibrate_board import calibrate_by_board
from stabilizer.cli.options import (
    BoardOptions,
    CameraOptions,
    Fps,
    Log,
    Overwrite,
    SyncOptions,
    TableOptions,
    TalkOptions,
    told,
)
from stabilizer.cli.planning import read_log
from stabilizer.cli.show import heed, print_table, tell
from stabilizer.cli.sync_text import sync_facts
from stabilizer.cli.syncing import found_sync, warn_of_assumed
from stabilizer.cli.values import chosen_video, input_files
from stabilizer.errors import StabilizerError

if TYPE_CHECKING:
    from stabilizer.synchronization import Synchronization
    from stabilizer.video import ImageSequence


def calibrate(
    video: Annotated[Path, typer.Argument(help="What the camera filmed.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The camera file: .json.", show_default=False)
    ],
    board: BoardOptions,
    from_camera: CameraOptions,
    clocks: SyncOptions,
    table: TableOptions,
    talk: TalkOptions,
    log: Log = None,
    fps: Fps = None,
    overwrite: Overwrite = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse a result of low confidence too.")
    ] = False,
) -> None:
    """Find readout time, focal length and axes of a camera from VIDEO and LOG; or its lens.

    The lens is found from a VIDEO of a board, filmed from 10 sides or more and held still at each.

    stabilizer calibrate walk.mp4 walk.csv -o phone.camera.json

    stabilizer calibrate board.mp4 --chessboard 9x6 -o lens.json --plot coverage.png
    """
    from stabilizer.new_files import check_new_file

    heed(talk)
    source = chosen_video(video, fps)
    inputs = input_files(source, log, from_camera.camera)
    check_new_file(output, suffixes=[".json"], inputs=inputs, overwrite=overwrite)
    if board.chessboard is not None or board.charuco is not None:
        unneeded = ["LOG"] * (log is not None) + told(from_camera, clocks, table)
        _refuse(unneeded + ["--strict"] * strict, "a board tells of the lens alone")
        calibrate_by_board(source, output, board, overwrite=overwrite)
        return
    _refuse(told(board), "no board is given")
    if log is None:
        log = _found_log(source)
    _calibrate_by_log(source, log, output, from_camera, clocks, table, strict=strict)


def _found_log(video: "Path | ImageSequence") -> Path:
    from stabilizer.log_file import find_log

    try:
        return find_log(video)
    except StabilizerError as error:
        raise StabilizerError(f"{error}; or give --chessboard or --charuco") from error


def save_found(found: "Synchronization", path: Path) -> None:
    """Write the camera without a readout that the clip does not tell: it is looked for again.

    Raises StabilizerError if the focal length is only assumed: a camera file is trusted to know it.
    """
    from stabilizer.camera import save_camera
    from stabilizer.new_files import complete_or_absent

    if "focal" in found.kept:
        raise StabilizerError(
            f"{path}: not written: the clip does not tell the focal length; give --hfov or --focal"
        )
    unknown = ["readout_time", "readout_direction"] if "readout_time" in found.kept else []
    with complete_or_absent(path) as partial:
        save_camera(found.camera, partial, unknown=unknown, standard_errors=_errors(found))


def _refuse(options: list[str], why: str) -> None:
    if options:
        raise StabilizerError(f"{why}; leave out {', '.join(options)}")


def _calibrate_by_log(
    video: "Path | ImageSequence",
    log: Path,
    output: Path,
    from_camera: CameraOptions,
    clocks: SyncOptions,
    table: TableOptions,
    *,
    strict: bool,
) -> None:
    from stabilizer.sync_file import SavedSync
    from stabilizer.synchronization import accept
    from stabilizer.video import probe

    found, known = found_sync(probe(video), read_log(log, table), from_camera, clocks)
    print_table(f"{video} with {log}", sync_facts(SavedSync.of(found), known))
    accept(found.verdict, f"{video}: with {log}", strict=strict)
    warn_of_assumed(found)
    save_found(found, output)
    tell(f"{output}: written")


def _errors(found: "Synchronization") -> dict[str, Any]:
    """Return the standard errors of what was found, by the keys of a camera file."""
    camera, errors = found.camera, found.errors
    by_key: dict[str, Any] = {}
    for key, name, scale in (
        ("fx", "focal", camera.fx),
        ("fy", "focal", camera.fy),
        ("readout_time", "readout_time", 1.0),
    ):
        if errors[name] > 0 and name not in found.kept:
            by_key[key] = scale * errors[name]
    return by_key | {"R_body_cam": [errors[f"mounting_{axis}"] for axis in "xyz"]}
