"""How sure a synchronization is, and why: what a wrong log or a steadied clip look like."""

import logging
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from gyro_data.checks import Floats
from gyro_data.log import GyroLog
from stabilizer.errors import SyncRefused
from stabilizer.sync import ClockSync
from stabilizer.synchronization.coarse import (
    CoarseSync,
    PictureRates,
    band_passed,
    log_rates_at,
    on_grid,
    stretches,
)
from stabilizer.synchronization.fitting import FineSync

LOG = logging.getLogger(__name__)

_SURE, _PERHAPS = 1.6, 1.3  # peak ratios: wrong logs reach 1.28, right ones begin at 1.87
_ALIKE = 0.75  # least correlation of a sync that is good
_SURELY_ALIKE = 0.85  # correlation of a mirrored log that explains why others are low
_STILL = 0.01  # rad/s rms, 1.5 to 10 Hz: below it is the tracker's own noise
_LOW_BAND, _HIGH_BAND = (0.5, 1.5), (3.0, 6.0)  # Hz
_CLEAN, _STEADIED = 0.8, 0.6  # gain of the high band over that of the low one
_EXACT, _USABLE = 1e-3, 5e-3  # s, standard error of the delay
_SHORTEST = 1.5  # s of motion to compare
_FAR, _OFF = 0.02, 0.013  # s between coarse and fine delay; they differ by 12 ms at most


class Confidence(StrEnum):
    """How far a synchronization may be trusted."""

    GOOD = "good"
    LOW = "low"
    FAILED = "failed"


@dataclass(frozen=True)
class Verdict:
    """A confidence with its reasons, the gravest first."""

    confidence: Confidence
    reasons: tuple[str, ...]


def accept(verdict: Verdict, what: str, *, strict: bool, remedy: str = "") -> None:
    """Raise SyncRefused for a sync that failed, or is not sure where `strict`; else warn of it.

    `remedy` is what else can be done than the reasons say.
    """
    reasons = "; ".join(verdict.reasons) or "no reason is told"
    if verdict.confidence == Confidence.FAILED:
        raise SyncRefused(f"{what}: cannot be synchronized: {reasons}{remedy}")
    if verdict.confidence == Confidence.LOW and strict:
        raise SyncRefused(f"{what}: strict refuses low confidence: {reasons}{remedy}")
    if verdict.confidence == Confidence.LOW:
        LOG.warning("%s: synchronized with low confidence: %s", what, reasons)


def without_hope(rates: PictureRates, log: GyroLog) -> Verdict | None:
    """Return the verdict for a clip or a log in which there is nothing to compare, else None."""
    if len(rates.t) == 0 or float(rates.interval.sum()) < _SHORTEST:
        seen = float(rates.interval.sum())
        reason = (
            f"only {seen:.1f} s of the picture can be followed: it is too short, flat or blurred"
        )
    elif log.duration < _SHORTEST:
        reason = f"the log is only {log.duration:.2f} s long"
    elif not np.any(log.gyro != log.gyro[0]):
        reason = "the log's rates never change"
    else:
        return None
    return Verdict(Confidence.FAILED, (f"{reason}; give the delay",))


