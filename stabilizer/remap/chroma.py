"""Chroma at its own resolution and siting: the grid of a chroma plane from that of luma."""

import numpy as np

from stabilizer.warp import WarpGrid


def chroma_grid(
    grid: WarpGrid, subsampling_xy: tuple[int, int], *, offset_xy: tuple[float, float]
) -> WarpGrid:
    """Return the grid of a chroma plane, whose sample u is at luma px `subsampling · u + offset`.

    Its nodes lie (offset − (subsampling − 1) / 2) luma pixels beside those of `grid`: the map is
    carried there along its slope, then counted in chroma samples.
    """
    (sx, sy), (step_x, step_y) = subsampling_xy, grid.step_xy
    if sx == sy == 1:
        return grid
    shift_x, shift_y = offset_xy[0] - (sx - 1) / 2, offset_xy[1] - (sy - 1) / 2
    luma_xy = grid.src_xy
    for axis, shift, step in ((1, shift_x, step_x), (0, shift_y, step_y)):
        if shift:
            luma_xy = luma_xy + np.gradient(grid.src_xy, step / shift, axis=axis)
    chroma_xy = (luma_xy - offset_xy) / subsampling_xy
    return WarpGrid(
        chroma_xy.astype(np.float32),
        width=-(-grid.width // sx),
        height=-(-grid.height // sy),
        step_xy=(step_x // sx, step_y // sy),
    )
