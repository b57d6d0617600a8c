"""Coarse sync: the lag and the rotation at which the gyro turns as the picture does, all at once.

Rates of the camera from pixels (camera frame, video's clock) against rates of the log (log axes,
log's clock). Neither the axes nor the clocks nor the focal length need to be known.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gyro_data.checks import Floats
from gyro_data.log import GyroLog
from gyro_data.timestamps import resampled
from stabilizer.camera import Camera
from stabilizer.synchronization.by_pair import medians, sums
from stabilizer.tracks import Pairs

RATE = 60.0
"""Hz at which signals are compared."""

BAND = (1.5, 10.0)
"""Hz in which a hand's shake is like no other moment's; a pan alone looks like any other pan."""

_ROUNDS = 5
_LEAST_TRACKS = 8
_APART = 0.6  # s from the best lag within which a peak is the same one
_LEAST_OVERLAP = 0.5  # of the picture's motion that the log must cover
_QUIET = 0.05  # of the log's typical energy; a quieter stretch counts as this
NEARBY = 1.0
"""s around a delay that is known roughly within which it is looked for."""


@dataclass(frozen=True, eq=False)
class PictureRates:
    """How the picture says the camera turned, pair of frames by pair of frames."""

    t: Floats
    """(K,) s, the middle of each pair."""
    interval: Floats
    """(K,) s between its frames."""
    rate: Floats
    """(K, 3) rad/s about camera x, y, z."""
    residual: Floats
    """(K,) median distance of the points from that turn, rad."""


@dataclass(frozen=True, eq=False)
class CoarseSync:
    """The best lag of all, and how much better it is than the rest."""

    delay: float
    """s, log's time minus video's time."""
    R_cam_body: Floats
    """(3, 3) rotation."""
    score: float
    """Correlation at the best lag, 1 for the same motion."""
    second: float
    """The best correlation at another lag."""
    mirrored: float
    """The best correlation if one of the log's axes pointed the other way."""
    lags: Floats
    """(L,) s, every delay compared."""
    scores: Floats
    """(L,)"""

    @property
    def peak_ratio(self) -> float:
        """How much nearer to 1 the best is than the second: (1 − second) / (1 − best)."""
        return (1.0 - self.second) / max(1.0 - self.score, 1e-6)


def picture_rates(pairs: Pairs, camera: Camera) -> PictureRates:
    """Return the camera's rates from point pairs, rolling shutter and translation ignored.

    Per pair least squares of r' = r − ω × r Δt over rays, reweighted by 1 / (1 + (e / 2 s)²) with
    the median size s of the errors. Pairs with few points are left out.
    """
    count = np.bincount(pairs.pair, minlength=len(pairs.t_from))
    ray, moved = (unit_vectors(camera.unproject(xy)) for xy in (pairs.xy_from, pairs.xy_to))
    seen = np.isfinite(ray).all(axis=1) & np.isfinite(moved).all(axis=1)
    seen &= count[pairs.pair] >= _LEAST_TRACKS
    kept = np.unique(pairs.pair[seen])
    if not len(kept):
        return PictureRates(*(np.empty(0), np.empty(0), np.empty((0, 3)), np.empty(0)))
    k = np.searchsorted(kept, pairs.pair[seen])
    ray, change = ray[seen], moved[seen] - ray[seen]
    square = np.eye(3) - ray[:, :, None] * ray[:, None]  # |r|² − r rᵀ
    lever = np.cross(change, ray)  # −r × Δr
    weight, error = np.ones(len(k)), np.zeros(len(k))
    turn: Floats = np.zeros((len(kept), 3))
    for _ in range(_ROUNDS):
        matrix = sums(weight[:, None, None] * square, k, len(kept))
        right = sums(weight[:, None] * lever, k, len(kept))
        solved = np.linalg.solve(matrix + 1e-9 * np.eye(3), right[..., None])
        turn = np.asarray(solved[..., 0], dtype=np.float64)
        error = np.linalg.norm(change + np.cross(turn[k], ray), axis=1)
        size = max(float(np.median(error)), 1e-9)
        weight = 1.0 / (1.0 + (error / (2 * size)) ** 2)
    interval = (pairs.t_to - pairs.t_from)[kept]
    middle = ((pairs.t_from + pairs.t_to) / 2)[kept]
    return PictureRates(middle, interval, turn / interval[:, None], medians(error, k, len(kept)))


