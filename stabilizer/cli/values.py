"""From the text of options to the values that the library takes."""

import re
from fractions import Fraction
from math import radians
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from stabilizer.cli.options import CameraOptions, PlanOptions
from stabilizer.errors import StabilizerError

if TYPE_CHECKING:
    from stabilizer.camera import Camera, CameraMode
    from stabilizer.smoothing import Smoother
    from stabilizer.video import ImageSequence

OneCamera = TypeVar("OneCamera", bound=CameraOptions)

_RATE = re.compile(r"[0-9]{1,7}(\.[0-9]{1,12})?|[0-9]{1,7}/0*[1-9][0-9]{0,6}")
_SLOWED = (24, 30)  # frames/s, and their multiples, that television slows down by 1000/1001
_OTHER_NAMES = {"smoothness": ("time_constant",), "weights": ("axis_weights",)}
"""What smoothers call an option."""


def parsed_number(name: str, text: str) -> float:
    """Return the number that `text` is; ValueError names the option."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name}: expected a number, got {text!r}") from None


def parsed_numbers(name: str, text: str, count: int, *, separator: str = ",") -> list[float]:
    """Return the `count` numbers in `text`; ValueError names the option."""
    parts = text.split(separator)
    if len(parts) != count:
        example = separator.join("XYZ"[:count])
        raise ValueError(f"{name}: expected {count} numbers {example}, got {text!r}")
    return [parsed_number(name, part) for part in parts]


def parsed_rate(text: str) -> float:
    """Return the bits per second that `text` is, such as 20M or 8000k."""
    factor = {"k": 1e3, "m": 1e6, "g": 1e9}.get(text[-1:].lower())
    return (
        parsed_number("bitrate", text)
        if factor is None
        else (factor * parsed_number("bitrate", text[:-1]))
    )


def parsed_frame_rate(text: str) -> Fraction:
    """Return the frames per second that `text` is: of 29.97 the 30000/1001 that it is short for."""
    rate = Fraction(text) if _RATE.fullmatch(text) else Fraction(0)
    if not rate:
        raise ValueError(f"fps: expected a rate such as 30, 29.97 or 30000/1001, got {text!r}")
    whole = round(rate * Fraction(1001, 1000))
    slowed = Fraction(1000 * whole, 1001)
    decimals = len(text.partition(".")[2])
    is_short = decimals > 1 and round(slowed, decimals) == rate
    return slowed if is_short and any(whole % base == 0 for base in _SLOWED) else rate


def chosen_video(video: Path, fps: str | None) -> "Path | ImageSequence":
    """Return the video file, or the sequence of images that a pattern or a folder names."""
    from stabilizer.video.image_sequence import ImageSequence, is_sequence, pattern_of

    if is_sequence(video):
        if fps is None:
            raise StabilizerError(
                f"{video}: is no video file; of images give the rate, as --fps 30"
            )
        return ImageSequence.of(video, parsed_frame_rate(fps))
    if (pattern := pattern_of(video)) is not None:
        raise StabilizerError(f"{video}: is one image; name the sequence, as {pattern} --fps 30")
    if fps is not None and video.exists():
        raise StabilizerError(f"{video}: is a file that tells its times itself; leave out --fps")
    return video


def input_files(video: "Path | ImageSequence", *others: Path | None) -> list[Path]:
    """Return the files that a video is made of, and the others that are given."""
    given = [path for path in others if path is not None]
    return ([video] if isinstance(video, Path) else video.files) + given


def parsed_zoom(text: str) -> float | str:
    """Return the factor that `text` is, or `text` itself, of which the library says more."""
    try:
        return float(text)
    except ValueError:
        return text


def chosen_smoother(options: PlanOptions) -> "Smoother":
    """Return the smoother that the options describe; ValueError for what it does not have."""
    from stabilizer.smoothing import SMOOTHERS

    name = options.smoother
    if name not in SMOOTHERS:
        raise ValueError(f"smoother: expected one of {', '.join(SMOOTHERS)}, got {name!r}")
    weights = options.weights and tuple(parsed_numbers("weights", options.weights, 3))
    told = {
        "smoothness": options.smoothness,
        "crop": options.crop,
        "lookahead": options.lookahead,
        "weights": weights,
        "horizon": options.horizon or None,
    }
    given = {option: value for option, value in told.items() if value is not None}
    return SMOOTHERS[name](**{_parameter(name, option): v for option, v in given.items()})


def _parameter(smoother: str, option: str) -> str:
    """Return what the smoother calls the option; ValueError names those that have it."""
    from inspect import signature

    from stabilizer.smoothing import SMOOTHERS

    names = {option, *_OTHER_NAMES.get(option, ())}
    found: dict[str, set[str]] = {
        s: names & {*signature(SMOOTHERS[s]).parameters} for s in SMOOTHERS
    }
    if not found[smoother]:
        others = ", ".join(s for s in SMOOTHERS if found[s])
        raise ValueError(
            f"{option}: expected none with the {smoother} smoother, it belongs to {others}"
        )
    return found[smoother].pop()


def described_camera(options: CameraOptions, size: tuple[int, int]) -> "Camera":
    """Return the camera of the options, that of a file in the file's own size: see below."""
    return described_mode(options, size).usable


