"""Smoothers that solve for path and zoom together: `Optimal`, `Cinematic`, `Fixed`."""

import logging
from dataclasses import dataclass

import numpy as np

from gyro_data.checks import Floats, number
from stabilizer.border import BorderCheck
from stabilizer.crop import CroppedPath, ZoomRange, exceeds
from stabilizer.errors import StabilizerError
from stabilizer.optimal.border_rows import BorderModel
from stabilizer.optimal.clip import shots, solve_shot, zoom_limit
from stabilizer.optimal.cost import STEP, Cost, GroupNorms, Jerk, NodePath, PathCost
from stabilizer.optimal.search import decreasing_root
from stabilizer.optimal.verdict import keep_inside

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
    zoom, both in px at 1080 lines (v = focal · angle, ζ = radius · log zoom), subject to: every
    output border point stays inside the source picture, through the lens and its own row's time.
    """

    smoothness: float = 0.25
    """T, s: what a swing of 1 / (2π T) Hz and 1 px costs is what 1 px of zoom costs."""
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

    def cost(self, time: float) -> tuple[Cost, float]:
        """Return what is made small, for a smoothness of `time` s, and the price of a px of zoom.

        Both per node, and divided by T⁶ / step⁶: the weight of squared jerk is 1.
        """
        return Jerk(), (STEP / time) ** 6

    def plan(self, frame_times: Floats, border: BorderCheck, zoom: ZoomRange) -> CroppedPath:
        """Return path and zoom at `frame_times` (F,) s. Raises StabilizerError if nothing fits."""
        if self.crop is not None and self.crop > zoom.high > zoom.low:
            raise ValueError(f"crop: expected less than max_zoom {zoom.high:g}, got {self.crop:g}")
        if self.crop is not None and zoom.fixed and zoom.low == zoom.high:
            raise ValueError(f"crop: expected none with a given zoom, got {self.crop:g}")
        if self.horizon and border.measured.up is None:
            raise StabilizerError("a level horizon needs a path that knows which way is up")
        clip = _Clip(self, border, frame_times, zoom)
        clip.solve()
        quat, zooms, limit = clip.at_frames()
        return keep_inside(border, frame_times, quat, zooms, limit=limit, fixed=zoom.fixed)


@dataclass(frozen=True)
class Cinematic(Optimal):
    """Truly still and straight segments: lengths instead of squares (Grundmann et al., 2011).

    Minimises ∫ 4 T |v′| + T² |v″| + T³ |v‴| + ζ dt in the units of `Optimal`.
    """

    smoothness: float = 0.5

    def cost(self, time: float) -> tuple[Cost, float]:
        """Return the lengths of the differences and the price of a px of zoom, per node."""
        T = time / STEP
        return GroupNorms(4 * T * _PRICE, T**2 * _PRICE, T**3 * _PRICE), _PRICE


@dataclass(frozen=True)
class Fixed(Optimal):
    """A tripod: holds its pose as long as the crop allows, then moves on to the next.

    Minimises ∫ 20 T |v′| + T³ |v‴| + ζ dt in the units of `Optimal`.
    """

    smoothness: float = 0.5

    def cost(self, time: float) -> tuple[Cost, float]:
        """Return the lengths of the differences and the price of a px of zoom, per node."""
        T = time / STEP
        return GroupNorms(20 * T * _PRICE, 0.0, T**3 * _PRICE), _PRICE


class _Clip:
    """The shots of a clip, with the paths found so far."""

    def __init__(
        self, smoother: Optimal, border: BorderCheck, frame_times: Floats, zoom: ZoomRange
    ) -> None:
        self.smoother, self.zoom = smoother, zoom
        self.shots = shots(BorderModel(border, safety=_SAFETY), frame_times)
        self.limits = [zoom_limit(shot, zoom.high) for shot in self.shots]
        needed = float(np.exp(max(limit.max() for limit in self.limits)))
        if needed > zoom.high * (1 + 1e-9):
            exceeds(zoom, needed)
        self.paths: list[NodePath] = []

    def solve(self) -> None:
        """Find `paths` for the smoother's smoothness or for its crop."""
        smoother, zoom = self.smoother, self.zoom
        one_zoom = zoom.fixed and zoom.low < zoom.high
        if one_zoom and smoother.crop is not None:
            self._solve_at_zoom(float(np.log(smoother.crop)))
        elif one_zoom:
            self._solve_with_fair_zoom()
        elif smoother.crop is not None:
            self._solve_with_mean_zoom(float(np.log(smoother.crop)))
        else:
            self._solve(smoother.smoothness, zoom, self.limits)

    def at_frames(self) -> tuple[Floats, Floats, Floats]:
        """Return R_world_virtual (F, 4), zoom (F,) and the largest zoom (F,) at the frames."""
        quat, zoom = zip(
            *(shot.at_frames(path) for shot, path in zip(self.shots, self.paths, strict=True)),
            strict=True,
        )
        limit = [
            np.interp(shot.frame_times, shot.t, high)
            for shot, high in zip(self.shots, self.limits, strict=True)
        ]
        limits = np.exp(np.concatenate(limit))
        return np.concatenate(quat), np.clip(np.concatenate(zoom), self.zoom.low, limits), limits

    def _solve(self, time: float, zoom: ZoomRange, limits: list[Floats]) -> float:
        """Find the paths for a smoothness of `time` s; return the mean worth of a px of zoom."""
        restlessness, price = self.smoother.cost(time)
        model = self.shots[0].model
        cost = PathCost(restlessness, model.focal, model.radius, price, self.smoother.axis_weights)
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

        least = [zoom_limit(shot, self.zoom.low) for shot in self.shots]
        low = float(max(limit.max() for limit in least))
        high = max(low, float(np.log(self.zoom.high)))
        start = float(np.clip(np.log(_USUAL_ZOOM), low, high))
        decreasing_root(excess, low, high, start=start, step=0.03, tolerance=_WORTH_TOLERANCE)

    def _solve_with_mean_zoom(self, log_zoom: float) -> None:
        """Find the smoothness that takes a mean log zoom as given."""

        excesses: dict[float, float] = {}

        def excess(log_roughness: float) -> float:
            self._solve(float(np.exp(-log_roughness)), self.zoom, self.limits)
            mean = float(np.concatenate([path.log_zoom for path in self.paths]).mean())
            excesses[log_roughness] = mean - log_zoom
            return excesses[log_roughness]

        found = decreasing_root(
            excess,
            -float(np.log(_SMOOTHEST)),
            -float(np.log(_ROUGHEST)),
            start=-float(np.log(self.smoother.smoothness)),
            step=0.3,
            tolerance=_ZOOM_TOLERANCE,
        )
        reached = float(np.exp(log_zoom + excesses[found]))
        LOG.log(
            logging.INFO if abs(excesses[found]) < 10 * _ZOOM_TOLERANCE else logging.WARNING,
            "crop %.3f: mean zoom %.3f with smoothness %.3g s",
            np.exp(log_zoom),
            reached,
            np.exp(-found),
        )
