"""Rotation over time: `RotationCurve` in general, `Orientation` of the body on the log's clock."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from gyro_data.checks import Bools, Floats, increasing, read_only
from gyro_data.quaternions import continuous, interpolate

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation

_UNIT = 1e-9  # by which a length may miss 1


@dataclass(frozen=True, eq=False)
class RotationCurve:
    """Rotations world ← frame at real instants; interpolated in between, held beyond the ends.

    What the frame and the clock are, the subclasses say. `of` takes scipy's rotations.
    """

    t: Floats
    """(N,) s, strictly increasing, N >= 1."""
    quat_xyzw: Floats
    """(N, 4) unit quaternions of R_world_frame; of q and −q the one nearer the one before."""
    rate: Floats | None = None
    """(N, 3) rad/s about the frame's x, y, z at t: interpolated cubically; None: by slerp."""
    gaps: Floats = field(default_factory=lambda: np.empty((0, 2)))
    """(G, 2) s: where the motion is unknown; held at the first end, any jump is at the second."""
    _held: Bools = field(init=False, repr=False)

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        set_field(self, "t", increasing("t", read_only("t", self.t, ("N",))))
        if not len(self.t):
            raise ValueError("t: expected at least 1 instant, got 0")
        quat = continuous(read_only("quat_xyzw", self.quat_xyzw, (len(self.t), 4)))
        misses = np.abs(np.linalg.norm(quat, axis=1) - 1)
        if misses.max() > _UNIT:
            raise ValueError(
                f"quat_xyzw: expected unit quaternions, got {quat[misses.argmax()]} at "
                f"{self.t[misses.argmax()]:.3f} s"
            )
        quat.setflags(write=False)
        set_field(self, "quat_xyzw", quat)
        if self.rate is not None:
            set_field(self, "rate", read_only("rate", self.rate, (len(self.t), 3)))
        set_field(self, "gaps", read_only("gaps", self.gaps, ("G", 2)))
        set_field(self, "_held", inside_gaps((self.t[:-1] + self.t[1:]) / 2, self.gaps))

    @classmethod
    def of(cls, t: Floats, R_world_frame: "Rotation", **others: Any) -> Self:
        """Return the curve through N rotations at `t` (N,) s; `others` are its other fields."""
        return cls(t, R_world_frame.as_quat(), **others)

    @property
    def R_world_frame(self) -> "Rotation":
        """N rotations, made anew: v_world = R_world_frame.apply(v_frame)."""
        return _rotation(self.quat_xyzw)

    def quat_at(self, t: Floats | float) -> Floats:
        """Return R_world_frame at `t` (...) s as quat_xyzw (..., 4)."""
        return interpolate(np.asarray(t), self.t, self.quat_xyzw, self.rate, self._held)

    def at(self, t: Floats | float) -> "Rotation":
        """Return R_world_frame at `t` s: one Rotation for a number, else t.size, flattened."""
        return _rotation(self.quat_at(np.ravel(t) if np.ndim(t) else t))

    def between(self, t0: Floats | float, t1: Floats | float) -> "Rotation":
        """Return R_world_frame(t0)⁻¹ R_world_frame(t1): the motion from t0 to t1 s."""
        return self.at(t0).inv() * self.at(t1)

    def covered(self, t: Floats | float) -> Bools:
        """Tell for each `t` (...) s if the motion is known: not beyond the ends nor in a gap."""
        within = (np.asarray(t) >= self.t[0]) & (np.asarray(t) <= self.t[-1])
        return np.asarray(within & ~inside_gaps(t, self.gaps))


class Orientation(RotationCurve):
    """The orientation of the body (the motion sensor, its axes as mapped) on the log's clock."""

    @property
    def R_world_body(self) -> "Rotation":
        """N rotations: v_world = R_world_body.apply(v_body)."""
        return self.R_world_frame


def _rotation(quat_xyzw: Floats) -> "Rotation":
    from scipy.spatial.transform import Rotation  # takes long to import

    return Rotation.from_quat(quat_xyzw)


def inside_gaps(t: Floats | float, gaps: Floats) -> Bools:
    """Tell for each `t` (...) s if it lies strictly inside one of `gaps` (G, 2) s.

    There one gap more has started than ended; the gaps may touch and come in any order.
    """
    starts, ends = np.sort(gaps.T, axis=-1)
    started = np.searchsorted(starts, t, side="left")
    return np.asarray(started > np.searchsorted(ends, t, side="right"))
