"""The containers that are written: what each holds beside pictures, and how it tells of it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from stabilizer.video.image_sequence import IMAGE2


class Container(NamedTuple):
    """A kind of file. Where it cannot hold a track, that is encoded anew, or left out."""

    muxer: str
    """FFmpeg's name of what writes it."""
    pictures: tuple[str, ...] = ()
    """Codecs of video that it holds; () for all."""
    sound: str = "aac"
    """The encoder for sound that it cannot hold."""
    text: str = ""
    """The codec of subtitles for words in one that it cannot hold."""
    iso: bool = False
    """MP4 and its like: it holds telemetry, says by times alone which samples of sound are not
    played, and titles of tracks are read from the names of their handlers."""
    matroska: bool = False
    """It has times in ms from 0 on, where sound that begins before is cut, and tells where chroma
    sits and how 3D is laid out, but the shape of pixels only if their codec does."""
    covers: bool = False
    """It holds them as tracks."""
    attachments: bool = False
    """It holds files, and covers as such."""
    pcm: bool = True
    """It holds uncompressed sound as players know it."""
    pcm_plays_on: bool = False
    """It plays samples of that one after the other, whatever their times."""
    old_languages: bool = False
    """It has QuickTime's codes of languages."""

    @property
    def is_images(self) -> bool:
        """Tell if it is a folder of files that are one picture each."""
        return self.muxer == IMAGE2


_MP4 = Container(
    "mp4",
    ("h264", "hevc", "av1", "vp9"),
    text="mov_text",
    iso=True,
    covers=True,
    pcm=False,
)
_MOV = Container(
    "mov",
    ("h264", "hevc", "prores"),
    text="mov_text",
    iso=True,
    pcm_plays_on=True,
    old_languages=True,
)
_MATROSKA = Container("matroska", text="subrip", matroska=True, attachments=True)
_WEBM = Container("webm", ("av1", "vp9"), sound="libopus", text="webvtt", matroska=True)
_PNG, _TIFF = Container(IMAGE2, ("png",)), Container(IMAGE2, ("tiff",))

CONTAINERS: Mapping[str, Container] = MappingProxyType(
    {
        **{".mp4": _MP4, ".mov": _MOV, ".mkv": _MATROSKA, ".webm": _WEBM},
        **{".png": _PNG, ".tif": _TIFF, ".tiff": _TIFF},
    }
)
"""By how the name of a file ends, in lower case."""
