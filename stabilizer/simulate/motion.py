"""Camera motions whose rotation and rate are known at every instant, on the video's clock.

World and camera are x right, y down, z forward; rates are about the camera's axes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Protocol

import numpy as np
from scipy.spatial.transform import Rotation

from gyro_data.checks import Floats, number
from gyro_data.integration import integrate
from gyro_data.log import GyroLog
from gyro_data.orientation import Orientation


class Motion(Protocol):
    """A rotating camera."""

    def at(self, t: Floats) -> Rotation:
        """Return R_world_cam at `t (N,)` s."""

    def rate_at(self, t: Floats) -> Floats:
        """Return the rate (N, 3) rad/s about camera x, y, z at `t (N,)` s."""


@dataclass(frozen=True)
class Gait:
    """How a kind of hand-held shot shakes."""

    shake_rms: float
    """rad/s about each axis."""
    step_rate: float
    """Steps per second."""
    step_share: float
    """Part of the shake's power that comes from stepping."""


GAITS: Mapping[str, Gait] = MappingProxyType(
    {
        "stand": Gait(shake_rms=0.0375, step_rate=1.0, step_share=0.0),
        "walk": Gait(shake_rms=0.15, step_rate=1.9, step_share=0.6),
        "run": Gait(shake_rms=0.4, step_rate=2.8, step_share=0.6),
    }
)
"""Every kind of `Handheld` motion by its name."""

_SHAKE_BAND = (0.8, 14.0)  # Hz
_TREMOR_ROLL_OFF = 9.0  # Hz; an arm passes little above
_SHAKE_WAVES = 32
_STEP_HARMONICS = (  # multiples of the step rate and the rates they reach, about x, y and z
    ((1.0, 12.0), (2.0, 4.0), (3.0, 1.2)),  # the camera nods at each step
    ((0.5, 7.0), (1.0, 3.0)),  # and sways from foot to foot
    ((0.5, 5.0), (1.5, 1.5)),
)
_CADENCE_SPREAD = 0.07  # between walkers (a ratio)
_STRIDE_SPREAD = 0.06  # strides differ: beside each harmonic are weaker waves, this far off at most
_STRIDE_WAVES = np.array([1.0, 0.25, 0.25, 0.25, 0.25])  # share in the rate
_PAN_FREQUENCIES = (0.031, 0.067, 0.11)  # Hz
_TILT_SHARE = 0.2  # of the pan


@dataclass(frozen=True, eq=False)
class _Waves:
    """A sum of sines: angle(t) = Σ amplitude sin(2π frequency t + phase)."""

    amplitude: Floats
    """(K,) rad"""
    frequency: Floats
    """(K,) Hz"""
    phase: Floats
    """(K,) rad"""

    def angle(self, t: Floats) -> Floats:
        """Return (N,) rad."""
        return np.asarray(np.sin(self._argument(t)) @ self.amplitude)

    def rate(self, t: Floats) -> Floats:
        """Return the derivative (N,) rad/s."""
        return np.asarray(np.cos(self._argument(t)) @ (2 * np.pi * self.frequency * self.amplitude))

    def _argument(self, t: Floats) -> Floats:
        return np.multiply.outer(t, 2 * np.pi * self.frequency) + self.phase


@dataclass(frozen=True)
class Handheld:
    """A camera in a hand that pans: R_world_cam = Ry(yaw) Rx(pitch) Rz(roll), sums of sines."""

    kind: str = "walk"
    """A key of `GAITS`."""
    seed: int = 0
    """Motions of one seed are the same, those of two seeds have nothing in common."""
    shake_rms: float | None = None
    """rad/s about each axis without the pan; None is the usual value of `kind`."""
    pan: float = 0.35
    """rad the camera turns, on purpose and within some 10 s, to either side."""
    _axes: tuple[_Waves, _Waves, _Waves] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.kind not in GAITS:
            raise ValueError(f"kind: expected one of {', '.join(GAITS)}; got {self.kind!r}")
        number("seed", self.seed, minimum=0)
        gait = GAITS[self.kind]
        rms = gait.shake_rms if self.shake_rms is None else self.shake_rms
        number("shake_rms", rms, minimum=0)
        number("pan", self.pan, minimum=0, maximum=np.pi)
        rng = np.random.default_rng(int(self.seed))
        cadence = gait.step_rate * rng.uniform(1 - _CADENCE_SPREAD, 1 + _CADENCE_SPREAD)
        gait = replace(gait, step_rate=cadence)
        turns = (_TILT_SHARE * self.pan, self.pan, 0.0)
        waves = [_axis_waves(rng, gait, rms, axis, turn) for axis, turn in enumerate(turns)]
        object.__setattr__(self, "_axes", tuple(waves))

    def at(self, t: Floats) -> Rotation:
        """Return R_world_cam at `t (N,)` s."""
        pitch, yaw, roll = (waves.angle(t) for waves in self._axes)
        return Rotation.from_euler("YXZ", np.column_stack([yaw, pitch, roll]))

    def rate_at(self, t: Floats) -> Floats:
        """Return Rz⁻¹ (Rx⁻¹ yaw' ŷ + pitch' x̂) + roll' ẑ (N, 3) rad/s about camera x, y, z."""
        pitch, _, roll = (waves.angle(t) for waves in self._axes)
        d_pitch, d_yaw, d_roll = (waves.rate(t) for waves in self._axes)
        right, down = d_pitch, d_yaw * np.cos(pitch)  # before the roll
        return np.column_stack(
            [
                right * np.cos(roll) + down * np.sin(roll),
                down * np.cos(roll) - right * np.sin(roll),
                d_roll - d_yaw * np.sin(pitch),
            ]
        )


