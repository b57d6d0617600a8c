"""Tags of containers and tracks: which of them are still true of a copy."""

from collections.abc import Iterable, Mapping

_UNTRUE = (
    *("major_brand", "minor_version", "compatible_brands", "encoder", "timecode", "vendor_id"),
    *("alpha_mode", "duration", "bps", "number_of_", "_statistics_"),
)
"""How names begin of what a muxer says itself, of what was counted in the file before, and of what
pictures have lost."""

_SAYS_NOTHING = ("", "und")


def true_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that say of a copy what is true of it."""
    return {key: value for key, value in tags.items() if not key.lower().startswith(_UNTRUE)}


def lost_tags(told: Iterable[Mapping[str, str]], found: Iterable[Mapping[str, str]]) -> list[str]:
    """Return the names of tags that were told to a file's parts, but are not found in these.

    A value under another name, or of the whole file instead of a track, is not lost.
    """
    found = list(found)
    values = {value for tags in found for value in tags.values()}
    lost = [
        key
        for tags, kept in zip(told, found, strict=False)
        for key, value in true_tags(tags).items()
        if value not in (*values, *_SAYS_NOTHING) and key.lower() not in {k.lower() for k in kept}
    ]
    return list(dict.fromkeys(lost))


def tag(name: str, *places: Mapping[str, str]) -> str | None:
    """Return the first tag of that name, which Matroska writes in capitals."""
    for tags in places:
        for key, value in tags.items():
            if key.lower() == name:
                return value
    return None
