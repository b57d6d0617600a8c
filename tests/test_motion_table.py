"""The motion as a table, read back with pandas and compared to scipy's rotations."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation

from stabilizer.camera import Camera
from stabilizer.errors import StabilizerError
from stabilizer.motion_table import motion_table, save_motion
from stabilizer.path import CameraPath
from stabilizer.plan import Plan

FRAMES = np.array([0.1, 0.1333, 0.1667, 0.2, 0.5, 1 / 3 + 0.5])
CAMERA = Camera.from_focal(64, 48, 50.0)


def turning(t, rate: float) -> CameraPath:
    """A turn about a slanted axis, through more than one revolution: q changes its sign."""
    axis = np.array([0.6, 0.0, 0.8])
    return CameraPath.of(t, Rotation.from_rotvec(np.outer(3.0 + rate * t, axis)))


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(
        measured=turning(np.linspace(0, 0.6, 200), 12.0),
        virtual=turning(FRAMES, 9.0),
        zoom=1.0 + FRAMES / 7,
        camera=CAMERA,
        output=CAMERA,
        margin=np.zeros(len(FRAMES)),
        interpolation="cubic",
    )


def rotations(table: pd.DataFrame, name: str) -> Rotation:
    return Rotation.from_quat(table[[f"{name}_q{axis}" for axis in "xyzw"]].to_numpy())


def test_the_file_holds_the_motion_to_the_last_digit(plan, tmp_path) -> None:
    save_motion(plan, tmp_path / "motion.csv")
    assert [p.name for p in tmp_path.iterdir()] == ["motion.csv"]
    table = pd.read_csv(tmp_path / "motion.csv")
    assert list(table) == [
        "time",
        *(f"{name}_q{axis}" for name in ("measured", "virtual") for axis in "wxyz"),
        "zoom",
        "covered",
    ]
    lines = (tmp_path / "motion.csv").read_text().splitlines()[1:]
    assert [float(line.split(",")[0]) for line in lines] == FRAMES.tolist()  # to the bit
    np.testing.assert_allclose(table["zoom"], plan.zoom, rtol=1e-14)  # pandas reads a bit off
    assert table["covered"].tolist() == [True] * 5 + [False]
    for name, path in (("measured", plan.measured), ("virtual", plan.virtual)):
        angle = (rotations(table, name).inv() * path.at(FRAMES)).magnitude()
        assert angle.max() < 1e-13  # rad: 16 digits, read and multiplied


def test_quaternions_do_not_jump(plan) -> None:
    """Not even from 0.2 s to 0.5 s, where the camera turns by 3.6 rad."""
    table = motion_table(plan)
    for name in ("measured", "virtual"):
        quat = table[[f"{name}_q{axis}" for axis in "wxyz"]].to_numpy()
        np.testing.assert_allclose(np.linalg.norm(quat, axis=1), 1, atol=1e-15)
        assert quat[0, 0] >= 0
        assert (np.sum(quat[1:] * quat[:-1], axis=1) > 0).all()


def test_one_frame_is_one_row(plan) -> None:
    one = dataclasses.replace(
        plan, virtual=turning(FRAMES[:1], 9.0), zoom=plan.zoom[:1], margin=plan.margin[:1]
    )
    pd.testing.assert_frame_equal(motion_table(one), motion_table(plan)[:1])


def test_a_table_that_cannot_be_written_leaves_nothing(plan, tmp_path) -> None:
    with pytest.raises(StabilizerError, match=r"motion\.csv: cannot be written"):
        save_motion(plan, tmp_path / "none" / "motion.csv")
    assert list(tmp_path.iterdir()) == []
