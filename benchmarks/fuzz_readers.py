"""Mutate files and see that nothing but the project's own error comes out, in bounded time.

    python benchmarks/fuzz_readers.py --files 200000 --processes 2 [--kind logs] [--seed 1]

Each file is one of some small ones of its kind (logs: forty of all formats; cameras, plans, syncs,
videos), changed in one to eight places: bits, bytes, numbers, quotes, lines, parts of other files.
Printed is what became of them; a file that crashed a reader, or took over 5 s, is kept (--keep
FOLDER) and makes the exit code 1. One that ends the interpreter stays there as `reading_…`.
"""

import argparse
import logging
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from functools import cache, partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.arguments import count
from gyro_data.errors import GyroDataError
from gyro_data.readers import read
from stabilizer.camera import read_camera
from stabilizer.errors import StabilizerError
from stabilizer.plan_file import load_plan
from stabilizer.sync_file import load_sync
from stabilizer.video import Encoding, VideoReader, VideoWriter, probe
from tests.gpmf_writer import GOPRO_CLIP
from tests.log_seeds import seeds

SAMPLES = Path(__file__).parents[1] / "samples"
QUICK = Encoding("ffv1")
SLOW = 5.0
"""s of processor time that no small file may take."""
HOPELESS = 60.0
"""s of processor time after which a file is given up."""
MEMORY = 6 << 30
TOKENS = [
    *(bytes([b]) for b in b",;\t |\"'#%\n\r\0:=-+.eE"),
    *(
        t.encode()
        for t in ("nan", "inf", "-inf", "1e308", "-1e308", "1e-320", "9" * 40, "9" * 400, "0x1F")
    ),
    *(t.encode() for t in ("18446744073709551616", "-9223372036854775809", "1,5", "1.2.3", "")),
    *(t.encode() for t in ("2024-03-01T12:00:00Z", "99:99:99", "true", "\u00b5s", "\ufeff", "gx")),
]
"""What a field or a byte is replaced by."""

Bytes = bytearray


def flip_bit(data: Bytes, rng: random.Random, other: bytes) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def put_token(data: Bytes, rng: random.Random, other: bytes) -> None:
    token = rng.choice(TOKENS)
    at = rng.randrange(len(data))
    data[at : at + rng.randrange(3)] = token


def replace_field(data: Bytes, rng: random.Random, other: bytes) -> None:
    at = rng.randrange(len(data))
    start = max(data.rfind(b, 0, at) for b in (b",", b"\n", b"\t", b" ", b";")) + 1
    ends = [end for b in (b",", b"\n", b"\t", b" ", b";") if (end := data.find(b, at)) >= 0]
    token = rng.choice(TOKENS)
    data[start : min(ends, default=len(data))] = token


