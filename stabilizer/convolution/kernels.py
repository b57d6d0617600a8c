"""Ready kernels, and what a 2-D kernel is made of: the row and column of a kernel of rank 1."""

import numpy as np

from gyro_data.checks import Floats, number

Factors = tuple[Floats] | tuple[Floats, Floats]
"""A kernel to correlate with: itself (kh, kw), or its row (kw,) and column (kh,) if separable."""


def gaussian(sigma: float, radius: int | None = None) -> Floats:
    """Return exp(−x² / 2σ²) at x = −radius … radius, scaled to sum 1; by default to 4 σ."""
    sigma = number("sigma", sigma, above=0.0)
    reach = round(4.0 * sigma) if radius is None else whole("radius", radius, 0)
    with np.errstate(over="ignore"):  # far out of a narrow bell: exp(−inf) is the right 0
        bell: Floats = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    bell /= bell.sum()
    return bell


def box(n: int) -> Floats:
    """Return the mean of `n` pixels, (n,)."""
    return np.full(whole("n", n, 1), 1.0 / n)


def sharpen(amount: float) -> Floats:
    """Return the unsharp mask (3, 3): identity + amount · (identity − binomial blur); sums to 1."""
    amount = number("amount", amount, minimum=0.0)
    identity = np.outer([0.0, 1.0, 0.0], [0.0, 1.0, 0.0])
    blur = np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25])
    mask: Floats = identity + amount * (identity - blur)
    return mask


def factors(kernel: Floats) -> Factors:
    """Split a kernel of rank 1 (to rounding error) into its row and column; return others whole."""
    values = np.linalg.svd(kernel, compute_uv=False)
    rounding = values[0] * max(kernel.shape) * np.finfo(np.float64).eps
    if values[0] == 0 or values[1:].max(initial=0.0) > rounding:
        return (kernel,)
    # Through the largest element instead of the singular vectors: 0.25, 0.5, 0.25 stay exact.
    y, x = np.unravel_index(np.abs(kernel).argmax(), kernel.shape)
    return kernel[y], kernel[:, x] / kernel[y, x]


def size(kernel: Factors) -> tuple[int, int]:
    """Return (kh, kw)."""
    if len(kernel) == 2:
        return kernel[1].size, kernel[0].size
    return kernel[0].shape[0], kernel[0].shape[1]


def spread(kernel: Factors, dilation: tuple[int, int]) -> Factors:
    """Put the elements of a kernel `dilation` (y, x) pixels apart, with zeros between."""

    def stuffed(array: Floats, *steps: int) -> Floats:
        shape = [step * (n - 1) + 1 for step, n in zip(steps, array.shape, strict=True)]
        result = np.zeros(shape)
        result[tuple(slice(None, None, step) for step in steps)] = array
        return result

    if len(kernel) == 2:
        return stuffed(kernel[0], dilation[1]), stuffed(kernel[1], dilation[0])
    return (stuffed(kernel[0], *dilation),)


def whole(name: str, value: object, minimum: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < minimum:
        raise ValueError(f"{name}: expected a whole number >= {minimum}, got {value!r}")
    return int(value)
