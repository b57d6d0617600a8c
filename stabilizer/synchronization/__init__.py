"""What video and gyro log say about each other: clocks, axes, readout, focal length, drift."""

from stabilizer.synchronization.find import synchronize
from stabilizer.synchronization.judgement import Confidence, Verdict
from stabilizer.synchronization.result import Known, Synchronization

__all__ = ["Confidence", "Known", "Synchronization", "Verdict", "synchronize"]
