"""The crop: no border pixel, not one; the smallest zoom; the pull towards the measured path."""

import logging

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from stabilizer.border import BorderCheck, border_points
from stabilizer.camera import Camera
from stabilizer.crop import ZoomRange, calm, fade, fit_crop
from stabilizer.errors import StabilizerError
from stabilizer.lens import Fisheye, OpenCV, Pinhole
from stabilizer.path import CameraPath
from stabilizer.smoothing import Gaussian, Unsmoothed
from stabilizer.warp import source_points

FRAMES = np.arange(60) / 20 + 0.3
LENSES = [Pinhole(), OpenCV((-0.25, 0.07, 0.001, 0.0)), Fisheye((0.04, -0.01, 0.0, 0.0))]


def border(measured, lens=LENSES[0], readout=0.02, inset=4.0, **camera) -> BorderCheck:
    source = Camera.from_focal(640, 360, 480.0, lens=lens, readout_time=readout, **camera)
    return BorderCheck(measured, source, source, inset)


def worst_margin_by_hand(path: CameraPath, zoom: float, judge: BorderCheck) -> float:
    """The worst distance to the inset picture over every single border pixel of every frame."""
    width, height = judge.camera.width, judge.camera.height
    x, y = np.arange(width), np.arange(height)
    edges = [
        np.stack([x, np.zeros(width)], -1),
        np.stack([x, np.full(width, height - 1)], -1),
        np.stack([np.zeros(height), y], -1),
        np.stack([np.full(height, width - 1), y], -1),
    ]
    found = source_points(
        np.concatenate(edges).astype(float),
        path.t,
        path.quat_at(path.t),
        zoom,
        measured=judge.measured,
        camera=judge.camera,
        output=judge.output,
    )
    assert not np.isnan(found).any()
    low, high = found.min(axis=(0, 1)), found.max(axis=(0, 1))
    return min(
        (low - judge.inset).min(),
        (width - 1 - judge.inset - high[0]),
        (height - 1 - judge.inset - high[1]),
    )


def cropped(wish: CameraPath, judge: BorderCheck, zoom: ZoomRange):
    """Return path, the one zoom of all frames, margins."""
    result = fit_crop(wish, judge, zoom)
    assert len(np.unique(result.zoom)) == 1
    return result.virtual, result.zoom[0], result.margin


def test_border_points_walk_once_around_the_picture() -> None:
    xy = border_points(Camera.from_focal(640, 360, 480.0), 8)
    assert len(np.unique(xy, axis=0)) == 32
    on_edge = (xy == 0) | (xy == (639, 359))
    assert on_edge.any(axis=-1).all()
    for corner in [(0, 0), (639, 0), (639, 359), (0, 359)]:
        assert (xy == corner).all(axis=-1).any()


@pytest.mark.parametrize("lens", LENSES, ids=lambda lens: lens.name)
@pytest.mark.parametrize("direction", ["top_to_bottom", "right_to_left"])
def test_the_zoom_is_the_smallest_without_a_border(handheld, lens, direction) -> None:
    judge = border(handheld, lens, readout_direction=direction)
    wish = Gaussian(0.5)(handheld, FRAMES)
    path, zoom, margin = cropped(wish, judge, ZoomRange(high=3.0))
    assert 1.02 < zoom < 1.5
    assert margin.min() == pytest.approx(0, abs=2e-3)
    assert worst_margin_by_hand(path, zoom, judge) > -0.02
    assert worst_margin_by_hand(path, zoom * 0.999, judge) < -0.1


@pytest.mark.parametrize("lens", LENSES, ids=lambda lens: lens.name)
@pytest.mark.parametrize("time_constant", [1.0, 10.0])
@pytest.mark.parametrize("limit", [1.06, 1.12])
def test_where_the_limit_binds_the_path_gives_way_and_the_border_stays_out(
    handheld, lens, time_constant, limit
) -> None:
    judge = border(handheld, lens)
    wish = Gaussian(time_constant)(handheld, FRAMES)
    path, zoom, margin = cropped(wish, judge, ZoomRange(high=limit))
    assert zoom == limit
    assert margin.min() > -2e-3
    assert worst_margin_by_hand(path, zoom, judge) > -0.02
    moved = (wish.R_world_cam.inv() * path.R_world_cam).magnitude()
    assert moved.max() > 1e-3  # the limit did bind


def test_a_given_zoom_is_kept_when_it_fits(handheld) -> None:
    judge = border(handheld)
    wish = Gaussian(0.5)(handheld, FRAMES)
    path, zoom, margin = cropped(wish, judge, ZoomRange.of(1.6, max_zoom=1.5))
    assert zoom == 1.6
    assert margin.min() > 5
    np.testing.assert_allclose(path.quat_at(FRAMES), wish.quat_at(FRAMES), atol=1e-15)


def test_a_zoom_that_not_even_the_measured_path_fits_is_raised_and_said(handheld, caplog) -> None:
    judge = border(handheld, readout=0.03)
    with caplog.at_level(logging.WARNING):
        wish = Unsmoothed()(handheld, FRAMES)
        path, zoom, margin = cropped(wish, judge, ZoomRange.of(1.001, max_zoom=1.5))
    assert "would show a border even without smoothing" in caplog.text
    assert zoom > 1.01
    assert margin.min() > -2e-3
    assert worst_margin_by_hand(path, zoom, judge) > -0.02


def test_a_strict_range_refuses_a_zoom_that_not_even_the_measured_path_fits(handheld) -> None:
    judge = border(handheld, readout=0.03)
    with pytest.raises(StabilizerError, match=r"even without smoothing.*need 1\.0"):
        fit_crop(Unsmoothed()(handheld, FRAMES), judge, ZoomRange(high=1.001, strict=True))


