"""Video in and out, against PyAV used plainly, ffprobe and planes known by construction."""

import math
import os
import re
import shutil
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition
from numpy.typing import NDArray

from stabilizer.errors import StabilizerError
from stabilizer.video import (
    PIXEL_FORMATS,
    Encoding,
    Frame,
    VideoInfo,
    VideoReader,
    VideoWriter,
    check_output,
    probe,
    to_rgb,
)
from stabilizer.video.pyav import encoder
from stabilizer.video.pyav.picture_facts import chroma_offset
from stabilizer.video.pyav.reading import LENIENT_TAGS
from tests.witness import ffmpeg, ffprobe

Planes = list[NDArray[Any]]

TIME_BASE = Fraction(1, 90_000)
STEADY = tuple(range(0, 30 * 3003, 3003))  # 29.97 frames per second
UNEVEN = tuple((450_000 + np.random.default_rng(5).integers(1000, 6000, 30).cumsum()).tolist())

OPEN_GOP = {"x264-params": "open-gop=1:keyint=12:min-keyint=1:bframes=3:b-adapt=0:scenecut=0"}
"""Each keyframe is followed by pictures that are shown before it and need the ones before it."""

needs_ffprobe = pytest.mark.skipif(
    shutil.which("ffprobe") is None, reason="ffprobe, the oracle, is not installed"
)


# Clips made and read with PyAV alone


def sample_type(name: str) -> np.dtype[Any]:
    return np.dtype(np.uint16 if name.endswith("le") else np.uint8)


def pictures(name: str, width: int, height: int, n_frames: int) -> list[Planes]:
    """Return frames of a moving pattern with noise, each as its planes."""
    rng = np.random.default_rng(7)
    layout = PIXEL_FORMATS[name]
    top = 2**layout.bits
    frames = []
    for i in range(n_frames):
        planes = []
        for k, n_channels in enumerate(layout.channels):
            rows = height if k == 0 else math.ceil(height / layout.subsampling_y)
            columns = width if k == 0 else math.ceil(width / layout.subsampling_x)
            y, x, c = np.ogrid[:rows, :columns, :n_channels]
            wave = np.sin((x + 2 * i) / 5) * np.cos((y - i) / 4 + c) * top / 3 + top / 2
            noisy = np.clip(wave + rng.normal(0, top / 50, wave.shape), 0, top - 1)
            samples = noisy.astype(sample_type(name))
            planes.append(samples[..., 0] if n_channels == 1 else samples)
        frames.append(planes)
    return frames


def fill(picture: av.VideoFrame, planes: Planes) -> av.VideoFrame:
    for plane, samples in zip(picture.planes, planes, strict=True):
        rows = [row.tobytes().ljust(plane.line_size, b"\0") for row in samples]
        plane.update(b"".join(rows))
    return picture


def unfilled(picture: av.VideoFrame) -> Planes:
    """Return the planes, row by row out of the buffer."""
    dtype = sample_type(picture.format.name)
    planes = []
    for plane, n_channels in zip(
        picture.planes, PIXEL_FORMATS[picture.format.name].channels, strict=True
    ):
        n_bytes = plane.width * n_channels * dtype.itemsize
        starts = range(0, plane.height * plane.line_size, plane.line_size)
        rows = [np.frombuffer(bytes(plane)[i : i + n_bytes], dtype) for i in starts]
        samples = np.stack(rows).reshape(plane.height, plane.width, n_channels)
        planes.append(samples[..., 0] if n_channels == 1 else samples)
    return planes


def write_clip(
    path: Path,
    *,
    pts: Sequence[int] = STEADY,
    pixel_format: str = "yuv420p",
    codec: str = "libx264",
    width: int = 64,
    height: int = 48,
    time_base: Fraction = TIME_BASE,
    options: dict[str, str] | None = None,
    audio: Sequence[tuple[str, float]] = (),
    container_tags: dict[str, str] | None = None,
    prepare: Callable[[av.VideoStream], None] = lambda stream: None,
) -> list[Planes]:
    """Write a clip, with audio streams of (codec, start in s), and return its planes."""
    frames = pictures(pixel_format, width, height, len(pts))
    exact_start = {"movie_timescale": "90000"}  # of .mp4 and .mov, else stored in ms
    with av.open(path, "w", container_options=exact_start, **LENIENT_TAGS) as container:
        container.metadata.update(container_tags or {})
        stream = container.add_stream(
            codec, 30, options or {"crf": "0"}, width=width, height=height, time_base=time_base
        )
        stream.pix_fmt = pixel_format
        prepare(stream)
        sounds = [container.add_stream(name, rate=48_000, layout="mono") for name, _ in audio]
        for sound in sounds:
            sound.metadata["language"], sound.disposition = "deu", Disposition.default
        container.start_encoding()
        for sound, (_, start) in zip(sounds, audio, strict=True):
            container.mux(tone(sound, start, duration=float((pts[-1] - pts[0]) * time_base)))
        for ticks, planes in zip(pts, frames, strict=True):
            picture = fill(av.VideoFrame(width, height, pixel_format), planes)
            picture.pts, picture.time_base = ticks, time_base
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return frames


def tone(stream: Any, start: float, *, duration: float) -> list[av.Packet]:
    packets = []
    t = np.arange(0, duration, 1 / 48_000)
    samples = (8000 * np.sin(2 * np.pi * 440 * t)).astype(np.int16)
    n = stream.frame_size or 1024
    resampler = av.AudioResampler(stream.format, "mono", 48_000)
    for i in range(0, len(samples), n):
        frame = av.AudioFrame.from_ndarray(samples[None, i : i + n], "s16", "mono")
        frame.sample_rate, frame.pts = 48_000, i + round(start * 48_000)
        for part in resampler.resample(frame):
            packets += stream.encode(part)
    return packets + stream.encode(None)


