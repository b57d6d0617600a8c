"""What a rolling-shutter camera sees of a scene: the forward model, written on its own.

Nothing here comes from `warp` or `path`: what the stabilizer undoes must not be its own idea of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from gyro_data.checks import Floats, number
from stabilizer.camera import Camera, ReadoutDirection
from stabilizer.simulate.motion import Motion
from stabilizer.simulate.movers import Mover
from stabilizer.simulate.painting import Image
from stabilizer.simulate.scene import Scene
from stabilizer.simulate.walk import ROOM_SIZE, Position, toward_walls, within

_Float = TypeVar("_Float", bound=np.floating[Any])

_STRIP_ROWS = 32  # what is computed for a strip stays in the cache


@dataclass(frozen=True, eq=False)
class _Pixels:
    """What never changes from frame to frame; h, w are the size times the supersampling."""

    rays: NDArray[np.float32]
    """(3, h, w) in the camera frame; NaN where the lens shows nothing."""
    read_at: Floats
    """(h,) or (w,) s after the middle row: when each row, or each column, is read."""
    by_row: bool
    """Rows are read at once, not columns."""

    def per_line(self, values: NDArray[_Float]) -> NDArray[_Float]:
        """Return `values (…, N)` of the rows as (…, h, 1), those of the columns as (…, 1, w)."""
        return values[..., None] if self.by_row else values[..., None, :]


def render_frame(
    camera: Camera,
    motion: Motion,
    t: float,
    scene: Scene,
    *,
    supersample: int = 1,
    position: Position | None = None,
    room_size: float = ROOM_SIZE,
    movers: Sequence[Mover] = (),
) -> Image:
    """Return the picture (H, W, 3) RGB whose middle row is read at `t` s.

    Each pixel looks along R_world_cam(t + readout of its row) ray. `supersample` > 1 averages as
    many rays along x and y in each pixel. A global shutter is a camera with readout_time 0. What
    the lens does not show is black. The scene is at infinity, or with a `position` on walls
    `room_size` m from the world's origin: each row looks from where the camera is then. `movers`
    are in front of it, for each row where they are then.
    """
    number("supersample", supersample, minimum=1, maximum=8)
    pixels = _pixels(camera, int(supersample))
    _, height, width = pixels.rays.shape
    times = t + pixels.read_at
    turn = pixels.per_line(motion.at(times).as_matrix().transpose(1, 2, 0).astype(np.float32))
    place = None
    if position is not None:
        place = pixels.per_line(within(position, times, room_size).T.astype(np.float32))
    picture = np.zeros((height, width, 3), np.uint8)
    for top in range(0, height, _STRIP_ROWS):
        strip = slice(top, top + _STRIP_ROWS)
        lines = strip if pixels.by_row else slice(None)
        directions = _rotated(turn[:, :, lines], pixels.rays[:, strip])
        walls = directions
        if place is not None:
            walls = toward_walls(directions, place[:, lines], room_size)
        scene.look(walls, picture[strip])
        for mover in movers:
            mover.draw(directions, picture[strip], pixels.per_line(times)[lines])
    if supersample == 1:
        return picture
    size = (camera.width, camera.height)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _rotated(turn: NDArray[np.float32], rays: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return turn (3, 3, h, 1) or (3, 3, 1, w) times rays (3, h, w), pixel by pixel."""
    x, y, z = rays
    return np.stack([r[0] * x + r[1] * y + r[2] * z for r in turn])


@lru_cache(maxsize=2)
def _pixels(camera: Camera, supersample: int) -> _Pixels:
    x, y = (
        (np.arange(size * supersample) + 0.5) / supersample - 0.5
        for size in (camera.width, camera.height)
    )
    rays = camera.unproject(np.stack(np.meshgrid(x, y), axis=-1))
    by_row = camera.readout_direction in (
        ReadoutDirection.TOP_TO_BOTTOM,
        ReadoutDirection.BOTTOM_TO_TOP,
    )
    n_lines = camera.height if by_row else camera.width
    read_at = np.repeat(line_times(camera, n_lines), supersample)
    return _Pixels(np.moveaxis(rays, -1, 0).astype(np.float32, order="C"), read_at, by_row)


def line_times(camera: Camera, n_lines: int) -> Floats:
    """Return when row, or column, 0, 1, … of `n_lines` is read, in s after the middle."""
    in_order = camera.readout_time * ((np.arange(n_lines) + 0.5) / n_lines - 0.5)
    backward = camera.readout_direction in (
        ReadoutDirection.BOTTOM_TO_TOP,
        ReadoutDirection.RIGHT_TO_LEFT,
    )
    return in_order[::-1] if backward else in_order


_LUMA = np.array([0.2126, 0.7152, 0.0722])  # BT.709
_TO_LUMA = np.append(_LUMA * 219 / 255, 16.0)[None]  # (1, 4): of R, G, B and 1
_BLUENESS = ((0, 0, 1) - _LUMA) / (2 * (1 - _LUMA[2]))  # (B − Y) / 1.8556
_REDNESS = ((1, 0, 0) - _LUMA) / (2 * (1 - _LUMA[0]))  # (R − Y) / 1.5748
_TO_CHROMA = np.insert(np.array([_BLUENESS, _REDNESS]) * 224 / 255, 3, 128.0, axis=1)  # (2, 4)


def to_yuv420p(rgb: Image) -> tuple[Image, Image, Image]:
    """Return the planes Y (H, W), Cb and Cr (H/2, W/2) of an RGB picture: BT.709, limited range.

    Chroma sits to the left (MPEG's usual place): at the even columns, between two rows. There the
    colour is [1 2 1] / 4 of three columns, averaged over two rows.
    """
    shared = cv2.sepFilter2D(
        rgb,
        cv2.CV_32F,
        np.array([0.25, 0.5, 0.25]),
        np.array([0.5, 0.5]),
        anchor=(1, 0),
        borderType=cv2.BORDER_REPLICATE,
    )
    chroma = np.rint(cv2.transform(shared[::2, ::2], _TO_CHROMA)).astype(np.uint8)
    return cv2.transform(rgb, _TO_LUMA), chroma[..., 0], chroma[..., 1]


def with_noise(luma: Image, rms: float, rng: np.random.Generator) -> Image:
    """Return a luma plane (H, W) with white Gaussian noise of `rms` grey levels, rounded."""
    noise = rng.standard_normal(luma.shape, np.float32)
    return np.clip(np.rint(luma + np.float32(rms) * noise), 0, 255).astype(np.uint8)
