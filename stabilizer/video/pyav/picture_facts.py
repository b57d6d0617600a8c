"""What a decoded picture says beyond its samples: where chroma sits, how it was mastered."""

import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame

from stabilizer.video.base import PIXEL_FORMATS, Hdr10, PixelFormat
from stabilizer.video.pyav.formats import native_format
from stabilizer.video.pyav.planes import plane_views

_PLACES: Mapping[tuple[float, float], str] = MappingProxyType(
    {
        (0.0, 0.5): "left",
        (0.5, 0.5): "center",
        (0.0, 0.0): "topleft",
        (0.5, 0.0): "top",
        (0.0, 1.0): "bottomleft",
        (0.5, 1.0): "bottom",
    }
)
"""Where chroma sample (0, 0) sits in luma px where both axes are halved, and FFmpeg's names."""

_REACH = 6  # px: farther a converter does not spread a sample
_ENOUGH = 32  # px: of a corner so large, its middle tells where chroma sits


def chroma_offset(picture: VideoFrame) -> tuple[float, float]:
    """Return where chroma sample (0, 0) sits in luma px, as the stream or else its codec says.

    PyAV does not tell, but its converter honours it: one bright sample of chroma is put into a copy
    of the picture's corner, and looked for where chroma is as fine as luma.
    """
    layout = PIXEL_FORMATS[native_format(picture.format.name)]
    if (layout.subsampling_x, layout.subsampling_y) == (1, 1):
        return 0.0, 0.0
    if layout.name != picture.format.name:
        return _usual(layout)
    corner = _corner(picture)
    middle = 2 ** (layout.bits - 1)
    planes = plane_views(corner, writable=True)
    for plane in planes:
        plane[...] = middle
    chroma = planes[1] if planes[1].ndim == len("yx") else planes[1][..., 0]
    y, x = (n // 2 for n in chroma.shape)
    chroma[y, x] = 2 * middle - 1
    fine = plane_views(corner.reformat(format=_finest(layout)), writable=False)[1]
    top, left = (max(n - _REACH, 0) for n in (layout.subsampling_y * y, layout.subsampling_x * x))
    around = fine[top : top + 2 * _REACH + 2, left : left + 2 * _REACH + 2].astype(float) - middle
    brightness = np.maximum(around, 0.0)
    if not brightness.any():
        return _usual(layout)
    rows, columns = np.mgrid[: around.shape[0], : around.shape[1]]
    found_x = left + np.average(columns, weights=brightness) - layout.subsampling_x * x
    found_y = top + np.average(rows, weights=brightness) - layout.subsampling_y * y
    return round(2 * found_x) / 2, round(2 * found_y) / 2


def _corner(picture: VideoFrame) -> VideoFrame:
    """Return a copy of a picture's top left corner with all that the picture says."""
    graph = Graph()
    source = (
        f"video_size={picture.width}x{picture.height}:pix_fmt={picture.format.name}"
        f":time_base=1/90000:colorspace={int(picture.colorspace)}:range={int(picture.color_range)}"
    )
    width, height = (min(n - n % 2, _ENOUGH) or n for n in (picture.width, picture.height))
    steps = [
        graph.add("buffer", source),
        graph.add("crop", f"{width}:{height}:0:0:exact=1"),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*steps).configure()
    graph.vpush(picture)
    corner = graph.vpull()
    corner.make_writable()
    return corner


def chroma_place(offset_xy: tuple[float, float]) -> str:
    """Return FFmpeg's name of an offset of chroma in a 4:2:0 picture."""
    return _PLACES.get(offset_xy, "left")


def _finest(layout: PixelFormat) -> str:
    return "yuv444p" if layout.bits == 8 else f"yuv444p{layout.bits}le"


def _usual(layout: PixelFormat) -> tuple[float, float]:
    """Return MPEG's way: on a column of luma, between two rows."""
    return 0.0, (layout.subsampling_y - 1) / 2


def hdr10(picture: VideoFrame) -> Hdr10 | None:
    """Return the static HDR metadata of a picture, None if there is none."""
    side_data: Any = {}
    for entry in _side_data(picture):
        side_data[entry.type] = bytes(entry)
    mastering = side_data.get(Type.MASTERING_DISPLAY_METADATA)
    light = side_data.get(Type.CONTENT_LIGHT_LEVEL)
    if mastering is None and light is None:
        return None
    primaries: tuple[tuple[float, float], ...] = ()
    luminance: tuple[float, float] | None = None
    if mastering is not None:
        numbers = struct.unpack_from("=22i", mastering)
        ratios = [a / b if b else 0.0 for a, b in zip(numbers[:20:2], numbers[1:20:2], strict=True)]
        has_primaries, has_luminance = numbers[20:22]
        if has_primaries:
            primaries = tuple(zip(ratios[0:8:2], ratios[1:8:2], strict=True))
        luminance = (ratios[8], ratios[9]) if has_luminance else None
    levels = struct.unpack_from("=2I", light) if light is not None else None
    return Hdr10(primaries, luminance, levels)


def _side_data(picture: VideoFrame) -> list[Any]:
    try:
        return list(picture.side_data)  # fails on kinds that are new to PyAV
    except ValueError:
        return []
