"""What speaks against a lens calibration, and what to film instead."""

from collections.abc import Iterator, Sequence

import numpy as np

from stabilizer.boards.views import STILL, View
from stabilizer.camera import Camera
from stabilizer.errors import StabilizerError

_FEW_VIEWS = 10
_UNKNOWN_FOCAL = 0.03
_POOR_FOCAL = 0.003
_POOR_RMS = 1 / 1920  # of the picture's longer side
_WRONG_RMS = 10 / 1920
_POOR_COVERAGE = 0.6


def check_known(camera: Camera, n_views: int, focal_error: float, rms: float) -> None:
    """Raise StabilizerError if the fit is none, or leaves the focal length open.

    `focal_error` is the relative standard error, `rms` the corners' error in px.
    """
    relative_rms = rms / max(camera.width, camera.height)
    if relative_rms > _WRONG_RMS or (relative_rms > _POOR_RMS and focal_error > _UNKNOWN_FOCAL):
        raise StabilizerError(
            f"the lens does not explain the corners of {n_views} views, which miss by {rms:.1f} "
            "px: check the board's numbers and that it is flat, or try another lens model"
        )
    if not focal_error <= _UNKNOWN_FOCAL:
        error = f"by {focal_error:.0%}" if focal_error < 1 else "altogether"
        raise StabilizerError(
            f"{n_views} views leave the focal length open {error}: "
            "film the board tilted by 30 to 45 degrees towards each side, not only head-on"
        )


def doubts(
    camera: Camera, views: Sequence[View], focal_error: float, rms: float, coverage: float
) -> Iterator[str]:
    """Yield what makes a calibration doubtful, each with its remedy."""
    if len(views) < _FEW_VIEWS:
        yield f"only {len(views)} views: film the board from {_FEW_VIEWS} sides or more"
    motion = float(np.median([v.motion for v in views]))
    if motion > STILL * camera.width:
        yield (
            f"the board moves by {motion:.1f} px per frame, which a rolling shutter turns into "
            "errors that do not show: hold still for half a second at each view"
        )
    if focal_error > _POOR_FOCAL:
        yield (
            f"the focal length is known to {focal_error:.1%} only: tilt the board more, by 30 to "
            "45 degrees towards each side"
        )
    if coverage < _POOR_COVERAGE:
        yield (
            f"the board covered {coverage:.0%} of the picture: outside, the distortion is a "
            "guess; show it in the corners and at the edges too"
        )
    if rms > _POOR_RMS * max(camera.width, camera.height):
        yield (
            f"corners miss by {rms:.2f} px: the board is not flat, it moved, or the lens needs "
            "another model"
        )
    if not shows_picture(camera):
        yield (
            "the fitted lens ends inside the picture, whose outer parts it cannot use: show the "
            "board there, or try another model"
        )


def shows_picture(camera: Camera) -> bool:
    """Tell if the lens has a ray for every pixel on the picture's border."""
    x, y = (np.linspace(0, size - 1, 33) for size in (camera.width, camera.height))
    right, bottom = np.full(33, x[-1]), np.full(33, y[-1])
    sides = [(x, 0 * x), (x, bottom), (0 * y, y), (right, y)]
    border = np.concatenate([np.column_stack(side) for side in sides])
    return bool(np.isfinite(camera.unproject(border)).all())
