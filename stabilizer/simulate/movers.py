"""Things that cross the view on their own, in front of a scene: textured discs and rectangles.

World axes (x right, y down, z forward); times are the video's. Sizes and speeds are as seen from
the camera: where it walks, they go along with it.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from gyro_data.checks import Floats, number
from stabilizer.simulate.painting import Image, Image32

_SECTOR = np.deg2rad(70)  # to either side of the middle of its way, a thing comes back at the start
_SIZES = np.deg2rad((10.0, 25.0))
_SPEEDS = np.deg2rad((5.0, 40.0))  # per s
_ASIDE = np.deg2rad(12)  # how far from straight ahead a thing passes, at most
_SLOPE = np.deg2rad(40)  # of its way against the horizon, at most
_TEXELS = 384
_PATCHES = ((6, 60.0), (24, 35.0), (96, 20.0))  # per side, and their contrast in grey levels
_HALF = _TEXELS / 2 - 3  # of the shape, in texels: around it is nothing, so that its edge fades


@dataclass(frozen=True, eq=False)
class Mover:
    """A flat thing on a great circle; it faces the camera."""

    R_world_path: Rotation
    """z: the middle of its way; x: where it goes from there."""
    start: float
    """rad on its way at 0 s; 0 is the middle."""
    speed: float
    """rad/s"""
    size: float
    """rad, the diameter or the longer side."""
    texture: Image
    """(N, N, 4) RGB and opacity of the square around it, x the way it goes."""

    def angle(self, t: Floats) -> Floats:
        """Return how far on its way it is, rad; from the end it jumps to the beginning."""
        return np.asarray((self.start + self.speed * t + _SECTOR) % (2 * _SECTOR) - _SECTOR)

    def draw(self, directions: Image32, out: Image, t: Floats) -> None:
        """Draw what is seen of it along world `directions (3, h, w)` over `out (h, w, 3)`.

        `t` is (h, 1) or (1, w) s: when each row, or each column, looks.
        """
        path_from_world = self.R_world_path.inv().as_matrix().astype(np.float32)
        x, down, z = (path_from_world @ directions.reshape(3, -1)).reshape(directions.shape)
        angle = self.angle(t)
        cos, sin = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
        right = cos * x - sin * z
        half_square = np.tan(self.size / 2) * _TEXELS / 2 / _HALF
        reach = (cos * z + sin * x) * np.float32(half_square)
        seen = (np.abs(right) < reach) & (np.abs(down) < reach)
        columns = np.flatnonzero(seen.any(axis=0))
        if columns.size:
            part = slice(columns[0], columns[-1] + 1)
            scale = np.float32(_TEXELS / 2) / reach[:, part]
            centre = np.float32((_TEXELS - 1) / 2)
            colours = cv2.remap(
                self.texture,
                right[:, part] * scale + centre,
                down[:, part] * scale + centre,
                cv2.INTER_LINEAR,
            )
            opacity = colours[..., 3] * (seen[:, part] / np.float32(255))
            _blend(out[:, part], colours[..., :3], opacity)


def _blend(below: Image, above: Image, opacity: Image32) -> None:
    below[:] = np.rint(below + opacity[..., None] * (above - below.astype(np.float32)))


def crossing(n: int, seed: int = 0) -> tuple[Mover, ...]:
    """Return `n` things that cross what is ahead (world z), more aside than up or down.

    Sizes are 10 to 25°, speeds 5 to 40 °/s; each second one is a disc.
    """
    rng = np.random.default_rng(int(number("seed", seed, minimum=0)))
    n_movers = int(number("movers", n, minimum=0, maximum=100))
    return tuple(_mover(rng, disc=index % 2 == 0) for index in range(n_movers))


def _mover(rng: np.random.Generator, *, disc: bool) -> Mover:
    way = rng.uniform(-_SLOPE, _SLOPE) + rng.choice((0.0, np.pi))
    return Mover(
        R_world_path=Rotation.from_euler("ZX", [way, rng.uniform(-_ASIDE, _ASIDE)]),
        start=rng.uniform(-_SECTOR, _SECTOR),
        speed=rng.uniform(*_SPEEDS),
        size=rng.uniform(*_SIZES),
        texture=np.dstack([_patches(rng), _shape(1.0 if disc else rng.uniform(0.5, 1), disc)]),
    )


def _patches(rng: np.random.Generator) -> Image:
    """Paint (N, N, 3) lighter and darker patches of several sizes on one colour."""
    grey = np.zeros((_TEXELS, _TEXELS), np.float32)
    for n, contrast in _PATCHES:
        patches = rng.uniform(-contrast, contrast, (n, n)).astype(np.float32)
        grey += cv2.resize(patches, (_TEXELS, _TEXELS), interpolation=cv2.INTER_CUBIC)
    colours = rng.uniform(90, 170, 3) + grey[..., None]
    return np.clip(np.rint(colours), 30, 225).astype(np.uint8)


def _shape(height: float, disc: bool) -> Image:
    """Return the opacity (N, N) of a disc, or of a rectangle `height` (a ratio) times as high."""
    x, y = np.abs(np.stack(np.meshgrid(*[np.arange(_TEXELS) - (_TEXELS - 1) / 2] * 2)))
    beyond = np.hypot(x, y) - _HALF if disc else np.maximum(x - _HALF, y - height * _HALF)
    return np.asarray(np.rint(255 * np.clip(0.5 - beyond, 0, 1)), dtype=np.uint8)
