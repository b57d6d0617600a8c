"""The solver of a shot: it ends at the optimum of the plain cost, with the border as it is."""

from dataclasses import replace

import clarabel
import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.transform import Rotation

from gyro_data.quaternions import conjugate, from_rotvec, multiply, to_rotvec
from stabilizer.border import BorderCheck
from stabilizer.camera import Camera
from stabilizer.crop import ZoomRange
from stabilizer.lens import OpenCV
from stabilizer.optimal import Optimal
from stabilizer.optimal.border_model import BorderModel
from stabilizer.optimal.border_rows import SUBSTEPS
from stabilizer.optimal.clip import Shot, shots, solve_shot, zoom_limit
from stabilizer.optimal.cost import STEP, NodePath, PathCost
from stabilizer.optimal.sqp import sampled
from stabilizer.path import CameraPath
from stabilizer.simulate import Handheld

BARREL = OpenCV((-0.25, 0.07, 0.001, 0.0))


def moving(kind: str, seed: int = 0, duration: float = 4.0) -> CameraPath:
    t = np.arange(-0.5, duration + 0.5, 1 / 500)
    motion = Handheld(kind, seed)
    return CameraPath.of(t, motion.at(t), rate=motion.rate_at(t))


def model_of(measured: CameraPath, *, safety: float = 0.5, **camera) -> BorderModel:
    source = Camera.from_focal(640, 360, 480.0, **({"readout_time": 0.02} | camera))
    return BorderModel(BorderCheck(measured, source, source, 4.0), safety=safety)


def cost_of(model: BorderModel, smoother: Optimal = Optimal()) -> PathCost:  # noqa: B008
    restlessness, price = smoother.cost(smoother.smoothness)
    return PathCost(restlessness, model.focal, model.radius, price, smoother.axis_weights)


def shot_of(kind: str = "walk", n: int = 60, seed: int = 0, **camera) -> Shot:
    return Shot(model_of(moving(kind, seed), **camera), 1.0 + STEP * np.arange(n))


def solved(shot: Shot, zoom: ZoomRange = ZoomRange(), **options):  # noqa: B008
    limit = zoom_limit(shot, zoom.high)
    settings = {"limit": limit, "lookahead": 15.0} | options
    return solve_shot(shot, cost_of(shot.model), zoom, **settings)


def turned(path: NodePath, x: np.ndarray, model: BorderModel) -> NodePath:
    """The path after a step (4, N) px."""
    quat = multiply(path.quat, from_rotvec(x[:3].T / model.focal))
    return NodePath(quat, path.log_zoom + x[3] / model.radius)


def squares(velocity: np.ndarray) -> float:
    second, third = np.diff(velocity, axis=0), np.diff(velocity, n=2, axis=0)
    return 0.5 * (third**2).sum() + 0.5e-3 * (second**2).sum()


def plain_cost(path: NodePath, shot: Shot, price: float) -> float:
    """What `Optimal` promises to minimise, over nodes."""
    turn = to_rotvec(multiply(conjugate(path.quat[:-1]), path.quat[1:]))
    away = to_rotvec(multiply(conjugate(shot.quat_measured), path.quat))
    zoom = shot.model.radius * path.log_zoom
    anchor = 0.5 * 2e-4 * price * ((shot.model.focal * away) ** 2).sum()
    turning = squares(shot.model.focal * turn)
    return turning + anchor + price * zoom.sum() + 1e3 * squares(np.diff(zoom))


def distances(path: NodePath, shot: Shot) -> np.ndarray:
    """Px (I, 4, P) by which the border is inside every side at the instants of all nodes."""
    rows = shot.rows(slice(None))
    at = sampled(shot.t, path, rows.t)
    rays, _ = rows.camera_rays(at.quat, at.log_zoom, rounds=4)
    return np.moveaxis(rows.distances(rays), 0, 1)


