"""Pictures in another pixel format, where an encoder does not take their own."""

from collections.abc import Mapping

import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame

from stabilizer.video.base import Plane, VideoInfo
from stabilizer.video.encoding import IMAGES
from stabilizer.video.pyav.formats import graph_source, is_exact, traits
from stabilizer.video.pyav.planes import plane_views
from stabilizer.video.pyav.reading import COLOUR

_ONLY_LIMITED = ("prores_ks",)
"""Encoders of formats that have no full range."""
_ONLY_FULL = IMAGES
"""Encoders of formats that have no limited range."""
_EXACT = "bicubic+accurate_rnd+full_chroma_int"
"""How FFmpeg's scaler converts: as exactly as it can, instead of as fast."""
_BT709, _RGB, _LIMITED, _FULL = 1, 0, 1, 2
_UNKNOWN = 2
_BITS_16, _WHITE_16 = 16, 65535


def stored_colour(info: VideoInfo, pixel_format: str, encoder: str) -> Mapping[str, int]:
    """Return the colour tags of a video whose pictures are stored in a pixel format."""
    to_rgb, from_rgb = traits(pixel_format).rgb, traits(info.pixel_format).rgb
    if to_rgb and not from_rgb:
        return {**info.colour, "matrix": _RGB, "range": _FULL}
    if from_rgb and not to_rgb:
        return {**info.colour, "matrix": _BT709, "range": _LIMITED}
    if encoder in _ONLY_LIMITED and info.colour.get("range") == _FULL:
        return {**info.colour, "range": _LIMITED}
    if encoder in _ONLY_FULL:
        return {**info.colour, "range": _FULL}
    return info.colour


def conversion_text(info: VideoInfo, pixel_format: str) -> str:
    """Return in words what stored pictures lose or gain, "" if they are the very same samples."""
    own = info.stored_format or info.pixel_format
    return "" if is_exact(own, pixel_format) else f"{own} is stored as {pixel_format}"


class Converter:
    """Converts a video's pictures by FFmpeg's scaler, with the colours that both sides have."""

    def __init__(self, info: VideoInfo, own_format: str, stored_format: str, encoder: str) -> None:
        """Take the format that the pictures have, and the one in which an encoder stores them."""
        self._own_format, self._stored_format = own_format, stored_format
        self._own, self._stored = info.colour, stored_colour(info, stored_format, encoder)
        self._size, self._time_base = (info.width, info.height), info.time_base
        self._graph: Graph | None = None
        grey = traits(own_format).grey and self._own.get("range") == _LIMITED
        to_full = grey and self._stored.get("range") == _FULL
        self._table = _full_range(traits(own_format).bits) if to_full else None

    def __call__(self, picture: VideoFrame) -> VideoFrame:
        """Return the picture in the stored format; itself if it is in that already."""
        same_range = self._own.get("range") == self._stored.get("range")
        if self._own_format == self._stored_format and same_range:
            return picture
        for name, tag in self._own.items():
            setattr(picture, COLOUR[name], tag)
        self._graph = self._graph or self._configured()
        pts = picture.pts
        self._graph.vpush(self._stretched(picture))
        result = self._graph.vpull()
        result.pts, result.time_base = pts, self._time_base
        return result

    def _configured(self) -> Graph:
        graph = Graph()
        source = graph_source(
            *self._size,
            self._own_format,
            matrix=self._own.get("matrix", _UNKNOWN),
            colour_range=self._own.get("range", 0),
        )
        options = {"flags": _EXACT}
        if self._stored.get("range"):
            options["out_range"] = str(self._stored["range"])
        if not traits(self._stored_format).rgb and self._stored.get("matrix", _UNKNOWN) != _UNKNOWN:
            options["out_color_matrix"] = str(self._stored["matrix"])
        steps = [graph.add("buffer", source), graph.add("scale", **options)]
        if self._white != _WHITE_16:
            to_white = f"clip(round(val*{_WHITE_16 / self._white}),0,{_WHITE_16})"
            steps += [
                graph.add("format", "rgb48le"),
                graph.add("lutrgb", r=to_white, g=to_white, b=to_white),
            ]
        steps += [graph.add("format", self._stored_format), graph.add("buffersink")]
        graph.link_nodes(*steps).configure()
        return graph

    @property
    def _white(self) -> int:
        """What the scaler makes of white where it makes RGB of 16 bits of Y'CbCr: nearly 65535."""
        own, stored = traits(self._own_format), traits(self._stored_format)
        if own.rgb or own.grey or not stored.rgb or stored.bits < _BITS_16:
            return _WHITE_16
        bits = own.bits if self._own.get("range") == _FULL else 8
        return ((1 << bits) - 1) << (_BITS_16 - bits)

    def _stretched(self, picture: VideoFrame) -> VideoFrame:
        """Return a grey picture of limited range in full range, which the scaler does not do."""
        if self._table is None:
            return picture
        stretched = VideoFrame(picture.width, picture.height, self._own_format)
        stretched.pts = picture.pts
        (grey,) = plane_views(picture, writable=False)
        (target,) = plane_views(stretched, writable=True)
        np.take(self._table, grey, out=target)
        return stretched


def _full_range(bits: int) -> Plane:
    """Return what each value of limited range is in full range."""
    unit, top = 2 ** (bits - 8), 2**bits - 1
    values = np.rint((np.arange(top + 1) - 16 * unit) * top / (219 * unit))
    table: Plane = np.clip(values, 0, top).astype(np.uint8 if bits == 8 else np.uint16)
    return table
