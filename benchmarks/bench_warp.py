"""Measure how exact warp grids and the row iteration are, and what warping costs.

Run `python benchmarks/bench_warp.py`. Times are CPU time of all threads; errors are source px.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice, product
from time import process_time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gyro_data.checks import Floats
from gyro_data.quaternions import conjugate, rotate
from stabilizer import Camera, Optimal, Plan, make_plan
from stabilizer.lens import Fisheye, Lens, OpenCV, Pinhole
from stabilizer.remap import warp_frame
from stabilizer.simulate import Handheld, Motion, simulate_log
from stabilizer.smoothing import Smoother, Unsmoothed
from stabilizer.video.base import PIXEL_FORMATS, Frame
from stabilizer.warp import (
    GRID_STEP,
    INTERPOLATIONS,
    WarpGrid,
    dense_map,
    extrapolate_outside,
    grid_nodes,
)

STEPS = (8, 16, 32, 64)
SIZES = ((1280, 720), (3840, 2160))
SPEED_SIZES = ((1280, 720), (1920, 1080), (3840, 2160))
READOUTS = (0.0, 0.016, 0.033)  # s
LENSES: Mapping[str, tuple[Lens, float]] = {
    "pinhole": (Pinhole(), 0.785),
    "barrel": (OpenCV((-0.25, 0.08, 0.0005, -0.0003, -0.01)), 0.65),
    "fisheye": (Fisheye((0.05, -0.01, 0.004, -0.001)), 0.5),
}
"""Lens and focal length as a share of the width."""

Indices = NDArray[np.intp]

LIMIT = 0.05  # px
SPARE = 2.0  # the recommended step errs by less than LIMIT / SPARE
SPARSE = {1280: 7, 3840: 13}
"""Every how many pixels a grid is judged, by width; odd, so that all parts of a cell are seen."""

_DURATION = 2.0  # s
_GYRO_RATE = 1000.0  # 1/s
_SETTLED = 40  # iterations, after which nothing changes


@dataclass(frozen=True)
class Vibrating:
    """A motion with a vibration about camera x on top."""

    motion: Motion
    frequency: float = 90.0
    """Hz"""
    peak_rate: float = np.deg2rad(20.0)
    """rad/s"""

    def at(self, t: Floats) -> Rotation:
        """Return R_world_cam at `t (N,)` s."""
        return self.motion.at(t) * Rotation.from_rotvec(self._about_x(self._angle(t)))

    def rate_at(self, t: Floats) -> Floats:
        """Return the rate (N, 3) rad/s about camera x, y, z at `t (N,)` s."""
        vibration = Rotation.from_rotvec(self._about_x(self._angle(t)))
        own = self.peak_rate * np.cos(2 * np.pi * self.frequency * t)
        return np.asarray(vibration.inv().apply(self.motion.rate_at(t)) + self._about_x(own))

    def _angle(self, t: Floats) -> Floats:
        turn = 2 * np.pi * self.frequency
        return np.asarray(self.peak_rate / turn * np.sin(turn * t))

    @staticmethod
    def _about_x(x: Floats) -> Floats:
        return np.stack([x, np.zeros_like(x), np.zeros_like(x)], axis=-1)


WALK, RUN = Handheld("walk", seed=1), Handheld("run", seed=1)
MOTIONS: Mapping[str, tuple[Motion, Smoother]] = {
    "stand": (Handheld("stand", seed=1), Optimal()),
    "walk": (WALK, Optimal()),
    "run": (RUN, Optimal()),
    "walk + 90 Hz": (Vibrating(WALK), Optimal()),
    "run, kept": (RUN, Unsmoothed()),
}
"""The camera's path and what makes the virtual one; a kept path takes the least crop."""


class Worst(NamedTuple):
    """The largest error of a step and where it occurs."""

    error: float
    """px"""
    case: str


def planned(motion: str, camera: Camera) -> Plan:
    """Return the plan of a clip that nobody renders; "linear" takes the least crop."""
    path, smoother = MOTIONS[motion]
    log = simulate_log(path, -1.0, _DURATION + 1.0, rate=_GYRO_RATE)
    times = np.arange(0, _DURATION, 1 / 30)
    return make_plan(log, times, camera, smoother=smoother, interpolation="linear")


