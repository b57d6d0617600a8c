"""Warp a frame's native planes by its grid: chroma at its own resolution and siting."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from typing import Any

import numpy as np

from stabilizer.remap.chroma import chroma_grid
from stabilizer.video.base import PIXEL_FORMATS, Frame, PixelFormat
from stabilizer.warp import WarpGrid, grid_nodes

_SMALL = 64  # px


def warp_frame(
    frame: Frame,
    grid: WarpGrid,
    *,
    out: Frame,
    chroma_offset_xy: tuple[float, float],
    interpolation: str,
    backend: str,
    threads: int = 1,
) -> Frame:
    """Fill the planes of `out` with `frame` warped by `grid`, and return `out`.

    Args:
        chroma_offset_xy: where chroma sample (0, 0) sits, in luma px.
        interpolation: one of `INTERPOLATIONS`.
        backend: "numba" or "opencv", see `chosen_backend`.
        threads: of the numba backend, whose result does not depend on them; OpenCV has its own.
    """
    layout = frame.pixel_format
    subsampling_xy = (layout.subsampling_x, layout.subsampling_y)
    chroma = chroma_grid(grid, subsampling_xy, offset_xy=chroma_offset_xy)
    grids = [grid] + [chroma] * (len(frame.planes) - 1)
    peak = 2**layout.bits - 1
    if backend == "numba":
        from stabilizer.remap.fused import warp_planes  # imports llvmlite

        warp_planes(
            frame.planes,
            out.planes,
            grids,
            interpolation=interpolation,
            peak=peak,
            threads=threads,
        )
    elif backend == "opencv":
        from stabilizer.remap.opencv import mesh_warp  # imports cv2

        for source, target, of_plane in zip(frame.planes, out.planes, grids, strict=True):
            mesh_warp(source, of_plane, interpolation=interpolation, out=target)
            if target.dtype == np.uint16:  # kernels overshoot
                np.minimum(target, peak, out=target)
    else:
        raise ValueError(f"backend: expected numba or opencv, got {backend!r}")
    return out


def warm_up(pixel_format: str, interpolation: str, backend: str) -> None:
    """Warp a small frame, so that the first real one does not wait for a compiler.

    Of use in a thread beside other work: seconds on the first run, then a fraction of one.
    """
    layout = PIXEL_FORMATS[pixel_format]
    grid = WarpGrid(grid_nodes(_SMALL, _SMALL).astype(np.float32), _SMALL, _SMALL)
    warp_frame(
        _small_frame(layout),
        grid,
        out=_small_frame(layout),
        chroma_offset_xy=(0.0, 0.0),
        interpolation=interpolation,
        backend=backend,
    )


@contextmanager
def warming_up(pixel_format: str, interpolation: str, backend: str) -> Iterator[None]:
    """Run `warm_up` in a thread beside the block, and leave when both have ended.

    Ctrl-C leaves at once: an import that it interrupts may keep a lock that the thread waits for.
    """
    warmed: Future[None] = Future()

    def compiled() -> None:
        try:
            warm_up(pixel_format, interpolation, backend)
            warmed.set_result(None)
        except BaseException as error:
            warmed.set_exception(error)

    Thread(target=compiled, name="compile", daemon=True).start()
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException:
        warmed.exception()  # no thread is left inside a compiler
        raise
    warmed.result()


def _small_frame(layout: PixelFormat) -> Frame:
    planes: Any = [np.zeros(shape, layout.dtype) for shape in layout.plane_shapes(_SMALL, _SMALL)]
    return Frame(planes, layout, t=0.0, pts=0)
