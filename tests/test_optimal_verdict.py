"""The guarantee: a path that leaves the picture is found out and repaired, whatever spoilt it."""

import logging
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gyro_data.quaternions import conjugate, from_rotvec, multiply, normalize, to_rotvec
from stabilizer.border import BorderCheck
from stabilizer.camera import Camera
from stabilizer.crop import ZoomRange
from stabilizer.errors import StabilizerError
from stabilizer.lens import Fisheye, OpenCV, Pinhole
from stabilizer.optimal import Cinematic, Fixed, Optimal
from stabilizer.optimal.verdict import keep_inside, margins, needed_zoom
from stabilizer.path import CameraPath
from stabilizer.simulate import Handheld

LENSES = [Pinhole(), OpenCV((-0.25, 0.07, 0.001, 0.0)), Fisheye((0.04, -0.01, 0.0, 0.0))]
T = 0.2 + np.arange(160) / 20  # 8 s
N = len(T)
SPOILT = slice(78, 83)
FAR = np.abs(T - T[80]) > 3.1

lenses = pytest.mark.parametrize("lens", LENSES, ids=lambda lens: lens.name)


def moving(kind: str = "walk", seed: int = 0, duration: float = 8.5) -> CameraPath:
    t = np.arange(-0.5, duration + 0.5, 1 / 500)
    motion = Handheld(kind, seed)
    return CameraPath.of(t, motion.at(t), rate=motion.rate_at(t))


WALK = moving()


def judge_of(measured=WALK, lens=LENSES[0], readout=0.02, **camera) -> BorderCheck:
    source = Camera.from_focal(640, 360, 480.0, lens=lens, readout_time=readout, **camera)
    return BorderCheck(measured, source, source, 4.0)


@cache
def good(lens=LENSES[0]):
    """Orientations and zooms of a plan with 0.2 % of zoom to spare."""
    path = Optimal().plan(T, judge_of(lens=lens), ZoomRange())
    return path.virtual.quat_at(T), path.zoom * 1.002


def spoil(quat, degrees, part=SPOILT):
    """Turn some frames farther away from the measured path."""
    way = to_rotvec(multiply(conjugate(WALK.quat_at(T[: len(quat)])), quat))[part]
    length, turn = np.linalg.norm(way, axis=1)[:, None], np.zeros((len(quat), 3))
    turn[part] = np.deg2rad(degrees) * np.where(length > 0, way / (length + 1e-99), (0, 1, 0))
    return multiply(quat, from_rotvec(turn))


def angle_deg(a, b):
    return np.rad2deg((Rotation.from_quat(a).inv() * Rotation.from_quat(b)).magnitude())


def assert_inside(judge: BorderCheck, path) -> None:
    exact = judge.margin(path.virtual.t, path.virtual.quat_at(path.virtual.t), path.zoom, 96)
    assert exact.min() > -0.02  # dense points between those of the verdict
    assert path.margin.min() > -2e-3
    assert (path.margin < exact + 0.02).all()


@pytest.mark.parametrize("fixed", [False, True])
def test_a_path_that_is_inside_stays_as_it_is_to_the_bit(fixed) -> None:
    quat, zoom = good()
    path = keep_inside(judge_of(), T, quat, zoom, limit=np.full(N, 1.5), fixed=fixed)
    np.testing.assert_array_equal(path.zoom, zoom)
    np.testing.assert_array_equal(path.virtual.quat_xyzw, normalize(quat))


@lenses
def test_frames_pushed_outside_get_more_zoom_calmly(lens) -> None:
    quat, zoom = good(lens)
    judge = judge_of(lens=lens)
    spoilt = spoil(quat, 1.5)
    assert judge.margin(T, spoilt, zoom)[SPOILT].min() < -3
    path = keep_inside(judge, T, spoilt, zoom, limit=np.full(N, 1.5), fixed=False)
    assert_inside(judge, path)
    assert angle_deg(path.virtual.quat_at(T), spoilt).max() < 1e-6
    more = np.log(path.zoom / zoom)
    assert more.min() == 0
    assert more.max() > 0.01
    assert np.abs(more[FAR]).max() < 1e-3 * more.max()
    # it sets in over a second: a jump would be all of it in one frame
    assert np.abs(np.diff(more)).max() < 0.12 * more.max()
    at_worst = path.margin[SPOILT].min()
    assert at_worst < 2  # px: no more zoom than it takes


