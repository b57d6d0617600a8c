"""Pixel formats: which native one frames are read as, and in which one an encoder takes them."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from av.video.format import VideoFormat

from stabilizer.video.base import PIXEL_FORMATS

_WIDTH = 16  # px, in which subsampling is counted


class Traits(NamedTuple):
    """What a pixel format can hold, however its samples are arranged."""

    rgb: bool
    grey: bool
    bits: int
    """Of a sample."""
    subsampling_xy: tuple[int, int]
    """Luma samples per chroma sample."""
    alpha: bool


@lru_cache
def traits(name: str) -> Traits:
    """Return what the format of that name in FFmpeg can hold."""
    described = VideoFormat(name)
    channels: Any = [c for c in described.components if not c.is_alpha]
    rgb = described.is_rgb or described.has_palette or name.startswith("xyz")
    grey = len(channels) == 1 and not rgb
    width, height = described.chroma_width(_WIDTH), described.chroma_height(_WIDTH)
    subsampling = (_WIDTH // width, _WIDTH // height)
    if grey:  # less colour than any
        subsampling = (_WIDTH, _WIDTH)
    bits = 12 if name.startswith("bayer") else max(c.bits for c in channels)
    alpha = len(channels) < len(described.components)
    return Traits(rgb, grey, bits, subsampling, alpha)


def graph_source(width: int, height: int, name: str, *, matrix: int, colour_range: int) -> str:
    """Return what a filter graph is told of the pictures that it takes; their times do not count.

    Matrix and range are code points as in `VideoInfo.colour`.
    """
    return (
        f"video_size={width}x{height}:pix_fmt={name}:time_base=1/90000"
        f":colorspace={matrix}:range={colour_range}"
    )


def native_format(name: str) -> str:
    """Return the format of `PIXEL_FORMATS` as which frames of format `name` are read.

    It holds the same samples where there is one that does, else at least as many of as many bits;
    but for alpha, which has nothing to be laid over.
    """
    return name if name in PIXEL_FORMATS else nearest(name, PLANAR)


def nearest(name: str, formats: Iterable[str]) -> str:
    """Return the one of `formats` that loses least of what format `name` holds, and adds least."""
    formats = list(formats)
    if name in formats:
        return name
    own = traits(name)
    return min(formats, key=lambda other: _losses(own, traits(other)))


def is_exact(name: str, other: str) -> bool:
    """Tell if format `other` holds the very samples of format `name`, alpha aside."""
    return traits(name)._replace(alpha=False) == traits(other)._replace(alpha=False)


def _losses(own: Traits, other: Traits) -> tuple[float, ...]:
    """Return what an `other` format loses and adds, the gravest first."""
    finer = np.log2(other.subsampling_xy) - np.log2(own.subsampling_xy)
    return (
        other.grey and not own.grey,
        own.rgb != other.rgb,
        max(own.bits - other.bits, 0),
        np.maximum(finer, 0).sum(),
        other.alpha,
        own.grey != other.grey,
        other.bits - own.bits,
        np.maximum(-finer, 0).sum(),
    )


PLANAR = tuple(
    name
    for name, layout in PIXEL_FORMATS.items()
    if 2 not in layout.channels and not name.startswith("yuvj")
)
"""Native formats with one channel to a plane, whose range is told by a tag alone."""