def coarse_sync(
    rates: PictureRates,
    log: GyroLog,
    *,
    near: float | None = None,
) -> CoarseSync:
    """Return the delay and the rotation of the largest correlation over all lags and rotations.

    Only lags up to `NEARBY` from `near` s are compared where that is given.

    With C(τ) = Σ_t ω_cam(t) ω_log(t + τ)ᵀ the best rotation at a lag has the correlation
    (s₁ + s₂ + sign(det C) s₃) / √(E_cam E_log(τ)), s the singular values of C (Procrustes; Kabsch,
    1976). Both are averaged over a frame and band-passed; windows apart in time add up.
    """
    t_cam, turning = on_grid(rates)
    t_log, logged = _log_rates(log, float(np.median(rates.interval)))
    shown = np.any(turning != 0, axis=1).astype(np.float64)
    energy_cam, energy_log = (turning**2).sum(axis=1), (logged**2).sum(axis=1)
    moment = _correlation(turning[:, :, None], logged[:, None, :])  # (L, 3, 3)
    energy = _correlation(shown, energy_log)
    shared = _correlation(energy_cam, np.ones(len(logged)))
    U, s, Vt = np.linalg.svd(moment)
    handed = np.sign(np.linalg.det(U) * np.linalg.det(Vt))
    nuclear = s[:, 0] + s[:, 1] + handed * s[:, 2]
    energy = np.maximum(energy, _QUIET * max(float(np.median(energy)), 1e-12))
    scale = np.sqrt(energy * np.maximum(shared, 1e-12))
    lags = t_log[0] - t_cam[0] + np.arange(1 - len(t_cam), len(t_log)) / RATE
    trusted = shared >= _LEAST_OVERLAP * energy_cam.sum()
    if near is not None:
        trusted &= np.abs(lags - near) <= NEARBY
    score = np.where(trusted, nuclear / scale, 0.0)
    best = int(np.argmax(score))
    apart = np.abs(np.arange(len(lags)) - best) > _APART * RATE
    return CoarseSync(
        delay=float(lags[best] + _parabola(score, best) / RATE),
        R_cam_body=U[best] @ np.diag([1.0, 1.0, handed[best]]) @ Vt[best],
        score=float(score[best]),
        second=float(score[apart].max(initial=0.0)),
        mirrored=float(((nuclear - 2 * handed * s[:, 2]) / scale)[trusted].max(initial=0.0)),
        lags=lags,
        scores=score,
    )


def lag_near(
    rates: PictureRates, log: GyroLog, R_cam_body: Floats, near: float
) -> tuple[float, float]:
    """Return the delay (s) up to `NEARBY` from `near` at which a short stretch turns most alike.

    And its correlation, 1 for the same motion, with the axes as given; 0 where there is no motion.
    """
    t, turning = on_grid(rates)
    reach = int(NEARBY * RATE)
    steps = np.arange(-reach, len(t) + reach)
    logged = log_rates_at(log, t[0] + near + steps / RATE, float(np.median(rates.interval)))
    logged = band_passed(logged, RATE, BAND) @ R_cam_body.T
    views = np.lib.stride_tricks.sliding_window_view(logged, len(t), axis=0)  # (L, 3, n)
    alike = np.einsum("nc,lcn->l", turning, views)
    shown = np.any(turning != 0, axis=1).astype(np.float64)
    energy = np.einsum("n,lcn,lcn->l", shown, views, views)
    score = alike / np.sqrt(np.maximum(energy * (turning**2).sum(), 1e-12))
    best = int(np.argmax(score))
    return near + float((best - reach + _parabola(score, best)) / RATE), float(score[best])


