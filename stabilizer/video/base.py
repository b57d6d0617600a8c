"""What a video is here: `VideoInfo` (the facts), `PixelFormat` and `Frame` (native planes)."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from types import MappingProxyType
from typing import overload

import numpy as np
from numpy.typing import NDArray

from gyro_data.checks import Floats
from stabilizer.video.image_sequence import ImageSequence

Plane = NDArray[np.uint8] | NDArray[np.uint16]
Ticks = NDArray[np.int64]

MOST_PIXELS = 12288**2
"""A larger picture is refused; both eyes of a 12K camera have so many pixels."""

_USUAL_RATES = tuple(
    [Fraction(n) for n in (15, 24, 25, 30, 48, 50, 60, 100, 120, 240)]
    + [Fraction(1000 * n, 1001) for n in (24, 30, 48, 60, 120, 240)]
)
_FEWEST_INTERVALS = 10
_EVEN, _MOST = 0.2, 0.8  # of an interval; of all intervals


@overload
def seconds(pts: int, time_base: Fraction) -> float: ...
@overload
def seconds(pts: Ticks, time_base: Fraction) -> Floats: ...
def seconds(pts: int | Ticks, time_base: Fraction) -> float | Floats:
    """Return ticks as s; a number and an array give the same floats."""
    return pts * time_base.numerator / time_base.denominator


def missing_between(t: Floats) -> NDArray[np.intp]:
    """Return how many frames seem to lack between each two of otherwise even times: (F-1,).

    0 for uneven times. `t` is in s, (F,).
    """
    interval = np.diff(t)
    none = np.zeros(len(interval), dtype=np.intp)
    if len(interval) < _FEWEST_INTERVALS:
        return none
    median = float(np.median(interval))  # which may be rounded, to 1 ms in Matroska
    usual = float(np.mean(interval[np.abs(interval / median - 1) < _EVEN]))
    steps = np.rint(interval / usual)
    even = np.abs(interval / usual - steps) < _EVEN
    if not even.all() or np.mean(steps == 1) < _MOST:
        return none
    missing: NDArray[np.intp] = np.maximum(steps - 1, 0).astype(np.intp)
    return missing


@dataclass(frozen=True)
class PixelFormat:
    """The layout of a frame's planes; the luma plane is always plane 0."""

    name: str
    """FFmpeg's name, e.g. "yuv420p"."""
    bits: int
    """Significant bits per sample, at the low end of the word."""
    subsampling_x: int
    """Luma samples per chroma sample along a row (1 or 2)."""
    subsampling_y: int
    """Luma samples per chroma sample along a column (1 or 2)."""
    channels: tuple[int, ...]
    """Interleaved channels of each plane: (1, 1, 1) planar, (1, 2) semi-planar, (1,) grey."""

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        """The type of a sample: uint8, or uint16 for more than 8 bits."""
        return np.uint8 if self.bits <= 8 else np.uint16

    def plane_shapes(self, width: int, height: int) -> tuple[tuple[int, ...], ...]:
        """Return the planes' shapes in a `width` x `height` frame; odd chroma sizes round up."""
        chroma = (-(-height // self.subsampling_y), -(-width // self.subsampling_x))
        sizes = [(height, width)] + [chroma] * (len(self.channels) - 1)
        return tuple(
            size if n == 1 else (*size, n) for size, n in zip(sizes, self.channels, strict=True)
        )


def _formats() -> Iterator[PixelFormat]:
    """Yield grey, Y'CbCr planar or as hardware gives it, and RGB as planes G, B and R."""
    for bits in (8, 10, 12, 16):
        end = "" if bits == 8 else f"{bits}le"
        yield PixelFormat(f"gray{end}", bits, 1, 1, (1,))
        for subsampling, xy in (("420", (2, 2)), ("422", (2, 1)), ("444", (1, 1))):
            yield PixelFormat(f"yuv{subsampling}p{end}", bits, *xy, (1, 1, 1))
            if bits == 8:
                yield PixelFormat(f"yuvj{subsampling}p", bits, *xy, (1, 1, 1))
        yield PixelFormat(f"gbrp{end}", bits, 1, 1, (1, 1, 1))
    yield PixelFormat("nv12", 8, 2, 2, (1, 2))


PIXEL_FORMATS: Mapping[str, PixelFormat] = MappingProxyType({f.name: f for f in _formats()})
"""The formats that are warped natively, by FFmpeg's name."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture as its native planes; planes may be views into a codec's buffer (not copied)."""

    planes: Sequence[Plane]
    """Luma (H, W); chroma (Hc, Wc) each, or (Hc, Wc, 2) interleaved. Writable if new."""
    pixel_format: PixelFormat
    t: float
    """Presentation time in s, referring to the middle row."""
    pts: int
    """Presentation time in ticks of the video's time base."""


@dataclass(frozen=True)
class Hdr10:
    """Static HDR metadata (SMPTE ST 2086, CTA-861.3)."""

    primaries_xy: tuple[tuple[float, float], ...] = ()
    """CIE 1931 of red, green, blue and white of the mastering display, or ()."""
    luminance: tuple[float, float] | None = None
    """Least and most of that display, cd/m²."""
    light_level: tuple[int, int] | None = None
    """MaxCLL and MaxFALL of the content, cd/m²."""


@dataclass(frozen=True)
class Chapter:
    """A part of a video with its tags, such as "title"."""

    start: float
    """s, presentation time."""
    end: float
    tags: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class VideoInfo:
    """What a file says about its first video stream, or what a new file is to say."""

    path: str | ImageSequence
    width: int
    height: int
    pixel_format: str
    codec: str
    time_base: Fraction
    """s per tick."""
    frame_pts: Ticks = field(repr=False)
    """(F,) ticks, strictly increasing: when the frames are presented."""
    sample_aspect_ratio: Fraction = Fraction(1)
    """Width of a pixel over its height."""
    chroma_offset_xy: tuple[float, float] = (0.0, 0.5)
    """Where chroma sample (0, 0) sits, in luma pixels: (0, 0.5) "left", (0.5, 0.5) "center"."""
    display_matrix: tuple[int, ...] = ()
    """How a player turns and mirrors the picture before showing it: FFmpeg's 9 fixed-point numbers,
    or () for not at all."""
    audio: tuple[str, ...] = ()
    """Codec names of the audio streams."""
    colour: Mapping[str, int] = field(default_factory=dict)
    """Tags by their code points in ITU-T H.273: "matrix", "primaries" and "transfer" (2: unknown);
    and "range" (1: limited, 2: full, 0: unknown)."""
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The container's tags: "creation_time", "title", …"""
    stream_metadata: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The video stream's own: "language", "timecode", …"""
    roles: int = 0
    """What the stream is among others, such as the default, as FFmpeg's disposition bits."""
    chapters: tuple[Chapter, ...] = ()
    hdr10: Hdr10 | None = None
    side_data: tuple[str, ...] = ()
    """What else pictures carry, in words: "closed captions", "HDR10+ metadata", …"""
    stored_format: str = ""
    """FFmpeg's name of the file's own pixel format, where frames are read as another one."""
    repeated: int = 0
    """Frames left out because they have the time of another one."""
    untimed: Ticks = field(default_factory=lambda: np.zeros(0, np.int64), repr=False)
    """(U,) ticks: where frames are left out that have no time of their own, or one out of order."""
    faults: Ticks = field(default_factory=lambda: np.zeros(0, np.int64), repr=False)
    """(D,) ticks: about when something, of any track, is damaged or missing in the file."""
    damage: str = ""
    """Why the file ends before its end, if it does."""

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        for name in ("frame_pts", "untimed", "faults"):
            ticks = np.array(getattr(self, name), dtype=np.int64)
            ticks.setflags(write=False)
            set_field(self, name, ticks)
        for name in ("colour", "metadata", "stream_metadata"):
            set_field(self, name, MappingProxyType(dict(getattr(self, name))))
        pts = self.frame_pts
        if pts.ndim != 1 or not pts.size or (np.diff(pts) <= 0).any():
            raise ValueError(f"frame_pts: expected increasing ticks (F,), got {pts}")

    @cached_property
    def frame_times(self) -> Floats:
        """(F,) s, presentation times of all frames."""
        times: Floats = seconds(self.frame_pts, self.time_base)
        times.setflags(write=False)
        return times

    @property
    def rotation_deg(self) -> int:
        """How far a player turns the picture before showing it, in degrees counter-clockwise."""
        if not self.display_matrix:
            return 0
        return round(math.degrees(math.atan2(self.display_matrix[3], self.display_matrix[4])))

    @property
    def mirrored(self) -> bool:
        """Whether a player swaps left and right of the picture before turning and showing it."""
        if not self.display_matrix:
            return False
        a, b, _, c, d = self.display_matrix[:5]
        return a * d < b * c

    @property
    def missing(self) -> int:
        """How many frames a clip of otherwise even times seems to lack; 0 for uneven times."""
        return int(missing_between(self.frame_times).sum())

    @property
    def average_rate(self) -> Fraction:
        """Frames per second on average: a hint for encoders, no clock; 25 for a single frame."""
        ticks = int(self.frame_pts[-1] - self.frame_pts[0])
        if not ticks:
            return Fraction(25)
        rate = Fraction(len(self.frame_pts) - 1, ticks) / self.time_base
        return max(rate.limit_denominator(1001), Fraction(1, 1001))

    @property
    def even_rate(self) -> Fraction | None:
        """Frames per second where frames come evenly, but for rounding to ticks; else None."""
        average, k = self.average_rate, np.arange(len(self.frame_pts))
        since = self.frame_times - self.frame_times[0]
        for rate in (min(_USUAL_RATES, key=lambda usual: abs(usual - average)), average):
            off = np.abs(since - k / float(rate)).max()
            if off < 1.01 * float(self.time_base):
                return rate
        return None
