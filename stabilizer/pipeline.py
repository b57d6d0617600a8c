"""The whole method in order: read → sync → integrate → path → smooth → warp → filter → encode.

This file composes; the mathematics is in the modules that it calls.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

import gyro_data
from gyro_data import GyroLog, MapAxes, SubtractDrift
from gyro_data.checks import Bools, Floats, increasing, number, read_only
from gyro_data.gravity import up_direction
from stabilizer.border import BorderCheck
from stabilizer.camera import Camera, load_camera
from stabilizer.crop import ZoomRange
from stabilizer.damage import lost_frames, refusal, refuse_known_damage
from stabilizer.errors import StabilizerError
from stabilizer.filters import ImageFilter, filtered_into
from stabilizer.frame_loop import overlapped, thread_count
from stabilizer.log_file import find_log
from stabilizer.optimal import Optimal
from stabilizer.output_lens import output_camera
from stabilizer.path import camera_path
from stabilizer.plan import Plan
from stabilizer.remap import chosen_backend, warming_up, warp_frame
from stabilizer.smoothing import Smoother
from stabilizer.sync import ClockSync
from stabilizer.video import (
    Encoding,
    VideoReader,
    VideoWriter,
    check_encoder,
    check_output,
    probe,
    to_rgb,
)
from stabilizer.video.base import Frame, VideoInfo
from stabilizer.warp import KERNEL_REACH, check_interpolation

if TYPE_CHECKING:
    from stabilizer.synchronization import Synchronization

LOG = logging.getLogger(__name__)

_SAME_TIME = 1e-6  # s

AnyPath = str | PathLike[str]
Progress = Callable[[int, int], None]
"""Called with the number of frames done and the number of all frames."""


@dataclass(frozen=True)
class Rendered:
    """What became of a video."""

    frames: int
    """So many were written."""
    lost: str
    """What damage of the input took, in words; "" if nothing."""
    left_out: tuple[str, ...]
    """What the output cannot hold, in words."""
    changed: tuple[str, ...]
    """What it holds otherwise, in words."""


class Choices(TypedDict, total=False):
    """What `plan_video` and `stabilize` hand on to `make_plan`."""

    drift: ArrayLike
    smoother: Smoother
    zoom: float | str
    max_zoom: float
    strict: bool
    lens_correction: float
    interpolation: str


def make_plan(
    log: GyroLog,
    frame_times: ArrayLike,
    camera: Camera,
    *,
    sync: ClockSync = ClockSync(),  # noqa: B008 (frozen)
    drift: ArrayLike = (0.0, 0.0, 0.0),
    smoother: Smoother = Optimal(),  # noqa: B008 (frozen)
    zoom: float | str = "dynamic",
    max_zoom: float = 1.5,
    strict: bool = False,
    lens_correction: float = 0.0,
    interpolation: str = "cubic",
) -> Plan:
    """Decide how every frame is warped. Pure: nothing is read or written.

    Args:
        log: the gyro's samples.
        frame_times: (F,) s, presentation times, increasing.
        camera: the source; the output keeps its size.
        sync: the log's clock against the video's.
        drift: (3,) rad/s, the gyro's constant bias in the log's axes.
        smoother: chooses path and zoom, see `stabilizer.smoothing.SMOOTHERS`.
        zoom: "dynamic", "fixed" (one for the clip) or a factor on the focal length.
        max_zoom: limit of the first two; where it binds, the path follows the measured one.
        strict: refuse what is otherwise a warning: a limit that rolling shutter alone exceeds.
        lens_correction: how much of the lens's distortion the output loses, from 0 (it looks as
            filmed) to 1 (straight lines are straight), see `output_camera`.
        interpolation: the kernel that will sample the source, "linear", "cubic" or "lanczos".

    Raises ValueError for wrong arguments, StabilizerError if the log covers no frame or a border
    cannot be kept out, GyroDataError if a horizon is asked of a log without accelerometer.
    """
    zoom_range = ZoomRange.of(zoom, max_zoom=max_zoom, strict=strict)
    times = increasing("frame_times", read_only("frame_times", frame_times, ("F",)))
    if not len(times):
        raise ValueError("frame_times: expected at least one frame, got none")
    check_interpolation(interpolation)
    body_log = MapAxes(camera.imu_orientation)(
        SubtractDrift(np.asarray(drift, dtype=np.float64))(log)
    )
    orientation = gyro_data.integrate(body_log)
    up = up_direction(body_log, orientation) if smoother.horizon else None
    measured = camera_path(orientation, sync, camera, up=up)
    _report_coverage(measured.covered(times), times, log, sync)
    inset = KERNEL_REACH[interpolation]
    output = output_camera(camera, lens_correction, inset=inset)
    border = BorderCheck(measured, camera, output, inset)
    path = smoother.plan(times, border, zoom_range)
    return Plan(measured, path.virtual, path.zoom, camera, output, path.margin, interpolation)


def plan_video(
    video: AnyPath | VideoInfo,
    log: AnyPath | GyroLog | None = None,
    *,
    camera: Camera | AnyPath | None = None,
    sync: ClockSync | None = None,
    start: float | None = None,
    end: float | None = None,
    **choices: Unpack[Choices],
) -> Plan:
    """Decide how the frames of a video file are warped by its gyro log.

    Args:
        video, log: files, or what was read of them already (`probe`, `gyro_data.read`). Without a
            log that inside the video is taken, or that beside it, see `stabilizer.log_file`.
        camera: a `Camera` or a camera file; scaled to the video if only the size differs.
        sync: the log's clock against the video's. None: found by looking at the clip, with the
            drift and with what is not told of the camera.
        start, end: s, presentation times; frames with start <= t < end are planned.
        choices: the other options of `make_plan`, and what it raises.

    Raises SyncRefused if the log is not found to be that of the clip.
    """
    info = video if isinstance(video, VideoInfo) else probe(video)
    if log is None:
        log = find_log(info.path)
    samples = log if isinstance(log, GyroLog) else gyro_data.read(log)
    times = _frame_times_between(info, start, end)
    if sync is None:
        found = _synchronized(info, samples, camera, choices)
        camera, sync = found.camera, found.sync
        choices["drift"] = found.drift
    elif camera is None:
        raise ValueError("camera: expected one where the sync is given, got None")
    return make_plan(samples, times, _camera_for(info, camera), sync=sync, **choices)


def render(
    video: AnyPath | VideoInfo,
    plan: Plan,
    output: AnyPath,
    *,
    filters: Sequence[ImageFilter] = (),
    encoding: Encoding = Encoding(),  # noqa: B008 (frozen)
    backend: str = "auto",
    threads: int | None = None,
    overwrite: bool = False,
    strict: bool = False,
    progress: Progress | None = None,
) -> Rendered:
    """Write the frames that a plan is for, stabilized, to `output`, with all other tracks.

    Args:
        filters: applied to each warped frame, see `stabilizer.filters`.
        encoding: codec, quality and speed.
        backend: what warps, see `stabilizer.remap.chosen_backend`.
        threads: so many frames are decoded, and as many warped and filtered at a time, while others
            are encoded; None: one for two processors.
        strict: refuse a damaged video, instead of saving what can be decoded; before any work
            where the damage is known by then, see `check_undamaged`.

    Returns what was written and what was not. Raises ValueError or StabilizerError, `output`
    untouched.
    """
    threads, backend = thread_count(threads), chosen_backend(backend)
    info = video if isinstance(video, VideoInfo) else probe(video)
    start, end = _range_of(plan, info)
    if strict:
        check_undamaged(info, plan)
    LOG.info(
        "%s: %s interpolation by %s; frames warped at a time: %d",
        *(info.path, plan.interpolation, backend, threads),
    )
    writer = VideoWriter(
        output,
        info,
        encoding=encoding,
        tracks_from=info.path,
        start=start,
        end=end,
        overwrite=overwrite,
        strict=strict,
    )

    def rendered(frame: Frame) -> Frame:
        return _rendered(frame, plan, info, writer.new_frame(frame.pts), filters, backend)

    with (
        VideoReader(info, start=start, end=end, threads=threads) as reader,
        writer,
        closing(overlapped(reader, rendered, threads=threads)) as steady,
    ):
        came = []
        for frame in steady:
            writer.write(frame)
            came.append(frame.pts)
            if progress is not None:
                progress(len(came), len(plan.frame_times))
        lost = lost_frames(info, start, end, came=np.array(came), damaged=reader.n_damaged)
        if lost and strict:
            raise refusal(info, lost)
    if writer.tracks_damaged:
        lost = ", ".join(filter(None, [lost, "its other tracks are damaged"]))
    if lost:
        LOG.warning("%s: %s; is it complete?", info.path, lost)
    return Rendered(len(came), lost, tuple(writer.left_out), tuple(writer.changed))


def check_undamaged(info: VideoInfo, plan: Plan) -> None:
    """Raise StabilizerError if a part of the video that the plan is for is known to be damaged.

    What cannot be decoded is not known before it is tried.
    """
    refuse_known_damage(info, *_range_of(plan, info))


def stabilize(
    video: AnyPath | VideoInfo,
    log: AnyPath | GyroLog | None,
    output: AnyPath,
    *,
    camera: Camera | AnyPath | None = None,
    sync: ClockSync | None = None,
    start: float | None = None,
    end: float | None = None,
    filters: Sequence[ImageFilter] = (),
    encoding: Encoding = Encoding(),  # noqa: B008 (frozen)
    backend: str = "auto",
    threads: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    **choices: Unpack[Choices],
) -> Plan:
    """Stabilize a video file by a gyro log and write it to `output`, audio included.

    `plan_video`, which takes `choices`, then `render`, which takes the others: see there. Returns
    the plan. Raises ValueError, StabilizerError or GyroDataError, `output` untouched.
    """
    info = video if isinstance(video, VideoInfo) else probe(video)
    inputs = [info.path] if isinstance(log, GyroLog) or log is None else [info.path, log]
    check_output(output, inputs=inputs, overwrite=overwrite)
    threads, backend = thread_count(threads), chosen_backend(backend)
    check_encoder(encoding, info, Path(output).suffix)
    interpolation = choices.setdefault("interpolation", "cubic")
    check_interpolation(interpolation)
    with warming_up(info.pixel_format, interpolation, backend):
        plan = plan_video(info, log, camera=camera, sync=sync, start=start, end=end, **choices)
    render(
        info,
        plan,
        output,
        filters=filters,
        encoding=encoding,
        backend=backend,
        threads=threads,
        overwrite=overwrite,
        strict=choices.get("strict", False),
        progress=progress,
    )
    return plan


def frames(
    video: AnyPath | VideoInfo,
    plan: Plan,
    *,
    filters: Sequence[ImageFilter] = (),
    backend: str = "auto",
    threads: int | None = None,
) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Yield the stabilized frames of the plan as (t in s, RGB image (H, W, 3)), one at a time.

    `filters`, `backend` and `threads` as for `render`: the next frames are made meanwhile.
    """
    threads, backend = thread_count(threads), chosen_backend(backend)
    info = video if isinstance(video, VideoInfo) else probe(video)
    start, end = _range_of(plan, info)

    def pictured(frame: Frame) -> tuple[float, NDArray[np.uint8]]:
        out = replace(frame, planes=[np.empty_like(plane) for plane in frame.planes])
        warped = _rendered(frame, plan, info, out, filters, backend)
        return frame.t, to_rgb(warped, info.colour)

    with VideoReader(info, start=start, end=end, threads=threads) as reader:
        yield from overlapped(reader, pictured, threads=threads)


