"""Pictures in another pixel format, where an encoder does not take their own."""

from collections.abc import Mapping

from av.filter import Graph
from av.video.frame import VideoFrame

from stabilizer.video.base import VideoInfo
from stabilizer.video.pyav.formats import traits
from stabilizer.video.pyav.reading import COLOUR

_UNKNOWN = 2


class Converter:
    """Converts a video's pictures by FFmpeg's scaler, with the colours that both sides have."""

    def __init__(
        self, info: VideoInfo, own_format: str, stored_format: str, stored: Mapping[str, int]
    ) -> None:
        """Take the format that the pictures have, and the format and colour tags to be stored."""
        self._own_format, self._stored_format = own_format, stored_format
        self._own, self._stored = dict(info.colour), dict(stored)
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
