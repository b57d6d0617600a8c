"""Smoothers that solve for path and zoom together: `Optimal`, `Cinematic`, `Fixed`."""

import logging
from dataclasses import dataclass, replace

import numpy as np

from gyro_data.checks import Floats, number
from gyro_data.quaternions import conjugate, rotate
from stabilizer.border import BorderCheck
from stabilizer.crop import CroppedPath, ZoomRange
from stabilizer.errors import StabilizerError
from stabilizer.optimal.border_model import BorderModel
from stabilizer.optimal.clip import shots, solve_shot, zoom_limit
from stabilizer.optimal.cost import STEP, GroupNorms, Jerk, NodePath, PathCost, Restlessness
from stabilizer.optimal.search import decreasing_root
from stabilizer.optimal.verdict import keep_inside, needed_zoom
from stabilizer.path import CameraPath

LOG = logging.getLogger(__name__)

_PRICE = (STEP / 0.25) ** 6  # of a px of zoom: what `Optimal` pays by default
_USUAL_ZOOM = 1.15
_SAFETY = 0.5  # px at 1080 lines that nodes keep for what frames do between them
_ZOOM_TOLERANCE = 5e-4  # of log mean zoom
_WORTH_TOLERANCE = 0.02  # of the log of worth over price: the zoom errs by far less
_SMOOTHEST, _ROUGHEST = 20.0, 0.005  # s, between which a smoothness for a given crop is sought


@dataclass(frozen=True)
class Optimal:
    """The virtual path of least jerk whose frames all stay inside the picture.

    Minimises ∫ ½ T⁶ |v‴|² + ζ dt over path and zoom, where v is the virtual camera's turn and ζ the
    zoom, both in px at 1080 lines (v = focal · angle, ζ = radius · log zoom), with small terms that
    `cost` lists, subject to: every output border point stays inside the source picture, through the
    lens and its own row's time.
    """

    smoothness: float = 0.25
    """T, s: a swing of 2 px at 1 / (2π T) Hz costs what 1 px of zoom does."""
    crop: float | None = None
    """Mean zoom to reach instead; the smoothness follows from it."""
    lookahead: float = 15.0
    """s beyond each window of 50 s that its decisions look ahead."""
    axis_weights: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Of the restlessness about the virtual camera's x, y and z: pitch, yaw and roll."""
    horizon: bool = False
    """Keep the horizon level; the measured path must know which way is up."""

    def __post_init__(self) -> None:
        number("smoothness", self.smoothness, minimum=0.02, maximum=10)
        if self.crop is not None:
            number("crop", self.crop, above=1, maximum=10)
        number("lookahead", self.lookahead, minimum=0.5, maximum=3600)
        if len(self.axis_weights) != 3:
            raise ValueError(f"axis_weights: expected 3 numbers, got {self.axis_weights!r}")
        for name, weight in zip(("pitch", "yaw", "roll"), self.axis_weights, strict=True):
            number(f"axis_weights {name}", weight, minimum=1e-3, maximum=1e3)

    def cost(self, time: float) -> tuple[Restlessness, float]:
        """Return what is made small, for a smoothness of `time` s, and the price of a px of zoom.

        Both per node, and divided by T⁶ / step⁶: the weight of squared jerk is 1.
        """
        return Jerk(), (STEP / time) ** 6

    def plan(self, frame_times: Floats, border: BorderCheck, zoom: ZoomRange) -> CroppedPath:
        """Return path and zoom at `frame_times` (F,) s. Raises StabilizerError if nothing fits."""
        if self.crop is not None and zoom.low == zoom.high:
            raise ValueError(f"crop: expected none with a given zoom, got {self.crop:g}")
        if self.crop is not None and self.crop > zoom.high:
            raise ValueError(f"crop: expected up to max_zoom {zoom.high:g}, got {self.crop:g}")
        if self.horizon and border.measured.up is None:
            raise StabilizerError("a level horizon needs a path that knows which way is up")
        if self.crop is not None and zoom.fixed:
            zoom = replace(zoom, low=self.crop, high=self.crop)
        limit = needed_zoom(border, frame_times, zoom)
        clip = _Clip(self, border, frame_times, zoom)
        clip.solve()
        quat, zooms, node_limit = clip.at_frames()
        if limit.max() > zoom.high:  # exceeded anyway: the nodes' limits keep a little in hand
            limit = np.maximum(limit, node_limit)
        zooms = np.full(len(zooms), zooms.max()) if zoom.fixed else zooms
        zooms = np.clip(zooms, zoom.low, limit)
        return keep_inside(border, frame_times, quat, zooms, limit=limit, fixed=zoom.fixed)


@dataclass(frozen=True)
class Cinematic(Optimal):
    """Truly still and straight segments: lengths instead of squares (Grundmann et al., 2011).

    Minimises ∫ 4 T |v′| + T² |v″| + T³ |v‴| + ζ dt in the units of `Optimal`.
    """

    smoothness: float = 0.5

    def cost(self, time: float) -> tuple[Restlessness, float]:
        """Return the lengths of the differences and the price of a px of zoom, per node."""
        T = time / STEP
        return GroupNorms(4 * T * _PRICE, T**2 * _PRICE, T**3 * _PRICE), _PRICE


@dataclass(frozen=True)
class Fixed(Optimal):
    """A tripod: holds its pose as long as the crop allows, then moves on to the next.

    Minimises ∫ 20 T |v′| + T³ |v‴| + ζ dt in the units of `Optimal`.
    """

    smoothness: float = 0.5

    def cost(self, time: float) -> tuple[Restlessness, float]:
        """Return the lengths of the differences and the price of a px of zoom, per node."""
        T = time / STEP
        return GroupNorms(20 * T * _PRICE, 0.0, T**3 * _PRICE), _PRICE


