"""The sound of a simulated clip: a soft tone with a click at each second."""

import numpy as np

from gyro_data.checks import Floats, number

SAMPLE_RATE = 48_000
_TONE, _TONE_AMPLITUDE = 440.0, 0.05  # Hz, of full scale
_CLICK, _CLICK_AMPLITUDE, _CLICK_DURATION = 2000.0, 0.5, 0.005  # Hz, of full scale, s


def tone_with_clicks(duration: float) -> Floats:
    """Return samples (N,) of −1..1 at 48 kHz; a click starts at each whole second."""
    t = np.arange(round(number("duration", duration, above=0) * SAMPLE_RATE)) / SAMPLE_RATE
    click = _CLICK_AMPLITUDE * np.sin(2 * np.pi * _CLICK * t) * (t % 1.0 < _CLICK_DURATION)
    return np.asarray(_TONE_AMPLITUDE * np.sin(2 * np.pi * _TONE * t) + click)
