"""Kalibr's camera chain (camchain.yaml), with where the motion sensor sits and its time shift.

T_cam_imu takes the sensor's coordinates to the camera's, t_imu = t_cam + timeshift_cam_imu
(Kalibr's wiki, "Yaml formats").
"""

import re
from typing import Any

import numpy as np

from stabilizer.camera.file import CameraFile, CameraMode
from stabilizer.camera.model import Camera
from stabilizer.camera.values import Content, matrix, numbers, real, required, text, whole
from stabilizer.lens import Lens, make_lens

NAME = "Kalibr camera chain"

_NAMED = re.compile(r"cam\d+\Z")
_LENSES = {"radtan": "opencv", "equidistant": "fisheye", "none": "pinhole"}
_FARTHEST_SHIFT = 1e11  # s


def recognises(content: dict[str, Any]) -> bool:
    """Whether it has a cam0, cam1, … with intrinsics, or is such a camera itself."""
    return bool(_cameras(content))


def read(path: str, content: dict[str, Any]) -> CameraFile:
    """Return its cameras as modes; where they differ one has to be chosen."""
    modes = tuple(_mode(name, camera) for name, camera in _cameras(content).items())
    return CameraFile(path, NAME, modes, first_is_usual=False)


def _cameras(content: Content) -> dict[str, Content]:
    if "intrinsics" in content and "camera_model" in content:
        return {"cam": content}
    return {
        name: value
        for name, value in content.items()
        if isinstance(name, str)
        and _NAMED.match(name)
        and isinstance(value, dict)
        and "intrinsics" in value
    }


def _mode(name: str, content: Content) -> CameraMode:
    size = numbers(f"{name} resolution", required(content, "resolution"), most=2)
    if len(size) != 2:
        raise ValueError(f"{name} resolution: expected width and height, got {len(size)} numbers")
    width, height = (whole(f"{name} resolution", side) for side in size)
    model = text(content, "camera_model").lower()
    if model != "pinhole":
        refusal = f"camera_model {model!r:.60} is not known, only pinhole; calibrate it as that"
        return CameraMode(width, height, name, refusal=refusal)
    found = numbers(f"{name} intrinsics", content["intrinsics"], most=4)
    if len(found) != 4:
        raise ValueError(f"{name} intrinsics: expected fu fv pu pv, got {len(found)} numbers")
    given = {"width", "height", "fx", "fy", "cx", "cy", "lens", "coeffs"}
    fields: dict[str, Any] = dict(zip(("fx", "fy", "cx", "cy"), found, strict=True))
    if content.get("T_cam_imu") is not None:
        T_cam_body = matrix(f"{name} T_cam_imu", content["T_cam_imu"], 4, 4)
        if np.abs(T_cam_body[3] - (0, 0, 0, 1)).max() > 1e-6:
            raise ValueError(f"{name} T_cam_imu: expected a last row 0 0 0 1, got another")
        fields["R_body_cam"] = T_cam_body[:3, :3].T
        given |= {"R_body_cam", "imu_orientation"}
    camera = Camera(width, height, lens=_lens(name, content), **fields)
    shift = content.get("timeshift_cam_imu")
    if shift is not None:
        limits = {"minimum": -_FARTHEST_SHIFT, "maximum": _FARTHEST_SHIFT}
        shift = real(f"{name} timeshift_cam_imu", shift, **limits)
    return CameraMode(width, height, name, camera, given=frozenset(given), delay=shift)


def _lens(name: str, content: Content) -> Lens:
    model = text(content, "distortion_model").lower() or "none"
    if model not in _LENSES:
        known = ", ".join(_LENSES)
        raise ValueError(f"{name} distortion_model: expected one of {known}, got {model!r:.60}")
    coeffs = numbers(f"{name} distortion_coeffs", content.get("distortion_coeffs") or [], most=4)
    return make_lens(_LENSES[model], tuple(coeffs) if model != "none" else ())
