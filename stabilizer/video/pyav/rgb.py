"""Frames as RGB pictures, for users who want numpy images; the stabilizer itself never converts."""

from collections.abc import Mapping

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from stabilizer.video.base import Frame
from stabilizer.video.pyav.planes import plane_views
from stabilizer.video.pyav.reading import COLOUR


def to_rgb(frame: Frame, colour: Mapping[str, int]) -> NDArray[np.uint8]:
    """Return the picture as (H, W, 3) RGB, full range; `colour` are the tags of its `VideoInfo`."""
    height, width = frame.planes[0].shape[:2]
    picture = VideoFrame(width, height, frame.pixel_format.name)
    for target, plane in zip(plane_views(picture, writable=True), frame.planes, strict=True):
        np.copyto(target, plane)
    for name, tag in colour.items():
        setattr(picture, COLOUR[name], tag)
    return np.asarray(picture.to_ndarray(format="rgb24"))
