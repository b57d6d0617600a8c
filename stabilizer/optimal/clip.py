"""A whole clip: its nodes, solved window after window, and read off at the frame times."""

from dataclasses import dataclass, field

import numpy as np

from gyro_data.checks import Bools, Floats
from gyro_data.quaternions import continuous, normalize
from stabilizer.border import LARGEST_ZOOM, chunks
from stabilizer.convolution.kernels import gaussian
from stabilizer.crop import ZoomRange, calm_above
from stabilizer.optimal.border_model import BorderModel
from stabilizer.optimal.border_rows import SUBSTEPS, BorderRows
from stabilizer.optimal.cost import STEP, NodePath, PathCost
from stabilizer.optimal.sqp import Window, optimise, sampled

_COMMITTED = 1500  # nodes of a window that are kept: 50 s
_JOINED = 3  # nodes of the past that a window continues: position, velocity and acceleration
_FEWEST = 8  # nodes: third differences need four
_ROUNDING = 1e-6  # of a step
_CUT = 1.0  # s without a frame: what follows is another shot
_START_LOG_ZOOM = np.log(1.2)
_START_SMOOTHING = 0.3  # s: saves a round, compared with the measured path


@dataclass(frozen=True, eq=False)
class Shot:
    """Frames without a long hole between them, and the uniform grid of nodes that spans them."""

    model: BorderModel
    frame_times: Floats
    """(F,) s"""
    t: Floats = field(init=False)
    """(N,) s, `STEP` apart from the first frame on."""
    quat_measured: Floats = field(init=False, repr=False)
    """(N, 4)"""
    held: Bools = field(init=False, repr=False)
    """(N,) nodes where the log says nothing: they stay at the measured orientation."""

    def __post_init__(self) -> None:
        first, last = self.frame_times[[0, -1]]
        n = max(_FEWEST, int(np.ceil((last - first) / STEP - _ROUNDING)) + 1)
        t = first + STEP * np.arange(n)
        measured = self.model.border.measured
        silent = ~measured.covered(np.minimum(t, last))  # the last node may lie past the clip
        if len(measured.gaps):  # one may lie between two nodes
            middles = measured.gaps.mean(axis=1)
            nearest = np.rint((middles - first) / STEP).astype(np.intp)
            silent[nearest[(nearest >= 0) & (nearest < n)]] = True
        for name, value in (("t", t), ("quat_measured", measured.quat_at(t)), ("held", silent)):
            object.__setattr__(self, name, value)

    def rows(self, part: slice) -> BorderRows:
        """Return the border of some nodes, at the instants that they stand for.

        The last that counts is the first one not before the last frame, which has to be enclosed.
        """
        t = (self.t[part, None] + STEP / SUBSTEPS * np.arange(SUBSTEPS)).ravel()
        until = self.frame_times[-1] + (1 - _ROUNDING) * STEP / SUBSTEPS
        return BorderRows(self.model, t, until=until)

    def quat_smoothed(self) -> Floats:
        """Return the measured path, where it may be left, without the shake (N, 4)."""
        quat = continuous(self.quat_measured)
        kernel = gaussian(_START_SMOOTHING / STEP)
        reach = len(kernel) // 2
        padded = np.pad(quat, ((reach, reach), (0, 0)), mode="edge")
        # not by `convolution`, for which OpenCV would be imported
        mean = np.column_stack([np.convolve(part, kernel, "valid") for part in padded.T])
        return np.where(self.held[:, None], quat, normalize(mean))

    def at_frames(self, path: NodePath) -> tuple[Floats, Floats]:
        """Return R_world_virtual (F, 4) and zoom (F,)."""
        at = sampled(self.t, path, self.frame_times)
        return at.quat, np.exp(at.log_zoom)


def shots(model: BorderModel, frame_times: Floats) -> list[Shot]:
    """Cut a clip where no frame comes for a second: a path bridges no such hole."""
    cuts = np.flatnonzero(np.diff(frame_times) > _CUT) + 1
    return [Shot(model, times) for times in np.split(frame_times, cuts)]


def zoom_limit(shot: Shot, high: float) -> Floats:
    """Return log zooms (N,) up to which a node may zoom: `high`, or what the measured path needs.

    Where it needs more the limit rises and falls within a second.
    """
    log_high = float(np.log(high))
    parts = (shot.rows(part) for part in chunks(len(shot.t), _COMMITTED))
    limit = np.concatenate([rows.measured_log_zoom(log_high) for rows in parts])
    limit = np.minimum(limit, np.log(LARGEST_ZOOM)).reshape(-1, SUBSTEPS).max(axis=1)
    return calm_above(limit, shot.t) if limit.max() > log_high else limit


def solve_shot(
    shot: Shot,
    cost: PathCost,
    zoom: ZoomRange,
    *,
    limit: Floats,
    lookahead: float,
    level: bool = False,
    start: NodePath | None = None,
) -> tuple[NodePath, float]:
    """Return the best path of a shot and the worth of 1 px of zoom over all its nodes.

    Windows of `_COMMITTED` nodes and a `lookahead` (s) beyond, which later windows decide anew, are
    solved one after the other; each continues the last one's position, velocity and acceleration.

    Args:
        limit: (N,) largest log zoom of each node; with `zoom.fixed` this is the zoom.
        level: ask for a level horizon.
        start: a path to start from instead of the measured one, smoothed a little.
    """
    n, ahead = len(shot.t), int(np.ceil(lookahead / STEP))
    usual = np.minimum(limit, max(_START_LOG_ZOOM, np.log(zoom.low)))
    start = start or NodePath(shot.quat_smoothed(), usual)
    quat, log_zoom = start.quat.copy(), (limit if zoom.fixed else start.log_zoom).copy()
    worth = np.zeros(n)
    for first in range(0, n, _COMMITTED):
        part = slice(max(first - _JOINED, 0), min(first + _COMMITTED + ahead, n))
        window = _window(shot, part, first, zoom, limit, level)
        begin = NodePath(quat[part], log_zoom[part])
        path, worth[part] = optimise(window, cost, begin, fixed_zoom=zoom.fixed)
        quat[part], log_zoom[part] = path.quat, path.log_zoom
        if part.stop == n:
            break
    return NodePath(quat, log_zoom), float(worth.sum())


def _window(
    shot: Shot, part: slice, first: int, zoom: ZoomRange, limit: Floats, level: bool
) -> Window:
    done = np.arange(part.stop - part.start) < first - part.start
    return Window(
        shot.t[part],
        shot.rows(part),
        shot.quat_measured[part],
        float(np.log(zoom.low)),
        limit[part],
        shot.held[part] | done,
        done,
        shot.model.border.measured.up_at(shot.t[part]) if level else None,
    )
