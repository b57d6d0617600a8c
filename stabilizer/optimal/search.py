"""One number that a clip shares: the zoom that is worth its price, or the price of a given crop."""

from collections.abc import Callable

import numpy as np

_STEPS = 12

Point = tuple[float, float]


def decreasing_root(
    f: Callable[[float], float],
    low: float,
    high: float,
    *,
    start: float,
    step: float,
    tolerance: float,
) -> Point:
    """Return x in [low, high] and f(x) < tolerance in size for a decreasing f, or the nearer end.

    From `start` in growing steps until the root is enclosed, then regula falsi in its Illinois form
    (Dowell and Jarratt, 1971). `f` is costly: it is called for few x, last for the x returned.
    """
    x, y = start, f(start)
    for _ in range(_STEPS):
        if abs(y) < tolerance or x == (high if y > 0 else low):
            return x, y
        new = float(np.clip(x + np.copysign(step, y), low, high))
        y_new = f(new)
        if y * y_new <= 0:
            return _enclosed(f, (x, y), (new, y_new), tolerance)
        x, y, step = new, y_new, 2 * step
    return x, y


def _enclosed(f: Callable[[float], float], older: Point, newer: Point, tolerance: float) -> Point:
    """Return the root and f there, the last one called, between (x, f(x)) of different signs."""
    (x_old, y_old), (x, y) = older, newer
    for _ in range(_STEPS):
        if abs(y) < tolerance or y == y_old:
            break
        new = x - y * (x - x_old) / (y - y_old)
        y_new = f(new)
        # the end that stays counts half, or one end would stay for ever
        x_old, y_old = (x, y) if y_new * y < 0 else (x_old, y_old / 2)
        x, y = new, y_new
    return x, y
