"""Camera files of every format: what a sample says, what is refused, what nobody can break."""

import json
import logging
import random
import re
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from stabilizer.camera import Camera, given_keys, is_camera, load_camera, read_camera
from stabilizer.camera.formats import CAMERA_READERS
from stabilizer.errors import StabilizerError
from stabilizer.facts import camera_facts
from stabilizer.lens import Fisheye, OpenCV, Pinhole

SAMPLES = Path(__file__).parents[1] / "samples"
FILES = {
    "Gyroflow lens profile": ["cameras/gyroflow.json"],
    "Kalibr camera chain": ["cameras/kalibr.yaml"],
    "ROS camera_info": ["cameras/ros.yaml"],
    "OpenCV calibration": ["cameras/opencv.yml", "cameras/opencv.json"],
    "camera file": ["walk.camera.json", "gopro_karma.camera.json"],
}
"""A sample, or more, of each format."""

every_sample = pytest.mark.parametrize(
    ("name", "file"), [(name, file) for name, files in FILES.items() for file in files]
)


def test_every_reader_has_a_sample() -> None:
    assert [reader.name for reader in CAMERA_READERS] == list(FILES)


@every_sample
def test_a_sample_is_recognised_by_one_reader_and_gives_a_camera(name, file, caplog) -> None:
    path = SAMPLES / file
    assert is_camera(path)
    read = read_camera(path)
    assert read.format == name
    assert {"width", "height", "fx", "fy"} <= given_keys(path)
    with caplog.at_level(logging.INFO):
        camera = load_camera(path)
    assert name in caplog.text  # what it was recognised as is said
    scaled = load_camera(path, width=2 * camera.width, height=2 * camera.height)
    assert scaled.fx == pytest.approx(2 * camera.fx)
    border = np.array([[0.0, 0.0], [camera.width - 1.0, camera.height - 1.0]])
    assert np.isfinite(camera.unproject(border)).all()


@every_sample
def test_no_damage_to_a_sample_gives_anything_but_one_line(name, file, tmp_path) -> None:
    """Cut, swapped, repeated and overwritten bytes: a camera, or a StabilizerError, and soon."""
    content, rng = (SAMPLES / file).read_bytes(), random.Random(file)
    path = tmp_path / Path(file).name
    began, refused = time.process_time(), 0
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(rng.choice([1, 3, 30])):
            a, b = sorted(rng.randrange(len(damaged)) for _ in range(2))
            b = min(b, a + 40)
            damaged[a:b] = rng.choice(
                [b"", rng.randbytes(b - a), damaged[a:b] * 3, b"1e999", b"-0", b"[", b"null", b"{:"]
            )
            if not damaged:
                break
        path.write_bytes(bytes(damaged))
        try:
            load_camera(path, width=1280, height=720, frame_rate=30.0)
        except StabilizerError as error:
            refused += 1
            assert str(path) in str(error) and "\n" not in str(error) and len(str(error)) < 1000
    assert refused > 20
    assert time.process_time() - began < 60


EXTREMES = ("1e300", "-1e300", "1e150", "1e-300", "5e-324", "1e6", "-1e6", "1e-3", "0.0", ".nan")


@pytest.mark.filterwarnings("error")
@every_sample
def test_no_number_of_a_sample_gives_a_warning(name, file, tmp_path) -> None:
    """Where it was not refused, what `info` tells of it is told in silence too."""
    content, rng = (SAMPLES / file).read_text(), random.Random(file)
    numbers = [found.span() for found in re.finditer(r"-?\d+(\.\d+)?(e[-+]?\d+)?", content)]
    path, refused = tmp_path / Path(file).name, 0
    for _ in range(150):
        changed = content
        for start, end in sorted(rng.sample(numbers, rng.choice([1, 2, 4])), reverse=True):
            changed = changed[:start] + rng.choice(EXTREMES) + changed[end:]
        path.write_text(changed.replace(".nan", "NaN") if path.suffix == ".json" else changed)
        try:
            camera_facts(read_camera(path))
        except StabilizerError as error:
            refused += 1
            assert str(path) in str(error) and "\n" not in str(error)
    assert refused > 20


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("model", [{"lens": "opencv"}, {"lens": "fisheye"}])
def test_coefficients_that_no_lens_has_are_refused(tmp_path, model) -> None:
    own = {"width": 640, "height": 480, "fx": 500, "fy": 500, "coeffs": [1e300] * 4} | model
    theirs = opencv(
        distortion_coefficients=[1e300] * 4, fisheye_model=int(model["lens"] == "fisheye")
    )
    for content in (own, theirs):
        with pytest.raises(
            StabilizerError, match=r"coeffs\[0\]: expected .* <= 1e\+06, got 1e\+300"
        ):
            read_camera(written(tmp_path / "a.json", content))


