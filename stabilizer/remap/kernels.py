"""The fused kernel: coordinates from the coarse grid on the fly, samples from native planes.

Row by row of the output, the grid is interpolated at the first pixel of each group of neighbouring
samples. Then 16 samples at a time are warped by `blocks`, or one by one where taps are not inside
the picture. Planes are addresses: nothing is copied, and one compilation serves all views.
"""

from typing import Any

import numpy as np
from numba import carray, cfunc, njit, types

from stabilizer.remap import layout_type  # noqa: F401 (tells numba of layouts)
from stabilizer.remap.blocks import (
    LEAST_X,
    LEAST_Y,
    ROOM,
    SPREAD,
    START_X,
    START_Y,
    STEP_X,
    STEP_Y,
    UNIT,
    addresses,
    level_block,
    samples_at,
    steep_block,
    tap_weights,
)
from stabilizer.remap.layout import Layout

_NEVER = 1 << 20  # rows: for such a spread there is never room
_FRACTION = 1 / UNIT
_POINTED = (types.int64, types.float32, types.int32, types.float32)
_NUMBERS = 13
"""So many are before the addresses in a job."""


def compiled(layout: Layout) -> Any:
    """Return `warp` for a layout as numba's cfunc (job, nodes, groups, edges), all pointers.

    Args:
        layout: kernel and samples.
        job: int64: the source's bytes from row to row, its width and height; the target's bytes
            from row to row and its width; Gh and Gw; the step along x and y; the first row and the
            one behind the last; the largest sample; G. Behind these the addresses of the source
            planes, of the target planes, and of as many spares, each of which holds 16 samples.
        nodes: (2, Gh, Gw) float32, x and y in source px within ±32767.
        groups, edges: (8, G) int32 and (2, 4, G) float32, which are written over.
    """

    @cfunc(types.void(*map(types.CPointer, _POINTED)), error_model="numpy")
    def warp_job(job, nodes, groups, edges):
        n = layout.planes
        sources = addresses(layout, job, _NUMBERS)
        targets = addresses(layout, job, _NUMBERS + n)
        spares = addresses(layout, job, _NUMBERS + 2 * n)
        warp(
            layout,
            (sources, targets, spares),
            (job[0], job[1], job[2]),
            (job[3], job[4]),
            carray(nodes, (2, job[5], job[6])),
            (job[7], job[8]),
            (job[9], job[10]),
            np.float32(job[11]),
            carray(groups, (8, job[12])),
            carray(edges, (2, 4, job[12])),
        )

    return warp_job


@njit(nogil=True, error_model="numpy")
def warp(layout, planes, source, target, nodes, step, rows, peak, groups, edges):
    """Fill rows of output planes that share a grid, from source planes of one size.

    Args:
        planes: addresses (sources, targets, spares), each a tuple with one for each plane.
        source: bytes from row to row, width, height.
        target: bytes from row to row, width.
        step: whole px from node to node (x, y); x a multiple of the layout's pixels.
        rows: the first row and the one behind the last.
        peak: the largest sample, float32.
    """
    half_x, half_y = (step[0] + 1) // 2, (step[1] + 1) // 2  # pixels of cell 0 that are outside
    phase_x, phase_y = 0.5 - step[0] % 2 / 2, 0.5 - step[1] % 2 / 2
    first = half_x // layout.pixels
    at = -1
    for row in range(rows[0], rows[1]):
        j, below = (row + half_y) // step[1], (row + half_y) % step[1]
        if j != at:
            if j != at + 1 or at < 0:
                _edge(layout, nodes[:, j], edges[j % 2], step[0], phase_x)
            _edge(layout, nodes[:, j + 1], edges[(j + 1) % 2], step[0], phase_x)
            at = j
        share = np.float32((below + phase_y) / step[1])
        _locate(layout, edges[j % 2], edges[(j + 1) % 2], share, groups, source)
        _row(
            layout, planes, source, target, groups, first, first * layout.pixels - half_x, row, peak
        )


@njit(nogil=True, error_model="numpy")
def _row(layout, planes, source, target, groups, g, start, row, peak):
    """Warp a row, from group g on, which starts at the column `start`."""
    sources, targets, spares = planes
    columns = layout.groups * layout.pixels
    while g < groups.shape[1]:
        spread, room = _demand(layout, groups, g)
        whole = start >= 0 and start + columns <= target[1]
        at = row * target[0] + start * layout.pixel if whole else 0
        out = targets if whole else spares
        if spread > room:
            _one_by_one(layout, planes, source, target, groups, g, start, row, peak)
        elif spread == 1:
            level_block(layout, sources, out, at, source[0], groups, g, peak)
        else:
            rows = layout.taps + spread
            steep_block(layout, sources, out, at, source[0], groups, g, peak, rows)
        if not whole and spread <= room:
            _copy(layout, spares, targets, target, start, row)
        g, start = g + layout.groups, start + columns