def judged(
    rates: PictureRates,
    log: GyroLog,
    coarse: CoarseSync,
    fine: FineSync | None,
    *,
    clock: ClockSync | None = None,
    moved: float = 0.0,
    told: bool = False,
) -> Verdict:
    """Return how sure the sync is; after the coarse stage, or after the fine one.

    That one tells `fine`, the `clock`, by how much (s) it `moved` the delay and whether that was
    `told`.
    """
    failed: list[str] = []
    low: list[str] = []
    if hardly_moves(rates):
        (low if coarse.peak_ratio > _SURE else failed).append(
            f"the picture hardly moves ({shaking(rates):.4f} rad/s): little to tell the time by; "
            "give the delay, or film some shake at the start"
        )
    gain = gain_ratio(rates, log, coarse, clock)
    if gain < _STEADIED and coarse.peak_ratio > _PERHAPS:
        failed.append(
            f"the picture shakes less than the gyro ({gain:.2f} of it above 3 Hz): the clip is "
            "stabilized already (in-camera or optical stabilization); film with it switched off"
        )
    elif gain < _CLEAN and coarse.peak_ratio > _PERHAPS:
        low.append(f"the picture shakes a little less than the gyro ({gain:.2f} of it above 3 Hz)")
    if coarse.mirrored > _SURELY_ALIKE and 1 - coarse.mirrored < (1 - coarse.score) / _SURE:
        failed.append(
            f"the log's axes are left-handed (correlation {coarse.mirrored:.2f}, as a right-handed "
            f"log {coarse.score:.2f}): give its axes, one of them with the other sign"
        )
    peak = f"best lag correlates {coarse.score:.2f}, second {coarse.second:.2f}"
    if coarse.peak_ratio < _PERHAPS:
        failed.append(
            f"no moment of the log moves like the picture ({peak}): is it the log of this clip?"
        )
    elif coarse.peak_ratio < _SURE:
        low.append(f"another moment of the log moves almost like the picture ({peak})")
    elif coarse.score < _ALIKE:
        low.append(f"the log moves only partly like the picture ({peak})")
    if fine is not None:
        _judge_fine(fine, moved, told, failed, low)
    if failed:
        return Verdict(Confidence.FAILED, tuple(failed + low))
    return Verdict(Confidence.LOW if low else Confidence.GOOD, tuple(low))


def _judge_fine(
    fine: FineSync, moved: float, told: bool, failed: list[str], low: list[str]
) -> None:
    error = float(fine.error[0])
    if told and abs(moved) > _OFF:
        (failed if abs(moved) > _FAR else low).append(
            f"the delay that is given is {1e3 * moved:+.1f} ms from where picture and log turn "
            "alike: leave it out, or let it be refined"
        )
    elif error > _USABLE or abs(moved) > _FAR:
        failed.append(
            f"the delay is uncertain: {1e3 * error:.1f} ms, {1e3 * abs(moved):.1f} ms from the "
            "first estimate"
        )
    elif error > _EXACT:
        low.append(f"the delay is only known to {1e3 * error:.1f} ms")


def hardly_moves(rates: PictureRates) -> bool:
    """Tell if the picture shakes no more than the points of a still one seem to."""
    return shaking(rates) < _STILL


def shaking(rates: PictureRates) -> float:
    """Return the picture's rate between 1.5 and 10 Hz, rad/s RMS."""
    return float(np.sqrt(np.mean(np.sum(_band_passed_rates(rates) ** 2, axis=1))))


def _band_passed_rates(rates: PictureRates) -> Floats:
    """Return the picture's rates (n, 3) between 1.5 and 10 Hz, without those of short windows."""
    _, values = on_grid(rates)
    return values[np.any(values != 0, axis=1)] if values.any() else values


def gain_ratio(
    rates: PictureRates, log: GyroLog, coarse: CoarseSync, clock: ClockSync | None = None
) -> float:
    """Return the picture's gain over the gyro's at 3 to 6 Hz, relative to 0.5 to 1.5 Hz.

    A gain is Σ ω_cam · R ω_log / Σ |ω_log|²: a wrong focal length scales all bands alike, while
    stabilization in the camera takes away more of fast shake than of slow.
    """
    gains = []
    t_log = (clock or ClockSync(coarse.delay)).log_time(rates.t)
    logged = log_rates_at(log, t_log, rates.interval) @ coarse.R_cam_body.T
    for band in (_LOW_BAND, _HIGH_BAND):
        both = np.column_stack([rates.rate, logged])
        dot, energy = 0.0, 1e-12
        for part in stretches(rates):
            if rates.t[part][-1] - rates.t[part][0] < 2.0:
                continue
            values = band_passed(both[part], 1.0 / float(np.median(np.diff(rates.t[part]))), band)
            dot += float((values[:, :3] * values[:, 3:]).sum())
            energy += float((values[:, 3:] ** 2).sum())
        gains.append(dot / energy)
    return gains[1] / max(gains[0], 1e-3)
