"""An encoder for the pictures of a video: opened to encode, or beforehand to see that it opens."""

import os
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import av
from av.codec import Codec
from av.codec.codec import UnknownCodecError
from av.codec.context import ThreadType
from av.video.codeccontext import VideoCodecContext

from stabilizer.errors import StabilizerError
from stabilizer.frame_loop import processors
from stabilizer.video.base import Hdr10, VideoInfo
from stabilizer.video.encoding import HARDWARE, IMAGES, Encoding
from stabilizer.video.pyav.containers import CONTAINERS, Container
from stabilizer.video.pyav.conversion import stored_colour
from stabilizer.video.pyav.formats import nearest, traits
from stabilizer.video.pyav.picture_facts import STEREO, chroma_place
from stabilizer.video.pyav.reading import COLOUR
from stabilizer.video.pyav.tags import tag

_BY_MATROSKA = ("left", "center", "topleft", "top")
"""Where it can say that chroma sits."""
_TELL_PLACES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "libx264": (*_BY_MATROSKA, "bottomleft", "bottom"),
        "libx265": (*_BY_MATROSKA, "bottomleft", "bottom"),
        "libsvtav1": ("left", "topleft"),
        "libvpx-vp9": ("left", "topleft"),  # in the head of MP4
    }
)
"""Where encoders can say that chroma sits; where nothing is said, it is to the left."""
_LOOKS_AHEAD_IN_MORE = 4  # processors, for which x264 by itself takes 6 threads
_LEAST_ROWS = 32  # of a picture to a thread of x264, about as it chooses itself
_EVEN_SIZES = ("libx264", "libx265")
"""Encoders that want whole groups of the luma samples that share a chroma sample."""
_OF_IMAGES = ("gray", "gray16be", "gray16le", "rgb24", "rgb48be", "rgb48le")
"""What images are stored as; few programs read the Y'CbCr that TIFF has too."""


def check_encoder(encoding: Encoding, info: VideoInfo, suffix: str = ".mp4") -> None:
    """Raise StabilizerError if the encoder is not there, or cannot take the pictures of a video.

    Raises ValueError if it does not heed what is chosen.
    """
    name = chosen_encoder(encoding, info, suffix)
    context = av.CodecContext.create(found_encoder(name), "w")
    assert isinstance(context, VideoCodecContext)
    context.time_base, context.framerate = info.time_base, info.average_rate
    context.width, context.height = info.width, info.height
    context.options = encoder_options(encoding, name, info)
    open_encoder(context, encoding, info)


def chosen_encoder(encoding: Encoding, info: VideoInfo, suffix: str) -> str:
    """Return the encoder's name; StabilizerError if the container cannot hold its codec."""
    name = encoding.encoder(suffix, info.pixel_format)
    codec, held = found_encoder(name).canonical_name, CONTAINERS[suffix.lower()].pictures
    if held and codec not in held:
        raise StabilizerError(
            f"{suffix} cannot hold {codec} video, but {', '.join(held)}; write to .mkv or choose "
            "another codec"
        )
    return name


def found_encoder(name: str) -> Codec:
    """Return the encoder of that name."""
    try:
        return Codec(name, "w")
    except UnknownCodecError as error:
        raise StabilizerError(
            f"{name}: this build of FFmpeg (PyAV {av.__version__}) has no such encoder; choose "
            "another codec, such as libx264"
        ) from error


def encoder_options(encoding: Encoding, name: str, info: VideoInfo) -> dict[str, str]:
    """Return the options of an encoder, with what it is to tell of the pictures of a video.

    Raises ValueError for a choice that the encoder does not heed.
    """
    options = encoding.options(name)
    place = _place(info, info.pixel_format)
    if place:
        options = {**options, "chroma_sample_location": place}
    if name not in _TELLING:
        return options
    key, told = _TELLING[name]
    words = [options[key]] if key in options else []
    words += told(info)
    return {**options, key: ":".join(words)} if words else options


def untold(info: VideoInfo, name: str, stored: str, container: Container) -> list[str]:
    """Return in words what neither encoder nor container tell of pictures in a stored format."""
    beside = tag("alpha_mode", info.stream_metadata) == "1"  # a stream of its own in VP8 and VP9
    alpha = beside or traits(info.stored_format or info.pixel_format).alpha
    lost = ["alpha channel"] if alpha else []
    place, places = _place(info, stored), _TELL_PLACES.get(name, ("left",))
    if container.matroska:
        places += _BY_MATROSKA
    if place and place not in places:
        lost.append(f"chroma siting {place}")
    if info.hdr10 is not None and name not in _TELLING:
        lost.append("HDR metadata")
    tells_stereo = container.matroska and tag("stereo_mode", info.stream_metadata)
    return lost + [what for what in info.side_data if what != STEREO or not tells_stereo]