def room(path: NodePath, shot: Shot) -> np.ndarray:
    """The distances (I, 4, P) of points near a side, less what that may dip between instants."""
    far, sides = np.inf, distances(path, shot)
    result = np.full_like(sides, far)
    for group in shot.model.groups:
        side = 2 * group.axis + (group.sign > 0)
        least = sides[:, side, group.points].min(axis=1)
        dip = np.zeros(len(least))
        dip[1:-1] = np.maximum(least[:-2] - 2 * least[1:-1] + least[2:], 0.0) / 8
        dip[:-1][shot.rows(slice(None)).unseen[1:]] = 0.0
        deepest = np.repeat(dip.reshape(-1, SUBSTEPS).max(axis=1), SUBSTEPS)
        result[:, side, group.points] = sides[:, side, group.points] - deepest[:, None]
    return result


def numerical_rows(path: NodePath, shot: Shot) -> np.ndarray:
    """d distances / dx (I, 4, P, 4, N) by differences; six nodes apart none sees the other."""
    n, step = len(shot.t), 0.05
    slopes = np.zeros((*distances(path, shot).shape, 4, n))
    owner = np.arange(len(slopes)) // SUBSTEPS
    for first in range(6):
        for variable in range(4):
            x = np.zeros((4, n))
            x[variable, first::6] = step
            ahead = distances(turned(path, x, shot.model), shot)
            change = (ahead - distances(turned(path, -x, shot.model), shot)) / (2 * step)
            for k in range(first, n, 6):
                near = np.abs(owner - k) <= 2
                slopes[near, ..., variable, k] = change[near]
    return slopes


def numerical_gradient(f, n: int) -> np.ndarray:
    gradient, step = np.zeros((4, n)), 1e-3
    for index in np.ndindex(4, n):
        x = np.zeros((4, n))
        x[index] = step
        gradient[index] = (f(x) - f(-x)) / (2 * step)
    return gradient


def possible_gain(path: NodePath, shot: Shot, limit: np.ndarray) -> float:
    """By what share a step that keeps all distances ≥ 0, to first order, lowers the plain cost.

    Gradient, rows and Hessian come from the plain sums here, the step from Clarabel.
    """
    model, n, price = shot.model, len(shot.t), cost_of(shot.model).price
    now = plain_cost(path, shot, price)
    gradient = numerical_gradient(lambda x: plain_cost(turned(path, x, model), shot, price), n)
    D2, D3 = (np.diff(np.eye(n), n=order, axis=0) for order in (2, 3))
    jerk = D3.T @ D3 + 1e-3 * D2.T @ D2
    hessian = [jerk + 2e-4 * price * np.eye(n)] * 3 + [1e3 * jerk + 1e-6 * price * np.eye(n)]
    inside = room(path, shot)
    tight = inside < 30.0  # px; farther ones do not bind
    rows = -numerical_rows(path, shot)[tight].reshape(-1, 4 * n)
    zoom = np.hstack([np.zeros((n, 3 * n)), np.eye(n)])
    slack = [inside[tight], model.radius * (limit - path.log_zoom), model.radius * path.log_zoom]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    A = sparse.csc_matrix(np.concatenate([rows, zoom, -zoom]))
    solution = clarabel.DefaultSolver(
        sparse.triu(sparse.block_diag(hessian) / price).tocsc(),
        gradient.ravel() / price,
        A,
        np.maximum(np.concatenate(slack), 0.0),
        [clarabel.NonnegativeConeT(A.shape[0])],
        settings,
    ).solve()
    x = np.array(solution.x).reshape(4, n)
    assert plain_cost(turned(path, x, model), shot, price) <= now * (1 + 1e-6)
    return -solution.obj_val * price / now


