"""Steadiness: scores against formulas, detection on exactly moved pictures, borders by count."""

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from skimage import data

from gyro_data.checks import Floats
from stabilizer.errors import StabilizerError
from stabilizer.quality import (
    Observation,
    Steadiness,
    count_border_pixels,
    has_replicated_edge,
    match,
    measure,
    motion_above,
    observe,
    score,
)

WIDTH, HEIGHT = 320, 180
LINES = 1080 / HEIGHT
TAU = 2 * np.pi
RESIDUALS = np.tile([90.0, 0.0, 0.0], (20, 1))


def pose(
    t: Floats,
    *,
    x: Floats | float = 0.0,
    y: Floats | float = 0.0,
    angle: Floats | float = 0.0,
    zoom: Floats | float = 1.0,
) -> Floats:
    """Return (F, 3, 3): where the texture is in each picture, px relative to the centre."""
    M = np.tile(np.eye(3), (len(t), 1, 1))
    c, s = zoom * np.cos(angle), zoom * np.sin(angle)
    M[:, 0, 0], M[:, 0, 1], M[:, 0, 2] = c, -s, x
    M[:, 1, 0], M[:, 1, 1], M[:, 1, 2] = s, c, y
    return M


def observed(t: Floats, poses: Floats, *, scale: float = 1.0) -> Observation:
    """Return what perfect tracking sees of a clip whose size is `scale` times 320 × 180."""
    width, height = round(WIDTH * scale), round(HEIGHT * scale)
    to_px = np.diag([scale, scale, 1.0])
    to_px[:2, 2] = (width - 1) / 2, (height - 1) / 2
    poses = to_px @ poses @ np.linalg.inv(to_px)
    n = len(t)
    return Observation(
        times=t,
        width=width,
        height=height,
        homographies=poses[1:] @ np.linalg.inv(poses[:-1]),
        residuals=[RESIDUALS * scale] * (n - 1),
        border_pixels=[0] * n,
        replicated_edges=[False] * n,
    )


def even(duration: float, fps: float = 30.0) -> Floats:
    return np.arange(round(duration * fps)) / fps


def step_gain(frequency: float, fps: float = 30.0) -> float:
    """Return by what one difference multiplies a sine: 2 sin(π f / fps), per 1/30 s."""
    return float(2 * np.sin(np.pi * frequency / fps) * fps / 30)


# --- Scoring: from motion to numbers, without pixels.


def test_a_swinging_picture_scores_its_amplitude_and_its_derivatives() -> None:
    t, f, amplitude = even(20), 2.5, 3.0
    s = score(observed(t, pose(t, x=amplitude * np.sin(TAU * f * t))))
    rms, gain = amplitude * LINES / np.sqrt(2), step_gain(f)
    assert s.jitter_px == pytest.approx(rms, rel=0.02)
    assert s.frame_motion_px == pytest.approx(rms * gain, rel=0.02)
    assert s.acceleration_px == pytest.approx(rms * gain**2, rel=0.02)
    assert s.jerk_px == pytest.approx(rms * gain**3, rel=0.02)
    assert s.rotation_jitter_deg == s.zoom_jitter_percent == pytest.approx(0, abs=1e-9)
    assert s.skew_px == pytest.approx(0, abs=1e-9)


def test_both_directions_add_like_the_sides_of_a_triangle() -> None:
    t = even(20)
    swing = np.sin(TAU * 4 * t)
    s = score(observed(t, pose(t, x=3 * swing, y=4 * swing)))
    assert s.jitter_px == pytest.approx(5 * LINES / np.sqrt(2), rel=0.02)


@pytest.mark.parametrize(("frequency", "band"), [(1.7, 0), (5.0, 1), (11.0, 2)])
def test_a_swing_shows_in_its_own_band(frequency: float, band: int) -> None:
    t = even(20)
    s = score(observed(t, pose(t, y=np.sin(TAU * frequency * t))))
    for i, jitter in enumerate(s.jitter_bands_px):
        assert jitter / s.jitter_px == pytest.approx(float(i == band), abs=0.05)


