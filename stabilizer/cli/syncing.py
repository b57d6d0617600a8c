"""Clocks and camera for a plan: as given, as saved, or as found by looking at the clip."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stabilizer.cli.options import CameraOptions, Request, SyncOptions
from stabilizer.cli.show import busy
from stabilizer.cli.sync_text import camera_text, clock_text, delay_text
from stabilizer.cli.values import (
    described_mode,
    in_letters,
    overrides,
    parsed_numbers,
    wants_auto,
)
from stabilizer.errors import StabilizerError

if TYPE_CHECKING:
    from gyro_data import GyroLog
    from stabilizer.camera import Camera, CameraMode
    from stabilizer.sync import ClockSync
    from stabilizer.synchronization import Known, Synchronization
    from stabilizer.video import VideoInfo

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Alignment:
    """What a plan needs to know of the clocks and the camera."""

    camera: "Camera"
    sync: "ClockSync"
    drift: list[float]
    """rad/s in the log's axes."""
    told: str | None = None
    """What a summary says of it; None where all was given."""
    confidence: str = "given"
    """In what was found, or kept in a file."""


def aligned(info: "VideoInfo", log: "GyroLog", name: Path, request: Request) -> Alignment:
    """Return the clocks and the camera that the options give, or that the clip tells.

    `name` is the log's path. Raises SyncRefused where the clip does not tell.
    """
    if request.refine and (request.delay is None or request.no_sync):
        raise StabilizerError("--sync refine needs a --delay to look near to, and no --no-sync")
    _check_clock(request)
    if request.sync_file is not None:
        return _saved(request.sync_file, info, request)
    if request.no_sync or (request.delay is not None and not request.refine):
        return _given(info, log, request)
    from stabilizer.synchronization import accept

    found, _ = found_sync(info, log, request, request, refine=request.refine)
    what = f"{info.path}: with {name}"
    remedy = " (--delay or --no-sync plans without)"
    accept(found.verdict, what, strict=request.strict, remedy=remedy)
    if [request.camera, request.focal, request.hfov] == [None] * 3:
        LOG.warning("no camera is given; the clip tells: %s", camera_text(found.camera))
    warn_of_assumed(found)
    warn_of_clock(found.sync)
    drift = found.drift.tolist()
    told = f"synchronized: {delay_text(found)}"
    return Alignment(found.camera, found.sync, drift, told, str(found.verdict.confidence))


def found_sync(
    info: "VideoInfo",
    log: "GyroLog",
    camera: CameraOptions,
    clocks: SyncOptions,
    *,
    refine: bool = False,
) -> tuple["Synchronization", "Known"]:
    """Return what the clip tells, and what the options told and it was not asked.

    `refine`: the delay that is told is only where to look.
    """
    from stabilizer.own_clock import with_own_clock
    from stabilizer.synchronization import assumed_camera, synchronize

    camera = in_letters(camera, info.rotation_deg)
    known = _known(camera, clocks)
    if refine:
        known = replace(known, delay=None, near=known.delay)
    if known.focal:
        start = _described(camera, info).usable
    else:
        start = replace(assumed_camera(info.width, info.height), **overrides(camera))
    if not wants_auto(camera):
        start, known = with_own_clock(log, start, known)
    with busy("synchronizing"):
        return synchronize(info, log, start, known), known


def warn_of_assumed(found: "Synchronization") -> None:
    """Warn of what the clip does not tell of the camera."""
    for name, what in (("focal", "focal length"), ("readout_time", "readout time")):
        if name in found.kept:
            LOG.warning("the clip does not tell the %s, which is taken as assumed", what)


def warn_of_clock(sync: "ClockSync") -> None:
    """Warn of a clock that is not straight."""
    if sync.corrections:
        LOG.warning("the log's clock %s against the video's, which is followed", clock_text(sync))


def _given(info: "VideoInfo", log: "GyroLog", request: Request) -> Alignment:
    from stabilizer.sync import ClockSync

    request = in_letters(request, info.rotation_deg)
    if wants_auto(request):
        raise StabilizerError(
            "--imu-orientation auto is found by looking at the clip; leave out --no-sync or --delay"
        )
    mode = _described(request, info)
    camera = replace(mode.usable, imu_orientation=_axes_of(log, mode, request))
    if request.readout is None and "readout_time" not in mode.given:
        LOG.warning("no --readout is given: taken as 0, a global shutter; few cameras have one")
    drift = parsed_numbers("drift", request.drift or "0,0,0", 3)
    delay = mode.delay if request.delay is None else request.delay
    sync = ClockSync(delay or 0.0, request.clock_skew or 0.0)
    return Alignment(camera, sync, drift)


def _axes_of(log: "GyroLog", mode: "CameraMode", request: Request) -> str:
    """Return the letters that option, camera file or log tell, in this order."""
    told = request.imu_orientation is not None or mode.tells_axes
    letters = log.hints.get("imu_orientation")
    if told or letters is None:
        return mode.usable.imu_orientation
    LOG.warning("no --imu-orientation is given: the log says %s", letters)
    return letters


def _saved(path: Path, info: "VideoInfo", request: Request) -> Alignment:
    from stabilizer.sync_file import load_sync
    from stabilizer.synchronization import accept

    decided = {f"--{name.replace('_', '-')}" for name in _decided_by_a_file()}
    unneeded = [option for option in request.given if option in decided]
    if unneeded:
        raise StabilizerError(
            f"{path}: a sync file decides camera and clocks; leave out {', '.join(unneeded)}"
        )
    saved = load_sync(path)
    if not saved.camera.fits(info.width, info.height):
        raise StabilizerError(
            f"{path}: is of a clip of {saved.camera.width}x{saved.camera.height}, {info.path} has "
            f"{info.width}x{info.height}; synchronize that one"
        )
    remedy = ", says the file"
    accept(saved.verdict, f"{path}: {info.path}", strict=request.strict, remedy=remedy)
    told = f"synchronized: {delay_text(saved)}"
    drift = saved.drift.tolist()
    return Alignment(saved.camera, saved.sync, drift, told, str(saved.verdict.confidence))


def _decided_by_a_file() -> set[str]:
    from dataclasses import fields

    return {f.name for group in (CameraOptions, SyncOptions) for f in fields(group)} | {"no_sync"}


def _described(options: CameraOptions, info: "VideoInfo") -> "CameraMode":
    return described_mode(
        options,
        (info.width, info.height),
        pixel_aspect=float(info.sample_aspect_ratio),
        frame_rate=float(info.average_rate),
    )


def _check_clock(clocks: SyncOptions) -> None:
    """Raise ValueError for numbers that no clock has."""
    from stabilizer.sync import ClockSync

    ClockSync(clocks.delay or 0.0, clocks.clock_skew or 0.0)


def _known(camera: CameraOptions, clocks: SyncOptions) -> "Known":
    """Return what the options tell; ValueError for numbers that cannot be."""
    from gyro_data.checks import number
    from stabilizer.synchronization import Known, known_of

    _check_clock(clocks)
    drift = None
    if clocks.drift is not None:
        x, y, z = (number("drift", v) for v in parsed_numbers("drift", clocks.drift, 3))
        drift = (x, y, z)
    told = camera.imu_orientation is not None
    in_file = known_of(camera.camera) if camera.camera is not None else Known()
    return Known(
        delay=clocks.delay,
        clock_skew=clocks.clock_skew,
        drift=drift,
        focal=any(given is not None for given in (camera.camera, camera.focal, camera.hfov)),
        readout=camera.readout is not None or in_file.readout,
        axes=not wants_auto(camera) and (told or in_file.axes),
    )
