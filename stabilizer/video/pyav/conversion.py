"""Pictures in another pixel format, where an encoder does not take their own."""

from collections.abc import Mapping

from av.filter import Graph
from av.video.frame import VideoFrame

from stabilizer.video.base import VideoInfo
from stabilizer.video.pyav.formats import is_exact, traits
from stabilizer.video.pyav.reading import COLOUR

_ONLY_LIMITED = ("prores_ks",)
"""Encoders of formats that have no full range."""
_BT709, _RGB, _LIMITED, _FULL = 1, 0, 1, 2
_UNKNOWN = 2


def stored_colour(info: VideoInfo, pixel_format: str, encoder: str) -> Mapping[str, int]:
    """Return the colour tags of a video whose pictures are stored in a pixel format."""
    to_rgb, from_rgb = traits(pixel_format).rgb, traits(info.pixel_format).rgb
    if to_rgb and not from_rgb:
        return {**info.colour, "matrix": _RGB, "range": _FULL}
    if from_rgb and not to_rgb:
        return {**info.colour, "matrix": _BT709, "range": _LIMITED}
    if encoder in _ONLY_LIMITED and info.colour.get("range") == _FULL:
        return {**info.colour, "range": _LIMITED}
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

    def __call__(self, picture: VideoFrame) -> VideoFrame:
        """Return the picture in the stored format; itself if it is in that already."""
        same_range = self._own.get("range") == self._stored.get("range")
        if self._own_format == self._stored_format and same_range:
            return picture
        for name, tag in self._own.items():
            setattr(picture, COLOUR[name], tag)
        self._graph = self._graph or self._configured()
        pts = picture.pts
        self._graph.vpush(picture)
        result = self._graph.vpull()
        result.pts, result.time_base = pts, self._time_base
        return result

    def _configured(self) -> Graph:
        graph = Graph()
        width, height = self._size
        source = (
            f"video_size={width}x{height}:pix_fmt={self._own_format}:time_base=1/90000"
            f":colorspace={self._own.get('matrix', _UNKNOWN)}:range={self._own.get('range', 0)}"
        )
        options = {}
        if self._stored.get("range"):
            options["out_range"] = str(self._stored["range"])
        if not traits(self._stored_format).rgb and self._stored.get("matrix", _UNKNOWN) != _UNKNOWN:
            options["out_color_matrix"] = str(self._stored["matrix"])
        steps = [
            graph.add("buffer", source),
            graph.add("scale", **options),
            graph.add("format", self._stored_format),
            graph.add("buffersink"),
        ]
        graph.link_nodes(*steps).configure()
        return graph
