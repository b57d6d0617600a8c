"""Cameras: intrinsics, row times, files."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from stabilizer.camera import Camera, ReadoutDirection, given_keys, load_camera, save_camera
from stabilizer.errors import StabilizerError
from stabilizer.lens import Fisheye, OpenCV


def test_projection_agrees_with_opencv() -> None:
    camera = Camera(1280, 720, 910.0, 905.0, 630.5, 365.0, OpenCV((-0.2, 0.05, 0.001, 0.0, 0.0)))
    rays = np.random.default_rng(0).normal(size=(50, 3)) * 0.2 + (0, 0, 1)
    K = np.array([[910.0, 0, 630.5], [0, 905.0, 365.0], [0, 0, 1]])
    expected, _ = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), K, np.array(camera.lens.coeffs))
    np.testing.assert_allclose(camera.project(rays), expected[:, 0], atol=1e-9)


def test_hfov_spans_the_whole_width_edge_to_edge() -> None:
    camera = Camera.from_hfov(1280, 720, np.deg2rad(70))
    left, right = camera.unproject(np.array([[-0.5, 359.5], [1279.5, 359.5]]))
    angle = np.arctan2(right[0], right[2]) - np.arctan2(left[0], left[2])
    assert np.rad2deg(angle) == pytest.approx(70)


def test_zoom_narrows_the_view() -> None:
    camera = Camera.from_focal(640, 480, 500.0)
    ray = camera.unproject(np.array([0.0, 0.0]), zoom=2.0)
    np.testing.assert_allclose(ray[:2] / ray[2], [-319.5 / 1000, -239.5 / 1000])


@pytest.mark.parametrize(
    ("direction", "first", "last"),
    [
        ("top_to_bottom", (300, 0), (10, 719)),
        ("bottom_to_top", (300, 719), (10, 0)),
        ("left_to_right", (0, 20), (1279, 500)),
        ("right_to_left", (1279, 20), (0, 500)),
    ],
)
def test_rows_are_read_one_after_the_other(direction, first, last) -> None:
    camera = Camera.from_focal(1280, 720, 900.0, readout_time=0.02, readout_direction=direction)
    n_lines = 720 if "top" in direction else 1280
    begin, end = camera.readout_offset(np.array([first, last], dtype=float))
    assert begin == pytest.approx(-0.01 + 0.01 / n_lines)  # T ((0 + ½) / H − ½)
    assert end == pytest.approx(0.01 - 0.01 / n_lines)
    middle = camera.readout_offset(np.array([(1280 - 1) / 2, (720 - 1) / 2]))
    assert middle == pytest.approx(0)


def test_readout_takes_as_long_whatever_the_resolution() -> None:
    """The well-known script multiplies the readout by the row in pixels."""
    for height in (240, 720, 2160):
        camera = Camera.from_focal(height * 16 // 9, height, 900.0, readout_time=0.02)
        bottom, top = camera.readout_offset(np.array([[5.0, height - 1.0], [5.0, 0.0]]))
        assert bottom - top == pytest.approx(0.02 * (height - 1) / height)


def test_scaling_keeps_every_ray() -> None:
    camera = Camera(1920, 1080, 1400.0, 1390.0, 950.0, 545.0, Fisheye((0.03, 0.0, 0.0, 0.0)))
    half = camera.scaled_to(960, 540)
    xy = np.array([[0.0, 0.0], [1919.0, 1079.0], [300.0, 777.0]])
    # the point at pixel x of the large picture is at (x + ½) / 2 − ½ in the small one
    np.testing.assert_allclose(half.unproject((xy + 0.5) / 2 - 0.5), camera.unproject(xy))


def test_another_aspect_ratio_is_refused() -> None:
    with pytest.raises(StabilizerError, match=r"1920x1080, the video is 1440x1080.*--focal"):
        Camera.from_focal(1920, 1080, 1400.0).scaled_to(1440, 1080)


def test_a_camera_file_round_trips(tmp_path: Path) -> None:
    camera = Camera(
        1280,
        720,
        900.0,
        901.0,
        640.0,
        361.0,
        Fisheye((0.1, 0.2, -0.1, 0.01)),
        0.0159,
        ReadoutDirection.BOTTOM_TO_TOP,
        "yxz",
        np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
    )
    save_camera(camera, tmp_path / "camera.json")
    again = load_camera(tmp_path / "camera.json")
    for name in Camera.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(again, name), getattr(camera, name))


def test_a_short_camera_file_has_its_principal_point_in_the_centre(tmp_path: Path) -> None:
    path = tmp_path / "camera.json"
    path.write_text('{"width": 1280, "height": 720, "fx": 900, "fy": 900}')
    camera = load_camera(path)
    assert (camera.cx, camera.cy) == (639.5, 359.5)
    assert camera.readout_time == 0


GOOD = {"width": 1280, "height": 720, "fx": 900, "fy": 900}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not a camera file of a kind that is known (Gyroflow lens profile, Kalibr"),
        ("[1, 2]", "not a camera file of a kind that is known"),
        ('{"width": 3, ', "not a camera file: Expecting property name"),
        ('{"format": "gyro-stabilizer sync"}', "a sync file, not a camera; give it by --sync"),
        ('{"width": 3}', "misses height, fx, fy"),
        (json.dumps(GOOD | {"focal": 3}), "unknown keys focal"),
        (
            json.dumps(GOOD | {"fx": -1}),
            "fx: expected a finite number >= 0.001 and <= 1e+06, got -1",
        ),
        (json.dumps(GOOD | {"fx": "900"}), "fx: expected a number, got '900'"),
        (json.dumps(GOOD | {"fx": None}), "fx: expected a number, got None"),
        (json.dumps(GOOD | {"fx": float("nan")}), "fx: expected a finite number"),
        (json.dumps(GOOD | {"width": 10**9}), "width: expected a finite number"),
        (json.dumps(GOOD | {"height": 720.5}), "height: expected a whole number"),
        (json.dumps(GOOD | {"lens": "wide"}), "lens: expected one of pinhole, opencv, fisheye"),
        (json.dumps(GOOD | {"lens": ["wide"]}), "lens: expected text"),
        (json.dumps(GOOD | {"coeffs": [1, 2]}), "pinhole lens: expected 0 coefficients, got 2"),
        (json.dumps(GOOD | {"coeffs": 3}), "coeffs: expected a list"),
        (json.dumps(GOOD | {"readout_time": -0.01}), "readout_time: expected a finite number >= 0"),
        (json.dumps(GOOD | {"readout_direction": "up"}), "readout_direction: expected one of"),
        (json.dumps(GOOD | {"imu_orientation": "XXZ"}), "expected x, y and z once each"),
        (json.dumps(GOOD | {"imu_orientation": 3}), "imu_orientation: expected text, got 3"),
        (json.dumps(GOOD | {"R_body_cam": [[1, 0], [0, 1]]}), "R_body_cam: expected shape"),
        (json.dumps(GOOD | {"R_body_cam": [[1, 0, 0]] * 3}), "R_body_cam: expected a rotation"),
        (json.dumps(GOOD | {"R_body_cam": "x"}), "R_body_cam"),
        (json.dumps(GOOD | {"lens_correction": 2}), "lens_correction: expected a finite number"),
        ("[" * 100_000, "not a camera file: it is nested too deeply"),
    ],
)
def test_a_wrong_camera_file_is_named_with_its_fault(tmp_path, content, message) -> None:
    path = tmp_path / "camera.json"
    path.write_text(content)
    with pytest.raises(StabilizerError) as caught:
        load_camera(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_or_huge_camera_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StabilizerError, match="cannot read camera file"):
        load_camera(tmp_path / "none.json")
    (tmp_path / "huge.json").write_bytes(b" " * (2 << 20))
    with pytest.raises(StabilizerError, match="over 1 MB"):
        load_camera(tmp_path / "huge.json")


def test_a_camera_file_tells_what_is_given_and_keeps_standard_errors(tmp_path: Path) -> None:
    path = tmp_path / "camera.json"
    camera = Camera.from_focal(640, 360, 480.0, readout_time=0.01)
    save_camera(camera, path, unknown=["readout_time", "readout_direction"])
    assert {"fx", "imu_orientation"} <= given_keys(path)
    assert not {"readout_time", "readout_direction"} & given_keys(path)
    assert load_camera(path).readout_time == 0
    save_camera(camera, path, standard_errors={"fx": 0.5})
    assert json.loads(path.read_text())["standard_errors"] == {"fx": 0.5}
    assert load_camera(path).readout_time == 0.01
    with pytest.raises(StabilizerError, match=r"none\.json: cannot read"):
        given_keys(tmp_path / "none.json")
