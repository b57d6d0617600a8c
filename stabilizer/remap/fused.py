"""Warps of native planes by the fused kernel: memory and threads around it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from numpy.typing import NDArray

from stabilizer.remap.layout import LANES, Layout
from stabilizer.remap.machine_code import warp_function
from stabilizer.remap.weights import TAPS
from stabilizer.video.base import Plane
from stabilizer.warp import WarpGrid, check_interpolation

_FARTHEST = 32767.0  # px; coordinates have 32 bits, 16 of them behind the point
_LEAST_STEP = 4  # px; a group of pixels lies in one cell of the grid

Job = tuple[Layout, Sequence[Plane], Sequence[Plane], WarpGrid]


def warp_planes(
    sources: Sequence[Plane],
    targets: Sequence[Plane],
    grids: Sequence[WarpGrid],
    *,
    interpolation: str,
    peak: int,
    threads: int = 1,
) -> None:
    """Fill each target with its source warped by its grid; beyond the source its edge repeats.

    Two planes of one size that share a grid are warped together. The result does not depend on the
    number of threads.

    Args:
        sources, targets: planes (H, W) or (H, W, 2), uint8 or uint16; rows may be padded.
        grids: of the targets' sizes; equal ones are the same object.
        peak: the largest value of a sample.
        threads: as many bands of rows are warped at a time.

    Raises ValueError or TypeError for planes that it cannot warp.
    """
    check_interpolation(interpolation)
    jobs: list[tuple[list[Plane], list[Plane], WarpGrid]] = []
    for source, target, grid in zip(sources, targets, grids, strict=True):
        _check(source, target, grid)
        if jobs and jobs[-1][2] is grid and _alike(jobs[-1], source, target):
            jobs[-1][0].append(source)
            jobs[-1][1].append(target)
        else:
            jobs.append(([source], [target], grid))

    def band(k: int) -> None:
        for job in jobs:
            rows = (job[2].height * k // threads, job[2].height * (k + 1) // threads)
            _warp_rows(*job, TAPS[interpolation], rows, peak)

    if threads == 1:
        band(0)
    else:
        list(_pool(threads).map(band, range(threads)))


def _check(source: Plane, target: Plane, grid: WarpGrid) -> None:
    """Raise an error unless a plane's memory is what the kernel takes it for."""
    shape = (grid.height, grid.width, *source.shape[2:])
    if source.dtype not in (np.uint8, np.uint16) or source.shape[2:] not in ((), (2,)):
        raise TypeError(
            f"plane: expected (H, W) or (H, W, 2) of uint8 or uint16, got {source.shape} of "
            f"{source.dtype}; the OpenCV backend takes more"
        )
    if target.shape != shape or target.dtype != source.dtype or not target.flags.writeable:
        raise ValueError(
            f"out: expected writable planes {shape} of {source.dtype}, got {target.shape} of "
            f"{target.dtype}"
        )
    for plane in (source, target):
        side_by_side = plane.strides[-1] == plane.itemsize and (
            plane.ndim == 2 or plane.strides[1] == 2 * plane.itemsize
        )
        if 0 in plane.shape or not side_by_side or not plane.flags.aligned:
            raise ValueError(
                f"plane: expected samples side by side in rows, got strides {plane.strides} of "
                f"{plane.shape}"
            )
    if grid.step_xy[0] % _LEAST_STEP:
        raise ValueError(
            f"grid: expected a step of 4, 8, 12, … px along x, got {grid.step_xy[0]}; the OpenCV "
            f"backend takes all"
        )


def _alike(job: tuple[list[Plane], list[Plane], WarpGrid], source: Plane, target: Plane) -> bool:
    """Tell whether planes differ from that of a job in nothing but their addresses."""
    return len(job[0]) == 1 and all(
        (a.shape, a.strides, a.dtype) == (b.shape, b.strides, b.dtype)
        for a, b in ((job[0][0], source), (job[1][0], target))
    )


def _warp_rows(
    sources: list[Plane],
    targets: list[Plane],
    grid: WarpGrid,
    taps: int,
    rows: tuple[int, int],
    peak: int,
) -> None:
    source, target = sources[0], targets[0]
    layout = _layout(source, taps, grid, len(sources))
    nodes = _nodes(grid)
    n_groups = _group_count(layout, grid)
    groups = np.empty((8, n_groups), np.int32)
    edges = np.empty((2, 4, n_groups), np.float32)
    spares = np.empty((len(targets), LANES), source.dtype)
    job = np.array(
        [
            *(source.strides[0], source.shape[1], source.shape[0], target.strides[0], grid.width),
            *(*nodes.shape[1:], *grid.step_xy, *rows, peak, n_groups),
            *(plane.ctypes.data for planes in (sources, targets, spares) for plane in planes),
        ],
        np.int64,
    )
    warp_function(layout)(*(array.ctypes.data for array in (job, nodes, groups, edges)))


def _layout(plane: Plane, taps: int, grid: WarpGrid, n_planes: int) -> Layout:
    """Return the layout with the widest groups: pixels of one cell whose taps share a window."""
    components = plane.shape[2] if plane.ndim == 3 else 1
    wide = plane.itemsize == 1 and grid.step_xy[0] * components % 8 == 0
    return Layout(taps, plane.itemsize, components, 8 if wide else 4, n_planes)


def _group_count(layout: Layout, grid: WarpGrid) -> int:
    """Return how many groups a row has, those before the picture in its first cell included."""
    outside = (grid.step_xy[0] + 1) // 2
    first = outside // layout.pixels
    blocks = -(-(outside + grid.width - first * layout.pixels) // (layout.groups * layout.pixels))
    return first + blocks * layout.groups


def _nodes(grid: WarpGrid) -> NDArray[np.float32]:
    """Return the nodes (2, Gh, Gw), limited to what 32-bit coordinates hold; NaN becomes 0."""
    nodes = np.ascontiguousarray(grid.src_xy.transpose(2, 0, 1))
    if nodes.min() >= -_FARTHEST and nodes.max() <= _FARTHEST:  # as good as always
        return nodes
    np.nan_to_num(nodes, copy=False)
    return nodes.clip(-_FARTHEST, _FARTHEST)


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="warp")
