"""Measure automatic synchronization: how exact, how honest, what it refuses, what it costs.

Run `python benchmarks/bench_sync.py [--section NAME]`. Clips are rendered into `--folder`, or into
one that is removed. Nothing is told of clocks, axes, readout and focal length. A target that is not
reached is `MISSED`.
"""

import argparse
import json
import logging
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np
from arguments import count
from score import measure_file
from sync_clips import LEFT_HANDED, SMALL, STABILIZERS, Case, Steadied, rendered

import gyro_data
from gyro_data import GyroLog
from gyro_data.axes import axes_matrix
from gyro_data.checks import Floats
from stabilizer.camera import load_camera
from stabilizer.pipeline import stabilize
from stabilizer.simulate import simulate
from stabilizer.sync import ClockSync
from stabilizer.synchronization import Known, Synchronization, assumed_camera, synchronize
from stabilizer.video import Encoding, VideoInfo, probe

SAMPLES = Path(__file__).parents[1] / "samples"
TARGETS: Mapping[str, float] = {
    "delay": 0.3e-3,
    "readout": 0.5e-3,
    "focal": 0.015,
    "skew": 20e-6,
    "drift": 5e-4,
}
"""s, s, ratio, ratio, rad/s: errors that most cases must not exceed."""
FROM_40_S = ("focal", "skew")
SHARE = 0.95
LONG = Case("walk", 600.0, 0, SMALL)
LONG_SKEW = 2e-6
UNEVEN: Mapping[str, tuple[Callable[[Floats], Floats], tuple[float, ...]]] = {
    "straight": (lambda t: 0.0 * t, ()),
    "+300 ms at 217 s": (lambda t: np.where(t > 217.0, 0.3, 0.0), (217.0,)),
    "-300 ms at 390 s": (lambda t: np.where(t > 390.0, -0.3, 0.0), (390.0, 390.3)),
    "+40 ms at 83 s": (lambda t: np.where(t > 83.0, 0.04, 0.0), (83.0,)),
    "8 ms waves of 400 s": (lambda t: 8e-3 * np.sin(2 * np.pi * t / 400), ()),
}
"""By how many s a clock is off, and where it jumps."""
SECONDS: Mapping[str, float] = {"10 s, 1080p": 4.0, "10 min": 20.0}
KARMA_DELAY = -0.030  # s, the estimate that came with the clip
_SEEDS_OF_STEADIED = 3


class Errors(NamedTuple):
    """How wrong a sync is, in the units of `TARGETS`, and by how many of its standard errors."""

    delay: float
    readout: float
    focal: float
    skew: float
    drift: float
    in_errors: Mapping[str, float]
    confidence: str


def errors(found: Synchronization, case: Case) -> Errors:
    middle = np.array(case.seconds / 2)
    truth, camera = case.sync, case.camera
    missed = {
        "delay": float(found.sync.log_time(middle) - truth.log_time(middle)),
        "readout": found.camera.readout_time - camera.readout_time,
        "focal": math.log(found.camera.fx / camera.fx),
        "skew": found.sync.clock_skew - truth.clock_skew,
    }
    drift = float(np.abs(found.drift - case.drift).max())
    names = {"readout": "readout_time", "skew": "clock_skew"}
    stated = {name: found.errors.get(names.get(name, name), np.nan) for name in missed}
    in_errors = {name: missed[name] / stated[name] for name in missed}
    sizes = {name: abs(value) for name, value in missed.items()}
    return Errors(
        **sizes, drift=drift, in_errors=in_errors, confidence=str(found.verdict.confidence)
    )


def blind(info: VideoInfo, log: GyroLog) -> Synchronization:
    """Synchronize with nothing told."""
    return synchronize(info, log, assumed_camera(info.width, info.height))


def accuracy_of(job: tuple[Case, tuple[float, ...], str]) -> list[Errors]:
    case, rates, folder = job
    info = rendered(case, Path(folder))
    return [errors(blind(info, case.log(rate)), case) for rate in rates]


def print_accuracy(folder: Path, n_seeds: int, pool: "Pool") -> None:
    """Print errors by gait, length and rate of the log."""
    rates = (200.0, 400.0)
    rows = [(kind, seconds, False) for kind in ("stand", "walk") for seconds in (10.0, 40.0)]
    rows += [("walk", 10.0, True)]
    cases = [
        Case(kind, seconds, seed, near=near)
        for kind, seconds, near in rows
        for seed in range(n_seeds)
    ]
    jobs = [(case, rates, str(folder)) for case in cases]
    results = pool(accuracy_of, jobs)
    print(
        f"{'':22}{'delay ms':>18}{'readout ms':>14}{'focal %':>12}{'skew ppm':>12}"
        f"{'drift rad/s':>14}   z: delay readout focal skew   confidence\n"
        f"{'':22}{'within  med   max':>18}{'max':>14}{'max':>12}{'max':>12}{'max':>14}"
    )
    by_place: dict[str, list[tuple[float, Errors]]] = {"far": [], "near": []}
    for kind, seconds, near in rows:
        found = [next(results) for _ in range(n_seeds)]
        for k, rate in enumerate(rates):
            own = [case[k] for case in found]
            place = "near" if near else "far"
            by_place[place] += [(seconds, error) for error in own]
            print_row(f"{kind} {place} {seconds:.0f} s {rate:.0f} Hz", own)
    for place, results_there in by_place.items():
        print_shares(place, results_there)