@lenses
def test_where_the_zoom_is_limited_the_path_is_pulled_calmly(lens) -> None:
    quat, zoom = good(lens)
    judge = judge_of(lens=lens)
    spoilt = spoil(quat, 6.0)
    limit = zoom.copy()
    path = keep_inside(judge, T, spoilt, zoom, limit=limit, fixed=False)
    assert_inside(judge, path)
    assert (path.zoom <= limit * (1 + 1e-9)).all()
    found = path.virtual.quat_at(T)
    moved = angle_deg(found, spoilt)
    assert moved[SPOILT].max() > 0.3
    assert moved[FAR].max() < 1e-6
    # on the shortest way between the measured path and the wish
    whole, rest = angle_deg(WALK.quat_at(T), spoilt), angle_deg(WALK.quat_at(T), found)
    np.testing.assert_allclose(moved + rest, whole, atol=1e-6)
    share = rest / whole
    depth = 1 - share.min()
    # a Gaussian of 6.7 frames rises by 0.06 a frame at most, and bends by 0.0054
    assert np.abs(np.diff(share)).max() < 0.12 * depth
    assert np.abs(np.diff(share, n=2)).max() < 0.02 * depth


def test_a_pull_ends_within_seconds_without_a_jump() -> None:
    """Many frames fail again and again on a strong shake: the pull must not spread each time."""
    quat, zoom = good(LENSES[2])
    judge = judge_of(lens=LENSES[2])
    rng = np.random.default_rng(3)
    part = slice(74, 87)
    turn = np.zeros((N, 3))
    turn[part] = rng.normal(size=(13, 3)) * 0.12
    spoilt = multiply(quat, from_rotvec(turn))
    path = keep_inside(judge, T, spoilt, zoom, limit=zoom.copy(), fixed=False)
    assert_inside(judge, path)
    found = path.virtual.quat_at(T)
    share = angle_deg(WALK.quat_at(T), found) / angle_deg(WALK.quat_at(T), spoilt)
    assert share.min() < 0.5
    assert share[np.abs(T - T[80]) > 2.5].min() > 0.999
    assert np.abs(np.diff(share)).max() < 0.12


def test_zoom_comes_first_and_the_pull_does_the_rest() -> None:
    quat, zoom = good()
    spoilt, limit = spoil(quat, 4.0), zoom * 1.02
    judge = judge_of()
    path = keep_inside(judge, T, spoilt, zoom, limit=limit, fixed=False)
    assert_inside(judge, path)
    assert path.zoom[80] == pytest.approx(limit[80])
    assert (path.zoom <= limit * (1 + 1e-9)).all()
    assert angle_deg(path.virtual.quat_at(T), spoilt)[SPOILT].min() > 1


@pytest.mark.parametrize("fixed", [False, True])
def test_where_the_measured_path_needs_more_zoom_it_gets_it(fixed, caplog) -> None:
    judge, t = judge_of(readout=0.033), T[:24]
    quat, low = WALK.quat_at(t), np.full(24, 1.002)
    worst = np.argsort(judge.margin(t, quat, low))[:4]
    needed = judge.required_zoom(t[worst], quat[worst]).max()
    assert needed > 1.02
    limit = needed_zoom(judge, t, ZoomRange(high=1.002, fixed=fixed))
    assert "would show a border even without smoothing" in caplog.text
    assert needed <= limit.max() < needed + 2e-3
    assert (judge.margin(t, quat, limit) > -1e-3).all()
    assert np.ptp(limit) < 1e-12 or not fixed
    path = keep_inside(judge, t, spoil(quat, 3.0, slice(8, 12)), low, limit=limit, fixed=fixed)
    assert_inside(judge, path)
    assert (path.zoom <= limit * (1 + 1e-5)).all()