def _axis_waves(
    rng: np.random.Generator, gait: Gait, shake_rms: float, axis: int, turn: float
) -> _Waves:
    """Draw the waves of one angle: tremor and steps of RMS rate `shake_rms`, and the pan."""
    tremor_f, tremor_rate = _tremor(rng)
    step_f, step_rate = _steps(rng, gait.step_rate, _STEP_HARMONICS[axis])
    shake_rate = shake_rms * np.concatenate(
        [
            tremor_rate * np.sqrt(2 * (1 - gait.step_share)),  # a sine of amplitude √2 has RMS 1
            step_rate * np.sqrt(2 * gait.step_share),
        ]
    )
    shake_f = np.concatenate([tremor_f, step_f])
    pan_amplitude = np.full(len(_PAN_FREQUENCIES), turn / len(_PAN_FREQUENCIES))
    frequency = np.concatenate([_PAN_FREQUENCIES, shake_f])
    return _Waves(
        amplitude=np.concatenate([pan_amplitude, shake_rate / (2 * np.pi * shake_f)]),
        frequency=frequency,
        phase=rng.uniform(0, 2 * np.pi, len(frequency)),
    )


def _tremor(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return frequencies and rates, of norm 1: equal power per octave, falling above 9 Hz."""
    low, high = _SHAKE_BAND
    octaves = np.linspace(np.log(low), np.log(high), _SHAKE_WAVES + 1)
    frequency = np.exp(rng.uniform(octaves[:-1], octaves[1:]))  # one wave in each slot
    return frequency, _unit(1 / np.sqrt(1 + (frequency / _TREMOR_ROLL_OFF) ** 4))


def _steps(
    rng: np.random.Generator, step_rate: float, harmonics: tuple[tuple[float, float], ...]
) -> tuple[Floats, Floats]:
    """Return frequencies and rates, of norm 1, of a gait whose strides vary."""
    multiple, rate = np.array(harmonics).T
    off = rng.uniform(-_STRIDE_SPREAD, _STRIDE_SPREAD, (len(multiple), len(_STRIDE_WAVES)))
    off[:, 0] = 0.0
    frequency = step_rate * multiple[:, None] * (1 + off)
    return frequency.ravel(), _unit(np.multiply.outer(rate, _STRIDE_WAVES).ravel())


def _unit(values: Floats) -> Floats:
    return np.asarray(values / np.linalg.norm(values))


@dataclass(frozen=True, eq=False)
class Replayed:
    """The motion that a gyro log tells; beyond the log's ends the camera stands still."""

    orientation: Orientation = field(repr=False)
    """In camera axes: x right, y down, z forward."""
    start: float
    """s on the log's clock at video time 0."""

    def at(self, t: Floats) -> Rotation:
        """Return R_world_cam at `t (N,)` s."""
        return self.orientation.at(t + self.start)

    def rate_at(self, t: Floats) -> Floats:
        """Return the rate (N, 3) rad/s: the interpolated rotation, differentiated over 0.2 ms."""
        step = 1e-4  # the curve is cubic between samples: errs by 1e-6 rad/s
        t_log = np.asarray(t) + self.start
        turn = self.orientation.between(t_log - step, t_log + step)
        return np.asarray(turn.as_rotvec() / (2 * step))


def from_log(log: GyroLog, *, start: float | None = None) -> Replayed:
    """Return the motion of a log in camera axes (see `MapAxes`), `start` s being video time 0.

    The log's drift and noise are motion here. `start` is the first sample unless given.
    """
    origin = float(log.t[0]) if start is None else number("start", start)
    return Replayed(integrate(log), origin)
