"""Mesh warps by OpenCV alone: the plain twin of the fused kernel, and what stands in for it.

A strip of the grid at a time becomes a dense map. Depending on its version, OpenCV rounds the
fractions of some kernels to 1/32 px.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from stabilizer.warp import WarpGrid, check_interpolation, dense_map

_FLAGS: Mapping[str, int] = MappingProxyType(
    {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC, "lanczos": cv2.INTER_LANCZOS4}
)
_STRIP_ROWS = 128  # the dense map of a strip stays in cache
_REMAP_DTYPES = (np.uint8, np.uint16, np.int16, np.float32, np.float64)

Image = TypeVar("Image", bound=NDArray[Any])


def mesh_warp(
    image: Image, grid: WarpGrid, *, interpolation: str = "cubic", out: Image | None = None
) -> Image:
    """Warp an image (H, W) or (H, W, 1 to 4) by a coarse grid; beyond its edge the edge repeats.

    Returns an image of the grid's size and the same type, in `out` if it is given.
    Raises ValueError or TypeError for shapes, types and interpolations that are not supported.
    """
    if image.ndim not in (2, 3) or not 1 <= (image.shape[2] if image.ndim == 3 else 1) <= 4:
        raise ValueError(f"image: expected shape (H, W) or (H, W, 1 to 4), got {image.shape}")
    if image.dtype not in _REMAP_DTYPES:
        names = ", ".join(np.dtype(d).name for d in _REMAP_DTYPES)
        raise TypeError(f"image: expected one of {names}, got {image.dtype}")
    check_interpolation(interpolation)
    shape = (grid.height, grid.width, *image.shape[2:])
    warped = np.empty(shape, image.dtype) if out is None else out
    if warped.shape != shape or warped.dtype != image.dtype:
        raise ValueError(
            f"out: expected shape {shape} of {image.dtype}, got {warped.shape} of {warped.dtype}"
        )
    strip_rows = max(_STRIP_ROWS // grid.step_xy[1], 1) * grid.step_xy[1]
    for top in range(0, grid.height, strip_rows):
        bottom = min(top + strip_rows, grid.height)
        warped[top:bottom] = cv2.remap(
            image,
            dense_map(grid, top, bottom),
            None,
            _FLAGS[interpolation],
            borderMode=cv2.BORDER_REPLICATE,
        ).reshape(bottom - top, *shape[1:])
    return warped  # type: ignore[return-value]
