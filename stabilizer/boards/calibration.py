"""A lens from views of a board: views in; the camera, its errors and what is doubtful out."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from gyro_data.checks import Floats, read_only
from stabilizer.boards.adjustment import CornerTable, Fit, adjust, covariance, evaluate
from stabilizer.boards.board import places_board
from stabilizer.boards.coverage import covered
from stabilizer.boards.start import first_guess, view_rms
from stabilizer.boards.verdict import check_known, doubts, shows_picture
from stabilizer.boards.views import View
from stabilizer.camera import Camera
from stabilizer.errors import StabilizerError
from stabilizer.lens import Fisheye, Lens, OpenCV, Pinhole

LOG = logging.getLogger(__name__)

_FEWEST_VIEWS = 5
_BAD_VIEW = 3.0  # times the error of the median view
_BAD_CORNER = 6.0  # times the median error, which is seven standard deviations
_BAD_CORNERS = 0.25  # of a view
_EXACT = 0.05  # px; smaller errors are no reason to leave anything out
_ROUNDS = 4


class _Model(NamedTuple):
    """A lens without distortion and which of its coefficients are fitted, stage by stage."""

    undistorted: Lens
    coefficients: tuple[str, ...]
    stages: tuple[tuple[int, ...], ...]


MODELS: Mapping[str, _Model] = MappingProxyType(
    {
        "pinhole": _Model(Pinhole(), (), ((),)),
        "opencv": _Model(
            OpenCV((0.0,) * 5),
            ("k1", "k2", "p1", "p2", "k3"),
            ((), (0,), (0, 1), (0, 1, 2, 3), (0, 1, 2, 3, 4)),
        ),
        "fisheye": _Model(
            Fisheye(),
            ("k1", "k2", "k3", "k4"),
            ((), (0,), (0, 1), (0, 1, 2), (0, 1, 2, 3)),
        ),
    }
)
"""What can be fitted, by the name of the lens."""


@dataclass(frozen=True, eq=False)
class LensCalibration:
    """A camera fitted to views of a board, and how well."""

    camera: Camera
    """Without readout time and axes, of which boards tell nothing."""
    standard_errors: Mapping[str, float]
    """Of fx fy cx cy in px and of the coefficients that were fitted; the lens's others are 0."""
    views: tuple[View, ...]
    """The V views that count, without the corners that do not."""
    residuals: tuple[Floats, ...]
    """Of each view (n, 2) px: where its corners are, minus where the camera projects them."""
    view_rms: Floats
    """(V,) px, root mean square distance of each view."""
    rms: float
    """px, of all corners."""
    coverage: float
    """Share of the picture that the board covered in one view or another."""
    rejected: Mapping[float, str]
    """Why a view does not count, by its time."""
    warnings: tuple[str, ...]
    """What makes the result doubtful, and what to film instead."""

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        set_field(self, "view_rms", read_only("view_rms", self.view_rms, (len(self.views),)))
        for name in ("standard_errors", "rejected"):
            set_field(self, name, MappingProxyType(dict(getattr(self, name))))


def calibrate_lens(
    views: Sequence[View], width: int, height: int, *, model: str = "opencv"
) -> LensCalibration:
    """Fit focal lengths, principal point and distortion of a `width` x `height` picture to views.

    Least squares over the camera and the board's pose in each view. Views and corners that
    contradict the rest are left out, with a reason. Distortion has as many coefficients as the
    views prove. `model` is "opencv", "fisheye" or "pinhole". Raises ValueError for another one and
    for views of another picture, StabilizerError where views are too few or too much alike.
    """
    if model not in MODELS:
        raise ValueError(f"model: expected one of {', '.join(MODELS)}, got {model!r}")
    for view in views:
        if (view.xy < -0.5).any() or (view.xy > (width - 0.5, height - 0.5)).any():
            raise ValueError(f"views: the one at {view.t:g} s is not of a {width}x{height} picture")
    rejected: dict[float, str] = {}
    kept, fits = _robust_fits(_enough(views, {}), width, height, MODELS[model], rejected)
    kept, fits = _without_outliers(kept, fits, rejected)
    free, fit = _simplest(kept, fits, MODELS[model].stages)
    for _ in range(_ROUNDS):
        n_corners = len(fit.residuals)
        kept, [fit] = _without_outliers(kept, [fit], rejected)
        fit = adjust(fit, CornerTable.of(kept), free)
        if len(fit.residuals) == n_corners:
            break
    return _judged(kept, fit, free, rejected)


def _enough(views: Sequence[View], rejected: Mapping[float, str]) -> list[View]:
    """Return the views; StabilizerError when they are too few."""
    if len(views) >= _FEWEST_VIEWS:
        return list(views)
    count = f"distinct views of the board: {len(views)}, at least {_FEWEST_VIEWS} are needed"
    if rejected:
        t, reason = next(iter(rejected.items()))
        raise StabilizerError(
            f"{count}: {len(rejected)} more were left out (the one at {t:.2f} s {reason}); check "
            "the board's numbers and that it is flat"
        )
    raise StabilizerError(
        f"{count}: film it from more sides, tilted by 30 to 45 degrees, and hold still for half "
        "a second at each"
    )


