"""Convolution of images (H, W) and (H, W, C), of integers or float32/64.

Integer images are summed in floating point, rounded half to even and saturated, never cut off or
wrapped around. Pixels beyond the image follow OpenCV's border rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from gyro_data.checks import Floats, read_only
from stabilizer.convolution.kernels import Factors, factors, size, spread, whole
from stabilizer.convolution.opencv import Border, Correlation, Image

Mode = Literal["same", "valid", "full"]
MODES = ("same", "valid", "full")


def separable(
    image: ArrayLike,
    row_kernel: ArrayLike,
    column_kernel: ArrayLike,
    *,
    border: Border = "reflect_101",
    dtype: DTypeLike | None = None,
) -> Image:
    """Convolve each row with `row_kernel (kw,)` and each column with `column_kernel (kh,)`.

    Gives what `convolve` gives with `np.outer(column_kernel, row_kernel)`, without rounding between
    the two passes. Raises ValueError or TypeError naming the argument.
    """
    return Convolution.separable(row_kernel, column_kernel, border=border)(image, dtype)


def convolve(
    image: ArrayLike,
    kernel: ArrayLike,
    *,
    mode: Mode = "same",
    stride: int | tuple[int, int] = 1,
    dilation: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
    bias: ArrayLike = 0.0,
    border: Border = "reflect_101",
    dtype: DTypeLike | None = None,
    correlate: bool = False,
) -> Image:
    """Return Σ kernel[i, j] · image[y − i, x − j] + bias; with `correlate`, image[y + i, x + j].

    `kernel` is (kh, kw) for all channels or (kh, kw, C), one per channel; a kernel of rank 1 is
    separated. `dilation` (y, x) spreads its elements that many pixels apart, and `mode` sees the
    spread kernel:
    `full`: every position where kernel and image overlap, (H + kh − 1, W + kw − 1);
    `same`: the (H, W) centre of `full`; element (k − 1) // 2 of the kernel lies on the pixel, as in
    scipy's `convolve2d` and `correlate2d` (an even length shifts the picture by half a pixel);
    `valid`: where the kernel lies wholly inside the image, extended by `padding` (y, x) border
    pixels on each side; only this mode takes a padding.
    `stride` (y, x) keeps one row and column of that in so many, the first among them.
    `border` says what lies beyond the image, as in OpenCV, also where the kernel is the larger one.
    `bias` is one number, or one per channel (C,), added before rounding.

    The result has the image's dtype or `dtype`. Integers are rounded half to even and saturated.
    Sums are in float64; in float32 if image and result are both uint8 or both uint16 and its error
    is provably below 1/256 level. Raises ValueError or TypeError naming the argument.
    """
    pixels = _image(image)
    channels = pixels.shape[2:]
    weights = _kernel("kernel", kernel, ("kh", "kw", *(channels if np.ndim(kernel) == 3 else ())))
    flipped = weights if correlate else weights[::-1, ::-1]
    each = [flipped] if flipped.ndim == 2 else np.moveaxis(flipped, -1, 0)
    dilation = _pair("dilation", dilation, 1)
    kernels = [spread(factors(one), dilation) for one in each]

    margins = _margins(mode, size(kernels[0]), _pair("padding", padding, 0), correlate)
    _check_room(pixels, size(kernels[0]), margins)
    offset = read_only("bias", bias, channels if np.ndim(bias) else ())
    step_y, step_x = _pair("stride", stride, 1)
    result = Correlation(kernels, margins, border, offset)(pixels, _dtype(dtype, pixels))
    return np.ascontiguousarray(result[::step_y, ::step_x])


@dataclass(frozen=True, eq=False)
class Convolution:
    """`convolve` in mode `same`, for many images: the kernel is checked and separated once.

    Made by `of` or `separable`, which raise ValueError naming the argument.
    """

    _correlation: Correlation

    @classmethod
    def of(cls, kernel: ArrayLike, *, border: Border = "reflect_101") -> Self:
        """Take a kernel (kh, kw)."""
        return cls._by(factors(_kernel("kernel", kernel, ("kh", "kw"))[::-1, ::-1]), border)

    @classmethod
    def separable(
        cls, row_kernel: ArrayLike, column_kernel: ArrayLike, *, border: Border = "reflect_101"
    ) -> Self:
        """Take a kernel (kw,) for the rows and one (kh,) for the columns."""
        row = _kernel("row_kernel", row_kernel, ("kw",))[::-1]
        return cls._by((row, _kernel("column_kernel", column_kernel, ("kh",))[::-1]), border)

    def __call__(self, image: ArrayLike, dtype: DTypeLike | None = None) -> Image:
        """Return the image (H, W) or (H, W, C) convolved, of its own dtype or `dtype`.

        Raises ValueError or TypeError for what is no image.
        """
        pixels = _image(image)
        return np.ascontiguousarray(self._correlation(pixels, _dtype(dtype, pixels)))

    @classmethod
    def _by(cls, kernel: Factors, border: Border) -> Self:
        margins = _margins("same", size(kernel), (0, 0), correlate=False)
        return cls(Correlation([kernel], margins, border))


def _margins(
    mode: Mode, extent: tuple[int, int], padding: tuple[int, int], correlate: bool
) -> tuple[int, int, int, int]:
    """Return the border pixels (top, bottom, left, right) that a kernel (kh, kw) needs."""
    if mode not in MODES:
        raise ValueError(f"mode: expected one of {', '.join(MODES)}; got {mode!r}")
    if mode != "valid" and any(padding):
        raise ValueError(f'padding: expected 0 unless mode is "valid", got {padding}')
    (top, bottom), (left, right) = (
        {
            "full": (n - 1, n - 1),
            "same": ((n - 1) // 2, n // 2) if correlate else (n // 2, (n - 1) // 2),
            "valid": (extra, extra),
        }[mode]
        for n, extra in zip(extent, padding, strict=True)
    )
    return top, bottom, left, right


def _check_room(
    image: Image, kernel_size: tuple[int, int], margins: tuple[int, int, int, int]
) -> None:
    top, bottom, left, right = margins
    room = (top + image.shape[0] + bottom, left + image.shape[1] + right)
    if kernel_size[0] > room[0] or kernel_size[1] > room[1]:
        raise ValueError(
            f"kernel: expected at most the size of the padded image, {room}, got {kernel_size}"
        )


def _image(value: ArrayLike) -> Image:
    image = np.asarray(value)
    if image.ndim not in (2, 3) or image.size == 0:
        raise ValueError(f"image: expected shape (H, W) or (H, W, C), not empty, got {image.shape}")
    _numeric("image", image.dtype)
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        raise ValueError(f"image: expected finite numbers, got {image[~np.isfinite(image)][0]}")
    return image


def _dtype(value: DTypeLike | None, image: Image) -> np.dtype[Any]:
    return image.dtype if value is None else _numeric("dtype", np.dtype(value))


def _numeric(name: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind not in "iu" and dtype not in (np.float32, np.float64):
        raise TypeError(f"{name}: expected integers, float32 or float64, got {dtype}")
    return dtype


def _kernel(name: str, value: ArrayLike, shape: Sequence[int | str]) -> Floats:
    kernel = read_only(name, value, shape)
    if kernel.size == 0:
        raise ValueError(f"{name}: expected at least one element, got shape {kernel.shape}")
    return kernel


def _pair(name: str, value: int | tuple[int, int], minimum: int) -> tuple[int, int]:
    pair = (value, value) if np.ndim(value) == 0 else tuple(value)  # type: ignore[arg-type]
    if len(pair) != 2:
        raise ValueError(f"{name}: expected a whole number or a pair (y, x), got {value}")
    return whole(name, pair[0], minimum), whole(name, pair[1], minimum)
