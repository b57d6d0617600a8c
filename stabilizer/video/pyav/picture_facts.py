"""What a decoded picture says beyond its samples: where chroma sits, how it was mastered."""

import struct
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from types import MappingProxyType
from typing import Any

import av
import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from stabilizer.video.base import PIXEL_FORMATS, Hdr10, PixelFormat
from stabilizer.video.pyav.formats import graph_source, native_format
from stabilizer.video.pyav.parts import codec_name
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

_CENTRED = ("mpeg1video", "h263", "theora", "mjpeg")
"""Codecs in all of whose pictures chroma sits in the middle of four samples of luma."""
_CHROMA_SITING_HORZ = b"\x55\xb7\x81"  # of one byte, in Matroska
STEREO = "3D layout"

_REACH = 6  # px: farther a converter does not spread a sample
_NEW_KINDS = 16  # of side data that a newer FFmpeg may have
_ENOUGH = 32  # px: of a corner so large, its middle tells where chroma sits


_BESIDE: Mapping[Type, str] = MappingProxyType(
    {
        Type.A53_CC: "closed captions",
        Type.STEREO3D: STEREO,
        Type.SPHERICAL: "spherical projection",
        Type.ICC_PROFILE: "ICC profile",
        Type.DYNAMIC_HDR_PLUS: "HDR10+ metadata",
        Type.DYNAMIC_HDR_VIVID: "HDR Vivid metadata",
        Type.DOVI_RPU_BUFFER: "Dolby Vision metadata",
        Type.DOVI_METADATA: "Dolby Vision metadata",
        Type.AMBIENT_VIEWING_ENVIRONMENT: "ambient viewing environment",
    }
)
"""What pictures may carry that no encoder here is told, in words."""


def chroma_offset(picture: VideoFrame, *, told: bool) -> tuple[float, float]:
    """Return where chroma sample (0, 0) sits in luma px: where told, as the stream or codec says.

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
    found = round(2 * found_x) / 2, round(2 * found_y) / 2
    center = (layout.subsampling_x - 1) / 2, (layout.subsampling_y - 1) / 2
    return found if told or found != center else _usual(layout)  # center is FFmpeg's guess


def siting_is_told(stream: VideoStream) -> bool:
    """Tell if a stream or its codec says where chroma sits, if not at the bottom.

    PyAV does not tell, but writes it into a head of Matroska.
    """
    if codec_name(stream) in _CENTRED:
        return True
    head = BytesIO()
    with suppress(ValueError, av.FFmpegError), av.open(head, "w", "matroska") as trial:
        trial.add_stream_from_template(stream)
        trial.start_encoding()
    return _CHROMA_SITING_HORZ in head.getvalue()


def _corner(picture: VideoFrame) -> VideoFrame:
    """Return a copy of a picture's top left corner with all that the picture says."""
    graph = Graph()
    width, height = (min(n - n % 2, _ENOUGH) or n for n in (picture.width, picture.height))
    steps = [
        graph.add("buffer", _source(picture)),
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
    side_data = _side_data(picture)
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


def beside(picture: VideoFrame) -> tuple[str, ...]:
    """Return in words what a picture carries that no encoder here is told."""
    return tuple(dict.fromkeys(_BESIDE[kind] for kind in _side_data(picture) if kind in _BESIDE))


def display_matrix(picture: VideoFrame) -> tuple[int, ...]:
    """Return FFmpeg's matrix of a picture that is to be turned or mirrored, else ()."""
    matrix = np.frombuffer(_side_data(picture).get(Type.DISPLAYMATRIX, b""), np.int32)
    turned = matrix.size and (matrix[[1, 3]].any() or (matrix[[0, 4]] <= 0).any())
    return tuple(matrix.tolist()) if turned else ()


def _side_data(picture: VideoFrame) -> dict[Type, bytes]:
    """Return a picture's side data of the kinds that PyAV knows; it fails on newer ones."""
    try:
        entries: Any = list(picture.side_data)
    except ValueError:
        entries = list(_without_new_kinds(picture).side_data)
    return {entry.type: bytes(entry) for entry in entries}


def _without_new_kinds(picture: VideoFrame) -> VideoFrame:
    """Return a picture without the side data that PyAV does not know."""
    graph, first = Graph(), len(Type)  # PyAV knows all of an older FFmpeg
    kinds = range(first, first + _NEW_KINDS)
    steps = [graph.add("buffer", _source(picture))]
    steps += [graph.add("sidedata", f"mode=delete:type={kind}") for kind in kinds]
    graph.link_nodes(*steps, graph.add("buffersink")).configure()
    graph.vpush(picture)
    return graph.vpull()


def _source(picture: VideoFrame) -> str:
    """Return what a graph is told of the pictures that it takes."""
    return graph_source(
        picture.width,
        picture.height,
        picture.format.name,
        matrix=int(picture.colorspace),
        colour_range=int(picture.color_range),
    )
