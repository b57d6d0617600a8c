"""A sequence of images: the numbered files of a folder that are the frames of a video."""

import io
import logging
import os
import re
from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from gyro_data.files import open_regular
from stabilizer.errors import StabilizerError
from stabilizer.video.image_heads import size_of

LOG = logging.getLogger(__name__)

AnyPath = str | os.PathLike[str]

_CONVERSION = re.compile(r"%(?:0([1-9]))?d")
_NUMBERED = re.compile(r"(.*?)([0-9]{1,9})(\.[^.]+)")
_IMAGES = (
    *(".png", ".tif", ".tiff", ".exr", ".dpx", ".jpg", ".jpeg", ".jp2", ".bmp", ".tga", ".webp"),
    *(".pgm", ".ppm"),
)
"""How names end of what is looked for in a folder that is given without a pattern."""
IMAGE2 = "image2"
"""FFmpeg's name of what reads, and of what writes, files that are one frame each."""
_NAMED = 3
"""Images of which a message gives the names."""
_LARGEST = 1_001_000  # of both terms of a rate, as FFmpeg has it


@dataclass(frozen=True)
class ImagePattern:
    """Names of files in one folder that differ by a number."""

    folder: Path
    before: str
    digits: int
    """A number has at least so many; it is filled up by zeros."""
    after: str

    @classmethod
    def parse(cls, path: AnyPath) -> Self:
        """Return the pattern that a path with one `%d` or, of 5 digits, `%05d` in its name is.

        Raises StabilizerError for any other path.
        """
        path = Path(path)
        conversion = _CONVERSION.search(path.name)
        if conversion is None or path.name.count("%") != 1:
            raise StabilizerError(
                f"{path}: expected one %d, or %05d of 5 digits, where the names of images have "
                "their number, and no other %"
            )
        before, after = path.name[: conversion.start()], path.name[conversion.end() :]
        return cls(path.parent, before, int(conversion[1] or 1), after)

    def name(self, number: int) -> str:
        """Return the name of the file of that number."""
        return f"{self.before}{number:0{self.digits}}{self.after}"

    def number(self, name: str) -> int | None:
        """Return the number of the file of that name, None if the pattern has no such name."""
        digits = name[len(self.before) : len(name) - len(self.after)]
        if re.fullmatch("[0-9]{1,9}", digits) and name == self.name(int(digits)):
            return int(digits)
        return None

    def for_ffmpeg(self, folder: Path) -> str:
        """Return the pattern in FFmpeg's words, for files in `folder`."""
        return f"{str(folder.absolute()).replace('%', '%%')}/{self}"

    def __str__(self) -> str:
        """Return the name with its conversion."""
        conversion = "%d" if self.digits == 1 else f"%0{self.digits}d"
        return f"{self.before}{conversion}{self.after}"


@dataclass(frozen=True)
class ImageSequence:
    """Images that are the frames of a video, evenly in time; wherever a video's path can be."""

    pattern: str
    """Folder and name, with `%d` or, for numbers of 5 digits, `%05d` in it."""
    rate: Fraction
    """Frames per second."""

    def __post_init__(self) -> None:
        ImagePattern.parse(self.pattern)
        if not isinstance(self.rate, Fraction | int):
            raise TypeError(f"rate: expected an exact Fraction, got {self.rate!r}")
        if not (0 < self.rate.numerator <= _LARGEST and self.rate.denominator <= _LARGEST):
            raise ValueError(
                f"rate: expected a positive fraction of terms up to {_LARGEST}, such as "
                f"30000/1001, got {self.rate}"
            )

    @classmethod
    def of(cls, path: AnyPath, rate: Fraction) -> Self:
        """Return the sequence of a pattern, or the one that a folder holds.

        Raises StabilizerError where there is none, or more than one.
        """
        path = Path(path)
        return cls(str(_only_pattern(path) if path.is_dir() else path), rate)

    @cached_property
    def numbers(self) -> range:
        """The numbers of the images, as they were when first asked for.

        Raises StabilizerError if there is none, or one is missing.
        """
        pattern = ImagePattern.parse(self.pattern)
        found = sorted(n for n in map(pattern.number, _names(pattern.folder)) if n is not None)
        if not found:
            raise StabilizerError(f"{self}: there is no such image; check folder and name")
        numbers = range(found[0], found[-1] + 1)
        if len(found) < len(numbers):
            first = next(n for n, there in zip(numbers, found, strict=False) if n != there)
            missing = pattern.name(first) + _and_more(len(numbers) - len(found) - 1)
            raise StabilizerError(
                f"{self}: lacks {missing}; fill the gap or move the images behind it elsewhere"
            )
        return numbers

    @property
    def files(self) -> list[Path]:
        """The images, in order."""
        pattern = ImagePattern.parse(self.pattern)
        return [pattern.folder / pattern.name(n) for n in self.numbers]

    @cached_property
    def empty(self) -> frozenset[str]:
        """The names of the images that are empty, of which a warning tells once.

        Raises StabilizerError if all are, if one cannot be read, or if sizes differ.
        """
        empty = [path.name for path in self.files if not _n_bytes(path)]
        if len(empty) == len(self.numbers):
            raise StabilizerError(f"{self}: its images are all empty; was the disk full?")
        size = None
        for path in self.files:
            own = None if path.name in empty else size_of(path)
            size = size or own
            if own and size and own != size:
                raise StabilizerError(
                    f"{path}: has {own[0]}x{own[1]} pixels, images before it have "
                    f"{size[0]}x{size[1]}; a sequence has one size"
                )
        if empty:
            LOG.warning("%s: empty images: %s%s", self, empty[0], _and_more(len(empty) - 1))
        return frozenset(empty)

    def named(self, ticks: NDArray[np.int64]) -> str:
        """Return the names of the images of some ticks, which count from 0; few of many."""
        files = self.files
        names = [files[k].name for k in ticks[:_NAMED].tolist()]
        return ", ".join(names) + _and_more(len(ticks) - len(names))

    def opened_image(self, name: str, *_: object) -> BinaryIO:
        """Return an image for FFmpeg, to which an empty one would be the end of the sequence."""
        if os.path.basename(name) in self.empty:
            return io.BytesIO(b"\0")
        return open(name, "rb")

    @property
    def for_ffmpeg(self) -> tuple[str, dict[str, str]]:
        """The name and the options by which FFmpeg's demuxer image2 opens the images."""
        pattern = ImagePattern.parse(self.pattern)
        options = {
            "pattern_type": "sequence",
            "start_number": str(self.numbers[0]),
            "framerate": f"{self.rate.numerator}:{self.rate.denominator}",
        }
        return pattern.for_ffmpeg(pattern.folder), options

    def __fspath__(self) -> str:
        return self.pattern

    def __str__(self) -> str:
        return self.pattern


