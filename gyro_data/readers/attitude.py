"""Attitudes to rates: what turned the body from one instant to the next, over the time between."""

from pathlib import Path

import numpy as np

from gyro_data.checks import Bools, Floats
from gyro_data.errors import GyroDataError
from gyro_data.quaternions import conjugate, multiply, normalize, to_rotvec
from gyro_data.readers.options import ANGLE_ORDERS, BODY_TO_WORLD, WORLD_TO_BODY
from gyro_data.timestamps import find_gaps

_EVEN_LENGTH = 0.02


def from_wxyz(path: Path, wxyz: Floats, convention: str | None) -> tuple[Floats, str]:
    """Return R_world_body as quat_xyzw (N, 4) of quaternions w, x, y, z, and how they were taken.

    They may be scaled, all alike. Raises GyroDataError where they are not all of one length.
    """
    size = np.linalg.norm(wxyz, axis=1)
    if np.abs(size / np.median(size) - 1).max(initial=0.0) > _EVEN_LENGTH or not (size > 0).all():
        raise GyroDataError(
            f"{path}: the columns of a quaternion are {size.min():.3g} to {size.max():.3g} long; "
            f"rotations have one length: choose others with columns"
        )
    if convention in ANGLE_ORDERS:
        raise GyroDataError(f"{path}: attitude {convention} is for angles, this is a quaternion")
    quat = normalize(wxyz[:, [1, 2, 3, 0]])
    if convention == WORLD_TO_BODY:
        return conjugate(quat), WORLD_TO_BODY
    return quat, BODY_TO_WORLD if convention else f"{BODY_TO_WORLD} (assumed)"


def from_angles(path: Path, roll_pitch_yaw: Floats, order: str | None) -> tuple[Floats, str]:
    """Return R_world_body as quat_xyzw (N, 4) of angles (N, 3) rad about x, y and z, in `order`.

    Raises GyroDataError where no order is given: there are six, and none goes without saying.
    """
    if order not in ANGLE_ORDERS:
        raise GyroDataError(
            f"{path}: an attitude as roll, pitch and yaw, in which order? Give attitude (one of "
            f"{', '.join(ANGLE_ORDERS)}; ZYX is an aircraft's: yaw first, about z)"
        )
    from scipy.spatial.transform import Rotation  # takes long to import

    angles = roll_pitch_yaw[:, ["XYZ".index(axis) for axis in order]]
    return Rotation.from_euler(order, angles).as_quat(), f"angles turned in the order {order}"


def rates_of(t: Floats, quat_xyzw: Floats) -> tuple[Floats, Floats, Floats]:
    """Return times (M,) s, body rates (M, 3) rad/s, and gaps (G, 2) s of R_world_body at `t (N,)`.

    Each rate is the turn over an interval by its length, at its middle; none is made up in a gap.
    """
    gaps = find_gaps(t)
    turn = to_rotvec(multiply(conjugate(quat_xyzw[:-1]), quat_xyzw[1:]))
    step = np.diff(t)
    known: Bools = ~np.isin(t[:-1], gaps[:, 0])
    middle = (t[:-1] + t[1:])[known] / 2
    return middle, turn[known] / step[known, None], find_gaps(middle)
