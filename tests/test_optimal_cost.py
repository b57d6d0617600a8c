"""The cost of a path: its quadratic model against the plain sums that it stands for."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gyro_data.quaternions import conjugate, from_rotvec, multiply, to_rotvec
from stabilizer.optimal import Cinematic, Fixed, Optimal
from stabilizer.optimal.cost import STEP, GroupNorms, Jerk, NodePath, PathCost

FOCAL, RADIUS, PRICE = 1450.0, 636.0, 1e-3
N = 40
WEIGHTS = (2.0, 0.5, 7.0)
OBLIQUE = np.array([0.48, -0.6, 0.64])


def smooth(rng: np.random.Generator, n: int = N) -> np.ndarray:
    """Random curve (n,) rad that turns by some 0.1 rad."""
    t = np.arange(n) * STEP
    return sum(
        rng.normal() * 0.05 * np.sin(rng.uniform(1, 8) * t + rng.uniform(0, 6)) for _ in "ab"
    )


def one_axis(axis: int, seed: int = 0) -> tuple[NodePath, np.ndarray, np.ndarray]:
    """A path that turns about one axis of a tilted world, its angles (N,), a measured path."""
    rng = np.random.default_rng(seed)
    angle, turn = smooth(rng), np.zeros((N, 3))
    turn[:, axis] = angle
    tilt = Rotation.from_rotvec([0.5, -1.0, 2.0]).as_quat()
    measured = np.zeros((N, 3))
    measured[:, axis] = angle + 0.3 * smooth(rng)
    path = NodePath(multiply(tilt, from_rotvec(turn)), 0.1 + smooth(rng))
    return path, angle, multiply(tilt, from_rotvec(measured))


def any_axis(seed: int = 0, size: float = 1.0) -> NodePath:
    rng = np.random.default_rng(seed)
    turn = size * np.stack([smooth(rng) for _ in range(3)], axis=-1)
    return NodePath(from_rotvec(turn), 0.1 + smooth(rng))


def stepped(path: NodePath, x: np.ndarray) -> NodePath:
    """The path after a step (4, N) px."""
    quat = multiply(path.quat, from_rotvec(x[:3].T / FOCAL))
    return NodePath(quat, path.log_zoom + x[3] / RADIUS)


def angles(path: NodePath, origin: np.ndarray, axis: int) -> np.ndarray:
    """Turns (N,) px about an axis: `path` turns about no other."""
    return FOCAL * to_rotvec(multiply(conjugate(origin), path.quat))[:, axis]


def squares(p: np.ndarray) -> float:
    """½ |jerk|² + ½ · 10⁻³ |acceleration|² of positions (N,) px at nodes."""
    return 0.5 * (np.diff(p, n=3) ** 2).sum() + 0.5e-3 * (np.diff(p, n=2) ** 2).sum()


def plain_cost(path, measured, axis, weight=1.0) -> float:
    """Squared jerk, the anchor, zoom and its squared jerk, of a path about one axis."""
    p, zoom = angles(path, measured[:1] * [1, 1, 1, 1], axis), RADIUS * path.log_zoom
    away = FOCAL * to_rotvec(multiply(conjugate(measured), path.quat))
    return (
        weight * squares(p)
        + 0.5 * 2e-4 * PRICE * (away**2).sum()
        + PRICE * zoom.sum()
        + 1e3 * squares(zoom)
    )


def derivatives(f, directions, step: float) -> tuple[np.ndarray, np.ndarray]:
    """First and second derivatives of f(step) along directions (K, 4, N)."""
    ends = np.array([[f(s * d) for s in (step, 0 * step, -step)] for d in directions])
    first = (ends[:, 0] - ends[:, 2]) / (2 * step)
    return first, (ends[:, 0] - 2 * ends[:, 1] + ends[:, 2]) / step**2


def model_derivatives(quadratic, directions) -> tuple[np.ndarray, np.ndarray]:
    H = hessian(quadratic)
    flat = directions.reshape(len(directions), -1)
    return flat @ quadratic.gradient.ravel(), np.einsum("ki,ij,kj->k", flat, H, flat)


def hessian(quadratic) -> np.ndarray:
    """H as a dense matrix (4 N, 4 N)."""
    n = quadratic.gradient.shape[1]
    H = np.zeros((4, n, 4, n))
    for v in range(4):
        for k in range(quadratic.bands.shape[1]):
            band = quadratic.bands[v, k, : n - k]
            H[v, np.arange(k, n), v, np.arange(n - k)] = band
            H[v, np.arange(n - k), v, np.arange(k, n)] = band
    if quadratic.blocks is not None:
        for i in range(n):
            H[:, i, :, i] += quadratic.blocks[:, :, i]
    return H.reshape(4 * n, 4 * n)


def path_cost(restlessness, weights=(1.0, 1.0, 1.0)) -> PathCost:
    return PathCost(restlessness, FOCAL, RADIUS, PRICE, weights)


def directions_of(axis: int) -> np.ndarray:
    """Single nodes, bends and everything at once, of one axis' turns and of zoom: (K, 4, N)."""
    rng = np.random.default_rng(5)
    shapes = [np.eye(N)[k] for k in (0, 1, 2, 17, N - 2, N - 1)]
    shapes += [np.ones(N), np.linspace(-1, 1, N), rng.normal(size=N)]
    result = np.zeros((2 * len(shapes), 4, N))
    for k, shape in enumerate(shapes):
        result[2 * k, axis], result[2 * k + 1, 3] = shape, shape
    return result


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_model_is_the_plain_sum_of_a_path_about_one_axis(axis) -> None:
    path, _, measured = one_axis(axis)
    quadratic = path_cost(Jerk(), WEIGHTS).around(path, measured, None, 0)
    directions = directions_of(axis)
    first, second = derivatives(
        lambda x: plain_cost(stepped(path, x), measured, axis, WEIGHTS[axis]), directions, 0.5
    )
    slope, curvature = model_derivatives(quadratic, directions)
    np.testing.assert_allclose(slope, first, rtol=1e-6, atol=1e-6 * np.abs(first).max())
    # zoom alone has a little more: it keeps the Hessian definite, 100 px of it cost nothing
    damping = 1e-6 * PRICE * (directions[:, 3] ** 2).sum(axis=-1)
    assert 0.5 * 1e-6 * PRICE * 100**2 < 0.01 * PRICE
    rounding = 1e-9 * plain_cost(path, measured, axis, WEIGHTS[axis])
    np.testing.assert_allclose(curvature - damping, second, rtol=1e-6, atol=rounding)
    total = plain_cost(path, measured, axis, WEIGHTS[axis])
    assert quadratic.present.sum() == pytest.approx(total, rel=1e-9)


