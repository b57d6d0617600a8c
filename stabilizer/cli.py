"""The command line: arguments in, calls out. The only place that prints, and that ends the program.

Heavy modules are imported inside the commands, so that `--help` answers at once.
"""

import json
import logging
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from gyro_data.errors import GyroDataError
from stabilizer.errors import StabilizerError

if TYPE_CHECKING:
    from stabilizer.camera import Camera
    from stabilizer.plan import Plan
    from stabilizer.smoothing import Smoother

LOG = logging.getLogger(__name__)

BAD_INPUT, INTERRUPTED = 2, 130

_ARGUMENT_ERROR = re.compile(r"[\w\[\] ]+: expected ")
"""How every check of an argument begins its message; other ValueErrors are bugs of ours."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the program: 0 done, 2 bad input or usage (one line on stderr), 130 interrupted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code = app(standalone_mode=False)
    except typer.TyperException as error:
        if not error.format_message():  # help was asked for by giving no command
            sys.exit(BAD_INPUT)
        _fail(f"{error.format_message()} (see --help)", BAD_INPUT)
    except OSError as error:
        _fail(f"{error.filename or 'output'}: {error.strerror}", BAD_INPUT)
    except (GyroDataError, StabilizerError) as error:
        _fail(str(error), BAD_INPUT)
    except (ValueError, TypeError) as error:
        if not _ARGUMENT_ERROR.match(str(error)):
            raise
        _fail(str(error), BAD_INPUT)
    if code == INTERRUPTED:  # which typer makes of KeyboardInterrupt
        _fail("interrupted; the output is as it was before", INTERRUPTED)


def _fail(message: str, code: int) -> NoReturn:
    print(f"stabilizer: error: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"stabilizer {version('gyro-stabilizer')}")
        raise typer.Exit


@app.callback()
def _program(
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say what was decided and why.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Make a steady video of a shaky one, with the gyro log that was recorded beside it."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="stabilizer: %(levelname)s: %(message)s",
    )
    for level in (logging.INFO, logging.WARNING):
        logging.addLevelName(level, logging.getLevelName(level).lower())


# --- how options are written, in the order of the pipeline ---------------------------------------

_IN_LOG, _IN_CAMERA, _IN_PLAN, _IN_OUTPUT = "Gyro log", "Camera", "Stabilization", "Output"

TimeUnit = Annotated[
    str | None,
    typer.Option(help="Unit of the log's times: s, ms, us, ns.", rich_help_panel=_IN_LOG),
]
RateUnit = Annotated[
    str | None,
    typer.Option(help="Unit of the log's rates: rad/s, deg/s.", rich_help_panel=_IN_LOG),
]
Columns = Annotated[
    str | None,
    typer.Option(
        help="Columns by name or number from 0: t=time,x=gx,y=gy,z=gz.", rich_help_panel=_IN_LOG
    ),
]
Readout = Annotated[
    float | None,
    typer.Option(
        help="s from the first to past the last row; 0: global shutter.",
        rich_help_panel=_IN_CAMERA,
    ),
]
ReadoutDirectionName = Annotated[
    str | None,
    typer.Option(
        help="top_to_bottom, bottom_to_top, left_to_right, right_to_left.",
        rich_help_panel=_IN_CAMERA,
    ),
]
ImuOrientation = Annotated[
    str | None,
    typer.Option(
        help="Log axes that feed camera x (right), y (down), z (forward); lower case: negated. "
        "E.g. XYZ, yXz.",
        rich_help_panel=_IN_CAMERA,
    ),
]
CameraFile = Annotated[
    Path | None, typer.Option(help="Camera JSON file.", rich_help_panel=_IN_CAMERA)
]
Focal = Annotated[float | None, typer.Option(help="Focal length, px.", rich_help_panel=_IN_CAMERA)]
Hfov = Annotated[
    float | None,
    typer.Option(help="Horizontal field of view, degrees.", rich_help_panel=_IN_CAMERA),
]
Delay = Annotated[
    float,
    typer.Option(help="The log's time at video time 0, s.", rich_help_panel=_IN_LOG),
]
ClockSkew = Annotated[
    float,
    typer.Option(
        help="How much faster the log's clock runs (1e-6: 1 ppm).", rich_help_panel=_IN_LOG
    ),
]
Drift = Annotated[
    str,
    typer.Option(
        help="Constant bias of the gyro, rad/s, in the log's axes: X,Y,Z.", rich_help_panel=_IN_LOG
    ),
]


@app.command()
def stabilize(
    video: Annotated[Path, typer.Argument(help="The shaky video.", show_default=False)],
    log: Annotated[Path, typer.Argument(help="Its gyro log.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The steady video.", show_default=False)
    ],
    camera: CameraFile = None,
    focal: Focal = None,
    hfov: Hfov = None,
    readout: Readout = None,
    readout_direction: ReadoutDirectionName = None,
    imu_orientation: ImuOrientation = None,
    delay: Delay = 0.0,
    clock_skew: ClockSkew = 0.0,
    drift: Drift = "0,0,0",
    time_unit: TimeUnit = None,
    rate_unit: RateUnit = None,
    columns: Columns = None,
    smoother: Annotated[
        str, typer.Option(help="gaussian, fixed or none.", rich_help_panel=_IN_PLAN)
    ] = "gaussian",
    smoothness: Annotated[
        float | None,
        typer.Option(
            help="Time constant of the gaussian smoother, s [default: 0.5].",
            rich_help_panel=_IN_PLAN,
        ),
    ] = None,
    zoom: Annotated[
        str,
        typer.Option(
            help="auto: the smallest that shows no border; or a factor.", rich_help_panel=_IN_PLAN
        ),
    ] = "auto",
    max_zoom: Annotated[
        float, typer.Option(help="Limit of the automatic zoom.", rich_help_panel=_IN_PLAN)
    ] = 1.5,
    interpolation: Annotated[
        str, typer.Option(help="linear, cubic or lanczos.", rich_help_panel=_IN_PLAN)
    ] = "cubic",
    image_filter: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            help="gaussian:SIGMA, box:SIZE, sharpen:AMOUNT or kernel:FILE, on luma, or with :all "
            "behind it on chroma too; repeatable, in order.",
            rich_help_panel=_IN_OUTPUT,
        ),
    ] = None,
    crf: Annotated[
        int, typer.Option(help="x264's quality, 0 (lossless) to 51.", rich_help_panel=_IN_OUTPUT)
    ] = 18,
    preset: Annotated[
        str, typer.Option(help="x264's speed.", rich_help_panel=_IN_OUTPUT)
    ] = "veryfast",
    start: Annotated[
        float | None, typer.Option(help="First presentation time, s.", rich_help_panel=_IN_OUTPUT)
    ] = None,
    end: Annotated[
        float | None,
        typer.Option(help="Presentation time to stop at, s.", rich_help_panel=_IN_OUTPUT),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output.", rich_help_panel=_IN_OUTPUT)
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Plan and report, write nothing.", rich_help_panel=_IN_OUTPUT
        ),
    ] = False,
) -> None:
    """Stabilize VIDEO by its gyro LOG.

    stabilizer stabilize walk.mp4 walk.csv --camera walk.camera.json -o steady.mp4
    """
    import gyro_data
    from stabilizer import pipeline
    from stabilizer.filters import parse_filter
    from stabilizer.video import check_output, probe

    began = time.perf_counter()
    inputs = [video, log] if camera is None else [video, log, camera]
    check_output(output, inputs=inputs, overwrite=overwrite)
    chosen_smoother = _smoother(smoother, smoothness)
    filters = [parse_filter(spec) for spec in image_filter or ()]
    info = probe(video)
    overrides = {
        "readout_time": readout,
        "readout_direction": readout_direction,
        "imu_orientation": imu_orientation,
    }
    with _progress("rendering") as progress:
        plan = pipeline.stabilize(
            info,
            gyro_data.read(log, time_unit=time_unit, rate_unit=rate_unit, columns=columns),
            output,
            camera=_camera(
                (info.width, info.height),
                camera,
                focal,
                hfov,
                overrides,
                pixel_aspect=float(info.sample_aspect_ratio),
            ),
            delay=delay,
            clock_skew=clock_skew,
            drift=_numbers("drift", drift, 3),
            smoother=chosen_smoother,
            zoom=None if zoom == "auto" else _number("zoom", zoom),
            max_zoom=max_zoom,
            interpolation=interpolation,
            filters=filters,
            crf=crf,
            preset=preset,
            start=start,
            end=end,
            overwrite=overwrite,
            dry_run=dry_run,
            progress=progress,
        )
    seconds = time.perf_counter() - began
    done = "not written (dry run)" if dry_run else f"written in {seconds:.1f} s"
    print(f"{output}: {done}, {_summary(plan, max_zoom)}")


@app.command()
def info(
    file: Annotated[Path, typer.Argument(help="A video or a gyro log.", show_default=False)],
    time_unit: TimeUnit = None,
    rate_unit: RateUnit = None,
    columns: Columns = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what a video or a gyro log is: times, rates, gaps, axes, rms."""
    from stabilizer.facts import log_facts, video_facts

    if _is_text(file):
        import gyro_data

        facts = log_facts(
            gyro_data.read(file, time_unit=time_unit, rate_unit=rate_unit, columns=columns)
        )
    else:
        from stabilizer.video import probe

        facts = video_facts(probe(file))
    if as_json:
        print(json.dumps(facts, indent=2))
    else:
        _print_table(str(file), facts)


