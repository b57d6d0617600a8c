"""`Optimal`, `Cinematic` and `Fixed`: what they promise of whole clips."""

import logging
import tracemalloc
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from gyro_data.quaternions import conjugate, multiply, to_rotvec
from stabilizer.border import BorderCheck
from stabilizer.camera import Camera
from stabilizer.crop import CroppedPath, ZoomRange
from stabilizer.errors import StabilizerError
from stabilizer.optimal import Cinematic, Fixed, Optimal
from stabilizer.optimal.border_model import BorderModel
from stabilizer.path import CameraPath
from stabilizer.simulate import Handheld
from stabilizer.smoothing import Gaussian

CAMERA = Camera.from_focal(640, 360, 480.0, readout_time=0.02)
FRAMES = 0.2 + np.arange(180) / 30
ALL = [Optimal(), Cinematic(), Fixed()]
DYNAMIC, ONE = ZoomRange(high=2.0), ZoomRange(high=2.0, fixed=True)

each = pytest.mark.parametrize("smoother", ALL, ids=lambda smoother: type(smoother).__name__)


@cache
def moving(kind: str = "walk", seed: int = 1, duration: float = 6.5, pan: float = 0.35):
    t = np.arange(-0.5, duration + 0.5, 1 / 500)
    motion = Handheld(kind, seed, pan=pan)
    return CameraPath.of(t, motion.at(t), rate=motion.rate_at(t))


def planned(
    smoother: Optimal | Gaussian,
    measured: CameraPath,
    frame_times=FRAMES,
    zoom: ZoomRange = DYNAMIC,
    *,
    camera: Camera = CAMERA,
    inset: float = 4.0,
) -> CroppedPath:
    return smoother.plan(frame_times, BorderCheck(measured, camera, camera, inset), zoom)


def angles_deg(a: Rotation, b: Rotation) -> np.ndarray:
    return np.rad2deg((a.inv() * b).magnitude())


def apart_deg(a: CroppedPath, b: CroppedPath, t) -> float:
    return float(angles_deg(a.virtual.at(t), b.virtual.at(t)).max())


def mean_zoom(path: CroppedPath) -> float:
    return float(np.exp(np.log(path.zoom).mean()))


def rates(path: CroppedPath) -> np.ndarray:
    """Turns between frames (F − 1, 3) rad, in the virtual frame."""
    R = path.virtual.R_world_cam
    return (R[:-1].inv() * R[1:]).as_rotvec()


def jerk(path: CroppedPath, axis: int | slice = slice(None)) -> float:
    return float(np.sqrt((np.diff(rates(path)[:, axis], n=2, axis=0) ** 2).mean()))


@pytest.mark.parametrize("kind", ["stand", "walk", "run"])
def test_a_fixed_zoom_is_worth_its_price(kind) -> None:
    """A percent more or less of it costs more in all: the sum over nodes, which are the frames."""
    measured, smoother = moving(kind), Optimal()
    model = BorderModel(BorderCheck(measured, CAMERA, CAMERA, 4.0))
    price = smoother.cost(smoother.smoothness)[1]

    def total(path: CroppedPath) -> float:
        velocity = model.focal * rates(path)
        second, third = np.diff(velocity, axis=0), np.diff(velocity, n=2, axis=0)
        zoom = price * model.radius * np.log(path.zoom).sum()
        quat = path.virtual.quat_at(FRAMES)
        away = model.focal * to_rotvec(multiply(conjugate(measured.quat_at(FRAMES)), quat))
        anchor = 1e-4 * price * (away**2).sum()
        return 0.5 * (third**2).sum() + 0.5e-3 * (second**2).sum() + zoom + anchor

    path = planned(smoother, measured, zoom=ONE)
    assert np.ptp(path.zoom) < 1e-12
    chosen, least = path.zoom[0], total(path)
    for factor in (0.99, 1.01):
        other = planned(smoother, measured, zoom=ZoomRange.of(chosen * factor, max_zoom=2.0))
        assert total(other) > 1.005 * least


