"""`stabilizer stabilize`: a shaky video and its gyro log, or a plan, in; a steady video out."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated

import typer

from stabilizer.cli.options import (
    Fps,
    Log,
    Overwrite,
    PictureOptions,
    PlanFiles,
    ReportOptions,
    Request,
    Video,
)
from stabilizer.cli.planning import (
    MadePlan,
    check_plan_files,
    made_plan,
    write_plan_files,
    zoom_limit,
)
from stabilizer.cli.show import heed, progress_bar, summary, tell
from stabilizer.cli.summary_file import SUMMARY_SUFFIX, save_summary
from stabilizer.cli.values import chosen_video, input_files, parsed_rate
from stabilizer.errors import StabilizerError
from stabilizer.memory import give_back

if TYPE_CHECKING:
    from stabilizer.pipeline import Rendered
    from stabilizer.video import Encoding, VideoInfo

WITH_LOSS = 4
"""Exit code where what a damaged video still holds was saved."""


class InterruptedBeside(Exception):
    """An interruption when the output was complete already, which it says."""


def stabilize(
    video: Video,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="The steady video; or images, as steady/%05d.png.",
            show_default=False,
        ),
    ],
    request: Request,
    pictures: PictureOptions,
    files: PlanFiles,
    report: ReportOptions,
    log: Log = None,
    fps: Fps = None,
    plan_file: Annotated[
        Path | None,
        typer.Option("--plan", help="A plan made before, instead of LOG and all its options."),
    ] = None,
    overwrite: Overwrite = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Plan and report, write nothing but --summary.")
    ] = False,
) -> None:
    """Stabilize VIDEO by its gyro LOG.

    stabilizer stabilize walk.mp4 walk.csv --camera walk.camera.json -o steady.mp4
    """
    from stabilizer.damage import refuse_known_damage
    from stabilizer.filters import parse_filter
    from stabilizer.frame_loop import thread_count
    from stabilizer.video import check_encoder, check_output, probe

    began = time.perf_counter()
    heed(report, report.progress)
    source = chosen_video(video, fps)
    inputs = input_files(source, log, request.camera, request.sync_file, plan_file)
    check_output(output, inputs=inputs, overwrite=overwrite)
    check_plan_files(files, inputs=inputs, overwrite=overwrite)
    _check_summary(report.summary, inputs=inputs, overwrite=overwrite)
    if dry_run and files != PlanFiles():
        raise StabilizerError(
            "--dry-run writes nothing: files of a plan are made by the plan command"
        )
    encoding = _encoding(pictures)
    threads = thread_count(pictures.threads)
    filters = [parse_filter(spec) for spec in pictures.image_filter or ()]
    planning = ["pandas"] if plan_file is None else []  # most logs are tables
    with imported_beside("stabilizer.pipeline", *planning):
        info = probe(source)
    from stabilizer.pipeline import check_undamaged, render
    from stabilizer.remap import chosen_backend, warming_up
    from stabilizer.warp import check_interpolation

    backend = pictures.backend if dry_run else chosen_backend(pictures.backend)
    if request.strict and plan_file is None:
        refuse_known_damage(info, request.start, request.end)
    check_encoder(encoding, info, output.suffix)
    with ExitStack() as beside:
        if not dry_run and plan_file is None:
            check_interpolation(request.interpolation)
            beside.enter_context(warming_up(info.pixel_format, request.interpolation, backend))
        made = _plan(info, log, plan_file, request)
    rendered = None
    if dry_run:
        if request.strict:
            check_undamaged(info, made.plan)
    else:
        give_back()
        with progress_bar("rendering") as progress:
            rendered = render(
                info,
                made.plan,
                output,
                filters=filters,
                encoding=encoding,
                backend=backend,
                threads=threads,
                overwrite=overwrite,
                strict=request.strict,
                progress=progress,
            )
    spent = time.perf_counter() - began
    with _output_is_complete(None if dry_run else output):
        written = write_plan_files(made.plan, files)
        if report.summary is not None:
            save_summary(report.summary, info, made, rendered, output, spent)
            written.append(report.summary)
    limit = zoom_limit(request) if plan_file is None else None
    n_frames = None if rendered is None else rendered.frames
    told = summary(made.plan, limit, made.synchronized, written=n_frames, lacking=info.missing)
    _tell(output, rendered, spent, told)
    for path in written:
        tell(f"{path}: written")
    if rendered is not None and rendered.lost:
        raise typer.Exit(WITH_LOSS)


@contextmanager
def imported_beside(*modules: str) -> Iterator[None]:
    """Import modules while the block runs, and leave when all are there.

    Of use where it waits for a disk or decodes, which needs no Python. An error of the block waits
    for nothing; errors of the modules are told where these are imported to be used.
    """

    def imports() -> None:
        with suppress(Exception):
            for module in modules:
                import_module(module)

    thread = Thread(target=imports, name="import", daemon=True)
    thread.start()
    yield
    thread.join()


def _check_summary(path: Path | None, *, inputs: list[Path], overwrite: bool) -> None:
    from stabilizer.new_files import check_new_file

    if path is not None:
        check_new_file(path, suffixes=[SUMMARY_SUFFIX], inputs=inputs, overwrite=overwrite)


@contextmanager
def _output_is_complete(output: Path | None) -> Iterator[None]:
    """Have errors about other files, and interruptions, say that the output, if any, is whole."""
    try:
        yield
    except KeyboardInterrupt as interruption:
        if output is None:
            raise
        raise InterruptedBeside(f"{output} is complete") from interruption
    except StabilizerError as error:
        if output is None:
            raise
        raise StabilizerError(f"{error}; but {output} is complete") from error


def _encoding(pictures: PictureOptions) -> "Encoding":
    from stabilizer.video import Encoding

    return Encoding(
        pictures.codec,
        pictures.crf,
        pictures.preset,
        None if pictures.bitrate is None else parsed_rate(pictures.bitrate),
        pictures.pix_fmt,
    )


def _tell(output: Path, rendered: "Rendered | None", spent: float, told: str) -> None:
    """Say what was written, None for nothing, in how many s, and what not."""
    if rendered is None:
        tell(f"{output}: not written (dry run), {told}")
        return
    speed = f"{spent:.1f} s ({rendered.frames / spent:.1f} frames/s)"
    tell(f"{output}: written in {speed}, {told}")
    for how, what in (("kept otherwise", rendered.changed), ("left out", rendered.left_out)):
        if what:
            tell(f"{output}: {how}: {', '.join(what)}")


def _plan(info: "VideoInfo", log: Path | None, file: Path | None, request: Request) -> MadePlan:
    """Return the plan of the file, or one made by the log. Raises StabilizerError for both."""
    from stabilizer.log_file import find_log

    if file is None:
        return made_plan(info, log or find_log(info.path), request)
    given = [option for option in request.given if option != "--strict"]  # of damage too
    unneeded = ["LOG"] * (log is not None) + given
    if unneeded:
        raise StabilizerError(f"{file}: a plan decides everything; leave out {', '.join(unneeded)}")
    from stabilizer.plan_file import load_plan

    return MadePlan(load_plan(file))
