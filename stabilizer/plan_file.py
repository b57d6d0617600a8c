"""A plan as one file, from which every warp grid comes out to the bit, without the log.

The file is a zip that `numpy.load` opens too, nothing in it compressed or pickled: `plan.json`
("format", "version", "interpolation", and "camera" and "output" as in a camera file) and arrays of
float64, little-endian. Of F frames: `zoom` and `margin` (F,). Of both paths, P = measured (as much
as the frames' rows need) and virtual (at the frames): `P_t` (N,) s, `P_quat_xyzw` (N, 4),
`P_gaps` (G, 2) s and, where they are known, `P_rate` (N, 3) rad/s and `P_up` (N, 3).
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from gyro_data.checks import Floats
from stabilizer.archive import read_archive, write_archive
from stabilizer.border import BorderCheck
from stabilizer.camera import camera_from_dict, camera_to_dict
from stabilizer.crop import TOLERANCE
from stabilizer.errors import StabilizerError
from stabilizer.new_files import AnyPath, complete_or_absent
from stabilizer.optimal.verdict import margins
from stabilizer.path import CameraPath
from stabilizer.plan import Plan
from stabilizer.text_files import decoded, in_short, parse_json
from stabilizer.warp import KERNEL_REACH

PLAN_SUFFIX = ".npz"
"""How the name of a plan file ends."""

_FORMAT, _VERSION = "gyro-stabilizer plan", 1
_TEXT = "plan.json"


class _Array(NamedTuple):
    """What an array may be; a letter is one length throughout the file."""

    shape: tuple[str | int, ...]
    low: float
    high: float
    optional: bool = False


# What a plan consists of: a new field is one entry here.
_PATHS = ("measured", "virtual")
_CAMERAS = ("camera", "output")
_TEXTS = ("interpolation",)
_PER_FRAME = {"zoom": _Array(("F",), 0.999, 1e3), "margin": _Array(("F",), -1e6, 1e6)}
_IF_KNOWN = {"rate": 1e5, "up": 1.001}
"""Fields of a path that may be None, with the largest number in them."""


def _path_arrays(name: str, n: str) -> dict[str, _Array]:
    return {
        f"{name}_t": _Array((n,), -1e11, 1e11),
        f"{name}_quat_xyzw": _Array((n, 4), -1.001, 1.001),
        f"{name}_gaps": _Array((f"gaps of {name}", 2), -1e11, 1e11),
        **{f"{name}_{f}": _Array((n, 3), -m, m, optional=True) for f, m in _IF_KNOWN.items()},
    }


_ARRAYS: Mapping[str, _Array] = {
    **_path_arrays("measured", "M"),
    **_path_arrays("virtual", "F"),
    **_PER_FRAME,
}


def save_plan(plan: Plan, path: AnyPath) -> None:
    """Write the plan to `path`, which is replaced when the file is complete.

    Raises StabilizerError where it cannot be written.
    """
    content: dict[str, Any] = {"format": _FORMAT, "version": _VERSION}
    content |= {name: getattr(plan, name) for name in _TEXTS}
    content |= {name: camera_to_dict(getattr(plan, name)) for name in _CAMERAS}
    paths = {"measured": _needed(plan.measured, plan), "virtual": _taken_apart(plan.virtual)}
    arrays = {f"{p}_{name}": array for p, parts in paths.items() for name, array in parts.items()}
    arrays |= {name: getattr(plan, name) for name in _PER_FRAME}
    try:
        with complete_or_absent(path) as partial:
            write_archive(partial, _TEXT, json.dumps(content, indent=1), arrays)
    except ValueError as error:
        raise StabilizerError(f"{path}: too large a plan: {error}; plan a part of it") from error


def load_plan(path: AnyPath) -> Plan:
    """Read a plan to render it: its border is judged anew, whatever the file says of it.

    The margins are at least those found, a little less than the exact ones. Raises
    StabilizerError that names the file and what is wrong with it, also that it shows a border.
    """
    plan = read_plan(path)
    inset = KERNEL_REACH[plan.interpolation]
    border = BorderCheck(plan.measured, plan.camera, plan.output, inset)
    t = plan.frame_times
    margin = margins(border, t, plan.virtual.quat_at(t), plan.zoom)
    worst = int(margin.argmin())
    if margin[worst] < -TOLERANCE:
        missed = f"by {-margin[worst]:.1f} px" if np.isfinite(margin[worst]) else "wholly"
        raise StabilizerError(
            f"{path}: the plan shows a border: at {t[worst]:.3f} s it misses the picture {missed}; "
            "the file is not as it was saved, plan again"
        )
    return replace(plan, margin=margin)


def read_plan(path: AnyPath) -> Plan:
    """Read a plan that `save_plan` wrote, as it was; the file is not trusted.

    Raises StabilizerError that names the file and what is wrong with it.
    """
    try:
        text, arrays = read_archive(path, _TEXT)
        content = _checked_text(text)
        _check_arrays(arrays)
        fields: dict[str, Any] = {name: _path(name, arrays) for name in _PATHS}
        fields |= {name: camera_from_dict(content[name]) for name in _CAMERAS}
        fields |= {name: content[name] for name in _TEXTS}
        fields |= {name: arrays[name] for name in _PER_FRAME}
        return Plan(**fields)
    except OSError as error:
        raise StabilizerError(f"{path}: cannot read the plan: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise StabilizerError(
            f"{path}: not a plan that can be used: {in_short(error)}; save it again"
        ) from error


def _taken_apart(path: CameraPath) -> dict[str, Floats]:
    parts = {"t": path.t, "quat_xyzw": path.quat_xyzw, "gaps": path.gaps}
    known = {name: getattr(path, name) for name in _IF_KNOWN}
    return parts | {name: values for name, values in known.items() if values is not None}


def _needed(measured: CameraPath, plan: Plan) -> dict[str, Floats]:
    """Return the parts of the measured path that the frames' rows ask for, and a sample around.

    No row's time is farther from its frame's than the readout takes.
    """
    t, readout = measured.t, plan.camera.readout_time
    first = np.searchsorted(t, plan.frame_times[0] - readout, side="right") - 1
    last = np.searchsorted(t, plan.frame_times[-1] + readout, side="left") + 1
    start = int(np.clip(first, 0, max(len(t) - 2, 0)))  # two samples are an interval
    stop = int(np.clip(last, start + 2, max(len(t), start + 2)))
    parts = _taken_apart(measured)
    kept = {name: array[start:stop] for name, array in parts.items() if name != "gaps"}
    gaps = measured.gaps
    near = (gaps.max(axis=1) > kept["t"][0]) & (gaps.min(axis=1) < kept["t"][-1])
    return kept | {"gaps": gaps[near]}


def _path(name: str, arrays: Mapping[str, Floats]) -> CameraPath:
    try:
        return CameraPath(
            arrays[f"{name}_t"],
            arrays[f"{name}_quat_xyzw"],
            gaps=arrays[f"{name}_gaps"],
            **{field: arrays.get(f"{name}_{field}") for field in _IF_KNOWN},
        )
    except ValueError as error:  # which begins with a field's name
        raise ValueError(f"{name}_{error}") from error


def _checked_text(text: bytes) -> dict[str, Any]:
    """Return the JSON object if it is a plan's."""
    content = parse_json(decoded(text) or "null")
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ValueError(f"{_TEXT} does not say {_FORMAT!r}")
    if content.get("version") != _VERSION:
        raise ValueError(f"it is of version {content.get('version')!r}, not {_VERSION}")
    _check_names({"format", "version", *_CAMERAS, *_TEXTS}, set(), content)
    return content


