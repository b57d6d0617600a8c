"""What a synchronization starts from and ends with: `Known` and `Synchronization`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import radians
from os import PathLike
from types import MappingProxyType

import numpy as np

from gyro_data.axes import axes_letters, axes_matrix, nearest_axes
from gyro_data.checks import Floats
from stabilizer.camera import Camera, ReadoutDirection, given_keys
from stabilizer.camera.file import MOUNTING_KEYS
from stabilizer.sync import ClockSync
from stabilizer.synchronization.clock import LocalDelay
from stabilizer.synchronization.coarse import CoarseSync, PictureRates
from stabilizer.synchronization.fitting import FineSync
from stabilizer.synchronization.judgement import Verdict
from stabilizer.synchronization.problem import NAMES, Problem

_ASSUMED_HFOV = radians(65.0)
_LATE = 0.006  # frame intervals that a codec shows weak texture late, by what was rendered
_MISLED = {"readout_time": 5e-4, "focal": 0.06} | dict.fromkeys(NAMES[4:7], 0.01)
"""s, ratio, rad/s by which near scenes mislead, in which the camera's way is unknown as well."""
_TURNED = 1e-3  # s: by how much they mislead one end of a clip against the other


@dataclass(frozen=True)
class Known:
    """What was told and therefore is not looked for."""

    delay: float | None = None
    """s"""
    near: float | None = None
    """s: the delay is looked for up to `NEARBY` from here."""
    clock_skew: float | None = None
    drift: tuple[float, float, float] | None = None
    """rad/s in the log's axes."""
    focal: bool = False
    """Whether the camera's focal length is trusted."""
    readout: bool = False
    """Whether the camera's readout time is trusted."""
    axes: bool = False
    """Whether the camera's imu_orientation and R_body_cam are trusted."""


def known_of(path: str | PathLike[str]) -> Known:
    """Return what a camera file tells. Raises StabilizerError that names the file."""
    keys = given_keys(path)
    return Known(
        focal=True,
        readout="readout_time" in keys,
        axes=not MOUNTING_KEYS.isdisjoint(keys),
    )


def assumed_camera(width: int, height: int) -> Camera:
    """Return a camera from which the search may start: most phones' main camera is like it."""
    return Camera.from_hfov(width, height, _ASSUMED_HFOV)


@dataclass(frozen=True, eq=False)
class Synchronization:
    """How the log belongs to the clip, and how sure that is."""

    sync: ClockSync
    camera: Camera
    """With the readout, the focal length and the mounting that were found or told."""
    drift: Floats
    """(3,) rad/s in the log's axes."""
    verdict: Verdict
    errors: Mapping[str, float]
    """Standard errors of the unknowns by name, in their units (focal: a ratio); 0: told."""
    kept: tuple[str, ...]
    """Unknowns that the clip cannot determine, which stayed as assumed."""
    coarse: CoarseSync | None = field(default=None, repr=False)
    fine: FineSync | None = field(default=None, repr=False)
    rates: PictureRates | None = field(default=None, repr=False)
    delays: tuple[LocalDelay, ...] = ()
    """What windows of a long clip tell of the clock, beside `sync` without its corrections."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "errors", MappingProxyType(dict(self.errors)))


def found_result(
    problem: Problem,
    fine: FineSync,
    known: Known,
    verdict: Verdict,
    coarse: CoarseSync,
    rates: PictureRates,
    delays: tuple[LocalDelay, ...],
) -> Synchronization:
    value = fine.value
    camera = _read_forwards(problem.camera_at(value), float(value[2]))
    return Synchronization(
        sync=problem.clock(value),
        camera=_mounted(camera, problem.mounting(value), known),
        drift=axes_matrix(problem.camera.imu_orientation).T @ value[4:7],
        verdict=verdict,
        errors=_stated_errors(problem, fine),
        kept=tuple(name for name, kept in zip(NAMES, fine.kept, strict=True) if kept),
        coarse=coarse,
        fine=fine,
        rates=rates,
        delays=delays,
    )


def _stated_errors(problem: Problem, fine: FineSync) -> dict[str, float]:
    """Return standard errors by name: how points disagree, and what misleads all of them alike."""
    interval = float(np.median(problem.pairs.t_to - problem.pairs.t_from))
    alike = {"delay": _LATE * interval}
    if fine.epipolar:
        span = float(np.ptp(problem.pairs.t_to))
        alike |= _MISLED | {"clock_skew": _TURNED / max(span, interval)}
    return {
        name: float(np.hypot(error, alike.get(name, 0.0))) if error > 0 else 0.0
        for name, error in zip(NAMES, fine.error, strict=True)
    }


def _read_forwards(camera: Camera, readout: float) -> Camera:
    """Return the camera with that readout time; a negative one is the opposite direction's."""
    if readout >= 0:
        return replace(camera, readout_time=readout)
    opposite = {
        ReadoutDirection.TOP_TO_BOTTOM: ReadoutDirection.BOTTOM_TO_TOP,
        ReadoutDirection.BOTTOM_TO_TOP: ReadoutDirection.TOP_TO_BOTTOM,
        ReadoutDirection.LEFT_TO_RIGHT: ReadoutDirection.RIGHT_TO_LEFT,
        ReadoutDirection.RIGHT_TO_LEFT: ReadoutDirection.LEFT_TO_RIGHT,
    }
    direction = opposite[camera.readout_direction]
    return replace(camera, readout_time=-readout, readout_direction=direction)


def _mounted(camera: Camera, R_cam_body: Floats, known: Known) -> Camera:
    """Return the camera with that mounting: told letters stay, others are the nearest ones."""
    if known.axes:
        return replace(camera, R_body_cam=R_cam_body.T)
    letters, R_near_body = nearest_axes(R_cam_body)
    order = axes_letters(axes_matrix(letters) @ axes_matrix(camera.imu_orientation))
    return replace(camera, imu_orientation=order, R_body_cam=R_near_body @ R_cam_body.T)
