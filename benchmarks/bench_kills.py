"""Kill the program at random moments and see that nothing is lost and nothing is left.

    python -m benchmarks.bench_kills [--runs 100] [--seed 1]

Each run stabilizes a small clip over an earlier output and is sent SIGKILL, SIGTERM or SIGINT, or
writes to a disk that is full (a tmpfs, for which the system lets only root ask). Afterwards inputs
and earlier output must be as they were, or the output complete; beside them at most one file named
as partial may lie after SIGKILL, which the next run must remove. Exit code 1 if not.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.arguments import count

OLD = b"an earlier output"
INTERRUPTED = 130
LONGEST_END = 20.0
"""s that a process may take to end."""
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


def command(stem: Path, output: Path) -> list[str]:
    """Return a call that takes about two seconds."""
    clip = [f"{stem}.mp4", f"{stem}.csv", "--camera", f"{stem}.camera.json", "--no-sync"]
    call = [sys.executable, "-m", "stabilizer", "stabilize", *clip]
    return [*call, "-o", str(output), "--overwrite", "--threads", "1", "--preset", "slow"]


def completed(stem: Path, output: Path) -> bytes:
    """Return what a run that nothing disturbs writes."""
    subprocess.run(command(stem, output), check=True, capture_output=True)
    return output.read_bytes()


def killed(stem: Path, output: Path, complete: bytes, sent: signal.Signals, after: float) -> str:
    """Return "" if a run that was sent a signal `after` s left all as it should, else what not.

    It may leave at `output` what was there, or all of what is to be there.
    """
    output.write_bytes(OLD)
    before = contents(stem.parent)
    process = subprocess.Popen(
        command(stem, output), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        _, errors = process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        process.send_signal(sent)
        try:
            _, errors = process.communicate(timeout=LONGEST_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return f"runs on after {sent.name}"
    return wrong(stem.parent, output, before, complete, process.returncode, sent, errors)


def wrong(
    folder: Path,
    output: Path,
    before: dict[str, bytes],
    complete: bytes,
    code: int,
    sent: signal.Signals,
    errors: str,
) -> str:
    after = contents(folder)
    done = code == 0
    partial = f"{output.stem}.partial-"
    for name, content in before.items():
        if partial in name:  # of a run that was killed: it may be removed by now
            continue
        allowed = (content, complete) if name == output.name else (content,)
        if after.get(name) not in allowed or (done and after[output.name] != complete):
            return f"{name} is lost or changed; exit code {code}"
    litter = [name for name in after if name not in before]
    if sent == signal.SIGKILL and code == -signal.SIGKILL and len(litter) <= 1:
        litter = [name for name in litter if partial not in name]
    if litter:
        return f"left: {litter}"
    if not done and code not in (INTERRUPTED, -sent):
        return f"exit code {code}: {errors[-300:]}"
    return ""


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.is_file()}


def on_a_full_disk(stem: Path, folder: Path, kilobytes: int) -> str:
    """Return "" if a run to a disk of so many kB is refused and leaves it empty, or is done."""
    disk = folder / "disk"
    disk.mkdir(exist_ok=True)
    mounted = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(disk)]
    if subprocess.run(mounted, capture_output=True).returncode:
        return "no tmpfs could be mounted"
    try:
        output = disk / "steady.mp4"
        done = subprocess.run(command(stem, output), capture_output=True, text=True)
        left = [p.name for p in disk.iterdir()]
        if done.returncode == 0:
            return "" if left == [output.name] else f"left: {left}"
        told = done.returncode == 2 and done.stderr.count("\n") == 1
        return "" if told and not left else f"left: {left}; {done.stderr[-300:]}"
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=count, default=100)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    rng, outcomes, failures = random.Random(told.seed), Counter[str](), list[str]()
    with TemporaryDirectory() as temporary:
        stem, output = Path(temporary) / "clip" / "clip", Path(temporary) / "clip" / "steady.mp4"
        stem.parent.mkdir()
        simulate = [sys.executable, "-m", "stabilizer", "simulate", str(stem), "--size", "320x240"]
        subprocess.run([*simulate, "--duration", "4"], check=True, capture_output=True)
        began = time.perf_counter()
        complete = completed(stem, output)
        longest = time.perf_counter() - began
        for i in range(told.runs):
            if i % 4 == 3 and os.name == "posix":
                kind, found = (
                    "full disk",
                    on_a_full_disk(stem, Path(temporary), rng.randrange(8, 400)),
                )
            else:
                sent = SIGNALS[i % 4]
                kind = sent.name
                found = killed(stem, output, complete, sent, rng.uniform(0.05, 1.05 * longest))
            outcomes[f"{kind}: {found or 'as it should be'}"] += 1
            print(
                f"{i + 1}: {kind}: {found}" if found else ".", end="\n" if found else "", flush=True
            )
            failures += [found] if found else []
        subprocess.run(command(stem, output), check=True, capture_output=True)
        left = [name for name in contents(stem.parent) if "partial" in name]
    for outcome, times in sorted(outcomes.items()):
        print(f"{times:4} {outcome}")
    print(f"left after one more run: {left or 'nothing'}")
    return 1 if failures or left else 0


if __name__ == "__main__":
    sys.exit(main())
