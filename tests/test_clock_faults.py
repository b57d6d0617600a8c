"""Clocks that go wrong: each fault is told, and put right or refused."""

from pathlib import Path

import numpy as np
import pytest

from gyro_data.errors import GyroDataError
from gyro_data.readers import read
from gyro_data.readers.clock_faults import put_right

RATE = 400.0
N = 2000
T = 3.0 + np.arange(N) / RATE
VALUES = np.stack([np.sin(9 * T), np.cos(7 * T), np.sin(5 * T)], axis=1)
PATH = Path("log.csv")


def test_a_sound_clock_is_left_alone() -> None:
    timed = put_right(PATH, T, VALUES)
    np.testing.assert_array_equal(timed.t, T)
    np.testing.assert_array_equal(timed.values, VALUES)
    assert timed.done == {}


def test_a_jittering_clock_is_left_alone() -> None:
    t = T + np.random.default_rng(1).uniform(-0.4, 0.4, N) / RATE
    np.testing.assert_array_equal(put_right(PATH, t, VALUES).t, t)


@pytest.mark.parametrize("rate", [400.0, 1000.0 / 3.0, 1600.0, 4000.0, 8000.0])
def test_stamps_of_whole_milliseconds_are_retimed(rate: float) -> None:
    """Thousands of rows share a time; the line through them is right to a fraction of a ms."""
    t = 3.0 + np.arange(N) / rate
    timed = put_right(PATH, np.floor(t * 1000) / 1000, VALUES)
    offset = np.median(timed.t - t)  # stamps are cut off, half a millisecond early on average
    assert abs(offset) < 0.001
    np.testing.assert_allclose(timed.t - offset, t, atol=1.5e-4)
    assert len(timed.t) == N
    assert "by regression" in timed.done["retimed_rows"]


def test_retiming_follows_a_rate_that_wanders() -> None:
    t = np.cumsum((1 + 0.02 * np.sin(np.arange(20 * N) / 9000)) / 2000)
    values = np.random.default_rng(0).normal(size=(20 * N, 3))
    timed = put_right(PATH, np.floor(t * 1000) / 1000, values)
    np.testing.assert_allclose(timed.t, t, atol=1.5e-3)


def test_retiming_keeps_a_hole() -> None:
    t = 3.0 + np.arange(N) / 2000.0
    t[N // 2 :] += 0.3
    timed = put_right(PATH, np.floor(t * 1000) / 1000, VALUES)
    np.testing.assert_allclose(timed.t, t, atol=1.1e-3)


def test_stamps_of_whole_seconds_are_too_coarse() -> None:
    with pytest.raises(GyroDataError, match="2000 rows have only 5 different times, 1 s apart"):
        put_right(PATH, np.floor(T), VALUES)


def test_rows_written_twice_are_taken_once() -> None:
    timed = put_right(PATH, np.repeat(T, 2), np.repeat(VALUES, 2, axis=0))
    np.testing.assert_array_equal(timed.t, T)
    assert timed.done == {"rows_written_twice": N}


def test_a_clock_that_is_set_back_goes_on() -> None:
    t = T.copy()
    t[900:] -= 0.4
    timed = put_right(PATH, t, VALUES)
    np.testing.assert_allclose(timed.t, T, atol=1e-9)
    np.testing.assert_array_equal(timed.values, VALUES)
    assert timed.done["clock_steps"].startswith("back by 0.398 s after 5.2475 s")


def test_late_rows_are_sorted_not_joined() -> None:
    order = np.arange(N)
    order[700:720] = np.roll(order[700:720], 5)
    timed = put_right(PATH, T[order], VALUES[order])
    np.testing.assert_array_equal(timed.t, T)
    np.testing.assert_array_equal(timed.values, VALUES)
    assert "clock_steps" not in timed.done
    assert timed.done["reordered_rows"] > 0


@pytest.mark.parametrize("wild", [0.0, -50.0, 95.0, 1e12])
def test_a_row_with_a_wild_time_is_left_out(wild: float) -> None:
    t = T.copy()
    t[800] = wild
    timed = put_right(PATH, t, VALUES)
    np.testing.assert_array_equal(timed.t, np.delete(T, 800))
    assert timed.done == {"wild_times": 1}


def test_rows_before_the_clock_was_set_are_left_out() -> None:
    t = T + 1.7e9
    t[:20] -= 1.7e9
    timed = put_right(PATH, t, VALUES)
    assert len(timed.t) == N - 20
    assert timed.done == {"rows_of_other_recordings": 20}


def test_two_recordings_are_refused() -> None:
    t = T.copy()
    t[1000:] += 7200
    with pytest.raises(GyroDataError, match=r"jumps from 5\.4975 s to 7205\.5 s .* split the file"):
        put_right(PATH, t, VALUES)


def log_file(path: Path, t: np.ndarray, gyro: np.ndarray) -> Path:
    rows = [f"{a:.6f},{x:.6f},{y:.6f},{z:.6f}" for a, (x, y, z) in zip(t, gyro, strict=True)]
    path.write_text("\n".join(["t [s],gx [rad/s],gy [rad/s],gz [rad/s]", *rows]))
    return path


@pytest.mark.parametrize(
    ("t", "gyro", "name", "told"),
    [
        (T * 20, VALUES, "slow_sampling", "sampled at 20 Hz: shake above 10 Hz"),
        (T, VALUES * [1, 0, 1], "constant_axes", "y never change(s)"),
        (T, np.clip(VALUES * 9, -4.36, 4.36), "saturated_samples", "end of the sensor's range"),
    ],
)
def test_faults_of_the_sensor_are_told(
    tmp_path: Path,
    t: np.ndarray,
    gyro: np.ndarray,
    name: str,
    told: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = read(log_file(tmp_path / "log.csv", t, gyro))
    assert told in log.hints[name]
    assert told in caplog.text


def test_a_sound_sensor_has_no_fault(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = read(log_file(tmp_path / "log.csv", T, VALUES * 3))
    assert not {"slow_sampling", "constant_axes", "saturated_samples"} & set(log.hints)
    assert not caplog.text