def _synchronized(
    info: VideoInfo, log: GyroLog, camera: Camera | AnyPath | None, choices: Choices
) -> "Synchronization":
    """Return what the clip tells of what was not told; raise SyncRefused where it does not."""
    from stabilizer.own_clock import with_own_clock
    from stabilizer.synchronization import (  # takes long to import, and is not always needed
        Known,
        accept,
        assumed_camera,
        known_of,
        synchronize,
    )

    if camera is None:
        known, start = Known(), assumed_camera(info.width, info.height)
    elif isinstance(camera, Camera):
        known, start = Known(focal=True, readout=True, axes=True), _camera_for(info, camera)
    else:
        known, start = known_of(camera), _camera_for(info, camera)
    if "drift" in choices:
        x, y, z = read_only("drift", choices["drift"], (3,)).tolist()
        known = replace(known, drift=(x, y, z))
    start, known = with_own_clock(log, start, known)
    found = synchronize(info, log, start, known)
    accept(found.verdict, str(info.path), strict=choices.get("strict", False))
    return found


def _camera_for(info: VideoInfo, camera: Camera | AnyPath) -> Camera:
    """Return the camera, read from its file and scaled to the video's size if need be."""
    if not isinstance(camera, Camera):
        rate = float(info.average_rate)
        return load_camera(camera, width=info.width, height=info.height, frame_rate=rate)
    return camera.scaled_to(info.width, info.height)


