"""Nothing of a file is lost beside its pictures: other tracks, chapters, timecode, HDR metadata."""

import re
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stabilizer.errors import StabilizerError
from stabilizer.video import Encoding, VideoReader, VideoWriter, check_encoder, probe
from stabilizer.video.pyav.marks import later
from tests.witness import ffmpeg, ffprobe

pytestmark = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="ffmpeg, which makes and judges, is not installed"
)

SUBTITLES = "1\n00:00:00,200 --> 00:00:00,900\nHello\n\n2\n00:00:01,200 --> 00:00:01,800\nAgain\n"
CHAPTERS = """;FFMETADATA1
title=My clip
artist=Somebody
[CHAPTER]
TIMEBASE=1/1000
START=0
END=700
title=one
[CHAPTER]
TIMEBASE=1/1000
START=700
END=2000
title=two
"""
MASTERING = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"


def rich_clip(folder: Path, *, subtitle_codec: str = "mov_text", name: str = "in.mp4") -> Path:
    """Return 2 s of video with two sounds, subtitles, chapters, tags and a timecode."""
    (folder / "text.srt").write_text(SUBTITLES)
    (folder / "chapters.txt").write_text(CHAPTERS)
    inputs = ["-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=2", "-f", "lavfi", "-i", "sine=d=2"]
    inputs += ["-i", folder / "text.srt", "-i", folder / "chapters.txt"]
    maps = ["-map", 0, "-map", 1, "-map", 1, "-map", 2, "-map_metadata", 3, "-map_chapters", 3]
    ffmpeg(
        *inputs,
        *maps,
        *("-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", "-c:s", subtitle_codec),
        *("-timecode", "01:00:00:00", "-metadata:s:a:1", "language=deu"),
        *("-metadata", "creation_time=2024-05-06T07:08:09.000000Z"),
        folder / name,
    )
    return folder / name


def copied(source: Path, target: Path, **options: Any) -> VideoWriter:
    info = probe(source)
    cut = {k: options[k] for k in ("start", "end") if k in options}
    with (
        VideoReader(source, **cut) as reader,
        VideoWriter(target, info, **{"tracks_from": source, **options}) as writer,
    ):
        for frame in reader:
            writer.write(frame)
    return writer


def quick(codec: str) -> Encoding:
    return Encoding(codec, preset=None if codec == "ffv1" else "ultrafast")


def kinds(path: Path) -> list[str]:
    return [
        f"{s['codec_type']} {s.get('codec_tag_string')}"
        for s in ffprobe(path, "-show_streams")["streams"]
    ]


def titles(path: Path) -> list[tuple[float, float, str]]:
    return [
        (float(c["start_time"]), float(c["end_time"]), c["tags"]["title"])
        for c in ffprobe(path, "-show_chapters")["chapters"]
    ]


def timecodes(path: Path) -> set[str]:
    streams = ffprobe(path, "-show_streams")["streams"]
    return {s["tags"]["timecode"] for s in streams if "timecode" in s.get("tags", {})}


def subtitles(path: Path) -> str:
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:s:0", "-f", "srt", "-"]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_sound_subtitles_chapters_tags_and_timecode_are_kept(tmp_path: Path, suffix: str) -> None:
    source, target = rich_clip(tmp_path), tmp_path / f"out{suffix}"
    writer = copied(source, target)
    assert (writer.left_out, writer.changed) == ([], [])
    assert [k.split()[0] for k in kinds(target)] == [k.split()[0] for k in kinds(source)]
    assert titles(target) == titles(source) == [(0.0, 0.7, "one"), (0.7, 2.0, "two")]
    assert timecodes(target) == {"01:00:00:00"}
    assert subtitles(target) == subtitles(source)
    tags = ffprobe(target, "-show_format")["format"]["tags"]
    assert (tags["title"], tags["artist"]) == ("My clip", "Somebody")
    assert tags["creation_time"] == "2024-05-06T07:08:09.000000Z"


def test_what_matroska_cannot_hold_is_told(tmp_path: Path) -> None:
    source = rich_clip(tmp_path)
    writer = copied(source, tmp_path / "out.mkv")
    assert writer.left_out == []
    faded = "audio aac (SoundHandler) faded in from 0.000 s on"
    assert writer.changed == ["subtitle mov_text (SubtitleHandler) as subrip", faded, faded]
    assert titles(tmp_path / "out.mkv") == titles(source)


