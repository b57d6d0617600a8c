"""Which of a stream's times can be those of frames, told before any is decoded."""

from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray

from gyro_data.checks import Bools
from stabilizer.video.base import Ticks

_REORDERED = 64
"""Packets that may lie between two whose frames are shown in the other order; codecs with B-frames
have up to 32 in a group."""


def in_order(pts: Ticks) -> Bools:
    """Return which presentation times, in order of decoding, can be right: (N,).

    In a sound stream, no time of more than 64 packets before is later, and none of more than 64
    packets after is earlier. Where that is not so, the longest increasing subsequence is trusted,
    and of the others what lies between its times there. A wrong time at which 64 packets from the
    first or the last could be shown is not noticed.
    """
    apart = _REORDERED
    latest = np.maximum.accumulate(pts)[:-apart]
    earliest = np.minimum.accumulate(pts[::-1])[::-1][apart:]
    if (latest <= earliest).all():
        return np.ones(len(pts), bool)
    trusted = _longest_increasing(pts)
    k = np.arange(len(pts))
    before = np.searchsorted(trusted, k - apart, side="right") - 1
    after = np.searchsorted(trusted, k + apart, side="left")
    bounds = np.iinfo(np.int64)
    times = np.concatenate([[bounds.min], pts[trusted], [bounds.max]])
    right = (times[before + 1] <= pts) & (pts <= times[after + 1])
    right[trusted] = True
    return right


def _longest_increasing(values: Ticks) -> NDArray[np.intp]:
    """Return the indices of a longest strictly increasing subsequence, by patience sorting."""
    tails: list[int] = []  # the least value in which a subsequence of each length ends
    ends: list[int] = []  # and where that is
    previous = np.full(len(values), -1, dtype=np.intp)
    for k, value in enumerate(values.tolist()):
        length = bisect_left(tails, value)
        tails[length : length + 1] = [value]
        ends[length : length + 1] = [k]
        if length:
            previous[k] = ends[length - 1]
    found = [ends[-1]]
    while previous[found[-1]] >= 0:
        found.append(int(previous[found[-1]]))
    return np.array(found[::-1], dtype=np.intp)