def band_passed(values: Floats, rate: float, band: tuple[float, float]) -> Floats:
    """Return values (N, k), `rate` Hz, with what lies outside `band` (Hz) removed; no delay.

    There and back through a Butterworth filter of second order: |H(f)|² = 1 / (1 + Q⁴) with
    Q = (f² − f₁ f₂) / (f (f₂ − f₁)). Beyond its ends a signal goes on mirrored through them.
    """
    low, high = band[0], min(band[1], 0.45 * rate)
    level = values - np.linspace(values[0], values[-1], len(values))  # a line is not in the band
    periodic = np.concatenate([level, -level[-2:0:-1]])
    f = np.maximum(np.fft.rfftfreq(len(periodic), 1 / rate), 1e-9)
    gain = 1 / (1 + ((f**2 - low * high) / (f * (high - low))) ** 4)
    spectrum = gain[:, None] * np.fft.rfft(periodic, axis=0)
    return np.asarray(np.fft.irfft(spectrum, len(periodic), axis=0)[: len(values)])


def on_grid(rates: PictureRates) -> tuple[Floats, Floats]:
    """Return a uniform grid (n,) s and the band-passed rates (n, 3) on it, 0 between windows."""
    t = rates.t[0] + np.arange(int((rates.t[-1] - rates.t[0]) * RATE) + 1) / RATE
    values = np.zeros((len(t), 3))
    for part in stretches(rates):
        t_part = rates.t[part]
        inside = np.flatnonzero((t >= t_part[0]) & (t <= t_part[-1]))
        if len(inside) > RATE:  # a second: less tells nothing in the band
            values[inside] = band_passed(resampled(t[inside], t_part, rates.rate[part]), RATE, BAND)
    return t, values


def stretches(rates: PictureRates) -> list[slice]:
    """Return the slices of pairs that follow each other without a hole."""
    breaks = np.flatnonzero(np.diff(rates.t) > 3 * np.median(rates.interval)) + 1
    ends = [0, *breaks.tolist(), len(rates.t)]
    return [slice(a, b) for a, b in pairwise(ends)]


def log_rates_at(log: GyroLog, t: Floats, interval: Floats | float) -> Floats:
    """Return the log's mean rates (n, 3) over `interval` s around its times `t` (n,)."""
    step = np.diff(log.t)[:, None]
    mean = (log.gyro[1:] + log.gyro[:-1]) / 2
    angle = np.concatenate([np.zeros((1, 3)), np.cumsum(mean * step, axis=0)])
    half = np.asarray(interval) / 2
    before, after = (resampled(t + h, log.t, angle) for h in (-half, half))
    return np.asarray((after - before) / np.reshape(interval, (-1, 1)))


def _log_rates(log: GyroLog, interval: float) -> tuple[Floats, Floats]:
    """Return a uniform grid (m,) s and the log's rates (m, 3), averaged over `interval` s."""
    t = log.t[0] + np.arange(int(log.duration * RATE) + 1) / RATE
    return t, band_passed(log_rates_at(log, t, interval), RATE, BAND)


def _correlation(a: Floats, b: Floats) -> Floats:
    """Return Σ_t a[t] b[t + l] for all lags l from 1 − len(a) to len(b) − 1; products broadcast."""
    n = 1 << (len(a) + len(b) - 2).bit_length()  # a power of two: quick
    product = np.conj(np.fft.rfft(a, n, axis=0)) * np.fft.rfft(b, n, axis=0)
    circular = np.fft.irfft(product, n, axis=0)
    return np.concatenate([circular[len(circular) - len(a) + 1 :], circular[: len(b)]])


def _parabola(score: Floats, best: int) -> float:
    """Return by how many steps the peak's parabola is off its largest sample."""
    if best in (0, len(score) - 1):
        return 0.0
    left, middle, right = score[best - 1 : best + 2]
    bend = left - 2 * middle + right
    return float((left - right) / (2 * bend)) if bend < 0 else 0.0


def unit_vectors(rays: Floats) -> Floats:
    """Return rays (m, 3) at length 1."""
    return np.asarray(rays / np.linalg.norm(rays, axis=-1, keepdims=True))
