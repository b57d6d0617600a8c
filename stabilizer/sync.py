"""The two clocks: `ClockSync` maps presentation time of the video to the log's time and back."""

from dataclasses import dataclass

from gyro_data.checks import Floats, number


@dataclass(frozen=True)
class ClockSync:
    """t_log = (1 + clock_skew) · t_video + delay."""

    delay: float = 0.0
    """s on the log's clock at video time 0."""
    clock_skew: float = 0.0
    """How much faster the log's clock runs, as a ratio (1e-6 is 1 ppm)."""

    def __post_init__(self) -> None:
        number("delay", self.delay, minimum=-1e10, maximum=1e10)
        number("clock_skew", self.clock_skew, minimum=-0.1, maximum=0.1)

    def log_time(self, t_video: Floats) -> Floats:
        """Return the log's time of presentation times (s)."""
        return (1.0 + self.clock_skew) * t_video + self.delay

    def video_time(self, t_log: Floats) -> Floats:
        """Return the presentation times (s) of the log's times."""
        return (t_log - self.delay) / (1.0 + self.clock_skew)
