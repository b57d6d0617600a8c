"""Measure the virtual path: how smooth at equal zoom, never a border, how fast, how invariant.

Run `python benchmarks/bench_path.py [--section NAME]`. No picture is rendered: numbers are those of
the virtual rotation and zoom, in px at 1080 lines. A target that is not reached is `MISSED`.
"""

import argparse
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np
from arguments import count, positive
from path_clips import MOTIONS, Clip, noisy, random_case
from path_numbers import Numbers, measure, pooled, print_check, print_head, print_row
from rivals import CALM, RIVALS

from stabilizer.crop import TOLERANCE, CroppedPath, ZoomRange
from stabilizer.errors import StabilizerError
from stabilizer.optimal import Cinematic, Fixed, Optimal
from stabilizer.smoothing import Gaussian, Smoother

ZOOMS = (1.10, 1.15, 1.30)
FREE = ZoomRange(high=3.0)  # rivals have no limit: nor has `Optimal` beside them
TARGETS: Mapping[str, float] = {"jitter": 4.0, "jerk": 3.0}  # walk, zoom 1.15
TARGET_CASE = ("walk", 1.15)
SMOOTHNESSES = (0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 1.0)  # s
MODES: Mapping[str, tuple[Smoother, ZoomRange]] = {
    "optimal": (Optimal(), ZoomRange()),
    "optimal, zoom fixed": (Optimal(), ZoomRange(fixed=True)),
    "cinematic": (Cinematic(), ZoomRange()),
    "fixed (tripod)": (Fixed(), ZoomRange()),
    "gaussian": (Gaussian(), ZoomRange()),
}
TARGET_SECONDS: Mapping[float, float] = {1 / 6: 5.0, 1.0: 30.0}
"""CPU s by hours of 30 fps."""
TARGET_ZOOM, TARGET_ANGLE = 0.5, 0.05  # %, deg: how far frame rates may differ

_SHAKY = 0.25  # share of the jitter that makes what is left no smooth path
_JUDGED_PER_EDGE = 97  # border points: mostly others than those the planner looks at
_VISIBLE = 1 / 64  # px: source positions are rounded to 1 / 32 px
_SPOILED_ZOOM = 0.998
_SPOILED_STEP = 20  # every how many frames a spoiled zoom is judged


def in_processes(call: Callable[[Any], Any], arguments: Iterable[Any], n: int) -> Iterator[Any]:
    """Yield call(argument) in order, computed by `n` fresh processes of one thread each."""
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
    with ProcessPoolExecutor(n, mp_context=get_context("spawn")) as pool:
        yield from pool.map(call, arguments)


def at_equal_zoom(job: tuple[str, int, float]) -> dict[str, Numbers]:
    """Return the numbers of the measured path, of `Optimal` at a mean zoom, and of rivals at it."""
    motion, seed, zoom = job
    clip = MOTIONS[motion](seed)
    best = Optimal(crop=zoom).plan(clip.t, clip.border, FREE)
    taken = float(best.zoom.mean())
    quat = clip.border.measured.quat_at(clip.t)
    paths = {"as filmed": RIVALS[CALM[0]].with_zoom(clip.border, clip.t, quat), "optimal": best}
    paths |= {n: r.at_mean_zoom(clip.border, clip.t, taken) for n, r in RIVALS.items()}
    return {name: measure(path, clip.focal) for name, path in paths.items()}


def print_equal_zoom(n_seeds: int, n_processes: int) -> None:
    """Print all smoothers at the same mean zoom, and how many times better `Optimal` is."""
    print_check()
    seeds = {motion: 1 if motion == "real phone" else n_seeds for motion in MOTIONS}
    rows = [(m, zoom) for m in MOTIONS for zoom in ((TARGET_CASE[1],) if "waves" in m else ZOOMS)]
    jobs = [(motion, seed, zoom) for motion, zoom in rows for seed in range(seeds[motion])]
    results = in_processes(at_equal_zoom, jobs, n_processes)
    for motion, zoom in rows:
        found = [next(results) for _ in range(seeds[motion])]
        table = {name: pooled(f[name] for f in found) for name in found[0]}
        print_head(f"{motion}, {zoom:.2f}")
        for name, numbers in table.items():
            print_row(name, numbers)
        print_ratios(table, judged=(motion, zoom) == TARGET_CASE)
        if table["optimal"].jitter > _SHAKY * table["as filmed"].jitter:
            print("  infeasible: no path within this crop is smooth")


