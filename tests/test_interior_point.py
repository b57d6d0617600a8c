"""The interior-point solver against Clarabel, dense algebra, and programs known by hand."""

from dataclasses import replace

import clarabel
import numpy as np
import pytest
from scipy import sparse

from stabilizer.interior_point import Program, Solution, Status, solve

SIZES = [  # nodes, variables, band, inequalities per node, blocks
    (1, 1, 0, 1, False),
    (1, 4, 3, 14, False),
    (2, 3, 3, 5, True),
    (3, 1, 3, 2, False),
    (4, 2, 1, 1, False),
    (7, 3, 0, 4, True),
    (40, 4, 3, 14, False),
    (120, 1, 3, 3, False),
    (300, 3, 2, 8, True),
    (250, 4, 3, 6, True),
]


def random_program(
    n_nodes: int, n_variables: int, band: int, n_rows: int, with_blocks: bool = False, seed: int = 0
) -> Program:
    """A feasible program with many tight bounds and a well conditioned H (about 1e3)."""
    rng = np.random.default_rng([seed, n_nodes, n_variables, band, n_rows])
    factor = rng.normal(size=(n_variables, band + 1, n_nodes))
    bands = np.zeros_like(factor)
    for v in range(n_variables):
        lower = np.zeros((n_nodes, n_nodes))
        for k in range(min(band + 1, n_nodes)):
            lower += np.diag(factor[v, k, : n_nodes - k], -k)
        hessian = lower @ lower.T + 0.1 * np.eye(n_nodes)
        for k in range(min(band + 1, n_nodes)):
            bands[v, k, : n_nodes - k] = np.diag(hessian, -k)
    root = rng.normal(size=(n_nodes, n_variables, n_variables))
    blocks = np.moveaxis(root @ root.swapaxes(1, 2), 0, -1)
    rows = rng.normal(size=(n_rows, n_variables, n_nodes))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    inside = 5 * rng.normal(size=(n_variables, n_nodes))
    room = 3 * rng.exponential(size=(n_rows, n_nodes)) * (rng.random((n_rows, n_nodes)) > 0.2)
    room += 1e-3  # a room with no inside at all is beyond an interior-point method
    bounds = np.einsum("mvn,vn->mn", rows, inside) + room
    gradient = 20 * rng.normal(size=(n_variables, n_nodes))
    return Program(bands, gradient, rows, bounds, blocks if with_blocks else None)


def path_program(
    n_nodes: int, n_variables: int = 3, *, n_rows: int = 8, pinned: int = 0, room: float = 50.0
) -> Program:
    """The correction x, in px, of a random walk to a path of least jerk between slanted walls."""
    rng = np.random.default_rng(n_nodes)
    path = np.cumsum(rng.normal(size=(n_variables, n_nodes)), axis=1)
    bands = np.zeros((n_variables, 4, n_nodes))
    third_difference = (-1.0, 3.0, -3.0, 1.0)
    for i, a in enumerate(third_difference):
        for k, b in enumerate(third_difference[i:]):
            bands[:, k, i : n_nodes - 3 + i] += a * b
    rows = rng.normal(size=(n_rows, n_variables, n_nodes))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    bounds = room * (0.2 + rng.random((n_rows, n_nodes)))
    gradient = Program(bands, np.zeros_like(path), rows, bounds).times_hessian(path)
    bands[:, 0] += 1e-9
    bands[:, 0, :pinned] += 1e6
    constant = 0.5 * float((path * gradient).sum())
    return Program(bands, gradient, rows, bounds, constant=constant)


def dense_hessian(program: Program) -> np.ndarray:
    """H with index n V + v, put together entry by entry from the definition."""
    n_variables, n_bands, n_nodes = program.bands.shape
    H = np.zeros((n_nodes, n_variables, n_nodes, n_variables))
    for v in range(n_variables):
        for k in range(n_bands):
            for n in range(n_nodes - k):
                H[n + k, v, n, v] = H[n, v, n + k, v] = program.bands[v, k, n]
    if program.blocks is not None:
        for n in range(n_nodes):
            H[n, :, n, :] += program.blocks[:, :, n]
    return H.reshape(n_nodes * n_variables, n_nodes * n_variables)


def dense_rows(program: Program) -> np.ndarray:
    """A with rows n M + m and columns n V + v."""
    n_rows, n_variables, n_nodes = program.rows.shape
    A = np.zeros((n_nodes, n_rows, n_nodes, n_variables))
    for n in range(n_nodes):
        A[n, :, n, :] = program.rows[:, :, n]
    return A.reshape(n_nodes * n_rows, n_nodes * n_variables)


