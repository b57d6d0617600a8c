"""A plan's plot as a file: .png, .svg, .pdf, or a page that needs nothing else."""

import re
from collections.abc import Callable, Mapping
from html import escape
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from stabilizer.errors import StabilizerError
from stabilizer.new_files import AnyPath, complete_or_absent
from stabilizer.plan import Plan
from stabilizer.report.figure import NARROW, WIDE, draw_plan, styled, worst_margin


def plot_plan(plan: Plan, path: AnyPath) -> None:
    """Draw the plan to `path`: .png, .svg, .pdf, or .html with a table of its main numbers.

    The panels share the time axis: yaw, pitch and roll (see `angles_deg`) of the measured and the
    virtual camera, zoom, border margin; times that the log does not cover are shaded. The same plan
    makes the same file. Raises what `check_plot` raises, StabilizerError where it cannot write.
    """
    check_plot(path)
    with complete_or_absent(path) as partial:
        partial.write_bytes(RENDERERS[partial.suffix.lower()](plan))


def check_plot(path: AnyPath) -> None:
    """Raise ValueError for a name of another kind, StabilizerError if matplotlib is missing."""
    if Path(path).suffix.lower() not in RENDERERS:
        raise ValueError(
            f"plot: expected a name that ends in .png, .svg, .pdf or .html, got {str(path)!r}"
        )
    if find_spec("matplotlib") is None:
        raise StabilizerError(
            "a plot needs the package matplotlib, which is not installed: "
            'pip install "gyro-stabilizer[plot]"'
        )


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


def _picture(plan: Plan, form: str, size: tuple[float, float] = WIDE, **style: Any) -> bytes:
    """Return the bytes of a picture that say nothing of when it was made."""
    undated: dict[str, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    file = BytesIO()
    with styled(**{"svg.hashsalt": "plan", **style}):
        draw_plan(plan, size).savefig(file, format=form, metadata=undated.get(form))
    return file.getvalue()


def _inline_svg(plan: Plan, size: tuple[float, float], name: str) -> str:
    """Return the figure as an element of a page, in the page's letters, with `name` in its ids."""
    text = _picture(plan, "svg", size, **{"svg.fonttype": "none"}).decode("utf-8")
    element = text[text.index("<svg") :]
    return re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{name}-", element)


def _page(plan: Plan) -> bytes:
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>"
        for name, value in plan_numbers(plan).items()
    )
    wide, narrow = _inline_svg(plan, WIDE, "wide"), _inline_svg(plan, NARROW, "narrow")
    return PAGE.format(rows=rows, wide=wide, narrow=narrow).encode()


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Stabilization plan</title>
<style>
body {{ font: 16px/1.4 system-ui, sans-serif; color: #222; background: #fff; margin: 0 auto;
  padding: 1rem; max-width: 60rem; color-scheme: light; }}
h1 {{ font-size: 1.25rem; margin: 0 0 .5rem; }}
svg {{ display: block; width: 100%; max-width: 100%; height: auto; }}
table {{ border-collapse: collapse; margin: 0 0 1rem; }}
th, td {{ text-align: left; font-weight: normal; padding: .15rem 1rem .15rem 0; }}
td {{ text-align: right; font-variant-numeric: tabular-nums; padding-right: 0; }}
tr + tr {{ border-top: 1px solid #ddd; }}
.narrow {{ display: none; }}
@media (max-width: 38rem) {{ .wide {{ display: none; }} .narrow {{ display: block; }} }}
</style>
</head>
<body>
<h1>Stabilization plan</h1>
<table>{rows}</table>
<div class="wide" role="img" aria-label="Angles, zoom and border margin over time">{wide}</div>
<div class="narrow" role="img" aria-label="Angles, zoom and border margin over time">{narrow}</div>
</body>
</html>
"""

RENDERERS: Mapping[str, Callable[[Plan], bytes]] = {
    ".png": lambda plan: _picture(plan, "png"),
    ".svg": lambda plan: _picture(plan, "svg"),
    ".pdf": lambda plan: _picture(plan, "pdf"),
    ".html": _page,
}
"""What makes the bytes of a plot, by the ending of its name."""
