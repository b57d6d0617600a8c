"""What files that are one picture each cannot say of the video that they are."""

import numpy as np

from stabilizer.video.base import VideoInfo
from stabilizer.video.image_sequence import ImageSequence
from stabilizer.video.pyav.tags import tag, true_tags

_UNKNOWN = 2
_ROUNDED = 1.5e-3  # s that even times may be off, as Matroska's are


def images_leave_out(info: VideoInfo, suffix: str) -> list[str]:
    """Return in words what images in files of that suffix do not hold, but for other tracks."""
    left_out = [] if isinstance(info.path, ImageSequence) else [_times(info)]
    if info.display_matrix:
        mirrored = "mirroring and " if info.mirrored else ""
        left_out.append(f"{mirrored}display rotation by {info.rotation_deg} degrees")
    if info.chapters:
        left_out.append("chapters")
    timecode = tag("timecode", info.stream_metadata, info.metadata)
    if timecode is not None:
        left_out.append(f"timecode {timecode}")
    tags = true_tags(info.metadata)
    if tags:
        left_out.append(f"tags {', '.join(tags)}")
    told = [name for name in ("primaries", "transfer") if info.colour.get(name, 2) != _UNKNOWN]
    if told and suffix.lower() != ".png" and info.codec != "tiff":
        left_out.append(f"colour tags {', '.join(told)}")
    return left_out


def _times(info: VideoInfo) -> str:
    t, rate = info.frame_times, info.average_rate
    off = float(np.abs(t - np.linspace(t[0], t[-1], len(t))).max())
    if off > _ROUNDED:
        return f"uneven presentation times ({float(rate):.3f} frames/s on average)"
    return f"presentation times ({rate} frames/s)"
