"""The command line about synchronization: found, told, kept, used again, and refused."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stabilizer.camera import Camera, save_camera
from stabilizer.plan_file import load_plan
from stabilizer.simulate import simulate
from stabilizer.sync_file import load_sync
from tests.command_line import Done, refused, run

DELAY, DRIFT = 12.25, (-0.01, 0.02, 0.0)
CAMERA = Camera.from_hfov(320, 180, np.deg2rad(60), readout_time=0.02, imu_orientation="yxz")


@pytest.fixture(scope="module")
def stem(tmp_path_factory) -> Path:
    """A small clip, coded finely enough to be followed to hundredths of a pixel."""
    path = tmp_path_factory.mktemp("cli_sync") / "clip"
    simulate(path, camera=CAMERA, duration=4, delay=DELAY, drift=DRIFT, crf=4, audio=False)
    return path


@pytest.fixture(scope="module")
def pair(stem) -> list[str]:
    return [f"{stem}.mp4", f"{stem}.csv"]


@pytest.fixture(scope="module")
def found(pair, tmp_path_factory) -> tuple[Done, Path]:
    """What the program says with nothing but video and log, and the file it writes."""
    folder = tmp_path_factory.mktemp("found")
    path = folder / "sync.json"
    return run("sync", *pair, "-o", path, "--plot", folder / "sync.html"), path


@pytest.fixture
def wrong_log(stem, tmp_path) -> Path:
    """The log played backwards: as lively, but another motion."""
    table = pd.read_csv(f"{stem}.csv")
    table.iloc[:, 1:] = table.iloc[::-1, 1:].to_numpy()
    path = tmp_path / "wrong.csv"
    table.to_csv(path, index=False)
    return path


@pytest.fixture
def doubtful(found, tmp_path) -> Callable[[str], Path]:
    """Write the sync file with another confidence."""

    def written(confidence: str) -> Path:
        content = json.loads(found[1].read_text())
        content |= {"confidence": confidence, "reasons": ["it looks like another", "it is short"]}
        path = tmp_path / f"{confidence}.json"
        path.write_text(json.dumps(content))
        return path

    return written


def warnings(caplog) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]


def left_in(folder: Path, *but: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path not in but)


def test_everything_is_found_from_nothing(found) -> None:
    """To what a good sync must reach: a delay within 0.3 ms, a readout within 0.5 ms."""
    done, path = found
    assert done.returncode == 0, done.stderr
    saved = load_sync(path)
    assert saved.verdict.confidence == "good"
    assert saved.sync.delay == pytest.approx(DELAY, abs=3e-4)
    assert saved.camera.readout_time == pytest.approx(CAMERA.readout_time, abs=5e-4)
    assert saved.camera.fx == pytest.approx(CAMERA.fx, rel=0.015)
    assert saved.camera.imu_orientation == "yxz"
    np.testing.assert_allclose(saved.drift, DRIFT, atol=5e-4)
    assert min(saved.errors.values()) > 0


def test_the_table_tells_values_with_their_errors(found) -> None:
    done, path = found
    assert done.stderr == ""
    html = path.with_suffix(".html")
    assert done.stdout.endswith(f"{html}: written\n{path}: written\n")
    assert "Synchronization" in html.read_text(encoding="utf-8")
    rows = [line.split("│")[1:3] for line in done.stdout.splitlines() if line.startswith("│")]
    table = {name.strip(): value.strip() for name, value in rows}
    assert table["confidence"] == "good"
    assert table["reasons"] == "none"
    assert table["axes"] == "yxz"
    for name, unit in {
        "delay": "ms",
        "clock skew": "ppm",
        "drift x": "rad/s",
        "readout": "ms, top_to_bottom",
        "focal length": "px, ",
        "rotation after the axes": "degrees",
    }.items():
        assert "±" in table[name], name
        assert unit in table[name]
    assert table["delay"].startswith("12.2")
    assert table["correlation"].startswith("best 0.9")


def test_what_is_given_is_not_looked_for(stem, pair, tmp_path) -> None:
    """A camera file of twice the size without readout and axes, and a clock that runs evenly."""
    twice = CAMERA.scaled_to(640, 360)
    unknown = ["readout_time", "readout_direction", "imu_orientation"]
    save_camera(twice, tmp_path / "camera.json", unknown=unknown)
    given = ["--camera", tmp_path / "camera.json", "--clock-skew", 0, "--drift=-0.01,0.02,0"]
    done = run("sync", *pair, *given, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    content = json.loads(done.stdout)
    errors = content["standard_errors"]
    fixed = {name for name, error in errors.items() if error == 0}
    assert fixed == {"focal", "clock_skew", "drift_x", "drift_y", "drift_z"}
    assert content["camera"]["fx"] == pytest.approx(CAMERA.fx, rel=1e-12)
    assert content["camera"]["width"] == 320
    assert content["camera"]["readout_time"] == pytest.approx(0.02, abs=5e-4)
    np.testing.assert_allclose(content["drift"], DRIFT, atol=1e-12)


def test_a_video_is_synchronized_without_being_asked(stem, pair, tmp_path) -> None:
    output, plan = tmp_path / "steady.mp4", tmp_path / "plan.npz"
    camera = ["--camera", f"{stem}.camera.json", "--save-plan", plan]
    done = run("stabilize", *pair, *camera, "-o", output, "--end", 1)
    assert (done.returncode, done.stderr) == (0, "")
    first = done.stdout.splitlines()[0]
    assert first.startswith(f"{output}: written in ")
    assert "30 frames" in first
    assert "synchronized: delay 12.2" in first
    assert first.endswith(" ms (good)")
    used = load_plan(plan).camera
    assert (used.fx, used.readout_time) == (CAMERA.fx, CAMERA.readout_time)
    assert used.imu_orientation == "yxz"
    assert left_in(tmp_path) == ["plan.npz", "steady.mp4"]


def test_without_a_camera_it_says_what_the_clip_tells(pair, caplog) -> None:
    done = run("plan", *pair)
    assert done.returncode == 0, done.stderr
    assert "synchronized: delay 12.2" in done.stdout
    (warning,) = warnings(caplog)
    assert warning.startswith("no camera is given; the clip tells: focal length 27")
    assert warning.endswith(" ms top_to_bottom, axes yxz")


def test_a_kept_sync_is_used_without_looking_at_the_clip(pair, found, tmp_path) -> None:
    saved, plan = load_sync(found[1]), tmp_path / "plan.npz"
    done = run("plan", *pair, "--sync", found[1], "--save-plan", plan)
    assert (done.returncode, done.stderr) == (0, "")
    assert "synchronized: delay 12.2" in done.stdout
    used = load_plan(plan).camera
    assert (used.fx, used.readout_time) == (saved.camera.fx, saved.camera.readout_time)
    output = tmp_path / "steady.mp4"
    done = run("stabilize", *pair, "--sync", found[1], "-o", output, "--end", 0.5)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(" ms (good)\n")


@pytest.mark.parametrize("command", ["plan", "stabilize"])
def test_a_wrong_log_gives_no_video(pair, wrong_log, tmp_path, command) -> None:
    output = {"plan": "--save-plan", "stabilize": "-o"}[command]
    name = {"plan": "plan.npz", "stabilize": "steady.mp4"}[command]
    done = run(command, pair[0], wrong_log, "--hfov", 60, output, tmp_path / name)
    refused(done, "cannot be synchronized", "correlates 0.", "--delay or --no-sync", code=3)
    assert left_in(tmp_path, wrong_log) == []


def test_a_wrong_log_is_told_and_no_file_kept(pair, wrong_log, tmp_path) -> None:
    files = ["-o", tmp_path / "sync.json", "--plot", tmp_path / "sync.png"]
    done = run("sync", pair[0], wrong_log, "--json", *files)
    assert done.returncode == 3
    assert json.loads(done.stdout)["confidence"] == "failed"
    assert done.stderr.startswith(f"stabilizer: error: {pair[0]}: with {wrong_log}: cannot be")
    assert done.stderr.count("\n") == 1
    done = run("sync", pair[0], wrong_log)
    assert "failed" in done.stdout
    assert "focal length" not in done.stdout
    assert done.returncode == 3
    assert left_in(tmp_path, wrong_log) == ["sync.png"]  # which shows why
    refused(run("sync", pair[0], wrong_log, "-q"), "cannot be", code=3)


def test_a_log_that_is_too_short_is_told(stem, pair, tmp_path) -> None:
    short = tmp_path / "short.csv"
    pd.read_csv(f"{stem}.csv").head(100).to_csv(short, index=False)
    refused(run("plan", pair[0], short), "the log is only 0.25 s long", code=3)
    done = run("sync", pair[0], short, "--json", "--plot", tmp_path / "sync.png")
    assert (done.returncode, json.loads(done.stdout)["correlation"]) == (3, None)
    assert left_in(tmp_path, short) == []


def test_low_confidence_warns_and_strict_refuses(pair, doubtful, caplog) -> None:
    call = ["plan", *pair, "--sync", doubtful("low")]
    done = run(*call)
    assert done.returncode == 0, done.stderr
    (warning,) = warnings(caplog)
    assert warning.endswith("with low confidence: it looks like another; it is short")
    assert done.stdout.endswith(" ms (low)\n")
    refused(run(*call, "--strict"), "strict refuses low confidence", "it is short", code=3)
    refused(run("plan", *pair, "--sync", doubtful("failed")), "cannot be synchronized", code=3)


def test_no_sync_takes_the_clocks_as_equal(stem, pair, caplog) -> None:
    """Which they are not: the log begins 11 s after the video on its own clock."""
    camera = ["--camera", f"{stem}.camera.json"]
    refused(run("plan", *pair, *camera, "--no-sync"), "covers no frame", "check the delay")
    done = run("plan", *pair, *camera, "--no-sync", "--delay", DELAY)
    assert (done.returncode, done.stderr) == (0, "")
    assert "synchronized" not in done.stdout
    assert warnings(caplog) == []
    assert run("plan", *pair, "--hfov", 60, "--delay", DELAY).returncode == 0
    (warning,) = warnings(caplog)
    assert warning.startswith("no --readout is given: taken as 0")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--camera", "c.json", "--delay", 1], ["leave out --camera, --delay"]),
        (["--no-sync", "--imu-orientation", "XYZ"], ["leave out --imu-orientation, --no-sync"]),
    ],
)
def test_what_a_sync_file_makes_unneeded_is_refused(pair, found, arguments, words) -> None:
    refused(run("plan", *pair, "--sync", found[1], *arguments), "a sync file decides", *words)


def test_wrong_calls_are_refused_before_the_clip_is_looked_at(stem, pair, tmp_path) -> None:
    there = tmp_path / "there.json"
    there.write_text("old")
    camera = f"{stem}.camera.json"
    refused(run("sync", *pair, "-o", there), "exists already")
    refused(run("sync", *pair, "--plot", there), "plot: expected a name that ends in .png")
    refused(run("sync", *pair, "--plot", tmp_path / "no" / "a.png"), "there is no folder")
    refused(run("sync", *pair, "-o", tmp_path / "a.txt"), "expected a name ending in .json")
    refused(run("sync", *pair, "--camera", camera, "-o", camera, "--overwrite"), "is an input too")
    refused(run("sync", *pair, "--camera", pair[1]), "not a camera file")
    refused(run("sync", *pair, "--camera", camera, "--hfov", 60), "by one of --camera")
    refused(run("sync", *pair, "--clock-skew", "nan"), "clock_skew: expected a finite number")
    refused(run("sync", *pair, "--drift", "0,0,inf"), "drift: expected a finite number")
    refused(run("sync", pair[0], "none.csv"), "none.csv")
    refused(run("sync", "none.mp4", pair[1]), "none.mp4")
    refused(run("plan", *pair, "--zoom", 0.5), "zoom: expected a finite number >= 1")
    refused(run("plan", *pair, "--interpolation", "best"), "interpolation: expected one of")
    refused(run("plan", *pair, "--sync", "none.json"), "none.json")
    refused(run("plan", *pair, "--sync", camera), "not a sync file that can be used")
    refused(run("plan", *pair, "--sync", there, "--motion", there), "there.json")
    assert there.read_text() == "old"
    assert left_in(tmp_path) == ["there.json"]


def test_a_camera_for_another_crop_is_refused(pair, tmp_path) -> None:
    save_camera(Camera.from_focal(400, 300, 300.0), tmp_path / "camera.json")
    refused(run("sync", *pair, "--camera", tmp_path / "camera.json"), "another aspect ratio")


def test_a_sync_file_of_another_clip_is_refused(pair, found, tmp_path) -> None:
    content = json.loads(found[1].read_text())
    content["camera"]["width"] //= 2
    (tmp_path / "sync.json").write_text(json.dumps(content))
    refused(run("plan", *pair, "--sync", tmp_path / "sync.json"), "is of a clip of", "synchronize")


def test_what_is_missing_or_impossible_is_told_with_what_to_do(pair) -> None:
    refused(run("plan", *pair, "--sync", "none.json"), "No such file", "stabilizer sync VIDEO LOG")
    refused(run("plan", *pair, "--delay", "nan"), "delay: expected a finite number")