def _check_arrays(arrays: Mapping[str, Floats]) -> None:
    """Raise ValueError unless all arrays are there, of fitting shapes and in their limits."""
    optional = {name for name, array in _ARRAYS.items() if array.optional}
    _check_names(_ARRAYS.keys() - optional, optional, arrays)
    lengths: dict[str | int, int] = {}
    for name, array in arrays.items():
        expected = _ARRAYS[name]
        shape = tuple(n if isinstance(n, int) else lengths.get(n, n) for n in expected.shape)
        if array.ndim != len(shape) or any(
            isinstance(want, int) and want != got
            for want, got in zip(shape, array.shape, strict=True)
        ):
            raise ValueError(f"{name}: expected shape {shape}, got {array.shape}")
        lengths.update(zip(expected.shape, array.shape, strict=True))
        outside = ~((array >= expected.low) & (array <= expected.high))
        if outside.any():
            limits = f"{expected.low:g} to {expected.high:g}"
            raise ValueError(f"{name}: expected numbers from {limits}, got {array[outside][0]:g}")


def _check_names(required: set[str], optional: set[str], found: Mapping[str, Any]) -> None:
    missing, unknown = required - found.keys(), found.keys() - required - optional
    if missing or unknown:
        facts = [f"misses {', '.join(sorted(missing))}"] if missing else []
        facts += [f"has unknown {', '.join(sorted(unknown))}"] if unknown else []
        raise ValueError(f"it {' and '.join(facts)}")
