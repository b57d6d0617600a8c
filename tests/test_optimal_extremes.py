"""Odd clips and cameras: each is planned without a border, quickly, and without a warning of numpy.

The suite turns every Python warning into an error.
"""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from stabilizer.border import BorderCheck
from stabilizer.camera import Camera
from stabilizer.crop import ZoomRange
from stabilizer.errors import StabilizerError
from stabilizer.lens import Fisheye
from stabilizer.optimal import Cinematic, Fixed, Optimal
from stabilizer.path import CameraPath
from stabilizer.simulate import Handheld

FRAMES = 0.3 + np.arange(60) / 30
TIMES = np.arange(-0.5, 4.0, 1 / 1000)
WALK = CameraPath.of(TIMES, Handheld("walk", 3).at(TIMES))
STILL = CameraPath.of(np.array([0.0, 5.0]), Rotation.from_rotvec([[0.3, -1.0, 0.4]] * 2))

each = pytest.mark.parametrize(
    "smoother", [Optimal(), Cinematic(), Fixed()], ids=lambda smoother: type(smoother).__name__
)
zooms = pytest.mark.parametrize("zoom", ["dynamic", "fixed", 1.2])


def camera(width=640, height=360, focal=480.0, **fields) -> Camera:
    return Camera.from_focal(width, height, focal, **({"readout_time": 0.02} | fields))


def planned(smoother, measured, frames=FRAMES, zoom="dynamic", *, max_zoom=1.5, source=None):
    """Plan, and judge by the exact map: no border, and no zoom that is not allowed."""
    source = source or camera()
    judge = BorderCheck(measured, source, source, 4.0)
    path = smoother.plan(frames, judge, ZoomRange.of(zoom, max_zoom=max_zoom))
    quat = path.virtual.quat_at(frames)
    assert np.isfinite(quat).all()
    assert np.isfinite(path.zoom).all()
    some = np.linspace(0, len(frames) - 1, min(len(frames), 60)).astype(int)
    exact = judge.margin(frames[some], quat[some], path.zoom[some], 100)
    assert exact.min() > -0.02
    assert path.margin.min() > -2e-3
    if zoom != "dynamic":
        assert np.ptp(path.zoom) < 1e-12
    return path


def about(axis, angle) -> CameraPath:
    """A turn by angle (N,) rad at TIMES about an axis of the world."""
    return CameraPath.of(TIMES, Rotation.from_rotvec(np.outer(angle, axis)))


def away_deg(path, measured) -> np.ndarray:
    return np.rad2deg((measured.at(path.virtual.t).inv() * path.virtual.R_world_cam).magnitude())


@zooms
@pytest.mark.parametrize("n_frames", [1, 2, 3])
@each
def test_a_few_frames(smoother, n_frames, zoom) -> None:
    path = planned(smoother, WALK, FRAMES[:n_frames], zoom)
    assert len(path.virtual.t) == len(path.zoom) == len(path.margin) == n_frames


@zooms
@each
def test_a_camera_that_does_not_move(smoother, zoom) -> None:
    path = planned(smoother, STILL, zoom=zoom)
    assert away_deg(path, STILL).max() < 1e-4
    if zoom != 1.2:  # the interpolation kernel takes 4 of the 179.5 px from the centre to the edge
        assert path.zoom.max() < 179.5 / 175.5 + 2e-3


@each
def test_a_still_global_shutter_needs_no_zoom_at_all_if_none_is_allowed(smoother) -> None:
    """Every pixel stays where it is: no kernel reaches past the edge."""
    path = planned(smoother, STILL, zoom=1.0, source=camera(readout_time=0.0))
    assert (path.zoom == 1.0).all()
    assert away_deg(path, STILL).max() < 1e-6


@each
def test_a_zoom_of_one_is_exceeded_and_said_where_it_cannot_be(smoother, caplog) -> None:
    for zoom in (1.0, "dynamic"):
        caplog.clear()
        path = planned(smoother, WALK, FRAMES[:20], zoom, max_zoom=1.0)
        assert 1.02 < path.zoom.max() < 1.1
        assert "would show a border even without smoothing" in caplog.text
    judge = BorderCheck(WALK, camera(), camera(), 4.0)
    with pytest.raises(StabilizerError, match="even without smoothing"):
        smoother.plan(FRAMES[:20], judge, ZoomRange.of(1.0, max_zoom=1.5, strict=True))


@each
def test_a_huge_zoom_may_be_allowed(smoother) -> None:
    assert planned(smoother, WALK, max_zoom=50.0).zoom.max() < 1.6
    path = planned(smoother, WALK, zoom=40.0)
    assert (path.zoom == 40.0).all()


