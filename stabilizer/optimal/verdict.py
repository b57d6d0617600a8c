"""The guarantee: the border of every frame is checked, and a frame that fails is repaired."""

import logging
from dataclasses import dataclass, replace

import numpy as np

from gyro_data.checks import Bools, Floats
from gyro_data.quaternions import normalize
from stabilizer.border import LARGEST_ZOOM, BorderCheck, chunks
from stabilizer.crop import CALM_TIME, TOLERANCE, CroppedPath, ZoomRange, calm_above, exceeds, pull
from stabilizer.errors import StabilizerError
from stabilizer.optimal.border_model import BorderModel
from stabilizer.optimal.border_rows import BorderRows
from stabilizer.path import CameraPath

LOG = logging.getLogger(__name__)

_PER_EDGE = 16
_KNOT_INTERVAL = 1e-3  # s
_DOUBT = 0.1  # px at 1080 lines within which the quick check may err
_CHUNK_FRAMES = 1024
_PULL_REACH = 5 * CALM_TIME  # a pull fades within 2 s, also of a frame that only pulling brings out
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

    A frame that fails gets a little more zoom, with its neighbours, up to `limit` (F,), at which
    the measured path is inside; if that is not enough the path is pulled to the measured one, with
    that zoom. With a `fixed` zoom all frames get more, or none. Raises StabilizerError if a frame
    is outside in spite of all.
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
    if frames.outside.any():  # where the measured path needs more zoom than the solution had
        frames = _zoomed(border, frames, limit, fixed)
    if frames.outside.any():
        raise StabilizerError(
            f"the border cannot be kept out of the picture at {t[frames.outside][0]:.3f} s: check "
            "the camera's readout time and lens, and the log's units"
        )
    virtual = CameraPath(t, normalize(frames.quat))
    return CroppedPath(virtual, frames.zoom, frames.margin)


def margins(border: BorderCheck, t: Floats, quat: Floats, zoom: Floats) -> Floats:
    """Return by how many px, at least, the worst border point of each frame is inside (F,).

    A quick check that allows for what lies between its points settles most frames; those within
    `_DOUBT` of the edge are judged by the exact map on the dense border.
    """
    model = _close_model(border)
    quick = _quick_margins(model, t, quat, zoom)
    margin = quick / model.scale
    doubtful = quick < _DOUBT
    margin[doubtful] = border.margin(t[doubtful], quat[doubtful], zoom[doubtful])
    return margin


def _quick_margins(model: BorderModel, t: Floats, quat: Floats, zoom: Floats) -> Floats:
    """Return px at 1080 lines, rather too few, by which each frame's border is inside (F,)."""
    parts = chunks(len(t), _CHUNK_FRAMES)
    return np.concatenate(
        [BorderRows(model, t[k]).margins(quat[k], np.log(zoom[k])) for k in parts]
    )


def needed_zoom(border: BorderCheck, t: Floats, zoom: ZoomRange) -> Floats:
    """Return `zoom.high` (F,), or where the measured path itself needs more, that.

    It rises and falls within a second; a fixed zoom is the largest throughout. That more is needed
    is said, or refused if the range is strict.
    """
    quat = border.measured.quat_at(t)
    limit = np.full(len(t), zoom.high)
    outside = np.flatnonzero(_quick_margins(BorderModel(border), t, quat, limit) < 0)
    if len(outside):  # at so few points and rows
        some = margins(border, t[outside], quat[outside], limit[outside])
        outside = outside[some < -TOLERANCE]
    if not len(outside):
        return limit
    model = _close_model(border)
    for k in (outside[part] for part in chunks(len(outside), _CHUNK_FRAMES)):
        limit[k] = np.exp(BorderRows(model, t[k]).measured_log_zoom(float(np.log(zoom.high))))
    exceeds(zoom, float(limit.max()))
    return np.full(len(t), limit.max()) if zoom.fixed else calm_above(limit, t)


def _close_model(border: BorderCheck) -> BorderModel:
    return BorderModel(border, per_edge=_PER_EDGE, knot_interval=_KNOT_INTERVAL)


def _zoomed(border: BorderCheck, frames: _Frames, limit: Floats, fixed: bool) -> _Frames:
    """Raise the zoom of failing frames to what they need, up to `limit`; calmly around them."""
    k = np.flatnonzero(frames.outside)
    missing = np.zeros(len(frames.t))
    needed = border.required_zoom(frames.t[k], frames.quat[k], least=frames.zoom[k]) * (1 + _ABOVE)
    needed = np.minimum(needed, LARGEST_ZOOM)  # inf would spread
    missing[k] = np.maximum(np.log(needed / frames.zoom[k]), 0.0)
    more = np.full(len(missing), missing.max()) if fixed else calm_above(missing, frames.t)
    if fixed and (frames.zoom * np.exp(more) > limit * (1 + _ABOVE)).any():
        return frames
    zoom = np.maximum(frames.zoom, np.minimum(frames.zoom * np.exp(more), limit))
    return _judged_again(border, replace(frames, zoom=zoom), zoom != frames.zoom)


def _pulled(border: BorderCheck, frames: _Frames) -> _Frames:
    """Pull the path to the measured one around the frames that fail."""
    failing = frames.t[frames.outside]
    after = np.searchsorted(failing, frames.t - _PULL_REACH)
    near = np.searchsorted(failing, frames.t + _PULL_REACH) > after
    quat = frames.quat.copy()
    t = frames.t[near]
    quat[near] = pull(border, t, border.measured.quat_at(t), quat[near], frames.zoom[near])
    return _judged_again(border, replace(frames, quat=quat), near)


def _judged_again(border: BorderCheck, frames: _Frames, changed: Bools) -> _Frames:
    margin = frames.margin.copy()
    k = np.flatnonzero(changed)
    margin[k] = border.margin(frames.t[k], frames.quat[k], frames.zoom[k])
    return replace(frames, margin=margin)
