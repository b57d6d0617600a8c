"""Lens models against OpenCV's own projection, and the edge of what a lens can show."""

import cv2
import numpy as np
import pytest

from stabilizer.lens import LENSES, Fisheye, OpenCV, Pinhole, make_lens

OPENCV_COEFFS = [
    (-0.28, 0.09, 0.001, -0.0007),
    (-0.28, 0.09, 0.001, -0.0007, -0.012),
    (0.12, -0.05, 0.002, 0.001, 0.01, 0.05, -0.02, 0.004),
    (0.31, 0.2, -0.001, 0.0004, 0.05),
]
FISHEYE_COEFFS = [
    (0.0, 0.0, 0.0, 0.0),
    (0.04, -0.015, 0.008, -0.002),
    (0.2647, 0.5069, -0.5276, 0.0842),  # a phone's ultra-wide, CC0 profile
    (-0.05, 0.01, -0.004, 0.0006),
]
EVERY_LENS = [
    Pinhole(),
    *(OpenCV(c) for c in OPENCV_COEFFS),
    *(Fisheye(c) for c in FISHEYE_COEFFS),
]


def rays_within(angle_deg: float, n: int = 400) -> np.ndarray:
    rng = np.random.default_rng(1)
    theta = np.deg2rad(angle_deg) * np.sqrt(rng.random(n))
    phi = 2 * np.pi * rng.random(n)
    return np.stack(
        [np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=-1
    )


@pytest.mark.parametrize("coeffs", OPENCV_COEFFS)
def test_opencv_lens_projects_as_opencv_does(coeffs: tuple[float, ...]) -> None:
    rays = rays_within(30)
    expected, _ = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), np.eye(3), np.array(coeffs))
    np.testing.assert_allclose(OpenCV(coeffs).project(rays), expected[:, 0], atol=1e-12)


@pytest.mark.parametrize("coeffs", FISHEYE_COEFFS)
def test_fisheye_lens_projects_as_opencv_does(coeffs: tuple[float, ...]) -> None:
    rays = rays_within(60)
    expected, _ = cv2.fisheye.projectPoints(
        rays[:, None], np.zeros(3), np.zeros(3), np.eye(3), np.array(coeffs)
    )
    lens = Fisheye(coeffs)
    shown = ~np.isnan(lens.project(rays)[:, 0])
    assert shown.mean() > 0.8
    np.testing.assert_allclose(lens.project(rays)[shown], expected[shown, 0], atol=1e-12)


@pytest.mark.parametrize("lens", EVERY_LENS, ids=repr)
def test_unproject_inverts_project(lens) -> None:
    rays = rays_within(50)
    points = lens.project(rays)
    shown = ~np.isnan(points[:, 0])
    assert shown.mean() > 0.5
    back = lens.unproject(points[shown])
    back /= np.linalg.norm(back, axis=-1, keepdims=True)
    np.testing.assert_allclose(back, rays[shown], atol=1e-8)


@pytest.mark.parametrize("lens", EVERY_LENS, ids=repr)
def test_the_axis_is_the_centre_and_shapes_are_kept(lens) -> None:
    np.testing.assert_allclose(lens.project(np.array([0.0, 0.0, 2.0])), [0, 0], atol=1e-15)
    ray = lens.unproject(np.zeros((2, 3, 2)))
    assert ray.shape == (2, 3, 3)
    np.testing.assert_allclose(ray[..., :2], 0, atol=1e-15)
    assert (ray[..., 2] > 0).all()


@pytest.mark.parametrize("lens", [Pinhole(), *(OpenCV(c) for c in OPENCV_COEFFS)], ids=repr)
def test_planar_lenses_show_nothing_behind_them(lens) -> None:
    assert np.isnan(lens.project(np.array([[0.1, 0.1, -1.0], [0.1, 0.1, 0.0]]))).all()


def test_fisheye_shows_what_is_beside_and_behind_it() -> None:
    lens = Fisheye((0.0, 0.0, 0.0, 0.0))  # equidistant: radius = angle
    angle = np.deg2rad([89.0, 90.0, 120.0, 179.0])
    rays = np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=-1)
    np.testing.assert_allclose(lens.project(rays)[:, 0], angle, rtol=1e-12)
    np.testing.assert_allclose(lens.unproject(lens.project(rays)), rays, atol=1e-9)


def test_barrel_distortion_ends_where_it_stops_growing() -> None:
    lens = OpenCV((-0.3, 0.0, 0.0, 0.0))
    turning = 1 / np.sqrt(0.9)  # d(r − 0.3 r³)/dr = 0
    inside, outside = turning * 0.999, turning * 1.001
    assert np.isfinite(lens.project(np.array([inside, 0.0, 1.0]))).all()
    assert np.isnan(lens.project(np.array([outside, 0.0, 1.0]))).all()
    largest = turning - 0.3 * turning**3
    assert np.isfinite(lens.unproject(np.array([largest * 0.99, 0.0]))).all()
    assert np.isnan(lens.unproject(np.array([largest * 1.01, 0.0]))).all()


def test_fisheye_distortion_ends_where_it_stops_growing() -> None:
    lens = Fisheye((-0.1, 0.0, 0.0, 0.0))
    turning = np.sqrt(1 / 0.3)  # d(θ − 0.1 θ³)/dθ = 0, 104.6°
    for theta, shown in ((turning * 0.999, True), (turning * 1.001, False)):
        ray = np.array([np.sin(theta), 0.0, np.cos(theta)])
        assert np.isfinite(lens.project(ray)).all() == shown
    assert np.isnan(lens.unproject(np.array([1.5, 0.0]))).all()


def test_a_point_the_lens_does_not_show_is_nan_and_stays_nan() -> None:
    for lens in EVERY_LENS:
        assert np.isnan(lens.project(np.full(3, np.nan))).all()
        assert np.isnan(lens.unproject(np.full(2, np.nan))).all()


def test_unknown_names_and_wrong_coefficients_are_refused() -> None:
    with pytest.raises(ValueError, match="expected one of pinhole, opencv, fisheye, got 'wide'"):
        make_lens("wide")
    with pytest.raises(ValueError, match="fisheye lens: expected 4 coefficients, got 3"):
        make_lens("fisheye", (0.1, 0.2, 0.3))
    with pytest.raises(ValueError, match=r"coeffs\[1\]: expected a finite number"):
        make_lens("opencv", (0.1, float("nan"), 0.0, 0.0))
    assert set(LENSES) == {lens.name for lens in LENSES.values()}


@pytest.mark.parametrize("lens", EVERY_LENS, ids=repr)
def test_the_jacobian_is_the_derivative_of_the_projection(lens) -> None:
    rng = np.random.default_rng(5)
    rays = np.concatenate([rng.uniform(-0.5, 0.5, (200, 2)), rng.uniform(0.8, 2, (200, 1))], axis=1)
    rays = np.concatenate([rays, [[0.0, 0.0, 1.5]]])  # the axis itself
    points, jacobian = lens.project_with_jacobian(rays)
    np.testing.assert_array_equal(points, lens.project(rays))
    step = 1e-5  # central differences err by step² times third derivatives
    for axis in range(3):
        moved = step * np.eye(3)[axis]
        slope = (lens.project(rays + moved) - lens.project(rays - moved)) / (2 * step)
        np.testing.assert_allclose(jacobian[..., axis], slope, atol=1e-7)
