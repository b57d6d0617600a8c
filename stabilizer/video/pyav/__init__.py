"""Video files through PyAV, the only package that imports it.

Times stay integer ticks of the stream's time base from file to file; pixels are never converted.
"""

from stabilizer.video.pyav.encoder import check_encoder
from stabilizer.video.pyav.reading import VideoReader, probe
from stabilizer.video.pyav.rgb import to_rgb
from stabilizer.video.pyav.sound import write_aac
from stabilizer.video.pyav.writing import VideoWriter, check_output

__all__ = [
    "VideoReader",
    "VideoWriter",
    "check_encoder",
    "check_output",
    "probe",
    "to_rgb",
    "write_aac",
]