def judged_times(plan: Plan, motion: str, n_frames: int) -> Floats:
    """Return times (s) of the fastest frame, of the one with the least margin and of others."""
    speed = np.linalg.norm(MOTIONS[motion][0].rate_at(plan.frame_times), axis=-1)
    spread = np.linspace(0, len(speed) - 1, n_frames).round().astype(int)[1:-1]
    return np.asarray(plan.frame_times[[np.argmax(speed), np.argmin(plan.margin), *spread]])


def sparse_pixels(camera: Camera) -> tuple[Indices, Indices]:
    """Return columns (X,) and rows (Y,) of every k-th pixel, the outermost ones included."""
    k = SPARSE[camera.width]
    x, y = (
        np.append(np.arange(0, size - 1, k), size - 1) for size in (camera.width, camera.height)
    )
    return x, y


def grid_of(plan: Plan, t: float, step: int) -> WarpGrid:
    """Return what `plan.warp_grid` returns, or its like with another step, node by node."""
    if step == GRID_STEP:
        return plan.warp_grid(t)
    output, step_xy = plan.output, (step, step)
    nodes = grid_nodes(output.width, output.height, step_xy)
    points = plan.source_points(t, nodes.reshape(-1, 2)).reshape(nodes.shape)
    src_xy = extrapolate_outside(points).astype(np.float32)
    return WarpGrid(src_xy, output.width, output.height, step_xy)


def grid_errors(plan: Plan, t: float) -> Floats:
    """Return the distances (steps, N) px between the maps that grids give and the exact one."""
    x, y = sparse_pixels(plan.output)
    pixels = np.stack(np.meshgrid(x, y), axis=-1)
    exact = plan.source_points(t, pixels.reshape(-1, 2).astype(float)).reshape(pixels.shape)
    maps = (dense_map(grid_of(plan, t, step))[np.ix_(y, x)] for step in STEPS)
    return np.array([np.linalg.norm(found - exact, axis=-1).ravel() for found in maps])


def print_grid_errors(n_frames: int) -> list[Worst]:
    """Print max and RMS error of every case and step; return the worst of each step."""
    print(f"error of the bilinear grid, px: max (RMS) over the whole picture of {n_frames} frames")
    print(f"{'':39}{'zoom':>7}" + "".join(f"{f'step {step}':>18}" for step in STEPS))
    worst = [Worst(0.0, "")] * len(STEPS)
    for size, lens, readout, motion in product(SIZES, LENSES, READOUTS, MOTIONS):
        plan = planned(motion, make_camera(size, lens, readout))
        times = judged_times(plan, motion, n_frames)
        errors = np.concatenate([grid_errors(plan, t) for t in times], axis=-1)
        largest, rms = errors.max(axis=-1), np.sqrt(np.mean(errors**2, axis=-1))
        case = f"{size[0]}x{size[1]} {lens:8} {1e3 * readout:3.0f} ms {motion:12}"
        cells = (f"{a:9.4f} ({b:.4f})" for a, b in zip(largest, rms, strict=True))
        print(f"{case:39}{plan.zoom[0]:7.3f}" + "".join(f"{cell:>18}" for cell in cells))
        worst = [max(w, Worst(e, case)) for w, e in zip(worst, largest.tolist(), strict=True)]
    return worst


def make_camera(size: tuple[int, int], lens: str, readout: float) -> Camera:
    """Return a camera with a lens of `LENSES`."""
    model, focal = LENSES[lens]
    return Camera.from_focal(*size, focal * size[0], lens=model, readout_time=readout)


def print_conclusion(worst: list[Worst]) -> None:
    """Print the worst case of each step, and the largest step that has something to spare."""
    for step, (error, case) in zip(STEPS, worst, strict=True):
        print(f"step {step:2}: at most {error:.4f} px ({case.strip()})")
    good = [s for s, (error, _) in zip(STEPS, worst, strict=True) if error * SPARE < LIMIT]
    verdict = f"step {max(good)} keeps" if good else "MISSED: no step keeps"
    print(f"=> {verdict} the error under {LIMIT:g} px everywhere with a factor {SPARE:g} to spare")


