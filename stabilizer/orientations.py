"""How motion sensors sit in cameras that many people have, by name: log axes → camera axes.

Letters are for camera x right, y down, z forward (see `gyro_data.axes_matrix`). Phones' are for the
picture as it is shown; the stored picture of a phone may be turned, which its display matrix tells.
"""

from collections.abc import Mapping

import numpy as np

from gyro_data.axes import axes_letters, axes_matrix
from gyro_data.checks import Floats

AUTO = "auto"
"""What stands for letters that are found by looking at the clip."""

# A phone's axes, Android's (SensorEvent) and Core Motion's alike: x to the right of the screen, y
# to its top edge, z out of it. Its main camera looks along −z. Held in landscape, the top edge is
# at the left, so that x points up and y to the left; reversed, x points down, y to the right.
_PHONE = {
    "landscape": "yxz",
    "landscape-reverse": "YXz",
    "portrait": "Xyz",
}
_FRONT = {
    "landscape-front": "YxZ",
    "portrait-front": "xyZ",
}
"""The camera beside the screen looks along +z at who holds the phone; not mirrored."""

PRESETS: Mapping[str, str] = {
    **{
        f"{system}-{how}": letters
        for system in ("android", "ios")
        for how, letters in (_PHONE | _FRONT).items()
    },
    # GPMF's axes X left, Y back, Z up, seen by the camera; so measured on a HERO5's clip
    "gopro": "xzy",
    # Gyroflow's, and telemetry-parser's, after a log's own orientation: up, left, back
    "gyroflow": "yxz",
    # forward, right, down, as ArduPilot and PX4 log; the camera looks forward
    "ardupilot": "YZX",
    "px4": "YZX",
    # forward, left, up: ROS's REP 103
    "ros": "yzX",
    # ROS's optical frame, Kalibr's and OpenCV's cameras
    "camera": "XYZ",
}
"""Letters by preset."""

_SHOWN_AS_STORED = frozenset({"gopro", "gyroflow", "ardupilot", "px4", "ros", "camera"})


def letters_of(orientation: str | None, *, rotation_deg: int = 0) -> str | None:
    """Return the letters that an orientation is: as they are, or a preset's; None for "auto".

    A player turns the stored picture by `rotation_deg` counter-clockwise before it shows it, and
    a phone's preset is for what is shown. Raises ValueError for what is neither.
    """
    if orientation is None or orientation.lower() == AUTO:
        return None
    name = orientation.lower()
    if name not in PRESETS:
        if "-" in name or len(name) != 3:
            raise ValueError(
                f"imu_orientation: expected three letters such as yXz, {AUTO}, or one of "
                f"{', '.join(PRESETS)}; got {orientation!r}"
            )
        axes_matrix(orientation)
        return orientation
    letters = PRESETS[name]
    return letters if name in _SHOWN_AS_STORED else _stored(letters, rotation_deg)


def _stored(letters: str, rotation_deg: int) -> str:
    """Return the letters for the stored picture's axes of those for the shown picture's."""
    return axes_letters(_turned(rotation_deg) @ axes_matrix(letters))


def _turned(rotation_deg: int) -> Floats:
    """Return the rotation (3, 3) of camera axes, stored ← shown.

    Shown = stored turned counter-clockwise: at 90 degrees what is stored to the right is shown
    above, so that the stored x is the shown −y.
    """
    quarters = round(rotation_deg / 90) % 4
    quarter = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    return np.asarray(np.linalg.matrix_power(quarter, quarters))
