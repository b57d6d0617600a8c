"""FFmpeg's names of the colour tags, whose code points are those of ITU-T H.273."""

from collections.abc import Mapping
from types import MappingProxyType

_EARLY = {4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m"}
_BT709 = {1: "bt709", 2: "unknown"}

COLOUR_NAMES: Mapping[str, Mapping[int, str]] = MappingProxyType(
    {
        "range": {0: "unknown", 1: "tv", 2: "pc"},
        "matrix": {
            **{0: "gbr", **_BT709, **_EARLY, 4: "fcc", 8: "ycgco", 9: "bt2020nc", 10: "bt2020c"},
            **{11: "smpte2085", 12: "chroma-derived-nc", 13: "chroma-derived-c", 14: "ictcp"},
        },
        "primaries": {
            **{**_BT709, **_EARLY, 8: "film", 9: "bt2020", 10: "smpte428", 11: "smpte431"},
            **{12: "smpte432", 22: "ebu3213"},
        },
        "transfer": {
            **{**_BT709, **_EARLY, 8: "linear", 9: "log100", 10: "log316", 11: "iec61966-2-4"},
            **{12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12"},
            **{16: "smpte2084", 17: "smpte428", 18: "arib-std-b67"},
        },
    }
)
"""Names by code point, by the names of tags in `VideoInfo.colour`."""


def colour_names(colour: Mapping[str, int]) -> dict[str, str]:
    """Return the tags of a `VideoInfo` by FFmpeg's names, by number where it has none."""
    return {tag: COLOUR_NAMES[tag].get(code, str(code)) for tag, code in colour.items()}
