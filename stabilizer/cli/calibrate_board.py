"""A camera file from a filmed board: the lens alone, of which a gyro log tells little."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stabilizer.cli.options import BoardOptions
from stabilizer.cli.show import print_table, progress_bar, tell
from stabilizer.cli.values import input_files
from stabilizer.errors import StabilizerError

if TYPE_CHECKING:
    from stabilizer.boards import Board, LensCalibration
    from stabilizer.video import ImageSequence, VideoInfo
    from stabilizer.video.base import Plane

LOG = logging.getLogger(__name__)

_UNTOLD = ("readout_time", "readout_direction", "imu_orientation")
"""Keys of a camera file of which a board tells nothing."""


def calibrate_by_board(
    video: "Path | ImageSequence", output: Path, options: BoardOptions, *, overwrite: bool
) -> None:
    """Tell and write the lens that filmed the board; StabilizerError where it cannot be known."""
    from stabilizer.boards import draw_coverage
    from stabilizer.new_files import check_new_file

    if options.plot is not None:
        check_new_file(
            options.plot, suffixes=[".png"], inputs=input_files(video), overwrite=overwrite
        )
    found = _calibrated(video, options)
    _tell(video, found)
    save_lens(found, output)
    tell(f"{output}: written")
    if options.plot is not None:
        draw_coverage(found, options.plot)
        tell(f"{options.plot}: written")


def save_lens(found: "LensCalibration", path: Path) -> None:
    """Write the camera file, without readout and axes: they are found when a clip is stabilized."""
    from stabilizer.camera import save_camera
    from stabilizer.new_files import complete_or_absent

    errors = dict(found.standard_errors)
    with complete_or_absent(path) as partial:
        save_camera(found.camera, partial, unknown=_UNTOLD, standard_errors=errors)


def _calibrated(video: "Path | ImageSequence", options: BoardOptions) -> "LensCalibration":
    from stabilizer.boards import calibrate_lens, find_views
    from stabilizer.boards.calibration import MODELS
    from stabilizer.video import probe

    board = _chosen_board(options)
    model = "opencv" if options.lens is None else options.lens
    if model not in MODELS:  # before the clip is searched
        raise ValueError(f"lens: expected one of {', '.join(MODELS)}, got {model!r}")
    info = probe(video)
    try:
        with progress_bar("looking for the board") as progress:
            views = find_views(_luma(info, progress), board)
        found = calibrate_lens(views, info.width, info.height, model=model)
    except StabilizerError as error:
        raise StabilizerError(f"{video}: {error}") from error
    for warning in found.warnings:
        LOG.warning("%s: %s", video, warning)
    return found


def _chosen_board(options: BoardOptions) -> "Board":
    """Return the board that the options name; StabilizerError if it is none."""
    from stabilizer.boards import Charuco, Chessboard

    if options.chessboard is not None and options.charuco is not None:
        raise StabilizerError("give one board: --chessboard or --charuco")
    if options.chessboard is not None:
        expected = "inner corners as 9x6"
        return _board("--chessboard", options.chessboard, Chessboard, expected)
    expected = "squares and markers as 7x5:4x4_50"
    return _board("--charuco", options.charuco or "", Charuco, expected)


def _board(option: str, text: str, kind: type["Board"], expected: str) -> "Board":
    """Return the board of a `kind` that `text` names; StabilizerError tells the option."""
    from stabilizer.boards import parse_board

    try:
        board = parse_board(text)
    except ValueError as error:
        raise StabilizerError(f"{option} {text}: {error}") from error
    if not isinstance(board, kind):
        raise StabilizerError(f"{option} {text}: expected {expected}, got a {board}")
    return board


def _tell(video: "Path | ImageSequence", found: "LensCalibration") -> None:
    """Print the lens with its standard errors, and what each view says of it."""
    camera, errors = found.camera, found.standard_errors
    facts: dict[str, Any] = {
        name: f"{getattr(camera, name):.2f} ± {errors[name]:.2f} px"
        for name in ("fx", "fy", "cx", "cy")
    }
    facts["lens"] = camera.lens.name
    names = [name for name in errors if name not in facts]  # of the lens's first coefficients
    for name, value in zip(names, camera.lens.coeffs, strict=False):
        facts[name] = f"{value:.5f} ± {errors[name]:.5f}"
    facts["error of the corners"] = f"{found.rms:.3f} px rms"
    facts["covered"] = f"{found.coverage:.0%} of the picture"
    facts["views"] = "\n".join(
        f"at {view.t:.2f} s: {rms:.3f} px"
        for view, rms in zip(found.views, found.view_rms.tolist(), strict=True)
    )
    facts["left out"] = {f"at {t:.2f} s": reason for t, reason in found.rejected.items()}
    print_table(str(video), facts)


def _luma(
    info: "VideoInfo", progress: Callable[[int, int], None] | None
) -> Iterator[tuple[float, "Plane"]]:
    """Yield presentation times and the luma of all frames, 8 bits."""
    from stabilizer.flow import to_8_bit
    from stabilizer.video import VideoReader

    with VideoReader(info) as reader:
        for done, frame in enumerate(reader, start=1):
            yield frame.t, to_8_bit(frame.planes[0], frame.pixel_format.bits)
            if progress is not None:
                progress(done, len(info.frame_times))
