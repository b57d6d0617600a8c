"""The output is the input in everything but the shake: many kinds of files, judged by ffprobe.

Every file is stabilized by the plan that changes nothing, into a lossless codec where there is one.
"""

import math
import shutil
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import run
from tests.witness import ffmpeg, ffprobe

pytestmark = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="ffmpeg, which makes and judges, is not installed"
)

SOURCE = ("-f", "lavfi", "-i", "testsrc2=s={size}:r=25:d=0.4")
SOUND = ("-f", "lavfi", "-i", "sine=frequency=500:duration=0.4")
MAPPED = ("-map", "0:v", "-map", "1:a")
H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-bf", "2", "-g", "5")
FFV1 = ("-c:v", "ffv1", "-level", "3")
PQ = ("-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc")
HLG = ("-color_primaries", "bt2020", "-color_trc", "arib-std-b67", "-colorspace", "bt2020nc")
BT709 = ("-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709")
BT601 = ("-color_primaries", "smpte170m", "-color_trc", "smpte170m", "-colorspace", "smpte170m")
UNEVEN = (
    *("-vf", "settb=1/90000,setpts='N*3600+700*mod(N*N,5)'"),
    *("-vsync", "vfr", "-enc_time_base", "1/90000"),
)


@dataclass(frozen=True)
class Kind:
    """How FFmpeg makes a file, and what the output may be otherwise."""

    suffix: str
    arguments: tuple[str, ...]
    size: str = "64x48"
    sounds: int = 0
    after: tuple[str, ...] = ()
    """Of a second call that copies the file: what encoders do not do."""
    out: str = ""
    """The output's suffix, if not that of the input."""
    same_pictures: bool = True
    """Whether the pictures can be stored without loss."""
    same_sound: bool = True
    """Whether the output can hold the sound as it is."""


def picture(pixel_format: str, *more: str, size: str = "64x48") -> Kind:
    return Kind(".mkv", (*FFV1, "-pix_fmt", pixel_format, *more), size)


def sound(suffix: str, codec: str, n: int = 1, out: str = "", *, same: bool = True) -> Kind:
    return Kind(suffix, (*H264, "-c:a", codec, "-strict", "-2"), sounds=n, out=out, same_sound=same)


FORMATS = (
    *("yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le"),
    *("yuv420p12le", "yuv422p12le", "yuv444p12le", "yuv420p16le", "gray", "gray10le", "gray16le"),
    *("bgr0", "gbrp10le", "gbrp12le"),
)
KINDS = {
    **{name: picture(name) for name in FORMATS},
    **{
        f"odd {name}": picture(name, size="65x49")
        for name in ("yuv420p", "yuv422p", "yuv420p10le", "gray")
    },
    "full range": picture("yuv420p", "-color_range", "pc"),
    "limited range": picture("yuv420p", "-color_range", "tv"),
    "bt709": picture("yuv420p", *BT709),
    "bt601": picture("yuv422p", *BT601),
    "PQ": picture("yuv420p10le", *PQ),
    "HLG": picture("yuv420p10le", *HLG),
    "anamorphic": Kind(".mp4", (*H264, "-aspect", "16:9")),
    "anamorphic in mkv": Kind(".mkv", (*H264, "-aspect", "16:9"), out=".mp4"),
    "h264": Kind(".mp4", H264),
    "h264 full range": Kind(".mp4", (*H264, "-color_range", "pc", *BT709)),
    "h264 in mov": Kind(".mov", H264),
    "h265": Kind(".mp4", ("-c:v", "libx265", "-x265-params", "log-level=error")),
    "mpeg4": Kind(".mp4", ("-c:v", "mpeg4")),
    "mjpeg": Kind(".mov", ("-c:v", "mjpeg", "-pix_fmt", "yuvj422p")),
    "prores": Kind(".mov", ("-c:v", "prores_ks"), out=".mkv"),
    "vp9": Kind(".webm", ("-c:v", "libvpx-vp9"), out=".mkv"),
    "turned left": Kind(".mp4", H264, after=("-metadata:s:v", "rotate=90")),
    "upside down": Kind(".mov", H264, after=("-metadata:s:v", "rotate=180")),
    "turned right": Kind(".mp4", H264, after=("-metadata:s:v", "rotate=270")),
    "uneven times": Kind(".mp4", (*UNEVEN, *H264, "-video_track_timescale", "90000")),
    "uneven times in mkv": Kind(".mkv", (*UNEVEN, *FFV1)),
    "a late start": Kind(".mp4", (*H264, "-c:a", "aac", "-output_ts_offset", "1.5"), sounds=1),
    "an edit list": Kind(".mp4", H264, after=("-ss", "0.12")),
    "aac": sound(".mp4", "aac"),
    "three tracks": sound(".mp4", "aac", 3),
    "ac3": sound(".mp4", "ac3"),
    "mp3": sound(".mp4", "libmp3lame"),
    "opus": sound(".mp4", "libopus"),
    "flac": sound(".mkv", "flac"),
    "vorbis": sound(".mkv", "libvorbis"),
    "pcm": sound(".mov", "pcm_s16le"),
    "24 bit pcm": sound(".mov", "pcm_s24le", 2),
    "pcm from mkv": sound(".mkv", "pcm_s16le", out=".mov"),
    "wavpack to mp4": sound(".mkv", "wavpack", out=".mp4", same=False),
}
H264 = ["--codec", "h264", "--crf", 0, "--preset", "ultrafast"]
LOSSLESS = {".mkv": ["--codec", "ffv1"], ".mp4": H264, ".mov": H264}
COLOUR = ("color_range", "color_space", "color_transfer", "color_primaries")