@pytest.mark.parametrize(
    ("kind", "camera"),
    [("walk", {}), ("stand", {"lens": BARREL}), ("run", {"readout_time": 0.033})],
    ids=["walk", "stand", "run"],
)
def test_no_step_that_stays_inside_lowers_the_cost(kind, camera) -> None:
    """The whole of it: cost, border, row times, zoom and solver, against plain sums."""
    shot = shot_of(kind, 50, **camera)
    limit = zoom_limit(shot, 1.5)
    path, _ = solved(shot)
    assert abs(room(path, shot).min()) < 0.05  # the border binds
    assert -1e-6 < possible_gain(path, shot, limit) < 2e-3
    start = NodePath(shot.quat_measured, np.full(50, path.log_zoom.mean()))
    price = cost_of(shot.model).price
    assert plain_cost(path, shot, price) < 0.1 * plain_cost(start, shot, price)


def test_random_bumps_made_good_by_zoom_cost_more() -> None:
    shot = shot_of("walk", 60)
    path, _ = solved(shot)
    price = cost_of(shot.model).price
    least, rng = plain_cost(path, shot, price), np.random.default_rng(0)
    for _ in range(100):
        bump = np.exp(-0.5 * ((np.arange(60) - rng.uniform(0, 60)) / rng.uniform(2, 15)) ** 2)
        x = rng.normal(size=(4, 1)) * bump * rng.uniform(0.2, 5.0)
        moved = turned(path, x, shot.model)
        missing = max(0.0, room(path, shot).min() - room(moved, shot).min())
        zoomed = replace(moved, log_zoom=moved.log_zoom + 1.2 * missing / (540 / 1.2))
        assert room(zoomed, shot).min() > -0.1
        assert plain_cost(zoomed, shot, price) > least * (1 - 1e-4)


def test_the_worth_of_zoom_is_its_price_where_zoom_is_free() -> None:
    """Zoom is worth what it costs, or somewhat more would pay."""
    shot = shot_of("walk", 90)
    _, worth = solved(shot)
    assert worth / 90 == pytest.approx(cost_of(shot.model).price, rel=1e-3)


@pytest.mark.parametrize("factor", [1.06, 1.1])
def test_the_worth_of_a_fixed_zoom_is_what_more_of_it_saves(factor) -> None:
    """The envelope theorem, by differences of optimal costs."""
    shot = shot_of("walk", 90)
    price = cost_of(shot.model).price

    def at(log_zoom: float) -> tuple[float, float]:
        zoom = ZoomRange(np.exp(log_zoom), np.exp(log_zoom), fixed=True)
        limit = np.full(90, log_zoom)
        path, worth = solve_shot(shot, cost_of(shot.model), zoom, limit=limit, lookahead=15.0)
        np.testing.assert_array_equal(path.log_zoom, limit)
        return plain_cost(path, shot, price) - price * shot.model.radius * limit.sum(), worth

    step = 1e-3
    saved = at(np.log(factor) - step)[0] - at(np.log(factor) + step)[0]
    worth = at(np.log(factor))[1]
    # an instant between nodes counts for one of them: the multipliers err by some percent
    assert saved / (2 * step * shot.model.radius) == pytest.approx(worth, rel=0.06)


@pytest.mark.parametrize("away", [0.05, 0.3])
def test_a_start_far_outside_leads_to_the_same_path(away) -> None:
    shot = shot_of("walk", 60)
    turn = np.tile([away, -away, 0.5 * away], (60, 1))
    start = NodePath(multiply(shot.quat_measured, from_rotvec(turn)), np.full(60, 0.02))
    a, b = solved(shot)[0], solved(shot, start=start)[0]
    difference = np.rad2deg(np.linalg.norm(to_rotvec(multiply(conjugate(a.quat), b.quat)), axis=1))
    assert difference.max() < 0.05
    assert np.abs(a.log_zoom - b.log_zoom).max() < 1e-3


@pytest.mark.parametrize("zoom", [ZoomRange(), ZoomRange(1.03, 1.03, fixed=True)])
def test_a_start_from_which_no_step_leads_inside_is_left(zoom) -> None:
    """Rolled by a radian: as far as rows are straight no turn and no zoom is enough."""
    shot = shot_of("walk", 60)
    rolled = multiply(shot.quat_measured, from_rotvec(np.tile([0.0, 0.0, 1.0], (60, 1))))
    far, near = (
        solved(shot, zoom, start=NodePath(rolled, np.full(60, 0.02)))[0],
        solved(shot, zoom)[0],
    )
    difference = to_rotvec(multiply(conjugate(far.quat), near.quat))
    assert np.rad2deg(np.linalg.norm(difference, axis=1)).max() < 0.1
    assert np.abs(far.log_zoom - near.log_zoom).max() < 1e-3


