"""Where in the picture a board was seen."""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from stabilizer.boards.views import View

_SIDE = 480  # px, of the masks' longer side


def covered(views: Iterable[View], width: int, height: int) -> NDArray[np.bool_]:
    """Return a reduced picture that is true where the corners of a view lie around."""
    return view_count(views, width, height) > 0


def view_count(views: Iterable[View], width: int, height: int) -> NDArray[np.intp]:
    """Return in how many views the corners lie around each place of a reduced picture."""
    scale = min(1.0, _SIDE / max(width, height))
    shape = (round(height * scale), round(width * scale))
    count = np.zeros(shape, dtype=np.intp)
    for view in views:
        mask = np.zeros(shape, dtype=np.uint8)
        hull = cv2.convexHull(((view.xy + 0.5) * scale - 0.5).astype(np.float32))
        cv2.fillConvexPoly(mask, np.rint(hull).astype(np.int32), 1)
        count += mask
    return count