def shown(path: Path) -> list[tuple[Fraction, Planes]]:
    """Return presentation times in s and planes of all frames."""
    with av.open(path) as container:
        return [
            (f.pts * container.streams.video[0].time_base, unfilled(f))
            for f in container.decode(video=0)
        ]


def audio_packets(path: Path, index: int = 0) -> list[tuple[Fraction, bytes]]:
    with av.open(path) as container:
        return [(p.pts * p.time_base, bytes(p)) for p in container.demux(audio=index) if p.size]


QUICK = Encoding(crf=0, preset="ultrafast")


def transcode(source: Path, target: Path, **options: Any) -> VideoInfo:
    """Pass all frames, filling the planes that the writer gives."""
    info = probe(source)
    cut = {k: options[k] for k in ("start", "end") if k in options}
    with VideoReader(source, **cut) as reader, VideoWriter(target, info, **options) as writer:
        for frame in reader:
            new = writer.new_frame(frame.pts)
            for plane, samples in zip(new.planes, frame.planes, strict=True):
                plane[...] = samples
            writer.write(new)
    return info


def assert_same_planes(got: Planes, expected: Planes) -> None:
    assert len(got) == len(expected)
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_array_equal(a, b)


# Reading


def lossless_source(name: str) -> tuple[str, str, int, int]:
    """Return codec, suffix and size that store a pixel format as it is."""
    if name in ("nv12", "gbrp"):
        return "rawvideo", ".nut", 85, 47
    return ("libx264", ".mp4", 86, 48) if "yuvj" in name else ("ffv1", ".mkv", 85, 47)


@pytest.mark.parametrize("name", PIXEL_FORMATS)
def test_reader_gives_the_native_planes_of_every_pixel_format(tmp_path: Path, name: str) -> None:
    codec, suffix, width, height = lossless_source(name)
    path = tmp_path / f"clip{suffix}"
    truth = write_clip(
        path, pts=STEADY[:5], pixel_format=name, codec=codec, width=width, height=height
    )
    info = probe(path)
    assert (info.width, info.height, info.pixel_format) == (width, height, name)
    with VideoReader(path) as reader:
        frames = list(reader)
    assert len(frames) == len(truth) == len(info.frame_pts)
    for frame, planes in zip(frames, truth, strict=True):
        assert frame.pixel_format is PIXEL_FORMATS[name]
        assert_same_planes(list(frame.planes), planes)


def test_planes_are_read_only_views_that_outlive_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    truth = write_clip(path)
    with VideoReader(path) as reader:
        frames = list(reader)
    for frame, planes in zip(frames, truth, strict=True):
        assert not any(plane.flags.writeable or plane.flags.owndata for plane in frame.planes)
        assert_same_planes(list(frame.planes), planes)


