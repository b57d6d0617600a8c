"""The sums, by OpenCV: images extended by border pixels, correlated, rounded and saturated."""

import math
from collections.abc import Sequence
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


def correlate_inside(
    image: Image,
    kernels: Sequence[Factors],
    margins: tuple[int, int, int, int],
    bias: Floats,
    border: Border,
    dtype: np.dtype[Any],
) -> Image:
    """Extend the image by `margins` and correlate it where the kernel lies wholly inside.

    `margins` are the top, bottom, left, right border pixels; `kernels` one for all channels, or C.
    """
    import cv2

    if border not in BORDERS:
        raise ValueError(f"border: expected one of {', '.join(BORDERS)}; got {border!r}")
    work = _working_type(image, kernels, bias, dtype)
    beyond = getattr(cv2, BORDERS[border])

    def filtered(pixels: Image, kernel: Factors) -> Image:
        contiguous = np.ascontiguousarray(pixels, dtype=work)
        height, width = size(kernel)
        centred = (height // 2, (height - 1) // 2, width // 2, (width - 1) // 2)
        if margins == centred and border != "wrap":  # OpenCV extends the image on the fly
            return _correlated(contiguous, kernel, beyond)
        extended = cv2.copyMakeBorder(contiguous, *margins, beyond)
        rows, columns = extended.shape[0] - height + 1, extended.shape[1] - width + 1
        result = _correlated(extended, kernel, cv2.BORDER_REPLICATE)
        return result[height // 2 :, width // 2 :][:rows, :columns]

    # OpenCV drops a channel axis of length 1 and knows border values for at most 4 channels.
    if image.ndim == 2 or (len(kernels) == 1 and image.shape[2] in (2, 3, 4)):
        return _finished(filtered(image, kernels[0]), bias, dtype)
    each = kernels if len(kernels) > 1 else [kernels[0]] * image.shape[2]
    stacked = np.stack([filtered(image[..., i], one) for i, one in enumerate(each)], axis=-1)
    return _finished(stacked, bias, dtype)


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


def _working_type(
    image: Image, kernels: Sequence[Factors], bias: Floats, dtype: np.dtype[Any]
) -> DTypeLike:
    """Choose what OpenCV gets: uint8 (summed in float32 and rounded by it), float32 or float64."""
    if image.dtype != dtype or dtype not in (np.uint8, np.uint16) or bias.any():
        return np.float64
    peak = 255 if dtype == np.uint8 else int(image.max())
    if peak * max(map(_float32_error, kernels)) > 1 / 256:
        return np.float64
    return np.uint8 if dtype == np.uint8 else np.float32


def _float32_error(kernel: Factors) -> float:
    """Bound the error of a float32 sum over pixels of magnitude 1: (n + 2) · 2^-24 · Σ|kernel|."""
    taps = sum(factor.size for factor in kernel)
    gains = [float(np.abs(factor).sum()) for factor in kernel]
    transformed = len(kernel) == 1 and taps > LARGEST_DIRECT_KERNEL
    if transformed or max(gains) > 1e30:  # float32 ends at 3e38, also between the two passes
        return math.inf
    return (taps + 2) * 2.0**-24 * math.prod(gains)


def _finished(sums: Image, bias: Floats, dtype: np.dtype[Any]) -> Image:
    """Add the bias, then round and saturate to an integer `dtype`."""
    if sums.dtype == np.uint8:
        return sums
    if bias.any():
        sums += bias
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
