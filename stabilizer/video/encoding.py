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
_USUAL_CRF, _USUAL_PRESET = 18.0, "veryfast"
_APPLE_LAMBDA = 118  # FFmpeg's unit of a quality scale

Options = dict[str, str]


def _x264(crf: float, preset: str) -> Options:
    quality = {"crf": f"{crf:g}"} if crf else {"qp": "0"}  # lossless for more than 8 bits too
    return {**quality, "preset": preset}


def _x265(crf: float, preset: str) -> Options:
    lossless = "" if crf else ":lossless=1"
    return {"crf": f"{crf:g}", "preset": preset, "x265-params": f"log-level=error{lossless}"}


def _svtav1(crf: float, preset: str) -> Options:
    speed = (11, 10, 10, 9, 8, 7, 5, 4, 3, 2)[PRESETS.index(preset)]
    return {"crf": str(_of_63(crf)), "preset": str(speed)}


def _vp9(crf: float, preset: str) -> Options:
    speed = (8, 7, 6, 5, 4, 3, 2, 1, 0, 0)[PRESETS.index(preset)]
    hurry = "realtime" if speed > 5 else "good"
    options = {"crf": str(_of_63(crf)), "b": "0", "cpu-used": str(speed), "deadline": hurry}
    return options if crf else {**options, "lossless": "1"}


def _of_63(crf: float) -> int:
    return round(crf * 63 / _WORST)


def _for_editing(crf: float, preset: str) -> Options:
    return {}  # each picture on its own, of one quality and at one speed


def _png(crf: float, preset: str) -> Options:
    return {"compression_level": str(PRESETS.index(preset))}


def _tiff(crf: float, preset: str) -> Options:
    hurry = PRESETS.index(preset) < PRESETS.index("medium")
    return {"compression_algo": "packbits" if hurry else "lzw"}


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
        "libsvtav1": _svtav1,
        "libvpx-vp9": _vp9,
        "ffv1": _for_editing,
        "prores_ks": _for_editing,
        "png": _png,
        "tiff": _tiff,
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


ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "h264": "libx264",
        "h265": "libx265",
        "hevc": "libx265",
        "av1": "libsvtav1",
        "vp9": "libvpx-vp9",
        "prores": "prores_ks",
    }
)
"""What codecs are called, and the encoder that is taken for them."""

_BY_SUFFIX = {".webm": "libsvtav1", ".png": "png", ".tif": "tiff", ".tiff": "tiff"}
IMAGES = frozenset({"png", "tiff"})
"""Those that make a file of each picture."""
_ONE_SPEED = frozenset(name for name, options in ENCODERS.items() if options is _for_editing)
_ONE_QUALITY = IMAGES | _ONE_SPEED
_QUALITY_OPTIONS = ("crf", "lossless", "cq", "rc", "flags", "global_quality", "qp_i", "qp_p")
_LEAST_RATE, _MOST_RATE = 1e4, 1e10  # bit/s

HARDWARE = frozenset(
    name for name in ENCODERS if name.endswith(("_nvenc", "_videotoolbox", "_qsv", "_amf"))
)
"""Those that are not made of software."""


@dataclass(frozen=True)
class Encoding:
    """How frames are encoded. Raises ValueError for what no encoder knows."""

    codec: str | None = None
    """One of `ENCODERS` or `ALIASES`; None: what suits the output's name and the pictures. What the
    machine and the build of FFmpeg have of them, they tell later."""
    crf: float | None = None
    """Quality in x264's words, 0 (H.264, H.265, VP9: lossless) to 51; hardware has its own scale;
    None: 18."""
    preset: str | None = None
    """Speed against size; None: veryfast."""
    bitrate: float | None = None
    """bit/s on average, instead of a quality."""
    pixel_format: str | None = None
    """FFmpeg's name; None: the video's own, or the nearest that the encoder takes."""

    def __post_init__(self) -> None:
        if self.codec is not None and self.codec not in {*ENCODERS, *ALIASES}:
            known = ", ".join([*ALIASES, *ENCODERS])
            raise ValueError(f"codec: expected one of {known}, got {self.codec!r}")
        if self.crf is not None:
            number("crf", self.crf, minimum=_BEST, maximum=_WORST)
        if self.preset not in (None, *PRESETS):
            raise ValueError(f"preset: expected one of {', '.join(PRESETS)}, got {self.preset!r}")
        if self.bitrate is not None:
            number("bitrate", self.bitrate, minimum=_LEAST_RATE, maximum=_MOST_RATE)
            if self.crf is not None:
                raise ValueError(f"crf: expected none beside a bitrate, got {self.crf:g}")

    def encoder(self, suffix: str, pixel_format: str) -> str:
        """Return the encoder's name for pictures of a format in a file whose name ends in `suffix`.

        H.264 unless it does not hold such pictures; AV1 in WebM; PNG or TIFF for images.
        """
        if self.codec is not None:
            return ALIASES.get(self.codec, self.codec)
        if suffix.lower() in _BY_SUFFIX:
            return _BY_SUFFIX[suffix.lower()]
        wanted = self.pixel_format or pixel_format
        deep = wanted.endswith(("12le", "16le")) or wanted.startswith("gbr")
        return "libx265" if deep else "libx264"

    def options(self, encoder: str) -> Options:
        """Return the options of an encoder. Raises ValueError for one that it does not heed."""
        for name, given, deaf in (
            ("crf", self.crf, _ONE_QUALITY),
            ("bitrate", self.bitrate, _ONE_QUALITY),
            ("preset", self.preset, _ONE_SPEED),
        ):
            if given is not None and encoder in deaf:
                has = "speed" if name == "preset" else "quality"
                raise ValueError(f"{name}: expected none for {encoder}, which has one {has}")
        crf = _USUAL_CRF if self.crf is None else self.crf
        options = ENCODERS[encoder](crf, self.preset or _USUAL_PRESET)
        if self.bitrate is None:
            return options
        kept = {key: value for key, value in options.items() if key not in _QUALITY_OPTIONS}
        return {**kept, "b": str(round(self.bitrate))}