def remove(data: Bytes, rng: random.Random, other: bytes) -> None:
    at = rng.randrange(len(data))
    del data[at : at + rng.randrange(1, 1 + max(1, len(data) // 4))]


def repeat(data: Bytes, rng: random.Random, other: bytes) -> None:
    at = rng.randrange(len(data))
    part = data[at : at + rng.randrange(1, 400)]
    data[at:at] = part * rng.choice((1, 2, 30))


def cut(data: Bytes, rng: random.Random, other: bytes) -> None:
    del data[rng.randrange(1, len(data) + 1) :]


def splice(data: Bytes, rng: random.Random, other: bytes) -> None:
    at = rng.randrange(len(data))
    data[at:at] = other[rng.randrange(len(other)) :][: rng.randrange(1, 2000)]


def replace_all(data: Bytes, rng: random.Random, other: bytes) -> None:
    a, b = (bytes([rng.choice(b",;\t |.\n:0123456789-")]) for _ in range(2))
    data[:] = data.replace(a, b)


def swap_lines(data: Bytes, rng: random.Random, other: bytes) -> None:
    lines = data.split(b"\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[i], lines[j] = lines[j], lines[i]
    data[:] = b"\n".join(lines)


MUTATIONS: list[Callable[[Bytes, random.Random, bytes], None]] = [
    flip_bit,
    put_token,
    put_token,
    replace_field,
    replace_field,
    remove,
    repeat,
    cut,
    splice,
    replace_all,
    swap_lines,
]


def read_video(path: Path) -> None:
    """Read all frames, and copy all tracks and tags."""
    info = probe(path)
    target = path.with_name("copy.mkv")
    try:
        with (
            VideoReader(path) as reader,
            VideoWriter(target, info, tracks_from=path, encoding=QUICK, overwrite=True) as writer,
        ):
            for frame in reader:
                writer.write(frame)
    finally:
        target.unlink(missing_ok=True)


def log_files() -> dict[str, bytes]:
    return seeds() | {"clip.mp4": _short_clip()}


def camera_files() -> dict[str, bytes]:
    samples = [*(SAMPLES / "cameras").iterdir(), SAMPLES / "walk.camera.json"]
    return {path.name: path.read_bytes() for path in samples}


def made_files(name: str) -> dict[str, bytes]:
    """Return what the program itself writes for the walking sample's first half second."""
    clip = [str(SAMPLES / "walk.mp4"), str(SAMPLES / "walk.csv")]
    camera = ["--camera", str(SAMPLES / "walk.camera.json")]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        made = {
            "plan.npz": ["plan", *clip, *camera, "--no-sync", "--end", "0.5", "--save-plan"],
            "sync.json": ["sync", *clip, *camera, "-o"],
        }[name]
        command = [sys.executable, "-m", "stabilizer", *made, str(path)]
        subprocess.run(command, check=True, capture_output=True)
        return {name: path.read_bytes()}


def video_files() -> dict[str, bytes]:
    """Return clips of a quarter of a second in several containers and codecs, with sound."""
    import numpy as np

    from stabilizer.video import VideoInfo, write_aac

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "sound.m4a"
        write_aac(sound, np.sin(np.arange(12_000) / 20), 48_000)
        for name, codec in VIDEO_CODECS.items():
            path, pts = Path(folder) / name, np.arange(8) * 3003
            tags = {"title": "a clip", "creation_time": "2024-05-06T07:08:09.000000Z"}
            info = VideoInfo(
                *("", 64, 48, "yuv420p", "h264", Fraction(1, 90_000), pts), metadata=tags
            )
            with VideoWriter(path, info, encoding=Encoding(codec), tracks_from=sound) as writer:
                for ticks in pts.tolist():
                    frame = writer.new_frame(ticks)
                    for k, plane in enumerate(frame.planes):
                        plane[...] = np.indices(plane.shape).sum(0) * 5 + ticks // 99 + k
                    writer.write(frame)
            found[name] = path.read_bytes()
    return found


VIDEO_CODECS = {
    "h264.mp4": "h264",
    "h264.mov": "h264",
    "h264.mkv": "h264",
    "h265.mp4": "h265",
    "av1.webm": "av1",
    "ffv1.mkv": "ffv1",
    "prores.mov": "prores",
}
KINDS: Mapping[str, tuple[Callable[[], dict[str, bytes]], Callable[[Path], object]]] = {
    "logs": (log_files, read),
    "cameras": (camera_files, read_camera),
    "plans": (partial(made_files, "plan.npz"), load_plan),
    "syncs": (partial(made_files, "sync.json"), load_sync),
    "videos": (video_files, read_video),
}
"""What files are made from, and what reads them."""


def mutated(rng: random.Random, logs: dict[str, bytes]) -> tuple[str, bytes]:
    """Return the name and the content of a changed log."""
    name = rng.choice([*logs])
    data = bytearray(logs[name])
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        if data:
            rng.choice(MUTATIONS)(data, rng, logs[rng.choice([*logs])])
    return name, bytes(data[: 1 << 20])


def run(job: tuple[str, int, int, str]) -> tuple[Counter[str], list[str]]:
    """Read `count` files changed by the random numbers of `seed`; return outcomes and failures."""
    kind, seed, count, keep = job
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("error")
    rng, outcomes, failures = random.Random(seed), Counter[str](), []
    files, reader = _files_of(kind), KINDS[kind][1]
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as d:
        for i in range(count):
            name, data = mutated(rng, files)
            path = Path(d) / name
            path.write_bytes(data)
            reading = Path(keep) / f"reading_{seed}_{i}_{name}"
            if kind == "videos":  # whose readers are not Python
                reading.write_bytes(data)
            outcome, why = outcome_of(path, reader)
            reading.unlink(missing_ok=True)
            outcomes[outcome] += 1
            if outcome in ("crashed", "slow"):
                kept = Path(keep) / f"{seed}_{i}_{name}"
                kept.write_bytes(data)
                failures.append(f"{kept}: {why}")
            path.unlink()
    return outcomes, failures


@cache
def _files_of(kind: str) -> dict[str, bytes]:
    return KINDS[kind][0]()


def outcome_of(path: Path, reader: Callable[[Path], object]) -> tuple[str, str]:
    """Return what becomes of a file: "read", "refused", "crashed" or "slow", and why."""
    began = time.process_time()
    signal.signal(signal.SIGPROF, _too_long)
    signal.setitimer(signal.ITIMER_PROF, HOPELESS)
    try:
        reader(path)
        outcome, why = "read", ""
    except (GyroDataError, StabilizerError) as error:
        outcome, why = "refused", str(error)
        if "\n" in why:
            outcome = "crashed"
    except Exception:
        outcome, why = "crashed", traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    seconds = time.process_time() - began
    return (outcome, why) if seconds < SLOW else ("slow", f"{seconds:.1f} s, {outcome} {why}")


def _too_long(*_: object) -> None:
    raise TimeoutError(f"{HOPELESS} s")


@cache
def _short_clip() -> bytes:
    """Return a video of telemetry alone: the real payloads, without the picture."""
    import av

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        with av.open(str(GOPRO_CLIP)) as old, av.open(str(path), "w", format="mp4") as new:
            track = next(s for s in old.streams.data if "MET" in s.metadata["handler_name"])
            copy = new.add_stream_from_template(track)
            for packet in old.demux(track):
                if packet.dts is not None:
                    packet.stream = copy
                    new.mux(packet)
        return path.read_bytes()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", choices=KINDS, default="logs")
    parser.add_argument("--files", type=count, default=20_000)
    parser.add_argument("--processes", type=count, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", default=tempfile.gettempdir())
    told = parser.parse_args()
    size = 50 if told.kind == "videos" else 500
    jobs = [
        (told.kind, told.seed * 1_000_000 + i, min(size, told.files - i * size), told.keep)
        for i in range(-(-told.files // size))
    ]
    began, outcomes, failures = time.perf_counter(), Counter[str](), list[str]()
    Path(told.keep).mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(told.processes) as pool:
        for i, (some, failed) in enumerate(pool.map(run, jobs), start=1):
            outcomes += some
            failures += failed
            for failure in failed:
                print(failure, flush=True)
            if i % 20 == 0:
                print(f"{i * size} files, {dict(outcomes)}", flush=True)
    seconds = time.perf_counter() - began
    print(f"{outcomes.total()} files in {seconds:.0f} s: {dict(outcomes)}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
