"""What a camera file says: one camera or several modes, of which a video chooses one."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from gyro_data.checks import Floats
from stabilizer.camera.model import SAME_ASPECT, Camera
from stabilizer.errors import StabilizerError

LOG = logging.getLogger(__name__)

MOUNTING_KEYS = frozenset({"imu_orientation", "R_body_cam"})
"""Either of them, told, tells how the motion sensor sits in the camera."""
_SAME_RATE = 0.01
_SHOWN = 8  # names in a message


@dataclass(frozen=True, eq=False)
class CameraMode:
    """One mode of a camera, or one of several cameras."""

    width: int
    """px"""
    height: int
    """px"""
    name: str = ""
    camera: Camera | None = None
    """None: it cannot be used, see `refusal`."""
    refusal: str = ""
    """Why it cannot be used, and what to do."""
    given: frozenset[str] = frozenset()
    """The keys, of a camera file of our own, that are told; others have usual values."""
    frame_rate: float | None = None
    """1/s, where it is told."""
    delay: float | None = None
    """s: the log's time at video time 0, if both tell the time of one clock."""

    @property
    def usable(self) -> Camera:
        """The camera. Raises StabilizerError where it cannot be used."""
        if self.camera is None:
            raise StabilizerError(f"{self.label}: {self.refusal}")
        return self.camera

    @property
    def label(self) -> str:
        """What to call it."""
        return self.name or self.size_and_rate

    @property
    def size_and_rate(self) -> str:
        """What tells it from other modes of the camera."""
        rate = "" if self.frame_rate is None else f" at {self.frame_rate:g} fps"
        return f"{self.width}x{self.height}{rate}"

    @property
    def tells_axes(self) -> bool:
        """Whether it tells how the motion sensor sits in the camera."""
        return not MOUNTING_KEYS.isdisjoint(self.given)


@dataclass(frozen=True, eq=False)
class CameraFile:
    """All that a camera file says."""

    path: str
    format: str
    """The name of what it was recognised as."""
    modes: tuple[CameraMode, ...]
    title: str = ""
    """What the file calls the camera."""
    facts: Mapping[str, str] | None = None
    """What else the file tells, for people."""
    first_is_usual: bool = True
    """Of modes that all fit, the first is meant; else the name of one has to be told."""

    @property
    def given(self) -> frozenset[str]:
        """The keys that every mode tells."""
        usable = [mode.given for mode in self.modes if mode.camera is not None]
        return frozenset.intersection(*usable) if usable else frozenset()

    def chosen(self, name: str | None = None) -> CameraMode:
        """Return the first mode, or the one of that name, at its own size."""
        return self._one_of(self._named(name))

    def fitting(
        self, width: int, height: int, frame_rate: float | None = None, name: str | None = None
    ) -> CameraMode:
        """Return the mode of a video, scaled to its size.

        Modes of its aspect ratio count, of these such of its size and then of its frame rate, if
        there are any. Raises StabilizerError that names the file where none can be used or where
        several that differ have to be told apart.
        """
        modes = self._named(name)
        fit = [m for m in modes if abs(m.width / m.height / (width / height) - 1) <= SAME_ASPECT]
        if not fit:
            sizes = _listed(dict.fromkeys(f"{m.width}x{m.height}" for m in modes))
            raise StabilizerError(
                f"{self.path}: the camera is told for {sizes}, the video is {width}x{height}: "
                "another aspect ratio means another crop of the sensor; give a camera for this "
                "mode, or --focal"
            )
        fit = [m for m in fit if (m.width, m.height) == (width, height)] or fit
        if frame_rate is not None:
            fit = [m for m in fit if _near(m.frame_rate, frame_rate)] or fit
        mode = self._one_of(fit)
        scaled = mode.usable.scaled_to(width, height)
        return replace(mode, width=width, height=height, name=mode.label, camera=scaled)

    def _named(self, name: str | None) -> list[CameraMode]:
        if name is None:
            return list(self.modes)
        exact = [m for m in self.modes if m.name.lower() == name.lower()]
        found = exact or [m for m in self.modes if name.lower() in m.name.lower()]
        if not found:
            known = _listed(m.name for m in self.modes if m.name) or "none has a name"
            raise StabilizerError(f"{self.path}: no mode is called {name!r:.60}; known: {known}")
        return found

    def _one_of(self, modes: list[CameraMode]) -> CameraMode:
        """Return the first mode that can be used; say or refuse that others differ from it."""
        usable = [m for m in modes if m.camera is not None]
        if not usable:
            raise StabilizerError(f"{self.path}: {modes[0].label}: {modes[0].refusal}")
        chosen = usable[0]
        others = [m for m in usable[1:] if not _alike(chosen, m)]
        if others and not self.first_is_usual:
            names = _listed(m.label for m in usable)
            raise StabilizerError(
                f"{self.path}: it tells of several cameras, {names}; choose one by --camera-mode"
            )
        if others:
            LOG.warning(
                "%s: %s is taken; others that fit differ: %s (--camera-mode chooses)",
                self.path,
                chosen.label,
                _listed(m.label for m in others),
            )
        return chosen


def _near(rate: float | None, wanted: float) -> bool:
    return rate is not None and abs(rate / wanted - 1) < _SAME_RATE


def _alike(a: CameraMode, b: CameraMode) -> bool:
    """Whether two modes have the same effect on a picture of the same size."""
    one, other = a.usable, b.usable
    if one.lens != other.lens or one.readout_direction != other.readout_direction:
        return False
    return bool(np.allclose(_in_widths(one), _in_widths(other), rtol=1e-3, atol=1e-4))


def _in_widths(camera: Camera) -> Floats:
    """Return the numbers of a camera, lengths in picture widths and times in s."""
    lengths = np.array([camera.fx, camera.fy, camera.cx + 0.5, camera.cy + 0.5]) / camera.width
    return np.array([*lengths, camera.readout_time, *camera.R_body_cam.ravel()])


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = len(every) - _SHOWN
    return ", ".join(every[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
