"""What a log, a camera or a video is, as plain facts for people and for JSON."""

from typing import Any

import numpy as np

from gyro_data import GyroLog
from stabilizer.camera import Camera, CameraFile, CameraMode
from stabilizer.damage import known_damage
from stabilizer.video import VideoInfo
from stabilizer.video.colour_names import colour_names

_AXES = "xyz"


def log_facts(log: GyroLog) -> dict[str, Any]:
    """Return times (s), rates, gaps, rms and mean by axis and what the reader concluded."""
    interval = np.diff(log.t)
    return {
        "kind": "gyro log",
        "samples": len(log.t),
        "first_s": float(log.t[0]),
        "last_s": float(log.t[-1]),
        "duration_s": log.duration,
        "sample_rate_hz": log.sample_rate,
        "longest_interval_s": float(interval.max()),
        "gaps_s": [[float(a), float(b)] for a, b in log.gaps],
        "rms_rad_s": _by_axis(np.sqrt(np.mean(log.gyro**2, axis=0))),
        "mean_rad_s": _by_axis(log.gyro.mean(axis=0)),
        "peak_rad_s": _by_axis(np.abs(log.gyro).max(axis=0)),
        "accelerometer": log.accel is not None,
        "hints": dict(log.hints),
    }


def video_facts(info: VideoInfo) -> dict[str, Any]:
    """Return size, format, times (s), colour and audio."""
    t = info.frame_times
    interval = np.diff(t) if len(t) > 1 else np.zeros(1)
    return {
        "kind": "video",
        "width": info.width,
        "height": info.height,
        "codec": info.codec,
        "pixel_format": info.pixel_format,
        "frames": len(t),
        "first_s": float(t[0]),
        "last_s": float(t[-1]),
        "frame_rate_hz": float(info.average_rate),
        "shortest_interval_s": float(interval.min()),
        "longest_interval_s": float(interval.max()),
        "missing_frames": info.missing,
        "repeated_frames": info.repeated,
        "untimed_frames": len(info.untimed),
        "damage": known_damage(info, None, None),
        "rotation_deg": info.rotation_deg,
        "mirrored": info.mirrored,
        "sample_aspect_ratio": str(info.sample_aspect_ratio),
        "colour": colour_names(info.colour),
        "audio": list(info.audio),
        "chapters": [[c.start, c.end, c.tags.get("title", "")] for c in info.chapters],
        "timecode": info.stream_metadata.get("timecode"),
        "hdr10": info.hdr10 is not None,
    }


def camera_facts(file: CameraFile) -> dict[str, Any]:
    """Return what a camera file was recognised as, its first mode that can be used, and all."""
    facts: dict[str, Any] = {
        "kind": "camera",
        "format": file.format,
        "title": file.title,
        **(file.facts or {}),
    }
    usable = next((mode for mode in file.modes if mode.camera is not None), None)
    if usable is not None:
        facts |= {"shown": usable.label, **_mode_facts(usable, usable.usable)}
    facts["modes"] = {mode.label: _told(mode) for mode in file.modes}
    refusals = dict.fromkeys(mode.refusal for mode in file.modes if mode.refusal)
    return facts | ({"not_usable": list(refusals)} if refusals else {})


def _mode_facts(mode: CameraMode, camera: Camera) -> dict[str, Any]:
    """Return size, intrinsics (px), views (degrees) and what is told of readout and mounting."""
    right, bottom = camera.width - 0.5, camera.height - 0.5
    left_to_right = (-0.5, camera.cy), (right, camera.cy)
    rates = {} if mode.frame_rate is None else {"frame_rate_hz": mode.frame_rate}
    delay = {} if mode.delay is None else {"delay_s": mode.delay}
    untold = "not told: found from clip and log"
    readout = {
        "readout_time_s": camera.readout_time,
        "readout_direction": str(camera.readout_direction),
    }
    mounting = {
        "imu_orientation": camera.imu_orientation,
        "R_body_cam": camera.R_body_cam.tolist(),
    }
    return {
        "width": camera.width,
        "height": camera.height,
        **rates,
        "fx_px": camera.fx,
        "fy_px": camera.fy,
        "cx_px": camera.cx,
        "cy_px": camera.cy,
        "lens": camera.lens.name,
        "coeffs": list(camera.lens.coeffs),
        "horizontal_view_deg": _angle(camera, *left_to_right),
        "vertical_view_deg": _angle(camera, (camera.cx, -0.5), (camera.cx, bottom)),
        "diagonal_view_deg": _angle(camera, (-0.5, -0.5), (right, bottom)),
        **(readout if "readout_time" in mode.given else {"readout": untold}),
        **(mounting if mode.tells_axes else {"axes": untold}),
        **delay,
    }


def _angle(camera: Camera, a: tuple[float, float], b: tuple[float, float]) -> float | str:
    """Return the angle between two pixels, through the axis, in degrees."""
    rays = camera.unproject(np.array([a, b]))
    if not np.isfinite(rays).all():
        return "the lens ends inside the picture"
    off_axis = np.arctan2(np.linalg.norm(rays[:, :2], axis=1), rays[:, 2])
    return float(np.rad2deg(off_axis.sum()))


def _told(mode: CameraMode) -> str:
    focal = "not usable" if mode.camera is None else f"focal {mode.camera.fx:.1f} px"
    return f"{mode.size_and_rate}, {focal}" if mode.name else focal


def _by_axis(values: np.ndarray) -> dict[str, float]:
    return {axis: float(v) for axis, v in zip(_AXES, values, strict=True)}
