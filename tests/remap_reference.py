"""What a warped plane should be, in float64 and written from the definitions alone."""

import numpy as np

from stabilizer.warp import WarpGrid


def linear_weights(t: np.ndarray) -> np.ndarray:
    return np.stack([1 - t, t], axis=-1)


def cubic_weights(t: np.ndarray) -> np.ndarray:
    """Keys (1981), with the free parameter of OpenCV, by the distances of the four samples."""
    a, d = -0.75, np.abs(t[..., None] - np.arange(-1, 3))
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
    return np.where(d <= 1, near, far)


def lanczos_weights(t: np.ndarray) -> np.ndarray:
    d = t[..., None] - np.arange(-3, 5)
    weights = np.sinc(d) * np.sinc(d / 4)
    return weights / weights.sum(axis=-1, keepdims=True)


WEIGHTS = {"linear": linear_weights, "cubic": cubic_weights, "lanczos": lanczos_weights}


def source_xy(grid: WarpGrid) -> np.ndarray:
    """Return where each output pixel is found, (H, W, 2), bilinear between the nodes."""
    nodes, (step_x, step_y) = grid.src_xy.astype(np.float64), grid.step_xy
    u = (np.arange(grid.width) + 0.5) / step_x + 0.5  # node i is at ((i − ½) step − ½) px
    v = (np.arange(grid.height) + 0.5) / step_y + 0.5
    i, j = np.floor(u).astype(int), np.floor(v).astype(int)
    fx, fy = (u - i)[:, None], (v - j)[:, None, None]
    upper, lower = nodes[j], nodes[j + 1]
    rows = upper + (lower - upper) * fy
    return rows[:, i] + (rows[:, i + 1] - rows[:, i]) * fx


def warped(plane: np.ndarray, xy: np.ndarray, kernel: str, peak: int) -> np.ndarray:
    """Return the plane (H, W) or (H, W, C) sampled at `xy`, rounded; its edge repeats."""
    height, width = plane.shape[:2]
    x, y = np.moveaxis(xy, -1, 0)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    across, down = WEIGHTS[kernel](x - left), WEIGHTS[kernel](y - top)
    n = across.shape[-1]
    total = np.zeros((*x.shape, *plane.shape[2:]))
    for j in range(n):
        for i in range(n):
            row = np.clip(top + j - n // 2 + 1, 0, height - 1)
            column = np.clip(left + i - n // 2 + 1, 0, width - 1)
            weight = down[..., j] * across[..., i]
            weight = weight.reshape(weight.shape + (1,) * (plane.ndim - 2))
            total += weight * plane[row, column].astype(np.float64)
    return np.clip(np.floor(total + 0.5), 0, peak)


def psnr(a: np.ndarray, b: np.ndarray, peak: int) -> float:
    error = np.mean((a.astype(np.float64) - b) ** 2)
    return float("inf") if error == 0 else 10 * np.log10(peak**2 / error)