def test_matroska_to_matroska_loses_nothing(tmp_path: Path) -> None:
    source = rich_clip(tmp_path, subtitle_codec="srt", name="in.mkv")
    ffmpeg(
        *("-i", source, "-map", 0, "-c", "copy", "-attach", tmp_path / "text.srt"),
        *("-metadata:s:t", "mimetype=text/plain", tmp_path / "attached.mkv"),
    )
    writer = copied(tmp_path / "attached.mkv", tmp_path / "out.mkv")
    assert (writer.left_out, writer.changed) == ([], [])
    assert sorted(kinds(tmp_path / "out.mkv")) == sorted(kinds(tmp_path / "attached.mkv"))
    assert subtitles(tmp_path / "out.mkv") == subtitles(source)
    assert titles(tmp_path / "out.mkv") == titles(source)


def test_a_cut_moves_chapters_timecode_and_subtitles_with_the_picture(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    copied(rich_clip(tmp_path), target, start=0.4, end=1.6)
    assert titles(target) == [(0.0, 0.3, "one"), (0.3, 1.2, "two")]
    assert timecodes(target) == {"01:00:00:10"}
    assert "00:00:00,800 --> 00:00:01,200" in subtitles(target)


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "mov_text"), (".mkv", "srt")])
def test_a_subtitle_on_screen_at_a_cut_is_kept_as_long_as_it_is_shown(
    tmp_path: Path, suffix: str, codec: str
) -> None:
    source = rich_clip(tmp_path, subtitle_codec=codec, name=f"in{suffix}")
    times = probe(source).frame_times  # Matroska's begin after its sound
    target = tmp_path / f"out{suffix}"
    copied(source, target, start=times[10], end=times[40])
    shown = "00:00:00,000 --> 00:00:00,500\nHello\n\n2\n00:00:00,800 --> 00:00:01,200\nAgain\n"
    assert subtitles(target).strip() == f"1\n{shown}".strip()


def test_telemetry_of_an_action_camera_is_kept(tmp_path: Path) -> None:
    source = Path(__file__).parents[1] / "samples" / "gopro_karma.mp4"
    writer = copied(source, tmp_path / "out.mp4", end=0.5)
    assert writer.left_out == ["data (GoPro SOS)", "tags firmware"]
    assert {"data gpmd", "data tmcd", "audio mp4a"} <= set(kinds(tmp_path / "out.mp4"))
    assert timecodes(tmp_path / "out.mp4") == {"19:26:48:04"}
    told = ("-show_packets", "-show_data", "-select_streams", "d:0")
    (packet, *_) = ffprobe(tmp_path / "out.mp4", *told)["packets"]
    source_packets = ffprobe(source, "-show_packets", "-show_data", "-select_streams", "d:1")
    assert packet["data"] == source_packets["packets"][0]["data"]


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libsvtav1"])
def test_hdr_metadata_and_chroma_siting_are_kept(tmp_path: Path, codec: str) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"
    words = f"log-level=error:chromaloc=2:master-display={MASTERING}:max-cll=1000,400"
    colour = ("-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc")
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=128x96:r=25:d=0.4", "-pix_fmt", "yuv420p10le"),
        *("-c:v", "libx265", *colour, "-x265-params", words, source),
    )
    info = probe(source)
    assert info.chroma_offset_xy == (0.0, 0.0)
    assert info.hdr10 is not None
    assert info.hdr10.light_level == (1000, 400)
    assert info.hdr10.luminance == pytest.approx((0.0001, 1000.0))
    writer = copied(source, target, encoding=Encoding(codec, preset="ultrafast"))
    assert (writer.left_out, writer.changed) == ([], [])
    again = probe(target)
    assert again.chroma_offset_xy == (0.0, 0.0)
    assert again.hdr10 is not None
    assert again.hdr10.light_level == info.hdr10.light_level
    assert again.hdr10.luminance == pytest.approx(info.hdr10.luminance, rel=0.3, abs=1e-4)
    for xy, wanted in zip(again.hdr10.primaries_xy, info.hdr10.primaries_xy, strict=True):
        assert xy == pytest.approx(wanted, abs=2e-5)
    wanted_tags, tags = (
        {key: ffprobe(path, "-show_streams")["streams"][0][key] for key in TAGS}
        for path in (source, target)
    )
    assert tags == wanted_tags


