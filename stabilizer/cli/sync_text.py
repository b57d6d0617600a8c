"""What a synchronization found, in words and numbers with their standard errors."""

from math import atan, degrees, floor, hypot, inf, log10
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stabilizer.camera import Camera
    from stabilizer.sync import ClockSync
    from stabilizer.sync_file import SavedSync
    from stabilizer.synchronization import Known, Synchronization

_MOST_DECIMALS = 6


def delay_text(found: "Synchronization | SavedSync") -> str:
    """Return the delay with its standard error and the confidence, in a few words."""
    error = found.errors.get("delay", inf)
    return f"delay {_delay(found.sync.delay, error)} ({found.verdict.confidence})"


def clock_text(sync: "ClockSync") -> str:
    """Return how an uneven clock runs, in a few words."""
    jumps = [f"jumps by {1e3 * size:+.1f} ms at {t:.2f} s" for t, size in sync.jumps]
    smooth = [s for _, s in sync.corrections]
    span = 1e3 * (max(smooth) - min(smooth))
    return ", ".join(jumps) or f"wanders by {span:.1f} ms"


def camera_text(camera: "Camera") -> str:
    """Return focal length, readout and axes in a few words."""
    return (
        f"focal length {camera.fx:.1f} px ({_hfov_deg(camera):.1f} degrees wide), readout "
        f"{1e3 * camera.readout_time:.2f} ms {camera.readout_direction}, axes "
        f"{camera.imu_orientation}"
    )


def sync_facts(found: "SavedSync", known: "Known") -> dict[str, Any]:
    """Return what is known of clocks and camera, each with its standard error or its origin.

    Where the sync failed, only how sure it is and why.
    """
    from stabilizer.synchronization import Confidence

    facts: dict[str, Any] = {"confidence": str(found.verdict.confidence)}
    facts["reasons"] = "\n".join(found.verdict.reasons) or "none"
    if found.correlation is not None:
        best, second = found.correlation
        facts["correlation"] = f"best {best:.3f}, second {second:.3f}"
    if found.verdict.confidence == Confidence.FAILED:
        return facts
    return facts | _clock_facts(found, known) | _camera_facts(found, known)


def _clock_facts(found: "SavedSync", known: "Known") -> dict[str, str]:
    skew = _with_error(1e6 * found.sync.clock_skew, 1e6 * found.errors["clock_skew"], "ppm")
    facts = {
        "delay": _delay(found.sync.delay, found.errors["delay"])
        + _origin(found, "delay", given=known.delay is not None),
        "clock skew": skew + _origin(found, "clock_skew", given=known.clock_skew is not None),
    }
    for axis, value in zip("xyz", found.drift.tolist(), strict=True):
        name = f"drift_{axis}"
        facts[f"drift {axis}"] = _with_error(value, found.errors[name], "rad/s") + _origin(
            found, name, given=known.drift is not None
        )
    if found.sync.corrections:
        facts["clock"] = clock_text(found.sync)
    return facts


def _camera_facts(found: "SavedSync", known: "Known") -> dict[str, str]:
    from scipy.spatial.transform import Rotation

    camera, errors = found.camera, found.errors
    readout = _with_error(1e3 * camera.readout_time, 1e3 * errors["readout_time"], "ms")
    focal = _with_error(camera.fx, camera.fx * errors["focal"], "px")
    turn = degrees(Rotation.from_matrix(camera.R_body_cam).magnitude())
    turn_error = degrees(hypot(*(errors[f"mounting_{axis}"] for axis in "xyz")))
    return {
        "readout": f"{readout}, {camera.readout_direction}"
        + _origin(found, "readout_time", given=known.readout),
        "focal length": f"{focal}, {_hfov_deg(camera):.1f} degrees wide"
        + _origin(found, "focal", given=known.focal),
        "axes": camera.imu_orientation + (" (given)" if known.axes else ""),
        "rotation after the axes": _with_error(turn, turn_error, "degrees"),
    }


def _origin(found: "SavedSync", name: str, *, given: bool) -> str:
    """Return where a value comes from if not from the clip."""
    if given:
        return " (given)"
    return " (kept as assumed)" if name in found.kept else ""


def _delay(value: float, error: float) -> str:
    text = f"{value:.{_decimals(error)}f} s"
    return f"{text} ± {1e3 * error:.2g} ms" if 0 < error < inf else text


def _with_error(value: float, error: float, unit: str) -> str:
    """Return a number with its standard error; 0: none, for it was given."""
    if error == 0:
        return f"{value:.6g} {unit}"
    decimals = _decimals(error)
    return f"{value:.{decimals}f} ± {error:.{decimals}f} {unit}"


def _decimals(error: float) -> int:
    """Return how many decimals show two digits of a standard error."""
    if not 0 < error < inf:
        return _MOST_DECIMALS
    return min(max(1 - floor(log10(error)), 0), _MOST_DECIMALS)


def _hfov_deg(camera: "Camera") -> float:
    return degrees(2 * atan(camera.width / 2 / camera.fx))
