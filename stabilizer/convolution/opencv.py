"""The sums, by OpenCV: images extended by border pixels, correlated, rounded and saturated."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gyro_data.checks import Floats
from stabilizer.convolution.kernels import Factors, size

Image = NDArray[Any]
Border = Literal["constant", "replicate", "reflect", "reflect_101", "wrap"]

BORDERS = {
    "constant": "BORDER_CONSTANT",  # 000|abcd|000
    "replicate": "BORDER_REPLICATE",  # aaa|abcd|ddd
    "reflect": "BORDER_REFLECT",  # cba|abcd|dcb
    "reflect_101": "BORDER_REFLECT_101",  # dcb|abcd|cba
    "wrap": "BORDER_WRAP",  # bcd|abcd|abc
}
"""OpenCV's names of what is beyond the edge, which is imported when it is used: that takes long."""
LARGEST_DIRECT_KERNEL = 49
"""Elements of a 2-D kernel up to which OpenCV never uses a Fourier transform, on any machine."""


@dataclass(frozen=True, eq=False)
class Correlation:
    """Extends images by border pixels and correlates them where the kernel lies wholly inside.

    Raises ValueError for a border that is none of `BORDERS`.
    """

    kernels: Sequence[Factors]
    """One for all channels, or C."""
    margins: tuple[int, int, int, int]
    """Border pixels at the top, bottom, left and right."""
    border: Border
    bias: Floats = field(default_factory=lambda: np.zeros(()))
    """Added to each sum, or to those of each channel (C,)."""

    def __post_init__(self) -> None:
        if not isinstance(self.border, str) or self.border not in BORDERS:
            raise ValueError(f"border: expected one of {', '.join(BORDERS)}; got {self.border!r}")

    @cached_property
    def _float32_error(self) -> float:
        return max(map(_float32_error, self.kernels))

    @cached_property
    def _is_biased(self) -> bool:
        return bool(self.bias.any())

    def __call__(self, image: Image, dtype: np.dtype[Any]) -> Image:
        """Return the sums over an image (H, W) or (H, W, C) as `dtype`."""
        work = self._working_type(image, dtype)
        # OpenCV drops a channel axis of length 1 and knows border values for at most 4 channels.
        if image.ndim == 2 or (len(self.kernels) == 1 and image.shape[2] in (2, 3, 4)):
            return self._finished(self._filtered(image, self.kernels[0], work), dtype)
        each = self.kernels if len(self.kernels) > 1 else [self.kernels[0]] * image.shape[2]
        channels = [self._filtered(image[..., i], one, work) for i, one in enumerate(each)]
        return self._finished(np.stack(channels, axis=-1), dtype)

    def _filtered(self, pixels: Image, kernel: Factors, work: DTypeLike) -> Image:
        import cv2

        beyond = getattr(cv2, BORDERS[self.border])
        contiguous = np.ascontiguousarray(pixels, dtype=work)
        height, width = size(kernel)
        centred = (height // 2, (height - 1) // 2, width // 2, (width - 1) // 2)
        if self.margins == centred and self.border != "wrap":  # OpenCV extends it on the fly
            return _correlated(contiguous, kernel, beyond)
        extended = cv2.copyMakeBorder(contiguous, *self.margins, beyond)
        rows, columns = extended.shape[0] - height + 1, extended.shape[1] - width + 1
        result = _correlated(extended, kernel, cv2.BORDER_REPLICATE)
        return result[height // 2 :, width // 2 :][:rows, :columns]

    def _working_type(self, image: Image, dtype: np.dtype[Any]) -> DTypeLike:
        """Choose what OpenCV gets: uint8 (summed in float32, rounded by it), float32 or float64."""
        if image.dtype != dtype or dtype not in (np.uint8, np.uint16) or self._is_biased:
            return np.float64
        peak = 255 if dtype == np.uint8 else int(image.max())
        if peak * self._float32_error > 1 / 256:
            return np.float64
        return np.uint8 if dtype == np.uint8 else np.float32

    def _finished(self, sums: Image, dtype: np.dtype[Any]) -> Image:
        """Add the bias, then round and saturate to an integer `dtype`."""
        if sums.dtype == np.uint8:
            return sums
        if self._is_biased:
            sums += self.bias
        if dtype == np.uint16 and sums.dtype == np.float32:  # within 2^16 times a kernel's weights
            rounded = np.rint(sums, out=sums)
            return np.clip(rounded, 0, 65535, out=rounded).astype(np.uint16)
        if dtype.kind == "f":
            return sums.astype(dtype, copy=False)
        limits = np.iinfo(dtype)
        np.rint(sums, out=sums)
        beyond = sums >= limits.max  # set apart: float64 has no 2^63 − 1, and int64 has no 2^63
        sums[beyond] = 0
        result = np.maximum(sums, limits.min, out=sums).astype(dtype)
        result[beyond] = limits.max
        return result


def _correlated(image: Image, kernel: Factors, border: int) -> Image:
    """Correlate by OpenCV; element k // 2 of the kernel lies on the pixel."""
    import cv2

    result: Image
    if len(kernel) == 1:
        result = cv2.filter2D(image, -1, kernel[0], borderType=border)
        return result
    row, column = kernel
    if abs(row.sum() - 1.0) < 0.1:
        # If both kernels sum to 1, OpenCV sums 8 bits in fixed point and rounds halves up.
        row, column = 2.0 * row, 0.5 * column
    result = cv2.sepFilter2D(image, -1, row, column, borderType=border)
    return result


def _float32_error(kernel: Factors) -> float:
    """Bound the error of a float32 sum over pixels of magnitude 1: (n + 2) · 2^-24 · Σ|kernel|."""
    taps = sum(factor.size for factor in kernel)
    gains = [float(np.abs(factor).sum()) for factor in kernel]
    transformed = len(kernel) == 1 and taps > LARGEST_DIRECT_KERNEL
    if transformed or max(gains) > 1e30:  # float32 ends at 3e38, also between the two passes
        return math.inf
    return (taps + 2) * 2.0**-24 * math.prod(gains)
