"""The border as inequalities, against the exact map: pixels, derivatives and the lower bound."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gyro_data.quaternions import from_rotvec, multiply
from stabilizer.border import BorderCheck, border_points
from stabilizer.camera import Camera, ReadoutDirection
from stabilizer.lens import Fisheye, OpenCV, Pinhole
from stabilizer.optimal.border_model import BorderModel
from stabilizer.optimal.border_rows import SUBSTEPS, BorderRows
from stabilizer.path import CameraPath
from stabilizer.simulate import Handheld
from stabilizer.warp import source_points

LENSES = [Pinhole(), OpenCV((-0.25, 0.07, 0.001, 0.0)), Fisheye((0.04, -0.01, 0.0, 0.0))]
PX = 3.0  # px at 1080 lines per px of the camera below

lenses = pytest.mark.parametrize("lens", LENSES, ids=lambda lens: lens.name)
readouts = pytest.mark.parametrize("readout", [0.0, 0.016, 0.033])
directions = pytest.mark.parametrize("direction", list(ReadoutDirection))


def moving(kind: str = "walk", duration: float = 4.0, seed: int = 0) -> CameraPath:
    t = np.arange(-0.5, duration + 0.5, 1 / 1000)
    motion = Handheld(kind, seed)
    return CameraPath.of(t, motion.at(t), rate=motion.rate_at(t))


WALK, RUN = moving("walk"), moving("run")


def border(measured=WALK, lens=LENSES[0], readout=0.02, direction="top_to_bottom") -> BorderCheck:
    camera = Camera.from_focal(
        640, 360, 480.0, lens=lens, readout_time=readout, readout_direction=direction
    )
    return BorderCheck(measured, camera, camera, 4.0)


def poses(measured: CameraPath, n: int, *, away: float = 0.02, seed: int = 0):
    """Instants (n · SUBSTEPS,) s, orientations some `away` rad from the measured, log zooms.

    Those of one node are neighbours; the next is elsewhere.
    """
    rng = np.random.default_rng(seed)
    t = np.sort(rng.uniform(0.0, 4.0, (n, 1)), axis=0) + np.linspace(0, 1e-4, SUBSTEPS)
    turn = np.repeat(rng.normal(size=(n, 3)) * away, SUBSTEPS, axis=0)
    log_zoom = np.repeat(rng.uniform(0.0, 0.4, n), SUBSTEPS)
    return t.ravel(), multiply(measured.quat_at(t.ravel()), from_rotvec(turn)), log_zoom


def exact_pixels(judge: BorderCheck, t, quat, log_zoom, per_edge: int = 8):
    return source_points(
        border_points(judge.output, per_edge),
        t,
        quat,
        np.exp(log_zoom),
        measured=judge.measured,
        camera=judge.camera,
        output=judge.output,
    )


def exact_sides(judge: BorderCheck, t, quat, log_zoom):
    """Px at 1080 lines inside the left, right, top and bottom side: (4, I, P)."""
    low = exact_pixels(judge, t, quat, log_zoom) - judge.inset
    high = np.array((639.0, 359.0)) - 2 * judge.inset - low
    return PX * np.stack([low[..., 0], high[..., 0], low[..., 1], high[..., 1]])


def dips(model: BorderModel, sides):
    """Px (G, N) by which a parabola through three instants may fall below the lowest of them."""
    result = []
    for group in model.groups:
        least = sides[2 * group.axis + (group.sign > 0)][:, group.points].min(axis=1)
        bend = least[:-2] - 2 * least[1:-1] + least[2:]
        dip = np.concatenate([[0.0], np.clip(bend / 8, 0.0, 5.0), [0.0]])
        result.append(dip.reshape(-1, SUBSTEPS).max(axis=1))
    return np.array(result)


def side_of_row(model: BorderModel):
    """The side (M,) that each row of `linearised` is about: now tightest, then the last others."""
    return np.array([2 * group.axis + (group.sign > 0) for group in model.groups * 2])


@lenses
@readouts
@directions
def test_border_pixels_agree_with_the_exact_map(lens, readout, direction) -> None:
    judge = border(WALK, lens, readout, direction)
    t, quat, log_zoom = poses(WALK, 40)
    rows = BorderRows(BorderModel(judge), t)
    rays, R_cam_virtual = rows.camera_rays(quat, log_zoom, rounds=3)
    sides = rows.distances(rays)
    found = judge.camera.project(np.moveaxis(rays, 0, -1))
    exact = exact_pixels(judge, t, quat, log_zoom)
    # the turn is interpolated between knots over little more than the picture
    near = (np.abs(exact - (319.5, 179.5)) < (1.1 * 320, 1.1 * 180)).all(axis=-1)
    assert near.mean() > 0.8
    assert np.abs(found - exact)[near].max() < 0.02  # nine knots miss a walk's bend by so much
    judged = exact_sides(judge, t, quat, log_zoom)
    assert np.abs(sides - judged)[:, near].max() < 0.02 * PX
    R_world_virtual = WALK.at(t).as_matrix() @ R_cam_virtual
    np.testing.assert_allclose(R_world_virtual, Rotation.from_quat(quat).as_matrix(), atol=1e-12)


@lenses
@directions
def test_bounds_are_the_distances_of_the_tightest_points(lens, direction) -> None:
    judge = border(RUN, lens, 0.033, direction)
    model = BorderModel(judge)
    t, quat, log_zoom = poses(RUN, 40, away=0.01)
    rows = BorderRows(model, t)
    for _ in range(3):  # each call finds the rows better
        _, bounds, watched = rows.linearised(quat, log_zoom, None)
    instant, point = np.concatenate(watched, axis=1)
    sides = exact_sides(judge, t, quat, log_zoom)
    dip = dips(model, sides)
    expected = sides[side_of_row(model)[:, None], instant, point] - np.tile(dip, (2, 1))
    inside = expected > -5 * PX  # beyond, the turn between knots is not known
    assert inside.mean() > 0.8
    np.testing.assert_allclose(bounds[inside], expected[inside], atol=0.06 * PX)
    assert (instant // SUBSTEPS == np.arange(40)).all()
    for m, group in enumerate(model.groups):
        side = sides[2 * group.axis + (group.sign > 0)][:, group.points]
        least = side.reshape(40, -1).min(axis=1) - dip[m]
        close = least > -5 * PX
        np.testing.assert_allclose(bounds[m][close], least[close], atol=0.06 * PX)


@pytest.mark.parametrize("readout", [0.0, 0.033])
def test_bounds_hold_between_the_instants(readout) -> None:
    """A tripod's view of a running camera: distances swing, and dip where no instant is."""
    judge = border(RUN, readout=readout)
    model, step, n = BorderModel(judge), 1 / 60, 60
    t, fine = 0.5 + step * np.arange(SUBSTEPS * n), 0.5 + step / 8 * np.arange(8 * SUBSTEPS * n)
    pose, zoom = RUN.quat_at(np.array([1.2])), 0.3
    rows = BorderRows(model, t)
    for _ in range(3):
        _, bounds, _ = rows.linearised(np.tile(pose, (len(t), 1)), np.full(len(t), zoom), None)
    quat = np.tile(pose, (len(fine), 1))
    finer = BorderRows(model, fine)
    sides = finer.distances(finer.camera_rays(quat, np.full(len(fine), zoom), rounds=4)[0])
    below, dipped = [], []
    for m, group in enumerate(model.groups):
        least = sides[2 * group.axis + (group.sign > 0)][:, group.points].min(axis=1)
        for k in range(SUBSTEPS, SUBSTEPS * (n - 1)):
            between, ends = least[8 * k : 8 * k + 9], least[[8 * k, 8 * k + 8]]
            at_nodes = bounds[m, [k // SUBSTEPS, (k + 1) // SUBSTEPS]]
            below.append(at_nodes.min() - between.min())
            dipped.append(ends.min() - between.min())
    assert max(dipped) > 0.7  # px: without an allowance the border would show
    assert max(below) < 0.5
    assert np.mean(np.array(below) > 0.1) < 0.01


def test_every_side_is_watched_by_all_points_near_it() -> None:
    """A corner belongs to two sides; a third of a side is a group, and no point is in two."""
    model = BorderModel(border())
    xy = border_points(model.border.output, model.per_edge) / (639.0, 359.0)
    for axis in (0, 1):
        for sign, near in ((-1.0, xy[:, axis] < 0.2), (1.0, xy[:, axis] > 0.8)):
            groups = [g.points for g in model.groups if (g.axis, g.sign) == (axis, sign)]
            assert len(groups) == 3
            together = np.concatenate(groups)
            assert len(set(together)) == len(together)
            assert set(np.flatnonzero(near)) <= set(together)


def test_rows_of_the_point_watched_before_are_kept_beside_the_new_ones() -> None:
    judge = border(readout=0.0)
    model = BorderModel(judge)
    t, quat, log_zoom = poses(WALK, 30)

    def rolled(angle: float):
        return multiply(quat, from_rotvec(np.tile([0.0, 0.0, angle], (len(t), 1))))

    watched = [BorderRows(model, t).linearised(quat, log_zoom, None)[2]]
    for angle in (0.1, -0.1, -0.1, 0.1):  # a roll makes other points the tightest
        _, bounds, now = BorderRows(model, t).linearised(rolled(angle), log_zoom, watched[-1])
        before = watched[-1]
        changed = (now[0] != before[0]).any(axis=0)
        np.testing.assert_array_equal(now[1][:, changed], before[0][:, changed])
        np.testing.assert_array_equal(now[1][:, ~changed], before[1][:, ~changed])
        sides = exact_sides(judge, t, rolled(angle), log_zoom)
        half = len(model.groups)
        expected = sides[side_of_row(model)[half:, None], *now[1]] - dips(model, sides)
        np.testing.assert_allclose(bounds[half:], expected, atol=0.01)
        watched.append(now)
    moved = [(a[0] != b[0]).any(axis=0).mean() for a, b in pairwise(watched)]
    assert min(moved[0], moved[1], moved[3]) > 0.2
    assert moved[2] == 0


def test_instants_after_the_last_frame_do_not_count() -> None:
    judge = border()
    t, quat, log_zoom = poses(WALK, 20)
    outside = multiply(quat, from_rotvec(np.tile([0.0, 0.5, 0.0], (len(t), 1))))
    rows = BorderRows(BorderModel(judge), t, until=t[20])
    assert (rows.margins(outside, log_zoom)[:21] < 0).all()
    assert (rows.margins(outside, log_zoom)[21:] > 1000).all()
    _, bounds, _ = rows.linearised(outside, log_zoom, None)
    assert (bounds[:, :10].min(axis=0) < 0).all()
    assert (bounds[:, 11:] > 0).all()


@lenses
@pytest.mark.parametrize(
    ("readout", "tolerance"),
    [(0.0, 1e-3), (0.033, 0.12)],  # the row's own turn is left out: what moves in a readout
)
def test_rows_are_the_derivatives_of_the_bounds(lens, readout, tolerance) -> None:
    judge = border(WALK, lens, readout)
    model = BorderModel(judge)
    t, quat, log_zoom = poses(WALK, 30)
    rows, _, watched = BorderRows(model, t).linearised(quat, log_zoom, None)
    instant, point = np.concatenate(watched, axis=1)
    where = (side_of_row(model)[:, None], instant, point)
    step = 1e-4
    for variable in range(4):
        ends = []
        for sign in (1, -1):
            turn = np.zeros((len(t), 3))
            if variable < 3:
                turn[:, variable] = sign * step
            zoom = log_zoom + (sign * step if variable == 3 else 0.0)
            ends.append(exact_sides(judge, t, multiply(quat, from_rotvec(turn)), zoom)[where])
        slope = (ends[1] - ends[0]) / (2 * step)  # A δ ≤ b: what a step takes from the bound
        # a table of rays has the slope of its cell's middle: 0.2 % of 1100 px
        allowed = tolerance * np.abs(slope).max() + (3.0 if variable == 3 else 0.0)
        assert np.abs(slope).max() > 500
        np.testing.assert_allclose(rows[:, variable], slope, atol=allowed)


@lenses
@pytest.mark.parametrize("readout", [0.0, 0.033])
@directions
def test_margins_are_never_above_the_dense_ones(lens, readout, direction) -> None:
    """What is said to be inside is inside: the guarantee of every plan rests on it."""
    judge = border(RUN, lens, readout, direction)
    t, quat, log_zoom = poses(RUN, 40, seed=1)
    exact = judge.margin(t, quat, np.exp(log_zoom), 120)
    judged = exact > -6  # farther out a frame fails in any case
    assert judged.sum() > 30
    for per_edge, interval, below in [(8, 4e-3, 1.0), (16, 1e-3, 0.4)]:
        model = BorderModel(judge, per_edge=per_edge, knot_interval=interval)
        excess = (BorderRows(model, t).margins(quat, log_zoom) / PX - exact)[judged]
        assert excess.max() < 1e-3
        assert excess.min() > -below
        assert np.median(excess) > -below / 4


def test_bulges_between_points_are_allowed_for() -> None:
    """A straight border bends outwards in a barrel lens: its middle, between points, is nearest."""
    source = border(lens=OpenCV((-0.3, 0.1, 0.0, 0.0)), readout=0.0).camera
    judge = BorderCheck(WALK, source, replace(source, lens=Pinhole()), 4.0)
    t, quat, log_zoom = poses(WALK, 30, away=0.01)
    rows = BorderRows(BorderModel(judge, per_edge=3), t)  # points at thirds
    points = rows.distances(rows.camera_rays(quat, log_zoom, rounds=1)[0]).min(axis=(0, 2))
    exact = judge.margin(t, quat, np.exp(log_zoom), 400)
    assert (points / PX > exact + 0.3).any()
    assert (rows.margins(quat, log_zoom) / PX <= exact + 1e-3).all()


def test_safety_is_kept_in_px_at_1080_lines() -> None:
    judge = border()
    t, quat, log_zoom = poses(WALK, 20)
    plain, safe = BorderModel(judge), BorderModel(judge, safety=0.75)
    np.testing.assert_allclose(
        BorderRows(plain, t).margins(quat, log_zoom) - BorderRows(safe, t).margins(quat, log_zoom),
        0.75,
        atol=1e-9,
    )


def test_distances_do_not_depend_on_the_resolution() -> None:
    judge = border()
    full = judge.camera.scaled_to(1920, 1080)
    # pixel edges scale, pixel centres do not: between the outermost there is ½ px less
    large = BorderCheck(WALK, full, full, (judge.inset + 0.5) * PX - 0.5)
    small, big = BorderModel(judge), BorderModel(large)
    assert small.focal == pytest.approx(big.focal) == pytest.approx(1440.0)
    assert small.radius == pytest.approx(big.radius)
    t, quat, log_zoom = poses(WALK, 30)
    a, b = (BorderRows(model, t).linearised(quat, log_zoom, None) for model in (small, big))
    np.testing.assert_allclose(a[1], b[1], atol=2 * 0.5 * PX)
    np.testing.assert_allclose(a[0], b[0], rtol=0.01, atol=10)


@pytest.mark.parametrize(("width", "height"), [(640, 360), (360, 640), (500, 500)])
def test_focal_and_radius_are_in_px_at_1080_lines(width, height) -> None:
    camera = replace(Camera.from_focal(width, height, 400.0), fx=450.0)
    model = BorderModel(BorderCheck(WALK, camera, camera, 4.0))
    scale = 1080 / min(width, height)
    assert model.focal == pytest.approx(scale * np.sqrt(400 * 450))
    x, y = np.meshgrid(np.arange(width) - camera.cx, np.arange(height) - camera.cy)
    assert model.radius == pytest.approx(scale * np.sqrt((x**2 + y**2).mean()), rel=1e-3)


@lenses
def test_rays_between_the_zooms_of_the_table_err_by_thousandths_of_a_pixel(lens) -> None:
    judge = border(lens=lens)
    model = BorderModel(judge)
    log_zoom = np.random.default_rng(0).uniform(0.0, np.log(50.0), 300)
    rays = np.moveaxis(model.rays_at(log_zoom), 0, -1)
    xy = border_points(judge.output, model.per_edge)
    exact = judge.output.unproject(xy, np.exp(log_zoom)[:, None])
    error = judge.camera.project(rays) - judge.camera.project(exact)
    assert np.abs(error).max() * PX < 0.005
    assert np.abs(error).max() > 0  # it is a table


def test_zooms_at_the_ends_of_the_table_have_rays() -> None:
    model = BorderModel(border())
    ends = model.rays_at(np.array([-0.1, 0.0, np.log(50.0), 9.0]))
    np.testing.assert_array_equal(ends[:, 0], ends[:, 1])
    assert np.isfinite(ends).all()
    assert np.abs(ends[:2, 2]).max() < 0.02  # at zoom 50 the border is near the axis


def test_points_that_the_lens_does_not_show_are_far_outside_and_give_no_rows() -> None:
    lens = OpenCV((-0.45, 0.0, 0.0, 0.0))  # folds back
    judge = border(lens=lens, readout=0.02)
    t = np.linspace(1.0, 2.0, 2 * SUBSTEPS)
    away = multiply(WALK.quat_at(t), from_rotvec(np.tile([0.0, 1.2, 0.0], (len(t), 1))))
    log_zoom = np.full(len(t), 0.2)
    rows = BorderRows(BorderModel(judge), t)
    assert (rows.margins(away, log_zoom) < -1000).all()
    A, b, _ = rows.linearised(away, log_zoom, None)
    assert np.isfinite(A).all()
    unseen = (A == 0).all(axis=1)
    assert unseen.any()
    assert (b[unseen] > 0).all()
