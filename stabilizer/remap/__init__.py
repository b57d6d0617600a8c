"""Warp a frame's native planes by its grid: chroma at its own resolution and siting."""

from stabilizer.remap.backends import BACKENDS, chosen_backend
from stabilizer.remap.chroma import chroma_grid
from stabilizer.remap.frames import warm_up, warming_up, warp_frame

__all__ = [
    "BACKENDS",
    "chosen_backend",
    "chroma_grid",
    "warm_up",
    "warming_up",
    "warp_frame",
]
