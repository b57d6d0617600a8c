"""The command line: right calls, wrong calls, exit codes, and what is left on disk."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from gyro_data import GyroDataError, read
from stabilizer import StabilizerError
from stabilizer.cli.stabilize import imported_beside
from stabilizer.video import probe
from tests.command_line import (
    ENVIRONMENT,
    STABILIZER,
    files,
    interruptible,
    made_clip,
    refused,
    run,
    run_alone,
)


@pytest.fixture(scope="module")
def stem(tmp_path_factory) -> Path:
    return made_clip(tmp_path_factory.mktemp("cli") / "clip")


@pytest.mark.parametrize("delay", [["--delay=-0.25"], ["--delay", "-0.25"]])
def test_stabilize_writes_the_video_and_says_what_it_did(stem, tmp_path, delay) -> None:
    output = tmp_path / "steady.mp4"
    done = run("stabilize", *files(stem), "-o", output, *delay, "--drift=-0.01,0.02,0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{output}: written in ")
    assert "20 frames, mean zoom 1." in done.stdout
    assert "worst border margin" in done.stdout
    assert done.stderr == ""
    assert [p.name for p in tmp_path.iterdir()] == ["steady.mp4"]


def test_verbose_says_what_was_assumed(stem, tmp_path) -> None:
    done = run_alone("-v", "stabilize", *files(stem), "-o", tmp_path / "a.mp4", "--delay=-0.25")
    assert "rad/s" in done.stderr
    assert "cubic interpolation by numba; frames warped at a time: " in done.stderr
    assert done.stderr.startswith("stabilizer: info: ")


def test_output_that_cannot_be_written_is_told(stem) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    for words in (["info", f"{stem}.mp4", "--json"], ["info", f"{stem}.mp4"], ["--help"]):
        command = [*STABILIZER, *words]
        done = subprocess.run(command, stdout=writes, stderr=subprocess.PIPE, env=ENVIRONMENT)
        assert done.returncode == 2
        assert done.stderr == b"stabilizer: error: output: Broken pipe\n"
    os.close(writes)


def test_a_closed_output_is_as_good_as_one_that_is_thrown_away(stem) -> None:
    for how, video, code in ((">&-", f"{stem}.mp4", 0), ("2>&-", "none.mp4", 2)):
        closed = ["sh", "-c", f'"$@" {how}', "sh", *STABILIZER, "info", video, "--json"]
        done = subprocess.run(closed, capture_output=True, env=ENVIRONMENT)
        assert (done.returncode, done.stdout, done.stderr) == (code, b"", b"")


def test_every_option_is_understood(stem, tmp_path) -> None:
    kernel = tmp_path / "kernel.txt"
    kernel.write_text("0 0 0\n0 1 0\n0 0 0\n")
    output = tmp_path / "all.mkv"
    done = run(
        "stabilize", *files(stem)[:2], "-o", output, "--hfov", 60, "--readout", 0.02,
        "--readout-direction", "top_to_bottom", "--imu-orientation", "yXz", "--delay", -0.25,
        "--clock-skew", 0.0, "--drift", "-0.01,0.02,0", "--smoother", "optimal",
        "--smoothness", 0.3, "--zoom", "dynamic", "--max-zoom", 1.8, "--lookahead", 5,
        "--weights", "1,1,2", "--strict", "--interpolation", "lanczos",
        "--filter", "sharpen:0.3", "--filter", f"kernel:{kernel}", "--filter", "gaussian:0.5:all",
        "--crf", 30, "--preset", "ultrafast", "--start", 0.2, "--end", 0.8, "--time-unit", "s",
        "--rate-unit", "rad/s", "--columns", "t=t,x=gx,y=gy,z=gz", "--overwrite",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "12 frames" in done.stdout


def test_a_dry_run_reports_and_writes_nothing(stem, tmp_path) -> None:
    done = run("stabilize", *files(stem), "-o", tmp_path / "a.mp4", "--delay=-0.25", "--dry-run")
    assert done.returncode == 0
    assert "not written (dry run)" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="has no such names")
def test_names_with_a_colon_are_no_protocols(stem, tmp_path, monkeypatch) -> None:
    video, *others = files(stem)
    monkeypatch.chdir(tmp_path)
    Path("12:30.mp4").write_bytes(Path(video).read_bytes())
    done = run("stabilize", "12:30.mp4", *others, "-o", "12:30 steady.mp4", "--delay=-0.25")
    assert done.returncode == 0, done.stderr
    assert len(probe("12:30 steady.mp4").frame_pts) == 20


def test_a_dry_run_refuses_an_encoder_that_would_not_do(stem, tmp_path) -> None:
    call = ["stabilize", *files(stem), "-o", tmp_path / "a.webm", "--codec", "prores", "--dry-run"]
    refused(run(*call, "--delay=-0.25"), ".webm cannot hold prores video")


def test_info_tells_what_files_are(stem) -> None:
    log = json.loads(run("info", f"{stem}.csv", "--json").stdout)
    assert log["kind"] == "gyro log"
    assert log["sample_rate_hz"] == pytest.approx(400, rel=1e-3)
    assert set(log["rms_rad_s"]) == {"x", "y", "z"}
    video = json.loads(run("info", f"{stem}.mp4", "--json").stdout)
    assert (video["width"], video["height"], video["frames"]) == (160, 120, 20)
    assert video["frame_rate_hz"] == pytest.approx(20)
    table = run("info", f"{stem}.mp4").stdout
    assert "yuv420p" in table
    assert "h264" in table


def test_a_terminal_gets_a_progress_bar(stem, tmp_path) -> None:
    """Also for a single frame, whose rate is not known."""
    pty = pytest.importorskip("pty")
    for end in ("1", "0.04"):
        command = [
            *STABILIZER, "stabilize", *files(stem), "-o", str(tmp_path / f"{end}.mp4"),
            "--delay=-0.25", "--end", end,
        ]  # fmt: skip
        master, slave = pty.openpty()
        done = subprocess.run(command, stderr=slave, capture_output=False, env=ENVIRONMENT)
        os.close(slave)
        shown = os.read(master, 1 << 20).decode()
        os.close(master)
        assert done.returncode == 0
        assert "rendering" in shown
        assert "Traceback" not in shown


def test_version_and_help() -> None:
    assert run("--version").stdout.startswith("stabilizer ")
    for command in ("stabilize", "plan", "sync", "calibrate", "info", "simulate"):
        assert f"stabilizer {command}" in run(command, "--help").stdout


def test_the_simulated_truth_is_complete(stem) -> None:
    truth = json.loads(Path(f"{stem}.truth.json").read_text())
    assert truth["delay"] == -0.25
    assert np.shape(truth["R_world_cam_quat_xyzw"]) == (20, 4)


def test_without_a_camera_it_says_so_and_suggests(stem, tmp_path) -> None:
    done = run("stabilize", *files(stem)[:2], "-o", tmp_path / "a.mp4", "--no-sync")
    refused(done, "--camera FILE", "--focal PX", "--hfov DEG")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--hfov", "60"], ["by one of --camera"]),
        (["--focal", "-5"], ["--camera"]),
        (["--sync", "none.json"], ["a sync file decides camera and clocks; leave out --camera"]),
        (["--delay", "soon"], ["--delay"]),
        (["--delay", "nan"], ["delay: expected a finite number"]),
        (["--delay", "1e308"], ["delay: expected a finite number >= -1e+10 and <= 1e+10"]),
        (["--drift", "1e300,0,0"], ["gyro: expected rates up to 10000 rad/s"]),
        (["--start", "nan"], ["start: expected a finite number, got nan"]),
        (["--drift", "1,2"], ["drift: expected 3 numbers X,Y,Z, got '1,2'"]),
        (["--drift", "1,2,x"], ["drift: expected a number, got 'x'"]),
        (["--zoom", "big"], ["zoom: expected dynamic, fixed or a factor, got 'big'"]),
        (["--zoom", "0.5"], ["zoom: expected a finite number >= 1"]),
        (["--max-zoom", "0"], ["max_zoom: expected"]),
        (["--smoother", "magic"], ["smoother: expected one of optimal, cinematic, fixed"]),
        (
            ["--smoother", "none", "--smoothness", "1"],
            ["smoothness: expected none with the none smoother", "to optimal, cinematic, fixed, g"],
        ),
        (
            ["--smoother", "gaussian", "--crop", "1.2"],
            ["crop: expected none with the gaussian smoother", "belongs to optimal, cinematic, fi"],
        ),
        (["--smoother", "gaussian", "--weights", "1,1,1"], ["weights: expected none"]),
        (["--smoother", "gaussian", "--lookahead", "5"], ["lookahead: expected none"]),
        (["--smoother", "none", "--horizon"], ["horizon: expected none with the none smoother"]),
        (["--smoother", "gaussian", "--smoothness", "-1"], ["time_constant: expected a finite"]),
        (["--smoothness", "-1"], ["smoothness: expected a finite number"]),
        (["--crop", "0.9"], ["crop: expected a finite number > 1"]),
        (["--crop", "2", "--max-zoom", "1.5"], ["crop: expected up to max_zoom 1.5, got 2"]),
        (["--crop", "1.2", "--zoom", "1.2"], ["crop: expected none with a given zoom"]),
        (["--lookahead", "0"], ["lookahead: expected a finite number"]),
        (["--weights", "1,2"], ["weights: expected 3 numbers X,Y,Z, got '1,2'"]),
        (["--weights", "1,2,0"], ["weights roll: expected a finite number"]),
        (["--horizon"], ["accelerometer"]),
        (["--strict", "--max-zoom", "1"], ["without smoothing", "max"]),
        (["--interpolation", "best"], ["interpolation: expected one of linear, cubic, lanczos"]),
        (["--filter", "blur:3"], ["gaussian:SIGMA"]),
        (["--filter", "kernel:none.txt"], ["none.txt"]),
        (["--crf", "-1"], ["crf: expected"]),
        (["--preset", "warp9"], ["preset: expected one of ultrafast"]),
        (["--start", "5"], ["no frame between start and end"]),
        (["--start", "0.5", "--end", "0.2"], ["end: expected more than start"]),
        (["--readout", "-0.1"], ["readout_time: expected a finite number >= 0"]),
        (["--readout-direction", "up"], ["readout_direction: expected one of top_to_bottom"]),
        (["--imu-orientation", "XXZ"], ["axis order: expected x, y and z once each"]),
        (["--time-unit", "h"], ["time_unit: expected one of s, ms, us, ns"]),
        (["--rate-unit", "rpm"], ["rate_unit: expected one of rad/s, deg/s"]),
        (["--columns", "t=nope,x=gx,y=gy,z=gz"], ["nope", "gx"]),
        (["--delay", "1000"], ["covers no frame", "check the delay"]),
        (["--nonsense"], ["--nonsense", "--help"]),
    ],
)
def test_wrong_options_are_one_line_and_leave_nothing(stem, tmp_path, arguments, words) -> None:
    call = ["stabilize", *files(stem), "--no-sync", "-o", tmp_path / "a.mp4"]
    refused(run(*call, *arguments), *words)
    assert list(tmp_path.iterdir()) == []


def test_an_error_is_the_same_seen_from_outside(stem, tmp_path) -> None:
    refused(run_alone("stabilize", *files(stem), "-o", tmp_path / "a.mp4", "--zoom", 0), "zoom")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no such files")
def test_what_may_have_no_end_is_refused_at_once(stem, tmp_path) -> None:
    video, log, *camera = files(stem)
    pipe, what = tmp_path / "pipe", "is no regular file"
    os.mkfifo(pipe)
    output = ("-o", tmp_path / "out.mp4")
    for wrong in (pipe, "/dev/zero"):
        refused(run("stabilize", wrong, log, *camera, *output), str(wrong), what)
        refused(run("stabilize", video, wrong, *camera, *output), str(wrong), what)
        refused(run("stabilize", video, log, "--camera", wrong, *output), str(wrong), what)
        refused(run("stabilize", video, log, "--sync", wrong, *output), str(wrong), what)
        refused(run("stabilize", video, "--plan", wrong, *output), str(wrong), what)
        kernel = ("--filter", f"kernel:{wrong}")
        refused(run("stabilize", video, log, *kernel, *output), str(wrong), what)
        refused(run("info", wrong), str(wrong), what)
        refused(run("convert", wrong, "-o", tmp_path / "log.csv"), str(wrong), what)
    for wrong in (pipe, tmp_path):
        with pytest.raises(StabilizerError, match=f"{wrong}: .*: {what}"):
            probe(wrong)
        with pytest.raises(GyroDataError, match=f"{wrong}: {what}"):
            read(wrong)
    assert [p.name for p in tmp_path.iterdir()] == ["pipe"]


def test_wrong_files_are_one_line_and_leave_nothing(stem, tmp_path) -> None:
    video, log, *camera = files(stem)
    text = tmp_path / "text.mp4"
    text.write_text("not a video")
    output = tmp_path / "out.mp4"
    refused(run("stabilize", "none.mp4", log, *camera, "-o", output), "none.mp4")
    refused(run("stabilize", text, log, *camera, "-o", output), "text.mp4")
    refused(run("stabilize", video, "none.csv", *camera, "-o", output), "none.csv")
    refused(run("stabilize", video, video, *camera, "-o", output), "clip.mp4")
    refused(run("stabilize", video, log, "--camera", log, "-o", output), "not a camera file")
    refused(run("stabilize", video, log, *camera, "-o", video, "--overwrite"), "is an input")
    refused(run("stabilize", video, log, *camera, "-o", tmp_path / "no" / "a.mp4"), "no folder")
    refused(run("stabilize", video, log, *camera, "-o", tmp_path / "a.txt"), ".mp4")
    refused(run("stabilize", video, log, *camera, "-o", text), "exists already")
    refused(run("info", "none.csv"), "none.csv")
    refused(run("info", tmp_path), str(tmp_path))
    refused(run("stabilize"), "Missing")
    assert [p.name for p in tmp_path.iterdir()] == ["text.mp4"]
    assert text.read_text() == "not a video"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_what_was_there(stem, tmp_path, how) -> None:
    output = tmp_path / "steady.mp4"
    output.write_text("earlier")
    slow = ["--preset", "placebo", "--interpolation", "lanczos"] + ["--filter", "gaussian:9"] * 20
    command = [
        *STABILIZER, "stabilize", *files(stem), "-o", str(output), "--delay=-0.25", "--overwrite",
        *slow,
    ]  # fmt: skip

    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, preexec_fn=interruptible
    )
    deadline = time.monotonic() + 30
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(how)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert errors == "stabilizer: error: interrupted; each output is complete or as it was before\n"
    assert [p.name for p in tmp_path.iterdir()] == ["steady.mp4"]
    assert output.read_text() == "earlier"


def test_what_is_imported_beside_is_there_afterwards(tmp_path, monkeypatch) -> None:
    for name in ("slow_module", "next_module"):
        (tmp_path / f"{name}.py").write_text("import time; time.sleep(0.2)")
    monkeypatch.syspath_prepend(tmp_path)
    with imported_beside("slow_module", "next_module"):
        pass
    assert {"slow_module", "next_module"} <= set(sys.modules)
    for name in ("slow_module", "next_module"):
        del sys.modules[name]


def test_modules_that_fail_beside_are_told_where_they_are_used(tmp_path, monkeypatch) -> None:
    (tmp_path / "broken_module.py").write_text("raise RuntimeError('broken')")
    monkeypatch.syspath_prepend(tmp_path)
    with imported_beside("broken_module"):
        pass
    with pytest.raises(RuntimeError, match="broken"):
        import_module("broken_module")


def test_an_error_does_not_wait_for_what_is_imported_beside(tmp_path, monkeypatch) -> None:
    gate = threading.Event()
    monkeypatch.setitem(sys.modules, "gate_module", SimpleNamespace(gate=gate))
    (tmp_path / "long_module.py").write_text("import gate_module; gate_module.gate.wait(30)")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(StabilizerError, match="no video"), imported_beside("long_module"):
        raise StabilizerError("no video")
    importing = [thread for thread in threading.enumerate() if thread.name == "import"]
    assert importing
    gate.set()
    for thread in importing:
        thread.join()
    del sys.modules["long_module"]
