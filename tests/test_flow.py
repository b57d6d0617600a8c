"""Tracking and homographies on pictures that were moved by exactly known amounts."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from skimage import data

from gyro_data.checks import Floats
from stabilizer.flow import MARGIN, corners, fit_homography, follow, reduced, to_8_bit, track

WIDTH, HEIGHT = 480, 270
TEXTURE = ndimage.spline_filter(ndimage.gaussian_filter(data.coffee().mean(axis=-1), 0.6))


def picture(world_from_picture: Floats) -> NDArray[np.uint8]:
    """See the texture through a homography (3, 3) px, by cubic spline interpolation."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    ray = np.stack([x, y, np.ones_like(x)], axis=-1) @ world_from_picture.T
    xy = ray[..., :2] / ray[..., 2:]
    values = ndimage.map_coordinates(TEXTURE, [xy[..., 1], xy[..., 0]], prefilter=False)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def shift(dx: float, dy: float) -> Floats:
    return np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1]], dtype=float)


def apply(H: Floats, xy: Floats) -> Floats:
    ray = np.column_stack([xy, np.ones(len(xy))]) @ H.T
    return ray[:, :2] / ray[:, 2:]


START = picture(shift(12, 40))


@pytest.mark.parametrize("step", [(0.0, 0.0), (0.4, -0.3), (-3.3, 2.7), (7.5, 21.25)])
def test_points_follow_a_translation_to_a_fraction_of_a_pixel(step: tuple[float, float]) -> None:
    before, after = track(START, picture(shift(12 - step[0], 40 - step[1])))
    error = np.linalg.norm(after - before - step, axis=1)
    assert len(before) > 200
    assert np.median(error) < 0.04
    assert np.sqrt(np.mean(error**2)) < 0.1


def test_the_homography_between_two_views_is_recovered() -> None:
    turn = np.array([[0.998, -0.021, 5.0], [0.023, 1.004, -4.0], [2e-5, -1e-5, 1.0]])
    after_from_before = np.linalg.inv(shift(12, 40) @ turn) @ shift(12, 40)
    fit = fit_homography(*track(START, picture(shift(12, 40) @ turn)), tolerance=1.0)
    assert fit is not None
    corners = np.array([[0, 0], [WIDTH - 1, 0], [0, HEIGHT - 1], [WIDTH - 1, HEIGHT - 1]])
    error = apply(fit[0], corners) - apply(after_from_before, corners)
    assert np.sqrt(np.mean(error**2)) < 0.1  # px, where few points are
    assert fit[1].mean() > 0.95


def test_corners_keep_their_distance_and_whole_windows_stay_in_the_picture() -> None:
    before, after = track(START, START, max_points=200)
    gaps = np.linalg.norm(before[:, None] - before, axis=-1) + np.diag(np.full(len(before), np.inf))
    assert 100 < len(before) <= 200
    assert gaps.min() >= HEIGHT / 60
    for xy in (before, after):
        assert xy.min() >= 10
        assert (xy.max(axis=0) <= (WIDTH - 11, HEIGHT - 11)).all()


def test_the_way_back_rejects_points_that_vanish() -> None:
    covered = START.copy()
    covered[60:200, 100:300] = np.random.default_rng(0).integers(0, 255, (140, 200))
    checked = np.linalg.norm(np.subtract(*track(START, covered)), axis=1)
    unchecked = np.linalg.norm(np.subtract(*track(START, covered, max_round_trip=np.inf)), axis=1)
    lost = np.count_nonzero(unchecked > 1)
    assert lost > 30
    assert np.count_nonzero(checked > 1) < 0.2 * lost


def test_of_unrelated_pictures_hardly_any_point_comes_back() -> None:
    other = np.random.default_rng(1).permutation(START.ravel()).reshape(START.shape)
    other = ndimage.gaussian_filter(other, 2.0)
    points, _ = corners(START, least_slope=3.0)
    assert len(points) > 100
    assert follow(START, other, points, max_round_trip=0.35)[1].mean() < 0.05


