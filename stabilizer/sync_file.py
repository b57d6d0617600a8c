"""What a synchronization found, as one JSON file, for use again without looking at the video.

Keys: "format" and "version"; "confidence" (good, low or failed) and "reasons" (texts); "delay" (s),
"clock_skew" (ratio), "corrections" (pairs, s) and "drift" (three, rad/s in the log's axes) as
`ClockSync` and `SubtractDrift` take them; "camera" as in a camera file; "standard_errors" by the
name of the unknown: delay (s, in the middle of the clip), clock_skew (ratio), readout_time (s),
focal (ratio), drift_x … drift_z (rad/s), mounting_x … mounting_z (rad about camera axes), 0 for
what was given; "kept", the unknowns that the clip does not tell and that stayed as assumed;
"correlation" ("best", "second"), or null where nothing could be compared.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from gyro_data.checks import Floats, number, read_only
from stabilizer.camera import Camera, camera_from_dict, camera_to_dict
from stabilizer.errors import StabilizerError
from stabilizer.new_files import AnyPath, complete_or_absent
from stabilizer.sync import ClockSync, Knots
from stabilizer.synchronization import Confidence, Synchronization, Verdict
from stabilizer.synchronization.problem import NAMES
from stabilizer.text_files import in_short, parse_json, read_text

SYNC_SUFFIX = ".json"
"""How the name of a sync file ends."""

_FORMAT, _VERSION = "gyro-stabilizer sync", 1
_KEYS = (
    "format",
    "version",
    "confidence",
    "reasons",
    "delay",
    "clock_skew",
    "corrections",
    "drift",
    "camera",
    "standard_errors",
    "kept",
    "correlation",
)
_REMEDY = "make one with `stabilizer sync VIDEO LOG -o FILE`"
_FASTEST = 1e4  # rad/s
_LARGEST_ERROR = 1e6  # in the unit of an unknown; far more than no clip tells


@dataclass(frozen=True, eq=False)
class SavedSync:
    """The part of a `Synchronization` that is worth keeping."""

    sync: ClockSync
    camera: Camera
    drift: Floats
    """(3,) rad/s in the log's axes."""
    verdict: Verdict
    errors: Mapping[str, float]
    """Standard errors of the unknowns by name, in their units (focal: a ratio); 0: given."""
    kept: tuple[str, ...]
    """Unknowns that the clip does not tell, which stayed as assumed."""
    correlation: tuple[float, float] | None
    """Of the best lag and of the second-best; None where nothing could be compared."""

    def __post_init__(self) -> None:
        drift = read_only("drift", self.drift, (3,))
        if np.abs(drift).max() > _FASTEST:
            raise ValueError(f"drift: expected rates up to {_FASTEST:g} rad/s, got {drift}")
        object.__setattr__(self, "drift", drift)
        object.__setattr__(self, "errors", MappingProxyType(dict(self.errors)))

    @classmethod
    def of(cls, result: Synchronization) -> "SavedSync":
        """Return what of a result is kept."""
        coarse = result.coarse
        return cls(
            result.sync,
            result.camera,
            result.drift,
            result.verdict,
            result.errors,
            result.kept,
            None if coarse is None else (coarse.score, coarse.second),
        )


def save_sync(result: Synchronization | SavedSync, path: AnyPath) -> None:
    """Write the result to `path`, which is replaced when the file is complete.

    Raises StabilizerError where it cannot be written.
    """
    with complete_or_absent(path) as partial:
        partial.write_text(json.dumps(sync_to_dict(result), indent=2) + "\n", encoding="utf-8")


def load_sync(path: AnyPath) -> SavedSync:
    """Read a file that `save_sync` wrote; the file is not trusted.

    Raises StabilizerError that names the file and what is wrong with it.
    """
    try:
        return sync_from_dict(parse_json(read_text(path)))
    except OSError as error:
        raise StabilizerError(
            f"{path}: cannot read the sync file: {error.strerror}; {_REMEDY}"
        ) from error
    except (ValueError, TypeError) as error:
        raise StabilizerError(
            f"{path}: not a sync file that can be used: {in_short(error)}; {_REMEDY}"
        ) from error