def print_ratios(table: Mapping[str, Numbers], *, judged: bool) -> None:
    """Print best rival / `Optimal`, over the rivals of the targets and over all."""
    for title, names in (("calm rivals", CALM), ("all rivals", tuple(RIVALS))):
        cells = []
        for name, target in TARGETS.items():
            best = min(getattr(table[rival], name) for rival in names)
            ratio = best / getattr(table["optimal"], name)
            missed = f" MISSED {target:g}" if judged and names == CALM and ratio < target else ""
            cells.append(f"{name} {ratio:.1f}x{missed}")
        print(f"  best of {title} / optimal: " + ", ".join(cells), flush=True)


def measured_plan(job: tuple[str, int, Smoother, ZoomRange]) -> Numbers:
    """Return the numbers of a smoother on a minute of shake."""
    motion, seed, smoother, zoom = job
    clip = MOTIONS[motion](seed)
    return measure(smoother.plan(clip.t, clip.border, zoom), clip.focal)


def print_smoothness(n_seeds: int, n_processes: int) -> None:
    """Print what each smoothness, and each mode, takes and gives."""
    choices = {f"{s:g} s": (Optimal(s), ZoomRange()) for s in SMOOTHNESSES} | dict(MODES)
    motions = [motion for motion in MOTIONS if "," not in motion]
    seeds = {motion: 1 if motion == "real phone" else n_seeds for motion in motions}
    jobs = [
        (m, k, *choice) for m in motions for choice in choices.values() for k in range(seeds[m])
    ]
    results = in_processes(measured_plan, jobs, n_processes)
    for motion in motions:
        print_head(motion)
        for name in choices:
            print_row(name, pooled([next(results) for _ in range(seeds[motion])]))


class Verdict(NamedTuple):
    """What the exact map says about a planned clip."""

    n_frames: int
    outside: int
    """Frames with a border, be it 0.001 px."""
    visible: int
    """Frames where it is more than the kernels' rounding."""
    margin: float
    """px, the worst; inf: refused"""
    spoiled: float
    """Share of frames with a border if the zoom is 0.2 % less."""
    claimed: float
    """px, the worst margin that the plan tells"""
    name: str


def judge(seed: int) -> Verdict:
    """Plan a random case and look at the border of every frame."""
    logging.disable(logging.WARNING)  # of holes in logs and of zooms that must be exceeded
    clip, smoother, zoom, name = random_case(seed)
    try:
        path = smoother.plan(clip.t, clip.border, zoom)
    except StabilizerError as error:
        return Verdict(0, 0, 0, np.inf, np.nan, np.inf, f"{name}: {error}")
    t, quat = path.virtual.t, path.virtual.quat_xyzw
    margin = clip.border.margin(t, quat, path.zoom, _JUDGED_PER_EDGE)
    k = slice(None, None, _SPOILED_STEP)
    spoiled = clip.border.margin(t[k], quat[k], path.zoom[k] * _SPOILED_ZOOM)
    return Verdict(
        len(t),
        int((margin < -TOLERANCE).sum()),
        int((margin < -_VISIBLE).sum()),
        float(margin.min()),
        float(np.mean(spoiled < -TOLERANCE)),
        float(path.margin.min()),
        name,
    )


def print_guarantee(n_frames: int, first_seed: int, n_processes: int) -> None:
    """Print how many of at least `n_frames` frames of random cases show a border."""
    verdicts: list[Verdict] = []
    print("\nborders of random cases, judged by the exact map")
    while sum(v.n_frames for v in verdicts) < n_frames:
        seeds = range(first_seed + len(verdicts), first_seed + len(verdicts) + 4 * n_processes)
        for seed, verdict in zip(seeds, in_processes(judge, seeds, n_processes), strict=True):
            verdicts.append(verdict)
            failed = verdict.outside or not verdict.n_frames
            if failed:
                print(
                    f"  seed {seed}: {verdict.outside} frames, {verdict.margin:.4f} px: {verdict}"
                )
        print(f"  {sum(v.n_frames for v in verdicts)} frames, {len(verdicts)} clips", flush=True)
    planned = [v for v in verdicts if v.n_frames]
    frames, outside, visible = (sum(v[k] for v in planned) for k in range(3))
    spoiled = 100 * sum(v.spoiled * v.n_frames for v in planned) / frames
    print(
        f"{outside} of {frames} frames in {len(planned)} clips miss the picture"
        f"{' MISSED' if outside else ''}, {visible} visibly; worst margin "
        f"{min(v.margin for v in planned):.5f} px (the plans say "
        f"{min(v.claimed for v in planned):.5f}); {len(verdicts) - len(planned)} clips refused; "
        f"with 0.2 % less zoom {spoiled:.0f} % of the frames would"
    )


