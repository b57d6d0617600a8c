"""What the user sees: the summary of a plan, a progress bar, a table of facts."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stabilizer.plan import Plan


def summary(plan: "Plan", limit: float | None = None, synchronized: str | None = None) -> str:
    """Return the plan in one line: frames, zoom and whether it reaches `limit`, margin, gaps.

    `synchronized` is what there is to say of the sync.
    """
    n_frames, largest = len(plan.frame_times), plan.zoom.max()
    missing = n_frames - int(plan.covered.sum())
    reached = limit is not None and largest > limit - 5e-4  # shown with three decimals
    parts = [
        f"{n_frames} frames",
        f"mean zoom {plan.zoom.mean():.3f}",
        f"largest {largest:.3f}" + (" (the limit)" if reached else ""),
        f"worst border margin {max(0.0, plan.margin.min()):.1f} px",
        f"{plan.interpolation} interpolation",
    ]
    if missing:
        parts.append(f"{missing} frames without motion data, where the picture is unstabilized")
    if synchronized is not None:
        parts.append(synchronized)
    return ", ".join(parts)


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """Show a progress bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class FrameRate(ProgressColumn):
        """Frames per second, once they are known."""

        def render(self, task: Task) -> Text:
            return Text("" if task.speed is None else f"{task.speed:.1f} frames/s")

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        FrameRate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task(what, total=1, visible=False)

        def update(n_done: int, n_all: int) -> None:
            bar.update(task, completed=n_done, total=n_all, visible=True)

        yield update


@contextmanager
def busy(what: str) -> Iterator[None]:
    """Show on a terminal that something takes its time, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


def print_table(title: str, facts: dict[str, Any]) -> None:
    """Print facts as a table of names and values."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left", show_header=False)
    for name, value in facts.items():
        table.add_row(name.replace("_", " "), Text(_readable(value)))  # Text: no markup in names
    Console().print(table)


def _readable(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(map(_readable, value)) or "none"
    if isinstance(value, dict):
        return "\n".join(f"{k}: {_readable(v)}" for k, v in value.items()) or "none"
    return str(value)
