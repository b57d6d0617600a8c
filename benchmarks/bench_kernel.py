"""Measure how fast and how exact the fused warp kernel is, beside a copy and OpenCV's remap.

Run from the repository's root: `python -m benchmarks.bench_kernel [--size 3840x2160]`. Times are
medians of calls that take turns; frames and line sizes are those of the encoder.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter, process_time

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from benchmarks.arguments import count, picture_size
from stabilizer.convolution import gaussian
from stabilizer.filters import GaussianBlur
from stabilizer.remap import chroma_grid, warp_frame
from stabilizer.video.base import PIXEL_FORMATS, Frame, Plane
from stabilizer.video.pyav.reading import plane_views
from stabilizer.warp import INTERPOLATIONS, WarpGrid, dense_map, grid_nodes, transform_points
from tests.remap_reference import psnr, source_xy, warped

FORMATS = ("yuv420p", "nv12", "yuv420p10le")
PSNR_SIZE = (480, 270)
MIN_PSNR = 60.0  # dB, 8 bits
MAX_ERROR = 1  # code values, 10 bits
MIN_SPEEDUP = 2.0  # bicubic, CPU time, against the best way through cv2.remap
GOALS_MS: Mapping[str, float] = {"linear": 5.5, "cubic": 10.4}  # 1920x1080 yuv420p, one thread
ZOOM, TURN = 1.15, np.deg2rad(1.5)

_CHROMA = (0.0, 0.5)
_FLAGS = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC, "lanczos": cv2.INTER_LANCZOS4}
_SIGMAS = (0.8, 1.2, 3.0)

Call = Callable[[], object]


@dataclass
class Times:
    """What a call took, again and again, in ms."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def take(self, call: Call) -> None:
        """Time one more call."""
        wall, cpu = perf_counter(), process_time()
        call()
        self.cpu.append(1e3 * (process_time() - cpu))
        self.wall.append(1e3 * (perf_counter() - wall))


def measured(calls: Mapping[str, Call], repeat: int) -> dict[str, tuple[float, float]]:
    """Return median CPU and wall time of each call in ms; the calls take turns."""
    times = {name: Times() for name in calls}
    for call in calls.values():
        call()  # compiles, or fills caches
    for _ in range(repeat):
        for name, call in calls.items():
            times[name].take(call)
    return {k: (float(np.median(v.cpu)), float(np.median(v.wall))) for k, v in times.items()}


def encoder_frame(name: str, width: int, height: int, seed: int | None = None) -> Frame:
    """Return a frame in FFmpeg's own memory, of noise if there is a seed."""
    picture, layout = av.VideoFrame(width, height, name), PIXEL_FORMATS[name]
    planes = plane_views(picture, writable=True)
    for plane in planes if seed is not None else ():
        np.copyto(plane, texture(plane.shape, 2**layout.bits - 1, seed), casting="unsafe")
    return Frame(planes, layout, t=0.0, pts=0)


def texture(shape: tuple[int, ...], peak: int, seed: int) -> NDArray[np.float64]:
    """Return noise with structure, 0 to `peak`."""
    values = np.random.default_rng(seed).normal(size=shape)
    values += 4 * gaussian_filter(values, (1.2, 1.2, 0)[: len(shape)])
    return np.clip((0.5 + 0.12 * values) * peak, 0, peak).round()


def grid_for(width: int, height: int) -> WarpGrid:
    """Return the grid of a small turn and zoom about the centre, as stabilizing takes."""
    scaled = np.array([[np.cos(TURN), -np.sin(TURN)], [np.sin(TURN), np.cos(TURN)]]) / ZOOM
    centre = np.array([width - 1, height - 1]) / 2
    affine = np.eye(3)
    affine[:2, :2], affine[:2, 2] = scaled, centre - scaled @ centre
    nodes = transform_points(grid_nodes(width, height), affine)
    return WarpGrid(nodes.astype(np.float32), width, height)


def copy(source: Frame, target: Frame) -> None:
    """Copy all planes."""
    for a, b in zip(source.planes, target.planes, strict=True):
        np.copyto(b, a)


def remapped(source: Frame, target: Frame, maps: list[tuple[NDArray, ...]], flag: int) -> None:
    """Warp all planes by ready maps, straight into the target."""
    for plane, out, each in zip(source.planes, target.planes, maps, strict=True):
        cv2.remap(plane, *each, flag, dst=out, borderMode=cv2.BORDER_REPLICATE)


def calls_of(source: Frame, target: Frame, grid: WarpGrid) -> dict[str, Call]:
    """Return everything that is timed for a format, by name."""
    chroma = chroma_grid(grid, (2, 2), offset_xy=_CHROMA)
    dense = [dense_map(chroma if k else grid) for k in range(len(source.planes))]
    floats = [(np.ascontiguousarray(m), None) for m in dense]
    fixed = [cv2.convertMaps(m, None, cv2.CV_16SC2) for m in dense]
    warp = partial(warp_frame, source, grid, out=target, chroma_offset_xy=_CHROMA)
    calls: dict[str, Call] = {"copy": partial(copy, source, target)}
    for kernel in INTERPOLATIONS:
        for threads in (1, 2):
            calls[f"{kernel} fused x{threads}"] = partial(
                warp, interpolation=kernel, backend="numba", threads=threads
            )
        calls[f"{kernel} cv2 strips"] = partial(warp, interpolation=kernel, backend="opencv")
        calls[f"{kernel} cv2 map"] = partial(remapped, source, target, floats, _FLAGS[kernel])
        calls[f"{kernel} cv2 fixed map"] = partial(remapped, source, target, fixed, _FLAGS[kernel])
    return calls


