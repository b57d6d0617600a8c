"""The faces of the simulated room: what they are made of, and their pictures (N, N, 3) RGB.

A face is a square plane, 90° wide; its texels are evenly spaced on the plane.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import cycle, product
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from stabilizer.errors import StabilizerError

Image = NDArray[np.uint8]
Image32 = NDArray[np.float32]
RGB = tuple[float, float, float]

_BLUR = 0.75  # texels: half a pixel, what a sensor's own pixels blur
_BLACK, _WHITE = 34.0, 222.0  # a lit room has neither
_SHADE = 0.4  # how much darker the corners are
_MOULDING = 0.01  # of a face: strips of one colour over the room's edges, so that no seam shows
_MOULDING_COLOUR = (150.0, 128.0, 104.0)
_FRAME_COLOURS = ((52, 36, 28), (196, 160, 92), (230, 228, 220), (90, 60, 40))


@dataclass(frozen=True)
class Surface:
    """What a wall, floor or ceiling is made of: pieces laid in rows, and pictures hung on them."""

    axes: str
    """World axes that point right, down and outward from inside; lower case is negative."""
    colour: RGB
    """0..255"""
    rows: int
    """Rows on a face."""
    per_row: int
    """Bricks, boards or panels in each row; those of odd rows are shifted by half a piece."""
    joint: float
    """Brightness of the joints, where the pieces have about 1."""
    variety: float
    """Spread of the pieces' brightness (a ratio)."""
    grain: str
    """Picture that roughens the surface."""
    roughness: float
    """Its contrast (a ratio)."""
    first_picture: int | None = None
    """Where in `PICTURES` those that hang here start; None hangs none."""


PICTURES = (
    *(
        "astronaut.png",
        "coins.png",
        "coffee.png",
        "hubble_deep_field.jpg",
        "text.png",
        "rocket.jpg",
    ),
    *("chelsea.png", "camera.png", "motorcycle_left.png", "ihc.png", "moon.png"),
)
"""Free pictures that scikit-image carries in its package."""

ROOM: Mapping[str, Surface] = MappingProxyType(
    {
        "front": Surface("XYZ", (172, 108, 84), 44, 14, 1.4, 0.13, "gravel.png", 0.45, 0),
        "right": Surface("zYX", (128, 146, 120), 1, 40, 0.7, 0.05, "grass.png", 0.3, 6),
        "back": Surface("xYz", (186, 172, 146), 6, 6, 0.7, 0.06, "gravel.png", 0.35, 2),
        "left": Surface("ZYx", (118, 138, 162), 1, 26, 0.6, 0.07, "grass.png", 0.3, 8),
        "floor": Surface("XzY", (160, 116, 72), 40, 5, 0.5, 0.12, "grass.png", 0.35),
        "ceiling": Surface("XZy", (200, 198, 190), 9, 9, 0.7, 0.04, "gravel.png", 0.35),
    }
)
"""The six faces by name."""


def paint(surface: Surface, px: int, pictures: Path, seed: int) -> Image:
    """Return a face (px, px, 3) RGB; `pictures` is the folder of the pictures on it."""
    rng = np.random.default_rng(seed)
    face = _laid(surface, px, rng)
    face *= _grain(_read(pictures / surface.grain), px, surface.roughness)
    if surface.first_picture is not None:
        names = cycle(PICTURES[surface.first_picture :] + PICTURES[: surface.first_picture])
        for (x, y, width, height), name in zip(_places(px, rng), names, strict=False):
            frame = _FRAME_COLOURS[int(rng.integers(len(_FRAME_COLOURS)))]
            _hang(face, _read(pictures / name), frame, x, y, width, height)
    _light(face)
    face *= (_WHITE - _BLACK) / 255
    return _antialiased(np.clip(face + _BLACK, _BLACK, _WHITE).astype(np.uint8))


def _laid(surface: Surface, px: int, rng: np.random.Generator) -> Image32:
    """Return pieces of uneven brightness (px, px, 3) with joints between them."""
    size = (surface.rows, surface.per_row + 1)
    tint = rng.standard_normal((*size, 1)) + 0.3 * rng.standard_normal((*size, 3))
    tint = (1 + surface.variety * tint).astype(np.float32)
    joint = 0.1 / max(size)  # of a face
    at = np.arange(px) / px
    row, across_row = np.divmod(at * surface.rows, 1)
    shift = 0.5 * (np.arange(surface.rows) % 2)
    piece, along_piece = np.divmod(at * surface.per_row + shift[:, None], 1)
    rows = np.take_along_axis(tint, piece.astype(int)[..., None], axis=1)  # (rows, px, 3)
    rows[along_piece / surface.per_row < joint] = surface.joint
    rows *= np.array(surface.colour, np.float32)
    face: Image32 = rows[row.astype(int)]
    face[across_row / surface.rows < joint] = np.multiply(surface.joint, surface.colour)
    return face


