"""A synchronization as a plot: both motions, correlation over delays, errors, the log's clock."""

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from gyro_data import GyroLog
from gyro_data.axes import axes_matrix
from gyro_data.checks import Floats
from stabilizer.errors import StabilizerError
from stabilizer.new_files import AnyPath, complete_or_absent
from stabilizer.report.figure import BORDER, MEASURED, VIRTUAL, WIDE, styled
from stabilizer.report.rendering import check_plot, page, picture
from stabilizer.sync import ClockSync
from stabilizer.synchronization import Synchronization
from stabilizer.synchronization.coarse import CoarseSync, PictureRates, log_rates_at, stretches

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PICTURE, GYRO = MEASURED, VIRTUAL
"""Colours of the two signals."""

_SPAN = 4.0  # s of motion that are shown: more cannot be compared by eye
_RUNS = 1400  # longer curves are drawn by the greatest of as many runs
_MOST_MINUTES = 300  # s from which minutes are shown


@dataclass(frozen=True, eq=False)
class Compared:
    """The stretch of the clip with most motion, as picture and log tell it."""

    t: Floats
    """(n,) s, the video's time."""
    picture: Floats
    """(n, 3) degrees/s about camera x, y, z, from pixels."""
    gyro: Floats
    """(n, 3) degrees/s about camera x, y, z, from the log at the same moments, without drift."""


def plot_sync(result: Synchronization, log: GyroLog, path: AnyPath) -> None:
    """Draw the result to `path`: .png, .svg, .pdf, or .html with a table of its main numbers.

    `log` is the one that was synchronized, in its own axes. Raises what `check_plot` raises,
    StabilizerError where it cannot write or where nothing could be compared.
    """
    check_plot(path)
    draw = partial(draw_sync, result, log)
    with complete_or_absent(path) as file:
        form = file.suffix.lower()[1:]
        file.write_bytes(picture(draw, form) if form != "html" else _page(draw, result))


def draw_sync(result: Synchronization, log: GyroLog, size: tuple[float, float] = WIDE) -> "Figure":
    """Return a matplotlib Figure of the result, `size` inches wide and high."""
    signals = compared(result, log)
    with styled():
        return _drawn(result, signals, size)


def compared(result: Synchronization, log: GyroLog) -> Compared:
    """Return both motions where the picture moves most, as well aligned as is known.

    ω_cam = R_cam_log (ω_log − drift), averaged over the interval between the frames. Raises
    StabilizerError where the clip or the log had nothing to compare.
    """
    rates, (sync, R_cam_log) = _compared_rates(result), _alignment(result)
    shown = _liveliest(rates)
    in_camera = GyroLog(log.t, (log.gyro - result.drift) @ R_cam_log.T)
    t, interval = rates.t[shown], rates.interval[shown]
    gyro = log_rates_at(in_camera, sync.log_time(t), interval)
    return Compared(t, np.degrees(rates.rate[shown]), np.degrees(gyro))


def _compared_rates(result: Synchronization) -> PictureRates:
    if result.rates is None or result.coarse is None:
        raise StabilizerError(f"nothing to draw: {'; '.join(result.verdict.reasons)}")
    return result.rates


def _alignment(result: Synchronization) -> tuple[ClockSync, Floats]:
    """Return clocks and R_cam_log (3, 3): those found, else what the coarse stage came to."""
    letters = axes_matrix(result.camera.imu_orientation)
    if result.fine is None and result.coarse is not None:
        return ClockSync(result.coarse.delay), result.coarse.R_cam_body @ letters
    return result.sync, result.camera.R_body_cam.T @ letters


def _liveliest(rates: PictureRates) -> slice:
    """Return the pairs of the few seconds without a hole that turn most."""
    best, most = slice(0, 0), -1.0
    for part in stretches(rates):
        t, turn = rates.t[part], (rates.rate[part] ** 2).sum(axis=1) * rates.interval[part]
        energy = np.concatenate([[0.0], np.cumsum(turn)])
        ends = np.searchsorted(t, t + _SPAN)
        sums = energy[ends] - energy[:-1]
        first = int(np.argmax(sums))
        if sums[first] > most:
            most = float(sums[first])
            best = slice(part.start + first, part.start + int(ends[first]))
    return best


def _drawn(result: Synchronization, signals: Compared, size: tuple[float, float]) -> "Figure":
    from matplotlib.figure import Figure

    fine, coarse = result.fine, result.coarse
    figure = Figure(figsize=size, layout="constrained")
    heights = [3, 3, 3, 4] + [3] * (fine is not None) + [3] * (len(result.delays) > 1)
    figure.suptitle(_verdict(result), x=0.01, ha="left", fontsize="medium", weight="bold")
    axes = figure.subplots(len(heights), 1, height_ratios=heights)
    for i, name in enumerate(["Pitch", "Yaw", "Roll"]):
        axes[i].set_title(f"{name}, degrees/s")
        axes[i].plot(signals.t, signals.picture[:, i], color=PICTURE, linewidth=1.5)
        axes[i].plot(signals.t, signals.gyro[:, i], color=GYRO, linewidth=0.9)
        axes[i].set_xlim(signals.t[0], signals.t[-1])
        axes[i].tick_params(labelbottom=i == 2)
    axes[2].set_xlabel("time, s")
    _name_the_signals(axes[0])
    if coarse is not None:
        _draw_correlation(axes[3], coarse)
    if fine is not None:
        errors = fine.pair_errors[np.isfinite(fine.pair_errors)]
        axes[4].set_title(
            f"Error of each pair of frames, px: {np.median(errors):.2f} at the median"
        )
        axes[4].plot(np.arange(len(errors)), errors, ".", color=GYRO, markersize=2)
        axes[4].set_ylim(0, 1.05 * float(errors.max(initial=1e-3)))
        axes[4].set_xlabel("pair")
    if len(result.delays) > 1:
        _draw_clock(axes[-1], result)
    return figure