def upright(measured: CameraPath, t: Floats) -> tuple[float, float]:
    """Return the side of the picture, as x and y, that is mostly up at `t` (F,) s.

    A phone held on end stores a picture that lies on its side: level is a quarter turn from there.
    """
    up_cam = rotate(conjugate(measured.quat_at(t)), measured.up_at(t))
    x, y = np.median(up_cam[:, :2], axis=0)
    return (float(np.sign(x)), 0.0) if abs(x) > abs(y) else (0.0, 1.0 if y > 0 else -1.0)


class _Clip:
    """The shots of a clip; `paths` are those that were solved for last."""

    def __init__(
        self, smoother: Optimal, border: BorderCheck, frame_times: Floats, zoom: ZoomRange
    ) -> None:
        self.smoother, self.zoom = smoother, zoom
        self.upright = upright(border.measured, frame_times) if smoother.horizon else (0.0, -1.0)
        self.shots = shots(BorderModel(border, safety=_SAFETY), frame_times)
        self.limits = self._limits(zoom.high)
        self.paths: list[NodePath] = []

    def solve(self) -> None:
        """Find `paths` for the smoother's smoothness or for its crop."""
        smoother, zoom = self.smoother, self.zoom
        if zoom.fixed and zoom.low < zoom.high:
            self._solve_with_fair_zoom()
        elif smoother.crop is not None and not zoom.fixed:
            self._solve_with_mean_zoom(float(np.log(smoother.crop)))
        else:
            self._solve(smoother.smoothness, zoom, self.limits)

    def at_frames(self) -> tuple[Floats, Floats, Floats]:
        """Return R_world_virtual (F, 4), zoom (F,) and the nodes' limit of it (F,)."""
        pairs = zip(self.shots, self.paths, strict=True)
        quat, zoom = zip(*(shot.at_frames(path) for shot, path in pairs), strict=True)
        limits = [
            np.interp(shot.frame_times, shot.t, limit)
            for shot, limit in zip(self.shots, self.limits, strict=True)
        ]
        return np.concatenate(quat), np.concatenate(zoom), np.exp(np.concatenate(limits))

    def _limits(self, high: float) -> list[Floats]:
        """Return each shot's largest log zooms (N,); of a fixed zoom they are all the same."""
        limits = [zoom_limit(shot, high) for shot in self.shots]
        if not self.zoom.fixed:
            return limits
        largest = max(float(limit.max()) for limit in limits)
        return [np.full(len(limit), largest) for limit in limits]

    def _solve(self, time: float, zoom: ZoomRange, limits: list[Floats]) -> float:
        """Find the paths for a smoothness of `time` s; return the mean worth of a px of zoom."""
        restlessness, price = self.smoother.cost(time)
        model = self.shots[0].model
        cost = PathCost(
            restlessness,
            model.focal,
            model.radius,
            price,
            self.smoother.axis_weights,
            self.upright,
        )
        starts: list[NodePath | None] = [None] * len(self.shots)
        starts[: len(self.paths)] = self.paths
        solved = [
            solve_shot(
                shot,
                cost,
                zoom,
                limit=limit,
                lookahead=self.smoother.lookahead,
                level=self.smoother.horizon,
                start=start,
            )
            for shot, limit, start in zip(self.shots, limits, starts, strict=True)
        ]
        self.paths = [path for path, _ in solved]
        return sum(worth for _, worth in solved) / sum(len(shot.t) for shot in self.shots)

    def _solve_at_zoom(self, log_zoom: float) -> float:
        zoom = float(np.exp(log_zoom))
        limits = [np.full(len(shot.t), log_zoom) for shot in self.shots]
        one = ZoomRange(zoom, zoom, fixed=True)
        return self._solve(self.smoother.smoothness, one, limits)

    def _solve_with_fair_zoom(self) -> None:
        """Find the one zoom of which a little more would save just what it costs."""
        _, price = self.smoother.cost(self.smoother.smoothness)

        def excess(log_zoom: float) -> float:
            worth = self._solve_at_zoom(log_zoom)
            return float(np.log(max(worth / price, 1e-9)))

        low = float(self._limits(self.zoom.low)[0][0])
        high = float(self.limits[0][0])
        start = float(np.clip(np.log(_USUAL_ZOOM), low, high))
        decreasing_root(excess, low, high, start=start, step=0.03, tolerance=_WORTH_TOLERANCE)

    def _solve_with_mean_zoom(self, log_zoom: float) -> None:
        """Find the smoothness that takes a mean log zoom as given."""

        def excess(log_roughness: float) -> float:
            self._solve(float(np.exp(-log_roughness)), self.zoom, self.limits)
            return float(np.concatenate([path.log_zoom for path in self.paths]).mean()) - log_zoom

        found, missed = decreasing_root(
            excess,
            -float(np.log(_SMOOTHEST)),
            -float(np.log(_ROUGHEST)),
            start=-float(np.log(self.smoother.smoothness)),
            step=0.3,
            tolerance=_ZOOM_TOLERANCE,
        )
        LOG.log(
            logging.INFO if abs(missed) < 10 * _ZOOM_TOLERANCE else logging.WARNING,
            "crop %.3f: mean zoom %.3f with smoothness %.3g s",
            np.exp(log_zoom),
            np.exp(log_zoom + missed),
            np.exp(-found),
        )
