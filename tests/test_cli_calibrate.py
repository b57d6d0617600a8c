"""The command line about calibration: a camera file from a clip and its log."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stabilizer.camera import Camera, given_keys, load_camera, save_camera
from stabilizer.cli.calibrate import save_found
from stabilizer.cli.syncing import warn_of_assumed
from stabilizer.errors import StabilizerError
from stabilizer.simulate import simulate
from stabilizer.sync import ClockSync
from stabilizer.synchronization import Confidence, Synchronization, Verdict
from stabilizer.synchronization.problem import NAMES
from tests.command_line import refused, run

CAMERA = Camera.from_hfov(
    320, 180, np.deg2rad(60), readout_time=0.02, readout_direction="bottom_to_top",
    imu_orientation="yxz",
)  # fmt: skip


@pytest.fixture(scope="module")
def stem(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("cli_calibrate") / "clip"
    simulate(path, camera=CAMERA, duration=4, delay=-3.5, crf=4, seed=1, audio=False)
    return path


def test_a_camera_file_comes_of_a_clip_and_its_log(stem, tmp_path) -> None:
    """To what a good calibration must reach, from a focal length that is 10 % off."""
    output = tmp_path / "found.json"
    done = run("calibrate", f"{stem}.mp4", f"{stem}.csv", "-o", output)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"{output}: written\n")
    for words in ("good", "readout", "focal length", "bottom_to_top", "yxz"):
        assert words in done.stdout
    camera = load_camera(output)
    assert camera.fx == pytest.approx(CAMERA.fx, rel=0.015)
    assert camera.readout_time == pytest.approx(CAMERA.readout_time, abs=5e-4)
    assert camera.readout_direction == CAMERA.readout_direction
    assert camera.imu_orientation == "yxz"
    np.testing.assert_allclose(camera.R_body_cam, np.eye(3), atol=0.01)
    errors = json.loads(output.read_text())["standard_errors"]
    assert errors.keys() == {"fx", "fy", "readout_time", "R_body_cam"}
    assert 0 < errors["fx"] < 0.015 * CAMERA.fx
    assert 0 < errors["readout_time"] < 5e-4
    assert len(errors["R_body_cam"]) == 3


def test_what_is_given_stays(stem, tmp_path) -> None:
    """The lens of a board's calibration, of which the clip tells readout and axes."""
    given, output = tmp_path / "lens.json", tmp_path / "camera.json"
    keys = ["readout_time", "readout_direction", "imu_orientation"]
    save_camera(CAMERA, given, unknown=keys)
    done = run("calibrate", f"{stem}.mp4", f"{stem}.csv", "--camera", given, "-o", output)
    assert done.returncode == 0, done.stderr
    assert load_camera(output).fx == CAMERA.fx
    assert {*keys} <= given_keys(output)
    assert json.loads(output.read_text())["standard_errors"].keys() == {
        "readout_time",
        "R_body_cam",
    }


def test_what_the_clip_does_not_tell_is_left_out(tmp_path, caplog) -> None:
    found = Synchronization(
        sync=ClockSync(),
        camera=CAMERA,
        drift=np.zeros(3),
        verdict=Verdict(Confidence.GOOD, ()),
        errors=dict.fromkeys(NAMES, 0.01),
        kept=("readout_time",),
        coarse=None,
        fine=None,
        rates=None,
    )
    save_found(found, tmp_path / "camera.json")
    assert not {"readout_time", "readout_direction"} & given_keys(tmp_path / "camera.json")
    content = json.loads((tmp_path / "camera.json").read_text())
    assert content["fx"] == CAMERA.fx
    assert content["standard_errors"].keys() == {"fx", "fy", "R_body_cam"}
    found = replace(found, kept=("focal", "readout_time"))
    with pytest.raises(StabilizerError, match="does not tell the focal length; give --hfov"):
        save_found(found, tmp_path / "assumed.json")
    assert not (tmp_path / "assumed.json").exists()
    warn_of_assumed(found)
    assert [record.getMessage() for record in caplog.records] == [
        f"the clip does not tell the {what}, which is taken as assumed"
        for what in ("focal length", "readout time")
    ]


def test_a_wrong_log_gives_no_camera(stem, tmp_path) -> None:
    other = tmp_path / "other.csv"
    lines = Path(f"{stem}.csv").read_text().splitlines()
    other.write_text("\n".join(lines[:200]))
    done = run("calibrate", f"{stem}.mp4", other, "-o", tmp_path / "camera.json")
    assert done.returncode == 3
    assert "failed" in done.stdout
    assert "cannot be synchronized: the log is only" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["other.csv"]


def test_wrong_calls_are_refused(stem, tmp_path) -> None:
    pair, there = [f"{stem}.mp4", f"{stem}.csv"], tmp_path / "there.json"
    there.write_text("old")
    refused(run("calibrate", *pair), "Missing option", "--output")
    refused(run("calibrate", *pair, "-o", there), "exists already")
    refused(run("calibrate", *pair, "-o", tmp_path / "a.yaml"), "expected a name ending in .json")
    call = ["calibrate", *pair, "--camera", there, "-o", there, "--overwrite"]
    refused(run(*call), "is an input too")
    assert there.read_text() == "old"
