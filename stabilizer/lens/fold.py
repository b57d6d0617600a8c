"""Where a distortion that is not only radial folds back, by direction."""

from collections.abc import Callable

import numpy as np

from gyro_data.checks import Bools, Floats

_DIRECTIONS = 48
_RADII = 64
_SECTIONS = 16  # into which an interval is cut, each round
_ROUNDS = 3
_BEYOND = 0.01  # of the radius: the determinant itself decides there


class FoldLimit:
    """The region around the axis on which a map of the plane is one to one.

    In each direction it ends where the determinant of the map's derivative is first not positive.
    """

    def __init__(self, determinant: Callable[[Floats], Floats], farthest: float) -> None:
        """Look up to `farthest`; `determinant` takes points (..., 2)."""
        angle = 2 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
        direction = np.stack([np.cos(angle), np.sin(angle)], axis=-1)[:, None]  # (D, 1, 2)
        radius = np.tile(farthest * np.linspace(0.0, 1.0, _RADII) ** 1.5, (_DIRECTIONS, 1))
        for _ in range(1 + _ROUNDS):
            folded = ~(determinant(direction * radius[..., None]) > 0)  # (D, N)
            first = np.where(folded.any(axis=1), folded.argmax(axis=1), radius.shape[1] - 1)
            ends = np.stack([first - 1, first], axis=-1).clip(0)
            low, high = np.take_along_axis(radius, ends, axis=1).T
            radius = np.linspace(low, high, _SECTIONS + 1, axis=-1)
        self._determinant = determinant
        self._angle = np.concatenate([angle, [2 * np.pi]])
        self._limit = np.minimum(np.concatenate([high, high[:1]]) * (1 + _BEYOND), farthest)
        self._least = float(low.min()) * (1 - _BEYOND)

    def inside(self, xy: Floats) -> Bools:
        """Tell for points (..., 2) whether they are inside (..., 1)."""
        radius = np.linalg.norm(xy, axis=-1)
        inside = np.asarray(radius <= self._least)
        far = np.isfinite(radius) & ~inside
        if far.any():  # only they need a direction
            points = xy[far]
            angle = np.arctan2(points[:, 1], points[:, 0]) % (2 * np.pi)
            near = radius[far] <= np.interp(angle, self._angle, self._limit)
            inside[far] = near & (self._determinant(points) > 0)
        return np.asarray(inside)[..., None]