def test_a_number_of_many_digits_is_named(tmp_path) -> None:
    fields = {"width": 640, "height": 480, "fy": 500}
    for digits in (400, 4000):
        with pytest.raises(StabilizerError, match=r"fx: expected a finite number .*, got inf"):
            read_camera(written(tmp_path / "a.json", fields | {"fx": 10**digits}))
    with pytest.raises(StabilizerError, match=r"fx: expected a finite number .*, got inf"):
        read_camera(
            written(tmp_path / "a.yaml", "width: 640\nheight: 480\nfy: 500\nfx: 1" + "0" * 400)
        )


def written(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


# OpenCV


@pytest.mark.parametrize("suffix", ["yml", "json"])
@pytest.mark.parametrize("shape", [(1, -1), (-1, 1), (-1,)])
@pytest.mark.parametrize("count", [5, 8, 12, 14])
def test_what_opencv_writes_projects_as_opencv_does(tmp_path, suffix, shape, count) -> None:
    coeffs = np.random.default_rng(count).normal(0, 0.01, count)
    K = np.array([[900.0, 0, 650.3], [0, 880.0, 350.1], [0, 0, 1]])
    storage = cv2.FileStorage(str(tmp_path / f"a.{suffix}"), cv2.FILE_STORAGE_WRITE)
    storage.write("image_width", 1280)
    storage.write("image_height", 720)
    storage.write("camera_matrix", K)
    storage.write("distortion_coefficients", coeffs.reshape(shape))
    storage.release()
    camera = load_camera(tmp_path / f"a.{suffix}")
    rays = np.random.default_rng(1).normal(size=(40, 3)) * 0.2 + (0, 0, 1)
    expected, _ = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), K, coeffs)
    np.testing.assert_allclose(camera.project(rays), expected[:, 0], atol=1e-8)


OPENCV = {
    "image_width": 1280,
    "image_height": 720,
    "camera_matrix": {"rows": 3, "cols": 3, "data": [900, 0, 640, 0, 900, 360, 0, 0, 1]},
}


def opencv(**changes: object) -> dict:
    return {k: v for k, v in (OPENCV | changes).items() if v is not None}


@pytest.mark.parametrize(
    ("content", "lens"),
    [
        (opencv(), Pinhole()),
        (opencv(D=[0, 0, 0, 0, 0]), Pinhole()),
        (opencv(D=[[0.1, 0.2, 0.0, 0.0, 0.1]]), OpenCV((0.1, 0.2, 0.0, 0.0, 0.1))),
        (opencv(fisheye_model=1, D=[0.1, 0.2, 0.3, 0.4]), Fisheye((0.1, 0.2, 0.3, 0.4))),
        (opencv(fisheye_model=0, D=[0.1, 0.2, 0.3, 0.4]), OpenCV((0.1, 0.2, 0.3, 0.4))),
        (opencv(camera_model="fisheye", D=[0.1, 0, 0, 0]), Fisheye((0.1, 0.0, 0.0, 0.0))),
        (opencv(fisheye_D=1, dist=[0.1, 0, 0, 0]), Fisheye((0.1, 0.0, 0.0, 0.0))),
    ],
)
def test_the_model_of_an_opencv_file_is_the_one_it_says(tmp_path, content, lens) -> None:
    assert load_camera(written(tmp_path / "a.json", content)).lens == lens


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (opencv(D=[0.1, 0.2, 0.3, 0.4]), "write fisheye_model: 0 or 1 into the file"),
        (opencv(image_width=None), "write image_width and image_height into the file"),
        (opencv(image_width=10**9), "width: expected a finite number >= 2 and <= 32766"),
        (opencv(image_width=1280.5), "image_width: expected a whole number"),
        (opencv(image_size=[1], image_width=None), "expected width and height, got 1"),
        (opencv(camera_matrix=None, M1=[1]), "a pair of cameras"),
        (opencv(camera_matrix=[1, 2]), "camera_matrix: expected 3x3 numbers, got 2"),
        (opencv(camera_matrix=[[1, 2, 3], [4, 5, 6], [7, 8, 9]]), "expected fx 0 cx; 0 fy cy"),
        (opencv(camera_matrix={"rows": 9, "cols": 9, "data": [1]}), "expected 81 numbers, got 1"),
        (opencv(D=[0.1] * 15), "D: expected at most 14 numbers, got 15"),
        (opencv(D=[0.1] * 6), "opencv lens: expected 4 or 5 or 8 or 12 or 14 coefficients"),
        (opencv(D=["x"] * 5), "D[0]: expected a number, got 'x'"),
        (opencv(camera_model="omni", D=[0.1] * 5), "got 'omni'"),
    ],
)
def test_an_opencv_file_that_does_not_tell_is_refused(tmp_path, content, message) -> None:
    with pytest.raises(StabilizerError) as caught:
        load_camera(written(tmp_path / "a.json", content))
    assert message in str(caught.value) and "a.json: OpenCV calibration: " in str(caught.value)