def print_row(title: str, found: Sequence[Errors]) -> None:
    delay = 1e3 * np.array([e.delay for e in found])
    within = float(np.mean(delay < 1e3 * TARGETS["delay"]))
    worst = {name: max(getattr(e, name) for e in found) for name in TARGETS}
    z = [rms([e.in_errors[name] for e in found]) for name in ("delay", "readout", "focal", "skew")]
    counts = Counter(e.confidence for e in found)
    print(
        f"{title:22}{within:7.0%}{np.median(delay):6.3f}{delay.max():6.3f}"
        f"{1e3 * worst['readout']:14.3f}{100 * worst['focal']:12.2f}{1e6 * worst['skew']:12.1f}"
        f"{worst['drift']:14.2e}   {z[0]:8.1f}{z[1]:8.1f}{z[2]:6.1f}{z[3]:5.1f}   {dict(counts)}",
        flush=True,
    )


def rms(values: Iterable[float]) -> float:
    return float(np.sqrt(np.mean(np.square(list(values)))))


def print_shares(place: str, found: Sequence[tuple[float, Errors]]) -> None:
    """Print the share of cases within each target, of those that have it."""
    for name, target in TARGETS.items():
        own = [getattr(e, name) for seconds, e in found if name not in FROM_40_S or seconds >= 40]
        if not own:
            continue
        share = float(np.mean(np.array(own) < target))
        missed = "" if share >= SHARE else " MISSED"
        print(f"{place}: {name} within {target:g}: {share:.1%} of {len(own)}{missed}")


def long_of(job: tuple[str, str]) -> tuple[float, float, str, float]:
    """Return errors of the skew and of the clock (s), the confidence and CPU s of a long clip."""
    name, folder = job
    off, jumps = UNEVEN[name]
    info = rendered(LONG, Path(folder), fps=15.0)
    log = LONG.log(200.0, off)
    began = process_time()
    found = blind(info, log)
    spent = process_time() - began
    t = info.frame_times
    t = t[np.all([np.abs(t - jump) > 0.5 for jump in jumps], axis=0)] if jumps else t
    error = np.abs(found.sync.log_time(t) - LONG.sync.log_time(t) - off(t)).max()
    skew = abs(found.sync.clock_skew - LONG.sync.clock_skew)
    return skew, float(error), str(found.verdict.confidence), spent


def print_long(folder: Path, pool: "Pool") -> None:
    """Print what becomes of a 10 minute clip's clock."""
    rendered(LONG, folder, fps=15.0)
    jobs = [(name, str(folder)) for name in UNEVEN]
    print(f"{'10 min, walk':24}{'skew ppm':>10}{'clock ms':>10}{'CPU s':>8}")
    for (name, *_), (skew, error, confidence, spent) in zip(jobs, pool(long_of, jobs), strict=True):
        missed = " MISSED" if name == "straight" and skew > LONG_SKEW else ""
        print(
            f"{name:24}{1e6 * skew:10.2f}{1e3 * error:10.3f}{spent:8.1f}   {confidence}{missed}",
            flush=True,
        )


def refusal_of(job: tuple[str, str, int, str]) -> str:
    """Return the confidence in a log that does not belong to its clip as it should."""
    name, kind, seed, folder = job
    case = Case(kind, 10.0, seed % 5, SMALL)
    log = case.log(200.0)
    if name == "other log":
        info = rendered(case, Path(folder))
        log = Case(("stand", "walk", "run")[seed % 3], 10.0, 50 + seed).log(200.0)
    elif name == "left-handed":
        info = rendered(case, Path(folder))
        letters = LEFT_HANDED[seed % len(LEFT_HANDED)]
        log = GyroLog(log.t, log.gyro @ axes_matrix(letters).T)
    else:
        steadied = Steadied(case.motion, STABILIZERS[name], case.seconds)
        info = rendered(case, Path(folder), motion=steadied, name="-" + name.replace(" ", "-"))
    return str(blind(info, log).verdict.confidence)


def print_refusals(folder: Path, n_seeds: int, pool: "Pool") -> None:
    """Print how much confidence there is in what does not fit."""
    gaits = ("stand", "walk")
    jobs = [("other log", k, seed, str(folder)) for k in gaits for seed in range(6 * n_seeds)]
    jobs += [("left-handed", k, seed, str(folder)) for k in gaits for seed in range(24)]
    seeds = range(_SEEDS_OF_STEADIED)
    jobs += [(n, k, s, str(folder)) for n in STABILIZERS for k in gaits for s in seeds]
    results = list(pool(refusal_of, jobs))
    for name in ("other log", "left-handed", *STABILIZERS):
        own = Counter(r for (n, *_), r in zip(jobs, results, strict=True) if n == name)
        print(f"{name:14}{own.total():4} pairs: {dict(own)}{' MISSED' if own['good'] else ''}")
    low = sum(r == "low" for r in results) / len(results)
    print(f"low: {low:.1%} of {len(results)}{' MISSED' if low > 0.02 else ''}", flush=True)


