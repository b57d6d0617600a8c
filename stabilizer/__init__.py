"""Steady video from a video and its gyro log.

    plan = stabilizer.stabilize("walk.mp4", "walk.csv", "steady.mp4", camera="walk.camera.json")

Names are imported when they are first used: `stabilizer --help` needs neither OpenCV nor PyAV.
"""

from typing import TYPE_CHECKING

from gyro_data.lazy import lazy

if TYPE_CHECKING:
    from stabilizer.camera import Camera, load_camera
    from stabilizer.errors import StabilizerError
    from stabilizer.optimal import Optimal
    from stabilizer.pipeline import frames, make_plan, render, stabilize
    from stabilizer.plan import Plan
    from stabilizer.remap.opencv import mesh_warp
    from stabilizer.sync import ClockSync
    from stabilizer.warp import transform_points

__all__ = [
    "Camera",
    "ClockSync",
    "Optimal",
    "Plan",
    "StabilizerError",
    "frames",
    "load_camera",
    "make_plan",
    "mesh_warp",
    "render",
    "stabilize",
    "transform_points",
]

__getattr__ = lazy(
    __name__,
    {
        "Camera": "camera",
        "ClockSync": "sync",
        "Optimal": "optimal",
        "Plan": "plan",
        "StabilizerError": "errors",
        "frames": "pipeline",
        "load_camera": "camera",
        "make_plan": "pipeline",
        "mesh_warp": "remap.opencv",
        "render": "pipeline",
        "stabilize": "pipeline",
        "transform_points": "warp",
    },
)
