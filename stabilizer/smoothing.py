"""From the measured camera path to a virtual one, and zooms, that never show a border.

A smoother is a frozen dataclass with a method `plan`. Those of `stabilizer.optimal` solve for path
and zoom together. A `Wish` only says which path it would like, the crop comes afterwards.
`SMOOTHERS` holds them all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Protocol

import numpy as np

from gyro_data.checks import Floats, number
from gyro_data.quaternions import conjugate, continuous, multiply
from stabilizer.border import BorderCheck
from stabilizer.convolution import gaussian
from stabilizer.crop import CroppedPath, ZoomRange, fit_crop
from stabilizer.optimal import Cinematic, Fixed, Optimal
from stabilizer.path import CameraPath

_REACH = 4.0  # standard deviations kept of a Gaussian: what is cut off is below 1e-4
_STEP = 0.005  # s; shake above 100 Hz is not in a picture


class Smoother(Protocol):
    """Chooses how the virtual camera turns and zooms."""

    @property
    def horizon(self) -> bool:
        """Whether the measured path must know which way is up."""

    def plan(self, frame_times: Floats, border: BorderCheck, zoom: ZoomRange) -> CroppedPath:
        """Return path and zoom at `frame_times` (F,) s that keep the border inside."""


class Wish:
    """A path first, without regard to the border; then one zoom, or the path gives way."""

    horizon: ClassVar[bool] = False

    def __call__(self, measured: CameraPath, frame_times: Floats) -> CameraPath:
        """Return the path wished for at `frame_times` (F,) s."""
        raise NotImplementedError

    def plan(self, frame_times: Floats, border: BorderCheck, zoom: ZoomRange) -> CroppedPath:
        """Return the path wished for with the smallest zoom that fits, see `fit_crop`."""
        return fit_crop(self(border.measured, frame_times), border, zoom)


@dataclass(frozen=True)
class Gaussian(Wish):
    """The measured path averaged under a Gaussian in time.

    The convolution runs over sign-continuous unit quaternions and renormalises: to second order
    the chordal mean on SO(3) (Markley et al., 2007), exact for a steady turn.
    """

    time_constant: float = 0.5
    """Standard deviation of the kernel, s: it halves a swing of 0.19 / time_constant Hz."""

    def __post_init__(self) -> None:
        number("time_constant", self.time_constant, above=0, maximum=100)

    def __call__(self, measured: CameraPath, frame_times: Floats) -> CameraPath:
        """Return the smoothed path at `frame_times` (F,) s."""
        from scipy.signal import oaconvolve  # takes long to import
        from scipy.spatial.transform import Rotation, Slerp

        radius = int(np.ceil(_REACH * self.time_constant / _STEP))
        n_steps = int(np.ceil((frame_times[-1] - frame_times[0]) / _STEP)) + 1
        t = frame_times[0] + _STEP * np.arange(-radius, n_steps + radius + 1)
        kernel = gaussian(self.time_constant / _STEP, radius=radius)
        quat = _continued(measured, frame_times, t)
        mean = oaconvolve(quat, kernel[:, None], mode="valid", axes=0)
        smooth = Slerp(t[radius:-radius], Rotation.from_quat(mean))
        return CameraPath.of(frame_times, smooth(frame_times))


@dataclass(frozen=True)
class Unsmoothed(Wish):
    """The measured path itself: only the rolling shutter is corrected."""

    def __call__(self, measured: CameraPath, frame_times: Floats) -> CameraPath:
        """Return the measured path at `frame_times` (F,) s."""
        return CameraPath(frame_times, measured.quat_at(frame_times))


SMOOTHERS: Mapping[str, Callable[..., Smoother]] = MappingProxyType(
    {
        "optimal": Optimal,
        "cinematic": Cinematic,
        "fixed": Fixed,
        "gaussian": Gaussian,
        "none": Unsmoothed,
    }
)
"""Every smoother by its name on the command line."""


def _continued(measured: CameraPath, frame_times: Floats, t: Floats) -> Floats:
    """Return the measured path at `t` (N,) as sign-continuous quat_xyzw, carried on past its ends.

    Beyond both the log and the clip the path is its own point reflection about the end e:
    R(e + s) = R(e) R(e − s)ᵀ R(e). It keeps the rate of a pan, so a clip's ends need no extra crop.
    """
    first = min(frame_times[0], measured.t[0])
    last = max(frame_times[-1], measured.t[-1])
    end = np.clip(t, first, last)  # t itself where nothing has to be carried on
    R_end, R_mirror = measured.quat_at(end), measured.quat_at(2 * end - t)
    return continuous(multiply(multiply(R_end, conjugate(R_mirror)), R_end))
