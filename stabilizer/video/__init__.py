"""Video in and out: native planes with exact presentation times."""

from typing import TYPE_CHECKING

from gyro_data.lazy import lazy

if TYPE_CHECKING:
    from stabilizer.video.base import PIXEL_FORMATS, Frame, PixelFormat, VideoInfo
    from stabilizer.video.encoding import Encoding
    from stabilizer.video.image_sequence import ImageSequence
    from stabilizer.video.pyav import (
        VideoReader,
        VideoWriter,
        check_encoder,
        check_output,
        probe,
        to_rgb,
        write_aac,
    )

__all__ = [
    "PIXEL_FORMATS",
    "Encoding",
    "Frame",
    "ImageSequence",
    "PixelFormat",
    "VideoInfo",
    "VideoReader",
    "VideoWriter",
    "check_encoder",
    "check_output",
    "probe",
    "to_rgb",
    "write_aac",
]

__getattr__ = lazy(
    __name__,
    {
        "PIXEL_FORMATS": "base",
        "Encoding": "encoding",
        "Frame": "base",
        "ImageSequence": "image_sequence",
        "PixelFormat": "base",
        "VideoInfo": "base",
        "VideoReader": "pyav",
        "VideoWriter": "pyav",
        "check_encoder": "pyav",
        "check_output": "pyav",
        "probe": "pyav",
        "to_rgb": "pyav",
        "write_aac": "pyav",
    },
)
