"""Measure what stabilizing costs beside a plain transcode, and beside other stabilizers.

Run from the repository's root: `python -m benchmarks.bench_render`. Whole commands are timed, by
turns; wall time, CPU time and memory are medians, ratios are medians of those of each turn.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.arguments import count, positive, some_of
from benchmarks.render_clips import SIZES, Clip, long_clip, made_clip

CRF = "20"
PRESETS = ("veryfast", "ultrafast")
LIMITS: Mapping[tuple[str, str], float] = {
    ("veryfast", "cubic"): 1.05,
    ("veryfast", "linear"): 0.97,
    ("ultrafast", "cubic"): 1.45,
    ("ultrafast", "linear"): 1.25,
}
"""Wall time over that of the plain transcode, by preset and interpolation."""
MOST_MEMORY = {"1080p": 500.0, "4k": 1500.0}  # MB
FASTER_THAN_VIDSTAB = {"linear": 2.5, "cubic": 3.5}
LONGEST_START = 2.5  # s

_PLAIN, _STEADY_PLAIN = "plain transcode", "plain transcode of the steady clip"
_BILINEAR = {"linear": "bilinear", "cubic": "bicubic"}

_ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
"""Programs that are installed have their bytecode kept."""

Commands = list[list[str]]
Verdict = tuple[bool, str]


@dataclass(frozen=True)
class Run:
    """What commands took, one after the other."""

    wall: float
    """s"""
    cpu: float
    """s, all threads"""
    memory: float
    """MB, the largest resident set."""


def run(commands: Commands) -> Run:
    """Run commands one after the other; RuntimeError if one fails."""
    runs = []
    for command in commands:
        launcher = [sys.executable, str(Path(__file__).with_name("taken.py"))]
        done = subprocess.run(
            [*launcher, *command], capture_output=True, text=True, check=True, env=_ENVIRONMENT
        )
        took = json.loads(done.stdout)
        if took.pop("status"):
            raise RuntimeError(f"{' '.join(command)}: {done.stderr[-500:]}")
        runs.append(Run(**took))
    return Run(sum(r.wall for r in runs), sum(r.cpu for r in runs), max(r.memory for r in runs))


def ours(clip: Clip, target: Path, preset: str, *options: str) -> Commands:
    """Return the program's call; camera and clocks are given, the path is planned."""
    command = [sys.executable, "-m", "stabilizer", "stabilize", *clip.options, "-o", str(target)]
    return [[*command, "--overwrite", "--preset", preset, "--crf", CRF, *options]]


def plain(source: Path, target: Path, preset: str) -> Commands:
    """Return the call of `transcode`."""
    script = Path(__file__).with_name("transcode.py")
    return [[sys.executable, str(script), str(source), str(target), preset, CRF]]


def ffmpeg_vidstab(clip: Clip, folder: Path, preset: str, interpolation: str) -> Commands:
    """Return the two calls of FFmpeg's filters."""
    first = ["ffmpeg", "-v", "error", "-y", "-i", str(clip.video)]
    shifts = folder / "shifts.trf"
    transform = f"vidstabtransform=input={shifts}:interpol={_BILINEAR[interpolation]}"
    encoded = ["-c:v", "libx264", "-preset", preset, "-crf", CRF, "-c:a", "copy"]
    return [
        [*first, "-vf", f"vidstabdetect=result={shifts}", "-f", "null", "-"],
        [*first, "-vf", transform, *encoded, str(folder / "vidstab.mp4")],
    ]


