"""How much each sample around a point counts: the interpolation kernels.

t, from 0 to below 1, is how far the point lies behind the sample before it. Each kernel is linear
interpolation plus t (1 − t) times polynomials: at t = 0 exactly the sample itself. Only +, − and ×
are used, so that the same lines serve numbers, arrays and the vectors of `vectors`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_SLOPE = -0.75
"""Of the cubic kernel at distance 1: OpenCV's. It is nearer to the truth than Catmull-Rom's −0.5 on
all but noisy pictures: by 0.6 dB, and by −0.2 dB where the noise has a sigma of 4 levels."""

# P_k = E(z) + v O(z) of samples k and 7 − k, with v = 2t − 1 and z = v²: least squares to Lanczos'
# kernel of 4 lobes, its weights divided by their sum; 3e-5 off at most.
_LANCZOS = (
    ((-0.0505781, -0.0002931), (0.0622536, -0.0124919)),
    ((0.2390926, -0.0294577), (-0.1343618, 0.0257096)),
    ((-0.6640881, 0.0542939), (0.3345037, -0.0441221)),
    ((0.4755736, -0.0245430), (-0.6040466, 0.0544504)),
)


def linear(t: Any) -> list[Any]:
    """Return the weights of the samples before and behind."""
    return [1.0 - t, t]


def cubic(t: Any) -> list[Any]:
    """Return the weights of four samples: Keys' cubic convolution."""
    u = 1.0 - t
    both = t * u
    first, last = both * _SLOPE * u, both * _SLOPE * t
    third = t + both * (1.0 - (_SLOPE + 2.0) * u)
    return [first, 1.0 - first - third - last, third, last]


def lanczos(t: Any) -> list[Any]:
    """Return the weights of eight samples: Lanczos' kernel of four lobes."""
    both, v = t * (1.0 - t), 2.0 * t - 1.0
    z = v * v
    before, behind = [], []
    for (e0, e1), (o0, o1) in _LANCZOS:
        even, odd = e0 + e1 * z, v * (o0 + o1 * z)
        before.append(both * (even + odd))
        behind.append(both * (even - odd))
    fifth = t + behind.pop()
    others = [*before[:3], fifth, *reversed(behind)]
    fourth = 1.0
    for weight in others:
        fourth = fourth - weight
    return [*others[:3], fourth, *others[3:]]


TAPS: Mapping[str, int] = MappingProxyType({"linear": 2, "cubic": 4, "lanczos": 8})
"""How many samples a kernel takes along each axis; one half of them lies before the point."""

WEIGHTS = MappingProxyType({2: linear, 4: cubic, 8: lanczos})
"""Weights as a function of t, by the number of taps."""