@pytest.mark.parametrize("pts", [STEADY, UNEVEN], ids=["steady", "uneven"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_probe_and_reader_agree_on_exact_times(
    tmp_path: Path, suffix: str, pts: Sequence[int]
) -> None:
    path = tmp_path / f"clip{suffix}"
    write_clip(path, pts=pts)
    info = probe(path)
    with VideoReader(path) as reader:
        frames = list(reader)
    assert info.time_base == TIME_BASE
    assert info.frame_pts.tolist() == list(pts) == [frame.pts for frame in frames]
    assert info.frame_times.tolist() == [frame.t for frame in frames]
    np.testing.assert_allclose(info.frame_times, [p / 90_000 for p in pts], rtol=0, atol=1e-12)
    assert not info.frame_times.flags.writeable and not info.frame_pts.flags.writeable


def test_average_rate_is_exact_for_a_steady_clip(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4")
    assert probe(tmp_path / "clip.mp4").average_rate == Fraction(30_000, 1001)


@pytest.mark.parametrize(
    ("codec", "pixel_format", "expected"),
    [
        ("libx264", "yuv420p", (0.0, 0.5)),
        ("libx264", "yuv422p", (0.0, 0.0)),
        ("libx264", "yuv444p", (0.0, 0.0)),
        ("mjpeg", "yuvj420p", (0.5, 0.5)),
        ("mjpeg", "yuvj422p", (0.5, 0.0)),
        ("ffv1", "yuv420p", (0.0, 0.5)),
        ("ffv1", "yuv422p", (0.0, 0.0)),
        ("libvpx-vp9", "yuv420p", (0.0, 0.5)),
        ("prores_ks", "yuv422p10le", (0.0, 0.0)),
    ],
)
def test_chroma_sits_where_the_codec_puts_it(
    tmp_path: Path, codec: str, pixel_format: str, expected: tuple[float, float]
) -> None:
    path = tmp_path / "clip.mkv"
    write_clip(path, pts=STEADY[:3], codec=codec, pixel_format=pixel_format)
    assert probe(path).chroma_offset_xy == expected


@pytest.mark.parametrize(("width", "height"), [(85, 47), (17, 15), (2, 2), (1, 1)])
def test_chroma_sits_alike_in_all_sizes_and_asking_changes_nothing(width: int, height: int) -> None:
    planes = pictures("yuv420p", width, height, 1)[0]
    picture = fill(av.VideoFrame(width, height, "yuv420p"), planes)
    if width > 2:
        usual = chroma_offset(av.VideoFrame(64, 48, "yuv420p"), told=True)
        assert chroma_offset(picture, told=True) == usual
    else:
        chroma_offset(picture, told=True)
    assert_same_planes(unfilled(picture), planes)


def remux(source: Path, target: Path, *, shift: int = 0, first_packet: int = 0) -> None:
    """Copy video packets from the given one on, `shift` ticks later."""
    with av.open(source) as old, av.open(target, "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for i, packet in enumerate(old.demux(video=0)):
            if i >= first_packet and packet.dts is not None:
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = stream
                new.mux(packet)


def test_frames_outside_the_edit_list_are_neither_counted_nor_read(tmp_path: Path) -> None:
    path = tmp_path / "edited.mp4"
    write_clip(tmp_path / "whole.mp4", options={"bf": "0"})
    remux(tmp_path / "whole.mp4", path, shift=-10 * 3003)  # the edit list begins at frame 10
    content = bytearray(path.read_bytes())
    duration = content.index(b"elst") + 12  # behind name, version, number of entries
    (timescale,) = struct.unpack_from(">I", content, content.index(b"mvhd") + 16)
    content[duration : duration + 4] = struct.pack(">I", timescale // 2)  # 15 frames
    path.write_bytes(content)
    with av.open(path) as container:
        assert sum(p.is_discard for p in container.demux(video=0)) == 15
    with VideoReader(path) as reader:
        read = [frame.pts for frame in reader]
    assert probe(path).frame_pts.tolist() == read == list(STEADY[:15])


def test_frames_that_a_cut_made_undecodable_are_not_counted(tmp_path: Path) -> None:
    write_clip(tmp_path / "whole.mkv", options=OPEN_GOP)
    with av.open(tmp_path / "whole.mkv") as container:
        packets = [p for p in container.demux(video=0) if p.size]
    second_key = [i for i, packet in enumerate(packets) if packet.is_keyframe][1]
    assert min(p.pts for p in packets[second_key:]) < packets[second_key].pts  # leading B-frames
    remux(tmp_path / "whole.mkv", tmp_path / "cut.mkv", first_packet=second_key)
    with VideoReader(tmp_path / "cut.mkv") as reader:
        read = [frame.pts for frame in reader]
    assert probe(tmp_path / "cut.mkv").frame_pts.tolist() == read


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_start_and_end_give_the_same_frames_as_reading_all(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"clip{suffix}"
    write_clip(path, pts=range(0, 60 * 3000, 3000), options=OPEN_GOP)
    with VideoReader(path) as reader:
        whole = list(reader)
    assert len(whole) == 60
    for first in (0, 1, 11, 12, 23, 29, 37, 59):
        start, end = whole[first].t, whole[first].t + 0.15
        with VideoReader(path, start=start, end=end) as reader:
            part = list(reader)
        expected = [frame for frame in whole if start <= frame.t < end]
        assert [f.pts for f in part] == [f.pts for f in expected]
        for frame, same in zip(part, expected, strict=True):
            assert_same_planes(list(frame.planes), list(same.planes))


def test_a_later_start_does_not_decode_what_comes_before_its_keyframe(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_clip(path, pts=range(0, 60 * 3000, 3000), options=OPEN_GOP)
    with VideoReader(path, start=1.7) as reader:
        expected = [list(frame.planes) for frame in reader]
    with av.open(path) as container:
        first = next(container.demux(video=0))
    content = bytearray(path.read_bytes())
    content[first.pos : first.pos + first.size] = bytes(first.size)
    path.write_bytes(content)
    with VideoReader(path) as reader:
        assert len(list(reader)) < 60
    with VideoReader(path, start=1.7) as reader:
        for frame, planes in zip(reader, expected, strict=True):
            assert_same_planes(list(frame.planes), planes)


def test_start_after_the_end_of_the_clip_gives_no_frame(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4")
    with VideoReader(tmp_path / "clip.mp4", start=100.0) as reader:
        assert list(reader) == []


# What cannot be read


def audio_only(path: Path) -> None:
    with av.open(path, "w") as container:
        sound = container.add_stream("pcm_s16le", rate=48_000, layout="mono")
        container.mux(tone(sound, 0.0, duration=0.1))


def cover_picture_only(path: Path) -> None:
    cover = pictures("yuvj420p", 64, 48, 1)[0]
    with av.open(path, "w", "mp4") as container:
        sound = container.add_stream("aac", rate=48_000, layout="mono")
        stream = container.add_stream("mjpeg", 1, width=64, height=48)
        stream.pix_fmt, stream.disposition = "yuvj420p", Disposition.attached_pic
        container.mux(tone(sound, 0.0, duration=0.1))
        container.mux(stream.encode(fill(av.VideoFrame(64, 48, "yuvj420p"), cover)))
        container.mux(stream.encode(None))


def interlaced(path: Path) -> None:
    write_clip(path, options={"x264-params": "tff=1"})


def without_keyframe(path: Path) -> None:
    write_clip(path.with_suffix(".mkv"))
    remux(path.with_suffix(".mkv"), path, first_packet=1)


def cut_short(path: Path) -> None:
    write_clip(path)
    path.write_bytes(path.read_bytes()[:2000])


def without_decoder(path: Path) -> None:
    write_clip(path)
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))


def without_times(path: Path) -> None:
    write_clip(path.with_suffix(".h264"))
    path.with_suffix(".h264").replace(path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "is no regular file"),
        (lambda path: path.write_text("t,x,y\n1,2,3\n"), "not a video that FFmpeg can read"),
        (cut_short, "not a video that FFmpeg can read"),
        (audio_only, "no video stream"),
        (cover_picture_only, "no video stream"),
        (without_keyframe, "no frame that can be decoded"),
        (without_decoder, "a codec that is not known"),
        (without_times, "no presentation times"),
        (interlaced, "interlaced"),
    ],
)
def test_what_is_no_usable_video_is_told_with_its_path(
    tmp_path: Path, make: Callable[[Path], Any], message: str
) -> None:
    path = tmp_path / "clip.mov"
    make(path)
    with pytest.raises(StabilizerError, match=message) as error:
        probe(path)
    assert str(path) in str(error.value)


def test_a_change_of_size_inside_the_clip_is_told_with_its_time(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.ts", pts=STEADY[:10])
    write_clip(tmp_path / "b.ts", pts=[p + 90_000 for p in STEADY[:10]], width=96)
    (tmp_path / "both.ts").write_bytes(
        (tmp_path / "a.ts").read_bytes() + (tmp_path / "b.ts").read_bytes()
    )
    with (
        VideoReader(tmp_path / "both.ts") as reader,
        pytest.raises(StabilizerError, match=r"from 64x48 yuv420p to 96x48 yuv420p at \d\.\d+ s"),
    ):
        list(reader)


# Writing


@pytest.mark.parametrize("name", PIXEL_FORMATS)
def test_ffv1_returns_the_same_samples(tmp_path: Path, name: str) -> None:
    codec, suffix, width, height = lossless_source(name)
    size = {"width": width, "height": height}
    truth = write_clip(
        tmp_path / f"in{suffix}", pts=STEADY[:5], pixel_format=name, codec=codec, **size
    )
    transcode(tmp_path / f"in{suffix}", tmp_path / "out.mkv", encoding=Encoding("ffv1"))
    with VideoReader(tmp_path / "out.mkv") as reader:
        for got, planes in zip(reader, truth, strict=True):
            assert_same_planes(list(got.planes), separated(planes))


@pytest.mark.parametrize(
    "name", [n for n, f in PIXEL_FORMATS.items() if f.bits == 8 and n != "gbrp"]
)
def test_lossless_x264_returns_the_same_samples(tmp_path: Path, name: str) -> None:
    codec, suffix, _, _ = lossless_source(name)
    truth = write_clip(tmp_path / f"in{suffix}", pixel_format=name, codec=codec)
    transcode(tmp_path / f"in{suffix}", tmp_path / "out.mp4", encoding=QUICK)
    result = [planes for _, planes in shown(tmp_path / "out.mp4")]
    for got, planes in zip(result, truth, strict=True):
        assert_same_planes(got[: len(planes)] if name == "gray" else got, separated(planes))


def separated(planes: Planes) -> Planes:
    """Return chroma that is interleaved as two planes."""
    return [part for p in planes for part in ([p] if p.ndim == 2 else np.moveaxis(p, -1, 0))]


@pytest.mark.parametrize(
    ("name", "codec", "stored"),
    [
        *((n, "libx264", n) for n, f in PIXEL_FORMATS.items() if f.bits == 10 and "gbr" not in n),
        *((n, "libx265", n) for n, f in PIXEL_FORMATS.items() if f.bits == 12),
        ("gbrp", "libx265", "gbrp"),
        ("yuv420p10le", "libsvtav1", "yuv420p10le"),
        ("yuv422p10le", "prores_ks", "yuv422p10le"),
        ("yuv420p", "prores_ks", "yuv422p10le"),
        ("yuv444p12le", "libx264", "yuv444p10le"),
    ],
)
def test_bits_and_subsampling_are_kept_as_far_as_the_codec_has_them(
    tmp_path: Path, name: str, codec: str, stored: str
) -> None:
    source, suffix, _, _ = lossless_source(name)
    size = {"width": 128, "height": 96}
    truth = write_clip(
        tmp_path / f"in{suffix}", pts=STEADY[:5], pixel_format=name, codec=source, **size
    )
    prores = codec == "prores_ks"
    out = tmp_path / ("out.mov" if prores else "out.mp4")
    encoding = Encoding(codec) if prores else Encoding(codec, 4, "ultrafast")
    transcode(tmp_path / f"in{suffix}", out, encoding=encoding)
    assert probe(out).pixel_format.replace("j", "") in (stored, stored.replace("gray", "yuv420p"))
    scale = 2.0 ** (PIXEL_FORMATS[stored].bits - PIXEL_FORMATS[name].bits)
    for (_, got), planes in zip(shown(out), truth, strict=True):
        error = got[0].astype(float) - scale * planes[0]
        assert np.sqrt(np.mean(error**2)) < 0.02 * 2 ** PIXEL_FORMATS[stored].bits


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p", "yuv420p10le"])
def test_odd_sizes_pass_through_a_codec_that_has_them(tmp_path: Path, name: str) -> None:
    write_clip(tmp_path / "in.mkv", pixel_format=name, codec="ffv1", width=85, height=47)
    transcode(tmp_path / "in.mkv", tmp_path / "out.mkv", encoding=Encoding("ffv1"))
    for (_, got), (_, planes) in zip(
        shown(tmp_path / "out.mkv"), shown(tmp_path / "in.mkv"), strict=True
    ):
        assert_same_planes(got, planes)


@pytest.mark.parametrize("codec", ["libsvtav1", "libvpx-vp9", "prores_ks"])
@pytest.mark.parametrize("name", ["yuv420p", "yuv444p"])
def test_an_odd_size_stays_whatever_the_pixel_format(tmp_path: Path, name: str, codec: str) -> None:
    """SVT-AV1 has 4:2:0 alone, of odd sizes too."""
    size = {"width": 319, "height": 239}
    truth = write_clip(tmp_path / "in.mkv", pts=STEADY[:3], pixel_format=name, codec="ffv1", **size)
    out = tmp_path / ("out.mov" if codec == "prores_ks" else "out.mkv")
    transcode(tmp_path / "in.mkv", out, encoding=Encoding(codec))
    info = probe(out)
    assert (info.width, info.height) == (319, 239)
    scale = 2.0 ** (PIXEL_FORMATS[info.pixel_format].bits - 8)
    for (_, got), planes in zip(shown(out), truth, strict=True):
        error = got[0].astype(float) / scale - planes[0]
        assert np.sqrt(np.mean(error**2)) < 6


def test_an_odd_size_is_stored_with_all_its_chroma_where_h264_wants_it(tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mkv", codec="ffv1", width=85, height=47)
    info = probe(tmp_path / "in.mkv")
    with VideoReader(info.path) as reader, VideoWriter(tmp_path / "out.mp4", info) as writer:
        for frame in reader:
            writer.write(frame)
    assert writer.changed == ["yuv420p is stored as yuv444p"]
    result = probe(tmp_path / "out.mp4")
    assert (result.width, result.height, result.pixel_format) == (85, 47, "yuv444p")
    with pytest.raises(StabilizerError, match="cannot encode 85x47 as yuv420p; it takes"):
        transcode(info.path, tmp_path / "no.mp4", encoding=Encoding("h264", pixel_format="yuv420p"))
    assert sorted(os.listdir(tmp_path)) == ["in.mkv", "out.mp4"]


def test_planes_that_are_not_the_writers_own_are_copied(tmp_path: Path) -> None:
    truth = write_clip(tmp_path / "in.mp4")
    info = probe(tmp_path / "in.mp4")
    with (
        VideoReader(tmp_path / "in.mp4") as reader,
        VideoWriter(tmp_path / "read.mp4", info, encoding=Encoding(crf=0)) as as_read,
        VideoWriter(tmp_path / "new.mp4", info, encoding=Encoding(crf=0)) as replaced,
    ):
        for frame in reader:
            as_read.write(frame)
            inverted = [255 - plane for plane in frame.planes]
            replaced.write(replace(replaced.new_frame(frame.pts), planes=inverted))
    for (_, a), (_, b), planes in zip(
        shown(tmp_path / "read.mp4"), shown(tmp_path / "new.mp4"), truth, strict=True
    ):
        assert_same_planes(a, planes)
        assert_same_planes(b, [255 - plane for plane in planes])


def test_frames_that_do_not_fit_are_wrong_calls(tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mp4")
    info = probe(tmp_path / "in.mp4")
    grey = PIXEL_FORMATS["gray"]
    small = Frame([np.zeros((10, 10), np.uint8)], grey, 0.0, 3003)
    with VideoWriter(tmp_path / "out.mp4", info) as writer:
        with pytest.raises(ValueError, match="pts: expected more than -1, got -3"):
            writer.write(writer.new_frame(-3))
        writer.write(writer.new_frame(3003))
        with pytest.raises(ValueError, match="pts: expected more than 3003, got 3003"):
            writer.write(writer.new_frame(3003))
        with pytest.raises(ValueError, match=r"frame: expected planes .*yuv420p.* got .*gray"):
            writer.write(replace(small, pts=6006))


def test_memory_is_not_used_again_while_an_encoder_holds_it(tmp_path: Path) -> None:
    """FFmpeg's ProRes encodes several frames at a time."""
    info = VideoInfo("", 640, 480, "yuv422p10le", "prores", TIME_BASE, np.array(STEADY))
    with VideoWriter(tmp_path / "out.mov", info, encoding=Encoding("prores_ks")) as writer:
        for i, pts in enumerate(STEADY):
            frame = writer.new_frame(pts)
            for plane in frame.planes:
                plane[...] = 100 + 25 * i
            writer.write(frame)
    levels = [planes[0].mean() for _, planes in shown(tmp_path / "out.mov")]
    np.testing.assert_allclose(levels, 100 + 25 * np.arange(30), rtol=0, atol=4)


def test_x264_threads_work_on_whole_pictures(tmp_path: Path) -> None:
    """Sliced threads, PyAV's default, cost bits; x264 writes its settings into the stream."""
    write_clip(tmp_path / "in.mkv", codec="ffv1", height=256)
    transcode(tmp_path / "in.mkv", tmp_path / "out.mp4")
    assert b"sliced_threads=0" in (tmp_path / "out.mp4").read_bytes()


@pytest.mark.parametrize(("processors", "height", "threads"), [(2, 256, 2), (3, 64, 2), (3, 32, 1)])
def test_x264_has_a_thread_for_each_of_few_processors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processors: int, height: int, threads: int
) -> None:
    monkeypatch.setattr(encoder, "processors", lambda: processors)
    write_clip(tmp_path / "in.mkv", codec="ffv1", height=height)
    transcode(tmp_path / "in.mkv", tmp_path / "out.mp4")
    assert f" threads={threads} ".encode() in (tmp_path / "out.mp4").read_bytes()


def test_of_many_processors_x264_takes_what_it_wants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder, "processors", lambda: 97)
    write_clip(tmp_path / "in.mkv", codec="ffv1", height=1088)
    transcode(tmp_path / "in.mkv", tmp_path / "out.mp4")
    found = re.search(rb" threads=(\d+) ", (tmp_path / "out.mp4").read_bytes())
    assert found is not None
    assert int(found[1]) <= 3 * (os.cpu_count() or 1) // 2  # 34 by the rule for few


def test_wrong_settings_are_named() -> None:
    with pytest.raises(ValueError, match=r"preset: expected one of ultrafast, .*, got 'quick'"):
        Encoding(preset="quick")
    with pytest.raises(ValueError, match=r"crf: .*<= 51, got 99"):
        Encoding(crf=99)


# Times


@pytest.mark.parametrize("pts", [STEADY, UNEVEN], ids=["steady", "uneven, from 5 s on"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_presentation_times_are_kept_to_the_tick(
    tmp_path: Path, suffix: str, pts: Sequence[int]
) -> None:
    write_clip(tmp_path / "in.mp4", pts=pts)
    transcode(tmp_path / "in.mp4", tmp_path / f"out{suffix}")
    assert [t for t, _ in shown(tmp_path / f"out{suffix}")] == [p * TIME_BASE for p in pts]
    with av.open(tmp_path / f"out{suffix}") as container:
        packets = [p for p in container.demux(video=0) if p.size]
    assert any(p.pts > q.pts for p, q in pairwise(packets))  # has B-frames


def test_matroska_keeps_times_to_the_millisecond(tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mp4", pts=UNEVEN)
    transcode(tmp_path / "in.mp4", tmp_path / "out.mkv")
    got = [float(t) for t, _ in shown(tmp_path / "out.mkv")]
    np.testing.assert_allclose(got, np.array(UNEVEN) / 90_000, rtol=0, atol=0.000501)


@needs_ffprobe
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_ffprobe_sees_the_times_of_the_source(tmp_path: Path, suffix: str) -> None:
    write_clip(tmp_path / "in.mp4", pts=UNEVEN, audio=[("aac", 5.01)])
    transcode(tmp_path / "in.mp4", tmp_path / f"out{suffix}", tracks_from=tmp_path / "in.mp4")
    for kind in ("v", "a"):
        show = ("-select_streams", kind, "-show_entries", "packet=pts_time")
        before, after = (ffprobe(tmp_path / n, *show) for n in ("in.mp4", f"out{suffix}"))
        times = [[p["pts_time"] for p in f["packets"]] for f in (before, after)]
        assert sorted(times[0], key=float) == sorted(times[1], key=float)


# Audio


def test_all_audio_packets_are_copied_bit_by_bit_at_their_times(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"
    write_clip(source, audio=[("aac", 0.0), ("libopus", 0.1)])
    info = transcode(source, target, tracks_from=source)
    assert info.audio == probe(target).audio == ("aac", "opus")
    with av.open(target) as container:
        assert [s.language for s in container.streams.audio] == ["deu", "deu"]
        assert all(s.disposition == Disposition.default for s in container.streams.audio)
    for index in (0, 1):
        packets = audio_packets(source, index)
        assert len(packets) > 40 and packets == audio_packets(target, index)


def test_without_tracks_from_the_output_is_silent(tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mp4", audio=[("aac", 0.0)])
    transcode(tmp_path / "in.mp4", tmp_path / "out.mp4")
    assert probe(tmp_path / "out.mp4").audio == ()


def test_audio_lies_beside_the_video_of_the_same_time(tmp_path: Path) -> None:
    """A player that reads on must not have to wait: packets of the file alternate."""
    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"
    write_clip(source, pts=range(0, 25 * 90_000, 45_000), audio=[("aac", 0.0)])
    transcode(source, target, tracks_from=source)
    with av.open(target) as container:
        packets = [(p.pos, float(p.dts * p.time_base)) for p in container.demux() if p.size]
    times = [t for _, t in sorted(packets)]
    assert np.min(np.diff(times)) > -1.0  # two frames


def test_a_cut_moves_picture_and_sound_together(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"
    truth = write_clip(source, pts=range(0, 90 * 3000, 3000), audio=[("aac", 0.0)])
    transcode(source, target, encoding=Encoding(crf=0), tracks_from=source, start=0.99, end=2.01)
    result = shown(target)
    assert [t for t, _ in result] == [Fraction(i, 30) for i in range(31)]  # 1.0 … 2.0 s
    for (_, got), planes in zip(result, truth[30:61], strict=True):
        assert_same_planes(got, planes)
    kept = [(float(t) - 1.0, data) for t, data in audio_packets(source) if 1 <= t < 2.01]
    got = [(float(t), data) for t, data in audio_packets(target)]
    assert [data for _, data in got] == [data for _, data in kept]
    np.testing.assert_allclose([t for t, _ in got], [t for t, _ in kept], rtol=0, atol=1.1e-5)


def test_audio_that_the_container_cannot_hold_is_encoded_anew(tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mkv", audio=[("wavpack", 0.0), ("aac", 0.0)])
    info = probe(tmp_path / "in.mkv")
    with (
        VideoReader(info.path) as reader,
        VideoWriter(tmp_path / "out.mp4", info, tracks_from=info.path) as writer,
    ):
        for frame in reader:
            writer.write(frame)
    assert writer.changed == ["audio wavpack as aac"]
    assert probe(tmp_path / "out.mp4").audio == ("aac", "aac")
    (first, *_), (other, *_) = (audio_packets(tmp_path / "out.mp4", k) for k in (0, 1))
    assert other[0] == Fraction(-1024, 48_000)  # of which Matroska tells -21 ms
    got, sent = (audio_packets(tmp_path / name, 1)[1:] for name in ("out.mp4", "in.mkv"))
    assert got == sent
    assert abs(first[0] - other[0]) < Fraction(1, 40)
    sound, wanted = (decoded_sound(tmp_path / name) for name in ("out.mp4", "in.mkv"))
    n = min(len(sound), len(wanted))
    assert abs(len(sound) - len(wanted)) < 3000
    assert np.sqrt(np.mean((sound[:n] - wanted[:n]) ** 2)) < 0.1 * np.sqrt(np.mean(wanted**2))


def decoded_sound(path: Path, index: int = 0) -> NDArray[np.float64]:
    """Return the samples (N,) of a mono track, from time 0 on."""
    with av.open(path) as container:
        resampler = av.AudioResampler("flt", "mono", 48_000)
        frames = [part for f in container.decode(audio=index) for part in resampler.resample(f)]
    start = max(0, -round(frames[0].time * 48_000))
    return np.concatenate([f.to_ndarray()[0] for f in frames])[start:].astype(np.float64)


# Tags


def tagged(stream: av.VideoStream) -> None:
    context = stream.codec_context
    context.color_range, context.colorspace, context.color_primaries, context.color_trc = (
        2,
        9,
        9,
        14,
    )
    context.sample_aspect_ratio = Fraction(4, 3)
    stream.set_display_rotation(90)


@needs_ffprobe
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_colour_shape_rotation_and_container_tags_are_kept(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / f"out{suffix}"
    tags = {"title": "Über den Bach", "creation_time": "2024-05-06T07:08:09.000000Z"}
    write_clip(source, prepare=tagged, container_tags=tags)
    info = transcode(source, target)
    assert info.colour == {"range": 2, "matrix": 9, "primaries": 9, "transfer": 14}
    assert info.sample_aspect_ratio == Fraction(4, 3)
    assert info.rotation_deg == 90
    before, after = (ffprobe(p, "-show_streams", "-show_format") for p in (source, target))
    keys = (
        "color_range",
        "color_space",
        "color_primaries",
        "color_transfer",
        "pix_fmt",
        "sample_aspect_ratio",
        "side_data_list",
    )
    video = [{k: f["streams"][0].get(k) for k in keys} for f in (before, after)]
    assert video[0] == video[1]
    assert video[1]["color_space"] == "bt2020nc" and video[1]["color_range"] == "pc"
    for key, value in tags.items():
        assert after["format"]["tags"][key] == value


@needs_ffprobe
@pytest.mark.parametrize("degrees", [0, 90, -90, 180, 45])
@pytest.mark.parametrize("hflip", [False, True])
@pytest.mark.parametrize("vflip", [False, True])
def test_display_matrix_is_kept(tmp_path: Path, degrees: int, hflip: bool, vflip: bool) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"

    def turned(stream: av.VideoStream) -> None:
        stream.set_display_rotation(degrees, hflip=hflip, vflip=vflip)

    write_clip(source, pts=STEADY[:3], prepare=turned)
    info = transcode(source, target)
    before, after = (ffprobe(p, "-show_streams")["streams"][0] for p in (source, target))
    assert before.get("side_data_list") == after.get("side_data_list")
    assert probe(target).display_matrix == info.display_matrix
    as_it_is = (degrees, hflip, vflip) in ((0, False, False), (180, True, True))
    assert (info.display_matrix == ()) == as_it_is
    assert info.mirrored == (hflip != vflip)
    if not info.mirrored:
        with av.open(source) as container:
            shown = next(container.decode(video=0)).rotation
        assert (shown - info.rotation_deg) % 360 == 0


def test_the_head_of_a_file_may_say_that_it_is_interlaced(tmp_path: Path, caplog) -> None:
    """As of MJPEG, whose pictures cannot say."""
    path = tmp_path / "clip.mov"
    source = "-f lavfi -i testsrc2=s=64x48:r=50:d=0.4 -vf interlace -c:v mjpeg"
    ffmpeg(*source.split(), "-field_order", "tt", path)
    assert len(probe(path).frame_pts) == 10
    assert "is interlaced by its head" in caplog.text


def test_tags_in_other_encodings_are_copied_byte_by_byte(tmp_path: Path) -> None:
    latin_1 = "Café".encode("latin-1")
    title = latin_1.decode("utf-8", "surrogateescape")
    write_clip(tmp_path / "in.mp4", pts=STEADY[:3], container_tags={"title": title})
    assert transcode(tmp_path / "in.mp4", tmp_path / "out.mp4").metadata["title"] == title
    assert latin_1 in (tmp_path / "out.mp4").read_bytes()


def test_the_index_comes_first_in_mp4(tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mp4")
    transcode(tmp_path / "in.mp4", tmp_path / "out.mp4")
    content = (tmp_path / "out.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


# All or nothing


class Interruption(BaseException):
    pass


@pytest.mark.parametrize("error", [KeyboardInterrupt, Interruption, StabilizerError])
@pytest.mark.parametrize("n_written", [0, 1, 29])
def test_an_interruption_leaves_no_trace(
    tmp_path: Path, n_written: int, error: type[BaseException]
) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"
    write_clip(source, audio=[("aac", 0.0)])
    target.write_bytes(b"an older result")
    options = {"tracks_from": source, "overwrite": True}
    with (
        pytest.raises(error),
        VideoReader(source) as reader,
        VideoWriter(target, probe(source), **options) as writer,
    ):
        for i, frame in enumerate(reader):
            if i == n_written:
                raise error
            writer.write(frame)
            assert target.read_bytes() == b"an older result"
    assert sorted(os.listdir(tmp_path)) == ["in.mp4", "out.mp4"]
    assert target.read_bytes() == b"an older result"


def test_the_target_is_replaced_when_all_is_written(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / "out.MP4"
    write_clip(source)
    target.write_bytes(b"an older result")
    transcode(source, target, overwrite=True)
    assert len(probe(target).frame_pts) == 30
    assert sorted(os.listdir(tmp_path)) == ["in.mp4", "out.MP4"]


def test_a_file_without_frames_is_not_written(tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mp4")
    with (
        pytest.raises(StabilizerError, match="no frame was written"),
        VideoWriter(tmp_path / "out.mp4", probe(tmp_path / "in.mp4")),
    ):
        pass
    assert os.listdir(tmp_path) == ["in.mp4"]


@contextmanager
def file_size_limit(n_bytes: int) -> Iterator[None]:
    """Let writing fail as on a full disk."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("n_bytes", [0, 500, 60_000])
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, n_bytes: int, suffix: str) -> None:
    source = tmp_path / "in.mp4"
    write_clip(source)
    with file_size_limit(n_bytes), pytest.raises(StabilizerError, match="cannot be written"):
        transcode(source, tmp_path / f"out{suffix}", encoding=QUICK)
    assert os.listdir(tmp_path) == ["in.mp4"]


# Where the output goes


def test_check_output_accepts_a_new_file_and_one_to_be_overwritten(tmp_path: Path) -> None:
    check_output(tmp_path / "new.mp4", inputs=[tmp_path / "in.mp4"])
    (tmp_path / "old.MOV").touch()
    check_output(str(tmp_path / "old.MOV"), overwrite=True)


def test_check_output_tells_what_is_wrong(tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    source.touch()
    (tmp_path / "link.mp4").symlink_to(source)
    (tmp_path / "folder.mp4").mkdir()
    wrong = [
        (
            "out.avi",
            "expected a name ending in .mp4, .mov, .mkv, .webm, .png, .tif, .tiff, got '.avi'",
        ),
        ("out", "got ''"),
        ("nowhere/out.mp4", "there is no folder"),
        ("in.mp4", "is an input too"),
        ("link.mp4", "is an input too"),
        ("folder.mp4", "is a folder"),
    ]
    for name, message in wrong:
        with pytest.raises(StabilizerError, match=message) as error:
            check_output(tmp_path / name, inputs=[source], overwrite=True)
        assert str(tmp_path / name) in str(error.value)
    with pytest.raises(StabilizerError, match="exists already"):
        check_output(source)


@pytest.mark.skipif(getattr(os, "geteuid", int)() == 0, reason="root may write everywhere")
def test_check_output_tells_a_folder_that_is_read_only(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StabilizerError, match="cannot be written to"):
        check_output(tmp_path / "out.mp4")


def test_writer_refuses_its_input_and_existing_files(tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mp4", pts=STEADY[:3])
    before = (tmp_path / "in.mp4").read_bytes()
    with pytest.raises(StabilizerError, match="is an input too"):
        transcode(tmp_path / "in.mp4", tmp_path / "in.mp4", overwrite=True)
    assert (tmp_path / "in.mp4").read_bytes() == before


# Values


def test_average_rate_of_a_single_frame_and_of_a_slow_clip_can_be_encoded() -> None:
    single, slow = (
        VideoInfo("", 64, 48, "yuv420p", "h264", Fraction(1), np.array(pts))
        for pts in ([7], [0, 5000])
    )
    assert single.average_rate == 25
    assert 0 < slow.average_rate <= Fraction(1, 1001)


@pytest.mark.parametrize(
    ("per_second", "n", "ticks", "rate"),
    [
        (Fraction(30000, 1001), 100, 1000, Fraction(30000, 1001)),
        (Fraction(60000, 1001), 100, 90_000, Fraction(60000, 1001)),
        (Fraction(33), 100, 33_000, Fraction(33)),
        (Fraction(33), 1, 1000, Fraction(25)),
    ],
)
def test_an_even_rate_is_found_behind_rounded_times(per_second, n, ticks, rate) -> None:
    pts = np.array([round(k * ticks / per_second) for k in range(n)])
    info = VideoInfo("", 64, 48, "yuv420p", "h264", Fraction(1, ticks), pts)
    assert info.even_rate == rate
    if n > 1:
        assert replace(info, frame_pts=pts + 3 * (np.arange(n) == n // 2)).even_rate is None


def test_video_info_refuses_times_that_do_not_increase() -> None:
    for pts in ([], [0, 0], [3, 2]):
        with pytest.raises(ValueError, match="frame_pts: expected increasing ticks"):
            VideoInfo("", 64, 48, "yuv420p", "h264", TIME_BASE, np.array(pts, np.int64))


@pytest.mark.parametrize(("matrix", "red"), [(1, 0.2126), (5, 0.299)])
@pytest.mark.parametrize("full_range", [True, False])
def test_rgb_follows_the_colour_tags(matrix: int, red: float, full_range: bool) -> None:
    """Y' = red R' + green G' + blue B' for a red picture, ITU-R BT.709 and BT.601."""
    scale, zero = (255, 0) if full_range else (219, 16)
    blue = {1: 0.0722, 5: 0.114}[matrix]
    chroma_scale = 255 if full_range else 224
    samples = (
        zero + scale * red,
        128 - chroma_scale * red / (2 * (1 - blue)),
        128 + chroma_scale / 2,
    )
    planes = [np.full((16, 16), round(min(s, 255)), np.uint8) for s in samples]
    frame = Frame(planes, PIXEL_FORMATS["yuv444p"], 0.0, 0)
    rgb = to_rgb(frame, {"matrix": matrix, "range": 2 if full_range else 1})
    assert rgb.shape == (16, 16, 3)
    np.testing.assert_allclose(rgb[8, 8], (255, 0, 0), rtol=0, atol=3)
