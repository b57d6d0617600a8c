"""The project's own camera files: a JSON object of the fields of a `Camera`."""

import json
from collections.abc import Collection, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from gyro_data.checks import number
from stabilizer.camera.model import Camera
from stabilizer.lens import Corrected, corrected, make_lens

_REQUIRED_KEYS = ("width", "height", "fx", "fy")
_OPTIONAL_KEYS = (
    "cx",
    "cy",
    "lens",
    "coeffs",
    "lens_correction",
    "readout_time",
    "readout_direction",
    "imu_orientation",
    "R_body_cam",
    "note",
    "standard_errors",
)


def save_camera(
    camera: Camera,
    path: str | PathLike[str],
    *,
    unknown: Collection[str] = (),
    standard_errors: Mapping[str, Any] | None = None,
) -> None:
    """Write a camera JSON file, see `camera_to_dict` for its keys.

    Args:
        unknown: keys to leave out, for they are only assumed (see `given_keys`).
        standard_errors: by key: fx fy cx cy (px), readout_time (s), R_body_cam (rad about the
            camera's axes) and coefficients of the lens by name; for the reader, not the program.
    """
    content = {k: v for k, v in camera_to_dict(camera).items() if k not in unknown}
    if standard_errors is not None:
        content["standard_errors"] = dict(standard_errors)
    Path(path).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def camera_to_dict(camera: Camera) -> dict[str, Any]:
    """Return the camera as a JSON object.

    Keys: width height fx fy cx cy (px), lens, coeffs, lens_correction (a share, only when
    the lens is partly corrected), readout_time (s), readout_direction, imu_orientation, R_body_cam
    (rows of a 3x3 rotation, only when it is not the identity).
    """
    content: dict[str, Any] = {
        name: getattr(camera, name) for name in ("width", "height", "fx", "fy", "cx", "cy")
    }
    content |= {"lens": camera.lens.name, "coeffs": list(camera.lens.coeffs)}
    if isinstance(camera.lens, Corrected):
        content["lens_correction"] = camera.lens.amount
    content |= {
        "readout_time": camera.readout_time,
        "readout_direction": str(camera.readout_direction),
        "imu_orientation": camera.imu_orientation,
    }
    if not np.array_equal(camera.R_body_cam, np.eye(3)):
        content["R_body_cam"] = camera.R_body_cam.tolist()
    return content


def camera_from_dict(content: Any) -> Camera:
    """Return the camera of a JSON object, see `camera_to_dict`.

    Raises TypeError or ValueError that names the key that is missing, unknown or wrong.
    """
    if not isinstance(content, dict):
        raise TypeError(f"camera: expected a JSON object, got {type(content).__name__}")
    missing = [key for key in _REQUIRED_KEYS if key not in content]
    unknown = [key for key in content if key not in _REQUIRED_KEYS + _OPTIONAL_KEYS]
    if missing or unknown:
        facts = [f"misses {', '.join(missing)}"] if missing else []
        facts += [f"has unknown keys {', '.join(unknown)}"] if unknown else []
        known = ", ".join(_REQUIRED_KEYS + _OPTIONAL_KEYS)
        raise ValueError(f"camera {' and '.join(facts)} (known: {known})")
    return _camera_from(content)


def _camera_from(content: dict[str, Any]) -> Camera:
    width, height = content["width"], content["height"]
    fields = {
        key: content[key]
        for key in ("readout_time", "readout_direction", "imu_orientation", "R_body_cam")
        if key in content
    }
    for key, kind in (("imu_orientation", str), ("lens", str), ("coeffs", list)):
        if not isinstance(content.get(key, kind()), kind):
            name = {str: "text", list: "a list"}[kind]
            raise TypeError(f"{key}: expected {name}, got {content[key]!r}")
    lens = make_lens(content.get("lens", "pinhole"), tuple(content.get("coeffs", ())))
    return Camera(
        width,
        height,
        content["fx"],
        content["fy"],
        content.get("cx", (number("width", width) - 1) / 2),
        content.get("cy", (number("height", height) - 1) / 2),
        lens=corrected(lens, content.get("lens_correction", 0.0)),
        **fields,
    )
