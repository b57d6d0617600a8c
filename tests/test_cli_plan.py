"""The command line about plans: made, kept, told, drawn, and rendered from."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gyro_data
from gyro_data import MapAxes, SubtractDrift
from stabilizer.camera import load_camera
from stabilizer.pipeline import plan_video
from stabilizer.plan_file import load_plan
from stabilizer.sync import ClockSync
from stabilizer.video import VideoReader, probe
from tests.command_line import files, made_clip, refused, run

SYNC = ["--delay=-0.25", "--drift=-0.01,0.02,0"]
LOSSLESS = ["--crf", 0]
"""At pictures as small as these x264 does not always code the same frames alike."""


@pytest.fixture(scope="module")
def stem(tmp_path_factory) -> Path:
    return made_clip(tmp_path_factory.mktemp("cli_plan") / "clip")


@pytest.fixture(scope="module")
def kept(stem, tmp_path_factory) -> Path:
    """A plan of the clip, made by the program."""
    path = tmp_path_factory.mktemp("kept") / "plan.npz"
    done = run("plan", *files(stem), *SYNC, "--save-plan", path)
    assert done.returncode == 0, done.stderr
    return path


def pictures(path: Path) -> list[np.ndarray]:
    with VideoReader(path) as reader:
        return [plane.copy() for frame in reader for plane in frame.planes]


def test_a_plan_is_told_and_no_video_written(stem, tmp_path) -> None:
    done = run("plan", *files(stem), *SYNC)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{stem}.mp4: planned, 20 frames, mean zoom 1.")
    assert "largest 1." in done.stdout
    assert "worst border margin" in done.stdout
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_a_plan_is_kept_told_and_drawn(stem, tmp_path) -> None:
    pytest.importorskip("matplotlib")
    names = {"--save-plan": "plan.npz", "--motion": "motion.csv", "--plot": "plot.png"}
    outputs = {option: tmp_path / name for option, name in names.items()}
    options = [word for pair in outputs.items() for word in pair]
    done = run("plan", *files(stem), *SYNC, *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == [f"{path}: written" for path in outputs.values()]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(names.values())
    plan = load_plan(outputs["--save-plan"])
    table = pd.read_csv(outputs["--motion"])
    np.testing.assert_allclose(table["time"], probe(f"{stem}.mp4").frame_times, atol=1e-12)
    np.testing.assert_allclose(table["zoom"], plan.zoom, rtol=1e-12)
    assert outputs["--plot"].read_bytes().startswith(b"\x89PNG")


def test_a_kept_plan_is_the_librarys(stem, kept) -> None:
    made = plan_video(
        f"{stem}.mp4",
        f"{stem}.csv",
        camera=f"{stem}.camera.json",
        sync=ClockSync(-0.25),
        drift=(-0.01, 0.02, 0),
    )
    loaded = load_plan(kept)
    for t in made.frame_times[::7]:
        np.testing.assert_array_equal(loaded.warp_grid(t).src_xy, made.warp_grid(t).src_xy)


def test_a_video_of_a_kept_plan_is_the_same(stem, kept, tmp_path) -> None:
    direct, by_plan = tmp_path / "direct.mp4", tmp_path / "by_plan.mp4"
    assert run("stabilize", *files(stem), *SYNC, *LOSSLESS, "-o", direct).returncode == 0
    done = run("stabilize", f"{stem}.mp4", "--plan", kept, *LOSSLESS, "-o", by_plan)
    assert done.returncode == 0, done.stderr
    assert "20 frames, mean zoom 1." in done.stdout
    for a, b in zip(pictures(direct), pictures(by_plan), strict=True):
        np.testing.assert_array_equal(a, b)


def test_stabilize_keeps_and_tells_its_plan_too(stem, tmp_path) -> None:
    part = ["--start", 0.2, "--end", 0.6]
    outputs = [tmp_path / "a.mp4", tmp_path / "plan.npz", tmp_path / "motion.csv"]
    done = run(
        "stabilize", *files(stem), *SYNC, *part, *LOSSLESS, "-o", outputs[0],
        "--save-plan", outputs[1], "--motion", outputs[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == [f"{path}: written" for path in outputs[1:]]
    assert len(load_plan(outputs[1]).frame_times) == len(pd.read_csv(outputs[2])) == 8
    by_plan = ["--plan", outputs[1], *LOSSLESS, "-o", tmp_path / "b.mp4"]
    again = run("stabilize", f"{stem}.mp4", *by_plan)
    assert "8 frames" in again.stdout, again.stderr
    for a, b in zip(pictures(outputs[0]), pictures(tmp_path / "b.mp4"), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("smoother", ["optimal", "cinematic", "fixed"])
def test_modes_are_what_they_say(stem, smoother, tmp_path) -> None:
    """One zoom with --zoom fixed, the given one with a factor, the mean asked for with --crop."""

    def zoom(*options: object) -> np.ndarray:
        path = tmp_path / "plan.npz"
        asked = ["--smoother", smoother, "--save-plan", path, "--overwrite", *options]
        done = run("plan", *files(stem), *SYNC, *asked)
        assert done.returncode == 0, done.stderr
        return load_plan(path).zoom

    assert np.ptp(zoom("--zoom", "fixed")) == 0
    assert (zoom("--zoom", 1.25) == 1.25).all()
    # the search for it stops at 1e-3, and frames that need more get more
    assert zoom("--crop", 1.12).mean() == pytest.approx(1.12, abs=0.005)


def test_weights_and_smoothness_reach_the_smoother(stem) -> None:
    motions = {
        run("plan", *files(stem), *SYNC, *options).stdout
        for options in ([], ["--smoothness", 0.1], ["--weights", "1,1,1000"], ["--max-zoom", 1.12])
    }
    assert len(motions) == 4
    assert sum("(the limit)" in text for text in motions) >= 1


def test_the_horizon_is_kept_level(stem, tmp_path) -> None:
    """A camera held 3 degrees askew films level if the log has an accelerometer."""
    pytest.importorskip("vqf")
    log = gyro_data.read(f"{stem}.csv")
    upright = MapAxes("yXz")(SubtractDrift(np.array([-0.01, 0.02, 0.0]))(log))
    up = np.array([np.sin(np.radians(3)), -np.cos(np.radians(3)), 0.0])
    x, y, z = 9.81 * gyro_data.integrate(upright).R_world_body.inv().apply(up).T
    accel = np.stack([y, -x, -z])  # yXz: the camera's x is fed by -y, its y by x, its z by -z
    table = pd.DataFrame(np.column_stack([log.t, log.gyro, accel.T]))
    table.columns = ["t", "gx", "gy", "gz", "ax", "ay", "az"]
    table.to_csv(tmp_path / "log.csv", index=False)
    call = ["plan", f"{stem}.mp4", tmp_path / "log.csv", *files(stem)[2:], *SYNC, "--overwrite"]

    def tilt_deg(*options: str) -> float:
        done = run(*call, "--save-plan", tmp_path / "plan.npz", *options)
        assert done.returncode == 0, done.stderr
        up_virtual = load_plan(tmp_path / "plan.npz").virtual.R_world_cam.inv().apply(up)
        return float(np.degrees(np.abs(up_virtual[:, 0]).max()))

    assert tilt_deg() > 2
    assert tilt_deg("--horizon") < 0.5


def test_frames_without_motion_are_told(stem, tmp_path) -> None:
    late = ["--delay=1.3", "--drift=-0.01,0.02,0"]  # the log ends at 1.7 s of its time
    done = run("plan", *files(stem), *late)
    assert done.returncode == 0, done.stderr
    assert "11 frames without motion data, where the picture is unstabilized" in done.stdout


def test_what_a_plan_makes_unneeded_is_refused(stem, kept, tmp_path) -> None:
    video, log, *camera = files(stem)
    output = ["-o", tmp_path / "a.mp4"]
    by_plan = ["stabilize", video, "--plan", kept, *output]
    refused(run(*by_plan, *camera), "plan.npz", "leave out --camera")
    refused(run(*by_plan, "--delay", 1, "--smoother", "none"), "leave out --delay, --smoother")
    refused(run("stabilize", video, log, "--plan", kept, *output), "leave out LOG")
    alone = shutil.copy(video, tmp_path / "alone.mp4")
    refused(run("stabilize", alone, *camera, *output), "give its gyro log")
    os.unlink(alone)
    refused(run("stabilize", video, "--plan", "none.npz", *output), "none.npz")
    refused(run("stabilize", video, "--plan", log, *output), "not a plan that can be used")
    refused(run("plan"), "Missing argument")
    assert list(tmp_path.iterdir()) == []


def test_a_plan_of_another_video_is_refused(stem, kept, tmp_path) -> None:
    other = made_clip(tmp_path / "other", "--size", "192x120")
    output = tmp_path / "a.mp4"
    refused(run("stabilize", f"{other}.mp4", "--plan", kept, "-o", output), "another video")
    assert not output.exists()


@pytest.mark.parametrize("command", ["plan", "stabilize"])
def test_files_of_a_plan_are_checked_before_the_work(stem, kept, tmp_path, command) -> None:
    there = {name: tmp_path / name for name in ("plan.npz", "motion.csv", "plot.png")}
    for path in there.values():
        path.write_text("old")
    call = [command, *files(stem), *SYNC]
    if command == "stabilize":
        call += ["-o", tmp_path / "a.mp4"]
    for option, path in zip(("--save-plan", "--motion", "--plot"), there.values(), strict=True):
        refused(run(*call, option, path), path.name, "exists already")
        refused(run(*call, option, tmp_path / "a.xyz"), "a.xyz", path.suffix)
        refused(run(*call, option, tmp_path / "no" / path.name), "there is no folder")
    refused(run(*call, "--motion", f"{stem}.csv", "--overwrite"), "is an input too")
    refused(run(*call, "--motion", tmp_path / "b.csv", "--delay", 1000), "covers no frame")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(there)
    assert {path.read_text() for path in there.values()} == {"old"}


def test_a_plan_is_not_overwritten_by_itself(stem, kept, tmp_path) -> None:
    before = kept.read_bytes()
    call = ["stabilize", f"{stem}.mp4", "--plan", kept, "-o", tmp_path / "a.mp4"]
    refused(run(*call, "--save-plan", kept, "--overwrite"), "is an input too")
    assert kept.read_bytes() == before


def test_a_dry_run_writes_no_files_of_a_plan(stem, tmp_path) -> None:
    call = ["stabilize", *files(stem), *SYNC, "-o", tmp_path / "a.mp4", "--dry-run"]
    refused(run(*call, "--save-plan", tmp_path / "p.npz"), "--dry-run writes nothing")
    assert list(tmp_path.iterdir()) == []


def test_the_camera_of_the_plan_is_the_one_given(stem, kept) -> None:
    camera, given = load_plan(kept).camera, load_camera(f"{stem}.camera.json")
    assert (camera.fx, camera.readout_time) == (given.fx, given.readout_time)
    assert json.loads(np.load(kept)["plan.json"])["camera"]["imu_orientation"] == "yXz"