def _draw_clock(axes: "Axes", result: Synchronization) -> None:
    """Draw by how much each window's delay is off the straight line, and what is made of it."""
    t, delay, error = np.array([(d.t, d.delay, d.error) for d in result.delays]).T
    scale, unit = (60.0, "min") if t[-1] - t[0] > _MOST_MINUTES else (1.0, "s")
    skew = f"{1e6 * result.sync.clock_skew:.1f} ppm"
    axes.set_title(f"Delay of each window beyond the line of {skew}, ms")
    line = np.unique(np.concatenate([t, [knot for knot, _ in result.sync.corrections]]))
    axes.plot(line / scale, 1e3 * result.sync.correction(line), color=GYRO, linewidth=0.9)
    style: dict[str, Any] = {"fmt": "o", "color": PICTURE, "markersize": 4, "elinewidth": 1.0}
    axes.errorbar(t / scale, 1e3 * delay, yerr=1e3 * error, **style)
    room = max(1.0, 1e3 * float(np.ptp(delay))) / 2
    middle = 1e3 * float(delay.max() + delay.min()) / 2
    axes.set_ylim(middle - 1.2 * room, middle + 1.2 * room)
    axes.set_xlabel(f"time, {unit}")


def _verdict(result: Synchronization) -> str:
    confidence = result.verdict.confidence
    return f"{confidence}, delay {_delay(result)}" if result.fine is not None else str(confidence)


def _delay(result: Synchronization) -> str:
    return f"{result.sync.delay:.6f} s ± {1e3 * result.errors['delay']:.2g} ms"


def _name_the_signals(axes: "Axes") -> None:
    place: Any = axes.transAxes
    xy = (1.0, 1.03)
    for name, colour in (("gyro", GYRO), ("picture", PICTURE)):
        style: dict[str, Any] = {"color": colour, "weight": "bold", "ha": "right", "va": "bottom"}
        place = axes.annotate(name, xy, xycoords=place, **style)
        xy = (-0.2, 0.0)


def _draw_correlation(axes: "Axes", coarse: CoarseSync) -> None:
    """Draw the correlation over all delays, counted from the best one, and mark the two best."""
    second = coarse.lags[int(np.argmax(coarse.scores == coarse.second))]
    span = float(np.abs(coarse.lags - coarse.delay).max())
    scale, unit = (60.0, "min") if span > _MOST_MINUTES else (1.0, "s")
    axes.set_title(f"Correlation: best {coarse.score:.2f}, second {coarse.second:.2f}")
    compared_at = (coarse.scores > 0) | (coarse.score <= 0)  # all of them if none overlaps
    lag, score = ((coarse.lags - coarse.delay) / scale)[compared_at], coarse.scores[compared_at]
    lag, score = _greatest(lag, score)
    axes.plot(lag, score, color=GYRO, linewidth=0.8)
    axes.plot(0.0, coarse.score, "o", color=PICTURE, markersize=5)
    axes.plot((second - coarse.delay) / scale, coarse.second, "o", color=BORDER, markersize=4)
    axes.set_ylim(0, 1.1)
    axes.set_xlim(lag[0], lag[-1])
    axes.set_xlabel(f"delay, {unit} from {coarse.delay:.2f} s")


def _greatest(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return the greatest y of each of many runs, with its x: peaks stay where they are."""
    if len(y) <= 2 * _RUNS:
        return x, y
    edges = np.linspace(0, len(y), _RUNS + 1).astype(int)
    kept = np.array([a + np.argmax(y[a:b]) for a, b in pairwise(edges)])
    return x[kept], y[kept]


def _page(draw: Any, result: Synchronization) -> bytes:
    return page(
        draw,
        title="Synchronization",
        label="Motion of picture and gyro, correlation over delays, errors of the fit",
        numbers=_numbers(result),
    )


def _numbers(result: Synchronization) -> dict[str, str]:
    verdict, camera = result.verdict, result.camera
    numbers = {"Confidence": str(verdict.confidence)}
    if verdict.reasons:
        numbers["Reasons"] = "; ".join(verdict.reasons)
    if result.fine is not None:
        numbers |= {
            "Delay": _delay(result),
            "Clock skew": f"{1e6 * result.sync.clock_skew:.1f} ppm",
            "Readout": f"{1e3 * camera.readout_time:.2f} ms, {camera.readout_direction}",
            "Focal length": f"{camera.fx:.1f} px",
            "Axes": camera.imu_orientation,
        }
    return numbers
