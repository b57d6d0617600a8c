"""The camera: picture size, intrinsics, lens, rolling shutter, mounting; and files that tell it.

Pixels are (x, y), the centre of the top-left pixel is (0, 0). Row times refer to the middle row.
"""

from stabilizer.camera.file import CameraFile, CameraMode
from stabilizer.camera.loading import camera_mode, given_keys, is_camera, load_camera, read_camera
from stabilizer.camera.model import Camera, ReadoutDirection
from stabilizer.camera.own import camera_from_dict, camera_to_dict, save_camera

__all__ = [
    "Camera",
    "CameraFile",
    "CameraMode",
    "ReadoutDirection",
    "camera_from_dict",
    "camera_mode",
    "camera_to_dict",
    "given_keys",
    "is_camera",
    "load_camera",
    "read_camera",
    "save_camera",
]