def test_the_present_cost_is_told_of_each_variable() -> None:
    path, angle, measured = one_axis(1)
    present = path_cost(Jerk(), WEIGHTS).around(path, measured, None, 0).present
    away = FOCAL * to_rotvec(multiply(conjugate(measured), path.quat))[:, 1]
    turning = WEIGHTS[1] * squares(FOCAL * angle) + 0.5 * 2e-4 * PRICE * (away**2).sum()
    zoom = RADIUS * path.log_zoom
    zooming = PRICE * zoom.sum() + 1e3 * squares(zoom)
    np.testing.assert_allclose(present, [0, turning, 0, zooming], rtol=1e-9, atol=1e-12)


def oblique(seed: int) -> NodePath:
    """A path about an axis between x, y and z; steps along it turn about the same axis."""
    return NodePath(
        from_rotvec(smooth(np.random.default_rng(seed))[:, None] * OBLIQUE), np.zeros(N)
    )


def steps_along_oblique(n: int) -> np.ndarray:
    """Random steps (n, 4, N) px."""
    steps = np.zeros((n, 4, N))
    steps[:, :3] = OBLIQUE[:, None] * np.random.default_rng(0).normal(size=(n, 1, N))
    return steps


def test_the_model_weighs_all_axes_each_by_its_own_weight() -> None:
    path, measured, directions = oblique(1), oblique(2).quat, steps_along_oblique(20)

    def plain(x: np.ndarray) -> float:
        p = FOCAL * to_rotvec(stepped(path, x).quat)
        away = FOCAL * to_rotvec(multiply(conjugate(measured), stepped(path, x).quat))
        turning = sum(w * squares(column) for w, column in zip(WEIGHTS, p.T, strict=True))
        return turning + 0.5 * 2e-4 * PRICE * (away**2).sum()

    quadratic = path_cost(Jerk(), WEIGHTS).around(path, measured, None, 0)
    first, second = derivatives(plain, directions, 0.1)
    slope, curvature = model_derivatives(quadratic, directions)
    np.testing.assert_allclose(slope, first, atol=1e-6 * np.abs(first).max())
    np.testing.assert_allclose(curvature, second, rtol=1e-6)
    assert quadratic.present.sum() == pytest.approx(plain(np.zeros((4, N))))