# ROS


def test_a_ros_message_is_read_as_its_file_is(tmp_path) -> None:
    message = """
header:
  frame_id: camera
height: 480
width: 640
distortion_model: plumb_bob
d: [-0.265, -0.0467, 0.00183, -0.000315, 0.252]
k: [536.1, 0.0, 342.4, 0.0, 536.0, 235.5, 0.0, 0.0, 1.0]
binning_x: 0
roi: {x_offset: 0, y_offset: 0, height: 0, width: 0, do_rectify: false}
---
height: 1
"""
    echoed = load_camera(written(tmp_path / "echo.yaml", message))
    saved = load_camera(SAMPLES / "cameras/ros.yaml")
    assert saved.lens == OpenCV((-0.265, -0.0467, 0.00183, -0.000315, 0.252))
    for name in ("width", "height", "fx", "fy", "cx", "cy", "lens"):
        assert getattr(echoed, name) == getattr(saved, name)
    binned = message.replace("binning_x: 0", "binning_x: 2")
    with pytest.raises(StabilizerError, match="binning_x: expected 0 or 1, got 2"):
        load_camera(written(tmp_path / "binned.yaml", binned))
    cut = message.replace("x_offset: 0", "x_offset: 8")
    with pytest.raises(StabilizerError, match="roi x_offset: expected 0, got 8"):
        load_camera(written(tmp_path / "cut.yaml", cut))
    fisheye = message.replace("plumb_bob", "equidistant").replace(", 0.252", "")
    coeffs = (-0.265, -0.0467, 0.00183, -0.000315)
    assert load_camera(written(tmp_path / "fisheye.yaml", fisheye)).lens == Fisheye(coeffs)
    with pytest.raises(StabilizerError, match=r"distortion_model: .*got 'double_sphere'"):
        load_camera(written(tmp_path / "ds.yaml", message.replace("plumb_bob", "double_sphere")))


# Kalibr


def test_a_kalibr_chain_tells_mounting_and_time_shift() -> None:
    path = SAMPLES / "cameras/kalibr.yaml"
    mode = read_camera(path).chosen()
    assert mode.camera.lens == Fisheye((-0.0067, 0.0161, -0.0123, 0.0031))
    assert mode.delay == -0.00812  # t_imu = t_cam + shift
    assert {"R_body_cam", "imu_orientation"} <= given_keys(path)
    # T_cam_imu takes the sensor's y to the camera's x
    np.testing.assert_allclose(mode.camera.R_body_cam.T @ [0.0, 1.0, 0.0], [1.0, 0.0, 0.0])


