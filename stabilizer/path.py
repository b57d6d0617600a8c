"""The camera's orientation over time: `CameraPath`, camera frame, the video's clock."""

from scipy.spatial.transform import Rotation

from gyro_data.orientation import Orientation, RotationCurve
from stabilizer.camera import Camera
from stabilizer.sync import ClockSync


class CameraPath(RotationCurve):
    """The orientation of a camera, real or virtual, over presentation time."""

    @property
    def R_world_cam(self) -> Rotation:
        """M rotations: v_world = R_world_cam.apply(v_cam)."""
        return self.R_world_frame


def camera_path(orientation: Orientation, sync: ClockSync, camera: Camera) -> CameraPath:
    """Return the measured path: the body's orientation seen from the camera, on the video's clock.

    R_world_cam = R_world_body · R_body_cam, and t_video = (t_log − delay) / (1 + clock_skew).
    """
    R_body_cam = Rotation.from_matrix(camera.R_body_cam.copy())  # scipy wants writable arrays
    rate = orientation.rate
    if rate is not None:  # (N, 3) @ (3, 3): rows times R_body_cam are R_cam_body · rate
        rate = rate @ camera.R_body_cam * (1.0 + sync.clock_skew)
    return CameraPath(
        t=sync.video_time(orientation.t),
        R_world_frame=orientation.R_world_body * R_body_cam,
        rate=rate,
        gaps=sync.video_time(orientation.gaps),
    )
