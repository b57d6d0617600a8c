"""What video and gyro log say about each other: clocks, axes, readout, focal length, drift."""

from stabilizer.synchronization.find import synchronize
from stabilizer.synchronization.judgement import Confidence, Verdict, accept
from stabilizer.synchronization.result import Known, Synchronization, assumed_camera, known_of

__all__ = [
    "Confidence",
    "Known",
    "Synchronization",
    "Verdict",
    "accept",
    "assumed_camera",
    "known_of",
    "synchronize",
]
