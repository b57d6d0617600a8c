"""Subtitles that a container cannot hold as they are: the same words at the same times."""

import re
import shutil
from pathlib import Path

import av
import pytest

from tests.test_tracks_of_files import copied, rich_clip
from tests.witness import ffmpeg, ffprobe

pytestmark = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="ffmpeg, which makes and judges, is not installed"
)


@pytest.mark.parametrize(
    ("codec", "source_suffix", "suffix", "written"),
    [
        ("subrip", ".mkv", ".mp4", "mov_text"),
        ("subrip", ".mkv", ".mov", "mov_text"),
        ("subrip", ".mkv", ".webm", "webvtt"),
        ("ass", ".mkv", ".mp4", "mov_text"),
        ("webvtt", ".mkv", ".mp4", "mov_text"),
        ("mov_text", ".mp4", ".mkv", "subrip"),
        ("mov_text", ".mov", ".webm", "webvtt"),
    ],
)
def test_words_and_times_stay(tmp_path: Path, codec, source_suffix, suffix, written) -> None:
    plain = rich_clip(tmp_path, subtitle_codec=codec, name=f"plain{source_suffix}")
    source, target = tmp_path / f"in{source_suffix}", tmp_path / f"out{suffix}"
    maps = ("-map", "0:v", "-map", "0:s", "-c", "copy", "-metadata:s:s:0", "language=fra")
    ffmpeg("-i", plain, *maps, source)
    writer = copied(source, target)
    assert not [what for what in writer.left_out if "subtitle" in what]
    change, *more = (what for what in writer.changed if "subtitle" in what)
    assert more == (["subtitle mov_text as the default"] if suffix in (".mp4", ".mov") else [])
    assert change.startswith(f"subtitle {codec}") and change.endswith(f" as {written}")
    (stream,) = ffprobe(target, "-show_streams", "-select_streams", "s")["streams"]
    assert stream["codec_name"] == written
    assert stream["tags"]["language"] == "fra"
    assert plain_text(target) == plain_text(source)
    assert re.findall("[A-Z].*", plain_text(target)) == ["Hello", "Again"]


def test_a_cut_moves_them(tmp_path: Path) -> None:
    source = rich_clip(tmp_path, subtitle_codec="subrip", name="in.mkv")
    copied(source, tmp_path / "out.mp4", start=0.4)
    text = plain_text(tmp_path / "out.mp4")
    assert "00:00:00,000 --> 00:00:00,500\nHello" in text
    assert "00:00:00,800 --> 00:00:01,400\nAgain" in text
    copied(source, tmp_path / "later.mp4", start=1.0)
    assert "Hello" not in plain_text(tmp_path / "later.mp4")


def test_pictures_of_words_are_left_out(tmp_path: Path) -> None:
    source, discs = rich_clip(tmp_path), tmp_path / "discs.mkv"
    with av.open(str(source)) as old, av.open(str(discs), "w") as new:
        copy = new.add_stream_from_template(old.streams.video[0])
        new.add_stream("dvdsub")
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = copy
                new.mux(packet)
    writer = copied(discs, tmp_path / "out.webm")
    assert writer.left_out == ["subtitle dvd_subtitle"]


def plain_text(path: Path) -> str:
    """Return subtitles without fonts, by the file's own clock."""
    return re.sub("<[^>]*>", "", ffmpeg("-copyts", "-i", path, "-map", "0:s:0", "-f", "srt", "-"))