TAGS = ("color_range", "color_space", "color_transfer", "color_primaries", "pix_fmt")


def test_what_a_codec_cannot_tell_of_hdr_is_said(tmp_path: Path) -> None:
    words = f"log-level=error:master-display={MASTERING}:max-cll=1000,400"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=128x96:r=25:d=0.2", "-pix_fmt", "yuv420p10le"),
        *("-c:v", "libx265", "-x265-params", words, tmp_path / "in.mp4"),
    )
    writer = copied(tmp_path / "in.mp4", tmp_path / "out.mkv", encoding=Encoding("ffv1"))
    assert writer.left_out == ["HDR metadata"]


def test_an_alpha_channel_is_said_to_be_left_out(tmp_path: Path) -> None:
    source = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.2", "-c:v", "ffv1")
    for name, lost in (("yuva420p", ["alpha channel"]), ("bgra", ["alpha channel"]), ("bgr0", [])):
        ffmpeg(*source, "-pix_fmt", name, tmp_path / f"{name}.mkv")
        writer = copied(tmp_path / f"{name}.mkv", tmp_path / f"{name}_out.mkv")
        assert writer.left_out == lost


@pytest.mark.parametrize("suffix", [".webm", ".mp4"])
def test_an_alpha_channel_beside_the_pictures_is_left_out_too(tmp_path: Path, suffix: str) -> None:
    """VP9 has it as a second stream, which is told by a tag."""
    source, target = tmp_path / "in.webm", tmp_path / f"out{suffix}"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.2", "-vf", "format=yuva420p"),
        *("-c:v", "libvpx-vp9", "-auto-alt-ref", 0, source),
    )
    assert "alpha_mode" in stream_tags(source)
    writer = copied(source, target, encoding=Encoding("vp9", preset="ultrafast"))
    assert writer.left_out == ["alpha channel"]
    assert "alpha_mode" not in stream_tags(target)


def stream_tags(path: Path) -> set[str]:
    return {key.lower() for key in ffprobe(path, "-show_streams")["streams"][0]["tags"]}


def test_dynamic_hdr_metadata_is_said_to_be_left_out(tmp_path: Path) -> None:
    raw, source = tmp_path / "in.hevc", tmp_path / "in.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=64x64:r=25:d=0.2", "-pix_fmt", "yuv420p10le"),
        *("-c:v", "libx265", "-x265-params", "log-level=error:keyint=1", raw),
    )
    raw.write_bytes(with_hdr10_plus(raw.read_bytes()))
    ffmpeg("-r", 25, "-i", raw, "-c", "copy", source)
    assert "HDR Dynamic Metadata SMPTE2094-40 (HDR10+)" in side_data(source)
    writer = copied(source, tmp_path / "out.mp4", encoding=Encoding("libx265", preset="ultrafast"))
    assert writer.left_out == ["HDR10+ metadata"]


def with_hdr10_plus(annex_b: bytes) -> bytes:
    """Return HEVC with an SEI message by SMPTE ST 2094-40 before each picture, all of it a key."""
    bits = f"{1:08b}{1:02b}{400:027b}0" + f"{1000:017b}" * 4 + f"{0:04b}{10:010b}000"
    fields = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    message = bytes.fromhex("b5003c000104") + fields
    escaped = re.sub(
        rb"\x00\x00(?=[\x00-\x03])", b"\0\0\3", bytes([4, len(message)]) + message + b"\x80"
    )
    sei = b"\0\0\0\1\x4e\1" + escaped
    return re.sub(rb"\x00?\x00\x00\x01[\x26\x28]\x01", lambda found: sei + found[0], annex_b)


@pytest.mark.parametrize(
    ("before", "after", "lost"), [(".mkv", ".mkv", []), (".mkv", ".mp4", ["3D layout"])]
)
def test_the_layout_of_3d_pictures_is_kept_or_said_to_be_left_out(
    tmp_path: Path, before: str, after: str, lost: list[str]
) -> None:
    source, target = tmp_path / f"in{before}", tmp_path / f"out{after}"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.2", "-c:v", "libx264"),
        *("-pix_fmt", "yuv420p", "-metadata:s:v", "stereo_mode=left_right", source),
    )
    assert "Stereo 3D" in side_data(source)
    writer = copied(source, target)
    assert [what for what in writer.left_out if not what.startswith("tags")] == lost
    assert ("Stereo 3D" in side_data(target)) == (not lost)