def is_sequence(path: AnyPath) -> bool:
    """Tell if a path means a sequence of images: a pattern or a folder, and no file."""
    path = Path(path)
    return path.is_dir() or ("%" in path.name and not path.exists())


def pattern_of(path: Path) -> Path | None:
    """Return a pattern that a file has if it is named as an image is, else None."""
    if path.suffix.lower() not in _IMAGES or not path.is_file():
        return None
    parts = _NUMBERED.fullmatch(path.name)
    before, after = (parts[1], parts[3]) if parts else ("", path.suffix)
    numbers = _numbers_in(path.parent).get((before, after), ["00001"])
    return path.parent / str(ImagePattern(path.parent, before, _fewest_digits(numbers), after))


def _n_bytes(image: Path) -> int:
    """Return how long a file is; raises StabilizerError for what cannot be read as one."""
    try:
        with open_regular(image) as file:
            return file.seek(0, os.SEEK_END)
    except OSError as error:
        raise StabilizerError(
            f"{image}: cannot be read: {error.strerror}; mend it or move it elsewhere"
        ) from error


def _and_more(n: int) -> str:
    return f" and {n} more" if n else ""


def _only_pattern(folder: Path) -> Path:
    """Return folder and pattern of the one sequence of images in a folder."""
    digits = _numbers_in(folder)
    patterns = [
        ImagePattern(folder, before, _fewest_digits(found), after)
        for (before, after), found in digits.items()
    ]
    if not patterns:
        raise StabilizerError(f"{folder}: is a folder without numbered images; name a video file")
    for pattern, numbers in zip(patterns, digits.values(), strict=True):
        held = [f"{pattern.before}{n}{pattern.after}" for n in numbers]
        others = [name for name in held if pattern.number(name) is None]
        if others:
            raise StabilizerError(
                f"{folder}: holds {min(others)} beside images numbered as {pattern}; name one "
                "pattern"
            )
    if len(patterns) > 1:
        names = ", ".join(sorted(map(str, patterns)))
        raise StabilizerError(f"{folder}: holds {names}; name one, as {folder / str(patterns[0])}")
    return folder / str(patterns[0])


def _numbers_in(folder: Path) -> dict[tuple[str, str], list[str]]:
    """Return the numbers of a folder's images as written, by what is before and behind them."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in _names(folder):
        parts = _NUMBERED.fullmatch(name)
        if parts and parts[3].lower() in _IMAGES and "%" not in name:
            found[parts[1], parts[3]].append(parts[2])
    return found


def _fewest_digits(numbers: list[str]) -> int:
    """Return how many digits all numbers have at least by the rule that wrote them."""
    fewest = min(map(len, numbers))
    filled = any(n.startswith("0") for n in numbers) or len({*map(len, numbers)}) == 1
    return fewest if filled else 1


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError as error:
        raise StabilizerError(f"{folder}: cannot be read: {error.strerror}") from error
