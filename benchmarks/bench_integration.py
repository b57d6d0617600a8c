"""Measure how exact and how fast integration and orientation lookups are.

Run from the repository's root: `python -m benchmarks.bench_integration [--duration 60]`.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from time import perf_counter

import numpy as np
from scipy.spatial.transform import Rotation

from benchmarks.arguments import count, positive
from gyro_data.checks import Floats
from gyro_data.integration import INTEGRATORS, integrate
from gyro_data.log import GyroLog
from gyro_data.orientation import Orientation
from gyro_data.quaternions import cumulative_product, from_rotvec
from tests.analytic_motion import angle_deg, walking

RATES_HZ = (100, 200, 400)


def axis_sums(log: GyroLog) -> Rotation:
    """Sum up the angles of each axis on its own, as if rotations added."""
    angles = np.diff(log.t)[:, None] * (log.gyro[:-1] + log.gyro[1:]) / 2
    return Rotation.from_rotvec(np.concatenate([np.zeros((1, 3)), np.cumsum(angles, axis=0)]))


def left_rectangle(log: GyroLog) -> Rotation:
    """Keep each sample's rate until the next sample."""
    rotvec = np.diff(log.t)[:, None] * log.gyro[:-1]
    return Rotation.from_quat(
        cumulative_product(from_rotvec(np.concatenate([np.zeros((1, 3)), rotvec])))
    )


def ours(log: GyroLog, method: str) -> Rotation:
    """Return the orientations of the library's own integrator `method`."""
    return integrate(log, method=method).R_world_body


METHODS: Mapping[str, Callable[[GyroLog], Rotation]] = {
    "axis sums": axis_sums,
    "left rectangle": left_rectangle,
    **{method: partial(ours, method=method) for method in INTEGRATORS},
}


def print_accuracy(duration: float) -> None:
    """Print each method's largest error on a noise-free walk, on even and on jittered samples."""
    motion = walking()
    print(f"largest error in degrees over {duration:g} s of walking (0.8 to 14 Hz), no noise")
    print(f"{'':16}" + "".join(f"{hz:>8} Hz" for hz in RATES_HZ) + "   400 Hz, times jittered 40 %")
    even = [np.arange(0, duration, 1 / hz) for hz in RATES_HZ]
    jitter = np.random.default_rng(0).uniform(-0.4, 0.4, even[-1].size) / RATES_HZ[-1]
    for name, method in METHODS.items():
        times = [*even, even[-1] + jitter]
        errors = [angle_deg(motion.R_world_body(t), method(motion.log(t))).max() for t in times]
        print(f"{name:16}" + "".join(f"{error:11.2g}" for error in errors))


def print_lookup_accuracy() -> None:
    """Print the largest error of cubic and of slerp lookups between exact samples."""
    motion = walking()
    t_query = np.linspace(0, 10, 100_003)
    truth = motion.R_world_body(t_query)
    print("\nlargest error in degrees of lookups between exact samples")
    for hz in RATES_HZ:
        t = np.linspace(0, 10, 10 * hz + 1)
        cubic = Orientation.of(t, motion.R_world_body(t), rate=motion.rate(t))
        errors = [angle_deg(truth, o.at(t_query)).max() for o in (cubic, replace(cubic, rate=None))]
        print(f"{hz:>8} Hz        cubic {errors[0]:.2g}   slerp {errors[1]:.2g}")


def seconds(call: Callable[[], object]) -> float:
    """Return the shortest of three durations of `call`."""
    durations = []
    for _ in range(3):
        start = perf_counter()
        call()
        durations.append(perf_counter() - start)
    return min(durations)


def print_speed(n_lookups: int) -> None:
    """Print the time to integrate an hour at 400 Hz and to look up row times in it."""
    rng = np.random.default_rng(0)
    t = np.arange(3600 * 400) / 400
    log = GyroLog(t, rng.normal(scale=0.3, size=(t.size, 3)))
    rows: Floats = np.sort(rng.uniform(0, 3600, n_lookups))
    orientation = integrate(log)
    slerped = replace(orientation, rate=None)
    frame = rows[:1080]
    print(f"\nseconds, an hour at 400 Hz ({t.size} samples), best of 3")
    for name in INTEGRATORS:
        print(f"integrate, {name:24}{seconds(partial(integrate, log, method=name)):9.3f}")
    print(f"{n_lookups:>10} lookups, cubic    {seconds(partial(orientation.quat_at, rows)):13.3f}")
    print(f"{n_lookups:>10} lookups, slerp    {seconds(partial(slerped.quat_at, rows)):13.3f}")
    print(
        f"{frame.size:>10} lookups, cubic    {seconds(partial(orientation.quat_at, frame)):13.6f}"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--duration", type=positive, default=60.0, help="seconds of walking")
    parser.add_argument("--lookups", type=count, default=10_000_000, help="row times to look up")
    arguments = parser.parse_args()
    print_accuracy(arguments.duration)
    print_lookup_accuracy()
    print_speed(arguments.lookups)


if __name__ == "__main__":
    main()