def test_a_slow_pan_with_a_slow_swing_is_steady() -> None:
    t = even(12)
    pan = score(observed(t, pose(t, x=150 * t, y=-40 * t)))
    assert pan.jitter_px < 0.02  # px, of 7500 px travelled at 1080 lines
    assert pan.frame_motion_px < 0.005
    assert pan.jerk_px < 1e-6
    s = score(observed(t, pose(t, x=80 * t + 25 * np.sin(TAU * 0.1 * t))))
    assert s.jitter_px < 0.05
    assert s.frame_motion_px < 0.01


def test_roll_is_read_in_degrees_and_moves_the_grid() -> None:
    t = even(20)
    s = score(observed(t, pose(t, angle=np.radians(0.5) * np.sin(TAU * 3 * t))))
    assert s.rotation_jitter_deg == pytest.approx(0.5 / np.sqrt(2), rel=0.02)
    # the grid lies 0 or 0.3 of the width and height from the centre
    radius = 0.3 * np.hypot(WIDTH - 1, HEIGHT - 1) * np.sqrt(2 / 3)
    expected = radius * np.radians(0.5) / np.sqrt(2) * LINES
    assert s.jitter_px == pytest.approx(expected, rel=0.02)
    assert s.zoom_jitter_percent < 1e-6
    assert s.skew_px < 1e-6


def test_zoom_is_read_in_percent() -> None:
    t = even(20)
    s = score(observed(t, pose(t, zoom=np.exp(0.01 * np.sin(TAU * 3 * t)))))
    assert s.zoom_jitter_percent == pytest.approx(1 / np.sqrt(2), rel=0.02)
    assert s.rotation_jitter_deg < 1e-6
    assert s.skew_px < 1e-6


@pytest.mark.parametrize("entry", [(0, 1), (1, 0), (0, 0), (1, 1)])
def test_skew_is_the_shear_or_stretch_per_frame_over_half_the_height(
    entry: tuple[int, int],
) -> None:
    t, f = even(20), 3.0
    poses = pose(t)
    poses[:, *entry] += 0.01 * np.sin(TAU * f * t)
    s = score(observed(t, poses))
    assert s.skew_px == pytest.approx(540 * 0.01 / np.sqrt(2) * step_gain(f), rel=0.02)


def shake(t: Floats) -> Floats:
    """Swings of 1.5 to 3.5 Hz on a pan: px, rad, at 320 × 180."""
    return pose(
        t,
        x=4 * np.sin(TAU * 2 * t) + 8 * t,
        y=3 * np.sin(TAU * 3.5 * t + 1) - 3 * t,
        angle=np.radians(0.4) * np.sin(TAU * 3 * t),
        zoom=1 + 0.004 * np.sin(TAU * 1.5 * t),
    )


def assert_alike(a: Steadiness, b: Steadiness, rel: float) -> None:
    for name in (
        "jitter_px",
        "frame_motion_px",
        "acceleration_px",
        "jerk_px",
        "rotation_jitter_deg",
        "zoom_jitter_percent",
    ):
        assert getattr(a, name) == pytest.approx(getattr(b, name), rel=rel), name
    assert a.jitter_bands_px[:2] == pytest.approx(b.jitter_bands_px[:2], rel=rel)


def test_the_numbers_do_not_depend_on_the_size_of_the_picture() -> None:
    t = even(10)
    small = observed(t, shake(t))
    large = observed(t, shake(t), scale=4)
    assert_alike(score(small), score(large), rel=0.005)


@pytest.mark.parametrize("fps", [24, 50, 120])
def test_the_numbers_do_not_depend_on_the_frame_rate(fps: float) -> None:
    t, reference = even(10, fps), even(10, 30)
    a, b = score(observed(t, shake(t))), score(observed(reference, shake(reference)))
    assert_alike(a, b, rel=0.08)  # a difference attenuates 3.5 Hz by 2 % at 30 frames/s, 3 times


def test_missing_frames_do_not_matter() -> None:
    every = even(20, 60)
    rng = np.random.default_rng(0)
    some = np.sort(rng.choice(every[1:-1], round(0.75 * len(every)), replace=False))
    t = np.concatenate([every[:1], some, every[-1:]])
    assert np.diff(t).max() > 2.5 / 60
    assert_alike(score(observed(t, shake(t))), score(observed(every, shake(every))), rel=0.06)


