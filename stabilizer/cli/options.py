"""The options of the commands, grouped by what they describe, in the order of the pipeline."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import typer

_IN_INPUT = "Input"
_IN_LOG, _IN_SYNC, _IN_CAMERA = "Gyro log", "Synchronization", "Camera"
_IN_PLAN, _IN_OUTPUT, _IN_BOARD = "Stabilization", "Output", "Filmed board"
_IN_REPORT = "Report"

REFINE = "refine"
"""What --sync takes instead of a file."""

Video = Annotated[
    Path,
    typer.Argument(
        help="The shaky video; or numbered images, as frames/%05d.png, with --fps.",
        show_default=False,
    ),
]
Fps = Annotated[
    str | None,
    typer.Option(
        help="Frames per second of a VIDEO that is a sequence of images: 30, 29.97, 30000/1001.",
        rich_help_panel=_IN_INPUT,
    ),
]
Log = Annotated[
    Path | None,
    typer.Argument(
        help="Its gyro log; none: what is inside the video, or beside it by its name.",
        show_default=False,
    ),
]
ImuOrientation = Annotated[
    str | None,
    typer.Option(
        help="Log axes that feed camera x (right), y (down), z (forward); lower case: negated: "
        "XYZ, yXz. Or android-landscape, ios-portrait, gopro, ardupilot, …; or auto: found.",
        rich_help_panel=_IN_CAMERA,
    ),
]


@dataclass(frozen=True)
class CameraOptions:
    """The camera, told by one of `camera`, `focal` and `hfov`; the others override."""

    camera: Annotated[
        Path | None,
        typer.Option(
            help="Camera file: ours, Gyroflow's lens profile, OpenCV's, ROS's or Kalibr's.",
            rich_help_panel=_IN_CAMERA,
        ),
    ] = None
    camera_mode: Annotated[
        str | None,
        typer.Option(
            help="Which mode or camera of the file, by name or a part of it; else by the video.",
            rich_help_panel=_IN_CAMERA,
        ),
    ] = None
    focal: Annotated[
        float | None, typer.Option(help="Focal length, px.", rich_help_panel=_IN_CAMERA)
    ] = None
    hfov: Annotated[
        float | None,
        typer.Option(help="Horizontal field of view, degrees.", rich_help_panel=_IN_CAMERA),
    ] = None
    readout: Annotated[
        float | None,
        typer.Option(
            help="s from the first to past the last row; 0: global shutter.",
            rich_help_panel=_IN_CAMERA,
        ),
    ] = None
    readout_direction: Annotated[
        str | None,
        typer.Option(
            help="top_to_bottom, bottom_to_top, left_to_right, right_to_left.",
            rich_help_panel=_IN_CAMERA,
        ),
    ] = None
    imu_orientation: ImuOrientation = None


@dataclass(frozen=True)
class SyncOptions:
    """How the log fits the video, as far as it is known."""

    delay: Annotated[
        float | None,
        typer.Option(help="The log's time at video time 0, s.", rich_help_panel=_IN_SYNC),
    ] = None
    clock_skew: Annotated[
        float | None,
        typer.Option(
            help="How much faster the log's clock runs (1e-6: 1 ppm).", rich_help_panel=_IN_SYNC
        ),
    ] = None
    drift: Annotated[
        str | None,
        typer.Option(
            help="Constant bias of the gyro, rad/s, in the log's axes: X,Y,Z.",
            rich_help_panel=_IN_SYNC,
        ),
    ] = None


@dataclass(frozen=True)
class SyncSource:
    """Where the sync comes from if not from the clip itself."""

    sync: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|refine",
            help="A file of the sync command: camera, clocks and drift; the clip is not looked at. "
            "Or refine: look for the delay near --delay.",
            rich_help_panel=_IN_SYNC,
        ),
    ] = None
    no_sync: Annotated[
        bool,
        typer.Option(
            "--no-sync",
            help="Do not look at the clip: what is not given of the clocks is 0, as with --delay.",
            rich_help_panel=_IN_SYNC,
        ),
    ] = False


@dataclass(frozen=True)
class TableOptions:
    """How a text table is to be read."""

    time_unit: Annotated[
        str | None,
        typer.Option(help="Unit of the log's times: s, ms, us, ns.", rich_help_panel=_IN_LOG),
    ] = None
    rate_unit: Annotated[
        str | None,
        typer.Option(
            help="Unit of the log's rates: rad/s, deg/s, mdeg/s, or the rad/s of one count.",
            rich_help_panel=_IN_LOG,
        ),
    ] = None
    columns: Annotated[
        str | None,
        typer.Option(
            help="Columns by name or number from 0: t=time,x=gx,y=gy,z=gz; or qw, qx, qy, qz; or "
            "roll, pitch, yaw.",
            rich_help_panel=_IN_LOG,
        ),
    ] = None
    attitude: Annotated[
        str | None,
        typer.Option(
            help="What an attitude is: body_to_world or world_to_body; or the order in which yaw "
            "(Z), pitch (Y) and roll (X) turn, e.g. ZYX.",
            rich_help_panel=_IN_LOG,
        ),
    ] = None


@dataclass(frozen=True)
class PlanOptions:
    """How the virtual camera moves."""

    smoother: Annotated[
        str,
        typer.Option(help="optimal, cinematic, fixed, gaussian or none.", rich_help_panel=_IN_PLAN),
    ] = "optimal"
    smoothness: Annotated[
        float | None,
        typer.Option(
            help="s: more is smoother and crops more; each smoother has its own default.",
            rich_help_panel=_IN_PLAN,
        ),
    ] = None
    crop: Annotated[
        float | None,
        typer.Option(
            help="Mean zoom to reach, as smoothly as it allows, e.g. 1.15.",
            rich_help_panel=_IN_PLAN,
        ),
    ] = None
    zoom: Annotated[
        str,
        typer.Option(
            help="dynamic, fixed (one for the whole clip) or a factor.", rich_help_panel=_IN_PLAN
        ),
    ] = "dynamic"
    max_zoom: Annotated[
        float,
        typer.Option(help="Limit of the dynamic or fixed zoom.", rich_help_panel=_IN_PLAN),
    ] = 1.5
    lookahead: Annotated[
        float | None,
        typer.Option(help="s that long clips are planned ahead.", rich_help_panel=_IN_PLAN),
    ] = None
    weights: Annotated[
        str | None,
        typer.Option(
            help="How much unrest counts about each axis: PITCH,YAW,ROLL, e.g. 1,1,2.",
            rich_help_panel=_IN_PLAN,
        ),
    ] = None
    horizon: Annotated[
        bool,
        typer.Option(
            "--horizon",
            help="Keep the horizon level; the log must have an accelerometer.",
            rich_help_panel=_IN_PLAN,
        ),
    ] = False
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Refuse what is else a warning: a clip that needs more than --max-zoom, a sync "
            "that is not sure, and a damaged video.",
            rich_help_panel=_IN_PLAN,
        ),
    ] = False
    lens_correction: Annotated[
        float,
        typer.Option(
            help="How much of the lens's distortion to take away: 0 keeps its look, 1 makes "
            "straight lines straight.",
            rich_help_panel=_IN_PLAN,
        ),
    ] = 0.0
    interpolation: Annotated[
        str, typer.Option(help="linear, cubic or lanczos.", rich_help_panel=_IN_PLAN)
    ] = "cubic"


@dataclass(frozen=True)
class SpanOptions:
    """Which frames are kept."""

    start: Annotated[
        float | None, typer.Option(help="First presentation time, s.", rich_help_panel=_IN_OUTPUT)
    ] = None
    end: Annotated[
        float | None,
        typer.Option(help="Presentation time to stop at, s.", rich_help_panel=_IN_OUTPUT),
    ] = None


def told(*groups: Any) -> list[str]:
    """Return the options of groups that differ from their defaults, as they are written."""
    names = [f.name for g in groups for f in fields(g) if getattr(g, f.name) != f.default]
    return [f"--{name.replace('_', '-')}" for name in names]


@dataclass(frozen=True)
class Request(SpanOptions, PlanOptions, TableOptions, SyncSource, SyncOptions, CameraOptions):
    """Everything that a plan is made of besides the video and its log."""

    @property
    def given(self) -> list[str]:
        """The options that were told, as they are written."""
        return told(self)

    @property
    def refine(self) -> bool:
        """Whether the delay is to be looked for near the one that is told."""
        return self.sync == REFINE

    @property
    def sync_file(self) -> Path | None:
        """The file that tells the sync, if one does."""
        return None if self.sync is None or self.refine else Path(self.sync)


@dataclass(frozen=True)
class BoardOptions:
    """The board that a clip shows, and the lens to fit."""

    chessboard: Annotated[
        str | None,
        typer.Option(
            help="The clip shows a chessboard, of so many inner corners: 9x6.",
            rich_help_panel=_IN_BOARD,
        ),
    ] = None
    charuco: Annotated[
        str | None,
        typer.Option(
            help="The clip shows a ChArUco board: squares, markers and their share of a square, "
            "0.75 if not told: 7x5:4x4_50:0.7; :legacy behind it for OpenCV's layout before 4.6.",
            rich_help_panel=_IN_BOARD,
        ),
    ] = None
    lens: Annotated[
        str | None,
        typer.Option(help="opencv (default), fisheye or pinhole.", rich_help_panel=_IN_BOARD),
    ] = None
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Draw where the board was and how far its corners miss: .png.",
            rich_help_panel=_IN_BOARD,
        ),
    ] = None


@dataclass(frozen=True)
class PlanFiles:
    """Files that tell of a plan."""

    save_plan: Annotated[
        Path | None,
        typer.Option(help="Write the plan, for --plan: .npz.", rich_help_panel=_IN_OUTPUT),
    ] = None
    motion: Annotated[
        Path | None,
        typer.Option(
            help="Write the camera's motion and zoom at each frame: .csv.",
            rich_help_panel=_IN_OUTPUT,
        ),
    ] = None
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Draw path, zoom and margin: .png, .svg, .pdf or .html.",
            rich_help_panel=_IN_OUTPUT,
        ),
    ] = None


@dataclass(frozen=True)
class PictureOptions:
    """What is done to the warped pictures, and how they are encoded."""

    image_filter: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            help="gaussian:SIGMA, box:SIZE, sharpen:AMOUNT or kernel:FILE, on luma, or with :all "
            "behind it on chroma too; repeatable, in order.",
            rich_help_panel=_IN_OUTPUT,
        ),
    ] = None
    backend: Annotated[
        str,
        typer.Option(
            help="What warps: numba, opencv, or auto (numba if it is installed).",
            rich_help_panel=_IN_OUTPUT,
        ),
    ] = "auto"
    threads: Annotated[
        int | None,
        typer.Option(
            help="Frames that are decoded, and as many warped and filtered, at a time; default: "
            "one for two processors, which leaves the encoder its share.",
            rich_help_panel=_IN_OUTPUT,
        ),
    ] = None
    codec: Annotated[
        str | None,
        typer.Option(
            help="h264, h265, av1, vp9, prores, ffv1, or where the machine has it h264_nvenc, "
            "hevc_videotoolbox, …; default: by the output's name.",
            rich_help_panel=_IN_OUTPUT,
        ),
    ] = None
    crf: Annotated[
        int | None,
        typer.Option(
            help="Quality, 0 (h264, h265, vp9: lossless) to 51, default 18; hardware has its own.",
            rich_help_panel=_IN_OUTPUT,
        ),
    ] = None
    preset: Annotated[
        str | None,
        typer.Option(
            help="Speed against size, in x264's words; default: veryfast.",
            rich_help_panel=_IN_OUTPUT,
        ),
    ] = None
    bitrate: Annotated[
        str | None,
        typer.Option(
            help="bit/s on average instead of a quality: 20M, 8000k.", rich_help_panel=_IN_OUTPUT
        ),
    ] = None
    pix_fmt: Annotated[
        str | None,
        typer.Option(
            help="Pixel format by FFmpeg's name, e.g. yuv420p; default: the video's own, or the "
            "nearest that the codec has.",
            rich_help_panel=_IN_OUTPUT,
        ),
    ] = None


@dataclass(frozen=True)
class TalkOptions:
    """How much a command tells."""

    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Say nothing but warnings.", rich_help_panel=_IN_REPORT),
    ] = False
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", help="Say what was decided and why.", rich_help_panel=_IN_REPORT
        ),
    ] = False


@dataclass(frozen=True)
class ReportOptions(TalkOptions):
    """What is told while and after a video is made."""

    progress: Annotated[
        str,
        typer.Option(
            help="bar (on a terminal), json (a line a second on stderr) or none.",
            rich_help_panel=_IN_REPORT,
        ),
    ] = "bar"
    summary: Annotated[
        Path | None,
        typer.Option(
            help="Write what was done, found and left out: .json.", rich_help_panel=_IN_REPORT
        ),
    ] = None


Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace files that exist.", rich_help_panel=_IN_OUTPUT),
]
