"""Sound out, for clips that are made rather than copied."""

from os import PathLike, fspath

import av
import numpy as np

from gyro_data.checks import Floats

_FRAME_SAMPLES = 1024  # of AAC


def write_aac(path: str | PathLike[str], samples: Floats, sample_rate: int) -> None:
    """Write samples (N,) of −1..1 as mono AAC into an .m4a file."""
    with av.open(fspath(path), "w", "mp4") as container:
        stream = container.add_stream("aac", rate=sample_rate, layout="mono")
        for start in range(0, len(samples), _FRAME_SAMPLES):
            part = samples[None, start : start + _FRAME_SAMPLES].astype(np.float32)
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = sample_rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
