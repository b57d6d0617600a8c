"""Encoders by name: their options, what they take, and what is said where they are missing."""

import json
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.codec import Codec
from av.codec.codec import UnknownCodecError

from stabilizer.errors import StabilizerError
from stabilizer.video import (
    Encoding,
    VideoInfo,
    VideoReader,
    VideoWriter,
    check_encoder,
    probe,
)
from stabilizer.video.encoding import ENCODERS, HARDWARE, PRESETS
from tests.command_line import files, made_clip, refused, run


def info_of(pixel_format: str = "yuv420p", **facts) -> VideoInfo:
    pts = np.arange(8) * 3000
    return VideoInfo("", 320, 240, pixel_format, "h264", Fraction(1, 90_000), pts, **facts)


def offered(name: str) -> bool:
    try:
        Codec(name, "w")
    except UnknownCodecError:
        return False
    return True


def opens(name: str) -> bool:
    try:
        check_encoder(Encoding(name), info_of())
    except StabilizerError:
        return False
    return True


@pytest.mark.parametrize("name", [name for name in ENCODERS if offered(name)])
def test_each_encoder_knows_its_options(name) -> None:
    supported = av.CodecContext.create(name, "w").supported_options
    generic = {option.name for option in supported.generic}
    private = {option.name: option for option in supported.private}
    for preset in PRESETS:
        for key, value in ENCODERS[name](20, preset).items():
            assert key in private or key in generic, key
            choices = [choice.name for choice in private[key].choices] if key in private else []
            assert not choices or value in choices, f"{key}: {value} is none of {choices}"


def options_of(name: str, **choices) -> dict[str, str]:
    return Encoding(name, **choices).options(name)


def test_faster_presets_are_never_mapped_behind_slower_ones() -> None:
    speeds = [int(options_of("h264_nvenc", preset=p)["preset"][1:]) for p in PRESETS]
    assert speeds == sorted(speeds)
    assert (speeds[0], speeds[-1]) == (1, 7)
    order = ["speed", "balanced", "quality"]
    places = [order.index(options_of("h264_amf", preset=p)["quality"]) for p in PRESETS]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0, 2)
    slow = [PRESETS.index(options_of("h264_qsv", preset=p)["preset"]) for p in PRESETS]
    assert slow == sorted(slow)
    quality = [float(options_of("hevc_videotoolbox", crf=c)["global_quality"]) for c in (0, 51)]
    assert quality == [100 * 118, 118]


def test_unknown_encoders_are_refused_with_those_known() -> None:
    with pytest.raises(ValueError, match=r"codec: expected one of h264, .*libx264, .*, got 'x'"):
        Encoding("x")


@pytest.mark.parametrize("name", sorted(HARDWARE))
def test_an_encoder_that_is_not_there_is_told(name) -> None:
    if opens(name):
        pytest.skip("there is such hardware")
    missing = "is there such hardware" if offered(name) else "has no such encoder"
    with pytest.raises(StabilizerError, match=missing) as error:
        check_encoder(Encoding(name), info_of())
    assert name in str(error.value)


@pytest.mark.parametrize("name", ["h264_nvenc", "hevc_videotoolbox"])
def test_the_program_says_so_before_it_plans_and_writes_nothing(name, tmp_path) -> None:
    if opens(name):
        pytest.skip("there is such hardware")
    clip = made_clip(tmp_path / "clip")
    before = sorted(tmp_path.iterdir())
    done = run("stabilize", *files(clip), "-o", tmp_path / "out.mp4", "--codec", name)
    refused(done, name, "libx264")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuvj420p", "nv12", "yuv420p10le"])
def test_hevc_keeps_pictures_times_and_range(pixel_format, tmp_path: Path) -> None:
    """x265 takes no nv12: the same samples are sorted otherwise for it."""
    full = pixel_format == "yuvj420p"
    info = info_of(pixel_format, colour={"range": 2 if full else 1, "matrix": 1})
    path, rng = tmp_path / "clip.mp4", np.random.default_rng(0)
    written = []
    with VideoWriter(path, info, encoding=Encoding("libx265", 4, "ultrafast")) as writer:
        for pts in info.frame_pts:
            frame = writer.new_frame(int(pts))
            for plane in frame.planes:
                coarse = rng.uniform(0, 2**frame.pixel_format.bits - 1, (8, 8, *plane.shape[2:]))
                plane[...] = coarse.repeat(plane.shape[0] // 8, 0).repeat(plane.shape[1] // 8, 1)
            written.append(frame.planes[0].astype(float))
            writer.write(frame)
    again = probe(path)
    assert again.codec == "hevc"
    assert again.colour["range"] == info.colour["range"]
    np.testing.assert_array_equal(again.frame_times, info.frame_times)
    peak = 255 if pixel_format != "yuv420p10le" else 1023
    with VideoReader(path) as reader:
        for frame, expected in zip(reader, written, strict=True):
            error = frame.planes[0].astype(float) - expected
            assert np.sqrt(np.mean(error**2)) < 0.01 * peak


@pytest.mark.parametrize(
    ("codec", "pixel_format"),
    [
        *((codec, form) for codec in ("h264", "h265") for form in ("yuv420p", "yuv444p10le")),
        ("vp9", "yuv420p"),  # PyAV's has no other depth
    ],
)
def test_the_best_quality_loses_nothing(tmp_path: Path, codec: str, pixel_format: str) -> None:
    info, path = info_of(pixel_format), tmp_path / "clip.mkv"
    rng, written = np.random.default_rng(0), []
    with VideoWriter(path, info, encoding=Encoding(codec, 0.0, "ultrafast")) as writer:
        for pts in info.frame_pts:
            frame = writer.new_frame(int(pts))
            for plane in frame.planes:
                plane[...] = rng.integers(0, 2**frame.pixel_format.bits, plane.shape)
            written.append([plane.copy() for plane in frame.planes])
            writer.write(frame)
    with VideoReader(path) as reader:
        for frame, expected in zip(reader, written, strict=True):
            for plane, same in zip(frame.planes, expected, strict=True):
                np.testing.assert_array_equal(plane, same)


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="needs ffprobe")
def test_hevc_in_mp4_has_the_tag_that_apple_reads(tmp_path: Path) -> None:
    clip = made_clip(tmp_path / "clip")
    out = tmp_path / "out.mp4"
    done = run(
        "stabilize", *files(clip), "-o", out, "--no-sync", "--delay", "-0.25", "--codec", "libx265"
    )
    assert (done.returncode, done.stderr) == (0, "")
    command = [
        "ffprobe",
        "-v",
        "error",
        "-select_streams",
        "v",
        "-show_streams",
        "-of",
        "json",
        out,
    ]
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    stream = told["streams"][0]
    assert (stream["codec_name"], stream["codec_tag_string"]) == ("hevc", "hvc1")