def test_times_rounded_to_milliseconds_do_not_shake_a_pan() -> None:
    t = even(10)
    pan = observed(t, pose(t, x=300 * t))
    assert score(replace(pan, times=np.round(t, 3))).frame_motion_px < 0.01


def test_lost_frame_pairs_are_counted_and_bridged() -> None:
    t = even(10)
    whole = observed(t, shake(t))
    lost = np.random.default_rng(0).choice(len(t) - 1, 30, replace=False)
    homographies, residuals = whole.homographies.copy(), list(whole.residuals)
    for k in lost:
        homographies[k], residuals[k] = np.eye(3), np.empty((0, 3))
    holey = replace(whole, homographies=homographies, residuals=residuals)
    assert score(holey).failed_pairs == 30
    assert score(holey).jitter_px == pytest.approx(score(whole).jitter_px, rel=0.05)


def test_too_many_lost_frame_pairs_are_refused() -> None:
    t = even(10)
    whole = observed(t, shake(t))
    residuals = [np.empty((0, 3))] * 60 + list(whole.residuals[60:])
    with pytest.raises(StabilizerError, match="60 of 299 frame pairs"):
        score(replace(whole, residuals=residuals))


def test_motion_above_a_frequency_leaves_out_what_is_slower() -> None:
    t = even(20)
    swings = observed(t, pose(t, x=np.sin(TAU * 2 * t), y=np.sin(TAU * 9 * t)))
    expected = LINES / np.sqrt(2) * step_gain(9)
    assert motion_above(swings, 5.0) == pytest.approx(expected, rel=0.02)
    assert score(swings).frame_motion_px == motion_above(swings, 1.0) > expected


def residual_clip(*, bend: float, noise: float, fps: float = 30.0) -> Observation:
    """Bands of rows are off by a sine of `bend` px; each point has `noise` px in x and y."""
    t, rng = even(3, fps), np.random.default_rng(0)

    def of_pair() -> Floats:
        y = rng.uniform(0, HEIGHT, 400)
        band = np.floor(y * 12 / HEIGHT)
        misses = rng.normal(0, noise, (400, 2))
        misses[:, 0] += bend * np.sin(TAU * band / 12)
        return np.column_stack([y, misses])

    return replace(observed(t, pose(t)), residuals=[of_pair() for _ in t[1:]])


def test_wobble_is_the_bend_of_row_bands_without_the_noise() -> None:
    bent = score(residual_clip(bend=0.1, noise=0.2))
    assert bent.wobble_px == pytest.approx(0.1 / np.sqrt(2) * LINES, rel=0.05)
    as_fast = score(residual_clip(bend=0.05, noise=0.2, fps=60))
    assert as_fast.wobble_px == pytest.approx(bent.wobble_px, rel=0.05)
    noisy = score(residual_clip(bend=0.0, noise=0.2))
    assert noisy.wobble_px < 0.05 * noisy.residual_px * LINES


def test_residuals_are_lengths_in_the_pixels_of_the_clip() -> None:
    s = score(residual_clip(bend=0.0, noise=0.3))
    assert s.residual_px == pytest.approx(0.3 * np.sqrt(2), rel=0.01)
    assert s.residual_median_px == pytest.approx(0.3 * np.sqrt(2 * np.log(2)), rel=0.01)


def test_short_slow_or_incomplete_clips_are_named() -> None:
    frames = [np.zeros((HEIGHT, WIDTH), dtype=np.uint8)] * 60
    with pytest.raises(ValueError, match="times: expected at least 2 s of video, got 59 frames"):
        measure(frames[:59], even(59 / 30))
    with pytest.raises(ValueError, match="times: expected over 16 frames/s"):
        measure(frames, even(4, 15))
    with pytest.raises(ValueError, match="frames: expected 75, as many as times, got 60"):
        measure(frames, even(2.5))
    with pytest.raises(ValueError, match="times: expected strictly increasing"):
        measure(frames, np.zeros(60))
    whole = observed(even(2), pose(even(2)))
    with pytest.raises(ValueError, match="residuals: expected 59, got 58"):
        replace(whole, residuals=whole.residuals[1:])


# --- Detection: from pictures to numbers.