def _place(info: VideoInfo, stored: str) -> str:
    """Return where chroma sits, "" unless both axes are halved in the video and as stored."""
    halved = all(traits(name).subsampling_xy == (2, 2) for name in (info.pixel_format, stored))
    return chroma_place(info.chroma_offset_xy) if halved else ""


def _threads(context: VideoCodecContext) -> int:
    """Return how many threads an encoder is to have, 0 for its own choice.

    x264 takes three for two processors, as if nothing else used these, and each holds some frames.
    From 6 threads on it looks ahead in more than one, which it is not to lose.
    """
    n = processors()
    if context.codec.name != "libx264" or n >= _LOOKS_AHEAD_IN_MORE:
        return 0
    return min(n, max(1, context.height // _LEAST_ROWS))


def open_encoder(context: VideoCodecContext, encoding: Encoding, info: VideoInfo) -> None:
    """Open an encoder that has its size, times and options."""
    context.pix_fmt = _accepted_format(context.codec, encoding, info)
    context.sample_aspect_ratio = info.sample_aspect_ratio
    context.thread_type = ThreadType.AUTO  # PyAV's default would slice x264's pictures
    context.thread_count = _threads(context)
    for name, code_point in stored_colour(info, context.pix_fmt, context.codec.name).items():
        setattr(context, COLOUR[name], code_point)
    os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 tells much more than errors otherwise
    try:
        context.open()
    except av.FFmpegError as error:
        what = f"{info.width}x{info.height} {context.pix_fmt}"
        remedy = "try another codec or pixel format"
        if context.codec.name in HARDWARE:
            remedy = "is there such hardware, and its driver? libx264 needs none"
        raise StabilizerError(
            f"{context.codec.name} cannot encode {what} ({remedy}): {error.strerror}"
        ) from error


def _accepted_format(codec: Codec, encoding: Encoding, info: VideoInfo) -> str:
    """Return the pixel format that is nearest to the video's of those that the encoder takes.

    Full range is told by the tag alone, not by FFmpeg's formats of their own for it.
    """
    formats = [f for f in codec.video_formats or () if f.components]  # not a device's memory
    known = [f.name for f in formats if not f.name.startswith("yuvj")]
    fit = [name for name in known if codec.name not in _EVEN_SIZES or _fits(name, info)]
    if codec.name in IMAGES:
        fit = [name for name in known if name in _OF_IMAGES]
    own = info.pixel_format.replace("j", "")
    if encoding.pixel_format is None:
        return nearest(own, fit) if fit else own
    if encoding.pixel_format not in (fit or [encoding.pixel_format]):
        raise StabilizerError(
            f"{codec.name} cannot encode {info.width}x{info.height} as {encoding.pixel_format}; "
            f"it takes {', '.join(fit)}"
        )
    return encoding.pixel_format


def _fits(name: str, info: VideoInfo) -> bool:
    x, y = traits(name).subsampling_xy
    return traits(name).grey or not (info.width % x or info.height % y)


def _hdr_words(
    info: VideoInfo,
    *,
    display: str,
    light: str,
    xy: Callable[[float], str],
    luminance: Callable[[float], str],
) -> list[str]:
    """Return what is told of HDR by an encoder's names of a mastering display and of light.

    `xy` and `luminance` write chromaticities and cd/m² as it wants them.
    """
    hdr, words = info.hdr10 or Hdr10(), []
    if len(hdr.primaries_xy) == len("RGBW") and hdr.luminance is not None:
        red, green, blue, white = (f"({xy(x)},{xy(y)})" for x, y in hdr.primaries_xy)
        least, most = map(luminance, hdr.luminance)
        words.append(f"{display}=G{green}B{blue}R{red}WP{white}L({most},{least})")
    if hdr.light_level is not None:
        words.append(f"{light}={hdr.light_level[0]},{hdr.light_level[1]}")
    return words


def _in(unit: float) -> Callable[[float], str]:
    return lambda value: str(round(value / unit))


_sei_words = partial(_hdr_words, xy=_in(2e-5), luminance=_in(1e-4))
"""As SEI messages count."""
_av1_words = partial(
    _hdr_words,
    display="mastering-display",
    light="content-light",
    xy="{:.5f}".format,
    luminance="{:.4f}".format,
)

_TELLING: Mapping[str, tuple[str, Callable[[VideoInfo], list[str]]]] = MappingProxyType(
    {
        "libx264": ("x264-params", partial(_sei_words, display="mastering-display", light="cll")),
        "libx265": ("x265-params", partial(_sei_words, display="master-display", light="max-cll")),
        "libsvtav1": ("svtav1-params", _av1_words),
    }
)
"""Encoders that write into their stream how the pictures were mastered."""
