"""Presets of sensor axes, from how a device is held: which way its axes point in the picture."""

import numpy as np
import pytest

from gyro_data import axes_matrix
from stabilizer.orientations import PRESETS, letters_of

RIGHT, DOWN, FORWARD = np.eye(3)
UP, LEFT, BACK = -DOWN, -RIGHT, -FORWARD

# Where a device's x, y, z point, seen by its camera. Android (SensorEvent) and iOS (CMGyroData)
# alike: with the screen before the user, x to the right of the screen, y to its top, z out of it.
# ROS: REP 103; ArduPilot and PX4: forward, right, down; Gyroflow: see test_gcsv.
AXES = {
    "portrait": (RIGHT, UP, BACK),
    "landscape": (UP, LEFT, BACK),  # its top edge at the left
    "landscape-reverse": (DOWN, RIGHT, BACK),
    "portrait-front": (LEFT, UP, FORWARD),  # the camera looks at the user, whose right is its left
    "landscape-front": (UP, RIGHT, FORWARD),
}
OTHERS = {
    "gopro": (LEFT, BACK, UP),
    "gyroflow": (UP, LEFT, BACK),
    "ardupilot": (FORWARD, RIGHT, DOWN),
    "px4": (FORWARD, RIGHT, DOWN),
    "ros": (FORWARD, LEFT, UP),
    "camera": (RIGHT, DOWN, FORWARD),
}
EVERY = {f"{s}-{how}": axes for s in ("android", "ios") for how, axes in AXES.items()} | OTHERS


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_turns_the_device_axes_into_the_pictures(name: str) -> None:
    matrix = axes_matrix(PRESETS[name])
    np.testing.assert_array_equal(matrix, np.stack(EVERY[name], axis=1))
    assert np.linalg.det(matrix) == pytest.approx(1)  # all of them are right-handed


@pytest.mark.parametrize("rotation", [0, 90, 180, 270, -90])
def test_a_phones_stored_picture_may_be_turned(rotation: int) -> None:
    """Turned back by what a player turns, the stored picture has the sensor's axes elsewhere."""
    angle = np.deg2rad(rotation)
    # a player turns the stored picture counter-clockwise: with y down, (x, y) goes to this
    shown_of_stored = np.array(
        [[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    stored = axes_matrix(letters_of("ios-portrait", rotation_deg=rotation))
    np.testing.assert_allclose(shown_of_stored @ stored, axes_matrix("Xyz"), atol=1e-12)


def test_a_portrait_clip_is_stored_in_landscape() -> None:
    assert letters_of("ios-portrait", rotation_deg=-90) == letters_of("ios-landscape") == "yxz"
    assert letters_of("gopro", rotation_deg=180) == "xzy"  # its sensor turns with the picture


def test_letters_stay_letters() -> None:
    assert letters_of("yXz", rotation_deg=90) == "yXz"
    assert letters_of("auto") is None
    assert letters_of(None) is None


@pytest.mark.parametrize("wrong", ["android", "xx", "XYX", "samsung-landscape", ""])
def test_unknown_names_are_refused_with_what_there_is(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"imu_orientation: expected|axis order: expected"):
        letters_of(wrong)