def test_a_limit_that_is_enough_is_left_as_it_is(caplog) -> None:
    limit = needed_zoom(judge_of(), T, ZoomRange(high=1.2, strict=True))
    np.testing.assert_array_equal(limit, np.full(N, 1.2))
    assert caplog.text == ""


def test_a_frame_that_nothing_brings_inside_is_an_error() -> None:
    judge, t = judge_of(readout=0.033), T[:10]
    with pytest.raises(StabilizerError, match=r"border cannot be kept out of the picture at 0\.2"):
        one = np.ones(10)
        keep_inside(judge, t, WALK.quat_at(t), one, limit=one, fixed=False)


@pytest.mark.parametrize("degrees", [0.8, 1.5, 5.0])
def test_a_fixed_zoom_stays_one_zoom(degrees) -> None:
    quat, zoom = good()
    one = np.full(N, zoom.max())
    spoilt = spoil(quat, degrees)
    for high in (1.5, one[0]):
        path = keep_inside(judge_of(), T, spoilt, one, limit=np.full(N, high), fixed=True)
        assert_inside(judge_of(), path)
        assert np.ptp(path.zoom) < 1e-12
        assert one[0] <= path.zoom[0] <= high * (1 + 1e-5)
    assert path.zoom[0] == one[0]  # no more was allowed: the path gave way
    assert angle_deg(path.virtual.quat_at(T), spoilt)[FAR].max() < 1e-6


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_any_sabotage_is_repaired(seed, fixed) -> None:
    """Random frames turned by up to 20 degrees, and zooms far too small."""
    rng, n = np.random.default_rng(seed), 80
    judge = judge_of(lens=LENSES[seed % 3], readout=[0.0, 0.01, 0.02, 0.033][seed])
    quat = WALK.quat_at(T[:n])
    hit = rng.random(n) < 0.05
    turn = np.where(hit[:, None], rng.normal(size=(n, 3)) * 0.15, 0.0)
    zoom = np.full(n, 1.05) if fixed else rng.uniform(1.0, 1.1, n)
    limit = np.full(n, 1.2)
    path = keep_inside(
        judge, T[:n], multiply(quat, from_rotvec(turn)), zoom, limit=limit, fixed=fixed
    )
    assert_inside(judge, path)
    assert (path.zoom >= zoom * (1 - 1e-12)).all()
    assert (path.zoom <= limit * (1 + 1e-5)).all()


@lenses
@pytest.mark.parametrize("direction", ["top_to_bottom", "left_to_right"])
def test_what_is_said_of_the_margins_is_never_more_than_there_is(lens, direction) -> None:
    judge = judge_of(moving("run"), lens, 0.033, readout_direction=direction)
    t = T[::3]
    quat = multiply(judge.measured.quat_at(t), from_rotvec(np.array([[0.0, 0.0, 0.012]])))
    zoom = np.random.default_rng(0).uniform(1.02, 1.14, len(t))
    said, exact = margins(judge, t, quat, zoom), judge.margin(t, quat, zoom, 96)
    assert (said - exact).max() < 0.01
    assert np.median(exact - said) < 0.2
    assert ((exact > 0) == (said > 0)).all()
    near = (exact < 0.03) & (exact > -10)
    assert near.sum() > 10
    dense = judge.margin(t[near], quat[near], zoom[near])
    np.testing.assert_allclose(said[near], dense, atol=1e-3)  # by the exact map


def test_a_vibration_within_the_readout_is_seen() -> None:
    """An engine's 90 Hz, 1 px at 1080 lines, thrice within one frame's readout."""
    t = np.arange(-0.5, 8.6, 1 / 4000)
    shake = 1 / 1440 * np.sin(2 * np.pi * 90 * t)
    R = Handheld("walk", 0).at(t) * Rotation.from_rotvec(np.outer(shake, [0.6, 0.8, 0.0]))
    judge = judge_of(CameraPath.of(t, R), readout=0.033)
    path = Optimal().plan(T, judge, ZoomRange())
    exact = judge.margin(T, path.virtual.quat_at(T), path.zoom, 300)
    assert exact.min() > -0.02
    assert (path.margin - exact).max() < 0.02


