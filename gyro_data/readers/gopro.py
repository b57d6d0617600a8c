"""GoPro's telemetry from the video's own track: GYRO and ACCL of HERO5 and later, video clock.

Payloads of about a second have presentation times, and mostly a stamp of the camera's clock; their
samples have none. The sensor is even, so the samples lie on the line through counts and stamps,
which begins when the track does.
"""

import logging
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from gyro_data.checks import Floats
from gyro_data.errors import GyroDataError
from gyro_data.log import GyroLog
from gyro_data.readers.gpmf import BadPayload, Sensor, first_value, sensor
from gyro_data.readers.layout import is_text
from gyro_data.readers.options import ReadOptions
from gyro_data.readers.repair import build_log, with_accel

LOG = logging.getLogger(__name__)

NAME = "gopro"
EXTENSIONS: tuple[str, ...] = (".mp4", ".mov", ".360")
ORIENTATION = "xzy"
"""Log axes that feed camera x, y, z: X is to the left, Y to the back, Z up."""

_HOLE = 0.25  # s: payloads come that late only where some are missing
_UNEVEN = 0.03  # s: payloads come earlier and later by less where the sensor's clock is even
_SMOOTHED = 31  # payloads
_SAME_CLOCK = 0.02  # of the time passed: the camera's stamps go with the track's times
_GENERATIONS = {f"HD{n}": f"HERO{n}" for n in range(5, 10)} | {"H19": "HERO9", "H20": "HERO10"}


@dataclass(frozen=True)
class Track:
    """The telemetry track of a video."""

    index: int
    payloads: tuple[bytes, ...]
    t: Floats
    """(P,) s, when each payload begins, on the video's clock."""
    model: str


def detect(path: Path, head: bytes) -> bool:
    """Take an MP4 with a track of GPMF."""
    return is_mp4(head) and not is_text(head) and _track(path, first_only=True) is not None


def is_mp4(head: bytes) -> bool:
    """Tell an MP4 or MOV by its first box."""
    return head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free")


def read(path: Path, options: ReadOptions) -> GyroLog:
    """Read gyro and accelerometer of the telemetry track.

    Raises GyroDataError where the track is broken or has no gyro.
    """
    track = _track(path)
    if track is None:
        raise GyroDataError(f"{path}: no GPMF track")
    gyro = _readings(path, track, "GYRO")
    if gyro is None:
        raise GyroDataError(f"{path}: its telemetry has no gyro; was it a time lapse?")
    t, rates, told = gyro
    hints = {
        "reader": NAME,
        "source": f"GPMF in track {track.index}, {len(track.payloads)} payloads",
        "model": track.model or "unknown",
        "axes": told,
        "imu_orientation": ORIENTATION,
        "clock": "video",
        "time_unit": "s",
        "time_unit_from": "the track's sample times",
        "rate_unit": "rad/s",
        "rate_unit_from": "the format",
    }
    _warn_of_steadying(path, track)
    log = build_log(path, t, rates, hints)
    accel = _readings(path, track, "ACCL")
    if accel is None:
        return log
    return with_accel(log, *accel[:2], {"accel_unit": "m/s^2"}) or log


def sample_times(starts: Floats, first: Floats, counts: Floats) -> Floats:
    """Return the times (N,) s of all samples of payloads that begin at `starts (P,)` s.

    `first (P,)` are the numbers of the payloads' first samples, `counts (P,)` how many there are.
    """
    if len(starts) < 2:
        raise BadPayload("one payload alone does not tell its samples' times")
    step = float(np.median(np.diff(starts) / np.maximum(np.diff(first), 1.0)))
    late = np.diff(starts) - step * np.diff(first)
    ends = [0, *(np.flatnonzero(np.abs(late) > _HOLE) + 1).tolist(), len(starts)]
    times = []
    for a, b in pairwise(ends):
        begin = _even(starts[a:b], first[a:b], step)
        for start, count in zip(begin[0], counts[a:b], strict=True):
            times.append(start + begin[1] * np.arange(int(count)))
    return np.concatenate(times)


def _even(starts: Floats, first: Floats, step: float) -> tuple[Floats, float]:
    """Return when payloads without a hole between them began, by their counts, and the interval."""
    if len(starts) < 2:
        return starts, step
    slope, offset = np.polyfit(first - first[0], starts, 1)
    line = offset + slope * (first - first[0])
    off = starts - line
    if np.abs(off).max() > _UNEVEN and len(starts) > _SMOOTHED:
        from scipy.signal import savgol_filter  # takes long to import

        line = line + savgol_filter(off, _SMOOTHED, 1)
    return line, float(slope)


