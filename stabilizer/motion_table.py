"""The camera's motion as a table, one row per frame: presentation time, world ← camera."""

import numpy as np
import pandas as pd

from gyro_data.checks import Floats
from gyro_data.quaternions import continuous
from stabilizer.new_files import AnyPath, complete_or_absent
from stabilizer.plan import Plan

MOTION_SUFFIX = ".csv"
"""How the name of a motion file ends."""


def motion_table(plan: Plan) -> pd.DataFrame:
    """Return the plan's motion at the frame times.

    Columns: time (s); measured_qw, measured_qx, measured_qy, measured_qz (R_world_cam of the real
    camera as quat_wxyz) and virtual_qw … (of the virtual one), both without jumps of sign; zoom;
    covered (whether the log knows the motion at that time).
    """
    t = plan.frame_times
    columns: dict[str, Floats] = {"time": t}
    for name, path in (("measured", plan.measured), ("virtual", plan.virtual)):
        quat_wxyz = _from_positive(continuous(path.quat_at(t)))[:, [3, 0, 1, 2]]
        columns |= dict(zip([f"{name}_q{axis}" for axis in "wxyz"], quat_wxyz.T, strict=True))
    return pd.DataFrame(columns | {"zoom": plan.zoom, "covered": plan.covered})


def save_motion(plan: Plan, path: AnyPath) -> None:
    """Write the plan's motion to the CSV file `path`, every number with all its digits.

    Raises StabilizerError where it cannot be written.
    """
    with complete_or_absent(path) as partial:
        motion_table(plan).to_csv(partial, index=False)


def _from_positive(quat_xyzw: Floats) -> Floats:
    """Return sign-continuous quaternions (F, 4) whose first has w ≥ 0: the usual choice."""
    return np.asarray(-quat_xyzw if quat_xyzw[0, 3] < 0 else quat_xyzw)
