"""Tags of containers and tracks: which of them are still true of a copy."""

from collections.abc import Mapping

_UNTRUE = (
    *("major_brand", "minor_version", "compatible_brands", "encoder", "timecode", "vendor_id"),
    *("duration", "bps", "number_of_", "_statistics_"),
)
"""How names begin of what a muxer says itself, or what was counted in the file before."""


def true_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that say of a copy what is true of it."""
    return {key: value for key, value in tags.items() if not key.lower().startswith(_UNTRUE)}


def tag(name: str, *places: Mapping[str, str]) -> str | None:
    """Return the first tag of that name, which Matroska writes in capitals."""
    for tags in places:
        for key, value in tags.items():
            if key.lower() == name:
                return value
    return None