def _grain(picture: Image, px: int, contrast: float) -> Image32:
    """Return brightness (px, px, 1) around 1: a picture laid out in mirrored tiles."""
    grey = picture.mean(axis=-1, dtype=np.float32)
    tiled = np.pad(grey, [(0, max(0, px - side)) for side in grey.shape], mode="symmetric")
    return np.asarray(1 + contrast * (tiled[:px, :px, None] / grey.mean() - 1), np.float32)


def _places(px: int, rng: np.random.Generator) -> Iterator[tuple[int, int, int, int]]:
    """Yield x, y, width, height of the space for each picture, in texels."""
    rows, columns = 4, 5
    for row, column in product(range(rows), range(columns)):
        width, height = rng.uniform(0.62, 0.8) * 0.9 / columns, rng.uniform(0.62, 0.8) * 0.84 / rows
        x = 0.05 + (column + 0.5) * 0.9 / columns - width / 2 + rng.uniform(-0.012, 0.012)
        y = 0.07 + (row + 0.5) * 0.84 / rows - height / 2 + rng.uniform(-0.012, 0.012)
        yield int(x * px), int(y * px), int(width * px), int(height * px)


def _hang(
    face: Image32, picture: Image, frame: RGB, x: int, y: int, width: int, height: int
) -> None:
    """Hang a picture with mount, frame and shadow in the middle of a space, as large as fits."""
    border = max(2, round(0.004 * len(face)))
    scale = min((width - 4 * border) / picture.shape[1], (height - 4 * border) / picture.shape[0])
    w, h = (max(1, round(scale * side)) for side in picture.shape[1::-1])
    x, y = x + (width - w) // 2, y + (height - h) // 2
    _cast_shadow(face, x - 2 * border, y - 2 * border, w + 4 * border, h + 4 * border)
    for margin, colour in ((2 * border, frame), (border, (226, 222, 210))):
        face[y - margin : y + h + margin, x - margin : x + w + margin] = colour
    face[y : y + h, x : x + w] = cv2.resize(
        picture, (w, h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    )


def _cast_shadow(face: Image32, x: int, y: int, width: int, height: int) -> None:
    """Darken what is around and below a rectangle, as light from above does."""
    soft = max(2, round(0.006 * len(face)))
    top, left = max(0, y - 2 * soft), max(0, x - 2 * soft)
    part = face[top : y + height + 4 * soft, left : x + width + 4 * soft]
    shadow = np.zeros(part.shape[:2], np.float32)
    shadow[y + soft - top : y + height + 2 * soft - top, x - left : x + width + soft - left] = 0.6
    part *= 1 - cv2.GaussianBlur(shadow, (0, 0), soft)[..., None]


def _light(face: Image32) -> None:
    """Darken a face towards its edges and cover these with the moulding."""
    px = len(face)
    distance = np.abs(np.linspace(-1, 1, px, dtype=np.float32)) ** 4
    face *= 1 - _SHADE / 2 * (distance[:, None] + distance)[..., None]
    strip = max(2, round(_MOULDING * px))
    for flat in (face, face.swapaxes(0, 1)):
        flat[strip : strip + strip // 2] *= 0.6
        flat[-strip - strip // 2 : -strip] *= 0.6
    for flat in (face, face.swapaxes(0, 1)):
        flat[:strip] = flat[-strip:] = _MOULDING_COLOUR


def _antialiased(face: Image) -> Image:
    """Blur as a sensor does, and more away from the centre, where pixels see more texels each."""
    square = np.linspace(-1, 1, len(face), dtype=np.float32) ** 2
    texels_per_pixel = (1 + square[:, None] + square) ** 0.75  # 1 at the centre, 2.3 in the corners
    result = cv2.GaussianBlur(face, (0, 0), _BLUR)
    for sharper, softer in ((1.0, 1.65), (1.65, 2.3)):
        weight = np.clip((texels_per_pixel - sharper) / (softer - sharper), 0, 1)
        blurred = cv2.GaussianBlur(face, (0, 0), softer * _BLUR)
        result = cv2.blendLinear(result, blurred, 1 - weight, weight)
    return np.asarray(result)


def picture_folder() -> Path:
    """Return where scikit-image keeps its pictures; StabilizerError if it is not installed."""
    found = find_spec("skimage")
    if found is None or found.origin is None:
        raise StabilizerError(
            "the simulated scene is made of scikit-image's pictures: pip install scikit-image"
        )
    return Path(found.origin).parent / "data"


def _read(path: Path) -> Image:
    if not path.is_file():
        raise StabilizerError(
            f"{path}: not in this version of scikit-image; install scikit-image 0.22 or later"
        )
    bgr = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))