def made(kind: Kind, folder: Path) -> Path:
    path = folder / f"in{kind.suffix}"
    source = [part.format(size=kind.size) for part in SOURCE]
    sounds = [*SOUND, "-map", "0:v", *["-map", "1:a"] * kind.sounds] if kind.sounds else []
    ffmpeg(*source, *sounds, *kind.arguments, "-metadata", "title=A clip", path)
    if not kind.after:
        return path
    copy = folder / f"copy{kind.suffix}"
    skipped = kind.after if kind.after[0] == "-ss" else ()
    ffmpeg(*skipped, "-i", path, "-c", "copy", *(() if skipped else kind.after), copy)
    return copy


def still(source: Path, target: Path, *options: object) -> None:
    """Stabilize by a log, without changing anything."""
    log = source.with_name("log.csv")
    rows = [f"{t / 100},0.1,{math.sin(t / 9):.4f},0.2" for t in range(-50, 400)]
    log.write_text("\n".join(["t,gx,gy,gz", *rows]))
    camera = ("--hfov", 60, "--readout", 0, "--imu-orientation", "XYZ", "--rate-unit", "rad/s")
    plan = ("--smoother", "none", "--zoom", 1, "--no-sync")
    done = run("stabilize", source, log, "-o", target, *camera, *plan, *options)
    assert done.returncode == 0, done.stderr


def streams(path: Path, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ffprobe(path, "-show_streams")["streams"]
    return [s for s in found if s["codec_type"] == kind]


def times(path: Path) -> list[float]:
    """Return when frames are presented, s."""
    frames = ffprobe(path, "-select_streams", "v:0", "-show_frames")["frames"]
    return [float(f.get("pts_time", f.get("best_effort_timestamp_time"))) for f in frames]


def meaning(stream: dict[str, Any], key: str) -> str | None:
    """Return a tag; H.264 says limited range by saying nothing."""
    value = stream.get(key)
    limited = key == "color_range" and value == "tv" and "gbr" not in stream["pix_fmt"]
    return None if limited else value


def turned(stream: dict[str, Any]) -> list[str]:
    return [s["displaymatrix"] for s in stream.get("side_data_list", []) if "displaymatrix" in s]


def hashes(path: Path, stream: str, *how: str) -> list[str]:
    """Return a hash of each frame, or of each stream's packets."""
    text = ffmpeg("-i", path, "-map", f"0:{stream}", *how, "-f", "framehash", "-hash", "md5", "-")
    rows = [line.split(",") for line in text.splitlines() if not line.startswith("#")]
    return [f"{stream.strip()} {md5.strip()}" for stream, *_, md5 in rows]


@pytest.mark.parametrize("name", KINDS)
def test_the_output_is_the_input_but_for_the_shake(tmp_path: Path, name: str) -> None:
    kind = KINDS[name]
    source, target = made(kind, tmp_path), tmp_path / f"out{kind.out or kind.suffix}"
    still(source, target, *LOSSLESS[target.suffix])
    (before,), (after,) = streams(source, "video"), streams(target, "video")
    for key in ("width", "height", "sample_aspect_ratio"):
        assert after.get(key, "1:1") == before.get(key, "1:1"), key
    for key in COLOUR:
        assert meaning(after, key) == meaning(before, key), key
    assert turned(after) == turned(before)
    matroska = ".mkv" in (target.suffix, source.suffix) or source.suffix == ".webm"
    assert times(target) == pytest.approx(times(source), abs=1e-3 if matroska else 1e-6)
    told = [ffprobe(path, "-show_format")["format"] for path in (source, target)]
    assert told[1]["tags"]["title"] == told[0]["tags"]["title"] == "A clip"
    assert hashes(target, "v:0", *as_stored(before)) == hashes(source, "v:0", *as_stored(before))
    sounds = [streams(path, "audio") for path in (source, target)]
    assert len(sounds[0]) == len(sounds[1]) == kind.sounds
    if kind.sounds and kind.same_sound:
        assert [s["codec_name"] for s in sounds[1]] == [s["codec_name"] for s in sounds[0]]
        assert hashes(target, "a") == hashes(source, "a")
        starts = [[float(s["start_time"]) for s in each] for each in sounds]
        assert starts[1] == pytest.approx(starts[0], abs=1e-3 if matroska else 3e-5)


@pytest.mark.parametrize("rate", ["24", "30000/1001", "60"])
def test_matroska_tells_the_rate_of_frames_that_come_evenly(tmp_path: Path, rate: str) -> None:
    """Which is not that of their times on average, as these are rounded to 1 ms."""
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=s=64x48:r={rate}:d=1.3", *FFV1, source)
    still(source, target, "--codec", "ffv1")
    (before,), (after,) = streams(source, "video"), streams(target, "video")
    assert Fraction(after["r_frame_rate"]) == Fraction(before["r_frame_rate"]) == Fraction(rate)


def as_stored(stream: dict[str, Any]) -> tuple[str, ...]:
    """Return options that compare samples of the same layout: without conversion or turning."""
    name = {"bgr0": "gbrp", "yuvj422p": "yuv422p"}.get(stream["pix_fmt"], stream["pix_fmt"])
    return "-pix_fmt", name
