"""An uneven clock followed through a clip: looks between windows that disagree, steps located."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from stabilizer.sync import Knots
from stabilizer.synchronization.clock import (
    SHARP,
    SURE,
    TRIED_EVERY,
    UNEVEN,
    LocalDelay,
    joined,
    jump,
    local_delay,
    misfit,
    point_errors,
)
from stabilizer.synchronization.fitting import FineSync
from stabilizer.synchronization.problem import Problem
from stabilizer.synchronization.windows import LENGTH, Span

LOG = logging.getLogger(__name__)

_JUMP = 3e-3  # s: less between neighbouring windows is bridged by a straight line
_CLOSE = 2.0  # s between windows that are not looked between
_MOST_LOOKS = 32
_END_TRIED = 5  # delays to either side that are tried at the ends of a clip
_BETTER = 0.9  # misfit with a step over that without, from which the step is there


@dataclass(frozen=True)
class Look:
    """How to look at a stretch of the video again."""

    through: Callable[[Span], Problem]
    """Follows points through all of it."""
    telling: Callable[[Span], Span]
    """The window in it that tells most."""

    def closely(self, stretch: Span) -> tuple[Span, Problem]:
        """Follow points through the window of a stretch that tells most."""
        span = self.telling(stretch)
        return span, self.through(span)


def followed(
    fine: FineSync, delays: Sequence[LocalDelay], look: Look, ends: Span
) -> tuple[Knots, list[LocalDelay]]:
    """Return the corrections of an uneven clock and the delays of all windows that were looked at.

    Looked at are both `ends` of the clip, then what lies between two windows that disagree, until
    it shows a step or a straight line.
    """
    first, last = ends
    stretches = [(first, first + 2 * LENGTH), (last - 2 * LENGTH, last)]
    at_ends = [_at_end(fine, delays, look, stretch) for stretch in stretches]
    found = sorted({d.t: d for d in [*delays, *at_ends] if d is not None}.values(), key=_time)
    steps: dict[float, Knots] = {}  # by the time of the window before
    unsettled = [pair for pair in pairwise(found) if _disagree(*pair)]
    for _ in range(_MOST_LOOKS):
        if not unsettled:
            break
        before, after = unsettled.pop(0)
        own, step = _between(before, after, fine, look)
        if step is not None:
            steps[before.t] = step
            LOG.info("the log's clock jumps by %.1f ms at %.2f s", *_described(step))
        elif own is not None:
            found.append(own)
            expected = np.interp(own.t, (before.t, after.t), (before.delay, after.delay))
            if abs(own.delay - expected) > UNEVEN / 2 + SURE * own.error:
                halves = ((before, own), (own, after))
                unsettled += [pair for pair in halves if _disagree(*pair)]
    if unsettled:
        LOG.warning("the log's clock is too uneven to be followed everywhere")
    found.sort(key=_time)
    return joined(found, steps), found


def _time(delay: LocalDelay) -> float:
    return delay.t


def _at_end(
    fine: FineSync, delays: Sequence[LocalDelay], look: Look, stretch: Span
) -> LocalDelay | None:
    """Return what a window near an end of the clip tells, unless one was looked at there."""
    start, end = stretch
    if any(start < d.t < end for d in delays):
        return None
    nearest = min(delays, key=lambda d: abs(d.t - (start + end) / 2))
    span, view = look.closely(stretch)
    tried = nearest.delay + np.arange(-_END_TRIED, _END_TRIED + 1) * TRIED_EVERY
    return local_delay(view, fine, span, tried.tolist())


def _disagree(before: LocalDelay, after: LocalDelay) -> bool:
    """Tell if there is more between two windows than a straight line may bridge."""
    off = abs(after.delay - before.delay)
    sure = SURE * float(np.hypot(before.error, after.error))
    return off > (_JUMP if _adjacent(before, after) else UNEVEN) + sure


def _adjacent(before: LocalDelay, after: LocalDelay) -> bool:
    return after.t - before.t < 2 * LENGTH + _CLOSE


def _between(
    before: LocalDelay, after: LocalDelay, fine: FineSync, look: Look
) -> tuple[LocalDelay | None, Knots | None]:
    """Look between two windows: return the delay of a new one, or the step that is there."""
    if _adjacent(before, after):
        view = look.through((before.t, after.t))
        return None, _step(view, fine, before, after, None)
    room = max((after.t - before.t) / 4, LENGTH / 2)
    middle = (before.t + after.t) / 2
    span, view = look.closely((middle - room, middle + room))
    n = 2 + int(abs(after.delay - before.delay) / TRIED_EVERY)
    own = local_delay(view, fine, span, np.linspace(before.delay, after.delay, n).tolist())
    return own, _step(view, fine, before, after, own)


def _step(
    view: Problem,
    fine: FineSync,
    before: LocalDelay,
    after: LocalDelay,
    own: LocalDelay | None,
) -> Knots | None:
    """Return the step from one delay to another inside a view, if it explains the view better.

    Tried between all pairs of frames, against the view's `own` delay or a straight line.
    """
    without = (
        ((before.t, before.delay), (after.t, after.delay)) if own is None else ((own.t, own.delay),)
    )
    size = float(np.median(point_errors(view, fine, without)))
    seen = np.unique(view.pairs.pair)
    places = ((view.pairs.t_from + view.pairs.t_to) / 2)[seen]
    last = after.t - jump(0.0, before.delay, after.delay)[1][0]
    places = places[(places > before.t + SHARP) & (places < last)]
    if not len(places):
        return None

    def cost(place: float) -> float:
        return misfit(view, fine, jump(place, before.delay, after.delay), size)

    step = max(1, len(places) // 24)
    rough = int(np.argmin([cost(float(t)) for t in places[::step]])) * step
    close = places[max(rough - step, 0) : rough + step + 1]
    costs = [cost(float(t)) for t in close]
    best = int(np.argmin(costs))
    if costs[best] > _BETTER * misfit(view, fine, without, size):
        return None
    return jump(float(close[best]), before.delay, after.delay)


def _described(step: Knots) -> tuple[float, float]:
    (t, before), (_, after) = step
    return 1e3 * (after - before), t
