"""Bundle adjustment of one camera and a flat board's poses: corners seen in, least squares out.

A corner at b = (column, row, 0) on the board is at R_cam_board b + position in the camera's frame.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gyro_data.checks import Bools, Floats
from stabilizer.boards.views import View
from stabilizer.camera import Camera
from stabilizer.lens import make_lens

_STEPS = 60
_CONVERGED = 1e-10  # relative fall of the cost
_COEFF_STEP = 1e-7  # models are linear in their coefficients: small enough to stay inside a lens
_OUTLIER = 3.0  # medians of the error at which Cauchy's loss begins to flatten

Free = tuple[int, ...]
"""Which of the lens's coefficients are free beside fx fy cx cy."""


@dataclass(frozen=True, eq=False)
class CornerTable:
    """The corners of V views in one table of M rows, view after view."""

    board: Floats
    """(M, 3) squares, on the plane z = 0."""
    xy: Floats
    """(M, 2) px."""
    first: NDArray[np.intp]
    """(V,) the row at which each view begins; every view has rows."""

    @classmethod
    def of(cls, views: list[View]) -> "CornerTable":
        """Join the views' corners."""
        lengths = [len(v.xy) for v in views]
        board_xy = np.concatenate([v.board_xy for v in views])
        board = np.column_stack([board_xy, np.zeros(len(board_xy))])
        first = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.intp)
        return cls(board, np.concatenate([v.xy for v in views]), first)

    @property
    def view(self) -> NDArray[np.intp]:
        """(M,) which view each corner is of."""
        lengths = np.diff(np.append(self.first, len(self.xy)))
        return np.repeat(np.arange(len(self.first)), lengths)

    def rows(self) -> list[slice]:
        """Return which rows each view has."""
        ends = np.append(self.first[1:], len(self.xy))
        return [slice(int(a), int(b)) for a, b in zip(self.first, ends, strict=True)]

    def sum_by_view(self, values: Floats) -> Floats:
        """Add up (M, …) within each view: (V, …)."""
        return np.asarray(np.add.reduceat(values, self.first, axis=0))


@dataclass(frozen=True, eq=False)
class Poses:
    """Where the board is in each of V views."""

    R_cam_board: Floats
    """(V, 3, 3)"""
    position: Floats
    """(V, 3) squares: the board's first corner in the camera's frame."""

    def of(self, views: Bools) -> "Poses":
        """Return the poses of some of the views."""
        return Poses(self.R_cam_board[views], self.position[views])

    def moved(self, step: Floats) -> "Poses":
        """Turn by step[:, :3] rad in the camera's axes and shift by step[:, 3:]."""
        turn = Rotation.from_rotvec(step[:, :3]).as_matrix()
        return Poses(turn @ self.R_cam_board, self.position + step[:, 3:])


@dataclass(frozen=True, eq=False)
class Fit:
    """A camera and poses with what they leave of the corners."""

    camera: Camera
    poses: Poses
    residuals: Floats
    """(M, 2) px, seen minus projected; NaN where the lens does not show the corner."""


@dataclass(frozen=True, eq=False)
class _Normal:
    """Blocks of the normal equations: p camera parameters, 6 for each view's pose."""

    cc: Floats
    """(p, p)"""
    cp: Floats
    """(V, p, 6)"""
    pp: Floats
    """(V, 6, 6)"""
    c: Floats
    """(p,) right side"""
    p: Floats
    """(V, 6) right side"""


def evaluate(camera: Camera, poses: Poses, corners: CornerTable) -> Fit:
    """Project the corners."""
    rays = _turned(poses, corners) + poses.position[corners.view]
    return Fit(camera, poses, corners.xy - camera.project(rays))


def adjust(start: Fit, corners: CornerTable, free: Free, *, robust: bool = False) -> Fit:
    """Minimise the corners' squared errors by Levenberg and Marquardt's method.

    `robust` takes Cauchy's loss instead, c² log(1 + e² / c²), c being three times the median error.
    `start` must project every corner. The poses are eliminated from each step (Schur complement).
    """
    fit, damping = start, 1e-3
    for _ in range(_STEPS):
        error = np.linalg.norm(fit.residuals, axis=-1)
        scale = _OUTLIER * float(np.median(error)) + 1e-9 if robust else np.inf
        normal = _normal_equations(fit, corners, free, _weights(error, scale))
        cost = _cost(fit, scale)
        while damping < 1e8:
            better = _stepped(fit, corners, free, normal, damping)
            if _cost(better, scale) < cost:
                break
            damping *= 8
        else:
            return fit
        fit, damping = better, max(damping / 8, 1e-12)
        if cost - _cost(fit, scale) < _CONVERGED * cost:
            break
    return fit


