"""The program, run as its users do, for the tests of its command line."""

import io
import os
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from stabilizer.cli import main

STABILIZER = [sys.executable, "-m", "stabilizer"]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


def run(*arguments: object) -> Done:
    """Run the program in this process, which saves its start."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with (
        patch.object(sys, "argv", ["stabilizer", *map(str, arguments)]),
        redirect_stdout(stdout),
        redirect_stderr(stderr),
    ):
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Done(code, stdout.getvalue(), stderr.getvalue())


def run_alone(*arguments: object) -> Done:
    """Run the program as users do."""
    command = [*STABILIZER, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
    return Done(done.returncode, done.stdout, done.stderr)


def refused(done: Done, *words: str, code: int = 2) -> None:
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("stabilizer: error: ")
    for word in words:
        assert word in done.stderr


def made_clip(stem: Path, *options: object) -> Path:
    """Make a small clip by the program itself; return `stem`."""
    done = run(
        "simulate", stem, "--duration", 1, "--fps", 20, "--size", "160x120", "--hfov", 60,
        "--delay", "-0.25", "--drift", "-0.01,0.02,0", "--imu-orientation", "yXz", *options,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        f"{stem}{end}" for end in (".mp4", ".csv", ".camera.json", ".truth.json")
    ]
    return stem


def files(stem: Path) -> list[str]:
    """Return the arguments that name the clip's video, log and camera."""
    return [f"{stem}.mp4", f"{stem}.csv", "--camera", f"{stem}.camera.json"]


def interruptible() -> None:
    """Let a new process heed Ctrl-C, which tests that run in the background may have to ignore."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
