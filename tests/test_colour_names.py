"""FFmpeg's names of colour tags, as its own programs print them."""

import json
import shutil

import pytest

from stabilizer.video.colour_names import COLOUR_NAMES, colour_names
from tests.command_line import run
from tests.witness import ffmpeg, ffprobe

pytestmark = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="ffmpeg, which makes and judges, is not installed"
)

THEIRS = {
    "range": "color_range",
    "matrix": "colorspace",
    "primaries": "color_primaries",
    "transfer": "color_trc",
}
PROBED = {**THEIRS, "matrix": "color_space", "transfer": "color_transfer"}


@pytest.mark.parametrize("tag", COLOUR_NAMES)
def test_names_are_ffmpegs(tmp_path, tag) -> None:
    codes = list(COLOUR_NAMES[tag])
    options: list[object] = []
    for k, code in enumerate(codes):
        options += ["-map", 0, f"-{THEIRS[tag]}:{k}", code]
    path = tmp_path / "all.mkv"
    ffmpeg("-f", "lavfi", "-i", "color=s=16x16:d=0.04", *options, "-c:v", "ffv1", path)
    streams = ffprobe(path, "-show_streams")["streams"]
    for code, stream in zip(codes, streams, strict=True):
        assert colour_names({tag: code})[tag] == stream.get(PROBED[tag], "unknown")


def test_info_prints_them(tmp_path) -> None:
    path = tmp_path / "a.mkv"
    tags = ("-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc")
    ffmpeg("-f", "lavfi", "-i", "color=s=64x48:d=0.2", *tags, "-color_range", "tv", path)
    told = json.loads(run("info", path, "--json").stdout)["colour"]
    assert told == {
        "range": "tv",
        "matrix": "bt2020nc",
        "primaries": "bt2020",
        "transfer": "smpte2084",
    }
    assert colour_names({"transfer": 99}) == {"transfer": "99"}
