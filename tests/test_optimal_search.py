"""The search for the one number that a clip shares."""

import numpy as np
import pytest

from stabilizer.optimal.search import decreasing_root


def searched(f, low=-3.0, high=3.0, *, start=0.0, step=0.1, tolerance=1e-6):
    """Return x and all the arguments with which f was called; what it says of f(x) is true."""
    calls: list[float] = []

    def counted(x: float) -> float:
        calls.append(x)
        return float(f(x))

    x, y = decreasing_root(counted, low, high, start=start, step=step, tolerance=tolerance)
    assert y == f(x)
    return x, calls


CURVES = {
    "line": lambda x, root: root - x,
    "steep": lambda x, root: 1e3 * (root - x),
    "cubic": lambda x, root: (root - x) ** 3 + 0.1 * (root - x),
    "exponential": lambda x, root: np.exp(-3 * x) - np.exp(-3 * root),
    "kink": lambda x, root: np.where(x < root, 5.0, 0.5) * (root - x),
}


@pytest.mark.parametrize("root", [-2.9, -0.35, 0.0, 0.77, 2.5])
@pytest.mark.parametrize("start", [-3.0, 0.0, 2.0])
@pytest.mark.parametrize("name", CURVES)
def test_the_root_is_found_in_few_calls_and_called_last(name, start, root) -> None:
    x, calls = searched(lambda x: CURVES[name](x, root), start=start, tolerance=1e-3)
    assert abs(CURVES[name](x, root)) < 1e-3
    assert calls[-1] == x
    assert len(calls) <= 18
    assert calls[0] == start
    assert min(calls) >= -3 and max(calls) <= 3


def test_the_root_of_a_line_takes_no_more_than_the_steps_to_pass_it() -> None:
    x, calls = searched(lambda x: 1.0 - x)
    assert x == pytest.approx(1.0, abs=1e-6)
    assert len(calls) <= 6  # 0, 0.1, 0.3, 0.7, 1.5, 1.0


def test_a_start_at_the_root_is_one_call() -> None:
    assert searched(lambda x: 0.5 - x, start=0.5) == (0.5, [0.5])


@pytest.mark.parametrize("start", [-3.0, -1.0, 3.0])
@pytest.mark.parametrize(("shift", "end"), [(10.0, 3.0), (-10.0, -3.0)])
def test_without_a_root_it_is_the_nearer_end(shift, end, start) -> None:
    x, calls = searched(lambda x: shift - x, start=start)
    assert x == end == calls[-1]
    assert len(calls) <= 8


def test_an_interval_of_one_point_is_that_point() -> None:
    for shift in (-1.0, 0.0, 1.0):
        assert searched(lambda x, s=shift: s - x, 0.4, 0.4, start=0.4) == (0.4, [0.4])


def test_a_jump_ends_within_its_sides_after_a_bounded_number_of_calls() -> None:
    """A worth that jumps from far too much to nothing: no x has |f| < tolerance."""
    x, calls = searched(lambda x: 8.0 if x < 0.7312 else -20.0, step=0.03)
    assert x == pytest.approx(0.7312, abs=0.02)
    assert len(calls) <= 25
    assert calls[-1] == x


def test_a_plateau_between_two_ends_is_left() -> None:
    """f is flat far from the root, so that regula falsi alone would creep."""
    x, calls = searched(lambda x: np.clip(20 * (0.5 - x), -20.0, 1.0), tolerance=1e-3)
    assert x == pytest.approx(0.5, abs=1e-3)
    assert len(calls) <= 18
