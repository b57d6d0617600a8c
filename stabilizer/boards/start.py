"""Where bundle adjustment starts: a focal length and each view's pose, from corners alone."""

import numpy as np

from gyro_data.checks import Floats
from stabilizer.boards.adjustment import CornerTable, Fit, Poses, evaluate
from stabilizer.camera import Camera
from stabilizer.lens import Lens

_FOCALS = np.geomspace(0.15, 4.0, 36)  # picture widths


def first_guess(corners: CornerTable, width: int, height: int, lens: Lens) -> Fit:
    """Return the focal length, with the poses, that fits the median view best.

    `lens` is one without distortion and the principal point the picture's centre. The poses follow
    linearly from the rays of the corners, so that a fisheye may see the board at any angle.
    """
    cameras = [Camera.from_focal(width, height, f * width, lens=lens) for f in _FOCALS]
    fits = [evaluate(camera, _linear_poses(corners, camera), corners) for camera in cameras]
    return min(fits, key=lambda fit: float(np.median(view_rms(fit, corners))))


def view_rms(fit: Fit, corners: CornerTable) -> Floats:
    """Return (V,) px, each view's RMS error; infinite where the lens does not show a corner."""
    square = (fit.residuals**2).sum(axis=-1)
    rms = np.sqrt(corners.sum_by_view(square) / corners.sum_by_view(np.ones(len(square))))
    return np.where(np.isfinite(rms), rms, np.inf)


def _linear_poses(corners: CornerTable, camera: Camera) -> Poses:
    """Return the poses (r1 r2 position) ~ H, where ray × H (column, row, 1) = 0 in least squares.

    Z. Zhang, A flexible new technique for camera calibration, 2000, with rays for image points.
    """
    rays = camera.unproject(corners.xy)
    rays = np.nan_to_num(rays / np.linalg.norm(rays, axis=-1, keepdims=True))
    centre = corners.board[:, :2].mean(axis=0)
    spread = corners.board[:, :2].std()
    board = np.column_stack([(corners.board[:, :2] - centre) / spread, np.ones(len(rays))])
    cross = np.cross(rays[:, None], np.eye(3))  # (M, 3, 3): row j · h = (ray × h)_j up to sign
    design = np.einsum("mji,mk->mjik", cross, board).reshape(len(rays), 3, 9)
    square = corners.sum_by_view(np.einsum("mji,mjk->mik", design, design))
    H = np.linalg.eigh(square)[1][..., 0].reshape(-1, 3, 3)
    ahead = np.einsum("mi,mij,mj->m", rays, H[corners.view], board)
    H = H * np.where(corners.sum_by_view(ahead) >= 0, 1.0, -1.0)[:, None, None]
    H = H / np.linalg.norm(H[..., :2], axis=1).mean(axis=-1)[:, None, None]
    R = _nearest_rotations(H[..., 0], H[..., 1])
    position = H[..., 2] * spread - R[..., :2] @ centre
    return Poses(R, position)


def _nearest_rotations(x: Floats, y: Floats) -> Floats:
    """Return the rotations (V, 3, 3) whose first two columns are nearest to x and y (V, 3)."""
    u, _, vt = np.linalg.svd(np.stack([x, y, np.cross(x, y)], axis=-1))
    flip = np.linalg.det(u @ vt)
    u[..., 2] *= flip[:, None]
    return np.asarray(u @ vt)