def by_clarabel(program: Program) -> np.ndarray:
    """x (V, N) by Clarabel at 1e-11, with H and g brought to a size near 1 for it."""
    scale = 1.0 / np.abs(program.gradient).max()
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-11
    settings.max_iter = 500
    bounds = program.bounds.T.ravel()
    answer = clarabel.DefaultSolver(
        sparse.csc_matrix(np.triu(scale * dense_hessian(program))),
        scale * program.gradient.T.ravel(),
        sparse.csc_matrix(dense_rows(program)),
        bounds,
        [clarabel.NonnegativeConeT(len(bounds))],
        settings,
    ).solve()
    assert str(answer.status) in ("Solved", "AlmostSolved")
    return np.asarray(answer.x).reshape(-1, len(program.gradient)).T


def assert_optimal(program: Program, solution: Solution, tolerance: float) -> None:
    """The conditions of Karush, Kuhn and Tucker, by dense matrices."""
    H, A = dense_hessian(program), dense_rows(program)
    x, z = solution.x.T.ravel(), solution.duals.T.ravel()
    g, b = program.gradient.T.ravel(), program.bounds.T.ravel()
    assert solution.status is Status.SOLVED
    assert (z >= 0).all()
    largest = max(np.abs(g).max(), np.abs(H @ x).max())
    assert np.abs(H @ x + g + A.T @ z).max() <= tolerance * largest
    assert (A @ x - b).max() <= tolerance * np.abs(A @ x).max()
    cost = 0.5 * x @ H @ x + g @ x + program.constant
    assert z @ np.abs(b - A @ x) <= 2 * tolerance * abs(cost)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_it_agrees_with_clarabel(size) -> None:
    program = random_program(*size)
    x = by_clarabel(program)
    exact, usual = solve(program, tolerance=1e-9), solve(program)
    assert exact.status is usual.status is Status.SOLVED
    np.testing.assert_allclose(exact.x, x, rtol=0, atol=1e-6 * np.abs(x).max())
    assert usual.x.shape == x.shape
    assert program.objective(usual.x) == pytest.approx(program.objective(x), rel=1e-6)
    assert (program.times_rows(usual.x) - program.bounds).max() < 1e-6 * np.abs(
        program.bounds
    ).max()