@pytest.mark.parametrize("kind", ["stand", "walk", "run"])
@pytest.mark.parametrize("seed", [0])
def test_no_plan_shows_a_border(kind, seed) -> None:
    rng = np.random.default_rng([seed, len(kind)])
    lens = LENSES[int(rng.integers(3))]
    for smoother, zoom in [
        (Optimal(), "dynamic"),
        (Optimal(smoothness=2.0), 1.1),
        (Cinematic(), "dynamic"),
        (Fixed(), 1.25),
    ]:
        judge = judge_of(moving(kind, int(rng.integers(1000)), 5.0), lens, rng.uniform(0.0, 0.033))
        assert_inside(judge, smoother.plan(T[:80], judge, ZoomRange.of(zoom, max_zoom=1.4)))


def jolted(at: float, width: float = 0.002, degrees: float = 2.4) -> CameraPath:
    """A hand that stands, and a knock on the camera at one instant."""
    t = np.arange(-0.5, 4.0, 1 / 4000)
    x = (t - at) / width
    knock = np.deg2rad(degrees) * np.exp(-0.5 * x**2) * x
    R = Handheld("stand", 0).at(t) * Rotation.from_rotvec(np.outer(knock, [1.0, 0.0, 0.0]))
    return CameraPath.of(t, R)


FRAMES_25 = 0.5 + np.arange(60) / 25


def test_a_strict_range_is_not_exceeded_by_a_frame_between_nodes(caplog) -> None:
    """The knock bends one frame, which is read in 4 ms between two instants of the solver."""
    judge = judge_of(jolted(FRAMES_25[31]), readout=0.004)
    near = FRAMES_25[29:34]
    needed = judge.required_zoom(near, judge.measured.quat_at(near)).max()
    assert needed > 1.05
    with pytest.raises(StabilizerError, match="even without smoothing"):
        Optimal().plan(FRAMES_25, judge, ZoomRange(high=1.04, strict=True))
    path = Optimal().plan(FRAMES_25, judge, ZoomRange(high=1.04))
    assert_inside(judge, path)
    assert "would show a border even without smoothing" in caplog.text


@pytest.mark.parametrize("zoom", ["dynamic", "fixed"])
def test_a_strict_range_that_every_frame_fits_is_not_refused(zoom, caplog) -> None:
    """The knock comes between two frames, where nothing is shown."""
    judge = judge_of(jolted((FRAMES_25[30] + FRAMES_25[31]) / 2), readout=0.02)
    near = FRAMES_25[29:34]
    needed = judge.required_zoom(near, judge.measured.quat_at(near)).max()
    assert needed < 1.035
    allowed = replace(ZoomRange.of(zoom, max_zoom=1.04), strict=True)
    path = Optimal().plan(FRAMES_25, judge, allowed)
    assert_inside(judge, path)
    assert path.zoom.max() <= 1.04 * (1 + 1e-5)
    assert caplog.text == ""


@pytest.mark.parametrize("zoom", [1.004, "fixed"])
@pytest.mark.parametrize("smoother", [Optimal(), Cinematic()])
def test_one_zoom_stays_one_where_the_measured_path_needs_more(smoother, zoom, caplog) -> None:
    judge = judge_of(readout=0.033)
    path = smoother.plan(T[:40], judge, ZoomRange.of(zoom, max_zoom=1.004))
    assert "would show a border even without smoothing" in caplog.text
    assert_inside(judge, path)
    assert np.ptp(path.zoom) < 1e-12


def test_repairs_are_said(caplog) -> None:
    caplog.set_level(logging.INFO)
    quat, zoom = good()
    spoilt = spoil(quat, 3.0)
    keep_inside(judge_of(), T, spoilt, zoom, limit=np.full(N, 1.5), fixed=False)
    assert f"5 of {N} frames miss the picture by up to" in caplog.text
