"""Checks at the birth of a value: shapes, finiteness, order; arrays become read-only copies."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def read_only(name: str, value: Any, shape: Sequence[int | str]) -> Floats:
    """Copy `value` to a read-only float64 array of `shape`, in which a letter is any length.

    Raises ValueError when the shape differs or a value is not finite.
    """
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            f"{name}: expected numbers of shape {_text(shape)}, got {value!r:.200}"
        ) from None
    fits = array.ndim == len(shape) and all(
        isinstance(want, str) or want == got for want, got in zip(shape, array.shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{name}: expected shape {_text(shape)}, got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite numbers, got {array[~np.isfinite(array)][0]}")
    array.setflags(write=False)
    return array


def _text(shape: Sequence[int | str]) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def increasing(name: str, t: Floats) -> Floats:
    """Return `t (N,)` if it is strictly increasing; ValueError names the first offender."""
    backward = np.flatnonzero(np.diff(t) <= 0)
    if backward.size:
        i = int(backward[0])
        raise ValueError(
            f"{name}: expected strictly increasing times, got {t[i]:.9g} then {t[i + 1]:.9g} "
            f"at index {i + 1}"
        )
    return t


def number(
    name: str,
    value: float,
    *,
    minimum: float = -np.inf,
    maximum: float = np.inf,
    above: float = -np.inf,
) -> float:
    """Return `value` as a finite float within the limits, else raise ValueError or TypeError."""
    if isinstance(value, str | bytes | bool) or not hasattr(value, "__float__"):
        raise TypeError(f"{name}: expected a number, got {value!r}")
    try:
        result = float(value)
    except OverflowError:  # a whole number that no float holds
        result = value = np.inf if value > 0 else -np.inf
    if not (np.isfinite(result) and minimum <= result <= maximum and result > above):
        limits = [f">= {minimum:g}"] if minimum > -np.inf else []
        limits += [f"> {above:g}"] if above > -np.inf else []
        limits += [f"<= {maximum:g}"] if maximum < np.inf else []
        wanted = " ".join(["a finite number", " and ".join(limits)]).strip()
        raise ValueError(f"{name}: expected {wanted}, got {value}")
    return result