def test_the_smallest_zoom_is_kept() -> None:
    shot = shot_of("stand", 60)
    path, _ = solved(shot, ZoomRange(low=1.2))
    assert path.log_zoom.min() > np.log(1.2) - 1e-4
    assert path.log_zoom.max() < np.log(1.2) + 1e-3  # a standing camera needs no more


def test_the_zoom_limit_of_each_node_is_kept() -> None:
    shot = shot_of("walk", 60)
    limit = np.where(np.arange(60) < 30, np.log(1.05), np.log(1.5))
    path, _ = solved(shot, limit=limit)
    assert (path.log_zoom < limit + 1e-4).all()
    assert path.log_zoom[:30].max() > np.log(1.05) - 1e-3  # it would like more
    assert distances(path, shot).min() > -0.3


@pytest.mark.parametrize("fixed", [False, True])
def test_held_nodes_stay_at_the_measured_orientation(fixed) -> None:
    shot = shot_of("walk", 90)
    held = np.zeros(90, dtype=bool)
    held[40:46] = True
    object.__setattr__(shot, "held", held)
    path, _ = solved(shot, ZoomRange(1.15, 1.15, fixed=True) if fixed else ZoomRange())
    away = np.linalg.norm(to_rotvec(multiply(conjugate(shot.quat_measured), path.quat)), axis=1)
    assert away[held].max() < 1e-6
    assert away[:35].max() > 1e-3


def test_a_path_is_sampled_on_a_smooth_curve_through_its_nodes() -> None:
    """Also where neighbours have opposite signs, and half a node beyond the last one."""
    t = 3.0 + STEP * np.arange(40)
    signs = np.where(np.arange(40) % 3 == 0, -1.0, 1.0)

    def truth(t):
        angle = 0.2 * np.sin(2 * np.pi * 0.7 * t)
        return from_rotvec(np.outer(angle, [0.6, 0.0, 0.8])), angle

    quat, angle = truth(t)
    path = NodePath(quat * signs[:, None], angle)
    at_nodes = sampled(t, path, t)
    np.testing.assert_allclose(np.abs((at_nodes.quat * quat).sum(axis=1)), 1.0, atol=1e-12)
    np.testing.assert_allclose(at_nodes.log_zoom, angle, atol=1e-12)
    between = np.linspace(t[0], t[-1] + STEP / 2, 500)
    at = sampled(t, path, between)
    expected, expected_zoom = truth(between)
    error = to_rotvec(multiply(conjugate(expected), at.quat))
    assert np.linalg.norm(error, axis=1).max() < 1e-4  # 0.14 px of 1440
    np.testing.assert_allclose(at.log_zoom, expected_zoom, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(at.quat, axis=1), 1.0)


def test_a_shot_is_a_grid_of_nodes_from_its_first_frame_past_its_last() -> None:
    frames = 0.7 + np.array([0.0, 0.011, 0.5, 1.01])
    shot = Shot(model_of(moving("walk")), frames)
    np.testing.assert_allclose(np.diff(shot.t), STEP)
    assert shot.t[0] == frames[0]
    assert frames[-1] <= shot.t[-1] < frames[-1] + STEP
    rows = shot.rows(slice(None))
    np.testing.assert_allclose(rows.t[::SUBSTEPS], shot.t)
    np.testing.assert_allclose(np.diff(rows.t), STEP / SUBSTEPS)
    np.testing.assert_array_equal(shot.rows(slice(5, 7)).t, rows.t[10:14])
    assert len(Shot(model_of(moving("walk")), frames[:1]).t) >= 4  # third differences need four