def rivals(clip: Clip, folder: Path, preset: str, python: str) -> dict[str, Commands]:
    """Return the calls of other stabilizers that are installed; say which are not.

    PyPI's vidstab is looked for where `python` is.
    """
    found: dict[str, Commands] = {}
    filters = [shutil.which("ffmpeg"), "-hide_banner", "-filters"]
    told = subprocess.run(filters, capture_output=True, text=True).stdout if filters[0] else ""
    if "vidstabtransform" in told:
        for name in _BILINEAR:
            found[f"vid.stab {name}"] = ffmpeg_vidstab(clip, folder, preset, name)
    else:
        print("FFmpeg's vidstab filters are not installed")
    imported = subprocess.run([python, "-c", "import vidstab"], capture_output=True)
    if imported.returncode == 0:
        without_windows = "import cv2; cv2.destroyAllWindows = lambda: None"  # which it never opens
        stabilized = "import sys; from vidstab import VidStab; VidStab().stabilize(*sys.argv[1:])"
        call = f"{without_windows}; {stabilized}"
        names = [str(clip.video), str(folder / "vidstab.avi")]
        found["PyPI vidstab"] = [[python, "-c", call, *names]]
    else:
        print("PyPI's vidstab is not installed")
    return found


def calls(clip: Clip, folder: Path, preset: str) -> dict[str, Commands]:
    """Return what of ours takes turns, by name; the plain transcode first."""
    found = {_PLAIN: plain(clip.video, folder / "plain.mp4", preset)}
    for kernel in ("cubic", "linear"):
        target = folder / f"{kernel}.mp4"
        found[kernel] = ours(clip, target, preset, "--interpolation", kernel)
    found[_STEADY_PLAIN] = plain(folder / "cubic.mp4", folder / "again.mp4", preset)
    for kernel in ("cubic", "linear"):
        options = ["--interpolation", kernel, "--backend", "opencv"]
        found[f"{kernel}, OpenCV"] = ours(clip, folder / "opencv.mp4", preset, *options)
    return found


def taken_in_turn(commands: Mapping[str, Commands], repeat: int) -> dict[str, list[Run]]:
    """Run all commands by turns."""
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(repeat):
        for name, each in commands.items():
            runs[name].append(run(each))
    return runs


def ratio(runs: Sequence[Run], base: Sequence[Run], what: str = "wall") -> float:
    """Return the median over the turns of how many times more was taken than by `base`."""
    pairs = zip(runs, base, strict=True)
    return float(np.median([getattr(a, what) / getattr(b, what) for a, b in pairs]))


def print_runs(title: str, runs: Mapping[str, list[Run]]) -> None:
    """Print medians, and ratios to the plain transcodes of the shaky and of the steady clip."""
    print(f"\n{title}; load {os.getloadavg()[0]:.1f}")
    columns = ("wall s", "CPU s", "MB", "x wall", "x CPU", "x steady")
    print(f"{'':36}" + "".join(f"{column:>9}" for column in columns))
    for name, each in runs.items():
        wall, cpu, memory = (np.median([getattr(r, k) for r in each]) for k in Run.__annotations__)
        ratios = [ratio(each, runs[_PLAIN]), ratio(each, runs[_PLAIN], "cpu")]
        ratios.append(ratio(each, runs[_STEADY_PLAIN]))
        cells = f"{wall:9.2f}{cpu:9.2f}{memory:9.0f}" + "".join(f"{r:9.2f}" for r in ratios)
        print(f"{name:36}{cells}")


def judged(size: str, preset: str, runs: Mapping[str, list[Run]]) -> list[Verdict]:
    """Return the targets of a size and a preset, each met or not."""
    verdicts = []
    for kernel in ("cubic", "linear"):
        found, limit = ratio(runs[kernel], runs[_PLAIN]), LIMITS[preset, kernel]
        text = f"{size} {preset} {kernel}: {found:.2f} x the plain transcode (at most {limit})"
        verdicts.append((found <= limit, text))
        rival = f"vid.stab {kernel}"
        if rival in runs:
            found, least = ratio(runs[rival], runs[kernel]), FASTER_THAN_VIDSTAB[kernel]
            text = f"{size} {preset} {kernel}: {found:.1f} x faster than vid.stab ({least})"
            verdicts.append((found >= least, text))
    if "PyPI vidstab" in runs:
        found = ratio(runs["PyPI vidstab"], runs["cubic"])
        verdicts.append((found >= 2.5, f"{size} {preset}: {found:.1f} x faster than PyPI vidstab"))
    memory = float(np.median([r.memory for r in runs["cubic"]]))
    verdicts.append((memory < MOST_MEMORY[size], f"{size} {preset}: {memory:.0f} MB"))
    return verdicts


