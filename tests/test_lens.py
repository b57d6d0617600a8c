"""Lens models against OpenCV's own projection, and the edge of what a lens can show."""

import cv2
import numpy as np
import pytest

from stabilizer.lens import LENSES, Corrected, Fisheye, OpenCV, Pinhole, corrected, make_lens

OPENCV_COEFFS = [
    (-0.28, 0.09, 0.001, -0.0007),
    (-0.28, 0.09, 0.001, -0.0007, -0.012),
    (0.12, -0.05, 0.002, 0.001, 0.01, 0.05, -0.02, 0.004),
    (0.31, 0.2, -0.001, 0.0004, 0.05),
    (-0.28, 0.09, 0.001, -0.0007, -0.012, 0.01, 0.02, -0.01, 0.003, -0.002, 0.001, 0.0005),
    (-0.2, 0.05, 0.0, 0.001, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.06, -0.08),
    (0.1, 0.0, 0.002, 0.0, 0.0, 0.02, 0.0, 0.0, 0.01, -0.02, 0.03, 0.01, 0.2, 0.1),
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
    Corrected(Fisheye(FISHEYE_COEFFS[1]), 0.3),
    Corrected(Fisheye(FISHEYE_COEFFS[2]), 0.9),
    Corrected(OpenCV(OPENCV_COEFFS[0]), 0.5),
    Corrected(OpenCV(OPENCV_COEFFS[5]), 0.01),
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


@pytest.mark.parametrize("coeffs", OPENCV_COEFFS)
def test_opencv_lens_unprojects_as_opencv_does(coeffs: tuple[float, ...]) -> None:
    points = OpenCV(coeffs).project(rays_within(30))
    many = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-14)
    iterated = getattr(cv2, "undistortPointsIter", cv2.undistortPoints)  # OpenCV 4, 5
    expected = iterated(points[:, None], np.eye(3), np.array(coeffs), R=None, P=None, criteria=many)
    rays = OpenCV(coeffs).unproject(points)
    np.testing.assert_allclose(rays[:, :2] / rays[:, 2:], expected[:, 0], atol=1e-9)


@pytest.mark.parametrize("coeffs", FISHEYE_COEFFS)
def test_fisheye_lens_unprojects_as_opencv_does(coeffs: tuple[float, ...]) -> None:
    points = Fisheye(coeffs).project(rays_within(45))
    points = points[np.isfinite(points[:, 0])]
    many = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-14)
    expected = cv2.fisheye.undistortPoints(
        points[:, None], np.eye(3), np.array(coeffs), criteria=many
    )
    rays = Fisheye(coeffs).unproject(points)
    np.testing.assert_allclose(rays[:, :2] / rays[:, 2:], expected[:, 0], atol=1e-9)


FOLDING = [
    (-0.3, 0.0, 0.03, -0.02),  # tangential terms move the fold to one side
    (-0.2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -0.1, 0.0, 0.05, 0.0),
    (-0.2, 0.0, 0.02, 0.0, 0.0, 0.0, 0.0, 0.0, -0.1, 0.0, 0.05, 0.0, 0.1, 0.05),
    (0.0, 0.0, 0.05, 0.05),  # the radial part alone never folds
]


@pytest.mark.parametrize("coeffs", FOLDING)
def test_what_is_shown_ends_in_every_direction_where_the_picture_folds_back(coeffs) -> None:
    """Where OpenCV's points, along a ray from the axis, first turn back: found by walking there."""
    lens, radius = OpenCV(coeffs), np.linspace(0.01, 8.0, 4000)
    ends = []
    for angle in np.deg2rad(np.arange(0, 360, 15.0)):
        rays = np.stack([radius * np.cos(angle), radius * np.sin(angle), radius**0], axis=-1)
        side = rays + 1e-6 * np.array([-np.sin(angle), np.cos(angle), 0.0])
        moved, _ = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), np.eye(3), np.array(coeffs))
        beside, _ = cv2.projectPoints(side, np.zeros(3), np.zeros(3), np.eye(3), np.array(coeffs))
        along = np.gradient(moved[:, 0], axis=0)
        across = (beside - moved)[:, 0]
        folded = along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0] <= 0
        end = radius[folded.argmax()] if folded.any() else np.inf
        ends.append(end)
        shown = np.isfinite(lens.project(rays)[:, 0])
        step = radius[1] - radius[0]
        assert shown[radius < end - 3 * step].all()
        assert not shown[radius > end + 3 * step].any()
    assert np.isfinite(ends).any() and np.ptp(np.minimum(ends, 8.0)) > 0.05  # not a circle


