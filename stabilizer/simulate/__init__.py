"""Clips whose truth is known: a scene rendered along a motion, and the gyro log that belongs to it.

A camera that also walks is in `walk`, things that move by themselves are in `movers`.
The forward model shares lenses and clocks with the stabilizer, but neither its warp nor its crop.
"""

from stabilizer.simulate.clip import simulate
from stabilizer.simulate.imu import simulate_log, write_log
from stabilizer.simulate.motion import GAITS, Handheld, Motion, from_log
from stabilizer.simulate.render import render_frame, to_yuv420p
from stabilizer.simulate.scene import Room, Scene
from stabilizer.simulate.truth import SimulatedClip

__all__ = [
    "GAITS",
    "Handheld",
    "Motion",
    "Room",
    "Scene",
    "SimulatedClip",
    "from_log",
    "render_frame",
    "simulate",
    "simulate_log",
    "to_yuv420p",
    "write_log",
]
