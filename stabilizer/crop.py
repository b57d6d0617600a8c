"""From a virtual path to one that never shows a border: by one zoom for the clip, or by giving way.

If the zoom is limited, the virtual path is pulled towards the measured one until it fits; where the
log says nothing the path is the measured one, that is the picture is left as it is.
"""

import logging
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gyro_data.checks import Bools, Floats, number
from gyro_data.quaternions import conjugate, from_rotvec, multiply, normalize, to_rotvec
from stabilizer.border import DENSE, LARGEST_ZOOM, BorderCheck
from stabilizer.convolution import gaussian
from stabilizer.errors import StabilizerError
from stabilizer.path import CameraPath

LOG = logging.getLogger(__name__)

TOLERANCE = 1e-3
"""px by which a border point may miss what may be sampled: rounding."""

_SPARSE = 8  # border points per edge for the search
_WORST_FRAMES = 16  # whose zoom is searched at a time
_PULL_STEPS = 14  # halvings: the pull is found to 1e-4 of the way
CALM_TIME = 1.0  # s over which a pull sets in and fades
_PULL_ROUNDS = 8


@dataclass(frozen=True)
class ZoomRange:
    """What zoom is allowed."""

    low: float = 1.0
    high: float = 1.5
    fixed: bool = False
    """One zoom for the whole clip."""
    strict: bool = False
    """Refuse a clip that `high` cannot keep free of a border, instead of exceeding it."""

    def __post_init__(self) -> None:
        number("zoom", self.low, minimum=1, maximum=LARGEST_ZOOM)
        number("max_zoom", self.high, minimum=self.low, maximum=LARGEST_ZOOM)

    @classmethod
    def of(cls, zoom: float | str, *, max_zoom: float, strict: bool = False) -> "ZoomRange":
        """Return the range that "dynamic", "fixed" or a factor means; ValueError for others."""
        if not isinstance(zoom, str):
            factor = number("zoom", zoom, minimum=1, maximum=LARGEST_ZOOM)
            return cls(factor, factor, fixed=True, strict=strict)
        if zoom not in ("dynamic", "fixed"):
            raise ValueError(f"zoom: expected dynamic, fixed or a factor, got {zoom!r}")
        return cls(high=max_zoom, fixed=zoom == "fixed", strict=strict)


@dataclass(frozen=True, eq=False)
class CroppedPath:
    """A virtual path, at the frame times, with zooms that show no border."""

    virtual: CameraPath
    zoom: Floats
    """(F,)"""
    margin: Floats
    """(F,) px by which the worst border pixel is inside what may be sampled."""


def fit_crop(wish: CameraPath, border: BorderCheck, zoom: ZoomRange) -> CroppedPath:
    """Return the path of a smoother, at the frame times, with one zoom for the clip.

    It is the smallest in `zoom`; where `zoom.high` is too small the path gives way. A limit too
    small even for the measured path is raised to what that needs, with a warning, or refused.
    """
    t = wish.t
    quat_measured = border.measured.quat_at(t)
    share = fade(border.measured.covered(t), t)
    quat_virtual = towards(quat_measured, wish.quat_at(t), share)
    chosen = _clip_zoom(border, t, quat_virtual, zoom.low, zoom.high)
    if chosen > zoom.high:
        chosen = _clip_zoom(border, t, quat_measured, zoom.high, LARGEST_ZOOM)
        if chosen > zoom.high:
            exceeds(zoom, chosen)
        quat_virtual = pull(border, t, quat_measured, quat_virtual, np.full(len(t), chosen))
    virtual = replace(wish, quat_xyzw=normalize(quat_virtual))
    zooms = np.full(len(t), chosen)
    return CroppedPath(virtual, zooms, border.margin(t, quat_virtual, zooms))


def exceeds(zoom: ZoomRange, needed: float) -> None:
    """Say that even the measured path needs a zoom above the range; raise if that is no remedy."""
    if needed >= LARGEST_ZOOM:
        raise StabilizerError(
            f"no zoom up to {LARGEST_ZOOM:g} keeps the border out of the picture even without "
            "smoothing: check the camera's readout time and lens, and the log's units"
        )
    message = (
        f"zoom {zoom.high:.4f} would show a border even without smoothing: "
        f"rolling shutter and interpolation need {needed:.4f}"
    )
    if zoom.strict:
        raise StabilizerError(f"{message}; allow it by max_zoom")
    LOG.warning("%s, which is used", message)