def print_cost(folder: Path, n_runs: int) -> None:
    """Print seconds of a sync, each alone on the machine as far as this program goes."""
    large = folder / "large"
    if not large.with_suffix(".mp4").exists():
        case = Case("walk", 10.0, 0)
        camera = case.camera.scaled_to(1920, 1080)
        simulate(large, camera=camera, motion=case.motion, duration=10.0, audio=False, margin=1.0)
    clips = {
        "10 s, 1080p": (probe(large.with_suffix(".mp4")), Case("walk", 10.0, 0).log(400.0)),
        "10 min": (
            rendered(LONG, folder, fps=15.0),
            LONG.log(400.0),
        ),
    }
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name, (info, log) in clips.items():
        walls, cpus = [], []
        for _ in range(n_runs):
            wall, cpu = perf_counter(), process_time()
            blind(info, log)
            walls.append(perf_counter() - wall)
            cpus.append(process_time() - cpu)
        missed = " MISSED" if np.median(walls) > SECONDS[name] else ""
        print(f"{name:14}{np.median(walls):6.2f} s wall, {np.median(cpus):6.2f} s CPU{missed}")


def print_real() -> None:
    """Print what a real clip tells: only its slow yaw is seen by gyro and picture."""
    info = probe(SAMPLES / "gopro_karma.mp4")
    log = gyro_data.read(SAMPLES / "gopro_karma.csv")
    known = Known(focal=True, axes=True)
    found = synchronize(info, log, load_camera(SAMPLES / "gopro_karma.camera.json"), known)
    missed = abs(found.sync.delay - KARMA_DELAY) > 0.01
    print(
        f"gopro_karma: delay {1e3 * found.sync.delay:.1f} ms "
        f"± {1e3 * found.errors.get('delay', np.nan):.1f}, estimated {1e3 * KARMA_DELAY:.0f} ms, "
        f"{found.verdict.confidence}: {'; '.join(found.verdict.reasons) or 'no doubts'}"
        f"{' MISSED' if missed else ''}"
    )
    if found.coarse is not None:
        print(f"  first estimate {1e3 * found.coarse.delay:.1f} ms, {found.coarse.score:.2f}")


def print_end_to_end(folder: Path) -> None:
    """Print the steadiness of the hand-held sample, with the truth told and with it found."""
    video, log = SAMPLES / "walk.mp4", SAMPLES / "walk.csv"
    camera = json.loads((SAMPLES / "walk.camera.json").read_text())
    only_focal = folder / "focal.camera.json"
    keys = ("width", "height", "fx", "fy", "cx", "cy")
    only_focal.write_text(json.dumps({key: camera[key] for key in keys}))
    jitters = {}
    for name, options in {
        "told": {"camera": SAMPLES / "walk.camera.json", "sync": ClockSync()},
        "found": {"camera": only_focal},
    }.items():
        output = folder / f"{name}.mp4"
        stabilize(video, log, output, encoding=Encoding(crf=12), overwrite=True, **options)
        jitters[name] = measure_file(str(output))
    told, found = jitters["told"], jitters["found"]
    print(f"{'walk sample':14}{'jitter px':>10}{'acceleration':>14}{'skew':>8}{'wobble':>8}")
    for name, own in jitters.items():
        print(
            f"{name:14}{own.jitter_px:10.3f}{own.acceleration_px:14.3f}"
            f"{own.skew_px:8.3f}{own.wobble_px:8.3f}"
        )
    ratio = found.jitter_px / told.jitter_px
    print(f"jitter, found / told: {ratio:.3f}{' MISSED' if ratio > 1.1 else ''}")


Pool = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]


@contextmanager
def processes(n: int) -> Iterator[Pool]:
    """Offer to compute calls in order by `n` processes of one thread each."""
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
    with ProcessPoolExecutor(n, mp_context=get_context("spawn")) as pool:
        yield pool.map


def main() -> None:
    """Print all sections, or one."""
    sections = ("accuracy", "long", "refuse", "cost", "real", "end-to-end")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--section", choices=sections)
    parser.add_argument("--seeds", type=count, default=5)
    parser.add_argument("--jobs", type=count, default=os.cpu_count())
    parser.add_argument("--folder", type=Path, help="keeps the clips for another run")
    args = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    with TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for section in [args.section] if args.section else sections:
            print(f"\n{section}", flush=True)
            run_section(section, folder, args.seeds, args.jobs)


def run_section(section: str, folder: Path, n_seeds: int, n_jobs: int) -> None:
    if section in ("accuracy", "refuse"):
        prints = {"accuracy": print_accuracy, "refuse": print_refusals}
        with processes(n_jobs) as pool:
            prints[section](folder, n_seeds, pool)
    elif section == "long":
        with processes(n_jobs) as pool:
            print_long(folder, pool)
    elif section == "cost":
        print_cost(folder, n_seeds)
    elif section == "real":
        print_real()
    else:
        print_end_to_end(folder)


if __name__ == "__main__":
    main()
