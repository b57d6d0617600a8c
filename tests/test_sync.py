"""The two clocks and the measured camera path."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gyro_data import Orientation
from stabilizer.camera import Camera
from stabilizer.path import CameraPath, camera_path
from stabilizer.sync import ClockSync


def test_the_clock_formula_and_its_inverse() -> None:
    sync = ClockSync(delay=-3.25, clock_skew=5e-5)
    t_video = np.array([0.0, 10.0, 1e4])
    np.testing.assert_allclose(sync.log_time(t_video), 1.00005 * t_video - 3.25, rtol=1e-15)
    np.testing.assert_allclose(sync.video_time(sync.log_time(t_video)), t_video, atol=1e-9)


@pytest.mark.parametrize("bad", [{"delay": np.nan}, {"clock_skew": 0.5}, {"clock_skew": np.inf}])
def test_clocks_that_cannot_be_are_refused(bad) -> None:
    with pytest.raises(ValueError, match=r"^(delay|clock_skew): expected a finite number"):
        ClockSync(**bad)


UNEVEN = ClockSync(2.0, 1e-3, ((10.0, 0.0), (20.0, 0.5), (30.0, -8.0)))


def test_an_uneven_clock_is_straight_between_its_knots() -> None:
    t = np.array([0.0, 10.0, 15.0, 20.0, 25.0, 30.0, 90.0])
    off = np.array([0.0, 0.0, 0.25, 0.5, -3.75, -8.0, -8.0])
    np.testing.assert_allclose(UNEVEN.log_time(t), 2.0 + 1.001 * t + off, rtol=1e-15)
    np.testing.assert_allclose(UNEVEN.correction(t), off, atol=1e-15)
    fine = np.linspace(-5, 95, 2001)
    np.testing.assert_allclose(UNEVEN.video_time(UNEVEN.log_time(fine)), fine, atol=1e-12)


def test_the_speed_of_an_uneven_clock_is_its_slope() -> None:
    t = np.array([5.0, 15.0, 25.0, 35.0])
    slope = (UNEVEN.log_time(t + 1e-3) - UNEVEN.log_time(t - 1e-3)) / 2e-3
    np.testing.assert_allclose(UNEVEN.speed(t), slope, rtol=1e-9)
    np.testing.assert_allclose(ClockSync(1.0, 1e-3).speed(t), 1.001)


def test_where_the_logs_clock_stands_there_is_a_hole() -> None:
    np.testing.assert_array_equal(UNEVEN.holes, [(20.0, 30.0)])
    assert ClockSync().holes.shape == (0, 2)


@pytest.mark.parametrize(
    ("knots", "why"),
    [
        (((1.0, 0.0), (1.0, 0.1)), "strictly increasing"),
        (((1.0, 0.0), (2.0, -1.5)), "never goes backwards"),
        (((1.0, np.nan),), "finite"),
        (((1.0, 1e11),), "up to 1e"),
        (((1.0, 0.0, 0.0),), "shape"),
    ],
)
def test_corrections_that_cannot_be_are_refused(knots, why) -> None:
    with pytest.raises(ValueError, match=rf"^corrections: expected .*{why}"):
        ClockSync(corrections=knots)


def test_the_path_of_an_uneven_clock_turns_with_the_log() -> None:
    body = turning_body()
    sync = ClockSync(100.0, 0.0, ((4.0, 0.0), (4.1, 0.05), (6.0, 0.05), (7.0, -0.9)))
    path = camera_path(body, sync, Camera.from_focal(640, 480, 500.0))
    for t in (1.0, 4.05, 5.0, 9.0):
        expected = body.at(float(sync.log_time(np.array(t))))
        assert (path.at(t).inv() * expected).magnitude() < 1e-6
    np.testing.assert_array_equal(path.covered(np.array([5.9, 6.5, 7.1])), [True, False, True])


def turning_body(rate=(0.3, -0.2, 0.5)) -> Orientation:
    t = np.linspace(100.0, 110.0, 2001)
    rotvec = (t - 100.0)[:, None] * np.array(rate)
    return Orientation.of(t, Rotation.from_rotvec(rotvec), rate=np.broadcast_to(rate, (2001, 3)))


def test_the_camera_path_is_the_bodys_seen_from_the_camera_on_the_videos_clock() -> None:
    R_body_cam = Rotation.from_euler("XYZ", [10, -20, 95], degrees=True)
    camera = Camera.from_focal(640, 480, 500.0, R_body_cam=R_body_cam.as_matrix())
    sync = ClockSync(delay=101.0, clock_skew=1e-3)
    body = turning_body()
    path = camera_path(body, sync, camera)
    for t_video in (0.0, 2.345, 7.0):
        ray_cam = np.array([0.1, 0.2, 1.0])
        in_world = body.at(1.001 * t_video + 101.0).apply(R_body_cam.apply(ray_cam))
        np.testing.assert_allclose(path.at(t_video).apply(ray_cam), in_world, atol=1e-9)


def test_the_rate_is_that_of_the_camera_per_second_of_video() -> None:
    R_body_cam = Rotation.from_euler("XYZ", [10, -20, 95], degrees=True)
    camera = Camera.from_focal(640, 480, 500.0, R_body_cam=R_body_cam.as_matrix())
    path = camera_path(turning_body(), ClockSync(101.0, 0.05), camera)
    step = 1e-4
    turned = path.between(3.0, 3.0 + step).as_rotvec() / step
    assert path.rate is not None
    np.testing.assert_allclose(path.rate[0], turned, atol=1e-6)
    assert np.linalg.norm(path.rate[0]) == pytest.approx(1.05 * np.linalg.norm((0.3, -0.2, 0.5)))


def test_coverage_is_on_the_videos_clock() -> None:
    body = Orientation.of(
        np.array([0.0, 1.0, 2.0, 3.0]), Rotation.identity(4), gaps=np.array([[1.0, 2.0]])
    )
    path = camera_path(body, ClockSync(delay=0.5), Camera.from_focal(640, 480, 500.0))
    t_video = np.array([-0.6, -0.4, 0.4, 0.6, 1.4, 1.6, 2.4, 2.6])
    np.testing.assert_array_equal(
        path.covered(t_video), [False, True, True, False, False, True, True, False]
    )


def test_a_path_of_one_instant_is_that_pose_always() -> None:
    pose = Rotation.from_rotvec([[0.1, 0.2, 0.3]])
    path = CameraPath.of(np.array([5.0]), pose)
    np.testing.assert_allclose(
        path.at(np.array([-1.0, 5.0, 9.0])).as_rotvec(), [[0.1, 0.2, 0.3]] * 3
    )
