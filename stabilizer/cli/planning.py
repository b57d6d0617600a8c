"""What `stabilize` and `plan` share: a plan made of options, and the files that tell of it."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from stabilizer.cli.options import PlanFiles, Request
from stabilizer.cli.values import chosen_smoother, described_camera, parsed_numbers, parsed_zoom

if TYPE_CHECKING:
    from stabilizer.plan import Plan
    from stabilizer.video import VideoInfo


def made_plan(info: "VideoInfo", log: Path, request: Request) -> "Plan":
    """Return the plan that the options ask for."""
    import gyro_data
    from stabilizer.pipeline import plan_video

    smoother = chosen_smoother(request)
    pixel_aspect = float(info.sample_aspect_ratio)
    return plan_video(
        info,
        gyro_data.read(
            log, time_unit=request.time_unit, rate_unit=request.rate_unit, columns=request.columns
        ),
        camera=described_camera(request, (info.width, info.height), pixel_aspect=pixel_aspect),
        delay=request.delay,
        clock_skew=request.clock_skew,
        drift=parsed_numbers("drift", request.drift, 3),
        smoother=smoother,
        zoom=parsed_zoom(request.zoom),
        max_zoom=request.max_zoom,
        strict=request.strict,
        interpolation=request.interpolation,
        start=request.start,
        end=request.end,
    )


def zoom_limit(request: Request) -> float | None:
    """Return the zoom that a plan may reach, None if it was given."""
    return request.max_zoom if isinstance(parsed_zoom(request.zoom), str) else None


def check_plan_files(files: PlanFiles, *, inputs: Iterable[Path], overwrite: bool) -> None:
    """Raise StabilizerError or ValueError unless `files` can be written, before any work."""
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
