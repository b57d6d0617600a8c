"""Image filters for the last step of rendering: a frame in, a new frame of the same format out.

A filter works on the luma plane or on all planes, each in its own samples: in 4:2:0 chroma a sigma
of 1 spans 2 luma pixels. Results are rounded and saturated to the significant bits of the format.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Literal, Self

import numpy as np

from gyro_data.checks import Floats, number, read_only
from stabilizer.convolution import Convolution, box, gaussian, sharpen
from stabilizer.errors import StabilizerError
from stabilizer.text_files import read_text
from stabilizer.video.base import Frame, Plane

Planes = Literal["luma", "all"]
LARGEST_KERNEL = 63
"""Rows, and columns, that a kernel may have."""
LARGEST_BLUR = 255
"""Side in samples of a box: a frame of 4K takes half a second then."""
LARGEST_SIGMA = 30.0
"""Samples; a bell is cut off at 4 sigma on either side, and then about as wide."""
LARGEST_WEIGHT = 1e6
"""Magnitude of an element of a kernel, and of what sharpening adds."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageFilter(ABC):
    """A map from frame to frame; the input stays as it is."""

    USAGE: ClassVar[str]
    """How `parse_filter` wants it written."""

    planes: Planes = "luma"
    """With "luma" the chroma planes pass through as they are."""

    def __post_init__(self) -> None:
        if self.planes not in ("luma", "all"):
            raise ValueError(f"planes: expected luma or all, got {self.planes!r}")

    def __call__(self, frame: Frame) -> Frame:
        """Return `frame` with its luma plane, or all planes, filtered."""
        count = 1 if self.planes == "luma" else len(frame.planes)
        filtered = [self.on_plane(plane) for plane in frame.planes[:count]]
        if frame.pixel_format.bits % 8:  # else the samples' type ends where the bits do
            peak = 2**frame.pixel_format.bits - 1
            filtered = [np.minimum(plane, peak) for plane in filtered]
        return replace(frame, planes=(*filtered, *frame.planes[count:]))

    @abstractmethod
    def on_plane(self, plane: Plane) -> Plane:
        """Filter one plane (H, W), or (H, W, 2) of interleaved chroma."""

    @classmethod
    @abstractmethod
    def parse(cls, argument: str, *, planes: Planes) -> Self:
        """Build the filter from the text after its name; raises ValueError if it does not fit."""


class ByConvolution(ImageFilter):
    """A filter by a kernel that is the same for all frames."""

    @property
    @abstractmethod
    def convolution(self) -> Convolution:
        """What is done to each plane."""

    def on_plane(self, plane: Plane) -> Plane:
        return self.convolution(plane)


@dataclass(frozen=True, eq=False)
class GaussianBlur(ByConvolution):
    """Blur by a Gaussian bell."""

    USAGE = "gaussian:SIGMA"

    sigma: float
    """Samples, > 0."""

    def __post_init__(self) -> None:
        super().__post_init__()
        number("sigma", self.sigma, above=0.0, maximum=LARGEST_SIGMA)

    @cached_property
    def convolution(self) -> Convolution:
        kernel = gaussian(self.sigma)
        return Convolution.separable(kernel, kernel)

    @classmethod
    def parse(cls, argument: str, *, planes: Planes) -> Self:
        return cls(float(argument), planes=planes)