def print_speed(name: str, size: tuple[int, int], repeat: int) -> dict[str, float]:
    """Print and return what a frame costs, CPU ms by call."""
    source, target = encoder_frame(name, *size, seed=0), encoder_frame(name, *size)
    n_samples = sum(plane.size for plane in source.planes)
    times = measured(calls_of(source, target, grid_for(*size)), repeat)
    copied = times["copy"][0]
    print(f"\n{name} {size[0]}x{size[1]}{'CPU ms':>17}{'wall ms':>9}{'ns/sample':>11}{'copies':>8}")
    for call, (cpu, wall) in times.items():
        per_sample = 1e6 * cpu / n_samples
        print(f"  {call:24}{cpu:9.2f}{wall:9.2f}{per_sample:11.2f}{cpu / copied:8.1f}")
    return {call: cpu for call, (cpu, _) in times.items()}


def accuracy(name: str, kernel: str) -> tuple[float, float]:
    """Return PSNR in dB over all planes (the least), and the largest error in code values."""
    source = encoder_frame(name, *PSNR_SIZE, seed=1)
    target, grid = encoder_frame(name, *PSNR_SIZE), grid_for(*PSNR_SIZE)
    chroma = chroma_grid(grid, (2, 2), offset_xy=_CHROMA)
    warp_frame(
        source, grid, out=target, chroma_offset_xy=_CHROMA, interpolation=kernel, backend="numba"
    )
    peak = 2**source.pixel_format.bits - 1
    found = []
    for k, (plane, got) in enumerate(zip(source.planes, target.planes, strict=True)):
        exact = warped(plane, source_xy(chroma if k else grid), kernel, peak)
        found.append((psnr(got, exact, peak), float(np.abs(got - exact).max())))
    return min(p for p, _ in found), max(e for _, e in found)


def print_accuracy() -> list[tuple[bool, str]]:
    """Print how far from float64 the kernels are; return the verdicts."""
    print(f"\nagainst float64, {PSNR_SIZE[0]}x{PSNR_SIZE[1]}{'PSNR dB':>12}{'largest error':>15}")
    verdicts = []
    for name in FORMATS:
        for kernel in INTERPOLATIONS:
            decibels, error = accuracy(name, kernel)
            print(f"  {name:12} {kernel:18}{decibels:9.1f}{error:15.0f}")
            if PIXEL_FORMATS[name].bits == 8:
                met = decibels > MIN_PSNR
                text = f"{name} {kernel}: PSNR > {MIN_PSNR:g} dB: {decibels:.1f}"
            else:
                met = error <= MAX_ERROR
                text = f"{name} {kernel}: error <= {MAX_ERROR}: {error:.0f}"
            verdicts.append((met, text))
    return verdicts


def speed_verdicts(name: str, costs: Mapping[str, float], full_hd: bool) -> list[tuple[bool, str]]:
    """Return the targets of a format and whether they are met."""
    verdicts = []
    ways = [costs[f"cubic cv2 {way}"] for way in ("strips", "map", "fixed map")]
    speedup = min(ways) / costs["cubic fused x1"]
    text = f"{name}: cubic >= {MIN_SPEEDUP:g}x faster than cv2.remap: {speedup:.1f}x"
    verdicts.append((speedup >= MIN_SPEEDUP, text))
    for kernel, goal in GOALS_MS.items() if full_hd and name == "yuv420p" else ():
        cost = costs[f"{kernel} fused x1"]
        verdicts.append((cost <= goal, f"{name}: {kernel} <= {goal:g} ms: {cost:.1f} ms"))
    return verdicts


def print_filters(size: tuple[int, int], repeat: int) -> list[tuple[bool, str]]:
    """Print what image filters cost beside the bare convolution; return the verdicts."""
    print(
        f"\nGaussian filter of luma, {size[0]}x{size[1]}, CPU ms{'filter':>10}{'sepFilter2D':>13}"
    )
    verdicts = []
    for name in ("yuv420p", "yuv420p10le"):
        frame = encoder_frame(name, *size, seed=2)
        luma: Plane = frame.planes[0]
        for sigma in _SIGMAS:
            kernel = gaussian(sigma)
            calls: dict[str, Call] = {
                "filter": partial(GaussianBlur(sigma), frame),
                "sepFilter2D": partial(cv2.sepFilter2D, luma, -1, kernel, kernel),
            }
            times = measured(calls, repeat)
            ours, bare = times["filter"][0], times["sepFilter2D"][0]
            print(f"  {name:12} sigma {sigma:<16g}{ours:13.2f}{bare:13.2f}")
            met = ours <= 1.05 * bare  # medians of equal calls differ by as much
            verdicts.append((met, f"{name} sigma {sigma:g}: {ours / bare:.2f} x sepFilter2D"))
    return verdicts


def main() -> None:
    """Print the tables and the targets."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--size", type=picture_size, default="1920x1080", help="of the frames")
    parser.add_argument("--repeat", type=count, default=15, help="calls of which medians are taken")
    arguments = parser.parse_args()
    width, height = arguments.size
    cv2.setNumThreads(1)
    print(f"OpenCV {cv2.__version__}, turn {np.rad2deg(TURN):.1f} degrees, zoom {ZOOM:g}")
    verdicts = []
    for name in FORMATS:
        costs = print_speed(name, (width, height), arguments.repeat)
        verdicts += speed_verdicts(name, costs, (width, height) == (1920, 1080))
    verdicts += print_accuracy() + print_filters((width, height), arguments.repeat)
    print("\ntargets (one thread, CPU time)")
    for met, text in verdicts:
        print(f"  {'met   ' if met else 'MISSED'}  {text}")


if __name__ == "__main__":
    main()