@pytest.mark.parametrize("seed", range(40))
def test_it_agrees_with_clarabel_on_small_programs_of_all_shapes(seed) -> None:
    rng = np.random.default_rng(seed)
    size = [int(rng.integers(low, high)) for low, high in ((1, 9), (1, 5), (0, 4), (1, 9))]
    program = random_program(*size, with_blocks=bool(rng.integers(2)), seed=seed)
    x = by_clarabel(program)
    solution = solve(program, tolerance=1e-9)
    assert solution.status is Status.SOLVED
    np.testing.assert_allclose(solution.x, x, rtol=0, atol=1e-6 * np.abs(x).max())


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_solution_is_optimal_by_dense_algebra(size) -> None:
    program = random_program(*size, seed=7)
    assert_optimal(program, solve(program, tolerance=1e-8), 1e-8)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_products_are_those_of_the_dense_matrices(size) -> None:
    program = random_program(*size, seed=3)
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=program.gradient.shape), rng.normal(size=program.bounds.shape)
    H, A, g = dense_hessian(program), dense_rows(program), program.gradient.T.ravel()
    dense = x.T.ravel()
    np.testing.assert_allclose(program.times_hessian(x).T.ravel(), H @ dense, atol=1e-12)
    np.testing.assert_allclose(program.times_rows(x).T.ravel(), A @ dense, atol=1e-12)
    np.testing.assert_allclose(
        program.times_rows_transposed(z).T.ravel(), A.T @ z.T.ravel(), atol=1e-12
    )
    cost = replace(program, constant=2.5).objective(x)
    assert cost == pytest.approx(0.5 * dense @ H @ dense + g @ dense + 2.5, rel=1e-12)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_without_inequalities_it_solves_the_linear_equations(size) -> None:
    program = random_program(*size)
    n_variables, n_nodes = program.gradient.shape
    free = replace(program, rows=np.zeros((0, n_variables, n_nodes)), bounds=np.zeros((0, n_nodes)))
    solution = solve(free)
    expected = np.linalg.solve(dense_hessian(free), -free.gradient.T.ravel())
    assert solution.status is Status.SOLVED
    assert solution.iterations <= 2
    assert solution.duals.shape == (0, n_nodes)
    np.testing.assert_allclose(solution.x.T.ravel(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("pinned", [0, 3])
@pytest.mark.parametrize("room", [2.0, 4.0])
def test_a_path_of_least_jerk_agrees_with_clarabel(pinned, room) -> None:
    """H has eigenvalues from 1e-9 to 64, and 1e6 where it is pinned."""
    program = path_program(150, pinned=pinned, room=room)
    x = by_clarabel(program)
    solution = solve(program)
    assert_optimal(program, solution, 1e-6)
    least = program.objective(x)
    assert 0 < least < 0.1 * program.constant
    assert program.objective(solution.x) == pytest.approx(least, rel=2e-6)
    # pinned by springs of 1e6 against forces of a few px
    assert np.abs(solution.x[:, :pinned]).max(initial=0.0) < 1e-4


def test_a_long_path_takes_few_iterations() -> None:
    program = path_program(1800, 4, n_rows=14, room=20.0)
    solution = solve(program, tolerance=1e-4)
    assert solution.status is Status.SOLVED
    assert solution.iterations <= 18  # 12 when this was written
    slack = program.bounds - program.times_rows(solution.x)
    assert slack.min() > -1e-2  # px
    assert (slack < 1e-2).sum() > 50  # the walls do bound this path


def test_the_duals_of_a_similar_program_save_iterations() -> None:
    program = path_program(600, 4, room=10.0)
    moved = replace(program, gradient=1.02 * program.gradient, bounds=0.99 * program.bounds)
    cold, warm = solve(moved), solve(moved, start=solve(program).duals)
    assert warm.status is Status.SOLVED
    assert warm.iterations <= 0.8 * cold.iterations
    assert moved.objective(warm.x) == pytest.approx(moved.objective(cold.x), rel=2e-6)


def test_a_start_of_zeros_is_no_start() -> None:
    program = random_program(20, 3, 2, 6)
    cold, zero = solve(program), solve(program, start=np.zeros_like(program.bounds))
    np.testing.assert_array_equal(cold.x, zero.x)


def test_the_constant_says_how_exact_the_solution_has_to_be() -> None:
    """The walk's own jerk is 3000 times what remains, so that without it a solve stops early."""
    program = path_program(600, room=10.0)
    least = program.objective(solve(program, tolerance=1e-9).x)
    told = solve(program, tolerance=1e-4)
    untold = solve(replace(program, constant=0.0), tolerance=1e-4)
    assert program.objective(told.x) == pytest.approx(least, rel=1e-4)
    assert program.objective(untold.x) > 1.01 * least
    nothing_left = replace(program, constant=1e6 * program.constant)
    assert solve(nothing_left, tolerance=1e-4).iterations < told.iterations


@pytest.mark.parametrize("factor", [2.0**-20, 1e-6, 1e6])
@pytest.mark.parametrize("make", [path_program, lambda n: random_program(n, 3, 2, 6)])
def test_the_scale_of_the_objective_does_not_matter(make, factor) -> None:
    program = make(200)
    scaled = replace(
        program,
        bands=factor * program.bands,
        gradient=factor * program.gradient,
        constant=factor * program.constant,
    )
    a, b = solve(program), solve(scaled)
    assert a.status is b.status is Status.SOLVED
    assert a.iterations == b.iterations
    if factor == 2.0**-20:  # exact in floating point
        np.testing.assert_array_equal(a.x, b.x)
        np.testing.assert_array_equal(factor * a.duals, b.duals)
    # rounding grows with the condition of H, 1e10 for a path, in directions that cost nothing
    np.testing.assert_allclose(a.x, b.x, rtol=0, atol=1e-4 * np.abs(a.x).max())
    assert scaled.objective(b.x) == pytest.approx(factor * program.objective(a.x), rel=2e-6)


@pytest.mark.parametrize("factor", [2.0**-10, 1e-3, 1e3])
def test_the_unit_of_length_does_not_matter(factor) -> None:
    program = random_program(200, 3, 2, 6)
    scaled = replace(program, gradient=factor * program.gradient, bounds=factor * program.bounds)
    a, b = solve(program), solve(scaled)
    assert a.status is b.status is Status.SOLVED
    assert a.iterations == b.iterations
    np.testing.assert_allclose(factor * a.x, b.x, rtol=0, atol=1e-9 * np.abs(b.x).max())


def contradicted(program: Program, node: int, violation: float) -> Program:
    """The program with a new last inequality at a node: the opposite of its first two together."""
    rows, bounds = program.rows.copy(), program.bounds.copy()
    rows[-1, :, node] = -(0.7 * rows[0, :, node] + 0.3 * rows[1, :, node])
    bounds[-1, node] = -(0.7 * bounds[0, node] + 0.3 * bounds[1, node]) - violation
    return replace(program, rows=rows, bounds=bounds)


def assert_infeasible(program: Program, solution: Solution, node: int) -> None:
    """Farkas: z ≥ 0 of the node alone has Aᵀz = 0 and bᵀz < 0."""
    assert solution.status is Status.INFEASIBLE
    z = solution.duals
    assert (z >= 0).all()
    assert z.max() == 1.0
    assert np.flatnonzero(z.any(axis=0)).tolist() == [node]
    pull = np.abs(program.times_rows_transposed(z)).sum()
    promise = float((program.bounds * z).sum())
    assert promise < -1e4 * np.abs(program.bounds).max() * pull


@pytest.mark.parametrize("violation", [1e-3, 0.1, 10.0, 1000.0])
@pytest.mark.parametrize("node", [0, 77, 149])
def test_contradicting_inequalities_are_recognised_and_proved(violation, node) -> None:
    for program in (path_program(150, 4, room=10.0), random_program(150, 3, 2, 6)):
        impossible = contradicted(program, node, violation)
        solution = solve(impossible)
        assert_infeasible(impossible, solution, node)
        assert solution.iterations <= 25


def test_a_contradiction_of_one_variable_is_recognised() -> None:
    program = Program(np.ones((1, 1, 1)), np.ones((1, 1)), np.array([[[1.0]], [[-1.0]]]),
                      np.array([[-1.0], [-1.0]]))  # fmt: skip
    assert_infeasible(program, solve(program), 0)


def test_nothing_below_zero_is_recognised() -> None:
    """0 · x ≤ −1."""
    program = random_program(20, 2, 1, 3)
    rows, bounds = program.rows.copy(), program.bounds.copy()
    rows[1, :, 5], bounds[1, 5] = 0.0, -1.0
    impossible = replace(program, rows=rows, bounds=bounds)
    assert_infeasible(impossible, solve(impossible), 5)


@pytest.mark.parametrize("seed", range(20))
def test_next_to_no_room_is_enough(seed) -> None:
    """Some nodes are held by opposite walls that leave them next to no room."""
    program = random_program(30, 2, 2, 4, seed=seed)
    rows, bounds = program.rows.copy(), program.bounds.copy()
    rows[1, :, ::7] = -rows[0, :, ::7]
    bounds[1, ::7] = -bounds[0, ::7] + 1e-6
    tight = replace(program, rows=rows[:2], bounds=bounds[:2])
    solution = solve(tight)
    assert solution.status is Status.SOLVED
    held = np.einsum("vn,vn->n", tight.rows[0], solution.x)[::7]
    np.testing.assert_allclose(held, tight.bounds[0, ::7], atol=1e-4)


@pytest.mark.parametrize("seed", range(10))
def test_no_room_at_all_may_stall_but_is_not_called_infeasible(seed) -> None:
    """Opposite walls on one plane: an equality, which has no interior for the method to walk in."""
    program = random_program(30, 2, 2, 2, seed=seed)
    rows, bounds = program.rows.copy(), program.bounds.copy()
    rows[1, :, ::7] = -rows[0, :, ::7]
    bounds[1, ::7] = -bounds[0, ::7]
    solution = solve(replace(program, rows=rows, bounds=bounds))
    assert solution.status in (Status.SOLVED, Status.STALLED)
    held = np.einsum("vn,vn->n", rows[0], solution.x)[::7]
    np.testing.assert_allclose(held, bounds[0, ::7], atol=1e-3)


def test_a_straight_path_is_found_though_the_hessian_is_singular() -> None:
    program = path_program(400, room=1e4)
    bands = program.bands.copy()
    bands[:, 0] -= 1e-9
    solution = solve(replace(program, bands=bands))
    assert solution.status is Status.SOLVED
    assert program.objective(solution.x) < 1e-4 * program.constant


def test_a_linear_program_is_solved() -> None:
    """H = 0: every node goes to the corner of its box."""
    rng = np.random.default_rng(0)
    gradient = rng.normal(size=(2, 50))
    rows = np.repeat(np.array([[1, 0], [-1, 0], [0, 1], [0, -1]], float)[:, :, None], 50, axis=2)
    bounds = 1.0 + rng.random((4, 50))
    solution = solve(Program(np.zeros((2, 1, 50)), gradient, rows, bounds), tolerance=1e-9)
    corner = np.where(gradient < 0, bounds[::2], -bounds[1::2])
    assert solution.status is Status.SOLVED
    np.testing.assert_allclose(solution.x, corner, atol=1e-6)


def test_without_forces_it_stays_where_it_is() -> None:
    program = random_program(30, 3, 2, 5)
    still = replace(
        program, gradient=np.zeros_like(program.gradient), bounds=np.abs(program.bounds) + 0.1
    )
    solution = solve(still)
    assert solution.status is Status.SOLVED
    assert np.abs(solution.x).max() < 1e-2 * np.abs(still.bounds).max()


def test_without_a_minimum_it_stops() -> None:
    """A straight path costs no jerk, and a constant force drives it away for ever."""
    program = path_program(100)
    bands = program.bands - 1e-9 * (np.arange(4) == 0)[:, None]
    rows = np.zeros_like(program.rows)
    unbounded = Program(bands, np.ones_like(program.gradient), rows, np.ones_like(program.bounds))
    solution = solve(unbounded)
    assert solution.status is Status.STALLED
    assert np.isfinite(solution.x).all()


def test_a_hessian_with_negative_curvature_stalls() -> None:
    program = random_program(20, 2, 1, 3)
    saddle = replace(
        program, bands=-program.bands, rows=0.0 * program.rows, bounds=1 + program.bounds**2
    )
    assert solve(saddle).status is Status.STALLED


def test_it_is_deterministic_to_the_bit() -> None:
    """Also for a copy that lies elsewhere in memory, off the alignment of vector instructions."""
    program = path_program(500, 4, room=10.0)

    def moved(value: np.ndarray) -> np.ndarray:
        memory = np.empty(value.size + 1)
        memory[1:] = value.ravel()
        return memory[1:].reshape(value.shape)

    names = ("bands", "gradient", "rows", "bounds")
    copy = replace(program, **{name: moved(getattr(program, name)) for name in names})
    first, again, elsewhere = solve(program), solve(program), solve(copy)
    for other in (again, elsewhere):
        np.testing.assert_array_equal(first.x, other.x)
        np.testing.assert_array_equal(first.duals, other.duals)


def test_it_changes_no_argument_and_reads_no_padding() -> None:
    program = random_program(12, 2, 3, 4, with_blocks=True)
    expected = solve(program).x
    bands = program.bands.copy()
    for k in range(1, 4):
        bands[:, k, -k:] = np.nan
    untidy = replace(program, bands=bands)
    start = np.ones_like(program.bounds)
    for value in (bands, program.gradient, program.rows, program.bounds, program.blocks, start):
        value.setflags(write=False)
    np.testing.assert_array_equal(solve(untidy).x, expected)
    assert solve(untidy, start=start).status is Status.SOLVED


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("gradient", (3,), r"gradient: expected shape \(V, N\), got \(3,\)"),
        ("bands", (3, 7), r"bands: expected shape \(2, K\+1, 7\), got \(3, 7\)"),
        ("bands", (2, 0, 7), r"bands: expected a diagonal at least, got shape \(2, 0, 7\)"),
        ("rows", (4, 7, 2), r"rows: expected shape \(4, 2, 7\), got \(4, 7, 2\)"),
        ("bounds", (4, 6), r"bounds: expected shape \(M, 7\), got \(4, 6\)"),
        ("blocks", (2, 7), r"blocks: expected shape \(2, 2, 7\), got \(2, 7\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(name, shape, message) -> None:
    program = random_program(7, 2, 1, 4)
    with pytest.raises(ValueError, match=message):
        replace(program, **{name: np.zeros(shape)})


@pytest.mark.parametrize("name", ["bands", "gradient", "rows", "bounds"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(name, bad) -> None:
    program = random_program(7, 2, 1, 4)
    value = getattr(program, name).copy()
    value.flat[0] = bad
    with pytest.raises(ValueError, match=f"{name}.*: expected finite numbers"):
        solve(replace(program, **{name: value}))


def test_wrong_options_are_refused() -> None:
    program = random_program(7, 2, 1, 4)
    with pytest.raises(ValueError, match="tolerance: expected a finite number > 0, got 0"):
        solve(program, tolerance=0)
    with pytest.raises(ValueError, match=r"start: expected shape \(4, 7\), got \(7, 4\)"):
        solve(program, start=np.ones((7, 4)))
    with pytest.raises(ValueError, match="start: expected finite numbers, got nan"):
        solve(program, start=np.full((4, 7), np.nan))
    with pytest.raises(ValueError, match="constant: expected a finite number, got inf"):
        replace(program, constant=np.inf)