def test_a_shot_is_cut_where_no_frame_comes_for_a_second() -> None:
    times = np.concatenate([[0.0, 0.5, 1.5], [2.6], [3.7, 3.8], [40000.0]])
    parts = shots(model_of(moving("walk")), times)
    assert [part.frame_times.tolist() for part in parts] == [
        [0.0, 0.5, 1.5],
        [2.6],
        [3.7, 3.8],
        [40000.0],
    ]


def test_nodes_without_motion_data_are_held_also_where_a_gap_lies_between_two() -> None:
    walk = moving("walk")
    gaps = np.array([[1.0, 1.2], [2.0 + 0.2 * STEP, 2.0 + 0.8 * STEP]])
    t, R = walk.t[walk.t < 3.0], walk.R_world_cam[walk.t < 3.0]
    measured = CameraPath.of(t, R, gaps=gaps)
    shot = Shot(model_of(measured), np.arange(0.0, 3.5, STEP / 2))
    expected = (shot.t > 1.0 + 1e-9) & (shot.t < 1.2 - 1e-9) | (shot.t > t[-1])
    between = shot.held & ~expected
    assert shot.held[expected].all()
    assert between.sum() == 1
    assert abs(shot.t[between][0] - 2.0 - STEP / 2) <= STEP / 2 + 1e-9


def test_frames_at_nodes_get_what_the_nodes_have() -> None:
    shot = shot_of("walk", 30)
    path = NodePath(shot.quat_measured, np.linspace(0.1, 0.2, 30))
    quat, zoom = shot.at_frames(path)
    dots = np.abs((quat * path.quat).sum(axis=1))
    np.testing.assert_allclose(dots, 1.0, atol=1e-12)
    np.testing.assert_allclose(zoom, np.exp(path.log_zoom))


def from_jolt(pitch: np.ndarray) -> Rotation:
    return Rotation.from_rotvec(np.outer(pitch, [1.0, 0.0, 0.0]))


def test_the_zoom_limit_is_the_highest_where_the_measured_path_needs_no_more() -> None:
    shot = shot_of("walk", 60)
    np.testing.assert_array_equal(zoom_limit(shot, 1.2), np.full(60, np.log(1.2)))


def test_what_the_camera_does_after_the_last_frame_does_not_count() -> None:
    """A jolt half a node beyond it, at the last instant that the grid stands for."""
    t = np.arange(-0.5, 4.0, 1 / 4000)
    frames = STEP * np.arange(60)
    x = (t - frames[-1] - STEP / 2) / 0.002
    measured = CameraPath.of(t, from_jolt(0.05 * x * np.exp(-0.5 * x**2)))
    model = model_of(measured, readout_time=0.01)
    np.testing.assert_array_equal(zoom_limit(Shot(model, frames), 1.05), np.full(60, np.log(1.05)))
    longer = zoom_limit(Shot(model, STEP * np.arange(61)), 1.05)
    assert longer.max() > np.log(1.06)


def test_the_zoom_limit_rises_calmly_to_what_the_measured_path_needs() -> None:
    t = np.arange(-0.5, 9.0, 1 / 1000)
    measured = CameraPath.of(t, from_jolt(0.05 * np.exp(-0.5 * ((t - 4.0) / 0.03) ** 2)))
    shot = Shot(model_of(measured), np.arange(0.0, 8.0, STEP))
    limit = np.exp(zoom_limit(shot, 1.04))
    at_jolt = np.abs(shot.t - 4.0) < 0.1
    quat = measured.quat_at(shot.t[at_jolt])
    needed = shot.model.border.required_zoom(shot.t[at_jolt], quat)
    assert needed.max() > 1.05
    assert (limit[at_jolt] >= np.maximum(needed, 1.04) - 1e-9).all()
    far = np.abs(shot.t - 4.0) > 2.2
    np.testing.assert_allclose(limit[far], 1.04, rtol=1e-9)
    assert limit.max() < needed.max() + 0.02
    assert np.abs(np.diff(limit)).max() < 0.1 * (limit.max() - 1.04)