def side_data(path: Path) -> set[str]:
    """Return what the stream and its first frame carry."""
    told = ffprobe(path, "-show_streams", "-show_frames", "-read_intervals", "%+#1")
    entries = [s for part in ("streams", "frames") for s in told[part][0].get("side_data_list", [])]
    return {entry["side_data_type"] for entry in entries}


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [("libtheora", ".ogv"), ("h263", ".3gp"), ("mpeg1video", ".mpg"), ("mjpeg", ".avi")],
)
def test_chroma_that_a_codec_always_puts_amid_luma_stays_there(tmp_path, codec, suffix) -> None:
    source, target = tmp_path / f"in{suffix}", tmp_path / "out.mkv"
    look = "-f lavfi -i testsrc2=s=352x288:r=25:d=0.1 -pix_fmt yuv420p -strict -2 -c:v"
    ffmpeg(*look.split(), codec, source)
    copied(source, target)
    for path in (source, target):
        frames = ffprobe(path, "-show_frames", "-select_streams", "v")["frames"]
        assert {frame["chroma_location"] for frame in frames} == {"center"}


@pytest.mark.parametrize("place", ["left", "center", "topleft", "top", "bottomleft"])
@pytest.mark.parametrize(
    ("codec", "suffix"),
    [
        *(("libx264", s) for s in (".mp4", ".mov", ".mkv")),
        *(("libx265", s) for s in (".mp4", ".mkv")),
        *(("av1", s) for s in (".mp4", ".webm")),
        *(("vp9", s) for s in (".mp4", ".webm")),
        ("ffv1", ".mkv"),
    ],
)
def test_chroma_siting_is_kept_or_said_to_be_left_out(
    tmp_path: Path, place: str, codec: str, suffix: str
) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / f"out{suffix}"
    number = ("left", "center", "topleft", "top", "bottomleft").index(place)
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=64x64:r=25:d=0.1", "-pix_fmt", "yuv420p"),
        *("-c:v", "libx264", "-x264-params", f"chromaloc={number}", source),
    )
    writer = copied(source, target, encoding=quick(codec))
    told = ffprobe(target, "-show_streams")["streams"][0].get("chroma_location", "left")
    in_head_alone = (codec, suffix) == ("vp9", ".mp4")  # which ffprobe does not look at
    if in_head_alone and not writer.left_out:
        (byte,) = subsampling_of_vp9(target)
        assert byte == {"left": 0, "topleft": 1}[place]
    else:
        assert writer.left_out == ([] if told == place else [f"chroma siting {place}"])


@pytest.mark.parametrize(
    ("codec", "suffix"), [("ffv1", ".mkv"), ("libx264", ".mp4"), ("vp9", ".mp4"), ("av1", ".mp4")]
)
def test_pictures_that_do_not_say_where_chroma_sits_are_not_said_to_lose_it(
    tmp_path: Path, codec: str, suffix: str
) -> None:
    """Where nothing is said, it is taken to be to the left."""
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=64x64:r=25:d=0.1", "-pix_fmt", "yuv420p"),
        *("-c:v", "ffv1", source),
    )
    assert ffprobe(source, "-show_streams")["streams"][0].get("chroma_location") is None
    assert copied(source, target, encoding=quick(codec)).left_out == []
    told = ffprobe(target, "-show_streams")["streams"][0].get("chroma_location", "left")
    assert told == "left"


def subsampling_of_vp9(path: Path) -> set[int]:
    """Return the codes of VP9 in MP4: 0 for chroma to the left, 1 for where luma is."""
    content = path.read_bytes()
    at = content.index(b"vpcC") + 4 + 4 + 2  # version and flags, profile, level
    return {content[at] >> 1 & 0b111}


PHONE = {
    "com.apple.quicktime.make": "Apple",
    "com.apple.quicktime.creationdate": "2024-05-06T09:08:09+0200",
    "com.apple.quicktime.location.iso6709": "+52.5000+013.4000+034.000/",
    "com.android.capture.fps": "30.0",
}
USUAL = {"title": "My clip", "artist": "Somebody", "comment": "no", "location": "+52.5+013.4/"}
CREATED = "2024-05-06T07:08:09.000000Z"