def sync_to_dict(result: Synchronization | SavedSync) -> dict[str, Any]:
    """Return the result as a JSON object; its keys are told at the head of this module."""
    saved = SavedSync.of(result) if isinstance(result, Synchronization) else result
    peaks = saved.correlation
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "confidence": str(saved.verdict.confidence),
        "reasons": list(saved.verdict.reasons),
        "delay": saved.sync.delay,
        "clock_skew": saved.sync.clock_skew,
        "corrections": [list(knot) for knot in saved.sync.corrections],
        "drift": saved.drift.tolist(),
        "camera": camera_to_dict(saved.camera),
        "standard_errors": dict(saved.errors),
        "kept": list(saved.kept),
        "correlation": None if peaks is None else {"best": peaks[0], "second": peaks[1]},
    }


def sync_from_dict(content: Any) -> SavedSync:
    """Return the result of a JSON object, see `sync_to_dict`.

    Raises TypeError or ValueError that names the key that is missing, unknown or wrong.
    """
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ValueError(f"it does not say {_FORMAT!r}")
    if content.get("version") != _VERSION:
        raise ValueError(f"it is of version {content.get('version')!r}, not {_VERSION}")
    _check_keys("it", content, _KEYS)
    return SavedSync(
        ClockSync(content["delay"], content["clock_skew"], _knots(content["corrections"])),
        camera_from_dict(content["camera"]),
        read_only("drift", content["drift"], (3,)),
        Verdict(_confidence(content["confidence"]), _texts("reasons", content["reasons"])),
        _errors(content["standard_errors"]),
        _unknowns("kept", _texts("kept", content["kept"])),
        _correlation(content["correlation"]),
    )


def _check_keys(what: str, content: dict[str, Any], keys: tuple[str, ...]) -> None:
    missing = [key for key in keys if key not in content]
    unknown = [key for key in content if key not in keys]
    if missing or unknown:
        facts = [f"misses {', '.join(missing)}"] if missing else []
        facts += [f"has unknown keys {', '.join(unknown)}"] if unknown else []
        raise ValueError(f"{what} {' and '.join(facts)}")


def _knots(value: Any) -> Knots:
    if not isinstance(value, list):
        raise TypeError(f"corrections: expected a list of pairs, got {value!r:.60}")
    if not value:
        return ()
    return tuple((t, s) for t, s in read_only("corrections", value, ("K", 2)).tolist())


def _confidence(value: Any) -> Confidence:
    if not isinstance(value, str) or value not in [*Confidence]:
        raise ValueError(f"confidence: expected one of {', '.join(Confidence)}, got {value!r}")
    return Confidence(value)


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise TypeError(f"{name}: expected a list of texts, got {value!r:.60}")
    return tuple(value)


def _unknowns(name: str, names: tuple[str, ...]) -> tuple[str, ...]:
    wrong = [n for n in names if n not in NAMES]
    if wrong:
        raise ValueError(f"{name}: expected some of {', '.join(NAMES)}, got {wrong[0]!r:.60}")
    return names


def _errors(value: Any) -> dict[str, float]:
    """Return the standard errors: of all unknowns, or of none where the sync failed."""
    if not isinstance(value, dict):
        raise TypeError(f"standard_errors: expected a JSON object, got {value!r:.60}")
    _check_keys("standard_errors", value, NAMES if value else ())
    return {
        name: number(f"standard_errors {name}", error, minimum=0, maximum=_LARGEST_ERROR)
        for name, error in value.items()
    }


def _correlation(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise TypeError(f"correlation: expected a JSON object or null, got {value!r:.60}")
    _check_keys("correlation", value, ("best", "second"))
    best, second = (
        number(f"correlation {name}", value[name], minimum=-1.01, maximum=1.01)
        for name in ("best", "second")
    )
    return best, second
