"""Raw columns to rad/s, m/s² and rad, and the hints that tell where each unit came from."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from gyro_data.checks import Floats
from gyro_data.errors import GyroDataError
from gyro_data.readers.content import GRAVITY, GRAVITY_OFF, looks_like_gravity
from gyro_data.readers.options import RATE_UNITS, Hints, rate_scale
from gyro_data.readers.words import (
    ACCEL_UNIT_WORDS,
    ALWAYS_RADIANS,
    ANGLE_UNIT_WORDS,
    RATE_UNIT_WORDS,
    unit_of,
    words_of,
)

ACCEL_UNITS = {"m/s^2": 1.0, "g": GRAVITY, "mg": GRAVITY / 1000}
FASTEST = 36.0
"""rad/s: motion sensors end at 2000 deg/s (34.9); faster numbers were not written in rad/s."""
FASTEST_DEGREES = 4200.0
"""deg/s, beyond the widest range of any sensor (4000)."""
CALM, WILD = 1.0, 8.0
"""RMS of rates that no unit stands beside: below CALM they are rad/s (deg/s would be a camera at
rest), above WILD deg/s (rad/s would be one that whirls); between them both can be."""
_STEP_RAD = (2.5e-4, 2.3e-3)
_STEP_DEG = (3.7e-3, 0.14)
"""What one count of a 16-bit gyro is, in rad/s (500 to 4000 deg/s) and in deg/s (125 to 4000)."""
_COUNTS_OF_GRAVITY = 50.0  # longer numbers are no m/s² of a camera
_COUNTS_PER_UNIT = re.compile(r"\b(?:lsbs?|counts?|digits?) (?:per )?(?:m?deg|rad|m?dps)")
_LOOKED_AT = 20_000  # samples; enough to tell the step of a sensor


def si_rates(
    path: Path,
    rates: Floats,
    labels: Sequence[str],
    option: str | None,
    *,
    table_labels: Sequence[str] = (),
    preamble: Mapping[str, str] | None = None,
) -> tuple[Floats, Hints]:
    """Convert `rates (N, 3)` to rad/s.

    The unit is the option's, else the labels', else a scale that the preamble states, else what the
    numbers tell: the step of a 16-bit sensor, or their size. Raises GyroDataError where they leave
    it open.
    """
    if option is not None:
        unit, source, why = option, "option", ""
    elif (found := _common_unit(path, labels, RATE_UNIT_WORDS)) is not None:
        unit, source, why = found, "header", ""
        _refuse_impossible(path, rates, unit)
    elif (stated := _stated_scale(path, preamble or {})) is not None:
        scale, name = stated
        hints = {
            "rate_unit": f"{scale:g} rad/s",
            "rate_unit_from": "preamble",
            "rate_unit_why": name,
        }
        return rates * scale, hints
    else:
        names = " ".join(map(words_of, (*labels, *table_labels)))
        unit, source, why = _unit_by_numbers(path, rates, ALWAYS_RADIANS.search(names) is not None)
    hints = {"rate_unit": unit, "rate_unit_from": source}
    return rates * rate_scale(unit), hints | ({"rate_unit_why": why} if why else {})


def si_accelerations(
    path: Path, values: Floats, labels: Sequence[str], preamble: Mapping[str, str] | None = None
) -> tuple[Floats, Hints]:
    """Convert accelerations `values (N, 3)` to m/s² by the labels, else by gravity's length."""
    unit, source = _common_unit(path, labels, ACCEL_UNIT_WORDS), "header"
    size = float(np.median(np.linalg.norm(values, axis=1))) if len(values) else 0.0
    if unit is None and (scale := _number((preamble or {}).get("ascale"))) is not None:
        hints = {"accel_unit": f"{scale:g} g", "accel_unit_from": "preamble"}
        return values * (scale * GRAVITY), hints
    if unit is None and (size > _COUNTS_OF_GRAVITY or looks_like_gravity(values)):
        unit = min(ACCEL_UNITS, key=lambda u: abs(np.log(size * ACCEL_UNITS[u] / GRAVITY)))
        source = "gravity"
        if size > _COUNTS_OF_GRAVITY and abs(size * ACCEL_UNITS[unit] / GRAVITY - 1) > GRAVITY_OFF:
            hints = {"accel_unit": f"counts, {size:.4g} per g", "accel_unit_from": source}
            return values * (GRAVITY / size), hints
    if unit is None:
        unit, source = "m/s^2", "assumed"
    return values * ACCEL_UNITS[unit], {"accel_unit": unit, "accel_unit_from": source}


def si_angles(path: Path, values: Floats, labels: Sequence[str], option: str | None) -> Floats:
    """Convert angles `values (N, 3)` to rad by the labels, else by their size."""
    unit = _common_unit(path, labels, ANGLE_UNIT_WORDS)
    if option is not None and option in RATE_UNITS:
        return values * RATE_UNITS[option]
    if unit is None and np.abs(values).max(initial=0.0) > 2 * np.pi + 1e-3:
        unit = "deg"
    if unit is None:
        raise GyroDataError(
            f"{path}: roll, pitch and yaw up to {np.abs(values).max(initial=0.0):.3g} may be "
            f"radians or degrees; give rate_unit (rad/s or deg/s)"
        )
    return np.deg2rad(values) if unit == "deg" else values


def _common_unit(path: Path, labels: Sequence[str], words: Mapping[str, str]) -> str | None:
    """Return the unit that the labels of a triple name, or None."""
    units = [unit_of(label, words) for label in labels]
    if len(set(units)) > 1:
        raise GyroDataError(
            f"{path}: the units of {', '.join(labels)} differ; give the three columns one unit"
        )
    return units[0] if units else None


