"""The parts of a file, itself and its tracks: what they are, and what of it got lost."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from av.container import Container
from av.stream import Disposition, Stream

from stabilizer.video.pyav.tags import true_tags

_SAYS_NOTHING = ("", "und")


class Told(NamedTuple):
    """What is told of a file or a track."""

    name: str
    """In words; "" for the file."""
    tags: Mapping[str, str]
    roles: Disposition

    @staticmethod
    def all_of(container: Container) -> "list[Told]":
        """Return what is told of a file, and of each of its tracks but pictures beside."""
        streams = [s for s in container.streams if s.type != "attachment" and not is_cover(s)]
        names = [described(stream) for stream in streams]
        tracks = [
            Told(
                name if names.count(name) == 1 else f"{name} {1 + names[:k].count(name)}",
                dict(stream.metadata),
                stream.disposition,
            )
            for k, (name, stream) in enumerate(zip(names, streams, strict=True))
        ]
        return [Told("", dict(container.metadata), Disposition(0)), *tracks]


def lost_facts(told: Sequence[Told], found: Sequence[Told]) -> list[str]:
    """Return in words which tags and roles were told of a file's parts, but are not found in these.

    A value under another name, or of the whole file instead of a track, is not lost.
    """
    values = {value for part in found for value in part.tags.values()}
    lost = []
    for part, kept in zip(told, found, strict=False):
        names = {key.lower() for key in kept.tags}
        keys = [
            key
            for key, value in true_tags(part.tags).items()
            if value not in (*values, *_SAYS_NOTHING) and key.lower() not in names
        ]
        of = f" of {part.name}" if part.name else ""
        lost += [f"tags {', '.join(keys)}{of}"] if keys else []
        roles = part.roles & ~kept.roles
        lost += [f"role {role.name}{of}" for role in Disposition if role & roles]
    return lost


def shown_unasked(told: Sequence[Told], found: Sequence[Told]) -> list[str]:
    """Return in words which subtitles are the default only since they are in this container."""
    return [
        f"{part.name} as the default"
        for part, kept in zip(told, found, strict=False)
        if part.name.startswith("subtitle") and kept.roles & ~part.roles & Disposition.default
    ]


def described(stream: Stream) -> str:
    """Return what a stream is, in a few words."""
    name = "cover" if stream.type == "video" and is_cover(stream) else stream.type
    codec = stream.name if stream.type == "data" else codec_name(stream)
    handler = stream.metadata.get("handler_name", "").strip()
    words = [name, codec or "", f"({handler})" if handler else ""]
    return " ".join(word for word in words if word)


def codec_name(stream: Stream) -> str:
    """Return FFmpeg's name of the codec; "unknown" if there is no decoder."""
    context = stream.codec_context
    return context.codec.canonical_name if context else "unknown"


def is_cover(stream: Stream) -> bool:
    """Tell if a stream is a still picture that stands for the file."""
    return bool(stream.disposition & Disposition.attached_pic)