def _robust_fits(
    views: list[View], width: int, height: int, model: _Model, rejected: dict[float, str]
) -> tuple[list[View], list[Fit]]:
    """Return the views that have a pose, and a fit for each stage, which begins with the last."""
    corners = CornerTable.of(views)
    fit = first_guess(corners, width, height, model.undistorted)
    placed = np.isfinite(view_rms(fit, corners))
    for i in np.flatnonzero(~placed):
        rejected[views[i].t] = "shows no flat board"
    views = _enough([v for v, good in zip(views, placed, strict=True) if good], rejected)
    corners = CornerTable.of(views)
    fit = evaluate(fit.camera, fit.poses.of(placed), corners)
    fits = []
    for free in model.stages:
        fit = adjust(fit, corners, free, robust=True)
        fits.append(fit)
    return views, fits


def _without_outliers(
    views: list[View], fits: list[Fit], rejected: dict[float, str]
) -> tuple[list[View], list[Fit]]:
    """Leave out corners and views that the last fit cannot explain, and add why to `rejected`."""
    corners = CornerTable.of(views)
    error = np.linalg.norm(fits[-1].residuals, axis=-1)
    good = error <= max(_BAD_CORNER * float(np.median(error)), _EXACT)
    rms = view_rms(fits[-1], corners)
    typical = float(np.median(rms))
    kept, is_kept = [], np.zeros(len(views), dtype=bool)
    for i, (view, own) in enumerate(zip(views, corners.rows(), strict=True)):
        some = good[own]
        left = float(np.sqrt((error[own][some] ** 2).mean())) if some.any() else np.inf
        is_kept[i] = (
            some.mean() >= 1 - _BAD_CORNERS
            and left <= max(_BAD_VIEW * typical, _EXACT)
            and places_board(view.board_xy[some])
        )
        if is_kept[i]:
            kept.append(replace(view, board_xy=view.board_xy[some], xy=view.xy[some]))
        else:
            rejected[view.t] = f"misses by {rms[i]:.2f} px, the others by {typical:.2f} px"
    table = CornerTable.of(_enough(kept, rejected))
    return kept, [evaluate(f.camera, f.poses.of(is_kept), table) for f in fits]


def _simplest(
    views: list[View], fits: list[Fit], stages: tuple[tuple[int, ...], ...]
) -> tuple[tuple[int, ...], Fit]:
    """Refine each stage's fit by plain least squares; return the best by information criterion.

    n log(Σ r² / n) + p log n over n residuals with p parameters (G. Schwarz, Estimating the
    dimension of a model, 1978): coefficients that corners do not need run wild elsewhere. A lens
    that ends inside the picture must explain the corners better by 5 %.
    """
    corners = CornerTable.of(views)
    refined = [adjust(f, corners, free) for f, free in zip(fits, stages, strict=True)]
    scores = []
    for fit, free in zip(refined, stages, strict=True):
        n = fit.residuals.size
        misfit = float((fit.residuals**2).sum()) / n + 1e-12
        misfit *= 1.0 if shows_picture(fit.camera) else 1.1
        scores.append(n * np.log(misfit) + len(free) * np.log(n))
        LOG.info("lens with %d coefficients: RMS %.3f px", len(free), _rms(fit))
    best = int(np.argmin(scores))
    return stages[best], refined[best]


def _judged(
    views: list[View], fit: Fit, free: tuple[int, ...], rejected: dict[float, str]
) -> LensCalibration:
    """Put the result together; StabilizerError when it says nothing about the lens."""
    camera, corners, rms = fit.camera, CornerTable.of(views), _rms(fit)
    errors = np.sqrt(np.diag(covariance(fit, corners, free)))
    focal_error = float(max(errors[0] / camera.fx, errors[1] / camera.fy))
    check_known(camera, len(views), focal_error, rms)
    names = ("fx", "fy", "cx", "cy", *(MODELS[camera.lens.name].coefficients[i] for i in free))
    coverage = float(covered(views, camera.width, camera.height).mean())
    return LensCalibration(
        camera,
        standard_errors=dict(zip(names, map(float, errors), strict=True)),
        views=tuple(views),
        residuals=tuple(fit.residuals[own] for own in corners.rows()),
        view_rms=view_rms(fit, corners),
        rms=rms,
        coverage=coverage,
        rejected=rejected,
        warnings=tuple(doubts(camera, views, focal_error, rms, coverage)),
    )


def _rms(fit: Fit) -> float:
    return float(np.sqrt((fit.residuals**2).sum(axis=-1).mean()))
