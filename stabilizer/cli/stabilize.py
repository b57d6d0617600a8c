"""`stabilizer stabilize`: a shaky video and its gyro log, or a plan, in; a steady video out."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stabilizer.cli.options import Log, Overwrite, PictureOptions, PlanFiles, Request, Video
from stabilizer.cli.planning import (
    MadePlan,
    check_plan_files,
    made_plan,
    write_plan_files,
    zoom_limit,
)
from stabilizer.cli.show import progress_bar, summary
from stabilizer.errors import StabilizerError

if TYPE_CHECKING:
    from stabilizer.video import VideoInfo


def stabilize(
    video: Video,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The steady video.", show_default=False)
    ],
    request: Request,
    pictures: PictureOptions,
    files: PlanFiles,
    log: Log = None,
    plan_file: Annotated[
        Path | None,
        typer.Option("--plan", help="A plan made before, instead of LOG and all its options."),
    ] = None,
    overwrite: Overwrite = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Plan and report, write nothing.")
    ] = False,
) -> None:
    """Stabilize VIDEO by its gyro LOG.

    stabilizer stabilize walk.mp4 walk.csv --camera walk.camera.json -o steady.mp4
    """
    from stabilizer.filters import parse_filter
    from stabilizer.frame_loop import thread_count
    from stabilizer.remap import chosen_backend, warming_up
    from stabilizer.video import Encoding, check_encoder, check_output, probe
    from stabilizer.warp import check_interpolation

    began = time.perf_counter()
    told = (video, log, request.camera, request.sync_file, plan_file)
    inputs = [path for path in told if path is not None]
    check_output(output, inputs=inputs, overwrite=overwrite)
    check_plan_files(files, inputs=inputs, overwrite=overwrite)
    if dry_run and files != PlanFiles():
        raise StabilizerError(
            "--dry-run writes nothing: files of a plan are made by the plan command"
        )
    encoding = Encoding(pictures.codec, pictures.crf, pictures.preset)
    backend = pictures.backend if dry_run else chosen_backend(pictures.backend)
    threads = thread_count(pictures.threads)
    filters = [parse_filter(spec) for spec in pictures.image_filter or ()]
    info = probe(video)
    if not dry_run:
        check_encoder(encoding, info)
    with ExitStack() as beside:
        if not dry_run and plan_file is None:
            check_interpolation(request.interpolation)
            beside.enter_context(warming_up(info.pixel_format, request.interpolation, backend))
        plan, synchronized = _plan(info, log, plan_file, request)
    done, written = "not written (dry run)", []
    if not dry_run:
        from stabilizer.pipeline import render

        with progress_bar("rendering") as progress:
            render(
                info,
                plan,
                output,
                filters=filters,
                encoding=encoding,
                backend=backend,
                threads=threads,
                overwrite=overwrite,
                progress=progress,
            )
        written = write_plan_files(plan, files)
        done = f"written in {time.perf_counter() - began:.1f} s"
    limit = zoom_limit(request) if plan_file is None else None
    print(f"{output}: {done}, {summary(plan, limit, synchronized)}")
    for path in written:
        print(f"{path}: written")


def _plan(info: "VideoInfo", log: Path | None, file: Path | None, request: Request) -> MadePlan:
    """Return the plan of the file, or that of the log; both are refused."""
    from stabilizer.log_file import find_log

    if file is None:
        return made_plan(info, log or find_log(info.path), request)
    unneeded = ["LOG"] * (log is not None) + request.given
    if unneeded:
        raise StabilizerError(f"{file}: a plan decides everything; leave out {', '.join(unneeded)}")
    from stabilizer.plan_file import load_plan

    return MadePlan(load_plan(file), None)