def test_of_several_kalibr_cameras_one_has_to_be_named(tmp_path) -> None:
    text = (SAMPLES / "cameras/kalibr.yaml").read_text()
    second = text.replace("cam0:", "cam1:").replace("461.6", "480.0")
    path = written(tmp_path / "chain.yaml", text + second)
    with pytest.raises(StabilizerError, match=r"cam0, cam1; choose one by --camera-mode"):
        load_camera(path)
    assert load_camera(path, mode="cam1").fx == 480.0
    assert load_camera(path, mode="cam0", width=376, height=240).fx == pytest.approx(230.8)
    with pytest.raises(StabilizerError, match=r"no mode is called 'cam7'; known: cam0, cam1"):
        load_camera(path, mode="cam7")
    omni = second.replace("camera_model: pinhole", "camera_model: omni")
    path = written(tmp_path / "omni.yaml", omni)
    with pytest.raises(StabilizerError, match=r"cam1: camera_model 'omni' is not known"):
        load_camera(path)


# Gyroflow


PROFILE = {
    "calibrator_version": "1.5.4",
    "calib_dimension": {"w": 2000, "h": 1000},
    "orig_dimension": {"w": 2000, "h": 1000},
    "fps": 30.0,
    "fisheye_params": {
        "camera_matrix": [[1000.0, 0, 900.0], [0, 1010.0, 480.0], [0, 0, 1]],
        "distortion_coeffs": [0.1, 0.02, -0.03, 0.004],
    },
}


def profile(tmp_path: Path, *settings: dict, **changes: object) -> Path:
    return written(tmp_path / "a.json", PROFILE | changes | {"compatible_settings": settings})


def test_a_profile_has_its_principal_point_in_the_centre_unless_asymmetrical(tmp_path) -> None:
    camera = load_camera(profile(tmp_path))
    assert (camera.fx, camera.fy) == (1000.0, 1010.0)
    assert (camera.cx, camera.cy) == (999.5, 499.5)
    assert camera.lens == Fisheye((0.1, 0.02, -0.03, 0.004))
    camera = load_camera(profile(tmp_path, asymmetrical=True))
    assert (camera.cx, camera.cy) == (900.0, 480.0)
    half = load_camera(tmp_path / "a.json", width=1000, height=500)
    assert (half.cx, half.cy) == (pytest.approx(449.75), pytest.approx(239.75))


@pytest.mark.parametrize(
    ("changes", "time", "direction"),
    [
        ({"frame_readout_time": 17.0}, 0.017, "top_to_bottom"),
        ({"frame_readout_time": -17.0}, 0.017, "bottom_to_top"),
        (
            {"frame_readout_time": 17.0, "frame_readout_direction": "RightToLeft"},
            0.017,
            "right_to_left",
        ),
        (
            {"frame_readout_time": -17.0, "frame_readout_direction": "BottomToTop"},
            0.017,
            "bottom_to_top",
        ),
        ({"global_shutter": True}, 0.0, "top_to_bottom"),
    ],
)
def test_readout_time_and_direction_of_a_profile(tmp_path, changes, time, direction) -> None:
    path = profile(tmp_path, **changes)
    camera = load_camera(path)
    assert camera.readout_time == pytest.approx(time)
    assert camera.readout_direction == direction
    assert "readout_time" in given_keys(path)


@pytest.mark.parametrize("untold", [None, 0, 0.0])
def test_a_profile_without_a_readout_time_leaves_it_to_the_clip(tmp_path, untold) -> None:
    path = profile(tmp_path, frame_readout_time=untold)
    assert load_camera(path).readout_time == 0
    assert not {"readout_time", "imu_orientation"} & given_keys(path)


def test_stretch_is_undone_and_crop_divides_the_focal_length(tmp_path) -> None:
    """An anamorphic lens: the 1500 px of the video were stretched to 2000 px and calibrated."""
    path = profile(tmp_path, input_horizontal_stretch=4 / 3, input_vertical_stretch=0.0)
    camera = load_camera(path, width=1500, height=1000)
    assert (camera.width, camera.height) == (1500, 1000)
    assert (camera.fx, camera.fy) == (pytest.approx(750.0), 1010.0)
    assert camera.cx == 749.5
    camera = load_camera(profile(tmp_path, crop=0.8))
    assert camera.fx == pytest.approx(1250.0)