@dataclass(frozen=True, eq=False)
class BoxBlur(ByConvolution):
    """Blur by the mean of a square."""

    USAGE = "box:SIZE"

    size: int
    """Side of the square in samples; odd, as an even square would move the picture."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size not in range(1, LARGEST_BLUR + 1, 2) or not isinstance(self.size, int):
            raise ValueError(
                f"size: expected an odd whole number from 1 to {LARGEST_BLUR}, got {self.size}"
            )

    @cached_property
    def convolution(self) -> Convolution:
        kernel = box(self.size)
        return Convolution.separable(kernel, kernel)

    @classmethod
    def parse(cls, argument: str, *, planes: Planes) -> Self:
        return cls(int(argument), planes=planes)


@dataclass(frozen=True, eq=False)
class Sharpen(ByConvolution):
    """Sharpen by an unsharp mask: add what a 3 × 3 blur takes away."""

    USAGE = "sharpen:AMOUNT"

    amount: float
    """How often the difference to the blurred picture is added; 0 changes nothing."""

    def __post_init__(self) -> None:
        super().__post_init__()
        number("amount", self.amount, minimum=0.0, maximum=LARGEST_WEIGHT)

    @cached_property
    def convolution(self) -> Convolution:
        return Convolution.of(sharpen(self.amount))

    @classmethod
    def parse(cls, argument: str, *, planes: Planes) -> Self:
        return cls(float(argument), planes=planes)


@dataclass(frozen=True, eq=False)
class KernelFilter(ByConvolution):
    """Convolve with any kernel, taken as it is: one whose sum is not 1 changes the brightness."""

    USAGE = "kernel:FILE"

    kernel: Floats
    """(kh, kw); an even length moves the picture by half a sample."""

    def __post_init__(self) -> None:
        super().__post_init__()
        kernel = read_only("kernel", self.kernel, ("kh", "kw"))
        if not 1 <= min(kernel.shape) <= max(kernel.shape) <= LARGEST_KERNEL:
            raise ValueError(
                f"kernel: expected 1 × 1 to {LARGEST_KERNEL} × {LARGEST_KERNEL} numbers, got "
                f"{kernel.shape[0]} × {kernel.shape[1]}"
            )
        number("kernel", np.abs(kernel).max(), maximum=LARGEST_WEIGHT)
        object.__setattr__(self, "kernel", kernel)

    @cached_property
    def convolution(self) -> Convolution:
        return Convolution.of(self.kernel)

    @classmethod
    def parse(cls, argument: str, *, planes: Planes) -> Self:
        return cls(read_kernel(argument), planes=planes)


IMAGE_FILTERS: Mapping[str, type[ImageFilter]] = MappingProxyType(
    {
        "gaussian": GaussianBlur,
        "box": BoxBlur,
        "sharpen": Sharpen,
        "kernel": KernelFilter,
    }
)


def parse_filter(spec: str) -> ImageFilter:
    """Build a filter from `name:argument`, on all planes if `:all` follows, e.g. "box:3:all".

    Raises ValueError listing the filters, and StabilizerError if a kernel file cannot be used.
    """
    name, _, rest = spec.partition(":")
    argument = rest.removesuffix(":all")
    try:
        if name not in IMAGE_FILTERS or not argument:
            raise ValueError("no such filter" if argument else "nothing after the name")
        return IMAGE_FILTERS[name].parse(argument, planes="luma" if argument == rest else "all")
    except ValueError as error:
        usages = ", ".join(kind.USAGE for kind in IMAGE_FILTERS.values())
        raise ValueError(
            f"filter: expected one of {usages}, with :all behind it to filter chroma too, "
            f"such as gaussian:1.2 or box:3:all; got {spec!r} ({error})"
        ) from error


def filtered_into(frame: Frame, filters: Iterable[ImageFilter]) -> Frame:
    """Apply filters in order and write what they change into the planes of `frame` itself."""
    filtered = frame
    for image_filter in filters:
        filtered = image_filter(filtered)
    for plane, result in zip(frame.planes, filtered.planes, strict=True):
        if result is not plane:
            np.copyto(plane, result)
    return frame


def read_kernel(path: str | Path) -> Floats:
    """Read a matrix (kh, kw) of numbers, one row per line, apart by blanks or commas.

    What follows a # is a comment. Raises StabilizerError if it is no matrix, larger than 63 × 63,
    or has numbers beyond a million.
    """
    try:
        lines = read_text(path).splitlines()
    except (OSError, ValueError) as error:
        raise StabilizerError(
            f"{path}: cannot read the kernel ({error}); give a text file of numbers"
        ) from error
    rows = _rows(path, lines)
    widths = {len(row) for row in rows}
    if len(widths) != 1:
        raise StabilizerError(
            f"{path}: the rows of the kernel have {sorted(widths) or 'no'} numbers; "
            "give each line equally many"
        )
    if max(len(rows), *widths) > LARGEST_KERNEL:
        raise StabilizerError(
            f"{path}: the kernel has {len(rows)} × {widths.pop()} numbers; "
            f"give at most {LARGEST_KERNEL} × {LARGEST_KERNEL}"
        )
    return np.array(rows)


def _rows(path: str | Path, lines: Iterable[str]) -> list[list[float]]:
    bare = ((i, line.partition("#")[0].strip()) for i, line in enumerate(lines, 1))
    return [[_number(path, i, word) for word in _words(line)] for i, line in bare if line]


def _words(line: str) -> list[str]:
    return re.split(r"\s*,\s*|\s+", line)


def _number(path: str | Path, line_number: int, word: str) -> float:
    try:
        return number("element", float(word), minimum=-LARGEST_WEIGHT, maximum=LARGEST_WEIGHT)
    except ValueError as error:
        raise StabilizerError(
            f"{path}, line {line_number}: expected a number within ±{LARGEST_WEIGHT:g}, got "
            f"{word!r}; set numbers apart by blanks or commas, and comments by #"
        ) from error