def row_iterates(plan: Plan, t: float, xy: Floats) -> Iterator[Floats]:
    """Yield the fixed point's iterates (P, 2) px, from the one that reads all at the middle row."""
    zoom = np.interp(t, plan.frame_times, plan.zoom)
    rays = rotate(plan.virtual.quat_at(np.array([t])), plan.output.unproject(xy, zoom))
    offset = np.zeros(len(xy))
    while True:
        turned = rotate(conjugate(plan.measured.quat_at(t + offset)), rays)
        points = plan.camera.project(turned)
        yield points
        offset = plan.camera.readout_offset(points)


def print_row_iteration(n_frames: int) -> None:
    """Print how the row iteration converges, and how far `source_points` is from its end."""
    print("\nrow iteration, barrel lens: worst distance in px from its end")
    print(f"{'':35}{'source_points':>14}" + "".join(f"{f'after {n}':>11}" for n in range(6)))
    for size, readout, motion in product(SIZES, READOUTS[1:], MOTIONS):
        plan = planned(motion, make_camera(size, "barrel", readout))
        x, y = sparse_pixels(plan.output)
        xy = np.stack(np.meshgrid(x[::4], y[::4]), axis=-1).reshape(-1, 2).astype(float)
        distances = []
        for t in judged_times(plan, motion, n_frames):
            iterates = list(islice(row_iterates(plan, t, xy), _SETTLED))
            tried = [plan.source_points(t, xy), *iterates[:6]]
            distances.append([np.linalg.norm(p - iterates[-1], axis=-1).max() for p in tried])
        case = f"{size[0]}x{size[1]} {1e3 * readout:3.0f} ms {motion:12}"
        got, *after = np.max(distances, axis=0)
        print(f"{case:35}{got:14.2g}" + "".join(f"{d:11.2g}" for d in after))


def cpu_ms(call: Callable[[], object], repeat: int = 15) -> float:
    """Return the median CPU time of a call, all threads, in ms."""
    durations = []
    for _ in range(repeat):
        start = process_time()
        call()
        durations.append(process_time() - start)
    return 1e3 * float(np.median(durations))


def print_speed() -> None:
    """Print what a frame costs."""
    print(
        "\nCPU ms per frame (median), walk, barrel lens, 16 ms, yuv420p; warps by a grid of step 16"
    )
    names = ["plan.warp_grid", *(f"step {step}" for step in STEPS), *INTERPOLATIONS]
    print(f"{'':10}" + "".join(f"{name:>15}" for name in names))
    for size in SPEED_SIZES:
        plan = planned("walk", make_camera(size, "barrel", 0.016))
        costs = [cpu_ms(partial(plan.warp_grid, 1.0))]
        costs += [cpu_ms(partial(grid_of, plan, 1.0, step)) for step in STEPS]
        costs += [cpu_ms(warp(plan, kernel)) for kernel in INTERPOLATIONS]
        print(f"{f'{size[0]}x{size[1]}':10}" + "".join(f"{cost:15.1f}" for cost in costs))


def warp(plan: Plan, kernel: str) -> Callable[[], object]:
    """Return a call that warps a frame of noise."""
    layout, rng = PIXEL_FORMATS["yuv420p"], np.random.default_rng(0)
    shapes = layout.plane_shapes(plan.output.width, plan.output.height)
    source = Frame([rng.integers(16, 236, s, np.uint8) for s in shapes], layout, 1.0, 0)
    out = Frame([np.empty(s, np.uint8) for s in shapes], layout, 1.0, 0)
    grid = plan.warp_grid(1.0)
    return partial(
        warp_frame,
        source,
        grid,
        out=out,
        chroma_offset_xy=(0.0, 0.5),
        interpolation=kernel,
        backend="numba",
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=2, help="frames judged per case, at least 2")
    arguments = parser.parse_args()
    worst = print_grid_errors(arguments.frames)
    print_conclusion(worst)
    print_row_iteration(arguments.frames)
    print_speed()


if __name__ == "__main__":
    main()