def test_the_video_chooses_a_mode_by_size_and_then_by_rate(tmp_path, caplog) -> None:
    path = profile(
        tmp_path,
        {"width": 1000, "height": 500, "fps": 30.0, "frame_readout_time": 20.0},
        {"width": 1000, "height": 500, "fps": 60.0, "frame_readout_time": 10.0},
        {"width": 1200, "height": 900, "fps": 30.0, "identifier": "cropped"},
        {"width": 1000, "height": 500, "fps": 60.0, "crop": 0.5, "identifier": "close"},
        frame_readout_time=25.0,
    )
    size = {"width": 1000, "height": 500}
    assert load_camera(path, **size, frame_rate=30.0).readout_time == 0.02
    assert load_camera(path, **size, frame_rate=29.97).fx == 500.0
    with caplog.at_level(logging.WARNING):
        assert load_camera(path, **size, frame_rate=59.94).readout_time == 0.01
    assert "others that fit differ: close (--camera-mode chooses)" in caplog.text
    assert load_camera(path, **size, mode="close").fx == pytest.approx(1000.0)
    assert load_camera(path, width=2000, height=1000, frame_rate=60.0).readout_time == 0.025
    assert load_camera(path, width=4000, height=2000).fx == 2000.0
    # another aspect ratio is a crop of the sensor: px are as large as calibrated
    cropped = load_camera(path, width=1200, height=900)
    assert (cropped.fx, cropped.cx) == (1000.0, 599.5)
    with pytest.raises(StabilizerError, match=r"2000x1000, 1000x500, 1200x900, the video is 640x"):
        load_camera(path, width=640, height=640)


@pytest.mark.parametrize(
    ("settings", "changes", "message"),
    [
        ([], {"digital_lens": "gopro_superview"}, "the digital lens gopro_superview bends"),
        ([], {"interpolations": {"0": {}}}, "the lens changes while it films"),
        ([], {"distortion_model": "insta360"}, "got 'insta360'"),
        ([], {"calib_dimension": {"w": 0, "h": 10}}, "calib_dimension w: expected a finite number"),
        ([], {"calib_dimension": {"w": 10**9, "h": 5 * 10**8}}, "width: expected a finite number"),
        ([], {"fisheye_params": {}}, "distortion_coeffs: expected a value, got none"),
        ([], {"fisheye_params": 3}, "fisheye_params: expected an object, got 3"),
        ([], {"crop": -1}, "crop: expected a finite number > 0"),
        ([], {"frame_readout_time": 3000}, "readout_time: expected a finite number >= 0 and <= 1"),
        ([], {"frame_readout_direction": "Up", "frame_readout_time": 3}, "got 'Up'"),
        (
            [],
            {"frame_readout_direction": "TopToBottom", "frame_readout_time": -3},
            "no negative time beside 'TopToBottom'",
        ),
        ([3], {}, "compatible_settings: expected objects, got 3"),
        ([{}] * 1001, {}, "compatible_settings: expected a list of at most 1000"),
    ],
)
def test_a_profile_that_cannot_be_used_is_refused(tmp_path, settings, changes, message) -> None:
    with pytest.raises(StabilizerError) as caught:
        load_camera(profile(tmp_path, *settings, **changes))
    assert message in str(caught.value)


def test_a_digital_lens_is_refused_in_its_modes_only(tmp_path) -> None:
    path = profile(
        tmp_path, {"width": 1920, "height": 1080, "digital_lens": "gopro_hyperview"}, note="x"
    )
    assert load_camera(path, width=2000, height=1000).fx == 1000.0
    with pytest.raises(StabilizerError, match="the digital lens gopro_hyperview"):
        load_camera(path, width=1920, height=1080)


def test_the_standard_model_of_a_profile_has_twelve_coefficients(tmp_path) -> None:
    params = PROFILE["fisheye_params"] | {"distortion_coeffs": [0.1, 0.02, 0.001, 0.002, 0.03]}
    camera = load_camera(
        profile(tmp_path, fisheye_params=params, distortion_model="opencv_standard")
    )
    assert camera.lens == OpenCV((0.1, 0.02, 0.001, 0.002, 0.03, *[0.0] * 7))


def test_a_real_profile_is_what_its_file_says() -> None:
    """GoPro HERO5 Black, linear: the numbers are read off the file by eye."""
    camera = load_camera(
        SAMPLES / "cameras/gyroflow.json", width=1920, height=1080, frame_rate=25.0
    )
    assert camera.fx == pytest.approx(1465.5676 * 1920 / 2704)
    assert camera.readout_time == pytest.approx(0.032)  # of its 1920x1080 at 25 fps
    assert camera.cx == 959.5