@pytest.mark.parametrize("before", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("after", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("phone", [True, False])
def test_tags_are_kept_or_said_to_be_left_out(
    tmp_path: Path, before: str, after: str, phone: bool
) -> None:
    tags = {**USUAL, "camera_serial": "1234", "creation_time": CREATED, **(PHONE if phone else {})}
    source, target = tmp_path / f"in{before}", tmp_path / f"out{after}"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.2", "-c:v", "libx264"),
        *(part for key, value in tags.items() for part in ("-metadata", f"{key}={value}")),
        *(("-movflags", "use_metadata_tags") if before != ".mkv" else ()),
        *("-pix_fmt", "yuv420p", source),
    )
    writer = copied(source, target)
    found, wanted = (
        {k.lower(): v for k, v in ffprobe(path, "-show_format")["format"]["tags"].items()}
        for path in (target, source)
    )
    lost = [key for key in tags if key not in found]
    assert lost == ([] if phone or after in (".mkv", ".webm") else ["camera_serial"])
    said = [] if not lost else [f"tags {source_name(key, before)}" for key in lost]
    assert writer.left_out == said
    for key in {*tags} - {*lost, "location"}:
        assert found[key] == wanted[key] == tags[key]
    assert found["location"].startswith("+52.5")


def source_name(key: str, suffix: str) -> str:
    return key.upper() if suffix == ".mkv" else key


def test_webm_takes_av1_and_sound_as_opus(tmp_path: Path) -> None:
    writer = copied(rich_clip(tmp_path), tmp_path / "out.webm")
    assert writer.changed[:2] == ["audio aac (SoundHandler) as libopus"] * 2
    streams = ffprobe(tmp_path / "out.webm", "-show_streams")["streams"]
    assert [s["codec_name"] for s in streams] == ["av1", "opus", "opus", "webvtt"]


@pytest.mark.parametrize(
    ("stored", "codec", "full_range"),
    [
        ("bgr0", "h264", True),
        ("yuv420p", "prores", True),
        ("yuv420p", "prores", False),
        ("yuv420p", "h264", True),
        ("yuv420p10le", "vp9", False),
    ],
)
def test_colours_look_the_same_in_another_format(
    tmp_path: Path, stored: str, codec: str, full_range: bool
) -> None:
    """FFmpeg shows both: what counts is the picture that a player makes of samples and tags."""
    source, target = tmp_path / "in.mkv", tmp_path / ("out.mov" if codec == "prores" else "out.mkv")
    ranges = "full" if full_range else "limited"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=128x96:r=25:d=0.2", "-c:v", "ffv1"),
        *("-vf", f"scale=out_range={ranges}:out_color_matrix=bt709,format={stored}"),
        *("-colorspace", "rgb" if stored == "bgr0" else "bt709"),
        *("-color_range", "pc" if full_range else "tv", source),
    )
    copied(
        source, target, encoding=Encoding(codec, None if codec == "prores" else 2), tracks_from=None
    )
    seen, wanted = (
        np.frombuffer(
            subprocess.run(
                ["ffmpeg", "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
                check=True,
                capture_output=True,
            ).stdout,
            np.uint8,
        ).astype(float)
        for path in (target, source)
    )
    assert len(seen) == len(wanted) == 5 * 128 * 96 * 3
    assert abs(np.mean(seen - wanted)) < 1.0
    assert np.mean(np.abs(seen - wanted)) < 6.0


def test_a_cover_is_kept(tmp_path: Path) -> None:
    picture, source = tmp_path / "cover.png", rich_clip(tmp_path)
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=32x32:r=1:d=1", "-frames:v", 1, picture)
    options = ("-map", 0, "-map", 1, "-c", "copy", "-disposition:v:1", "attached_pic")
    ffmpeg("-i", source, "-i", picture, *options, "-map", "-0:d", tmp_path / "covered.mp4")
    for cut in ({}, {"start": 0.4}):
        target = tmp_path / "out.mp4"
        writer = copied(tmp_path / "covered.mp4", target, overwrite=True, **cut)
        assert writer.left_out == []
        streams = ffprobe(target, "-show_streams")["streams"]
        covers = [s for s in streams if s["disposition"]["attached_pic"]]
        assert [(c["codec_name"], c["width"]) for c in covers] == [("png", 32)]


@pytest.mark.parametrize("before", [".mp4", ".mkv"])
@pytest.mark.parametrize("after", [".mp4", ".mov", ".mkv", ".webm"])
def test_a_cover_stays_one_or_is_left_out(tmp_path: Path, before: str, after: str) -> None:
    picture, plain = tmp_path / "cover.jpg", tmp_path / f"plain{before}"
    source, target = tmp_path / f"in{before}", tmp_path / f"out{after}"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=32x32:r=1:d=1", "-frames:v", 1, picture)
    sources = (
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=64x48:r=25:d=0.4",
        "-f",
        "lavfi",
        "-i",
        "sine=d=0.4",
    )
    ffmpeg(*sources, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "libopus", plain)
    if before == ".mkv":
        ffmpeg(
            *("-i", plain, "-c", "copy", "-attach", picture),
            *("-metadata:s:t", "mimetype=image/jpeg", source),
        )
    else:
        maps = ("-map", "0:v", "-map", 1, "-map", "0:a")
        options = ("-c", "copy", "-disposition:v:1", "attached_pic")
        ffmpeg("-i", plain, "-i", picture, *maps, *options, source)
    writer = copied(source, target)
    covers = [
        s["codec_name"]
        for s in ffprobe(target, "-show_streams")["streams"]
        if s["disposition"]["attached_pic"]
    ]
    holds = after in (".mp4", ".mkv")
    assert covers == (["mjpeg"] if holds else [])
    assert writer.left_out == ([] if holds else ["cover mjpeg"])
    if holds:
        command = ["ffmpeg", "-v", "error", "-i", target, "-map", "0:v:1", "-c", "copy"]
        command += ["-f", "image2pipe", "-"]
        done = subprocess.run([*map(str, command)], capture_output=True, check=True)
        assert done.stdout == picture.read_bytes()


def test_a_cover_that_tags_of_phones_leave_no_place_for_is_said_to_be_left_out(tmp_path) -> None:
    picture, source, target = (tmp_path / name for name in ("cover.jpg", "in.mkv", "out.mp4"))
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=32x32:r=1:d=1", "-frames:v", 1, picture)
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.4", "-pix_fmt", "yuv420p"),
        *("-metadata", "com.apple.quicktime.model=iPhone", "-attach", picture),
        *("-metadata:s:t", "mimetype=image/jpeg", "-metadata:s:t", "title=Front", source),
    )
    assert copied(source, target).left_out == ["cover mjpeg"]
    assert copied(source, tmp_path / "out.mkv").left_out == []
    _, cover = ffprobe(tmp_path / "out.mkv", "-show_streams")["streams"]
    assert cover["tags"]["title"] == "Front"