def test_being_off_the_measured_path_by_100_px_costs_a_px_of_zoom() -> None:
    still = NodePath(np.tile([0.0, 0.0, 0.0, 1.0], (N, 1)), np.zeros(N))
    off = from_rotvec(np.tile([0.0, 100 / FOCAL, 0.0], (N, 1)))
    present = path_cost(Jerk()).around(still, off, None, 0).present
    assert present.sum() == pytest.approx(N * PRICE)
    zoomed = NodePath(still.quat, np.full(N, 1 / RADIUS))
    assert path_cost(Jerk()).around(zoomed, still.quat, None, 0).present.sum() == pytest.approx(
        N * PRICE
    )


@pytest.mark.parametrize("upright", [(0.0, -1.0), (1.0, 0.0), (-1.0, 0.0), (0.0, 1.0)])
@pytest.mark.parametrize("pitch", [0.0, 0.8, -0.5])
def test_the_level_term_has_the_derivatives_of_the_squared_tilt(pitch, upright) -> None:
    """Its Hessian is Gauss and Newton's: exact where the horizon is level."""
    path = any_axis(3)
    up = np.array([*upright, 0.0])
    up = np.tile(Rotation.from_rotvec(pitch * np.cross(up, [0.0, 0.0, 1.0])).apply(up), (N, 1))
    directions = np.random.default_rng(1).normal(size=(20, 4, N))
    cost = replace(path_cost(Jerk()), upright=upright)

    def across(x: np.ndarray) -> np.ndarray:
        """What of up points across the picture's upright direction, in px."""
        in_cam = Rotation.from_quat(stepped(path, x).quat).inv().apply(up)
        return FOCAL * in_cam[:, :2] @ [-upright[1], upright[0]]

    without = cost.around(path, path.quat, None, 0)
    level = cost.around(path, path.quat, up, 0)
    first, _ = derivatives(lambda x: 0.5e-4 * (across(x) ** 2).sum(), directions, 0.1)
    slope, curvature = model_derivatives(level, directions)
    base = model_derivatives(without, directions)
    np.testing.assert_allclose(slope - base[0], first, rtol=1e-5, atol=1e-6)
    slopes = np.array([(across(0.1 * d) - across(-0.1 * d)) / 0.2 for d in directions])
    np.testing.assert_allclose(curvature - base[1], 1e-4 * (slopes**2).sum(axis=1), rtol=1e-5)
    value = level.present.sum() - without.present.sum()
    assert value == pytest.approx(0.5e-4 * (across(np.zeros((4, N))) ** 2).sum())


