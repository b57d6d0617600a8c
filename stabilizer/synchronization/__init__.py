"""What video and gyro log say about each other: clocks, axes, readout, focal length, drift."""

from stabilizer.synchronization.find import Known, Synchronization, synchronize
from stabilizer.synchronization.judgement import Confidence, Verdict

__all__ = ["Confidence", "Known", "Synchronization", "Verdict", "synchronize"]
