"""The output's camera: the source's, with part or all of the lens's distortion taken away."""

from dataclasses import replace

import numpy as np

from gyro_data.checks import number
from stabilizer.border import BorderCheck
from stabilizer.camera import Camera
from stabilizer.errors import StabilizerError
from stabilizer.lens import corrected
from stabilizer.path import CameraPath

SMALLEST = 0.5
"""The output's focal length is at least this share of the source's."""

_ROOM = 1e-6  # ratio, of the focal length


def output_camera(camera: Camera, lens_correction: float, *, inset: float) -> Camera:
    """Return the virtual camera at zoom 1: the widest view that the source picture fills.

    With a `lens_correction` of 0 it is the source's. Else its focal length is such that, with the
    camera at rest, its border lies `inset` px inside the source picture, but not below `SMALLEST`
    of the source's: the middle of a very wide lens is not made ever smaller for its edges.

    Raises ValueError for a correction outside [0, 1], StabilizerError where no view fits.
    """
    amount = number("lens_correction", lens_correction, minimum=0, maximum=1)
    lens = corrected(camera.lens, amount)
    if lens is camera.lens:
        return camera
    view = replace(camera, lens=lens, fx=camera.fx * SMALLEST, fy=camera.fy * SMALLEST)
    at_rest = np.array([[0.0, 0.0, 0.0, 1.0]])
    still = CameraPath(np.array([-1.0, 1.0]), at_rest.repeat(2, axis=0))
    border = BorderCheck(still, replace(camera, readout_time=0.0), view, inset)
    needed = float(border.required_zoom(np.zeros(1), at_rest)[0])
    if not np.isfinite(needed):
        raise StabilizerError(
            "no view of the corrected lens lies inside the picture: check the camera's lens"
        )
    scale = needed * (1 + _ROOM)
    return replace(view, fx=view.fx * scale, fy=view.fy * scale)