def _frame_times_between(info: VideoInfo, start: float | None, end: float | None) -> Floats:
    """Return the presentation times (s) of the frames with start <= t < end."""
    t = info.frame_times
    low = -np.inf if start is None else number("start", start)
    high = np.inf if end is None else number("end", end)
    if low >= high:
        raise ValueError(f"end: expected more than start ({low:g} s), got {high:g}")
    kept = t[(t >= low) & (t < high)]
    if not len(kept):
        raise StabilizerError(
            f"{info.path}: no frame between start and end; its frames are at {t[0]:.3f} s to "
            f"{t[-1]:.3f} s"
        )
    return kept


def _range_of(plan: Plan, info: VideoInfo) -> tuple[float | None, float | None]:
    """Return start and end (s) of the plan's frames, None where they are the video's own."""
    t, planned = info.frame_times, plan.frame_times
    first = int(np.searchsorted(t, planned[0] - _SAME_TIME))
    after = first + len(planned)
    size = (plan.camera.width, plan.camera.height)
    if (
        size != (info.width, info.height)
        or after > len(t)
        or np.abs(t[first:after] - planned).max() > _SAME_TIME
    ):
        raise StabilizerError(
            f"{info.path}: the plan is for another video: {len(planned)} frames of "
            f"{size[0]}x{size[1]} at {planned[0]:.3f} s to {planned[-1]:.3f} s"
        )
    return (
        None if first == 0 else float(t[first]),
        None if after == len(t) else float(t[after]),
    )


def _rendered(
    frame: Frame,
    plan: Plan,
    info: VideoInfo,
    out: Frame,
    filters: Sequence[ImageFilter],
    backend: str,
) -> Frame:
    warped = warp_frame(
        frame,
        plan.warp_grid(frame.t),
        out=out,
        chroma_offset_xy=info.chroma_offset_xy,
        interpolation=plan.interpolation,
        backend=backend,
    )
    return filtered_into(warped, filters)


def _report_coverage(covered: Bools, times: Floats, log: GyroLog, sync: ClockSync) -> None:
    """Warn of frames without motion data, which stay as they are; refuse a clip that has none."""
    if covered.all():
        return
    t_log = sync.log_time(times)
    where = (
        f"the video is at {t_log[0]:.3f} s to {t_log[-1]:.3f} s of the log's clock, the log "
        f"spans {log.t[0]:.3f} s to {log.t[-1]:.3f} s"
    )
    if not covered.any():
        raise StabilizerError(f"the gyro log covers no frame: {where}; check the delay")
    LOG.warning(
        "the gyro log covers %d of %d frames (%s); the others stay as they are",
        covered.sum(),
        len(covered),
        where,
    )