@pytest.mark.parametrize("zoom", [DYNAMIC, ONE], ids=["dynamic", "fixed"])
@pytest.mark.parametrize("crop", [1.15])
@each
def test_the_crop_asked_for_is_the_mean_zoom(smoother, zoom, crop) -> None:
    path = planned(replace(smoother, crop=crop), moving("walk"), zoom=zoom)
    # where lengths decide between still poses the zoom jumps with the smoothness
    tolerance = 2e-3 if type(smoother) is Optimal or zoom.fixed else 6e-3
    assert mean_zoom(path) == pytest.approx(crop, rel=tolerance)
    assert np.ptp(path.zoom) < 1e-12 or not zoom.fixed


@pytest.mark.parametrize("crop", [1.001, 1.9])
def test_a_crop_out_of_reach_is_the_nearest_and_said(crop, caplog) -> None:
    """The rolling shutter needs more than so little; so much is of no use to a standing camera."""
    path = planned(Optimal(crop=crop), moving("stand", pan=0.0))
    assert 1.01 < mean_zoom(path) < 1.5
    assert f"crop {crop:.3f}" in caplog.text
    assert any(record.levelno == logging.WARNING for record in caplog.records)


def test_more_smoothness_costs_zoom_and_saves_jerk() -> None:
    paths = [planned(Optimal(smoothness=T), moving("walk")) for T in (0.05, 0.1, 0.25, 0.5, 1.0)]
    zooms, jerks = [mean_zoom(path) for path in paths], [jerk(path) for path in paths]
    assert (np.diff(zooms) > 1e-3).all()
    assert (np.diff(jerks) < 0).all()
    assert jerks[0] > 100 * jerks[-1]


def test_it_is_much_calmer_than_a_gaussian_of_the_same_crop() -> None:
    """Smoothing first and cropping afterwards wastes most of the crop."""
    measured = moving("walk", 0)
    rival = planned(Gaussian(0.5), measured)
    path = planned(Optimal(crop=float(rival.zoom[0])), measured)
    assert mean_zoom(path) < rival.zoom[0] * 1.002
    assert 3 * jerk(path) < jerk(rival)
    tight = ZoomRange(high=1.15)  # where the Gaussian has to give way
    assert 10 * jerk(planned(Optimal(), measured, zoom=tight)) < jerk(
        planned(Gaussian(0.5), measured, zoom=tight)
    )


@each
def test_the_zoom_is_calm(smoother) -> None:
    path = planned(smoother, moving("run"))
    assert np.ptp(path.zoom) > 0.005
    assert np.abs(np.diff(np.log(path.zoom))).max() * 30 < 0.1  # 1/s


@pytest.mark.parametrize("fps", [24, 60, 120])
@each
def test_the_frame_rate_does_not_matter(smoother, fps) -> None:
    """Also frames that are no nodes: the clip starts and ends at the same instants."""
    frames = 0.2 + np.arange(6 * fps + 1) / fps
    other = planned(smoother, moving(), frames)
    path = planned(smoother, moving(), 0.2 + np.arange(181) / 30)
    common = 0.2 + np.arange(37) / 6
    assert apart_deg(path, other, common) < 0.05
    zooms = [np.interp(common, p.virtual.t, p.zoom) for p in (path, other)]
    np.testing.assert_allclose(zooms[0], zooms[1], rtol=5e-3)


@each
def test_frames_at_irregular_times_lie_on_the_same_path(smoother) -> None:
    rng = np.random.default_rng(0)
    irregular = np.sort(rng.uniform(FRAMES[0], FRAMES[-1], 90))
    irregular[[0, -1]] = FRAMES[[0, -1]]
    dense = np.linspace(FRAMES[0], FRAMES[-1], 2000)
    path, other = planned(smoother, moving(), dense), planned(smoother, moving(), irregular)
    assert apart_deg(path, other, irregular) < 0.05
    np.testing.assert_allclose(other.zoom, np.interp(irregular, dense, path.zoom), rtol=5e-3)


@each
def test_where_the_nodes_lie_does_not_matter(smoother) -> None:
    """A clip that starts half a node later has all other nodes."""
    path = planned(smoother, moving(), 0.2 + np.arange(361) / 60)
    later = planned(smoother, moving(), 0.2 + np.arange(1, 361) / 60)
    inner = FRAMES[(FRAMES > 1.0) & (FRAMES < 5.0)]
    assert apart_deg(path, later, inner) < 0.15
    zooms = [np.interp(inner, p.virtual.t, p.zoom) for p in (path, later)]
    np.testing.assert_allclose(zooms[0], zooms[1], rtol=5e-3)