TEXTURE = ndimage.spline_filter(ndimage.gaussian_filter(data.brick().astype(float), 0.8))
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH] - np.array([HEIGHT - 1, WIDTH - 1])[:, None, None] / 2


def picture(M: Floats, *, noise: float = 0.0, seed: int = 0) -> NDArray[np.uint8]:
    """Draw the texture at pose `M`: (3, 3), or (H, 1, 3, 3) with one pose for each row."""
    inverse = np.linalg.inv(M)
    x = inverse[..., 0, 0] * COLUMNS + inverse[..., 0, 1] * ROWS + inverse[..., 0, 2]
    y = inverse[..., 1, 0] * COLUMNS + inverse[..., 1, 1] * ROWS + inverse[..., 1, 2]
    values = ndimage.map_coordinates(TEXTURE, [y + 255.5, x + 255.5], prefilter=False)
    values += np.random.default_rng(seed).normal(0, noise, values.shape) if noise else 0
    return np.clip(np.rint(20 + 0.85 * values), 16, 235).astype(np.uint8)


CLIP_TIMES = even(2.2)


@pytest.fixture(scope="module")
def shaken() -> list[NDArray[np.uint8]]:
    return [picture(M) for M in shake(CLIP_TIMES)]


@pytest.fixture(scope="module")
def measured(shaken: list[NDArray[np.uint8]]) -> Steadiness:
    return measure(shaken, CLIP_TIMES)


def test_tracking_sees_the_motion_that_the_pictures_were_drawn_with(measured: Steadiness) -> None:
    truth = score(observed(CLIP_TIMES, shake(CLIP_TIMES)))
    assert_alike(measured, truth, rel=0.01)
    assert measured.residual_px < 0.1
    assert measured.n_frames == len(CLIP_TIMES)
    assert measured.failed_pairs == 0
    assert measured.border_pixels == measured.replicated_edge_frames == 0