def timed_plan(clip: Clip) -> tuple[float, float, float]:
    """Return CPU s, s and MB that planning takes; run in a fresh process."""
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of receiving the clip
    before = _memory("VmRSS")
    cpu, wall = process_time(), perf_counter()
    Optimal().plan(clip.t, clip.border, ZoomRange())
    cpu, wall = process_time() - cpu, perf_counter() - wall
    return cpu, wall, _memory("VmHWM") - before


def _memory(name: str) -> float:
    """Return MB of memory that this process has ("VmRSS") or had at most ("VmHWM")."""
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return 1024 * float(fields[name].split()[0]) / 1e6


def print_speed(hours: float) -> None:
    """Print what planning 10 minutes, and `hours`, of a walk at 30 frames/s costs."""
    print("\nspeed: a walk at 30 frames/s, one thread; memory as the peak over that of the clip")
    for length in (1 / 6, hours):
        clip = noisy("walk", 0, seconds=3600 * length)
        ((cpu, wall, memory),) = in_processes(timed_plan, [clip], 1)
        missed = " MISSED" if cpu > TARGET_SECONDS.get(length, np.inf) else ""
        print(f"{60 * length:6.0f} min {cpu:8.2f} CPU s{missed} {wall:8.2f} s {memory:8.0f} MB")


def print_invariance() -> None:
    """Print what frame rate and windows change, and whether two runs are the same."""
    print(f"\ninvariance: distance from 120 frames/s (zoom {TARGET_ZOOM} %, {TARGET_ANGLE} deg)")
    for motion in ("stand", "walk", "run"):
        reference = _plan(noisy(motion, 0, fps=120.0))
        for fps in (24, 30, 60):
            path = _plan(noisy(motion, 0, fps=float(fps)))
            zoom = 100 * abs(path.zoom.mean() / reference.zoom.mean() - 1)
            angle, largest = _distance(path, reference, 120 // fps)
            missed = " MISSED" if zoom > TARGET_ZOOM or angle > TARGET_ANGLE else ""
            print(
                f"{motion:8}{fps:4}/s: mean zoom {path.zoom.mean():.4f}, off by {zoom:.3f} %; "
                f"any frame's {largest:.3f} %; path {angle:.4f} deg{missed}"
            )
    clip = noisy("walk", 0, seconds=240.0)
    windows, whole = _plan(clip), _plan(clip, Optimal(lookahead=3600.0))
    angle, largest = _distance(windows, whole, 1)
    focal = np.deg2rad(angle) * clip.focal
    print(f"windows, 240 s: path {angle:.5f} deg ({focal:.3f} px), zoom {largest:.4f} % from whole")
    again = _plan(clip)
    same = np.array_equal(again.zoom, windows.zoom) and np.array_equal(
        again.virtual.quat_xyzw, windows.virtual.quat_xyzw
    )
    print(f"two runs: {'equal to the bit' if same else 'MISSED: they differ'}")


def _plan(clip: Clip, smoother: Smoother = Optimal()) -> CroppedPath:  # noqa: B008 (frozen)
    return smoother.plan(clip.t, clip.border, ZoomRange())


def _distance(path: CroppedPath, reference: CroppedPath, step: int) -> tuple[float, float]:
    """Return the largest angle (deg) and zoom difference (%) at the frames that both have."""
    angles = (path.virtual.R_world_cam.inv() * reference.virtual.R_world_cam[::step]).magnitude()
    zoom = 100 * np.abs(path.zoom / reference.zoom[::step] - 1)
    return float(np.rad2deg(angles).max()), float(zoom.max())


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=count, default=5000, help="that the guarantee is tried on")
    parser.add_argument("--first-seed", type=int, default=0, help="of the guarantee's cases")
    parser.add_argument("--seeds", type=count, default=1, help="clips of each motion")
    parser.add_argument("--hours", type=positive, default=1.0, help="length of the longest clip")
    parser.add_argument("--processes", type=count, default=os.cpu_count() or 1)
    sections: Mapping[str, Callable[[], None]] = {
        "equal-zoom": lambda: print_equal_zoom(a.seeds, a.processes),
        "guarantee": lambda: print_guarantee(a.frames, a.first_seed, a.processes),
        "speed": lambda: print_speed(a.hours),
        "invariance": print_invariance,
        "smoothness": lambda: print_smoothness(a.seeds, a.processes),
    }
    parser.add_argument("--section", choices=sections, help="only this one")
    a = parser.parse_args()
    for name, section in sections.items():
        if a.section in (None, name):
            section()


if __name__ == "__main__":
    main()
