"""Video in and out: native planes with exact presentation times."""

from stabilizer.video.base import PIXEL_FORMATS, Frame, PixelFormat, VideoInfo
from stabilizer.video.pyav import VideoReader, VideoWriter, check_output, probe, to_rgb, write_aac

__all__ = [
    "PIXEL_FORMATS",
    "Frame",
    "PixelFormat",
    "VideoInfo",
    "VideoReader",
    "VideoWriter",
    "check_output",
    "probe",
    "to_rgb",
    "write_aac",
]