def _unit_by_numbers(path: Path, rates: Floats, named_radians: bool) -> tuple[str, str, str]:
    """Return the unit that the numbers tell, what told it, and how."""
    if _beyond(rates, FASTEST_DEGREES):
        raise _which_unit(path, f"{np.abs(rates).max():.6g} is too fast for any unit known here")
    size = float(np.sqrt(np.mean(np.sum((rates - np.median(rates, axis=0)) ** 2, axis=1))))
    fast = _beyond(rates, FASTEST)
    whole = bool((rates == np.round(rates)).all()) and np.ptp(rates) > 0
    if whole and (fast or size > WILD):
        raise _which_unit(path, "whole numbers may be counts of a sensor or deg/s")
    step = sensor_step(rates[:_LOOKED_AT])
    if step is not None and _STEP_DEG[0] <= step <= _STEP_DEG[1]:
        return "deg/s", "step", f"numbers are multiples of {step:.4g}, a sensor's count in deg/s"
    by_step = step is not None and _STEP_RAD[0] <= step <= _STEP_RAD[1]
    if by_step and not fast and size < WILD:
        return "rad/s", "step", f"numbers are multiples of {step:.4g}, a sensor's count in rad/s"
    if not fast and size < (WILD if named_radians else CALM):
        what = "so named by apps that write rad/s" if named_radians else f"rms {size:.3g}"
        return "rad/s", "assumed", what
    if (fast or size > WILD) and not named_radians and not by_step:
        return "deg/s", "size", f"rms {size:.3g} would be {np.rad2deg(size):.0f} deg/s in rad/s"
    what = f"the rates' rms of {size:.3g} may be rad/s or deg/s"
    if named_radians or by_step:
        what = f"the rates' rms of {size:.3g} is too fast for the rad/s that the log seems to have"
    raise _which_unit(path, what)


def sensor_step(rates: Floats) -> float | None:
    """Return the step that all of `rates (N, 3)` are whole multiples apart, None if there is none.

    Steps of 1, 2 or 5 in a decimal place are how a text was rounded, and tell nothing.
    """
    steps = [step for column in rates.T if (step := _step_of(column)) is not None]
    if len(steps) < 2 or max(steps) > 1.2 * min(steps):
        return None
    step = float(np.median(steps))
    mantissa = step / 10 ** np.floor(np.log10(step))
    decimal = any(abs(mantissa / m - 1) < 0.01 for m in (1.0, 2.0, 5.0, 10.0))
    return None if decimal else step


def _step_of(column: Floats) -> float | None:
    """Return the step of one axis (N,), allowing for rounded text."""
    values = np.unique(column)
    if len(values) < 8:
        return None
    apart = np.diff(values)
    apart = apart[apart > 0.2 * np.median(apart)]  # the same count, rounded twice
    guess = float(np.percentile(apart, 10))
    near = apart[np.abs(apart / guess - 1) < 0.4]
    if not near.size:
        return None
    guess = float(np.median(near))
    counts = np.cumsum(np.concatenate([[0.0], np.round(np.diff(values) / guess)]))
    if counts[-1] < 8:
        return None
    step = float(np.polyfit(counts, values, 1)[0])
    off = np.abs(np.diff(values) / step - np.round(np.diff(values) / step))
    return step if np.percentile(off, 95) < 0.15 else None


def _beyond(rates: Floats, limit: float) -> bool:
    """Tell whether more than one number in a hundred is beyond the limit."""
    return bool(np.count_nonzero(np.abs(rates) > limit) > 0.01 * rates.size)


def _refuse_impossible(path: Path, rates: Floats, unit: str) -> None:
    limit = FASTEST_DEGREES if unit == "deg/s" else FASTEST
    if unit in ("rad/s", "deg/s") and _beyond(rates, limit):
        raise _which_unit(
            path, f"the header says {unit}, and {np.abs(rates).max():.6g} is too fast for that"
        )


def _stated_scale(path: Path, preamble: Mapping[str, str]) -> tuple[float, str] | None:
    """Return the rad/s of a count that the preamble states, and where."""
    for name, text in preamble.items():
        if name == "gscale" and (scale := _number(text)) is not None:
            return scale, f"{name},{text}"
        if re.fullmatch(r"gyro(scope)?[ _]?(scale|sensitivity|resolution|lsb)( ?[\[(].*)?", name):
            return _scale_with_unit(path, name, text)
    return None


def _scale_with_unit(path: Path, name: str, text: str) -> tuple[float, str]:
    """Return the rad/s of a count: a number of a known unit, or of counts per unit."""
    words = words_of(f"{name} {text}")
    unit = unit_of(
        re.sub(r"\b(lsb|counts?|digits?|per|gyro\w*|scale|sensitivity)\b", " ", words),
        RATE_UNIT_WORDS,
    )
    value = _number((re.search(r"[-+.\deE]*\d[\d.eE+-]*", text) or [""])[0])
    if unit is None or value is None:
        raise _which_unit(path, f"the preamble says {name}: {text}, without a unit known here")
    inverse = _COUNTS_PER_UNIT.search(words) is not None
    return (RATE_UNITS[unit] / value if inverse else RATE_UNITS[unit] * value), f"{name}: {text}"


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return value if np.isfinite(value) and 0 < value < 1e6 else None


def _which_unit(path: Path, what: str) -> GyroDataError:
    allowed = f"one of {', '.join(RATE_UNITS)}, or the rad/s of one count"
    return GyroDataError(f"{path}: in which unit are the rates? {what}; give rate_unit ({allowed})")