@pytest.mark.parametrize("before", [".mp4", ".mkv"])
@pytest.mark.parametrize("after", [".mp4", ".mov", ".mkv", ".webm"])
def test_languages_titles_and_roles_of_tracks_are_kept_or_said_to_be_left_out(
    tmp_path: Path, before: str, after: str
) -> None:
    source, target = tmp_path / f"in{before}", tmp_path / f"out{after}"
    sounds = [("deu", "Main", "default"), ("gsw", "Talk", "comment"), ("nld", "Sea", "0")]
    told = [
        [
            *(f"-metadata:s:a:{i}", f"language={language}", f"-metadata:s:a:{i}", f"title={title}"),
            *(f"-metadata:s:a:{i}", f"handler_name={title}", f"-disposition:a:{i}", role),
        ]
        for i, (language, title, role) in enumerate(sounds)
    ]
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.4", "-f", "lavfi", "-i", "sine=d=0.4"),
        *("-map", 0, "-map", 1, "-map", 1, "-map", 1, "-c:v", "libx264", "-pix_fmt", "yuv420p"),
        *("-c:a", "libopus" if after == ".webm" else "aac", "-disposition:v:0", "default"),
        *(part for parts in told for part in parts),
        source,
    )
    writer = copied(source, target)
    video, *audio = ffprobe(target, "-show_streams")["streams"]
    assert video["disposition"]["default"] == 1
    assert [s["disposition"]["default"] for s in audio] == [1, 0, 0]
    said = "; ".join(writer.left_out)
    synonyms = {"ger": "deu", "dut": "nld"} if after == ".mov" else {}
    for (language, title, role), stream in zip(sounds, audio, strict=True):
        tags = {key.lower(): value for key, value in stream["tags"].items()}
        assert title in (tags.get("handler_name"), tags.get("title"))
        kept = synonyms.get(tags.get("language", ""), tags.get("language"))
        if kept != language:
            assert (language, after) == ("gsw", ".mov")
            assert "tags language of audio" in said
        if role == "comment" and not stream["disposition"]["comment"]:
            assert "role comment of audio" in said
    assert ("tags" in said, "role" in said) == (after == ".mov", after in (".mov", ".webm"))


