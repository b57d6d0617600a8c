"""What the user sees, and how much of it: the summary of a plan, progress, a table of facts."""

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from stabilizer.cli.options import TalkOptions
from stabilizer.errors import StabilizerError
from stabilizer.interruption import say

if TYPE_CHECKING:
    from stabilizer.plan import Plan


def summary(
    plan: "Plan",
    limit: float | None = None,
    synchronized: str | None = None,
    written: int | None = None,
    lacking: int = 0,
) -> str:
    """Return the plan in one line: frames, zoom and whether it reaches `limit`, margin, gaps.

    `synchronized` is what there is to say of the sync; `written` counts frames, None: all;
    `lacking` those that the video seems to lack.
    """
    n_frames, largest = len(plan.frame_times), plan.zoom.max()
    missing = n_frames - int(plan.covered.sum())
    reached = limit is not None and largest > limit - 5e-4  # shown with three decimals
    parts = [
        f"{n_frames if written is None else written} frames",
        f"mean zoom {plan.zoom.mean():.3f}",
        f"largest {largest:.3f}" + (" (the limit)" if reached else ""),
        f"worst border margin {max(0.0, plan.margin.min()):.1f} px",
        f"{plan.interpolation} interpolation",
    ]
    if missing:
        parts.append(f"{missing} frames without motion data, where the picture is unstabilized")
    if lacking:
        parts.append(f"{lacking} frame{'s' * (lacking > 1)} missing in the video")
    if synchronized is not None:
        parts.append(synchronized)
    return ", ".join(parts)


class Style(StrEnum):
    """How progress is shown."""

    BAR = "bar"
    JSON = "json"
    NONE = "none"


_verbose, _quiet, _style = False, False, Style.BAR


def begin(verbose: bool) -> None:
    """Have warnings told, or information too, before any command's own options are heeded."""
    global _verbose
    _verbose = verbose
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="stabilizer: %(levelname)s: %(message)s",
    )
    for level in (logging.INFO, logging.WARNING):
        logging.addLevelName(level, logging.getLevelName(level).lower())


def heed(talk: TalkOptions, progress: str = Style.BAR) -> None:
    """Choose how much is told from now on, and how progress is shown.

    Raises StabilizerError for options that exclude each other, ValueError for what is no `Style`.
    """
    global _quiet, _style
    if (talk.verbose or _verbose) and talk.quiet:
        raise StabilizerError("--quiet and --verbose exclude each other")
    if progress not in [*Style]:
        raise ValueError(f"progress: expected one of {', '.join(Style)}, got {progress!r}")
    if talk.verbose:
        logging.getLogger().setLevel(logging.INFO)
    _quiet, _style = talk.quiet, Style(progress)
    if talk.quiet and _style == Style.BAR:
        _style = Style.NONE


def tell(line: str) -> None:
    """Print a line, unless it is to be quiet."""
    if not _quiet:
        print(line)


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """Show how many of all frames are done: a bar on a terminal, or lines of JSON."""
    if _style == Style.JSON:
        with _Lines(what) as lines:
            yield lines.update
        return
    if _style == Style.NONE or not sys.stderr.isatty():
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
    """Show that something takes its time: on a terminal, or as lines of JSON."""
    if _style == Style.JSON:
        with _Lines(what):
            yield
        return
    if _style == Style.NONE or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


class _Lines:
    """One JSON object a second on stderr, and one at the beginning and at the end of a stage."""

    def __init__(self, stage: str) -> None:
        self._stage, self._done, self._total = stage, 0, 0
        self._began = time.perf_counter()
        self._ended = Event()
        self._thread = Thread(target=self._tick, daemon=True)

    def __enter__(self) -> "_Lines":
        self._print()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._print()

    def update(self, n_done: int, n_all: int) -> None:
        self._done, self._total = n_done, n_all

    def _tick(self) -> None:
        while not self._ended.wait(1.0):
            self._print()

    def _print(self) -> None:
        spent = time.perf_counter() - self._began
        rate = self._done / spent if self._done else None
        facts = {
            "stage": self._stage,
            "frames_done": self._done,
            "frames_total": self._total or None,
            "fps": None if rate is None else round(rate, 2),
            "eta_s": None if rate is None else round((self._total - self._done) / rate, 1),
            "elapsed_s": round(spent, 2),
        }
        say(json.dumps(facts))


def print_table(title: str, facts: dict[str, Any]) -> None:
    """Print facts as a table of names and values, unless it is to be quiet."""
    if _quiet:
        return
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