@pytest.mark.parametrize("coeffs", FOLDING)
def test_no_ray_is_made_up_for_a_point_past_the_fold(coeffs) -> None:
    """Of a point either the ray that projects to it comes back, or none."""
    lens = OpenCV(coeffs)
    points = np.stack(np.meshgrid(*[np.linspace(-4, 4, 81)] * 2), axis=-1)
    rays = lens.unproject(points)
    found = np.isfinite(rays[..., 0])
    assert 0.01 < found.mean() < 1
    np.testing.assert_allclose(lens.project(rays[found]), points[found], atol=1e-8)


def test_a_tilted_sensor_shows_nothing_beyond_its_horizon() -> None:
    lens = OpenCV((0.0,) * 12 + (0.6, 0.0))
    rays = np.stack([0 * np.linspace(-15, 15, 61), np.linspace(-15, 15, 61), np.ones(61)], axis=-1)
    points = lens.project(rays)
    shown = np.isfinite(points[:, 0])
    assert 0 < shown.sum() < len(rays)
    steps = np.diff(points[shown][:, 1])
    assert (steps > 0).all() or (steps < 0).all()  # one after the other: none comes from behind
    with pytest.raises(ValueError, match="tilted by less than 84°"):
        OpenCV((0.0,) * 12 + (1.5, 0.0))


@pytest.mark.parametrize("base", [Fisheye(FISHEYE_COEFFS[1]), OpenCV(OPENCV_COEFFS[0])], ids=repr)
def test_a_lens_is_corrected_by_shares(base) -> None:
    rays = rays_within(50)
    lens, straight = base.project(rays), Pinhole().project(rays)
    for amount in (0.25, 0.5, 0.75):
        expected = lens + amount * (straight - lens)
        np.testing.assert_allclose(corrected(base, amount).project(rays), expected, atol=1e-12)
    assert corrected(base, 0) is base
    assert corrected(base, 1) == Pinhole()
    assert corrected(Pinhole(), 0.5) == Pinhole()
    with pytest.raises(ValueError, match="lens_correction: expected a finite number"):
        corrected(base, 1.5)


def test_a_corrected_fisheye_shows_the_half_space_before_it_and_no_more() -> None:
    lens = Corrected(Fisheye((0.0, 0.0, 0.0, 0.0)), 0.2)
    angle = np.deg2rad([80.0, 89.0, 91.0, 120.0])
    rays = np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=-1)
    points = lens.project(rays)
    assert np.isfinite(points[:2]).all() and np.isnan(points[2:]).all()
    back = lens.unproject(points[:2])
    np.testing.assert_allclose(back / np.linalg.norm(back, axis=-1, keepdims=True), rays[:2])


EXTREMES = (0.0, 5e-324, 1e-300, 1e-160, 1e-16, 1e-8, 1e-3, 0.1, 0.5, 1.0, 2.0, 30.0, 1e3, 1e6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("name", "count"), [("fisheye", 4), *(("opencv", n) for n in (4, 5, 8, 12, 14))]
)
def test_no_coefficients_give_a_warning(name, count) -> None:
    """Whatever a camera file says: NaN where the lens shows nothing, and nothing on stderr."""
    rng = np.random.default_rng(count)
    points = np.stack(np.meshgrid([-1e3, -1, -0.1, 0, 0.4, 1, 1e6], [-1, 0, 0.3, 1e3]), axis=-1)
    rays = rng.normal(size=(40, 3))
    rays[:10, 2] = 0.0  # beside the camera
    rays[10:20, :2] = 0.0  # on its axis, before and behind it
    for _ in range(60):
        coeffs = rng.choice(EXTREMES, size=count) * rng.choice([-1, 1], size=count)
        coeffs[12:] = rng.choice([0.0, 5e-324, 0.1, -0.5], size=max(count - 12, 0))
        lens = make_lens(name, tuple(coeffs.tolist()))
        for model in (lens, corrected(lens, 0.5)):
            for seen in (rays, model.unproject(points)):
                model.project(seen)
                model.project_with_jacobian(seen)


@pytest.mark.filterwarnings("error")
def test_nothing_is_shown_on_a_pole_that_the_search_for_it_meets() -> None:
    lens = OpenCV((0.0, 0.0, 0.0, 0.0, 0.0, -1 / 800, 0.0, 0.0))  # 1 − r²/800 at (20, 20)
    assert np.isnan(lens.unproject(np.array([1e3, 1e3]))).all()
