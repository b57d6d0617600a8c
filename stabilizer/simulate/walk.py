"""Where the camera is: positions in m in the world, and what that changes in a room of finite size.

The room is the cube max(|x|, |y|, |z|) = room_size; its centre is the world's origin.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gyro_data.checks import Floats, number, read_only
from stabilizer.simulate.motion import Motion
from stabilizer.simulate.painting import Image32

Position = Callable[[Floats], Floats]
"""Times (N,) s -> where the camera is in the world (N, 3) m."""

ROOM_SIZE = 3.0
"""m from the centre of the room to its walls, unless told otherwise."""


@dataclass(frozen=True)
class Walk:
    """A walk along the world's z axis with the camera held away from the body that bobs and sways.

    position(t) = start + (sway sin(π steps t), bob sin(2π steps t), speed t) + R_world_cam(t) lever
    """

    motion: Motion
    """How the camera turns; what swings it on its lever."""
    speed: float = 1.3
    """m/s forward."""
    bob: float = 0.03
    """m, up and down at each step."""
    sway: float = 0.02
    """m, from foot to foot."""
    lever: tuple[float, float, float] = (0.02, 0.05, 0.25)
    """m from what it turns about to the camera, in camera axes."""
    step_rate: float = 1.9
    """Steps per second."""
    start: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """m: where the body is at 0 s."""

    def __post_init__(self) -> None:
        number("speed", self.speed)
        number("bob", self.bob, minimum=0)
        number("sway", self.sway, minimum=0)
        number("step_rate", self.step_rate, minimum=0)
        read_only("lever", self.lever, (3,))
        read_only("start", self.start, (3,))

    def __call__(self, t: Floats) -> Floats:
        """Return where the camera is (N, 3) m at `t (N,)` s."""
        step = 2 * np.pi * self.step_rate * t
        body = np.column_stack(
            [self.sway * np.sin(step / 2), self.bob * np.sin(step), self.speed * t]
        )
        return np.asarray(self.start + body + self.motion.at(t).apply(self.lever))


def within(position: Position, t: Floats, room_size: float) -> Floats:
    """Return where the camera is (N, 3) m at `t (N,)` s; ValueError if not inside the room."""
    number("room_size", room_size, above=0)
    places = read_only("position", position(t), (len(t), 3))
    outside = np.flatnonzero(np.abs(places).max(axis=1) >= room_size)
    if outside.size:
        place = np.array2string(places[outside[0]], precision=3)
        raise ValueError(
            f"position: expected one less than {room_size:g} m from the room's centre along "
            f"each axis, got {place} m at {t[outside[0]]:.3f} s; enlarge room_size"
        )
    return places


def toward_walls(directions: Image32, places: Image32, room_size: float) -> Image32:
    """Return where the wall that rays hit is as seen from the centre of the room (3, h, w).

    Args:
        directions: (3, h, w), of the rays in the world; NaN stays NaN.
        places: (3, h, 1) or (3, 1, w) m inside the room, where the rays start.
        room_size: m from its centre to its walls.
    """
    with np.errstate(divide="ignore"):  # a ray along a wall never gets there: infinity
        x, y, z = (np.copysign(np.float32(room_size), directions) - places) / directions
    distance = np.minimum(np.minimum(x, y), z)
    return np.asarray(places + distance * directions)
