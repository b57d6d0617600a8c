"""Tags of containers and tracks: which of them are still true of a copy."""

from collections.abc import Mapping

from stabilizer.video.pyav.containers import Container

_UNTRUE = (
    *("major_brand", "minor_version", "compatible_brands", "encoder", "timecode", "vendor_id"),
    *("alpha_mode", "duration", "bps", "number_of_", "_statistics_"),
)
"""How names begin of what a muxer says itself, of what was counted in the file before, and of what
pictures have lost."""

_QUICKTIME_LANGUAGES = {
    **{"bod": "tib", "cym": "wel", "cze": "ces", "deu": "ger", "ell": "gre", "eus": "baq"},
    **{"fas": "per", "fre": "fra", "hye": "arm", "isl": "ice", "kat": "geo", "mkd": "mac"},
    **{"msa": "may", "mya": "bur", "nld": "dut", "rum": "ron", "slo": "slk", "sqi": "alb"},
    "zho": "chi",
}
"""Of the two ISO 639-2 codes that these languages have, the one that FFmpeg knows of QuickTime."""


def true_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that say of a copy what is true of it."""
    return {key: value for key, value in tags.items() if not key.lower().startswith(_UNTRUE)}


def track_tags(tags: Mapping[str, str], container: Container) -> dict[str, str]:
    """Return the true tags of a track as a container takes them."""
    kept = true_tags(tags)
    if container.iso and "title" in kept and tag("handler_name", kept) is None:
        kept["handler_name"] = kept["title"]
    if container.old_languages and "language" in kept:
        kept["language"] = _QUICKTIME_LANGUAGES.get(kept["language"], kept["language"])
    return kept


def tag(name: str, *places: Mapping[str, str]) -> str | None:
    """Return the first tag of that name, which Matroska writes in capitals."""
    for tags in places:
        for key, value in tags.items():
            if key.lower() == name:
                return value
    return None