def test_what_mp4_cannot_hold_of_matroska_is_left_out(tmp_path: Path) -> None:
    source = rich_clip(tmp_path, subtitle_codec="srt", name="in.mkv")
    attached = tmp_path / "attached.mkv"
    ffmpeg(
        *("-i", source, "-map", 0, "-c", "copy", "-attach", tmp_path / "text.srt"),
        *("-metadata:s:t", "mimetype=text/plain", attached),
    )
    writer = copied(attached, tmp_path / "out.mp4")
    assert writer.left_out == ["attachment text.srt"]
    assert writer.changed == ["subtitle subrip as mov_text", "subtitle mov_text as the default"]
    assert timecodes(tmp_path / "out.mp4") == {"01:00:00:00"}


def test_surround_sound_is_encoded_anew_where_it_must_be(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=0.4", "-f", "lavfi"),
        *("-i", "sine=d=0.4", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "ac3"),
        *("-ac", "6", source),
    )
    assert copied(source, tmp_path / "out.webm").changed == ["audio ac3 as libopus"]
    streams = ffprobe(tmp_path / "out.webm", "-show_streams")["streams"]
    (sound,) = [s for s in streams if s["codec_type"] == "audio"]
    assert (sound["codec_name"], sound["channels"]) == ("opus", 6)


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".webm", "h264"), (".mov", "ffv1"), (".mp4", "prores"), (".mov", "av1")]
)
def test_a_codec_that_the_container_cannot_hold_is_refused_beforehand(
    suffix: str, codec: str
) -> None:
    info = probe(Path(__file__).parents[1] / "samples" / "gopro_karma.mp4")
    with pytest.raises(StabilizerError, match=rf"\{suffix} cannot hold .* video, but .*write to"):
        check_encoder(Encoding(codec), info, suffix)


def test_a_cut_off_file_with_its_index_in_front_is_noticed(tmp_path: Path) -> None:
    source, part = rich_clip(tmp_path), tmp_path / "part.mp4"
    whole = tmp_path / "whole.mp4"
    ffmpeg("-i", source, "-map", "0:v", "-c", "copy", "-movflags", "+faststart", whole)
    assert probe(whole).damage == ""
    part.write_bytes(whole.read_bytes()[: int(0.7 * whole.stat().st_size)])
    assert "of 50 frames" in probe(part).damage


def test_a_slow_clip_is_not_taken_for_damaged(tmp_path: Path) -> None:
    slow = tmp_path / "slow.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=96x64:r=1:d=6", "-c:v", "ffv1", slow)
    assert probe(slow).damage == ""


@pytest.mark.parametrize(
    ("before", "frames", "rate", "after"),
    [
        ("01:00:00:00", 25, Fraction(25), "01:00:01:00"),
        ("00:00:59:29", 1, Fraction(30000, 1001), "00:01:00:00"),
        ("00:00:59;29", 1, Fraction(30000, 1001), "00:01:00;02"),
        ("00:09:59;29", 1, Fraction(30000, 1001), "00:10:00;00"),
        ("00:00:00;00", 17982, Fraction(30000, 1001), "00:10:00;00"),
        ("00:00:00;00", 107892, Fraction(30000, 1001), "01:00:00;00"),
        ("00:00:59;59", 1, Fraction(60000, 1001), "00:01:00;04"),
        ("23:59:59:23", 1, Fraction(24), "00:00:00:00"),
        ("no timecode", 1, Fraction(24), None),
    ],
)
def test_timecodes_count_as_smpte_12m_says(before, frames, rate, after) -> None:
    assert later(before, frames, rate) == after
