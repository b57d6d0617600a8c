"""Scenes at infinity: world directions in (x right, y down, z forward), colours out."""

from typing import Protocol

import cv2
import numpy as np

from gyro_data.checks import number
from stabilizer.camera import Camera
from stabilizer.simulate.painting import ROOM, Image, Image32, paint, picture_folder

OVERSAMPLING = 1.5
"""Texels per pixel where a face is seen straight on."""

_FACE_PX = (128, 4096)  # smallest and largest; six faces of the largest take 300 MB


class Scene(Protocol):
    """What a camera can look at: colours that depend on the direction alone."""

    def look(self, directions: Image32, out: Image) -> None:
        """Write the colours `out (h, w, 3)` of world `directions (3, h, w)`; NaN writes none."""


class Room:
    """A furnished room, as a cube of six painted faces; each is painted when it is first seen."""

    def __init__(self, face_px: int) -> None:
        low, high = _FACE_PX
        self.face_px = int(number("face_px", face_px, minimum=low, maximum=high))
        self._data = picture_folder()
        self._faces: dict[str, Image] = {}

    @classmethod
    def for_camera(cls, camera: Camera) -> "Room":
        """Return a room whose texels are 1.5 times finer than the camera's pixels."""
        return cls(int(np.clip(2 * OVERSAMPLING * max(camera.fx, camera.fy), *_FACE_PX)))

    def face(self, name: str) -> Image:
        """Return the texels (N, N, 3) RGB of a face of `ROOM`."""
        if name not in self._faces:
            seed = list(ROOM).index(name)
            self._faces[name] = paint(ROOM[name], self.face_px, self._data, seed)
        return self._faces[name]

    def look(self, directions: Image32, out: Image) -> None:
        """Write the colours `out (h, w, 3)` of world `directions (3, h, w)`; NaN writes none."""
        reach = np.abs(directions).max(axis=0)  # the coordinate along the axis of the face in view
        scale = np.float32(self.face_px / 2) / reach
        centre = np.float32((self.face_px - 1) / 2)
        for name, surface in ROOM.items():
            right, down, outward = (_component(directions, letter) for letter in surface.axes)
            seen = outward == reach
            if seen.any():
                x, y = right * scale + centre, down * scale + centre
                colours = cv2.remap(
                    self.face(name), x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
                )
                cv2.copyTo(colours, seen.view(np.uint8), out)


def _component(directions: Image32, letter: str) -> Image32:
    component = directions["xyz".index(letter.lower())]
    return np.asarray(component if letter.isupper() else -component)