def covariance(fit: Fit, corners: CornerTable, free: Free) -> Floats:
    """Return the covariance (p, p) of the camera's parameters, fx fy cx cy and the free ones.

    The larger, parameter by parameter, of two estimates: one takes the errors of corners as
    independent, s² S⁻¹ with the poses eliminated in S; the other only those of views, which is
    wiser where a view errs as a whole (a bent board, a moving one): S⁻¹ (Σ g gᵀ) S⁻¹ V / (V − 1)
    with g the view's share of the gradient (K.-Y. Liang, S. Zeger, Longitudinal data analysis
    using generalized linear models, 1986). Infinite where the views do not determine a parameter.
    """
    normal = _normal_equations(fit, corners, free, np.ones(len(corners.xy)))
    eliminate = np.linalg.solve(normal.pp, np.swapaxes(normal.cp, 1, 2))  # (V, 6, p)
    reduced = normal.cc - np.einsum("vpi,viq->pq", normal.cp, eliminate)
    n_views, n_parameters = len(corners.first), len(reduced)
    scale = 1 / np.sqrt(np.diag(normal.cc))
    values, vectors = np.linalg.eigh(reduced * np.outer(scale, scale))
    if values[0] < 1e-13:
        return np.full((n_parameters, n_parameters), np.inf)
    inverse = (vectors / values) @ vectors.T * np.outer(scale, scale)
    by_camera, by_pose = _linearised(fit, corners, free)
    gradient = corners.sum_by_view(np.einsum("mip,mi->mp", by_camera, fit.residuals))
    pose_gradient = corners.sum_by_view(np.einsum("mip,mi->mp", by_pose, fit.residuals))
    gradient -= np.einsum("vip,vi->vp", eliminate, pose_gradient)
    by_view = inverse @ (gradient.T @ gradient) @ inverse * n_views / max(n_views - 1, 1)
    freedom = max(fit.residuals.size - n_parameters - 6 * n_views, 1)
    by_corner = inverse * float((fit.residuals**2).sum()) / freedom
    inflation = np.sqrt(np.maximum(np.diag(by_view) / np.diag(by_corner), 1))
    return np.asarray(by_corner * np.outer(inflation, inflation))


def _with_coefficients(camera: Camera, coeffs: Floats) -> Camera:
    """Return the camera with other coefficients in its lens."""
    return replace(camera, lens=make_lens(camera.lens.name, tuple(coeffs)))


def _turned(poses: Poses, corners: CornerTable) -> Floats:
    return np.asarray(np.einsum("mij,mj->mi", poses.R_cam_board[corners.view], corners.board))


def _linearised(fit: Fit, corners: CornerTable, free: Free) -> tuple[Floats, Floats]:
    """Return the pixels' derivatives by camera (M, 2, p) and pose (M, 2, 6)."""
    camera, turned = fit.camera, _turned(fit.poses, corners)
    rays = turned + fit.poses.position[corners.view]
    xy, by_ray = camera.project_with_jacobian(rays)
    by_turn = np.cross(turned[:, None], by_ray)  # j · (ω × r) = ω · (r × j)
    by_pose = np.concatenate([by_turn, by_ray], axis=-1)
    focal = np.array((camera.fx, camera.fy))
    by_focal = ((xy - (camera.cx, camera.cy)) / focal)[:, :, None] * np.eye(2)
    by_centre = np.broadcast_to(np.eye(2), by_focal.shape)
    by_coeff = [(_nudged(camera, i).project(rays) - xy)[:, :, None] / _COEFF_STEP for i in free]
    by_camera = np.concatenate([by_focal, by_centre, *by_coeff], axis=-1)
    return np.nan_to_num(by_camera), np.nan_to_num(by_pose)  # none at the very edge of a lens


def _nudged(camera: Camera, i: int) -> Camera:
    coeffs = np.array(camera.lens.coeffs)
    coeffs[i] += _COEFF_STEP
    return _with_coefficients(camera, coeffs)


def _normal_equations(fit: Fit, corners: CornerTable, free: Free, weights: Floats) -> _Normal:
    by_camera, by_pose = _linearised(fit, corners, free)
    weighted = by_pose * weights[:, None, None]
    return _Normal(
        cc=np.einsum("mip,miq,m->pq", by_camera, by_camera, weights),
        cp=corners.sum_by_view(np.einsum("mip,miq->mpq", by_camera, weighted)),
        pp=corners.sum_by_view(np.einsum("mip,miq->mpq", by_pose, weighted)),
        c=np.einsum("mip,mi,m->p", by_camera, fit.residuals, weights),
        p=corners.sum_by_view(np.einsum("mip,mi->mp", weighted, fit.residuals)),
    )


def _stepped(fit: Fit, corners: CornerTable, free: Free, normal: _Normal, damping: float) -> Fit:
    """Solve the damped equations and evaluate what they lead to."""
    diagonal = np.einsum("vii->vi", normal.pp) + 1e-9
    pp = normal.pp + damping * diagonal[..., None] * np.eye(6)
    eliminate = np.linalg.solve(pp, np.swapaxes(normal.cp, 1, 2))  # (V, 6, p)
    cc = normal.cc + damping * np.diag(np.diag(normal.cc) + 1e-9)
    cc = cc - np.einsum("vpi,viq->pq", normal.cp, eliminate)
    camera_step = np.linalg.solve(cc, normal.c - np.einsum("vip,vi->p", eliminate, normal.p))
    pose_step = np.linalg.solve(pp, normal.p[..., None])[..., 0] - eliminate @ camera_step
    return evaluate(
        _camera_moved(fit.camera, camera_step, free), fit.poses.moved(pose_step), corners
    )


def _camera_moved(camera: Camera, step: Floats, free: Free) -> Camera:
    """Return the camera after a step; focal lengths change by half at most."""
    coeffs = np.array(camera.lens.coeffs, dtype=np.float64)
    coeffs[list(free)] += step[4:]
    fx, fy = (
        f * float(np.clip(1 + df / f, 0.5, 2))
        for f, df in zip((camera.fx, camera.fy), step[:2], strict=True)
    )
    cx, cy = np.clip(np.array((camera.cx, camera.cy)) + step[2:4], -1e5, 1e5)
    moved = _with_coefficients(camera, coeffs)
    return replace(moved, fx=fx, fy=fy, cx=float(cx), cy=float(cy))


def _weights(error: Floats, scale: float) -> Floats:
    return np.asarray(1 / (1 + (error / scale) ** 2))


def _cost(fit: Fit, scale: float) -> float:
    """Return the sum of losses; infinite when a corner is not shown."""
    square = (fit.residuals**2).sum(axis=-1)
    total = square.sum() if np.isinf(scale) else (scale**2 * np.log1p(square / scale**2)).sum()
    return float(total) if np.isfinite(total) else np.inf
