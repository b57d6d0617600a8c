"""What was done to a video, as one JSON file for other programs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stabilizer.cli.planning import MadePlan
    from stabilizer.pipeline import Rendered
    from stabilizer.video import VideoInfo

SUMMARY_SUFFIX = ".json"
"""How the name of a summary ends."""


def save_summary(
    path: Path,
    info: "VideoInfo",
    made: "MadePlan",
    rendered: "Rendered | None",
    output: Path,
    seconds: float,
) -> None:
    """Write the summary; StabilizerError where it cannot be written.

    `rendered` is None and nothing lies at `output` after a dry run; `seconds` is what all took.
    """
    from stabilizer.new_files import complete_or_absent

    facts = summary_facts(info, made, rendered, output, seconds)
    with complete_or_absent(path) as partial:
        partial.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def summary_facts(
    info: "VideoInfo",
    made: "MadePlan",
    rendered: "Rendered | None",
    output: Path,
    seconds: float,
) -> dict[str, Any]:
    """Return files, sync, zoom, margin, speed and what was lost, as a JSON object; SI units."""
    plan, alignment = made.plan, made.alignment
    sync = None
    if alignment is not None:
        sync = {
            "confidence": alignment.confidence,
            "delay_s": alignment.sync.delay,
            "clock_skew": alignment.sync.clock_skew,
            "drift_rad_s": list(alignment.drift),
        }
    n_frames = 0 if rendered is None else rendered.frames
    return {
        "video": str(info.path),
        "log": None if made.log is None else str(made.log),
        "output": None if rendered is None else str(output),
        "sync": sync,
        "focal_px": [plan.camera.fx, plan.camera.fy],
        "readout_time_s": plan.camera.readout_time,
        "zoom": {
            "mean": float(plan.zoom.mean()),
            "least": float(plan.zoom.min()),
            "largest": float(plan.zoom.max()),
        },
        "worst_margin_px": float(plan.margin.min()),
        "frames": {
            "planned": len(plan.frame_times),
            "written": n_frames,
            "without_motion_data": len(plan.frame_times) - int(plan.covered.sum()),
            "missing_in_video": info.missing,
            "repeated_in_video": info.repeated,
            "untimed_in_video": len(info.untimed),
        },
        "seconds": round(seconds, 3),
        "frames_per_second": round(n_frames / seconds, 3),
        "left_out": [] if rendered is None else list(rendered.left_out),
        "kept_otherwise": [] if rendered is None else list(rendered.changed),
        "lost": "" if rendered is None else rendered.lost,
    }
