"""The guarantee: the border of every frame is checked, and a frame that fails is repaired."""

import logging
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from gyro_data.checks import Bools, Floats
from stabilizer.border import BorderCheck, chunks
from stabilizer.crop import CALM_TIME, TOLERANCE, CroppedPath, calm, pull
from stabilizer.optimal.border_rows import BorderModel
from stabilizer.path import CameraPath

LOG = logging.getLogger(__name__)

_PER_EDGE = 16
_KNOTS = 33  # a readout of 33 ms is known every millisecond
_DOUBT = 0.1  # px at 1080 lines within which the quick check may err
_CHUNK_FRAMES = 1024
_ABOVE = 1e-6  # ratio by which a zoom found by iteration is exceeded


@dataclass(frozen=True, eq=False)
class _Frames:
    """The frames of a clip as they stand."""

    t: Floats
    """(F,) s"""
    quat: Floats
    """(F, 4) R_world_virtual"""
    zoom: Floats
    """(F,)"""
    margin: Floats
    """(F,) px"""

    @property
    def outside(self) -> Bools:
        return np.asarray(self.margin < -TOLERANCE)


def keep_inside(
    border: BorderCheck, t: Floats, quat: Floats, zoom: Floats, *, limit: Floats, fixed: bool
) -> CroppedPath:
    """Return the path with every frame's border inside the source picture.

    A frame that fails gets a little more zoom, with its neighbours, up to `limit` (F,); if that is
    not enough the path is pulled to the measured one, and only if even that needs it the limit is
    exceeded. With a `fixed` zoom all frames get more, or none.
    """
    frames = _Frames(t, quat, zoom, margins(border, t, quat, zoom))
    if frames.outside.any():
        LOG.info(
            "%d of %d frames miss the picture by up to %.3f px: repaired",
            frames.outside.sum(),
            len(t),
            -frames.margin.min(),
        )
        frames = _zoomed(border, frames, limit, fixed)
    if frames.outside.any():
        frames = _pulled(border, frames)
    if frames.outside.any():  # not even the measured path fits
        frames = _zoomed(border, frames, np.full(len(t), np.inf), fixed)
    virtual = CameraPath(t, Rotation.from_quat(frames.quat))
    return CroppedPath(virtual, frames.zoom, frames.margin)


def margins(border: BorderCheck, t: Floats, quat: Floats, zoom: Floats) -> Floats:
    """Return by how many px the worst border point of each frame is inside (F,).

    A quick check that allows for what lies between its points settles most frames; those within
    `_DOUBT` of the edge are judged by the exact map on the dense border.
    """
    model = BorderModel(border, per_edge=_PER_EDGE, n_knots=_KNOTS)
    parts = chunks(len(t), _CHUNK_FRAMES)
    quick = np.concatenate([model.at(t[k]).margins(quat[k], np.log(zoom[k])) for k in parts])
    margin = quick / model.px
    doubtful = quick < _DOUBT
    margin[doubtful] = border.margin(t[doubtful], quat[doubtful], zoom[doubtful])
    return margin


def _zoomed(border: BorderCheck, frames: _Frames, limit: Floats, fixed: bool) -> _Frames:
    """Raise the zoom of failing frames to what they need, up to `limit`; calmly around them."""
    k = np.flatnonzero(frames.outside)
    missing = np.zeros(len(frames.t))
    needed = border.required_zoom(frames.t[k], frames.quat[k]) * (1 + _ABOVE)
    missing[k] = np.maximum(np.log(needed / frames.zoom[k]), 0.0)
    more = np.full(len(missing), missing.max()) if fixed else -calm(-missing, frames.t)
    if fixed and (frames.zoom * np.exp(more) > limit * (1 + _ABOVE)).any():
        return frames
    zoom = np.maximum(frames.zoom, np.minimum(frames.zoom * np.exp(more), limit))
    return _judged_again(border, replace(frames, zoom=zoom), zoom != frames.zoom)


def _pulled(border: BorderCheck, frames: _Frames) -> _Frames:
    """Pull the path to the measured one around the frames that fail."""
    failing = frames.t[frames.outside]
    after = np.searchsorted(failing, frames.t - 3 * CALM_TIME)
    near = np.searchsorted(failing, frames.t + 3 * CALM_TIME) > after
    quat = frames.quat.copy()
    t = frames.t[near]
    quat[near] = pull(border, t, border.measured.quat_at(t), quat[near], frames.zoom[near])
    return _judged_again(border, replace(frames, quat=quat), near)


def _judged_again(border: BorderCheck, frames: _Frames, changed: Bools) -> _Frames:
    margin = frames.margin.copy()
    k = np.flatnonzero(changed)
    margin[k] = border.margin(frames.t[k], frames.quat[k], frames.zoom[k])
    return replace(frames, margin=margin)
