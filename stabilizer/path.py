"""The camera's orientation over time: `CameraPath`, camera frame, the video's clock."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gyro_data.checks import Floats, read_only
from gyro_data.orientation import Orientation, RotationCurve
from gyro_data.quaternions import from_matrix, multiply, normalize
from stabilizer.camera import Camera
from stabilizer.sync import ClockSync

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation


@dataclass(frozen=True, eq=False)
class CameraPath(RotationCurve):
    """The orientation of a camera, real or virtual, over presentation time."""

    up: Floats | None = None
    """(M, 3) the way up in the world frame at t, where it is known."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.up is not None:
            object.__setattr__(self, "up", read_only("up", self.up, (len(self.t), 3)))

    def up_at(self, t: Floats) -> Floats:
        """Return the way up (n, 3) in the world at `t` (n,) s. Raises ValueError if unknown."""
        if self.up is None:
            raise ValueError("up: expected a path that knows which way is up, got None")
        return np.stack([np.interp(t, self.t, column) for column in self.up.T], axis=-1)

    @property
    def R_world_cam(self) -> "Rotation":
        """M rotations: v_world = R_world_cam.apply(v_cam)."""
        return self.R_world_frame


def camera_path(
    orientation: Orientation, sync: ClockSync, camera: Camera, *, up: Floats | None = None
) -> CameraPath:
    """Return the measured path: the body's orientation seen from the camera, on the video's clock.

    R_world_cam = R_world_body · R_body_cam, at t_video = sync.video_time(t_log); where the log's
    clock stands there is a gap. `up` (N, 3) is the way up in the world at the orientation's times,
    if it is known.
    """
    t = sync.video_time(orientation.t)
    rate = orientation.rate
    if rate is not None:  # (N, 3) @ (3, 3): rows times R_body_cam are R_cam_body · rate
        rate = rate @ camera.R_body_cam * sync.speed(t)[:, None]
    return CameraPath(
        t=t,
        quat_xyzw=normalize(multiply(orientation.quat_xyzw, from_matrix(camera.R_body_cam))),
        rate=rate,
        gaps=np.concatenate([sync.video_time(orientation.gaps), sync.holes]),
        up=up,
    )
