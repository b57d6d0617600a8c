"""Turn angular rates into orientation: `integrate(GyroLog) -> Orientation`, body frame, log clock.

The world frame is the body's at the first sample. Steps are the log's own, never a nominal rate.
"""

import logging
from collections.abc import Callable, Mapping

import numpy as np

from gyro_data.checks import Bools, Floats, number
from gyro_data.log import GyroLog
from gyro_data.orientation import Orientation, inside_gaps
from gyro_data.quaternions import cumulative_product, from_rotvec

LOG = logging.getLogger(__name__)

MAX_STEP_RATIO = 10.0
"""A slope divides the sensor's noise by the shorter of its two steps: beside a step this many times
shorter, the slopes' noise would be as large as the trapezoid rule's own."""


def trapezoid(t: Floats, gyro: Floats) -> Floats:
    """Return each interval's rotation vector (N−1, 3): h (w0 + w1) / 2; global error O(h²)."""
    h = np.diff(t)[:, None]
    return np.asarray(h * (gyro[:-1] + gyro[1:]) / 2)


def cubic(t: Floats, gyro: Floats) -> Floats:
    """Return each interval's rotation vector (N−1, 3) for rates cubic in time; global error O(h⁴).

    The Magnus series of R' = R [w]× up to 4th order, the integral taken of the Hermite cubic:
    h (w0 + w1) / 2 + h² (w0' − w1') / 12 + h² (w0 × w1) / 12. The slopes w' are three-point
    differences; a step more than MAX_STEP_RATIO times longer than a neighbour goes without them.
    """
    step = np.diff(t)
    w0, w1 = gyro[:-1], gyro[1:]
    slope = np.gradient(gyro, t, axis=0, edge_order=2 if len(t) > 2 else 1)
    bend = slope[:-1] - slope[1:]
    bend[_beside_a_short_step(step)] = 0.0
    return trapezoid(t, gyro) + step[:, None] ** 2 / 12 * (bend + np.cross(w0, w1))


def _beside_a_short_step(step: Floats) -> Bools:
    """Tell for each of the steps (N−1,) if a neighbour is MAX_STEP_RATIO times shorter."""
    padded = np.pad(step, 1, mode="edge")
    return np.asarray(step > MAX_STEP_RATIO * np.minimum(padded[:-2], padded[2:]))


INTEGRATORS: Mapping[str, Callable[[Floats, Floats], Floats]] = {
    "cubic": cubic,
    "trapezoid": trapezoid,
}
"""Rules (t (N,) s, gyro (N, 3) rad/s) -> rotation vector of each interval (N−1, 3) rad, by name."""


def integrate(log: GyroLog, *, method: str = "cubic", max_bridge: float = 0.02) -> Orientation:
    """Return the orientation at each sample: R[0] = 1, R[k+1] = R[k] exp(step k by `method`).

    Across gaps of the log longer than `max_bridge` s the orientation is held; the result lists
    them and a warning is logged. Shorter dropouts are integrated through. The gyro's drift is not
    subtracted here. Raises ValueError for an unknown method or a negative `max_bridge`.
    """
    if method not in INTEGRATORS:
        raise ValueError(f"method: expected one of {', '.join(INTEGRATORS)}; got {method!r}")
    number("max_bridge", max_bridge, minimum=0.0)
    gaps = _long_gaps(log, max_bridge)
    rotvec = INTEGRATORS[method](log.t, log.gyro)
    rotvec[inside_gaps((log.t[:-1] + log.t[1:]) / 2, gaps)] = 0.0
    quat_xyzw = cumulative_product(from_rotvec(np.concatenate([np.zeros((1, 3)), rotvec])))
    return Orientation(log.t, quat_xyzw, rate=log.gyro, gaps=gaps)


def _long_gaps(log: GyroLog, max_bridge: float) -> Floats:
    gaps = log.gaps[np.diff(log.gaps)[:, 0] > max_bridge]
    if len(gaps):
        LOG.warning(
            "gyro log: orientation held across %d gap(s) longer than %g s, %.3f s in total",
            len(gaps),
            max_bridge,
            np.diff(gaps).sum(),
        )
    return gaps