@pytest.mark.parametrize("part", [0.2, 0.5, 0.7, 0.999, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_last_frame_is_inside_wherever_it_falls_between_nodes(seed, part, caplog) -> None:
    """No frame needs a repair: the border counts up to the last one."""
    caplog.set_level(logging.INFO)
    frames = np.append(FRAMES[:45], FRAMES[44] + part / 30)
    planned(Optimal(), moving("run", seed), frames, ZoomRange(high=1.15))
    assert "miss the picture" not in caplog.text


@each
def test_the_resolution_does_not_matter(smoother) -> None:
    large = CAMERA.scaled_to(1280, 720)
    # the same rays: ½ px of the small picture lies beyond the centre of its last pixel
    a = planned(smoother, moving(), camera=large, inset=(4.0 + 0.5) * 2 - 0.5)
    b = planned(smoother, moving())
    assert apart_deg(a, b, FRAMES) < 0.05
    np.testing.assert_allclose(a.zoom, b.zoom, rtol=2e-3)


def test_windows_give_the_path_that_one_solution_gives() -> None:
    """50 s of a window that looks 15 s ahead, the next window, and one for 85 s."""
    measured = moving("walk", 2, 86.0)
    frames = np.arange(2550) / 30
    windows = planned(Optimal(), measured, frames)
    whole = planned(Optimal(lookahead=200.0), measured, frames)
    assert apart_deg(windows, whole, frames) < 0.05
    np.testing.assert_allclose(windows.zoom, whole.zoom, rtol=1e-3)
    third = np.linalg.norm(np.diff(rates(windows), n=2, axis=0), axis=1)
    assert third[1480:1520].max() < 1.2 * third[:1480].max()


def test_a_short_lookahead_still_joins_smoothly() -> None:
    measured = moving("walk", 2, 60.0)
    frames = np.arange(1800) / 30
    path = planned(Optimal(lookahead=1.0), measured, frames)
    third = np.linalg.norm(np.diff(rates(path), n=2, axis=0), axis=1)
    assert third[1480:1520].max() < 4 * np.sqrt((third**2).mean()) + third[:1400].max()
    assert path.margin.min() > -2e-3


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_heavier_axis_turns_more_smoothly(axis) -> None:
    """Pitch is about the virtual camera's x, yaw about y, roll about z."""
    weights = [1.0, 1.0, 1.0]
    weights[axis] = 30.0
    plain = planned(Optimal(crop=1.1), moving())
    heavy = planned(Optimal(crop=1.1, axis_weights=tuple(weights)), moving())
    assert jerk(heavy, axis) < 0.5 * jerk(plain, axis)
    for other in {0, 1, 2} - {axis}:
        assert jerk(heavy, other) > 0.9 * jerk(plain, other)


def still_share(path: CroppedPath) -> float:
    """Share of frames that move less than 0.02 px at 1080 lines from the one before."""
    return float((np.linalg.norm(rates(path), axis=1) * 1440 < 0.02).mean())


def test_cinematic_stands_truly_still_where_least_jerk_drifts() -> None:
    measured = moving("stand", 0, pan=0.0)
    assert still_share(planned(Optimal(), measured)) < 0.05
    assert still_share(planned(Cinematic(), measured)) > 0.3
    assert still_share(planned(Fixed(), measured)) > 0.9


@pytest.fixture(scope="module")
def turn_of_25_degrees() -> CameraPath:
    """In a hand: 6 s of standing, 2 s of panning right, standing again."""
    t = np.arange(-0.5, 14.5, 1 / 500)
    yaw = gaussian_filter1d(np.deg2rad(25) * np.clip((t - 6) / 2, 0, 1), 50)
    hand = Handheld("stand", 0, pan=0.0).at(t)
    return CameraPath.of(t, Rotation.from_rotvec(np.outer(yaw, [0.0, 1.0, 0.0])) * hand)


@pytest.mark.parametrize("zoom", [1.1, 1.2, "dynamic"])
def test_fixed_holds_its_pose_for_seconds_and_moves_when_it_must(turn_of_25_degrees, zoom) -> None:
    frames = 0.2 + np.arange(410) / 30
    path = planned(Fixed(), turn_of_25_degrees, frames, ZoomRange.of(zoom, max_zoom=1.25))
    pose = path.virtual.at(frames)
    before, after = frames < 3.2, frames > 10.5
    assert angles_deg(pose[0], pose[before]).max() < 0.02
    assert angles_deg(pose[-1], pose[after]).max() < 0.02
    assert 10 < angles_deg(pose[0], pose[-1])[()] < 25.5  # the crop is some 10 degrees at most
    assert path.margin.min() > -2e-3


UP = np.array([0.0, -1.0, 0.0])


def tilted(roll_deg: float, pitch_deg: float = 0.0, swing_deg: float = 0.0) -> CameraPath:
    """A hand that stands, its camera pitched up and rolled; up is known."""
    t = np.arange(-0.5, 7.0, 1 / 500)
    hand = Handheld("stand", 0, pan=0.1).at(t)
    roll = np.deg2rad(roll_deg + swing_deg * np.sin(2 * np.pi * 0.15 * t))
    R = Rotation.from_euler("x", pitch_deg, degrees=True) * hand
    R = R * Rotation.from_rotvec(np.outer(roll, [0.0, 0.0, 1.0]))
    return CameraPath.of(t, R, up=np.tile(UP, (len(t), 1)))


def roll_deg(path: CroppedPath) -> np.ndarray:
    """Roll against the horizon (F,): 0 where up lies in the virtual camera's y-z plane."""
    up = path.virtual.R_world_cam.inv().apply(UP)
    return np.rad2deg(np.arctan2(up[:, 0], np.hypot(up[:, 1], up[:, 2])))


@pytest.mark.parametrize("pitch", [0.0, 30.0, -40.0])
@pytest.mark.parametrize("swing", [0.0, 2.0])
def test_a_level_horizon_is_level_and_costs_zoom(pitch, swing) -> None:
    measured = tilted(3.0, pitch, swing)
    free, level = planned(Optimal(), measured), planned(Optimal(horizon=True), measured)
    assert np.abs(roll_deg(free)).max() > 1.0
    assert np.abs(roll_deg(level)).max() < 0.05
    assert mean_zoom(level) > mean_zoom(free) + 0.02
    assert level.margin.min() > -2e-3
    assert jerk(level) < 1.5 * jerk(free)


@each
def test_every_smoother_levels_the_horizon(smoother) -> None:
    level = planned(replace(smoother, horizon=True), tilted(2.0))
    assert np.abs(roll_deg(level)).max() < 0.1


def test_a_horizon_that_the_crop_does_not_allow_is_as_level_as_it_can_be() -> None:
    level = planned(Optimal(horizon=True), tilted(20.0), zoom=ZoomRange(high=1.2))
    assert 5 < np.abs(roll_deg(level)).max() < 16
    assert level.margin.min() > -2e-3
    assert level.zoom.max() < 1.2 * (1 + 1e-6)


@pytest.mark.parametrize("roll", [4.0, 10.0, 20.0])
def test_a_large_roll_is_solved_not_repaired(roll, caplog) -> None:
    """The zoom is what a picture rolled by so much needs: cos + 16/9 sin, and the shake."""
    caplog.set_level(logging.INFO)
    level = planned(Optimal(horizon=True), tilted(roll), zoom=ZoomRange(high=3.0))
    assert np.abs(roll_deg(level)).max() < 0.2
    angle = np.deg2rad(roll)
    needed = np.cos(angle) + 640 / 360 * np.sin(angle)
    assert needed < level.zoom.max() < needed * 1.06
    assert "miss the picture" not in caplog.text


@pytest.mark.parametrize("pitch", [85.0, 90.0, -90.0])
def test_straight_up_or_down_nothing_is_asked(pitch) -> None:
    measured = tilted(5.0, pitch)
    free, level = planned(Optimal(), measured), planned(Optimal(horizon=True), measured)
    assert mean_zoom(level) == pytest.approx(mean_zoom(free), rel=0.02)
    assert level.margin.min() > -2e-3


@each
def test_a_hole_in_the_frames_makes_two_shots(smoother) -> None:
    """Ten hours without a frame cost no time and no memory, and bind nothing together."""
    walk = moving()
    t = np.concatenate([walk.t, walk.t + 36000.0])
    twice = CameraPath.of(t, Rotation.concatenate([walk.R_world_cam] * 2))
    once = CameraPath.of(walk.t, walk.R_world_cam)
    tracemalloc.start()
    path = planned(smoother, twice, np.concatenate([FRAMES, FRAMES + 36000.0]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6
    alone = planned(smoother, once)
    assert apart_deg(path, alone, FRAMES) < 1e-3
    np.testing.assert_allclose(path.zoom[:180], alone.zoom, rtol=1e-5)
    np.testing.assert_allclose(path.zoom[180:], alone.zoom, rtol=1e-4)


def test_one_zoom_or_one_crop_serves_all_shots() -> None:
    frames = np.concatenate([FRAMES[:40], FRAMES[130:]])
    assert np.diff(frames).max() > 1
    path = planned(Optimal(), moving("run"), frames, ONE)
    assert np.ptp(path.zoom) < 1e-12
    crop = planned(Optimal(crop=1.2), moving("run"), frames)
    assert mean_zoom(crop) == pytest.approx(1.2, rel=5e-3)


@each
def test_a_gap_and_an_early_end_of_the_log_are_held(smoother) -> None:
    walk = moving()
    known = (walk.t < 5.0) & ~((walk.t > 2.0) & (walk.t < 2.3))
    t, R = walk.t[known], walk.R_world_cam[known]
    gap = np.searchsorted(t, 2.15)
    measured = CameraPath.of(t, R, gaps=t[None, [gap - 1, gap]])
    path = planned(smoother, measured)
    away = angles_deg(measured.at(FRAMES), path.virtual.R_world_cam)
    deep = ~measured.covered(FRAMES) & (measured.covered(FRAMES - 0.08) == 0)
    deep &= measured.covered(FRAMES + 0.08) == 0
    assert deep.sum() > 15
    assert away[deep].max() < 0.02
    assert np.median(away[measured.covered(FRAMES)]) > 0.1
    assert path.margin.min() > -2e-3


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"smoothness": 0.0}, ValueError, "smoothness: expected a finite number >= 0.02 and <= 10"),
        ({"smoothness": 11}, ValueError, "smoothness: expected a finite number"),
        ({"smoothness": "much"}, TypeError, "smoothness: expected a number, got 'much'"),
        ({"crop": 1.0}, ValueError, "crop: expected a finite number > 1 and <= 10, got 1.0"),
        ({"crop": float("nan")}, ValueError, "crop: expected a finite number"),
        ({"lookahead": 0.1}, ValueError, "lookahead: expected a finite number >= 0.5 and <= 3600"),
        ({"axis_weights": (1.0, 2.0)}, ValueError, r"axis_weights: expected 3 numbers, got \(1.0,"),
        ({"axis_weights": (1.0, 0.0, 1.0)}, ValueError, "axis_weights yaw: expected a finite numb"),
        ({"axis_weights": (1.0, 1.0, "x")}, TypeError, "axis_weights roll: expected a number, got"),
    ],
)
@each
def test_wrong_settings_are_named(smoother, fields, error, message) -> None:
    with pytest.raises(error, match=message):
        type(smoother)(**fields)


def test_settings_that_contradict_the_zoom_are_refused() -> None:
    with pytest.raises(ValueError, match=r"crop: expected up to max_zoom 1\.3, got 1\.4"):
        planned(Optimal(crop=1.4), moving(), zoom=ZoomRange(high=1.3))
    with pytest.raises(ValueError, match=r"crop: expected none with a given zoom, got 1\.2"):
        planned(Optimal(crop=1.2), moving(), zoom=ZoomRange.of(1.2, max_zoom=1.5))
    with pytest.raises(StabilizerError, match="level horizon needs a path that knows which way"):
        planned(Optimal(horizon=True), moving())