def _clip_zoom(border: BorderCheck, t: Floats, quat: Floats, least: float, limit: float) -> float:
    """Return the smallest zoom ≥ `least` that fits every frame, inf if it exceeds `limit`.

    The zoom grows to what the worst frames need until no frame is left: first judged by sparse
    border points, then by dense ones.
    """
    zoom, growth = least, 1e-6
    for n_per_edge in (_SPARSE, DENSE):
        left = np.arange(len(t))
        while zoom <= limit:
            margin = border.margin(t[left], quat[left], zoom, n_per_edge)
            outside = margin < -TOLERANCE
            if not outside.any():
                if len(left) == len(t):
                    break
                left = np.arange(len(t))  # the verdict is over all frames
                continue
            left = left[outside]
            worst = left[np.argsort(margin[outside])[:_WORST_FRAMES]]
            needed = border.required_zoom(t[worst], quat[worst], n_per_edge, least=zoom)
            zoom = max(float(needed.max()), zoom * (1 + growth))  # grows in any case: the loop ends
            growth *= 4
    return zoom if zoom <= limit else np.inf


def pull(
    border: BorderCheck, t: Floats, quat_measured: Floats, quat_virtual: Floats, zoom: Floats
) -> Floats:
    """Return the path R_measured exp(a log(R_measuredᵀ R_virtual)), a ≤ 1, that fits `zoom` (F,).

    `a` (F,) is the largest share that fits each frame, made calm over 1 s without exceeding it.
    """

    def fits(share: Floats, k: NDArray[np.intp], n_per_edge: int) -> Bools:
        quat = towards(quat_measured[k], quat_virtual[k], share)
        return np.asarray(border.margin(t[k], quat, zoom[k], n_per_edge) >= -TOLERANCE)

    every = np.arange(len(t))
    largest, share = np.ones(len(t)), np.ones(len(t))
    for n_per_edge in (_SPARSE, *[DENSE] * _PULL_ROUNDS):
        outside = every[~fits(share, every, n_per_edge)]
        if not len(outside):
            if n_per_edge == DENSE:
                break
            continue
        low, high = np.zeros(len(outside)), share[outside]
        for _ in range(_PULL_STEPS):  # bisect between the measured pose and the present share
            middle = (low + high) / 2
            good = fits(middle, outside, n_per_edge)
            low, high = np.where(good, middle, low), np.where(good, high, middle)
        largest[outside] = low
        share = calm(largest, t)  # made calm only once, so it fades within 2 s of what fails
    else:
        share[~fits(share, every, DENSE)] = 0.0
    return towards(quat_measured, quat_virtual, share)


def towards(quat_from: Floats, quat_to: Floats, share: Floats) -> Floats:
    """Go the `share` (F,) of the shortest way between rotations (F, 4): exact at 0 and 1."""
    way = to_rotvec(multiply(conjugate(quat_from), quat_to))
    between = multiply(quat_from, from_rotvec(share[:, None] * way))
    return np.where(share[:, None] == 1, quat_to, between)


def fade(covered: Bools, t: Floats) -> Floats:
    """Return shares (F,): 0 where `covered` (F,) is false, calmly rising to 1 around."""
    if covered.all():
        return np.ones(len(t))
    return calm(covered.astype(np.float64), t)


def calm_above(values: Floats, t: Floats) -> Floats:
    """Return a slow upper bound of `values` (F,)."""
    return -calm(-values, t)


def calm(share: Floats, t: Floats) -> Floats:
    """Return a slow lower bound of `share`: a running minimum, then a Gaussian inside it."""
    if len(t) < 2:
        return share
    # frames in any second: never fewer than CALM_TIME at irregular times
    radius = max(1, int(np.ceil(CALM_TIME / float(np.median(np.diff(t))))))
    around = np.lib.stride_tricks.sliding_window_view(np.pad(share, radius, "edge"), 2 * radius + 1)
    lowest = around.min(axis=1)
    kernel = gaussian(radius / 3, radius=radius)
    return np.convolve(np.pad(lowest, radius, mode="edge"), kernel, mode="valid")