@pytest.mark.parametrize(
    ("name", "focal_xy", "readout", "half_angle_deg"),
    [  # fx, fy: read off the file; the angle: OpenCV's of the middle of the right edge
        ("gopro_hero11_wide_16by9", (1796.3208206894308, 1797.22277342282), None, 57.8),
        ("phone_iphone11_wide_4k30", (3228.012527089488, 3230.1754935693166), None, 30.2),
        ("phone_pixel4a_1080p30", (1818.0217102123008, 1816.16535068784), None, 27.5),
        (
            "phone_xiaomi_mi10t_uw_with_readout",
            (1742.4338542410717, 1740.4927420357849),
            0.017054746571,
            49.2,
        ),
    ],
)
def test_profiles_of_the_collection(name, focal_xy, readout, half_angle_deg) -> None:
    path = Path(__file__).parent / "lens_profiles" / f"{name}.json"
    content = json.loads(path.read_text())
    camera = load_camera(path)
    assert (camera.fx, camera.fy) == pytest.approx(focal_xy)
    assert ("readout_time" in given_keys(path)) == (readout is not None)
    assert camera.readout_time == pytest.approx(readout or 0.0, abs=1e-10)
    K = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])
    edge = np.array([[[camera.width - 1.0, camera.cy]]])
    coeffs = np.array(content["fisheye_params"]["distortion_coeffs"])
    (((x, _),),) = cv2.fisheye.undistortPoints(edge, K, coeffs)
    ray = camera.unproject(edge[0, 0])
    assert ray[0] / ray[2] == pytest.approx(x, abs=1e-6)
    assert np.rad2deg(np.arctan(x)) == pytest.approx(half_angle_deg, abs=0.1)


def test_every_mode_of_a_superview_profile_is_refused_by_the_name_of_its_lens() -> None:
    path = Path(__file__).parent / "lens_profiles" / "gopro_hero6_superview_digital_lens.json"
    for mode in read_camera(path).modes:
        with pytest.raises(StabilizerError, match="the digital lens gopro6_superview"):
            load_camera(path, width=mode.width, height=mode.height, frame_rate=mode.frame_rate)


# What no file may do


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("%YAML:1.0\n---\na: !!python/object/apply:os.system ['true']\n", "in line"),
        ("a: &a [1, 2]\nb: [*a, *a]\n", "an alias (*) is not taken, write the value out in line 2"),
        ("a: &a {x: 1}\nb: {<<: [*a, *a]}\n", "an alias (*) is not taken"),
        ("<?xml version='1.0'?><opencv_storage/>", "it is XML; save it as YAML or JSON"),
        ("a: " + "[" * 60_000, "it is nested too deeply in line 1"),
        ("a:\n" + "- " * 30_000, "it is nested too deeply in line 2"),
        ("? " * 30_000, "it is nested too deeply in line 1"),
        ("a: 1\n" * 20_000, "it is neither JSON nor YAML of up to 64 kB"),
        ("a: !!opencv-matrix 3\n", "expected an opencv-matrix to be a mapping in line"),
        ("a: " + "9" * 5000 + "\n", "not a camera file"),
        ("just words\n", "not a camera file of a kind that is known"),
        ("a: 2001-99-99\n", "not a camera file"),
        ('{"a": 1' + "0" * 5000 + "}", "not a camera file"),
    ],
)
def test_no_content_runs_or_fills_anything(tmp_path, text, message) -> None:
    path = written(tmp_path / "a.yaml", text)
    began = time.process_time()
    with pytest.raises(StabilizerError) as caught:
        read_camera(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 800
    assert time.process_time() - began < 10
    assert not is_camera(path)


def test_a_text_that_is_no_utf8_is_refused(tmp_path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"a: \xff\xfe\n")
    with pytest.raises(StabilizerError, match="it is no UTF-8 text"):
        read_camera(path)


def test_a_partly_corrected_camera_round_trips(tmp_path) -> None:
    from stabilizer.camera import save_camera
    from stabilizer.lens import corrected

    camera = Camera.from_focal(640, 480, 400.0, lens=corrected(Fisheye((0.1, 0.0, 0.0, 0.0)), 0.4))
    save_camera(camera, tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text())["lens_correction"] == 0.4
    assert load_camera(tmp_path / "a.json").lens == camera.lens