def test_half_the_size_and_ten_bits_give_the_same_numbers(
    shaken: list[NDArray[np.uint8]], measured: Steadiness
) -> None:
    half = (cv2.resize(f, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for f in shaken)
    ten_bit = (f.astype(np.uint16) << 2 for f in half)
    assert_alike(measure(ten_bit, CLIP_TIMES), measured, rel=0.05)


def test_the_same_clip_gives_the_very_same_numbers(
    shaken: list[NDArray[np.uint8]], measured: Steadiness
) -> None:
    assert measure(iter(shaken), CLIP_TIMES) == measured


def test_a_still_clip_with_noise_is_at_the_floor() -> None:
    still = [picture(np.eye(3), noise=2.0, seed=k) for k in range(len(CLIP_TIMES))]
    s = measure(still, CLIP_TIMES)
    floor = 0.025 * LINES  # px of the clip itself, where one point is off by 0.04 px
    assert s.jitter_px < floor
    assert s.frame_motion_px < floor
    assert s.skew_px < floor
    assert s.wobble_px < floor


def rolling(readout: float) -> Iterator[NDArray[np.uint8]]:
    """A sideways swing of 6 px at 5 Hz, seen row by row."""
    rows = CLIP_TIMES[:, None] + readout * ((np.arange(HEIGHT) + 0.5) / HEIGHT - 0.5)
    for row_times in rows:
        yield picture(pose(row_times, x=6 * np.sin(TAU * 5 * row_times))[:, None])


def test_rolling_shutter_skews_and_wobbles(measured: Steadiness) -> None:
    s = measure(rolling(0.02), CLIP_TIMES)
    assert s.jitter_px == pytest.approx(6 * LINES / np.sqrt(2), rel=0.05)
    # shear between frames = readout / height × the change of speed between frames
    speed = 6 * TAU * 5 / np.sqrt(2) * step_gain(5)
    assert s.skew_px == pytest.approx(540 * 0.02 / HEIGHT * speed, rel=0.05)
    assert s.skew_px > 20 * measured.skew_px  # a global shutter
    assert s.wobble_px > 3 * measured.wobble_px


def dots(n: int, step: int) -> NDArray[np.uint8]:
    """n bright dots, each a single corner, at `step` px from where they began."""
    xy = np.stack(np.meshgrid(np.arange(30, 310, 35), np.arange(30, 160, 35)), axis=-1)
    impulses = np.zeros((HEIGHT, WIDTH))
    impulses[tuple(xy.reshape(-1, 2)[:n, ::-1].T + step)] = 4000
    return (90 + ndimage.gaussian_filter(impulses, 2)).astype(np.uint8)


def test_a_pair_needs_fifteen_points_that_agree() -> None:
    matrix, residuals = match(dots(15, 0), dots(15, 2))
    assert len(residuals) == 15
    np.testing.assert_allclose(matrix, [[1, 0, 2], [0, 1, 2], [0, 0, 1]], atol=0.05)
    assert len(match(dots(14, 0), dots(14, 2))[1]) == 0


def test_pictures_without_texture_are_refused() -> None:
    flat = [np.full((HEIGHT, WIDTH), 90, dtype=np.uint8)] * 60
    with pytest.raises(StabilizerError, match="59 of 59 frame pairs"):
        measure(flat, even(2))


# --- Borders.


def grey() -> NDArray[np.uint8]:
    return np.full((HEIGHT, WIDTH), 90, dtype=np.uint8)


def test_a_thin_black_wedge_at_the_border_is_counted_exactly() -> None:
    wedge = np.arange(WIDTH) / WIDTH * 3 > np.arange(HEIGHT)[:, None]  # 0 to 3 rows high
    luma = grey()
    luma[wedge] = 17
    assert wedge.sum(axis=0).max() == 3
    assert count_border_pixels(luma, 16) == wedge.sum()
    for turned in (luma.T, luma[::-1], luma.T[:, ::-1]):
        assert count_border_pixels(turned, 16) == wedge.sum()


def test_dark_content_inside_the_picture_is_not_border() -> None:
    luma = grey()
    luma[1:-1, 1:-1] = 16
    assert count_border_pixels(luma, 16) == 0
    luma[0, 0] = 16  # touches the inside by its corner only
    assert count_border_pixels(luma, 16) == 1
    luma[0, 1] = 16
    assert count_border_pixels(luma, 16) == (HEIGHT - 2) * (WIDTH - 2) + 2


def test_black_means_another_level_in_full_range() -> None:
    luma = grey()
    luma[0], luma[-1] = 18, 2
    assert count_border_pixels(luma, 16) == 2 * WIDTH
    assert count_border_pixels(luma, 0) == WIDTH
    assert count_border_pixels(grey(), 16) == 0


def test_black_at_one_side_is_found_without_its_corners() -> None:
    luma = grey()
    luma[20:30, -2:] = 16
    assert count_border_pixels(luma, 16) == 20


def test_borders_are_summed_over_the_clip() -> None:
    frames = [picture(np.eye(3)) for _ in CLIP_TIMES]
    frames[7][-3:] = 16
    frames[9][:, 0] = 18
    frames[20] = cv2.copyMakeBorder(frames[20][3:], 3, 0, 0, 0, cv2.BORDER_REPLICATE)
    s = measure(frames, CLIP_TIMES)
    assert s.border_pixels == 3 * WIDTH + HEIGHT
    assert s.border_percent == pytest.approx(100 * 3 / HEIGHT)
    assert s.replicated_edge_frames == 1


def test_the_range_reaches_every_frame() -> None:
    dark = [np.full((HEIGHT, WIDTH), 17, dtype=np.uint8)] * len(CLIP_TIMES)
    assert set(observe(dark, CLIP_TIMES).border_pixels) == {HEIGHT * WIDTH}
    assert set(observe(dark, CLIP_TIMES, full_range=True).border_pixels) == {0}


@pytest.mark.parametrize("side", range(4))
def test_three_equal_outer_rows_or_columns_are_replicated(side: int) -> None:
    luma = picture(np.eye(3))
    widths = [0, 0, 0, 0]
    assert not has_replicated_edge(luma)
    widths[side] = 1
    assert not has_replicated_edge(cv2.copyMakeBorder(luma, *widths, cv2.BORDER_REPLICATE))
    widths[side] = 2
    assert has_replicated_edge(cv2.copyMakeBorder(luma, *widths, cv2.BORDER_REPLICATE))


def test_a_flat_edge_is_not_replicated() -> None:
    luma = picture(np.eye(3))
    luma[:5] = 235
    assert not has_replicated_edge(luma)
