"""What a killed or interrupted run leaves behind: what was there before."""

import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.bench_kills import INTERRUPTED, command, completed, contents, killed
from stabilizer.new_files import partial_name
from tests.command_line import ENVIRONMENT, made_clip

NO_PROCESS = 2**22 + 1  # Linux counts to 2^22


def of_process(ours: Path, process: int) -> Path:
    """Return what the name of a partial file of ours would be in another process."""
    return ours.with_name(ours.name.replace(f"-{os.getpid()}-", f"-{process}-"))


@pytest.fixture(scope="module")
def stem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_clip(tmp_path_factory.mktemp("kills") / "clip", "--overwrite")


@pytest.mark.skipif(sys.platform == "win32", reason="has other signals")
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_killed_run_loses_nothing(stem: Path, monkeypatch: pytest.MonkeyPatch, sent) -> None:
    monkeypatch.setenv("PYTHONPATH", ENVIRONMENT["PYTHONPATH"])
    output, rng = stem.parent / "steady.mp4", random.Random(int(sent))
    complete = completed(stem, output)
    for _ in range(3):
        assert killed(stem, output, complete, sent, rng.uniform(0.5, 2.0)) == ""
    done = subprocess.run(command(stem, output), env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not [name for name in contents(stem.parent) if "partial" in name]


def test_only_leftovers_of_dead_processes_are_removed(tmp_path: Path) -> None:
    output = tmp_path / "steady[1].mp4"
    running = partial_name(output)
    running.touch()
    dead = of_process(running, NO_PROCESS)
    elsewhere = dead.with_name(re.sub("-[0-9a-f]{8}-", "-01234567-", dead.name))  # another host's
    assert elsewhere != dead
    other = tmp_path / dead.name.replace("steady", "other")
    others = [tmp_path / "steady[1].partial-x.mp4", other, elsewhere]
    for path in (*others, dead):
        path.touch()
    assert partial_name(output) != running
    assert sorted(tmp_path.iterdir()) == sorted([running, *others])


def run_with_main(main: str) -> subprocess.CompletedProcess[bytes]:
    """Run the program with another `main`, given as source, in the place of the command line."""
    code = f"""
import os, signal, time
import stabilizer.cli
from stabilizer import __main__ as program
{main}
stabilizer.cli.main = main
program.program()
"""
    return subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True)


@pytest.mark.skipif(sys.platform == "win32", reason="has other signals")
def test_an_interruption_that_is_dropped_comes_again_but_never_amid_cleaning_up() -> None:
    done = run_with_main("""
def main():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except KeyboardInterrupt:
        print("dropped")
    try:
        time.sleep(10)
        print("never interrupted")
    finally:
        time.sleep(1.5)
        print("cleaned up")
""")
    assert done.stdout.split(b"\n")[:2] == [b"dropped", b"cleaned up"]
    assert b"interrupted" in done.stderr and done.returncode == INTERRUPTED


@pytest.mark.skipif(sys.platform == "win32", reason="has other signals")
def test_a_second_signal_does_not_disturb_the_cleaning_up_after_the_first() -> None:
    done = run_with_main("""
def main():
    try:
        os.kill(os.getpid(), signal.SIGINT)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        print("cleaned up")
""")
    assert (done.returncode, done.stdout) == (INTERRUPTED, b"cleaned up\n")


@pytest.mark.skipif(sys.platform == "win32", reason="has other signals")
def test_an_interruption_that_becomes_another_error_is_told_as_one() -> None:
    done = run_with_main("""
class Field:
    def __set_name__(self, owner, name):
        os.kill(os.getpid(), signal.SIGINT)

def main():
    class Owner:
        field = Field()
""")
    assert done.returncode == INTERRUPTED
    assert (
        done.stderr
        == b"stabilizer: error: interrupted; each output is complete or as it was before\n"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="has other signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interruption_while_the_program_is_imported_is_told(name: str) -> None:
    code = f"""
import os, signal, sys
from stabilizer import __main__ as program

class Interrupting:
    def find_spec(self, module, *_):
        if module == "stabilizer.cli.stabilize":
            os.kill(os.getpid(), signal.{name})

sys.meta_path.insert(0, Interrupting())
program.program()
"""
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True)
    assert done.returncode == INTERRUPTED
    assert done.stderr.startswith(b"stabilizer: error: interrupted; ")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="has other signals")
def test_an_interruption_when_the_video_is_complete_says_so(stem: Path, tmp_path: Path) -> None:
    output, summary = tmp_path / "steady.mp4", tmp_path / "done.json"
    call = [*command(stem, output)[3:], "--summary", str(summary)]
    code = f"""
import json, os, signal, sys
from stabilizer import __main__ as program

def interrupted(*_, **options):
    os.kill(os.getpid(), signal.SIGINT)

json.dumps = interrupted
sys.argv = ["stabilizer", *{call}]
program.program()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.returncode == INTERRUPTED
    assert done.stderr == f"stabilizer: error: interrupted; {output} is complete\n"
    assert list(tmp_path.iterdir()) == [output]
