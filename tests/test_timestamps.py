"""Repeated values, holes, the unit behind a sampling interval, and exact seconds."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from gyro_data.timestamps import (
    TIME_UNITS,
    find_gaps,
    plausible_time_units,
    repeated,
    sampling_interval,
    to_seconds,
)


def test_repeated_marks_values_that_occur_more_than_once_in_their_row() -> None:
    labels = [[0, 0, 0, 0, 12, 12, 3, 3, 4], [0, 0, 10, 10, 10, 12, 3, 3, 4]]
    expected = [[0, 0, 0, 0, 1, 1, 1, 1, 0], [0, 0, 1, 1, 1, 0, 1, 1, 0]]
    mask = repeated(labels, ignore=0)
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, np.array(expected, dtype=bool))


@given(arrays(np.int8, array_shapes(max_dims=3, max_side=7), elements=st.integers(-3, 3)))
def test_repeated_agrees_with_counting(labels: np.ndarray) -> None:
    expected = np.empty(labels.shape, dtype=bool)
    for row in np.ndindex(labels.shape[:-1]):
        counts = Counter(labels[row].tolist())
        expected[row] = [counts[value] > 1 for value in labels[row].tolist()]
    np.testing.assert_array_equal(repeated(labels), expected)
    ignored = np.isin(labels, [-1, 2])
    np.testing.assert_array_equal(repeated(labels, ignore=[-1, 2]), expected & ~ignored)


def test_repeated_never_marks_nan() -> None:
    mask = repeated([np.nan, 1.5, np.nan, 1.5, np.inf, np.inf])
    np.testing.assert_array_equal(mask, [False, True, False, True, True, True])


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 4), (2, 1)])
def test_repeated_finds_nothing_where_there_is_nothing_to_repeat(shape: tuple[int, ...]) -> None:
    mask = repeated(np.zeros(shape))
    assert mask.shape == shape
    assert not mask.any()


def test_repeated_tells_neighbouring_integers_beyond_float_precision_apart() -> None:
    big = 2**60
    np.testing.assert_array_equal(repeated([big, big + 1, big]), [True, False, True])


@pytest.mark.parametrize("labels", [[True, True], ["a", "a"], np.array([1, None], dtype=object)])
def test_repeated_refuses_what_is_not_a_number(labels: object) -> None:
    with pytest.raises(TypeError, match="expected integers or floats"):
        repeated(labels)  # type: ignore[arg-type]


def test_repeated_refuses_a_bare_number() -> None:
    with pytest.raises(ValueError, match="shape"):
        repeated(3)


def test_gaps_are_intervals_much_longer_than_the_median() -> None:
    t = np.delete(np.arange(100) / 50.0, [20, 21, 22, 60])  # 0.08 s and 0.04 s instead of 0.02 s
    np.testing.assert_allclose(find_gaps(t), [[0.38, 0.46]])


@pytest.mark.parametrize("t", [[], [1.0], [1.0, 3.0], np.arange(9) / 7])
def test_an_even_log_has_no_gaps(t: list[float]) -> None:
    assert find_gaps(np.array(t)).shape == (0, 2)


def test_the_sampling_interval_ignores_order_and_repeats() -> None:
    assert sampling_interval(np.array([6, 0, 2, 2, 4, 4, 8])) == 2
    assert np.isnan(sampling_interval(np.array([5, 5, 5])))


@pytest.mark.parametrize("unit", TIME_UNITS)
@pytest.mark.parametrize("rate", [12.5, 50, 100, 200, 412.2, 1000, 8000])
def test_a_rate_of_10_hz_to_10_khz_tells_the_unit(rate: float, unit: str) -> None:
    assert plausible_time_units(TIME_UNITS[unit] / rate) == (unit,)


def test_the_ends_of_the_range_are_ambiguous() -> None:
    assert plausible_time_units(0.1) == ("s", "ms")  # 10 Hz or 10 kHz
    assert plausible_time_units(1e-6) == ()
    assert plausible_time_units(np.nan) == ()


@pytest.mark.parametrize("unit", TIME_UNITS)
@given(ticks=st.integers(-(2**62), 2**62))
def test_integers_become_the_nearest_seconds(unit: str, ticks: int) -> None:
    exact = Fraction(ticks, TIME_UNITS[unit])
    seconds = float(to_seconds(np.array([ticks]), unit)[0])
    # half a step of float64 at this size, and at most 1e-16 s from the fraction of a second
    assert abs(Fraction(seconds) - exact) <= 0.5 * np.spacing(abs(seconds)) + 1.2e-16


def test_unix_nanoseconds_keep_their_microseconds() -> None:
    ticks = np.array([1767620467209093700, 1767620467211519700])
    seconds = to_seconds(ticks, "ns")
    assert abs(np.diff(seconds)[0] - 0.002426) < 2.5e-7
    assert to_seconds(np.array([1500.5]), "ms")[0] == 1.5005
