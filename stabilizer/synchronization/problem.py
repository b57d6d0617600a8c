"""What fine sync works on: the unknowns, the points, and what the log predicts of them."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from gyro_data.checks import Bools, Floats
from gyro_data.log import GyroLog
from gyro_data.orientation import Orientation
from gyro_data.quaternions import conjugate, from_rotvec, multiply, rotate, to_rotvec
from gyro_data.timestamps import resampled
from stabilizer.camera import Camera
from stabilizer.sync import ClockSync, Knots
from stabilizer.tracks import Pairs

NAMES = (
    "delay",
    "clock_skew",
    "readout_time",
    "focal",
    "drift_x",
    "drift_y",
    "drift_z",
    "mounting_x",
    "mounting_y",
    "mounting_z",
)
"""The unknowns in their order: s at the middle of the clip, ratio, s (negative: backwards), log of
the focal length's factor, rad/s, rad about camera axes."""


@dataclass(frozen=True, eq=False)
class Unknowns:
    """Values and spreads of the unknowns, in the order of `NAMES`."""

    value: Floats
    """(10,)"""
    spread: Floats
    """(10,) standard deviations: of a prior; 0: fixed; inf: free."""


@dataclass(frozen=True, eq=False)
class Problem:
    """The data: point pairs, the log's orientation and rates, the camera as far as it is known."""

    pairs: Pairs
    log: GyroLog
    orientation: Orientation
    camera: Camera
    R_cam_body: Floats
    """(3, 3) mounting that the unknowns refine."""
    middle: float
    """s, the video's time that `delay` refers to."""
    corrections: Knots = ()
    """Of an uneven clock, as `ClockSync` has them."""

    def take(self, chosen: Bools) -> "Problem":
        """Return the problem with only some of the points (m,)."""
        p = self.pairs
        pairs = replace(p, pair=p.pair[chosen], xy_from=p.xy_from[chosen], xy_to=p.xy_to[chosen])
        return replace(self, pairs=pairs)

    def predicted(self, value: Floats, psi: Floats) -> Floats:
        """Return the rays r = exp([ψ]×) π⁻¹(x_from) (m, 3) of the points after turns ψ (m, 3)."""
        return rotate(from_rotvec(psi), self.camera_at(value).unproject(self.pairs.xy_from))

    def turns(self, value: Floats) -> Floats:
        """Return the turn ψ (m, 3) that the log tells for each point; the focal length has no part.

        ψ = R_cam_body φ and φ = log(R(t_to)ᵀ R(t_from)) + drift (t_to − t_from), at the times of
        the points' own rows.
        """
        pairs, k = self.pairs, self.pairs.pair
        t_from = pairs.t_from[k] + value[2] * self._phase(pairs.xy_from)
        t_to = pairs.t_to[k] + value[2] * self._phase(pairs.xy_to)
        clock = self.clock(value)
        quat_from = self.orientation.quat_at(clock.log_time(t_from))
        quat_to = self.orientation.quat_at(clock.log_time(t_to))
        phi = to_rotvec(multiply(conjugate(quat_to), quat_from))
        phi += value[4:7] * (t_to - t_from)[:, None]
        return np.asarray(phi @ self.mounting(value).T)

    def mounting(self, value: Floats) -> Floats:
        """Return R_cam_body (3, 3)."""
        return np.asarray(Rotation.from_rotvec(value[7:10]).as_matrix() @ self.R_cam_body)

    def derivatives(self, value: Floats, psi: Floats) -> Floats:
        """Return ∂ψ/∂unknowns (m, 3, 10); the focal length's is 0: it acts on the rays."""
        pairs, k = self.pairs, self.pairs.pair
        phase_from, phase_to = self._phase(pairs.xy_from), self._phase(pairs.xy_to)
        t_from = pairs.t_from[k] + value[2] * phase_from
        t_to = pairs.t_to[k] + value[2] * phase_to
        # φ grows with the rate at the first instant and shrinks with that at the second
        first, second = self._rate(t_from, value), -self._rate(t_to, value)
        phi = np.zeros((len(k), 3, 10))
        phi[..., 0] = first + second
        phi[..., 1] = (
            first * (t_from - self.middle)[:, None] + second * (t_to - self.middle)[:, None]
        )
        phi[..., 2] = first * phase_from[:, None] + second * phase_to[:, None]
        phi[..., 4:7] = np.eye(3) * (t_to - t_from)[:, None, None]
        result = np.einsum("ab,mbc->mac", self.mounting(value), phi)
        result[..., 7:10] = -_crosses(psi)  # ρ × ψ
        return np.asarray(result)

    def rays_to(self, value: Floats) -> Floats:
        """Return the rays (m, 3) where the points were found."""
        return self.camera_at(value).unproject(self.pairs.xy_to)

    def clock(self, value: Floats) -> ClockSync:
        """Return the clock of `value`."""
        delay, skew = float(value[0]), float(value[1])
        return ClockSync(delay - skew * self.middle, skew, self.corrections)

    def camera_at(self, value: Floats) -> Camera:
        """Return the camera with the focal length of `value`."""
        factor = float(np.exp(value[3]))
        return replace(self.camera, fx=self.camera.fx * factor, fy=self.camera.fy * factor)

    def _phase(self, xy: Floats) -> Floats:
        unit = replace(self.camera, readout_time=1.0)
        return unit.readout_offset(xy)

    def _rate(self, t: Floats, value: Floats) -> Floats:
        t_log = self.clock(value).log_time(t)
        return resampled(t_log, self.log.t, self.log.gyro) - value[4:7]


def _crosses(v: Floats) -> Floats:
    """Return the matrices [v]× (m, 3, 3): [v]× a = v × a."""
    x, y, z = v.T
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(-1, 3, 3)