def render(folder: Path, arguments: argparse.Namespace) -> list[Verdict]:
    """Print what all cost, by size and preset."""
    verdicts = []
    for size in arguments.sizes:
        clip = made_clip(folder, size, arguments.seconds / (4 if size == "4k" else 1))
        run(ours(clip, folder / "cubic.mp4", "ultrafast"))  # compiles
        for preset in arguments.presets:
            commands = calls(clip, folder, preset)
            if not arguments.without_rivals:
                commands |= rivals(clip, folder, preset, arguments.vidstab)
            runs = taken_in_turn(commands, arguments.repeat)
            print_runs(f"{size}, {preset}, crf {CRF}, {clip.video.name}", runs)
            verdicts += judged(size, preset, runs)
    return verdicts


def start(folder: Path, arguments: argparse.Namespace) -> list[Verdict]:
    """Print what a clip of a second takes from start to end, with numba's cache filled."""
    clip = made_clip(folder, "1080p", 1)
    command = ours(clip, folder / "second.mp4", "veryfast")
    run(command)
    runs = [run(command) for _ in range(arguments.repeat)]
    wall, cpu = (float(np.median([getattr(r, k) for r in runs])) for k in ("wall", "cpu"))
    text = f"a clip of 1 s: {wall:.2f} s wall (below {LONGEST_START}), {cpu:.2f} s CPU"
    return [(wall < LONGEST_START, text)]


def length(folder: Path, arguments: argparse.Namespace) -> list[Verdict]:
    """Print what memory and time long clips take, by a log at 400 Hz."""
    found = {}
    for minutes in (1, arguments.minutes):
        clip = long_clip(folder, arguments.long_size, minutes)
        found[minutes] = run(ours(clip, folder / "long.mkv", "ultrafast"))
        each = found[minutes]
        print(
            f"{minutes:3} min: {each.wall:.1f} s wall, {each.cpu:.1f} s CPU, {each.memory:.0f} MB"
        )
    most = found[arguments.minutes].memory
    limit = MOST_MEMORY.get(arguments.long_size, MOST_MEMORY["1080p"])
    what = f"{arguments.long_size}, {arguments.minutes} min: {most:.0f} MB (below {limit:g})"
    return [(most < limit, what)]


SECTIONS = {"render": render, "start": start, "length": length}


def main() -> None:
    """Print the tables and the targets."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--section", choices=SECTIONS, help="only this one")
    parser.add_argument("--sizes", type=some_of(MOST_MEMORY), default="1080p,4k")
    parser.add_argument("--presets", type=some_of(PRESETS), default="veryfast,ultrafast")
    parser.add_argument("--seconds", type=positive, default=20.0, help="of 1080p; a fourth of 4K")
    parser.add_argument("--minutes", type=count, default=20, help="of the long clip")
    parser.add_argument("--long-size", default="180p", choices=SIZES, help="its size")
    parser.add_argument("--repeat", type=count, default=5, help="turns of which medians are taken")
    parser.add_argument("--without-rivals", action="store_true", help="no other stabilizers")
    parser.add_argument(
        "--vidstab",
        metavar="PYTHON",
        default=sys.executable,
        help="an interpreter that has PyPI's vidstab, which needs OpenCV 4",
    )
    parser.add_argument("--folder", type=Path, help="keeps the clips for another run")
    arguments = parser.parse_args()
    verdicts: list[Verdict] = []
    with ExitStack() as cleanup:
        folder = arguments.folder or Path(cleanup.enter_context(TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        for name in [arguments.section] if arguments.section else SECTIONS:
            verdicts += SECTIONS[name](folder, arguments)
    print(f"\ntargets ({os.cpu_count()} processors, load {os.getloadavg()[0]:.1f})")
    for met, text in verdicts:
        print(f"  {'met   ' if met else 'MISSED'}  {text}")


if __name__ == "__main__":
    main()