def described_mode(
    options: CameraOptions,
    size: tuple[int, int],
    *,
    pixel_aspect: float = 1.0,
    frame_rate: float | None = None,
) -> "CameraMode":
    """Return the camera, described in one of three ways, with what overrides it.

    `size` is the picture's width and height; `pixel_aspect` the width of a pixel over its height:
    fy = fx · pixel_aspect. With a `frame_rate` (1/s) the camera of a file is the one that filmed
    such a video, else the one of the file's own size.
    """
    from dataclasses import replace

    from stabilizer.camera import CameraMode, camera_mode

    if options.camera is None and options.camera_mode is not None:
        raise StabilizerError("--camera-mode chooses from a --camera file; give one")
    if [options.camera, options.focal, options.hfov].count(None) != 2:
        raise StabilizerError(
            "give the camera by one of --camera FILE, --focal PX and --hfov DEG (a phone's main "
            "camera films with about --hfov 65, an action camera's linear mode with 85)"
        )
    if options.camera is not None:
        filmed: dict[str, Any] = {}
        if frame_rate is not None:
            filmed = {"width": size[0], "height": size[1], "frame_rate": frame_rate}
        mode = camera_mode(options.camera, mode=options.camera_mode, **filmed)
    else:
        camera = _camera_of_view(options, size)
        mode = CameraMode(*size, camera=replace(camera, fy=camera.fx * pixel_aspect))
    return replace(mode, camera=replace(mode.usable, **overrides(options)))


def _camera_of_view(options: CameraOptions, size: tuple[int, int]) -> "Camera":
    from gyro_data.checks import number
    from stabilizer.camera import Camera

    if options.focal is not None:
        return Camera.from_focal(*size, options.focal)
    degrees = number("hfov", options.hfov or 0.0, above=0, maximum=175)
    return Camera.from_hfov(*size, radians(degrees))


def in_letters(options: OneCamera, rotation_deg: int) -> OneCamera:
    """Return the options with a preset of --imu-orientation as letters, "auto" as it is.

    A player turns the stored picture by `rotation_deg`, see `stabilizer.orientations`.
    """
    from dataclasses import replace

    from stabilizer.orientations import AUTO, letters_of

    if options.imu_orientation is None:
        return options
    letters = letters_of(options.imu_orientation, rotation_deg=rotation_deg)
    return replace(options, imu_orientation=letters or AUTO)


def wants_auto(options: CameraOptions) -> bool:
    """Tell whether --imu-orientation asks for the axes that the clip tells."""
    from stabilizer.orientations import AUTO

    return options.imu_orientation == AUTO


def overrides(options: CameraOptions) -> dict[str, Any]:
    """Return the camera's fields that options give directly."""
    from stabilizer.orientations import AUTO

    given = {
        "readout_time": options.readout,
        "readout_direction": options.readout_direction,
        "imu_orientation": options.imu_orientation,
    }
    return {name: value for name, value in given.items() if value not in (None, AUTO)}
