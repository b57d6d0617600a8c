"""Conditioners: what each does to a log, and what every one of them leaves alone."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gyro_data.conditioning import CONDITIONERS, MapAxes, SubtractDrift
from gyro_data.log import GyroLog

EXAMPLES: dict[str, Callable[[GyroLog], GyroLog]] = {
    "subtract_drift": SubtractDrift(np.array([0.1, -0.2, 0.3])),
    "map_axes": MapAxes("yXz"),
}


def make_log(*, accel: bool = True) -> GyroLog:
    rng = np.random.default_rng(3)
    t = np.arange(50) / 200
    return GyroLog(
        t=t,
        gyro=rng.normal(size=(50, 3)),
        accel=rng.normal(size=(50, 3)) if accel else None,
        gaps=np.array([[t[4], t[5]]]),
        hints={"time_unit": "s"},
    )


def test_every_conditioner_has_an_example_here() -> None:
    assert EXAMPLES.keys() == CONDITIONERS.keys()
    for name, conditioner in EXAMPLES.items():
        assert isinstance(conditioner, CONDITIONERS[name])


@pytest.mark.parametrize("accel", [True, False])
@pytest.mark.parametrize("conditioner", EXAMPLES.values(), ids=EXAMPLES)
def test_time_gaps_and_hints_pass_through(
    conditioner: Callable[[GyroLog], GyroLog], accel: bool
) -> None:
    before = make_log(accel=accel)
    copy = before.gyro.copy()
    after = conditioner(before)
    np.testing.assert_array_equal(after.t, before.t)
    np.testing.assert_array_equal(after.gaps, before.gaps)
    assert after.hints == before.hints
    assert (after.accel is None) == (not accel)
    np.testing.assert_array_equal(before.gyro, copy)


def test_subtracting_the_mean_leaves_none() -> None:
    log = make_log()
    after = SubtractDrift(log.gyro.mean(axis=0))(log)
    np.testing.assert_allclose(after.gyro.mean(axis=0), 0, atol=1e-15)
    np.testing.assert_allclose(np.diff(after.gyro, axis=0), np.diff(log.gyro, axis=0), atol=1e-14)
    np.testing.assert_array_equal(after.accel, log.accel)


def test_axes_are_mapped_for_both_sensors() -> None:
    log = make_log()
    after = MapAxes("yXz")(log)
    for mapped, raw in ((after.gyro, log.gyro), (after.accel, log.accel)):
        np.testing.assert_array_equal(mapped, np.stack([-raw[:, 1], raw[:, 0], -raw[:, 2]], axis=1))


def test_a_right_handed_map_is_a_rotation() -> None:
    log = make_log()
    quarter_turn = Rotation.from_euler("z", 90, degrees=True)
    np.testing.assert_allclose(
        MapAxes("yXZ")(log).gyro, quarter_turn.apply(log.gyro.copy()), atol=1e-15
    )


def test_wrong_parameters_are_refused_at_birth() -> None:
    with pytest.raises(ValueError, match="drift: expected shape"):
        SubtractDrift(np.zeros(2))
    with pytest.raises(ValueError, match="drift: expected finite"):
        SubtractDrift(np.array([0, np.nan, 0]))
    with pytest.raises(ValueError, match="axis order"):
        MapAxes("xyx")
    with pytest.raises(FrozenInstanceError):
        MapAxes("XYZ").letters = "ZYX"  # type: ignore[misc]
