"""An encoder for the pictures of a video: opened to encode, or beforehand to see that it opens."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import av
from av.codec import Codec
from av.codec.codec import UnknownCodecError
from av.codec.context import ThreadType
from av.video.codeccontext import VideoCodecContext

from stabilizer.errors import StabilizerError
from stabilizer.video.base import VideoInfo
from stabilizer.video.encoding import HARDWARE, Encoding
from stabilizer.video.pyav.reading import COLOUR

_SAME_SAMPLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "yuv420p": ("nv12",),
        "yuvj420p": ("yuv420p", "nv12"),
        "nv12": ("yuv420p",),
        "yuvj422p": ("yuv422p",),
        "yuvj444p": ("yuv444p",),
        "yuv420p10le": ("p010le",),
    }
)
"""Formats that hold the same samples, which an encoder may take instead."""


def check_encoder(encoding: Encoding, info: VideoInfo) -> None:
    """Raise StabilizerError if the encoder is not there, or cannot take the pictures of a video."""
    context = av.CodecContext.create(found_encoder(encoding.codec), "w")
    assert isinstance(context, VideoCodecContext)
    context.time_base, context.framerate = info.time_base, info.average_rate
    context.width, context.height = info.width, info.height
    context.options = encoding.options
    open_encoder(context, encoding, info)


def found_encoder(name: str) -> Codec:
    """Return the encoder of that name."""
    try:
        return Codec(name, "w")
    except UnknownCodecError as error:
        raise StabilizerError(
            f"{name}: this build of FFmpeg (PyAV {av.__version__}) has no such encoder; choose "
            "another codec, such as libx264"
        ) from error


def open_encoder(context: VideoCodecContext, encoding: Encoding, info: VideoInfo) -> None:
    """Open an encoder that has its size, times and options."""
    context.pix_fmt = _accepted_format(context.codec, info)
    context.sample_aspect_ratio = info.sample_aspect_ratio
    context.thread_type = ThreadType.AUTO  # PyAV's default would slice x264's pictures
    for name, tag in info.colour.items():
        setattr(context, COLOUR[name], tag)
    try:
        context.open()
    except av.FFmpegError as error:
        what = f"{info.width}x{info.height} {info.pixel_format}"
        remedy = "subsampled chroma wants even sizes"
        if encoding.codec in HARDWARE:
            remedy = "is there such hardware, and its driver? libx264 needs none"
        raise StabilizerError(
            f"{encoding.codec} cannot encode {what} ({remedy}): {error.strerror}"
        ) from error


def _accepted_format(codec: Codec, info: VideoInfo) -> str:
    """Return the video's pixel format, or one with the same samples, that the encoder takes."""
    taken: list[Any] = [f.name for f in codec.video_formats or ()]
    for name in (info.pixel_format, *_SAME_SAMPLES.get(info.pixel_format, ())):
        if not taken or name in taken:
            return name
    raise StabilizerError(
        f"{codec.name} cannot encode {info.pixel_format}, it takes {', '.join(taken[:8])}; choose "
        "another codec, such as libx264"
    )
