"""The command line about camera files: any format, the mode that fits, what is told of it."""

import json
from pathlib import Path

import pytest

from stabilizer.camera import load_camera
from stabilizer.plan_file import load_plan
from tests.command_line import made_clip, refused, run, run_alone

CAMERAS = Path(__file__).parents[1] / "samples" / "cameras"


@pytest.fixture(scope="module")
def stem(tmp_path_factory) -> Path:
    return made_clip(tmp_path_factory.mktemp("cli_camera") / "clip")


KALIBR = """
{name}:
  camera_model: pinhole
  intrinsics: [{focal}, {focal}, 79.5, 59.5]
  distortion_model: none
  distortion_coeffs: []
  resolution: [160, 120]
  T_cam_imu: [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
  timeshift_cam_imu: -0.25
"""


def planned(stem: Path, kept: Path, *options: object):
    return run("plan", f"{stem}.mp4", f"{stem}.csv", *options, "--save-plan", kept)


def test_kalibrs_time_shift_is_the_delay_without_a_synchronization(stem, tmp_path, caplog) -> None:
    path, kept = tmp_path / "camchain.yaml", tmp_path / "plan.npz"
    path.write_text(KALIBR.format(name="cam0", focal=138.5))
    done = planned(stem, kept, "--camera", path, "--no-sync", "--readout", 0.02)
    assert done.returncode == 0, done.stderr
    shifted = load_plan(kept)
    assert (
        planned(
            stem, kept, "--camera", path, "--delay=-0.25", "--readout", 0.02, "--overwrite"
        ).returncode
        == 0
    )
    assert (load_plan(kept).measured.t == shifted.measured.t).all()
    assert "no --readout" not in caplog.text
    assert planned(stem, kept, "--camera", path, "--no-sync", "--overwrite").returncode == 0
    assert "no --readout is given" in caplog.text  # nor does the file tell it


def test_one_of_several_cameras_is_chosen_by_name(stem, tmp_path) -> None:
    path, kept = tmp_path / "camchain.yaml", tmp_path / "plan.npz"
    both = [KALIBR.format(name="cam0", focal=138.5), KALIBR.format(name="cam1", focal=150)]
    path.write_text("".join(both))
    options = ["--camera", path, "--no-sync", "--readout", 0.02]
    refused(planned(stem, kept, *options), "cam0, cam1; choose one by --camera-mode")
    done = planned(stem, kept, *options, "--camera-mode", "cam1")
    assert done.returncode == 0, done.stderr
    assert load_plan(kept).camera.fx == 150
    done = planned(stem, kept, "--hfov", 60, "--no-sync", "--camera-mode", "cam1", "--overwrite")
    refused(done, "--camera-mode chooses from a --camera file")


def test_a_profile_for_another_aspect_ratio_is_refused(stem, tmp_path) -> None:
    path = CAMERAS / "gyroflow.json"
    done = planned(stem, tmp_path / "plan.npz", "--camera", path, "--no-sync")
    refused(done, "the video is 160x120", "another crop of the sensor")


def test_what_a_camera_file_was_recognised_as_is_said(stem) -> None:
    options = ["--camera", CAMERAS / "ros.yaml", "--delay=-0.25", "--readout", 0.02]
    done = run_alone("-v", "plan", f"{stem}.mp4", f"{stem}.csv", *options)
    assert done.returncode == 0, done.stderr
    assert "ros.yaml: ROS camera_info 'head_camera', mode 640x480" in done.stderr


@pytest.mark.parametrize("file", sorted(CAMERAS.iterdir()), ids=lambda p: p.name)
def test_info_tells_what_was_understood(file) -> None:
    facts = json.loads(run("info", file, "--json").stdout)
    camera = load_camera(file)
    assert facts["kind"] == "camera"
    assert facts["fx_px"] == camera.fx and facts["lens"] == camera.lens.name
    assert 30 < facts["horizontal_view_deg"] < facts["diagonal_view_deg"] < 130
    assert ("readout_time_s" in facts) == (file.name == "gyroflow.json")
    shown = run("info", file).stdout
    assert facts["format"] in shown and "fx px" in shown


def test_info_tells_of_a_lens_that_ends_inside_and_of_modes_that_cannot_be_used(tmp_path) -> None:
    profile = json.loads((CAMERAS / "gyroflow.json").read_text())
    profile["fisheye_params"]["distortion_coeffs"] = [-0.5, 0.0, 0.0, 0.0]
    profile["compatible_settings"] = [
        {"width": 1280, "height": 720, "identifier": "super", "digital_lens": "gopro_superview"}
    ]
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(profile))
    facts = json.loads(run("info", path, "--json").stdout)
    assert facts["diagonal_view_deg"] == "the lens ends inside the picture"
    assert facts["modes"]["super"].endswith("not usable")
    assert "gopro_superview" in facts["not_usable"][0]


def test_a_broken_camera_file_is_one_line(tmp_path) -> None:
    path = tmp_path / "camera.yaml"
    path.write_text("camera_matrix: [1, 2]\nimage_width: 3\nimage_height: 3\n")
    refused(run("info", path), f"{path}: OpenCV calibration: camera_matrix: expected 3x3")
