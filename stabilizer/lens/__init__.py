"""Lens models: rays in the camera frame (x right, y down, z forward) ↔ normalised image points.

A point is in units of the focal length from the principal point. A ray that a lens cannot show
(behind it, or past where its distortion folds back) projects to NaN: it is outside the picture.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from stabilizer.lens.base import Lens
from stabilizer.lens.corrected import Corrected, corrected
from stabilizer.lens.fisheye import Fisheye
from stabilizer.lens.opencv import OpenCV
from stabilizer.lens.pinhole import Pinhole

__all__ = [
    "LENSES",
    "Corrected",
    "Fisheye",
    "Lens",
    "OpenCV",
    "Pinhole",
    "corrected",
    "make_lens",
]

LENSES: Mapping[str, Callable[[tuple[float, ...]], Lens]] = MappingProxyType(
    {"pinhole": Pinhole, "opencv": OpenCV, "fisheye": Fisheye}
)
"""Every lens model by the name that camera files use."""


def make_lens(name: str, coeffs: tuple[float, ...] = ()) -> Lens:
    """Return the lens `name` of `LENSES` with `coeffs`; ValueError names what exists."""
    if name not in LENSES:
        raise ValueError(f"lens: expected one of {', '.join(LENSES)}, got {name!r}")
    return LENSES[name](tuple(coeffs))
