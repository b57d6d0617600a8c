"""What `stabilize` and `plan` share: a plan made of options, and the files that tell of it."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from stabilizer.cli.options import PlanFiles, Request, TableOptions
from stabilizer.cli.show import busy
from stabilizer.cli.syncing import Alignment, aligned
from stabilizer.cli.values import chosen_smoother, parsed_zoom

if TYPE_CHECKING:
    from gyro_data import GyroLog
    from stabilizer.plan import Plan
    from stabilizer.video import VideoInfo


class MadePlan(NamedTuple):
    """A plan, and what it was made of; a plan of a file tells nothing of that."""

    plan: "Plan"
    log: Path | None = None
    alignment: Alignment | None = None

    @property
    def synchronized(self) -> str | None:
        """What a summary says of the sync, if the clip was looked at."""
        return None if self.alignment is None else self.alignment.told


def made_plan(info: "VideoInfo", log: Path, request: Request) -> MadePlan:
    """Return the plan that the options ask for; SyncRefused where clip and log do not fit."""
    from gyro_data.checks import number
    from stabilizer.crop import ZoomRange
    from stabilizer.pipeline import plan_video
    from stabilizer.warp import check_interpolation

    smoother = chosen_smoother(request)
    # wrong options are told before the clip is looked at
    ZoomRange.of(parsed_zoom(request.zoom), max_zoom=request.max_zoom, strict=request.strict)
    check_interpolation(request.interpolation)
    number("lens_correction", request.lens_correction, minimum=0, maximum=1)
    samples = read_log(log, request)
    alignment = aligned(info, samples, log, request)
    with busy("planning"):
        plan = plan_video(
            info,
            samples,
            camera=alignment.camera,
            sync=alignment.sync,
            drift=alignment.drift,
            smoother=smoother,
            zoom=parsed_zoom(request.zoom),
            max_zoom=request.max_zoom,
            strict=request.strict,
            lens_correction=request.lens_correction,
            interpolation=request.interpolation,
            start=request.start,
            end=request.end,
        )
    return MadePlan(plan, log, alignment)


def read_log(log: Path, table: TableOptions) -> "GyroLog":
    """Return the log, read as the options say."""
    import gyro_data

    return gyro_data.read(
        log,
        time_unit=table.time_unit,
        rate_unit=table.rate_unit,
        columns=table.columns,
        attitude=table.attitude,
    )


def zoom_limit(request: Request) -> float | None:
    """Return the zoom that a plan may reach, None if it was given."""
    return request.max_zoom if isinstance(parsed_zoom(request.zoom), str) else None


def check_plan_files(files: PlanFiles, *, inputs: Iterable[Path], overwrite: bool) -> None:
    """Raise StabilizerError or ValueError unless `files` can be written, before any work."""
    if files == PlanFiles():
        return
    from stabilizer.motion_table import MOTION_SUFFIX
    from stabilizer.new_files import check_new_file
    from stabilizer.plan_file import PLAN_SUFFIX

    wanted = [(files.save_plan, [PLAN_SUFFIX]), (files.motion, [MOTION_SUFFIX])]
    if files.plot is not None:
        from stabilizer.report import RENDERERS, check_plot

        wanted.append((files.plot, [*RENDERERS]))
        check_plot(files.plot)
    inputs = list(inputs)
    for path, suffixes in wanted:
        if path is not None:
            check_new_file(path, suffixes=suffixes, inputs=inputs, overwrite=overwrite)


def write_plan_files(plan: "Plan", files: PlanFiles) -> list[Path]:
    """Write what was asked for; return what was written."""
    if files == PlanFiles():
        return []
    from stabilizer.motion_table import save_motion
    from stabilizer.plan_file import save_plan

    if files.save_plan is not None:
        save_plan(plan, files.save_plan)
    if files.motion is not None:
        save_motion(plan, files.motion)
    if files.plot is not None:
        from stabilizer.report import plot_plan

        plot_plan(plan, files.plot)
    return [path for path in (files.save_plan, files.motion, files.plot) if path is not None]
