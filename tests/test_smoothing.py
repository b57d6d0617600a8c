"""Smoothers: one contract for all, and the Gaussian's transfer function."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from stabilizer.border import BorderCheck
from stabilizer.camera import Camera
from stabilizer.crop import ZoomRange
from stabilizer.errors import StabilizerError
from stabilizer.lens import OpenCV
from stabilizer.path import CameraPath
from stabilizer.smoothing import SMOOTHERS, Gaussian

FRAMES = np.arange(120) / 30 + 0.011


def yaw_path(yaw, t0=-4.0, t1=9.0, n=8000) -> CameraPath:
    t = np.linspace(t0, t1, n)
    return CameraPath.of(t, Rotation.from_rotvec(np.outer(yaw(t), (0.0, 1.0, 0.0))))


def angles_deg(a: CameraPath, b: CameraPath) -> np.ndarray:
    return np.rad2deg((a.R_world_cam.inv() * b.R_world_cam).magnitude())


@pytest.fixture(params=sorted(SMOOTHERS))
def smoother(request):
    return SMOOTHERS[request.param]()


def planned(smoother, measured, frame_times=FRAMES, zoom=ZoomRange(), **camera):  # noqa: B008
    settings = {"readout_time": 0.02} | camera
    source = Camera.from_focal(640, 360, 480.0, **settings)
    return smoother.plan(frame_times, BorderCheck(measured, source, source, 4.0), zoom)


@pytest.fixture(params=["dynamic", "fixed", 1.2])
def zoom(request) -> ZoomRange:
    return ZoomRange.of(request.param, max_zoom=1.5)


def test_every_smoother_answers_at_the_frame_times(smoother, handheld, zoom) -> None:
    path = planned(smoother, handheld, zoom=zoom)
    np.testing.assert_array_equal(path.virtual.t, FRAMES)
    assert path.zoom.shape == path.margin.shape == FRAMES.shape
    assert (path.zoom >= zoom.low).all()
    assert (path.zoom <= zoom.high * (1 + 1e-5)).all()
    if zoom.fixed:
        assert np.ptp(path.zoom) < 1e-12


@pytest.mark.parametrize("lens", [None, OpenCV((-0.25, 0.07, 0.001, 0.0))])
def test_no_smoother_shows_a_border(smoother, handheld, zoom, lens) -> None:
    camera = {} if lens is None else {"lens": lens}
    path = planned(smoother, handheld, zoom=zoom, **camera)
    source = Camera.from_focal(640, 360, 480.0, readout_time=0.02, **camera)
    judge = BorderCheck(handheld, source, source, 4.0)
    exact = judge.margin(FRAMES, path.virtual.quat_at(FRAMES), path.zoom, 200)
    assert exact.min() > -0.02  # dense points between those of the verdict bulge by less
    assert path.margin.min() > -2e-3
    assert (path.margin < exact + 0.02).all()  # what is said is not more than there is


def test_every_smoother_leaves_a_still_camera_alone(smoother) -> None:
    pose = Rotation.from_rotvec([0.3, -1.0, 0.4])
    still = CameraPath.of(np.array([0.0, 5.0]), Rotation.concatenate([pose, pose]))
    virtual = planned(smoother, still).virtual
    np.testing.assert_allclose(
        virtual.R_world_cam.as_matrix(), np.broadcast_to(pose.as_matrix(), (120, 3, 3)), atol=1e-6
    )


def test_every_smoother_commutes_with_a_rotation_of_the_world(smoother, handheld) -> None:
    turn = Rotation.from_euler("XYZ", [40, 170, -60], degrees=True)
    turned = CameraPath.of(handheld.t, turn * handheld.R_world_cam)
    a, b = planned(smoother, turned).virtual, planned(smoother, handheld).virtual
    difference = (turn * b.R_world_cam).inv() * a.R_world_cam
    # rounding, which reweighted lengths magnify where they decide between two still poses
    assert np.rad2deg(difference.magnitude()).max() < 1e-4


def test_every_smoother_commutes_with_a_shift_of_time(smoother, handheld) -> None:
    later = CameraPath.of(handheld.t + 1000.0, handheld.R_world_cam)
    a = planned(smoother, later, FRAMES + 1000.0).virtual
    assert angles_deg(a, planned(smoother, handheld).virtual).max() < 1e-4


def test_every_smoother_takes_one_frame(smoother, handheld) -> None:
    virtual = planned(smoother, handheld, np.array([1.0])).virtual
    assert len(virtual.R_world_cam) == 1
    assert np.rad2deg((virtual.at(1.0).inv() * handheld.at(1.0)).magnitude()) < 10


def test_every_smoother_is_deterministic_to_the_bit(smoother, handheld) -> None:
    a, b = planned(smoother, handheld), planned(smoother, handheld)
    np.testing.assert_array_equal(a.virtual.quat_at(FRAMES), b.virtual.quat_at(FRAMES))
    np.testing.assert_array_equal(a.zoom, b.zoom)


def test_every_smoother_leaves_frames_without_motion_data_as_they_are(smoother, handheld) -> None:
    """A gap and a log that ends early: there the virtual camera is the measured one."""
    known = handheld.t < 3.3
    R = handheld.R_world_cam[known]
    start, end = np.searchsorted(handheld.t, [1.2, 1.5])
    R = Rotation.concatenate([R[: start + 1], R[start] * R[end].inv() * R[end:]])
    t = np.concatenate([handheld.t[: start + 1], handheld.t[end:][: len(R) - start - 1]])
    short = CameraPath.of(t, R, gaps=t[None, [start, start + 1]])
    virtual = planned(smoother, short).virtual
    away = np.rad2deg((short.at(FRAMES).inv() * virtual.R_world_cam).magnitude())
    covered = short.covered(FRAMES)
    assert 5 < (~covered).sum() < 60
    inside = ~covered & ~short.covered(FRAMES - 0.07) & ~short.covered(FRAMES + 0.07)
    assert inside.sum() > 3
    assert away[inside].max() < 0.02  # a spline through nodes a thirtieth of a second apart
    assert away[~covered].max() < 0.3  # it leaves smoothly
    rate = np.rad2deg((virtual.R_world_cam[:-1].inv() * virtual.R_world_cam[1:]).magnitude()) * 30
    measured = short.at(FRAMES)
    fastest = np.rad2deg((measured[:-1].inv() * measured[1:]).magnitude()).max() * 30
    assert rate.max() < 1.1 * fastest  # no jump


def test_every_smoother_says_or_refuses_that_even_the_measured_path_needs_more_zoom(
    smoother, handheld, caplog
) -> None:
    tight = ZoomRange(high=1.004)
    path = planned(smoother, handheld, zoom=tight, readout_time=0.03)
    assert "would show a border even without smoothing" in caplog.text
    assert 1.01 < path.zoom.max() < 1.2
    assert path.margin.min() > -2e-3
    with pytest.raises(StabilizerError, match="even without smoothing"):
        planned(smoother, handheld, zoom=replace(tight, strict=True), readout_time=0.03)


@pytest.mark.parametrize("frequency", [0.2, 0.5, 1.0, 2.0])
def test_the_gaussian_passes_each_frequency_as_theory_says(frequency) -> None:
    """A Gaussian of standard deviation s passes exp(−2 (π s f)²)."""
    amplitude = 0.05
    measured = yaw_path(lambda t: amplitude * np.sin(2 * np.pi * frequency * t))
    virtual = Gaussian(time_constant=0.3)(measured, FRAMES)
    yaw = virtual.R_world_cam.as_rotvec()[:, 1]
    passed = np.exp(-2 * (np.pi * 0.3 * frequency) ** 2)
    expected = amplitude * passed * np.sin(2 * np.pi * frequency * FRAMES)
    np.testing.assert_allclose(yaw, expected, atol=amplitude * 0.002)


def test_the_gaussian_follows_a_pan_exactly_also_at_the_ends_of_the_log() -> None:
    short = yaw_path(lambda t: 0.7 * t, t0=FRAMES[0], t1=FRAMES[-1])
    assert (
        angles_deg(Gaussian(0.5)(short, FRAMES), CameraPath.of(FRAMES, short.at(FRAMES))).max()
        < 1e-4
    )


def test_the_gaussian_turns_with_a_camera_that_spins() -> None:
    """Euler angles or a single tangent plane break where a turn passes 180°."""
    spin = yaw_path(lambda t: 4.0 * t)
    assert (
        angles_deg(Gaussian(0.3)(spin, FRAMES), CameraPath.of(FRAMES, spin.at(FRAMES))).max() < 1e-4
    )


def test_smoothing_does_not_depend_on_the_frame_rate(handheld) -> None:
    slow, fast = FRAMES[::4], FRAMES
    a, b = Gaussian(0.4)(handheld, slow), Gaussian(0.4)(handheld, fast)
    assert np.rad2deg((a.at(slow).inv() * b.at(slow)).magnitude()).max() < 1e-3


def test_irregular_frame_times_give_the_same_path(handheld) -> None:
    irregular = np.sort(np.random.default_rng(0).uniform(FRAMES[0], FRAMES[-1], 50))
    irregular[0] = FRAMES[0]
    a, b = Gaussian(0.4)(handheld, irregular), Gaussian(0.4)(handheld, FRAMES)
    assert np.rad2deg((a.at(FRAMES[0]).inv() * b.at(FRAMES[0])).magnitude()) < 1e-6
    assert np.rad2deg((a.at(irregular).inv() * b.at(irregular)).magnitude()).max() < 0.05


def test_a_smoother_ending_at_the_end_of_the_log_adds_no_jitter(handheld) -> None:
    virtual = Gaussian(0.5)(handheld, np.arange(int(30 * 4.4)) / 30)
    rates = (virtual.R_world_cam[:-1].inv() * virtual.R_world_cam[1:]).as_rotvec() * 30
    jerk = np.abs(np.diff(rates, n=2, axis=0)).max()
    raw = handheld.at(virtual.t)
    raw_rates = (raw[:-1].inv() * raw[1:]).as_rotvec() * 30
    assert jerk < np.abs(np.diff(raw_rates, n=2, axis=0)).max() / 50


def test_a_time_constant_must_be_positive() -> None:
    with pytest.raises(ValueError, match="time_constant: expected a finite number"):
        Gaussian(time_constant=0)