def test_the_level_term_fades_where_no_roll_is_level() -> None:
    """It is whole up to 60 degrees of pitch and gone from 80 on."""
    rolled = NodePath(np.tile(from_rotvec(np.array([0.0, 0.0, 0.1])), (N, 1)), np.zeros(N))
    costs = []
    for degrees in (0.0, 59.0, 70.0, 81.0, 90.0):
        up = Rotation.from_euler("x", degrees, degrees=True).apply([0.0, -1.0, 0.0])
        model = path_cost(Jerk()).around(rolled, rolled.quat, np.tile(up, (N, 1)), 0)
        in_cam = Rotation.from_quat(rolled.quat[0]).inv().apply(up)
        tilted = (FOCAL * in_cam[0]) ** 2 * N * 0.5e-4
        costs.append(model.present[2] / tilted if tilted > 1e-9 else model.present[2])
    assert costs[:2] == pytest.approx([1.0, 1.0])
    assert 0.2 < costs[2] < 0.8
    assert costs[3:] == [0.0, 0.0]


def test_reweighted_squares_have_the_gradient_of_rounded_lengths() -> None:
    """d Σ w √(|D|² + ε²) = Σ w D dD / √(|D|² + ε²), over all three axes together."""
    path, directions = oblique(4), steps_along_oblique(20)
    norms = GroupNorms(0.7, 3.0, 20.0)

    def rounded_lengths(x: np.ndarray) -> float:
        quat, total = stepped(path, x).quat, 0.0
        velocity = FOCAL * to_rotvec(multiply(conjugate(quat[:-1]), quat[1:]))
        for k, weight in enumerate((0.7, 3.0, 20.0)):
            size = np.linalg.norm(np.diff(velocity, n=k, axis=0), axis=-1)
            total += weight * np.hypot(size, 0.003).sum()
        return total

    late = path_cost(norms).around(path, path.quat, None, 30)  # ε has shrunk to 0.003 px
    slope, _ = model_derivatives(late, directions)
    first, _ = derivatives(rounded_lengths, directions, 1e-5)
    np.testing.assert_allclose(slope, first, atol=1e-4 * np.abs(first).max())


def test_the_bands_are_those_of_dense_differences() -> None:
    path = any_axis(5)
    norms = GroupNorms(0.7, 3.0, 20.0)
    velocity = FOCAL * to_rotvec(multiply(conjugate(path.quat[:-1]), path.quat[1:]))
    weights = norms.weights(velocity, 4)
    assert {order: len(w) for order, w in weights.items()} == {1: N - 1, 2: N - 2, 3: N - 3}
    differences = {order: np.diff(np.eye(N), n=order, axis=0) for order in weights}
    expected = sum(D.T @ np.diag(weights[k]) @ D for k, D in differences.items())
    H = hessian(path_cost(norms, WEIGHTS).around(path, path.quat, None, 4))
    for axis, factor in enumerate(WEIGHTS):
        block = H[axis * N : (axis + 1) * N, axis * N : (axis + 1) * N]
        anchored = factor * expected + 2e-4 * PRICE * np.eye(N)
        np.testing.assert_allclose(block, anchored, rtol=1e-9, atol=1e-9)
        H[axis * N : (axis + 1) * N, axis * N : (axis + 1) * N] = 0.0
    H[3 * N :, 3 * N :] = 0.0
    assert not H.any()  # without a horizon nothing couples turns with each other or with zoom


def test_reweighting_is_sharp_in_the_end_and_gentle_at_first() -> None:
    velocity = np.zeros((N - 1, 3))
    norms = GroupNorms(1.0, 2.0, 4.0)
    largest = [norms.weights(velocity, k)[1].max() for k in range(norms.rounds + 5)]
    assert largest[0] == pytest.approx(1 / 0.3)
    assert (np.diff(largest) >= 0).all()
    assert largest[norms.rounds - 1] == pytest.approx(1 / 0.003)
    far = norms.weights(velocity + np.array([30.0, 0.0, 40.0]), 0)
    assert far[1] == pytest.approx(1 / 50.0, rel=1e-4)  # the length over all axes