@pytest.mark.parametrize("direction", ["top_to_bottom", "right_to_left"])
@each
def test_a_portrait_camera(smoother, direction) -> None:
    planned(smoother, WALK, source=camera(360, 640, readout_direction=direction))


@each
def test_a_tiny_camera(smoother) -> None:
    """Four of 48 rows are the kernel's at either edge."""
    path = planned(smoother, WALK, source=camera(64, 48, 50.0), max_zoom=3.0)
    assert 1.2 < path.zoom.min() < path.zoom.max() < 2.0


@each
def test_a_wide_fisheye(smoother) -> None:
    source = camera(640, 480, 220.0, lens=Fisheye((0.02, -0.005, 0.0, 0.0)))
    planned(smoother, WALK, source=source)


def test_a_thousand_frames_per_second() -> None:
    path = planned(Optimal(), WALK, 0.3 + np.arange(700) / 1000)
    R = path.virtual.R_world_cam
    assert np.rad2deg((R[:-1].inv() * R[1:]).magnitude()).max() < 0.1


@each
def test_a_frame_every_half_second(smoother) -> None:
    path = planned(smoother, WALK, 0.0 + np.arange(8) / 2)
    assert away_deg(path, WALK).max() > 0.05  # one shot, smoothed


@each
def test_frames_of_a_time_lapse_stand_alone(smoother) -> None:
    """Over a second apart each is a shot of its own."""
    t = np.arange(-1.0, 22.0, 1 / 200)
    measured = CameraPath.of(t, Handheld("walk", 0).at(t))
    planned(smoother, measured, np.arange(8) * 2.1)


@pytest.mark.parametrize("axis", [(0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.5, 0.7, 0.3)])
@each
def test_a_steady_spin(smoother, axis) -> None:
    """170 degrees per second, for a turn and more: least jerk goes with it, and needs no crop."""
    spin = about(axis, np.deg2rad(170) * TIMES)
    frames = 0.2 + np.arange(80) / 30
    path = planned(smoother, spin, frames)
    if type(smoother) is Optimal:
        lag = away_deg(path, spin)
        assert np.ptp(lag) < 0.2
        turned = path.virtual.R_world_cam[:-1].inv() * path.virtual.R_world_cam[1:]
        rate = turned.magnitude() * 30
        np.testing.assert_allclose(rate, np.deg2rad(170) * np.linalg.norm(axis), rtol=0.01)
        np.testing.assert_allclose(path.zoom, path.zoom[40], rtol=2e-3)  # up to the last frame


@each
def test_half_a_turn(smoother) -> None:
    """180 degrees in a second, forward and about the view: no quaternion takes the other way."""
    angle = gaussian_filter1d(np.pi * np.clip(TIMES - 0.8, 0, 1), 30)
    for axis in [(0.0, 1.0, 0.0), (0.0, 0.0, -1.0)]:
        measured = about(axis, angle)
        path = planned(smoother, measured)
        assert away_deg(path, measured).max() < 50
        pose = path.virtual.R_world_cam
        assert np.rad2deg((pose[0].inv() * pose[-1]).magnitude()) > 120


@pytest.mark.parametrize("zoom", ["dynamic", "fixed"])
@each
def test_a_whip_pan(smoother, zoom) -> None:
    """15 rad/s for a tenth of a second: 290 px of rolling shutter at 1080 lines."""
    angle = gaussian_filter1d(15.0 * np.clip(TIMES - 1.2, 0, 0.1), 15)
    measured = about((0.0, 1.0, 0.0), angle)
    path = planned(smoother, measured, zoom=zoom)
    assert path.zoom.max() <= 1.5 * (1 + 1e-5)
    assert away_deg(path, measured).max() > 1  # it begins before the pan and ends after it


@each
def test_a_spin_of_15_rad_per_s_without_rolling_shutter(smoother) -> None:
    spin = about((0.0, 1.0, 0.0), 15.0 * TIMES)
    path = planned(smoother, spin, source=camera(readout_time=0.0))
    assert path.zoom.max() < 1.5 * (1 + 1e-5)


@each
def test_frames_beyond_the_log_alone(smoother) -> None:
    """The log ends before the clip begins: the virtual camera is the last known one."""
    path = planned(smoother, WALK, 10.0 + np.arange(30) / 30)
    assert away_deg(path, WALK).max() < 1e-4
    assert not WALK.covered(path.virtual.t).any()