@pytest.mark.parametrize(
    ("zoom", "expected"),
    [
        ("dynamic", ZoomRange(1.0, 2.0)),
        ("fixed", ZoomRange(1.0, 2.0, fixed=True)),
        (1.3, ZoomRange(1.3, 1.3, fixed=True)),
    ],
)
def test_a_zoom_says_its_range(zoom, expected) -> None:
    assert ZoomRange.of(zoom, max_zoom=2.0) == expected


@pytest.mark.parametrize("zoom", ["auto", "1.2", 0.9, 51, float("nan")])
def test_other_zooms_are_refused(zoom) -> None:
    with pytest.raises(ValueError, match="zoom: expected"):
        ZoomRange.of(zoom, max_zoom=2.0)


def test_where_the_log_says_nothing_the_picture_is_left_as_it_is() -> None:
    """A gap, and a log that ends before the clip: the wish fades to the measured path around."""
    t = np.arange(600) / 30
    covered = (t < 5.0) | ((t > 5.5) & (t < 18.0))
    share = fade(covered, t)
    assert (share[~covered] == 0).all()
    assert share[(np.abs(t - 5.25) > 2.5) & (t < 15.5)].min() > 0.99
    assert np.abs(np.diff(share)).max() < 0.06  # a second's Gaussian: 1.2 per s at the steepest


def test_an_identity_needs_no_zoom_and_no_inset(handheld) -> None:
    judge = border(handheld, readout=0.0, inset=8.0)
    _, zoom, margin = cropped(Unsmoothed()(handheld, FRAMES), judge, ZoomRange())
    assert zoom == 1.0
    assert margin.min() == 0.0


@pytest.mark.parametrize("lens", LENSES, ids=lambda lens: lens.name)
@pytest.mark.parametrize("away", [0.02, 0.1, 0.5])
def test_the_zoom_required_is_the_smallest_of_each_frame(handheld, lens, away) -> None:
    judge = border(handheld, lens, readout=0.03)
    turns = Rotation.from_rotvec(np.random.default_rng(0).normal(size=(len(FRAMES), 3)) * away)
    quat = (handheld.at(FRAMES) * turns).as_quat()
    zoom = judge.required_zoom(FRAMES, quat)
    shown = np.isfinite(zoom)
    assert shown.sum() > 10
    t, quat, zoom = FRAMES[shown], quat[shown], zoom[shown]
    assert judge.margin(t, quat, zoom).min() > -1e-4
    assert judge.margin(t, quat, zoom * (1 - 1e-5)).max() < 0
    assert shown.all() or away == 0.5  # the picture's centre itself is not in the source


def test_a_still_picture_that_is_zoomed_already_needs_the_inset_too() -> None:
    """At zoom 1 it stays where it is, at a little more its edge would be interpolated."""
    still = CameraPath.of(np.array([0.0, 1.0]), Rotation.identity(2))
    judge = border(still, readout=0.0, inset=4.0)
    t, quat = np.array([0.2, 0.6]), still.quat_at(np.array([0.2, 0.6]))
    np.testing.assert_array_equal(judge.required_zoom(t, quat), 1.0)
    needed = judge.required_zoom(t, quat, least=np.array([1.0, 1.005]))
    np.testing.assert_allclose(needed, [1.0, 359 / (359 - 2 * 4.0)], rtol=1e-6)


@pytest.mark.parametrize("zoom", [1.004, 1.02])
def test_a_given_zoom_is_raised_for_still_frames_that_fit_only_at_one(zoom, caplog) -> None:
    still = CameraPath.of(np.array([0.0, 5.0]), Rotation.identity(2))
    judge = border(still, readout=0.0)
    _, taken, margin = cropped(Unsmoothed()(still, FRAMES), judge, ZoomRange(zoom, zoom))
    assert taken == pytest.approx(359 / (359 - 2 * 4.0), rel=1e-5)
    assert margin.min() > -2e-3
    assert "would show a border even without smoothing" in caplog.text


def test_rays_that_the_lens_does_not_show_are_outside() -> None:
    """A strong barrel lens folds back: without the check its far rays would land inside."""
    lens = OpenCV((-0.45, 0.0, 0.0, 0.0))
    still = CameraPath.of(np.array([0.0, 1.0]), Rotation.identity(2))
    judge = border(still, lens, readout=0.0)
    turned = Rotation.from_rotvec([0.0, 1.2, 0.0]).as_quat()
    assert judge.margin(np.array([0.0]), turned[None], 1.3)[0] == -np.inf


def test_a_clip_that_cannot_be_cropped_is_refused() -> None:
    """A spinning camera and a wrong readout: the picture's centre itself is not in the source."""
    t = np.linspace(-1, 5, 6001)
    spinning = CameraPath.of(t, Rotation.from_rotvec(np.outer(40 * np.sin(9 * t), (0, 1.0, 0))))
    judge = border(spinning, readout=0.5)
    with pytest.raises(StabilizerError, match="no zoom up to 50 keeps the border out"):
        fit_crop(Unsmoothed()(spinning, FRAMES), judge, ZoomRange())


def test_a_pull_sets_in_and_fades_calmly_and_never_exceeds_what_fits() -> None:
    t = np.arange(600) / 60
    rng = np.random.default_rng(0)
    share = np.where(rng.random(600) < 0.02, rng.uniform(0.2, 0.9, 600), 1.0)
    calmed = calm(share, t)
    assert (calmed <= share + 1e-12).all()
    assert calmed.min() == pytest.approx(share.min(), abs=0.02)
    # from 1 to 0.2 in a second at the earliest: a step of the share would be 0.8 in one frame
    assert np.abs(np.diff(calmed)).max() < 0.03
    assert np.abs(np.diff(calmed, n=2)).max() < 0.003
