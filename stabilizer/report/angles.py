"""Poses as angles that can be drawn: a plan in, degrees at the frame times out, without jumps."""

import numpy as np

from gyro_data.checks import Bools, Floats
from stabilizer.plan import Plan


def angles_deg(plan: Plan) -> tuple[Floats, Floats]:
    """Return yaw, pitch and roll (F, 3) of the virtual and of the measured camera, in degrees.

    The virtual pose is taken apart as R_0ᵀ R = Ry(yaw) Rx(pitch) Rz(roll) from the first one, R_0:
    right, up and clockwise are positive. The angles go on past ±180 degrees, and pitch past ±90.
    The measured camera's are the virtual's plus log(R_virtualᵀ R_measured): the correction, about
    the camera's own axes.
    """
    R_world_virtual = plan.virtual.at(plan.frame_times)
    R_world_measured = plan.measured.at(plan.frame_times)
    virtual = _yaw_pitch_roll((R_world_virtual[0].inv() * R_world_virtual).as_matrix())
    correction = (R_world_virtual.inv() * R_world_measured).as_rotvec()
    virtual, correction = np.degrees(virtual), np.degrees(correction)
    return virtual, virtual + correction[:, [1, 0, 2]]


def _yaw_pitch_roll(matrix: Floats) -> Floats:
    """Return the continuous angles (F, 3) rad of `matrix` (F, 3, 3) = Ry(yaw) Rx(pitch) Rz(roll).

    (yaw, pitch, roll) and (yaw + π, π − pitch, roll + π) are the same rotation: whichever is nearer
    to the frame before goes on. Straight up and down, where yaw and roll are one, they are
    interpolated.
    """
    right, down, forward = matrix[:, 0, 2], matrix[:, 1, 2], matrix[:, 2, 2]
    level = np.hypot(right, forward)
    yaw, pitch = np.arctan2(right, forward), np.arctan2(-down, level)
    angles = np.stack([yaw, pitch, np.arctan2(matrix[:, 1, 0], matrix[:, 1, 1])], axis=-1)
    told = level > 1e-6
    angles = angles[told]
    over = _over_the_top(angles)
    angles[over] = angles[over] * [1, -1, 1] + np.pi
    frame = np.arange(len(matrix))
    columns = np.unwrap(angles, axis=0).T
    return np.stack([np.interp(frame, frame[told], column) for column in columns], axis=-1)


def _over_the_top(angles: Floats) -> Bools:
    """Tell for each frame (F,) if the other triple goes on from the first frame's `angles`."""
    before, after = angles[:-1], angles[1:]
    stay = _turn(after - before).sum(axis=1)
    change = _turn(after * [1, -1, 1] + np.pi - before).sum(axis=1)
    return np.asarray(np.cumsum(np.concatenate([[False], change < stay])) % 2 == 1)


def _turn(angle: Floats) -> Floats:
    return np.asarray(np.abs((angle + np.pi) % (2 * np.pi) - np.pi))
