"""How frames are encoded: which encoder, how good, how fast; x264's words for all of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gyro_data.checks import number

PRESETS = (
    *("ultrafast", "superfast", "veryfast", "faster", "fast"),
    *("medium", "slow", "slower", "veryslow", "placebo"),
)
"""From the fastest to the smallest."""

_BEST, _WORST = 0.0, 51.0  # crf
_APPLE_LAMBDA = 118  # FFmpeg's unit of a quality scale

Options = dict[str, str]


def _x264(crf: float, preset: str) -> Options:
    return {"crf": f"{crf:g}", "preset": preset}


def _x265(crf: float, preset: str) -> Options:
    return {**_x264(crf, preset), "x265-params": "log-level=error"}


def _for_editing(crf: float, preset: str) -> Options:
    return {}  # each picture on its own, of one quality and at one speed


def _nvenc(crf: float, preset: str) -> Options:
    step = (1, 1, 2, 3, 3, 4, 5, 6, 7, 7)[PRESETS.index(preset)]
    return {"preset": f"p{step}", "rc": "vbr", "cq": f"{max(crf, 1):g}", "b": "0"}


def _videotoolbox(crf: float, preset: str) -> Options:
    percent = max(1, round(100 * (1 - crf / _WORST)))
    hurry = int(PRESETS.index(preset) < PRESETS.index("medium"))
    quality = str(percent * _APPLE_LAMBDA)
    return {"flags": "+qscale", "global_quality": quality, "prio_speed": str(hurry)}


def _qsv(crf: float, preset: str) -> Options:
    known = PRESETS[PRESETS.index("veryfast") : PRESETS.index("placebo")]
    nearest = known[min(max(PRESETS.index(preset) - 2, 0), len(known) - 1)]
    return {"global_quality": str(max(1, round(crf))), "preset": nearest}


def _amf(crf: float, preset: str) -> Options:
    speed = ("speed", "balanced", "quality")[(0, 0, 0, 0, 1, 1, 1, 2, 2, 2)[PRESETS.index(preset)]]
    return {"rc": "cqp", "qp_i": str(round(crf)), "qp_p": str(round(crf)), "quality": speed}


ENCODERS: Mapping[str, Callable[[float, str], Options]] = MappingProxyType(
    {
        "libx264": _x264,
        "libx265": _x265,
        "ffv1": _for_editing,
        "prores_ks": _for_editing,
        "h264_nvenc": _nvenc,
        "hevc_nvenc": _nvenc,
        "av1_nvenc": _nvenc,
        "h264_videotoolbox": _videotoolbox,
        "hevc_videotoolbox": _videotoolbox,
        "h264_qsv": _qsv,
        "hevc_qsv": _qsv,
        "av1_qsv": _qsv,
        "h264_amf": _amf,
        "hevc_amf": _amf,
    }
)
"""FFmpeg's encoders by name, and their options for x264's quality and preset."""


HARDWARE = frozenset(
    name for name in ENCODERS if name.endswith(("_nvenc", "_videotoolbox", "_qsv", "_amf"))
)
"""Those that are not made of software."""


@dataclass(frozen=True)
class Encoding:
    """How frames are encoded. Raises ValueError for what x264 does not know."""

    codec: str = "libx264"
    """One of `ENCODERS`; what the machine and the build of FFmpeg have of them, they tell later."""
    crf: float = 18
    """Quality, 0 (x264: lossless) to 51; hardware has its own scale; not for what is edited."""
    preset: str = "veryfast"
    """Speed against size; not for what is edited."""

    def __post_init__(self) -> None:
        if self.codec not in ENCODERS:
            raise ValueError(f"codec: expected one of {', '.join(ENCODERS)}, got {self.codec!r}")
        number("crf", self.crf, minimum=_BEST, maximum=_WORST)
        if self.preset not in PRESETS:
            raise ValueError(f"preset: expected one of {', '.join(PRESETS)}, got {self.preset!r}")

    @property
    def options(self) -> Options:
        """The encoder's options."""
        return ENCODERS[self.codec](self.crf, self.preset)
