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
    chroma_xy = grid.src_xy.copy("K")  # x and y lie apart, if they do, as the kernel wants them
    for axis, shift, step in ((1, shift_x, step_x), (0, shift_y, step_y)):
        if shift:
            nodes, moved = grid.src_xy.swapaxes(0, axis), chroma_xy.swapaxes(0, axis)
            moved[1:-1] += (nodes[2:] - nodes[:-2]) * np.float32(shift / (2 * step))
            moved[0] += (nodes[1] - nodes[0]) * np.float32(shift / step)
            moved[-1] += (nodes[-1] - nodes[-2]) * np.float32(shift / step)
    for axis, (offset, subsampling) in enumerate(zip(offset_xy, subsampling_xy, strict=True)):
        chroma_xy[..., axis] -= offset
        chroma_xy[..., axis] /= subsampling
    return WarpGrid(
        chroma_xy,
        width=-(-grid.width // sx),
        height=-(-grid.height // sy),
        step_xy=(step_x // sx, step_y // sy),
    )