@app.command()
def simulate(
    stem: Annotated[
        str, typer.Argument(help="Files are STEM.mp4, .csv, .camera.json, .truth.json.")
    ],
    motion: Annotated[
        str, typer.Option(help="stand, walk, run, or a gyro log to follow.")
    ] = "walk",
    duration: Annotated[float, typer.Option(help="s")] = 10.0,
    fps: Annotated[float, typer.Option(help="Frames per second.")] = 30.0,
    size: Annotated[str, typer.Option(help="Picture size, px: WIDTHxHEIGHT.")] = "1280x720",
    camera: CameraFile = None,
    focal: Focal = None,
    hfov: Hfov = None,
    readout: Readout = None,
    readout_direction: ReadoutDirectionName = None,
    imu_orientation: ImuOrientation = None,
    gyro_rate: Annotated[float, typer.Option(help="Samples per second of the log.")] = 400.0,
    delay: Delay = 0.0,
    clock_skew: ClockSkew = 0.0,
    drift: Drift = "0,0,0",
    noise: Annotated[float, typer.Option(help="White noise of the gyro, rad/s rms.")] = 0.0,
    gap: Annotated[
        list[str] | None,
        typer.Option(help="A hole in the log from A to B s of video time: A,B; repeatable."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of motion and noise.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files.")] = False,
) -> None:
    """Make a clip with known truth: a room filmed by a shaking rolling-shutter camera."""
    from stabilizer import simulate as simulation

    width, height = _numbers("size", size, 2, separator="x")
    if not (width.is_integer() and height.is_integer()):
        raise ValueError(f"size: expected whole numbers of pixels, got {size!r}")
    if camera is None and focal is None and hfov is None:
        hfov = 65.0
    overrides = {
        "readout_time": readout if readout is not None or camera is not None else 0.02,
        "readout_direction": readout_direction,
        "imu_orientation": imu_orientation,
    }
    with _progress("rendering") as progress:
        clip = simulation.simulate(
            stem,
            camera=_camera((int(width), int(height)), camera, focal, hfov, overrides),
            motion=_motion(motion, seed),
            duration=duration,
            fps=fps,
            gyro_rate=gyro_rate,
            delay=delay,
            clock_skew=clock_skew,
            drift=_numbers("drift", drift, 3),
            noise=noise,
            gaps=[_numbers("gap", g, 2) for g in gap or ()],
            seed=seed,
            overwrite=overwrite,
            progress=progress,
        )
    for path in (clip.video, clip.gyro, clip.camera_file, clip.truth):
        print(path)


# --- from text to values -------------------------------------------------------------------------


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name}: expected a number, got {text!r}") from None


def _numbers(name: str, text: str, count: int, *, separator: str = ",") -> list[float]:
    parts = text.split(separator)
    if len(parts) != count:
        example = separator.join("XYZ"[:count])
        raise ValueError(f"{name}: expected {count} numbers {example}, got {text!r}")
    return [_number(name, part) for part in parts]


def _smoother(name: str, smoothness: float | None) -> "Smoother":
    from inspect import signature

    from stabilizer.smoothing import SMOOTHERS

    if name not in SMOOTHERS:
        raise ValueError(f"smoother: expected one of {', '.join(SMOOTHERS)}, got {name!r}")
    if smoothness is None:
        return SMOOTHERS[name]()
    if "time_constant" not in signature(SMOOTHERS[name]).parameters:
        raise ValueError(f"smoothness: expected none with the {name} smoother, got {smoothness:g}")
    return SMOOTHERS[name](time_constant=smoothness)


def _camera(
    size: tuple[int, int],
    file: Path | None,
    focal: float | None,
    hfov: float | None,
    overrides: dict[str, Any],
    *,
    pixel_aspect: float = 1.0,
) -> "Camera":
    """Return the camera, described in one of three ways, with what overrides it.

    `pixel_aspect` is the width of a pixel over its height: fy = fx · pixel_aspect.
    """
    from dataclasses import replace
    from math import radians

    from gyro_data.checks import number
    from stabilizer.camera import Camera, load_camera

    if [file, focal, hfov].count(None) != 2:
        raise StabilizerError(
            "give the camera by one of --camera FILE, --focal PX and --hfov DEG (a phone's main "
            "camera films with about --hfov 65, an action camera's linear mode with 85)"
        )
    if file is not None:
        camera = load_camera(file)
    else:
        if focal is not None:
            camera = Camera.from_focal(*size, focal)
        else:
            degrees = number("hfov", hfov or 0.0, above=0, maximum=175)
            camera = Camera.from_hfov(*size, radians(degrees))
        camera = replace(camera, fy=camera.fx * pixel_aspect)
        if overrides["readout_time"] is None:
            LOG.warning("no --readout is given: taken as 0, a global shutter; few cameras have one")
    return replace(camera, **{k: v for k, v in overrides.items() if v is not None})


def _motion(name: str, seed: int) -> Any:
    """Return the name of a gait, or the motion of a gyro log."""
    from stabilizer.simulate import GAITS, from_log

    if name in GAITS:
        return name
    if not Path(name).exists():
        known = ", ".join(GAITS)
        raise ValueError(f"motion: expected one of {known} or a gyro log's path, got {name!r}")
    import gyro_data

    return from_log(gyro_data.read(name))


def _is_text(file: Path) -> bool:
    """Tell a log from a video."""
    from gyro_data.readers.layout import HEAD_BYTES, is_text

    try:
        with file.open("rb") as stream:
            return is_text(stream.read(HEAD_BYTES))
    except OSError as error:
        raise StabilizerError(f"{file}: cannot be read: {error.strerror}") from error


# --- what the user sees --------------------------------------------------------------------------


def _summary(plan: "Plan", max_zoom: float) -> str:
    n_frames = len(plan.frame_times)
    missing = n_frames - int(plan.covered.sum())
    parts = [
        f"{n_frames} frames",
        f"zoom {plan.zoom.max():.3f}" + (" (the limit)" if plan.zoom.max() >= max_zoom else ""),
        f"worst border margin {max(0.0, plan.margin.min()):.1f} px",
    ]
    if missing:
        parts.append(f"{missing} frames without motion data")
    return ", ".join(parts)


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None] | None]:
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


def _print_table(title: str, facts: dict[str, Any]) -> None:
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
