"""Where each output pixel is found in the source: exact rolling-shutter map and its grids.

Times are presentation times; points are pixels with the centre of the top-left pixel at (0, 0).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gyro_data.checks import Floats
from gyro_data.quaternions import conjugate, rotate
from stabilizer.camera import Camera
from stabilizer.path import CameraPath

GRID_STEP = 16
"""Output px between grid nodes: errs by <= 0.012 px on every motion of benchmarks/bench_warp.py,
and by up to 0.07 px where the distortion of a wide lens is taken away."""

INTERPOLATIONS = ("linear", "cubic", "lanczos")
"""Interpolation kernels by their names on the command line."""

KERNEL_REACH: Mapping[str, int] = MappingProxyType({"linear": 1, "cubic": 4, "lanczos": 8})
"""Luma px from a sample to the edge of the picture within which every tap of the kernel is inside,
at half resolution (chroma) too."""

_MAX_ROW_ITERATIONS = 12
_ROW_TOLERANCE = 1e-3  # px


def check_interpolation(name: str) -> None:
    """Raise ValueError unless `name` is one of `INTERPOLATIONS`."""
    if name not in INTERPOLATIONS:
        known = ", ".join(INTERPOLATIONS)
        raise ValueError(f"interpolation: expected one of {known}, got {name!r}")


@dataclass(frozen=True, eq=False)
class WarpGrid:
    """A coarse map from output to source pixels, bilinear between its nodes.

    Node (j, i) stands for output pixel ((i − ½) step_x − ½, (j − ½) step_y − ½), so that every cell
    covers whole pixels.
    """

    src_xy: NDArray[np.float32]
    """(Gh, Gw, 2) source pixels, Gh = ⌈height / step_y⌉ + 2 and Gw = ⌈width / step_x⌉ + 2."""
    width: int
    """Output pixels."""
    height: int
    """Output pixels."""
    step_xy: tuple[int, int] = (GRID_STEP, GRID_STEP)
    """Output pixels from node to node, along x and y."""

    def __post_init__(self) -> None:
        expected = (
            -(-self.height // self.step_xy[1]) + 2,
            -(-self.width // self.step_xy[0]) + 2,
            2,
        )
        if self.src_xy.shape != expected:
            raise ValueError(
                f"src_xy: expected shape {expected} for {self.width}x{self.height} pixels and step "
                f"{self.step_xy}, got {self.src_xy.shape}"
            )


def grid_nodes(
    width: int, height: int, step_xy: tuple[int, int] = (GRID_STEP, GRID_STEP)
) -> Floats:
    """Return the output pixels (Gh, Gw, 2) that the nodes of a `WarpGrid` stand for."""
    x, y = (
        (np.arange(-(-size // step) + 2) - 0.5) * step - 0.5
        for size, step in zip((width, height), step_xy, strict=True)
    )
    return np.stack(np.meshgrid(x, y), axis=-1)


def extrapolate_outside(src_xy: Floats) -> Floats:
    """Fill nodes (Gh, Gw, 2) beyond the output that the lens does not show, along rows and columns.

    Up to one line of nodes before the picture and two behind it lie outside.
    """
    nodes = src_xy.copy()
    for lines in (nodes, nodes.swapaxes(0, 1)):
        for k, inward in ((0, 1), (-2, -1), (-1, -1)):
            beyond = 2 * lines[k + inward] - lines[k + 2 * inward]
            lines[k] = np.where(np.isnan(lines[k]), beyond, lines[k])
    return nodes


def source_points(
    xy: Floats,
    t: ArrayLike,
    quat_world_virtual: Floats,
    zoom: ArrayLike,
    *,
    measured: CameraPath,
    camera: Camera,
    output: Camera,
) -> Floats:
    """Return the source pixels (..., P, 2) at which output pixels are found.

    Solves x = π(R_cam_world(t + offset(x)) R_world_virtual ray(xy)) by fixed-point iteration from
    the middle row, until the row whose time is used is the row that the point lands on. It
    contracts by the rows that the picture moves while one row is read: below 0.1 in a hand.

    Args:
        xy: (P, 2) output pixels.
        t: (...) s, when the middle row of each frame is read.
        quat_world_virtual: (..., 4) R_world_virtual of each frame as quat_xyzw.
        zoom: (...) factor on the output's focal length.
        measured: how the source camera moved.
        camera: the source.
        output: the virtual camera at zoom 1.

    A direction that the source lens does not show gives NaN.
    """
    row_t = np.asarray(t, dtype=np.float64)[..., None]  # (..., 1) against (..., P)
    rays_world = rotate(
        quat_world_virtual[..., None, :], output.unproject(xy, np.asarray(zoom)[..., None])
    )
    points = camera.project(rotate(conjugate(measured.quat_at(row_t)), rays_world))
    if camera.readout_time == 0:
        return points
    for _ in range(_MAX_ROW_ITERATIONS):
        before = points
        offset = np.nan_to_num(camera.readout_offset(points))
        points = camera.project(rotate(conjugate(measured.quat_at(row_t + offset)), rays_world))
        if not np.any(np.abs(points - before) > _ROW_TOLERANCE):  # NaN compares as settled
            break
    return points


def transform_points(points: ArrayLike, H: ArrayLike) -> Floats:
    """Apply homographies to points: (x', y') = (h1·p, h2·p) / h3·p with p = (x, y, 1).

    Args:
        points: (..., 2), integer or float.
        H: (3, 3), one homography for all, or (..., 3, 3), one for each point.

    Returns (..., 2) float64. Raises ValueError for other shapes.
    """
    points, H = np.asarray(points, dtype=np.float64), np.asarray(H, dtype=np.float64)
    if points.ndim < 1 or points.shape[-1] != 2:
        raise ValueError(f"points: expected shape (..., 2), got {points.shape}")
    if H.shape == (3, 3):
        import cv2  # takes long to import

        # perspectiveTransform wants (N, 1, 2) and at least one point
        flat = points.reshape(-1, 1, 2)
        moved = cv2.perspectiveTransform(flat, H) if len(flat) else flat
        return np.asarray(moved, dtype=np.float64).reshape(points.shape)
    if H.shape != (*points.shape[:-1], 3, 3):
        raise ValueError(
            f"H: expected shape (3, 3) or {(*points.shape[:-1], 3, 3)}, one for each point, "
            f"got {H.shape}"
        )
    moved = np.einsum("...ij,...j->...i", H[..., :2], points) + H[..., 2]
    return np.asarray(moved[..., :2] / moved[..., 2:])


def dense_map(grid: WarpGrid, top: int = 0, bottom: int | None = None) -> NDArray[np.float32]:
    """Return the source pixel (rows, width, 2) of each output pixel in rows [top, bottom).

    `top` is a multiple of the grid's step. OpenCV's resize by a whole factor is exact bilinear
    interpolation between nodes, thanks to where the nodes are.
    """
    import cv2  # takes long to import

    (step_x, step_y), n_rows = grid.step_xy, (grid.height if bottom is None else bottom) - top
    first = top // step_y
    nodes = grid.src_xy[first : first + -(-n_rows // step_y) + 2]
    size = (nodes.shape[1] * step_x, nodes.shape[0] * step_y)
    dense = cv2.resize(nodes, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(dense[step_y : step_y + n_rows, step_x : step_x + grid.width])
