"""Mutate logs and see that nothing but the project's own error comes out, in bounded time.

    python benchmarks/fuzz_readers.py --files 200000 --processes 2 [--seed 1] [--keep FOLDER]

Each file is one of some forty small logs of all formats, changed in one to eight places: bits,
bytes, numbers, quotes, lines, parts of other logs. Printed is what became of them; a file that
crashed a reader, or took over 5 s, is kept in FOLDER and makes the exit code 1.
"""

import argparse
import logging
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from gyro_data.errors import GyroDataError
from gyro_data.readers import read
from tests.gpmf_writer import GOPRO_CLIP
from tests.log_seeds import seeds

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


def mutated(rng: random.Random, logs: dict[str, bytes]) -> tuple[str, bytes]:
    """Return the name and the content of a changed log."""
    name = rng.choice([*logs])
    data = bytearray(logs[name])
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        if data:
            rng.choice(MUTATIONS)(data, rng, logs[rng.choice([*logs])])
    return name, bytes(data[: 1 << 20])


def run(job: tuple[int, int, str]) -> tuple[Counter[str], list[str]]:
    """Read `count` files changed by the random numbers of `seed`; return outcomes and failures."""
    seed, count, keep = job
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("error")
    rng, outcomes, failures = random.Random(seed), Counter[str](), []
    logs = seeds() | {"clip.mp4": _short_clip()}
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as d:
        for i in range(count):
            name, data = mutated(rng, logs)
            path = Path(d) / name
            path.write_bytes(data)
            outcome, why = outcome_of(path)
            outcomes[outcome] += 1
            if outcome in ("crashed", "slow"):
                kept = Path(keep) / f"{seed}_{i}_{name}"
                kept.write_bytes(data)
                failures.append(f"{kept}: {why}")
            path.unlink()
    return outcomes, failures


def outcome_of(path: Path) -> tuple[str, str]:
    """Return what becomes of a file: "read", "refused", "crashed" or "slow", and why."""
    began = time.process_time()
    signal.signal(signal.SIGPROF, _too_long)
    signal.setitimer(signal.ITIMER_PROF, HOPELESS)
    try:
        read(path)
        outcome, why = "read", ""
    except GyroDataError as error:
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
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", default=tempfile.gettempdir())
    told = parser.parse_args()
    size = 500
    jobs = [
        (told.seed * 1_000_000 + i, min(size, told.files - i * size), told.keep)
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
