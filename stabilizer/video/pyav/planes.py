"""The samples of a picture as arrays on its own memory."""

import math
from typing import Any, cast

import numpy as np
from av.video.frame import VideoFrame

from stabilizer.video.base import PIXEL_FORMATS, Plane


def plane_views(picture: VideoFrame, *, writable: bool) -> tuple[Plane, ...]:
    """Return the samples as arrays on the picture's own memory, without the padding of its rows."""
    layout = PIXEL_FORMATS[picture.format.name]
    shapes = layout.plane_shapes(picture.width, picture.height)
    planes: list[Plane] = []
    for memory, shape in zip(picture.planes, shapes, strict=True):
        rows: Any = np.frombuffer(cast(bytes, memory), layout.dtype).reshape(shape[0], -1)
        plane = rows[:, : math.prod(shape[1:])].reshape(shape)
        plane.setflags(write=writable)
        planes.append(plane)
    return tuple(planes)
