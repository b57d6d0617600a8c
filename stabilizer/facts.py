"""What a log or a video is, as plain facts for people and for JSON."""

from typing import Any

import numpy as np

from gyro_data import GyroLog
from stabilizer.video import VideoInfo

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
        "rotation_deg": info.rotation_deg,
        "sample_aspect_ratio": str(info.sample_aspect_ratio),
        "colour": dict(info.colour),
        "audio": list(info.audio),
    }


def _by_axis(values: np.ndarray) -> dict[str, float]:
    return {axis: float(v) for axis, v in zip(_AXES, values, strict=True)}
