"""`stabilizer calibrate`: a camera file made of a clip and its gyro log."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
from stabilizer.cli.syncing import found_sync, warn_of_assumed

if TYPE_CHECKING:
    from stabilizer.synchronization import Synchronization


def calibrate(
    video: Video,
    log: Log,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The camera file: .json.", show_default=False)
    ],
    from_camera: CameraOptions,
    clocks: SyncOptions,
    table: TableOptions,
    overwrite: Overwrite = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse a result of low confidence too.")
    ] = False,
) -> None:
    """Find the readout time, focal length and axes of the camera that took VIDEO, from its LOG.

    stabilizer calibrate walk.mp4 walk.csv -o phone.camera.json
    """
    from stabilizer.new_files import check_new_file
    from stabilizer.sync_file import SavedSync
    from stabilizer.synchronization import accept
    from stabilizer.video import probe

    inputs = [path for path in (video, log, from_camera.camera) if path is not None]
    check_new_file(output, suffixes=[".json"], inputs=inputs, overwrite=overwrite)
    found, known = found_sync(probe(video), read_log(log, table), from_camera, clocks)
    print_table(f"{video} with {log}", sync_facts(SavedSync.of(found), known))
    accept(found.verdict, f"{video}: with {log}", strict=strict)
    warn_of_assumed(found)
    save_found(found, output)
    print(f"{output}: written")


def save_found(found: "Synchronization", path: Path) -> None:
    """Write the camera without what the clip does not tell: then it is looked for again."""
    from stabilizer.camera import save_camera
    from stabilizer.new_files import complete_or_absent

    unknown = ["readout_time", "readout_direction"] if "readout_time" in found.kept else []
    with complete_or_absent(path) as partial:
        save_camera(found.camera, partial, unknown=unknown, standard_errors=_errors(found))


def _errors(found: "Synchronization") -> dict[str, Any]:
    """Return the standard errors of what was found, by the keys of a camera file."""
    camera, errors = found.camera, found.errors
    by_key = {
        "fx": camera.fx * errors["focal"],
        "fy": camera.fy * errors["focal"],
        "readout_time": errors["readout_time"],
    }
    told = {"fx": "focal", "fy": "focal", "readout_time": "readout_time"}
    found_ones: dict[str, Any] = {
        key: error for key, error in by_key.items() if error > 0 and told[key] not in found.kept
    }
    mounting = [errors[f"mounting_{axis}"] for axis in "xyz"]
    return found_ones | {"R_body_cam": mounting}