def test_reweighting_finds_the_least_sum_of_lengths() -> None:
    """Σ |x_k − x_{k+1}| + ½ c (x − y)²: of a step y both sides stay flat and move by 1 / (c n)."""
    n, step, c = 20, 10.0, 0.05
    y = np.where(np.arange(2 * n) < n, 0.0, step)
    least = (step - 2 / (c * n)) + 0.5 * c * 2 * n / (c * n) ** 2
    x = y + np.random.default_rng(0).normal(size=2 * n)
    norms = GroupNorms(1.0, 0.0, 0.0)
    D = np.diff(np.eye(2 * n), axis=0)
    for k in range(norms.rounds):
        weight = norms.weights(np.diff(x)[:, None] * [0.0, 0.6, 0.8], k)[1]
        x = np.linalg.solve(D.T * weight @ D + c * np.eye(2 * n), c * y)
    total = np.abs(np.diff(x)).sum() + 0.5 * c * ((x - y) ** 2).sum()
    assert least * (1 - 1e-9) <= total < 1.02 * least
    assert (np.abs(np.diff(x)) < 0.03).mean() > 0.8  # flat, but for what is left to settle


@pytest.mark.parametrize("time", [0.1, 0.25, 1.0])
@pytest.mark.parametrize(
    ("smoother", "lengths"),
    [(Optimal(), None), (Cinematic(), (4.0, 1.0, 1.0)), (Fixed(), (20.0, 0.0, 1.0))],
    ids=["optimal", "cinematic", "fixed"],
)
def test_the_sums_over_nodes_are_the_integrals_that_are_promised(smoother, lengths, time) -> None:
    """½ T⁶ |v‴|² + ζ, and lengths a T |v′| + b T² |v″| + c T³ |v‴| + ζ, of a swing of 300 px."""
    n, omega = 3000, 2 * np.pi * 0.5
    t = STEP * np.arange(n)
    velocity = np.diff(300.0 * np.sin(omega * t))[:, None] * [0.0, 1.0, 0.0]
    restlessness, price = smoother.cost(time)
    weights = restlessness.weights(velocity, 40)
    total = {
        order: (weight * np.diff(velocity[:, 1], n=order - 1) ** 2).sum()
        for order, weight in weights.items()
    }
    sizes = [np.abs(300.0 * omega**k * np.cos(omega * t)) for k in (1, 2, 3)]
    if lengths is None:
        # beside jerk there is a thousandth of acceleration, in px per node²
        assert total[2] == pytest.approx(1e-3 * (np.diff(velocity[:, 1]) ** 2).sum())
        found, expected = 0.5 * total[3], (0.5 * time**6 * sizes[2] ** 2).mean()
    else:
        parts = zip(lengths, (1, 2, 3), sizes, strict=True)
        found, expected = sum(total.values()), sum(a * time**k * d.mean() for a, k, d in parts)
    assert found / n / price == pytest.approx(expected, rel=0.01)  # differences over a node


@pytest.mark.parametrize("time", [0.2, 0.5, 2.0])
def test_a_swing_of_2_px_at_the_frequency_of_smoothness_costs_a_px_of_zoom(time) -> None:
    n = round(200 * 2 * np.pi * time / STEP)
    p = 2.0 * np.sin(STEP * np.arange(n) / time)
    restlessness, price = Optimal().cost(time)
    weight = restlessness.weights(np.diff(p)[:, None] * [1.0, 0.0, 0.0], 0)[3]
    cost = 0.5 * (weight * np.diff(p, n=3) ** 2).sum() / n
    assert cost == pytest.approx(price, rel=0.01)


def test_rounds_are_enough_for_the_rounding_to_end() -> None:
    for smoother in (Cinematic(), Fixed()):
        restlessness, _ = smoother.cost(0.5)
        velocity = np.zeros((N - 1, 3))
        last = restlessness.weights(velocity, restlessness.rounds - 1)
        later = restlessness.weights(velocity, restlessness.rounds + 20)
        for order in later:
            np.testing.assert_allclose(last[order], later[order])