def test_ten_bits_give_the_same_tracks_as_their_eight_high_bits() -> None:
    later = picture(shift(10, 41))
    ten_bit = [((p.astype(np.uint16) << 2) | 3).astype(np.uint16) for p in (START, later)]
    np.testing.assert_array_equal(track(*ten_bit), track(START, later))


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_more_bits_are_cut_to_their_eight_high_ones(bits: int) -> None:
    deep = (START.astype(np.uint16) << (bits - 8)) | 3
    np.testing.assert_array_equal(to_8_bit(deep.astype(np.uint16), bits), START)
    size = (WIDTH // 2, HEIGHT // 2)
    difference = reduced(deep.astype(np.uint16), *size, bits).astype(int) - reduced(START, *size)
    assert np.abs(difference).max() <= 1


def test_the_same_pictures_give_the_same_result_and_stay_as_they_are() -> None:
    first, second = START.copy(), picture(shift(9, 42))
    first.setflags(write=False)
    second.setflags(write=False)
    tracks = track(first, second)
    np.testing.assert_array_equal(tracks, track(first, second))
    fits = [fit_homography(*tracks, tolerance=0.5) for _ in range(2)]
    assert fits[0] is not None and fits[1] is not None
    np.testing.assert_array_equal(fits[0][0], fits[1][0])


def test_a_flat_picture_has_no_tracks() -> None:
    flat = np.full((HEIGHT, WIDTH), 90, dtype=np.uint8)
    assert [xy.shape for xy in track(flat, flat)] == [(0, 2), (0, 2)]


def test_a_fit_ignores_a_third_of_points_that_move_otherwise() -> None:
    rng = np.random.default_rng(1)
    H = np.array([[1.01, 0.02, 3.0], [-0.02, 0.99, -2.0], [1e-5, 2e-5, 1.0]])
    before = rng.uniform(0, [WIDTH, HEIGHT], (300, 2))
    after = apply(H, before) + rng.normal(0, 0.1, (300, 2))
    after[200:] += rng.uniform(5, 30, (100, 2))
    fit = fit_homography(before, after, tolerance=0.5)
    assert fit is not None
    # 200 points of 0.1 px noise leave about 0.1 * sqrt(8 / 400) px RMS
    assert np.sqrt(np.mean((apply(fit[0], before) - apply(H, before)) ** 2)) < 0.03
    assert not fit[1][200:].any()
    assert fit[1][:200].mean() > 0.95


def test_points_without_a_homography_have_no_fit() -> None:
    few = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])
    assert fit_homography(few, few, tolerance=1.0) is None
    line = np.column_stack([np.arange(30.0), 2 * np.arange(30.0)])
    assert fit_homography(line, line, tolerance=1.0) is None


def weaker_slope(image: NDArray[np.uint8]) -> Floats:
    """Return √λ (H, W): λ the smaller eigenvalue of ∇I ∇Iᵀ averaged over 3x3 px, by scipy."""
    iy, ix = (ndimage.sobel(image.astype(float), axis=axis) / 8 for axis in (0, 1))
    xx, xy, yy = (ndimage.uniform_filter(p, 3) for p in (ix * ix, ix * iy, iy * iy))
    return np.sqrt(np.maximum((xx + yy) / 2 - np.hypot((xx - yy) / 2, xy), 0))


def test_corners_are_the_peaks_of_the_weaker_slope_best_first() -> None:
    slope = weaker_slope(START)
    peak = slope == ndimage.maximum_filter(slope, 3)
    expected = np.flatnonzero(peak[MARGIN:-MARGIN, MARGIN:-MARGIN])
    found, own = corners(START, least_slope=3.0)
    assert found.min() >= MARGIN
    assert (found.max(axis=0) <= (WIDTH - 1 - MARGIN, HEIGHT - 1 - MARGIN)).all()
    x, y = found.astype(int).T
    assert (np.diff(slope[y, x]) < 1e-3).all()
    assert slope[y, x].min() > 2.999
    np.testing.assert_allclose(own, slope[y, x], atol=1e-3)
    strong = slope[MARGIN:-MARGIN, MARGIN:-MARGIN].ravel()[expected] > 3.001
    assert abs(np.count_nonzero(strong) - len(found)) <= 2  # single precision at the threshold
    assert corners(np.full_like(START, 90), least_slope=0.0)[0].shape == (0, 2)


def test_any_points_are_followed_and_those_that_leave_are_marked() -> None:
    points = np.array([[200.3, 100.8], [320.0, 60.5], [470.0, 130.0], [150.0, 15.0]], np.float32)
    moved, kept = follow(START, picture(shift(12.0, 47.5)), points, max_round_trip=0.35)
    np.testing.assert_array_equal(kept, [True, True, False, False])  # at the edge; beyond it then
    np.testing.assert_allclose(moved[:2] - points[:2], [[0.0, -7.5]] * 2, atol=0.1)
    none = np.empty((0, 2), np.float32)
    assert [len(result) for result in follow(START, START, none, max_round_trip=0.35)] == [0, 0]


@pytest.mark.parametrize(("width", "height"), [(160, 90), (187, 105), (480, 270)])
def test_a_reduced_ramp_is_the_ramp_at_the_middle_of_each_area(width: int, height: int) -> None:
    ramp = np.add.outer(0.3 * np.arange(HEIGHT), 0.25 * np.arange(WIDTH))
    small = reduced(np.rint(4 * ramp).astype(np.uint16), width, height)
    x = (np.arange(width) + 0.5) * WIDTH / width - 0.5
    y = (np.arange(height) + 0.5) * HEIGHT / height - 0.5
    inside = np.s_[5:-5, 5:-5]
    error = small.astype(float) - np.add.outer(0.3 * y, 0.25 * x)
    # ten bits are cut to eight: half a level less
    assert abs(error[inside].mean() + 0.5) < 0.15
    assert np.ptp(error[inside]) < 2.5


def test_wrong_pictures_are_named() -> None:
    with pytest.raises(ValueError, match=r"current: expected shape \(270, 480\), got \(270, 479\)"):
        track(START, START[:, 1:])
    with pytest.raises(ValueError, match="luma: expected uint8 or uint16"):
        to_8_bit(START.astype(float))
    with pytest.raises(ValueError, match="luma"):
        to_8_bit(np.zeros((4, 4, 3), dtype=np.uint8))