@njit(nogil=True, error_model="numpy")
def _edge(layout, nodes, edge, step, phase):
    """Write where each group starts on a row of nodes (2, Gw), and its step: (4, G) px."""
    per_cell = step // layout.pixels
    for axis in range(2):
        for g in range(edge.shape[1]):
            edge[2 * axis, g] = nodes[axis, -2]
            edge[2 * axis + 1, g] = 0
        for cell in range(min(nodes.shape[1] - 1, -(-edge.shape[1] // per_cell))):
            slope = (nodes[axis, cell + 1] - nodes[axis, cell]) / np.float32(step)
            for k in range(min(per_cell, edge.shape[1] - cell * per_cell)):
                start = slope * np.float32(k * layout.pixels + phase)
                edge[2 * axis, cell * per_cell + k] = nodes[axis, cell] + start
                edge[2 * axis + 1, cell * per_cell + k] = slope


@njit(nogil=True, error_model="numpy")
def _locate(layout, upper, lower, share, groups, source):
    """Fill the table of groups of an output row that is `share` of a cell below its upper edge.

    Groups that are not inside from left to right get a spread for which there is no room.
    """
    for k in range(4):
        for g in range(groups.shape[1]):
            place = upper[k, g] + (lower[k, g] - upper[k, g]) * share
            groups[k, g] = np.int32(np.rint(place * np.float32(UNIT)))
    last_x = np.int32(layout.lead + source[1] - layout.columns)
    last_y = np.int32(layout.lead + source[2] - layout.taps)
    for g in range(groups.shape[1]):
        x, y = groups[START_X, g], groups[START_Y, g]
        far_x = np.int32(x + groups[STEP_X, g] * np.int32(layout.pixels - 1))
        far_y = np.int32(y + groups[STEP_Y, g] * np.int32(layout.pixels - 1))
        left, right = np.int32(min(x, far_x) >> 16), np.int32(max(x, far_x) >> 16)
        top, bottom = np.int32(min(y, far_y) >> 16), np.int32(max(y, far_y) >> 16)
        fits = (left >= layout.lead) & (left <= last_x) & (right - left <= layout.reach)
        groups[LEAST_X, g], groups[LEAST_Y, g] = left, top
        groups[SPREAD, g] = max(bottom - top, 1) if fits & (top >= layout.lead) else _NEVER
        groups[ROOM, g] = last_y - top


@njit(nogil=True, error_model="numpy")
def _demand(layout, groups, g):
    """Return the spread of a block of groups, and the spread for which there is room."""
    spread, room = groups[SPREAD, g], groups[ROOM, g]
    for k in range(g + 1, g + layout.groups):
        spread, room = max(spread, groups[SPREAD, k]), min(room, groups[ROOM, k])
    return spread, room


@njit(nogil=True, error_model="numpy")
def _copy(layout, spares, targets, target, start, row):
    """Copy those of 16 spare samples that are in the picture."""
    n, end = layout.components, min(start + layout.groups * layout.pixels, target[1])
    for k in range(len(spares)):
        spare = samples_at(layout, spares[k])
        out = samples_at(layout, targets[k] + row * target[0])
        for at in range(max(start, 0) * n, end * n):
            out[at] = spare[at - start * n]


@njit(nogil=True, error_model="numpy")
def _one_by_one(layout, planes, source, target, groups, g, start, row, peak):
    """Warp the pixels of a block of which some tap is outside."""
    end = min(start + layout.groups * layout.pixels, target[1])
    for pixel in range(max(start, 0), end):
        k, i = (pixel - start) // layout.pixels, (pixel - start) % layout.pixels
        x = groups[START_X, g + k] + groups[STEP_X, g + k] * i
        y = groups[START_Y, g + k] + groups[STEP_Y, g + k] * i
        across = tap_weights(layout, np.float64(x & (UNIT - 1)) * _FRACTION)
        down = tap_weights(layout, np.float64(y & (UNIT - 1)) * _FRACTION)
        corner = (x >> 16) - layout.lead, (y >> 16) - layout.lead
        for p in range(len(planes[0])):
            out = samples_at(layout, planes[1][p] + row * target[0])
            for c in range(layout.components):
                value = _sample(
                    layout, planes[0][p] + c * layout.item, source, corner, across, down
                )
                out[pixel * layout.components + c] = np.int64(min(max(value + 0.5, 0.0), peak))


@njit(nogil=True, error_model="numpy")
def _sample(layout, address, source, corner, across, down):
    """Return one warped sample; beyond the edge of the plane the edge repeats."""
    total = 0.0
    for j in range(len(down)):
        row = samples_at(layout, address + source[0] * min(max(corner[1] + j, 0), source[2] - 1))
        for i in range(len(across)):
            column = min(max(corner[0] + i, 0), source[1] - 1)
            total += down[j] * across[i] * np.float64(row[column * layout.components])
    return total
