"""A plan as a matplotlib Figure: five panels over the video's time, without pyplot's state."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from gyro_data.checks import Bools, Floats
from stabilizer.plan import Plan
from stabilizer.report.angles import angles_deg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VIRTUAL, MEASURED, BORDER, GAP, TEXT = "#0072B2", "#E69F00", "#D55E00", "#DADADA", "#222222"
"""Okabe and Ito's colours, told apart by every eye, and two greys."""
WIDE, NARROW = (7.0, 7.4), (4.0, 7.4)
"""Inches: a paper's text width; a phone's, on which 9 points stay 9 points."""
RUNS = 700
"""Longer clips are drawn by the extremes of as many runs of frames: two points for each column."""
THINNEST = 1 / 300
"""Share of the width that even the shortest gap in the gyro data takes, to be seen."""
STYLE: Mapping[str, Any] = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.titlepad": 3.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": TEXT,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.formatter.useoffset": False,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "text.color": TEXT,
    "pdf.fonttype": 42,  # journals refuse the default
    "savefig.dpi": 200,
}


def draw_plan(plan: Plan, size: tuple[float, float] = WIDE) -> "Figure":
    """Return a matplotlib Figure of the plan, `size` inches wide and high."""
    with styled():
        return _drawn(plan, size)


def _drawn(plan: Plan, size: tuple[float, float]) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(5, 1, sharex=True, height_ratios=[4, 4, 4, 3, 3])
    virtual, measured = angles_deg(plan)
    t, unit = _time_axis(plan.frame_times)
    for i, name in enumerate(["Yaw", "Pitch", "Roll"]):
        axes[i].set_title(f"{name}, degrees")
        _curve(axes[i], t, measured[:, i], MEASURED, linewidth=0.9)
        _curve(axes[i], t, virtual[:, i], VIRTUAL, linewidth=1.5)
        _limits(axes[i], np.concatenate([virtual[:, i], measured[:, i]]), span=2.0)
    _label(axes[0], gaps=not plan.covered.all())
    axes[3].set_title(f"Zoom: mean {plan.zoom.mean():.3f}, greatest {plan.zoom.max():.3f}")
    _curve(axes[3], t, plan.zoom, VIRTUAL, linewidth=1.5)
    _limits(axes[3], plan.zoom, span=0.05)
    axes[4].set_title(f"Border margin, px: worst {worst_margin(plan)}")
    axes[4].axhline(0, color=BORDER, linewidth=1.2)
    _curve(axes[4], t, plan.margin, VIRTUAL, linewidth=1.0)
    _limits(axes[4], np.append(plan.margin, 0.0), span=2.0)
    _shade(axes, t, plan.covered)
    axes[4].set_xlabel(f"time, {unit}")
    axes[4].set_xlim(*((t[0], t[-1]) if len(t) > 1 else (t[0] - 0.5, t[0] + 0.5)))
    return figure


def worst_margin(plan: Plan) -> str:
    """Return the least border margin in px as text."""
    return f"{round(float(plan.margin.min()), 2) + 0.0:.2f}"  # + 0.0: no minus before a zero


def _time_axis(frame_times: Floats) -> tuple[Floats, str]:
    """Return the times (F,) in s, in long clips in minutes, and the unit."""
    if frame_times[-1] - frame_times[0] > 300:
        return frame_times / 60, "min"
    return frame_times, "s"


def _label(axes: "Axes", *, gaps: bool) -> None:
    """Name the colours at the upper right, from right to left, each name left of the last one."""
    names: list[tuple[str, dict[str, Any]]] = [
        ("virtual", {"color": VIRTUAL, "weight": "bold"}),
        ("measured", {"color": MEASURED, "weight": "bold"}),
    ]
    if gaps:
        swatch = {"facecolor": GAP, "linewidth": 0, "pad": 1.5}
        names.append(("no gyro data", {"bbox": swatch}))
    place: Any = axes.transAxes
    xy = (1.0, 1.03)
    for name, style in names:
        place = axes.annotate(name, xy, xycoords=place, ha="right", va="bottom", **style)
        xy = (-0.2, 0.0)


def _curve(axes: "Axes", t: Floats, values: Floats, colour: str, *, linewidth: float) -> None:
    kept = _extremes(values)
    marker = "." if len(t) == 1 else None
    axes.plot(t[kept], values[kept], color=colour, linewidth=linewidth, marker=marker)


def _extremes(values: Floats) -> Any:
    """Return the indices of the least and greatest of each of RUNS runs of `values` (F,), in order.

    All of them where that is no more. The line through these looks like the line through all.
    """
    if len(values) <= 2 * RUNS:
        return np.arange(len(values))
    edges = np.linspace(0, len(values), RUNS + 1).astype(int)
    kept = [0, len(values) - 1]
    for start, end in pairwise(edges):
        run = values[start:end]
        kept += [start + int(run.argmin()), start + int(run.argmax())]
    return np.unique(kept)


def _limits(axes: "Axes", values: Floats, *, span: float) -> None:
    """Show all values, and at least `span`, so that rounding errors do not look like motion."""
    low, high = values.min(), values.max()
    room = max(0.05 * (high - low), (span - (high - low)) / 2)
    axes.set_ylim(low - room, high + room)


def _shade(panels: Any, t: Floats, covered: Bools) -> None:
    """Shade where the log does not say how the camera moved, as one step-shaped area per panel."""
    if covered.all():
        return
    starts, ends = _uncovered_spans(t, covered)
    x = np.stack([starts, starts, ends, ends], axis=-1).ravel()
    y = np.tile([0.0, 1.0, 1.0, 0.0], len(starts))
    for axes in panels:
        axes.fill(x, y, color=GAP, linewidth=0, zorder=0, transform=axes.get_xaxis_transform())


def _uncovered_spans(t: Floats, covered: Bools) -> tuple[Floats, Floats]:
    """Return starts and ends (G,) of the runs of uncovered frames, each half a frame wider.

    None is thinner than can be seen, and those too near to be told apart are one.
    """
    edges = np.concatenate([t[:1], (t[:-1] + t[1:]) / 2, t[-1:]])
    change = np.diff(np.concatenate([[0], ~covered, [0]]))
    starts, ends = edges[change > 0], edges[change < 0]
    thin = (t[-1] - t[0]) * THINNEST
    apart = starts[1:] > ends[:-1] + thin
    starts, ends = starts[np.append(True, apart)], ends[np.append(apart, True)]
    return starts, np.maximum(ends, starts + thin)


@contextmanager
def styled(**more: Any) -> Iterator[None]:
    """Draw in our style, whatever the user's own settings are."""
    from matplotlib import style

    with style.context(["default", {**STYLE, **more}]):
        yield