def _readings(path: Path, track: Track, key: str) -> tuple[Floats, Floats, str] | None:
    """Return times (N,), values (N, 3) of a sensor and what told its axes; None without it."""
    found: list[tuple[float, Sensor]] = []
    broken = 0
    for start, payload in zip(track.t, track.payloads, strict=True):
        try:
            one = sensor(payload, key, track.model)
        except BadPayload as error:
            LOG.info("%s: payload at %.3f s: %s", path, start, error)
            broken += 1
            continue
        if one is not None and len(one.samples):
            found.append((start, one))
    if broken > 0.2 * len(track.payloads):
        raise GyroDataError(f"{path}: {broken} of {len(track.payloads)} payloads are broken")
    if broken:
        LOG.warning("%s: %d broken payload(s) of %s left out", path, broken, key)
    if not found:
        return None
    counts = np.array([len(one.samples) for _, one in found], dtype=np.float64)
    try:
        t = sample_times(_begins(found), _first_samples(found, counts), counts)
    except BadPayload as error:
        raise GyroDataError(f"{path}: {key}: {error}") from error
    axes = sorted({one.axes for _, one in found})
    return t, np.concatenate([one.samples for _, one in found]), "; ".join(axes)


def _begins(found: list[tuple[float, Sensor]]) -> Floats:
    """Return when the payloads (P,) begin, s: by the camera's clock from the first on, if it is
    sound, for the track has them a whole second apart whatever they hold."""
    starts = np.array([start for start, _ in found])
    stamps = np.array([np.nan if one.stamp is None else one.stamp for _, one in found])
    own = starts[0] + stamps - stamps[0]
    sound = bool((np.diff(own) > 0).all()) and np.abs(own - starts).max() < _SAME_CLOCK * (
        1 + starts[-1] - starts[0]
    )
    return own if sound else starts


def _first_samples(found: list[tuple[float, Sensor]], counts: Floats) -> Floats:
    """Return the number of each payload's first sample, by the camera's count where it is sound."""
    own = np.concatenate([[0.0], np.cumsum(counts)[:-1]])
    totals = [one.total for _, one in found]
    if any(total is None for total in totals):
        return own
    first = np.array(totals, dtype=np.float64) - counts
    first -= first[0]
    sound = bool((np.diff(first) >= counts[:-1]).all()) and first[-1] < 2 * own[-1] + 1
    return first if sound else own


def _warn_of_steadying(path: Path, track: Track) -> None:
    """Warn where the camera says that it stabilized the clip itself."""
    try:
        steadied = first_value(track.payloads[0], "EISE") or first_value(track.payloads[0], "EISA")
    except BadPayload:
        return
    if steadied is not None and steadied.text() not in ("N", "N/A", ""):
        LOG.warning(
            "%s: the camera says that it stabilized this clip itself (%s): its gyro does not tell "
            "what the picture shows",
            path,
            steadied.text(),
        )


def _track(path: Path, *, first_only: bool = False) -> Track | None:
    """Return the video's track of GPMF, or None; with `first_only` no more than its beginning."""
    import av
    from av.stream import Discard

    try:
        with av.open(str(path), "r", metadata_errors="surrogateescape") as container:
            for stream in container.streams:
                stream.discard = Discard.default if stream.type == "data" else Discard.all
            tracks = [s for s in container.streams if s.type == "data"]
            beginnings = _first_packets(container, tracks)
            chosen = [s for s in tracks if beginnings.get(s.index, b"")[:4] == b"DEVC"]
            if not chosen:
                return None
            model = _model(container.metadata, beginnings[chosen[0].index])
            if first_only:
                return Track(chosen[0].index, (), np.empty(0), model)
            return _whole_track(path, container, chosen[0], model)
    except (av.FFmpegError, OSError, ValueError):
        if first_only:
            return None
        raise GyroDataError(
            f"{path}: its telemetry track cannot be read; is it complete?"
        ) from None


def _first_packets(container: Any, tracks: list[Any]) -> dict[int, bytes]:
    """Return the first bytes of each track that has any, by its index."""
    found: dict[int, bytes] = {}
    for packet in container.demux(tracks) if tracks else ():
        if packet.size and packet.stream.index not in found:
            found[packet.stream.index] = bytes(packet)
        if len(found) == len(tracks) or found.get(packet.stream.index, b"")[:4] == b"DEVC":
            break
    return found


def _whole_track(path: Path, container: Any, stream: Any, model: str) -> Track:
    payloads, starts = [], []
    container.seek(0)
    for packet in container.demux(stream):
        if packet.size and packet.pts is not None:
            payloads.append(bytes(packet))
            starts.append(float(packet.pts * packet.time_base))
    order = np.argsort(starts, kind="stable")
    return Track(
        stream.index,
        tuple(payloads[i] for i in order),
        np.array(starts, dtype=np.float64)[order],
        model,
    )


def _model(metadata: Any, payload: bytes) -> str:
    """Return the model by the container's firmware, or by the device's name in the telemetry."""
    firmware = str(metadata.get("firmware", ""))
    try:
        device = first_value(payload, "DVNM")
    except BadPayload:
        device = None
    name = device.text() if device is not None else ""
    generation = next((m for code, m in _GENERATIONS.items() if firmware.startswith(code)), "")
    return name if "HERO" in name.upper() else generation
