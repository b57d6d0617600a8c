"""A plan's plot as a file: .png, .svg, .pdf, or a page that needs nothing else."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from stabilizer.new_files import AnyPath, complete_or_absent
from stabilizer.plan import Plan
from stabilizer.report.figure import draw_plan, worst_margin
from stabilizer.report.rendering import check_plot, page, picture


def plot_plan(plan: Plan, path: AnyPath) -> None:
    """Draw the plan to `path`: .png, .svg, .pdf, or .html with a table of its main numbers.

    The panels share the time axis: yaw, pitch and roll (see `angles_deg`) of the measured and the
    virtual camera, zoom, border margin; times that the log does not cover are shaded. The same plan
    makes the same file. Raises what `check_plot` raises, StabilizerError where it cannot write.
    """
    check_plot(path)
    with complete_or_absent(path) as file:
        file.write_bytes(RENDERERS[file.suffix.lower()](plan))


def plan_numbers(plan: Plan) -> dict[str, str]:
    """Return the plan's main numbers with their units, by what they are."""
    n_frames, n_uncovered = len(plan.frame_times), int(np.count_nonzero(~plan.covered))
    return {
        "Frames": f"{n_frames}",
        "Duration": f"{plan.frame_times[-1] - plan.frame_times[0]:.2f} s",
        "Zoom, mean": f"{plan.zoom.mean():.3f}",
        "Zoom, greatest": f"{plan.zoom.max():.3f}",
        "Border margin, worst": f"{worst_margin(plan)} px",
        "Frames without gyro data": f"{n_uncovered} ({n_uncovered / n_frames:.1%})",
    }


def _picture(form: str, plan: Plan) -> bytes:
    return picture(partial(draw_plan, plan), form)


def _page(plan: Plan) -> bytes:
    return page(
        partial(draw_plan, plan),
        title="Stabilization plan",
        label="Angles, zoom and border margin over time",
        numbers=plan_numbers(plan),
    )


RENDERERS: Mapping[str, Callable[[Plan], bytes]] = {
    ".png": partial(_picture, "png"),
    ".svg": partial(_picture, "svg"),
    ".pdf": partial(_picture, "pdf"),
    ".html": _page,
}
"""What makes the bytes of a plot, by the ending of its name."""
