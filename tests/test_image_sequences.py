"""Numbered images in and out, judged by OpenCV's reader and by ffprobe."""

import os
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from stabilizer import StabilizerError, stabilize
from stabilizer.camera import Camera
from stabilizer.cli.values import parsed_frame_rate
from stabilizer.new_files import partial_name, put_in_place
from stabilizer.smoothing import SMOOTHERS
from stabilizer.sync import ClockSync
from stabilizer.video import Encoding, ImageSequence, VideoInfo, VideoReader, VideoWriter, probe
from stabilizer.video.image_heads import size_of
from stabilizer.video.image_sequence import ImagePattern
from tests.command_line import (
    ENVIRONMENT,
    STABILIZER,
    Done,
    files,
    interruptible,
    made_clip,
    refused,
    run,
)
from tests.test_kills import NO_PROCESS, of_process
from tests.witness import ffmpeg, ffprobe

pytestmark = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="ffmpeg, which makes and judges, is not installed"
)

CAMERA = ("--hfov", 60, "--readout", 0, "--imu-orientation", "XYZ", "--rate-unit", "rad/s")
STILL = (*CAMERA, "--smoother", "none", "--zoom", 1, "--no-sync")
KINDS = {"8 bit": (np.uint8, 3), "16 bit": (np.uint16, 3), "16 bit grey": (np.uint16, 1)}
FORMATS = {"8 bit": "rgb24", "16 bit": "rgb48", "16 bit grey": "gray16"}


def noise(number: int, dtype: Any = np.uint16, channels: int = 3) -> np.ndarray:
    """Return the picture of that number, of all values that there are."""
    shape = (48, 65, channels)[: 2 if channels == 1 else 3]
    rng = np.random.default_rng(number)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def made_images(pattern: Path, first: int = 1, n: int = 6, kind: str = "16 bit") -> Path:
    """Write noise by OpenCV; return the pattern."""
    pattern.parent.mkdir(exist_ok=True)
    for number in range(first, first + n):
        assert cv2.imwrite(str(pattern) % number, noise(number, *KINDS[kind]))
    return pattern


def made_log(folder: Path) -> Path:
    path = folder / "log.csv"
    rows = [f"{t / 100},{np.sin(t / 7):.4f},{np.sin(t / 9):.4f},0.2" for t in range(-50, 400)]
    path.write_text("\n".join(["t,gx,gy,gz", *rows]))
    return path


def still(source: Path, target: Path, *options: object) -> Done:
    """Run the program with a plan that changes nothing."""
    log = made_log(target.parent.parent)
    return run("stabilize", source, log, "-o", target, *STILL, *options)


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("into", [".png", ".tif"])
@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_a_plan_that_changes_nothing_changes_no_bit(tmp_path, suffix, into, kind) -> None:
    source = made_images(tmp_path / "in" / f"a%04d{suffix}", 998, kind=kind)
    target = tmp_path / "out" / f"b_%d{into}"
    done = still(source, target, "--fps", 30)
    assert done.returncode == 0, done.stderr
    assert "left out" not in done.stdout
    assert "kept otherwise" not in done.stdout
    assert names(tmp_path) == ["in", "log.csv", "out"]
    assert names(target.parent) == sorted(target.name % n for n in range(998, 1004))
    for number in range(998, 1004):
        image = str(target) % number
        got = cv2.imread(image, cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(got, noise(number, *KINDS[kind]), strict=True)
        (told,) = ffprobe(Path(image), "-show_streams")["streams"]
        assert told["pix_fmt"].startswith(FORMATS[kind])


def test_numbers_are_those_of_the_images_that_are_kept(tmp_path) -> None:
    source = made_images(tmp_path / "in" / "%05d.png", 41, 10)
    target = tmp_path / "out" / "%d.png"
    done = still(source, target, "--fps", 10, "--start", 0.3, "--end", 0.65)
    assert done.returncode == 0, done.stderr
    assert names(target.parent) == ["44.png", "45.png", "46.png", "47.png"]
    for number in range(44, 48):
        got = cv2.imread(str(target) % number, cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(got, noise(number))


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("30", Fraction(30)),
        ("29.97", Fraction(30_000, 1001)),
        ("30000/1001", Fraction(30_000, 1001)),
        ("23.976", Fraction(24_000, 1001)),
        ("23.98", Fraction(24_000, 1001)),
        ("59.94", Fraction(60_000, 1001)),
        ("119.88", Fraction(120_000, 1001)),
        ("29.98", Fraction(2998, 100)),
        ("12.5", Fraction(25, 2)),
        ("24.0", Fraction(24)),
        ("24.00", Fraction(24)),
        ("29.9", Fraction(299, 10)),
    ],
)
def test_rates_are_exact(text, rate) -> None:
    assert parsed_frame_rate(text) == rate


@pytest.mark.parametrize("text", ["0", "0.0", "-25", "25fps", "1/0", "nan", "inf", "1e3", "", "٣"])
def test_what_is_no_rate_is_refused(text) -> None:
    with pytest.raises(ValueError, match="fps: expected a rate such as 30"):
        parsed_frame_rate(text)


@pytest.mark.parametrize("rate", [Fraction(0), Fraction(-1), Fraction(10**7), Fraction(1, 10**7)])
def test_sequences_have_a_rate_that_can_be(rate) -> None:
    with pytest.raises(ValueError, match="rate: expected a positive fraction"):
        ImageSequence("a%d.png", rate)
    with pytest.raises(TypeError, match="rate: expected an exact Fraction"):
        ImageSequence("a%d.png", 29.97)  # type: ignore[arg-type]


def test_each_image_has_its_time_in_a_video_too(tmp_path) -> None:
    source = made_images(tmp_path / "in" / "%d.png", 7, 9, "8 bit")
    info = probe(ImageSequence(str(source), Fraction(30_000, 1001)))
    assert info.time_base == Fraction(1001, 30_000)
    assert info.frame_pts.tolist() == [*range(9)]
    target = tmp_path / "out" / "a.mp4"
    target.parent.mkdir()
    assert still(source, target, "--fps", 29.97).returncode == 0
    told = ffprobe(target, "-show_streams", "-show_frames")
    base = Fraction(told["streams"][0]["time_base"])
    assert [f["pts"] * base for f in told["frames"]] == [
        Fraction(1001 * k, 30_000) for k in range(9)
    ]
    assert told["streams"][0]["r_frame_rate"] == "30000/1001"


def test_a_folder_with_one_sequence_is_enough(tmp_path) -> None:
    made_images(tmp_path / "in" / "shot2_%03d.png", 98, 5)
    (tmp_path / "in" / "notes 1.txt").touch()
    sequence = ImageSequence.of(tmp_path / "in", Fraction(25))
    assert sequence.pattern == str(tmp_path / "in" / "shot2_%03d.png")
    assert sequence.numbers == range(98, 103)
    assert run("info", tmp_path / "in", "--fps", 25).returncode == 0
    made_images(tmp_path / "in" / "%d.tif", 9, 2)
    refused(run("info", tmp_path / "in", "--fps", 25), "holds %d.tif, shot2_%03d.png", "name one")


@pytest.mark.parametrize(
    ("name", "digits"), [("%d.png", 1), ("%05d.png", 5), ("a_%01d_b.tif", 1), ("x%03d", 3)]
)
def test_a_pattern_has_the_names_that_it_makes(name, digits) -> None:
    pattern = ImagePattern.parse(f"folder/{name}")
    assert pattern.digits == digits
    for number in (0, 7, 12345, 999_999_999):
        assert pattern.name(number) == name % number
        assert pattern.number(name % number) == number
    for other in ("", "x", ".png", name, "0007.png", "-7.png", "7.PNG", "x1234567890", "٣.png"):
        assert pattern.number(other) is None


@pytest.mark.parametrize("name", ["a.png", "%s.png", "%5d.png", "%d%d.png", "%d%.png", "%00d.png"])
def test_what_is_no_pattern_is_refused(tmp_path, name) -> None:
    made_images(tmp_path / "in" / "%d.png", n=2)
    refused(still(tmp_path / "in" / "%d.png", tmp_path / "out" / name, "--fps", 25), "one %d")
    if "%" in name:
        refused(run("info", tmp_path / "in" / name, "--fps", 25), "expected one %d")


def test_sequences_that_cannot_be_read_are_told(tmp_path) -> None:
    source = made_images(tmp_path / "in" / "%02d.png", n=6)
    target = tmp_path / "out" / "%d.png"
    video = tmp_path / "a.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:d=0.2", "-c:v", "ffv1", video)
    for command in (["info"], ["plan"], ["sync"], ["calibrate", "-o", tmp_path / "c.json"]):
        log = [made_log(tmp_path)] if command[0] != "info" else []
        refused(run(*command, source, *log), "give the rate, as --fps 30")
        refused(run(*command, video, *log, "--fps", 25), "leave out --fps")
    refused(still(source, target), "give the rate, as --fps 30")
    refused(still(tmp_path / "none" / "%d.png", target, "--fps", 25), "none", "No such file")
    refused(still(tmp_path / "in" / "%03d.png", target, "--fps", 25), "there is no such image")
    (tmp_path / "in" / "03.png").rename(tmp_path / "in" / "3.png")
    (tmp_path / "in" / "04.png").unlink()
    refused(still(source, target, "--fps", 25), "lacks 03.png and 1 more; fill the gap")
    assert not target.parent.exists()


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_another_size_is_told_before_any_work(tmp_path, suffix) -> None:
    source = made_images(tmp_path / "in" / f"%d{suffix}", n=6, kind="8 bit")
    assert {size_of(path) for path in source.parent.iterdir()} == {(65, 48)}
    cv2.imwrite(str(source) % 4, noise(4, np.uint8)[:40, :40])
    words = f"4{suffix}: has 40x40 pixels, images before it have 65x48"
    refused(run("info", source, "--fps", 25), words)
    refused(still(source, tmp_path / "out" / "%d.png", "--fps", 25), words)
    assert names(tmp_path) == ["in", "log.csv"]


def test_another_size_that_heads_do_not_tell_is_told_as_of_a_video(tmp_path) -> None:
    source = made_images(tmp_path / "in" / "%d.bmp", n=6, kind="8 bit")
    assert size_of(Path(str(source) % 1)) is None
    cv2.imwrite(str(source) % 4, noise(4, np.uint8)[:40, :40])
    done = still(source, tmp_path / "out" / "%d.png", "--fps", 25)
    refused(done, "changes from 65x48 bgr24 to 40x40 bgr24 at 0.120 s")


def test_heads_that_are_damaged_tell_no_size(tmp_path) -> None:
    for suffix in (".png", ".tif"):
        whole = Path(str(made_images(tmp_path / f"%d{suffix}", n=1)) % 1)
        content = whole.read_bytes()
        for n_bytes in range(0, 24):
            whole.write_bytes(content[:n_bytes])
            assert size_of(whole) is None


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("n_bytes", [0, 40])
def test_images_that_hold_nothing_cost_no_others(tmp_path, n_bytes, suffix, caplog) -> None:
    source = made_images(tmp_path / "in" / f"%d{suffix}", 11, 6)
    for number in (11, 13, 14):
        image = Path(str(source) % number)
        image.write_bytes(image.read_bytes()[:n_bytes])
    target = tmp_path / "out" / "%d.png"
    done = still(source, target, "--fps", 25)
    assert done.returncode == 4, done.stderr
    told = f"11{suffix}, 13{suffix}, 14{suffix} cannot be decoded: 3 of 6 frames were saved"
    assert told in caplog.text
    assert caplog.text.count(f"empty images: 11{suffix} and 2 more") == (n_bytes == 0)
    assert names(target.parent) == ["12.png", "15.png", "16.png"]
    for number in (12, 15, 16):
        got = cv2.imread(str(target) % number, cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(got, noise(number))
    video = target.with_name("a.mkv")
    done = still(source, video, "--fps", 25, "--strict", "--codec", "ffv1")
    refused(done, "3 of 6 frames" if n_bytes else "3 images are empty; strict refuses")
    assert not video.exists()
    assert still(source, video, "--fps", 25, "--codec", "ffv1").returncode == 4
    told = ffprobe(video, "-show_frames")["frames"]
    assert [f["pts_time"] for f in told] == ["0.040000", "0.160000", "0.200000"]


def test_empty_images_are_refused_before_anything_else_is_read(tmp_path) -> None:
    source = made_images(tmp_path / "in" / "%d.png", n=8)
    Path(str(source) % 5).write_bytes(b"")
    call = ["stabilize", source, tmp_path / "none.csv", "--fps", 25, "-o", tmp_path / "a.mkv"]
    refused(run(*call, "--strict"), f"{source}: 1 image is empty; strict refuses")
    refused(run(*call, "--strict", "--end", 0.1), "none.csv")  # before the empty one
    refused(run(*call), "none.csv")


def test_images_that_are_all_empty_are_refused(tmp_path) -> None:
    source = made_images(tmp_path / "in" / "%d.png", n=3)
    for path in source.parent.iterdir():
        path.write_bytes(b"")
    refused(run("info", source, "--fps", 25), "its images are all empty")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no such files")
def test_what_is_no_file_among_images_is_told_at_once(tmp_path) -> None:
    source = made_images(tmp_path / "in" / "%d.png", n=4)
    image = Path(str(source) % 3)
    image.unlink()
    os.mkfifo(image)
    refused(run("info", source, "--fps", 25), "3.png: cannot be read: is no regular file")
    image.unlink()
    image.mkdir()
    refused(run("info", source, "--fps", 25), "3.png: cannot be read: is no regular file")
    image.rmdir()
    image.symlink_to(tmp_path / "none")
    refused(run("info", source, "--fps", 25), "3.png: cannot be read: No such file")


def test_behind_an_image_that_is_damaged_numbers_stay(tmp_path) -> None:
    source = made_images(tmp_path / "in" / "%d.png", 11, 6)
    damaged = Path(str(source) % 14)
    damaged.write_bytes(damaged.read_bytes()[:100])
    assert still(source, tmp_path / "out" / "%d.png", "--fps", 25).returncode == 4
    assert names(tmp_path / "out") == [f"{n}.png" for n in (11, 12, 13, 15, 16)]
    got = cv2.imread(str(tmp_path / "out" / "16.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(got, noise(16))


def test_a_png_stored_line_by_line_is_not_interlaced(tmp_path) -> None:
    (tmp_path / "in").mkdir()
    source = ("-f", "lavfi", "-i", "testsrc2=s=64x48:d=0.2")
    ffmpeg(*source, "-pix_fmt", "rgb24", "-flags", "+ildct", tmp_path / "in" / "%d.png")
    assert still(tmp_path / "in", tmp_path / "out" / "%d.png", "--fps", 25).returncode == 0
    for n in range(1, 6):
        before, after = (
            cv2.imread(str(tmp_path / folder / f"{n}.png")) for folder in ("in", "out")
        )
        np.testing.assert_array_equal(after, before)


def test_a_folder_of_images_numbered_in_two_ways_is_refused(tmp_path) -> None:
    for name in ("0001.png", "0002.png", "7.png"):
        (tmp_path / name).touch()
    with pytest.raises(StabilizerError, match=r"0001\.png beside images numbered as %d\.png"):
        ImageSequence.of(tmp_path, Fraction(30))


def test_a_folder_is_replaced_as_a_whole_or_not_at_all(tmp_path) -> None:
    source = made_images(tmp_path / "in" / "%d.png", n=3)
    target = tmp_path / "out" / "%02d.png"
    target.parent.mkdir()
    assert still(source, target, "--fps", 25).returncode == 0  # it was empty
    Path(str(target) % 77).write_bytes(b"earlier")
    held = names(target.parent)
    refused(still(source, target, "--fps", 25), "is not empty")
    refused(still(source, target.with_name("%d.png"), "--fps", 25, "--overwrite"), "holds 01.png")
    assert names(target.parent) == held
    assert still(source, target, "--fps", 25, "--overwrite").returncode == 0
    assert names(target.parent) == ["01.png", "02.png", "03.png"]
    (target.parent / "notes.txt").touch()
    refused(still(source, target, "--fps", 25, "--overwrite"), "holds notes.txt")
    refused(still(source, source, "--fps", 25, "--overwrite"), "holds an input")
    deep = (made_log(tmp_path), "-o", tmp_path / "a" / "b" / "%d.png", *STILL)
    refused(run("stabilize", source, *deep, "--fps", 25), "there is no folder")
    (tmp_path / "file").touch()
    refused(still(source, tmp_path / "file" / "%d.png", "--fps", 25), "is a file")
    assert names(tmp_path) == ["file", "in", "log.csv", "out"]


def test_a_folder_is_not_replaced_if_it_changed_meanwhile(tmp_path) -> None:
    sequence = ImageSequence(str(made_images(tmp_path / "in" / "%d.png", n=3)), Fraction(25))
    info, target = probe(sequence), tmp_path / "out" / "%d.png"
    target.parent.mkdir()
    with (
        pytest.raises(StabilizerError, match=r"holds notes\.txt"),
        VideoReader(sequence) as reader,
        VideoWriter(target, info, overwrite=True) as writer,
    ):
        for frame in reader:
            writer.write(frame)
        (target.parent / "notes.txt").write_text("new")
    assert names(tmp_path) == ["in", "out"]
    assert names(target.parent) == ["notes.txt"]


def test_the_working_folder_is_not_replaced(tmp_path, monkeypatch) -> None:
    made_images(tmp_path / "in" / "%d.png", n=2)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    source = ImageSequence("../in/%d.png", Fraction(25))
    with pytest.raises(StabilizerError, match="name a folder inside it"):
        VideoWriter("%d.png", probe(source)).__enter__()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--codec", "h264"], [".png cannot hold h264"]),
        (["--crf", 18], ["crf: expected none for png"]),
        (["--bitrate", "20M"], ["bitrate: expected none for png"]),
        (["--pix-fmt", "yuv420p"], ["it takes rgb24, rgb48be"]),
    ],
)
def test_options_that_mean_nothing_are_refused(tmp_path, options, words) -> None:
    source = made_images(tmp_path / "in" / "%d.png", n=2)
    refused(still(source, tmp_path / "out" / "%d.png", "--fps", 25, *options), *words)
    assert names(tmp_path) == ["in", "log.csv"]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_presets_and_pixel_formats_work(tmp_path, suffix) -> None:
    source = tmp_path / "in" / "%d.png"
    source.parent.mkdir()
    picture = np.repeat(noise(1).reshape(-1, 39)[:80], 5, axis=1).reshape(80, 65, 3)
    cv2.imwrite(str(source) % 1, picture)
    sizes = []
    for preset in ("ultrafast", "slow"):
        target = tmp_path / preset / f"%d{suffix}"
        done = still(source, target, "--fps", 25, "--pix-fmt", "rgb24", "--preset", preset)
        assert done.returncode == 0, done.stderr
        assert "rgb48be is stored as rgb24" in done.stdout
        image = Path(str(target) % 1)
        sizes.append(image.stat().st_size)
        got = cv2.imread(str(image), cv2.IMREAD_UNCHANGED)
        assert got.dtype == np.uint8
        assert np.abs(got - picture / 257).max() < 2  # dithered
    assert sizes[1] < 0.9 * sizes[0]


def test_what_images_cannot_say_is_listed(tmp_path) -> None:
    video = tmp_path / "a.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.4", "-f", "lavfi", "-i", "sine=d=0.4"),
        *("-vf", "settb=1/90000,setpts='N*3600+700*mod(N*N,5)'", "-vsync", "vfr"),
        *("-enc_time_base", "1/90000", "-video_track_timescale", "90000"),
        *("-timecode", "01:02:03:04", "-metadata", "title=A clip", "-c:a", "aac"),
        *("-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc"),
        *("-color_range", "tv", "-c:v", "libx264", "-pix_fmt", "yuv420p10le", video),
    )
    for suffix, colours in ((".png", False), (".tif", True)):
        target = tmp_path / f"out{suffix}" / f"%d{suffix}"
        done = still(video, target)
        assert done.returncode == 0, done.stderr
        line = next(x for x in done.stdout.splitlines() if "left out" in x)
        for words in ("uneven presentation times", "audio aac", "timecode 01:02:03:04", "title"):
            assert words in line
        assert ("colour tags" in line) is colours
        assert len(names(target.parent)) == 10
        told = ffprobe(Path(str(target) % 1), "-show_streams")["streams"][0]
        assert told["pix_fmt"].startswith("rgb48")
    even = still(tmp_path / "out.png" / "%d.png", tmp_path / "again" / "%d.png", "--fps", 25)
    assert "left out" not in even.stdout
    assert probe(ImageSequence(f"{tmp_path}/out.png/%d.png", Fraction(25))).colour["transfer"] == 16


def rgb_of(yuv: list[float], bits: int, full: bool, matrix: int) -> np.ndarray:
    """Return R, G and B from 0 to 1 of Y'CbCr by ITU-R BT.601, BT.709 and BT.2020."""
    red, blue = {6: (0.299, 0.114), 1: (0.2126, 0.0722), 9: (0.2627, 0.0593)}[matrix]
    unit, middle, top = 2.0 ** (bits - 8), 2.0 ** (bits - 1), 2.0**bits - 1
    y = yuv[0] / top if full else (yuv[0] - 16 * unit) / (219 * unit)
    b, r = ((c - middle) / (top if full else 224 * unit) for c in yuv[1:])
    rgb = np.array([y + 2 * (1 - red) * r, 0, y + 2 * (1 - blue) * b])
    rgb[1] = (y - red * rgb[0] - blue * rgb[2]) / (1 - red - blue)
    return rgb.clip(0, 1)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize(("name", "bits"), [("yuv420p", 8), ("yuv422p10le", 10), ("gray", 8)])
def test_colours_are_converted_by_their_matrix_and_range(
    tmp_path, name, bits, matrix, full
) -> None:
    unit = 2 ** (bits - 8)
    colour = {"range": 2 if full else 1, "matrix": matrix, "primaries": 2, "transfer": 2}
    info = VideoInfo("", 64, 48, name, "", Fraction(1, 25), np.arange(5), colour=colour)
    ramp = [[60, 110, 150], [100, 150, 120], [128, 128, 128], [180, 140, 115], [235, 128, 128]]
    ramp = [[unit * v for v in yuv] for yuv in ramp]
    if full:
        ramp[-1][0] = 2**bits - 1
    for suffix in (".png", ".tif"):
        pattern = tmp_path / suffix / f"%d{suffix}"
        with VideoWriter(pattern, info, encoding=Encoding()) as writer:
            for pts, yuv in enumerate(ramp):
                frame = writer.new_frame(pts)
                for plane, value in zip(frame.planes, yuv, strict=False):
                    plane[...] = value
                writer.write(frame)
        for number, yuv in enumerate(ramp, start=1):
            got = cv2.imread(str(pattern) % number, cv2.IMREAD_UNCHANGED)
            assert got.dtype == (np.uint8 if bits == 8 else np.uint16)
            top = np.iinfo(got.dtype).max
            wanted = top * rgb_of([*map(float, yuv)], bits, full, matrix)
            if name == "gray":
                wanted = top * rgb_of([float(yuv[0]), 128.0, 128.0], bits, full, matrix)[:1]
            error = np.abs(got.reshape(48, 64, -1)[..., ::-1] - wanted).max()
            assert error <= (0.51 if bits == 8 else 3)  # 3 of 65535


def test_images_are_stabilized_as_a_lossless_video_is(tmp_path) -> None:
    clip = made_clip(tmp_path / "clip")
    video, images = tmp_path / "rgb.mkv", tmp_path / "in" / "%d.png"
    images.parent.mkdir()
    ffmpeg("-i", f"{clip}.mp4", "-pix_fmt", "rgb24", images)
    ffmpeg("-framerate", 20, "-i", images, "-c:v", "ffv1", "-pix_fmt", "gbrp", video)
    _, *log_and_camera = files(clip)
    how = [*log_and_camera, "--no-sync", "--delay", "-0.25"]
    outputs = tmp_path / "a.mkv", tmp_path / "out" / "%03d.png"
    done = run("stabilize", video, *how, "-o", outputs[0], "--codec", "ffv1")
    assert done.returncode == 0, done.stderr
    done = run("stabilize", images, *how, "--fps", 20, "-o", outputs[1])
    assert done.returncode == 0, done.stderr
    (tmp_path / "frames").mkdir()
    ffmpeg("-i", outputs[0], "-pix_fmt", "rgb24", tmp_path / "frames" / "%03d.png")
    assert len(names(tmp_path / "frames")) == 20
    assert names(tmp_path / "frames") == names(tmp_path / "out")
    moved = 0
    for name in names(tmp_path / "out"):
        one, other = (cv2.imread(str(tmp_path / folder / name)) for folder in ("frames", "out"))
        np.testing.assert_array_equal(one, other)
        moved += (one != cv2.imread(str(tmp_path / "in" / f"{int(name[:3])}.png"))).any()
    assert moved == 20


def test_from_python_and_with_the_log_beside_the_folder(tmp_path) -> None:
    source = made_images(tmp_path / "walk" / "%d.png", n=4)
    made_log(tmp_path).rename(tmp_path / "walk.csv")
    plan = stabilize(
        ImageSequence(str(source), Fraction(25)),
        None,
        tmp_path / "out" / "%d.tif",
        camera=Camera.from_hfov(65, 48, 1.0, readout_time=0.01),
        sync=ClockSync(delay=0.0),
        smoother=SMOOTHERS["gaussian"](),
    )
    assert plan.frame_times.tolist() == [0.0, 0.04, 0.08, 0.12]
    assert names(tmp_path / "out") == ["1.tif", "2.tif", "3.tif", "4.tif"]


def test_folders_are_swapped_and_leftovers_of_dead_processes_removed(tmp_path) -> None:
    folder = tmp_path / "out"
    running = partial_name(folder)
    dead = of_process(running, NO_PROCESS)
    others = [tmp_path / name for name in ("out.partial-x", f"x{dead.name}", f"{dead.name}.d")]
    earlier = tmp_path / dead.name.replace("partial", "earlier")
    for made in (running, dead, earlier, *others):
        made.mkdir()
        (made / "1.png").write_text(made.name)
    partial = partial_name(folder)
    assert not dead.exists()
    assert sorted(tmp_path.iterdir()) == sorted([running, earlier, *others])
    partial.mkdir()
    put_in_place(partial, folder)
    put_in_place(running, folder)
    assert (folder / "1.png").read_text() == running.name
    partial_name(folder)
    assert sorted(tmp_path.iterdir()) == sorted([folder, *others])


def test_a_swap_that_fails_leaves_what_was_there(tmp_path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "1.png").write_text("earlier")
    with pytest.raises(FileNotFoundError):
        put_in_place(tmp_path / "none", folder)
    assert names(tmp_path) == ["out"]
    assert (folder / "1.png").read_text() == "earlier"


@pytest.mark.skipif(sys.platform == "win32", reason="has other signals")
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_run_leaves_the_earlier_images(tmp_path, sent) -> None:
    source = made_images(tmp_path / "in" / "%d.png", n=300)
    target, log = tmp_path / "out" / "%d.png", made_log(tmp_path)
    target.parent.mkdir()
    Path(str(target) % 1).write_bytes(b"earlier")
    call = ["stabilize", source, log, "-o", target, *STILL, "--fps", 90, "--overwrite"]
    process = subprocess.Popen(
        [*STABILIZER, *map(str, call)],
        env=ENVIRONMENT,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        preexec_fn=interruptible,
    )
    while not list(tmp_path.glob("out.partial-*/5.png")):
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(sent)
    code = process.wait(20)
    assert code == (-signal.SIGKILL if sent == signal.SIGKILL else 130)
    assert Path(str(target) % 1).read_bytes() == b"earlier"
    assert names(target.parent) == ["1.png"]
    left = [name for name in names(tmp_path) if name not in ("in", "log.csv", "out")]
    assert len(left) == (1 if sent == signal.SIGKILL else 0)
    assert still(source, target, "--fps", 90, "--overwrite").returncode == 0
    assert names(tmp_path) == ["in", "log.csv", "out"]
    assert len(names(target.parent)) == 300


@pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")
def test_images_that_cannot_be_written_leave_nothing(tmp_path) -> None:
    import resource

    source = made_images(tmp_path / "in" / "%d.png", n=4)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    log = made_log(tmp_path)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, before[1]))  # a fourth of an image
        done = run("stabilize", source, log, "-o", tmp_path / "out" / "%d.png", *STILL, "--fps", 25)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    refused(done, "cannot be written: File too large")
    assert names(tmp_path) == ["in", "log.csv"]


@pytest.mark.parametrize(
    ("named", "advice"),
    [("a_%03d.png", "a_%03d.png"), ("%d.tif", "%d.tif"), ("x.bmp", "%05d.bmp")],
)
def test_one_image_is_no_video(tmp_path, named, advice) -> None:
    (tmp_path / "in").mkdir()
    for number in (9, 10):
        image = tmp_path / "in" / (named % number if "%" in named else named)
        cv2.imwrite(str(image), noise(number, np.uint8))
    words = ("is one image; name the sequence", f"in/{advice} --fps 30")
    refused(still(image, tmp_path / "out" / "a.mp4"), *words)
    refused(run("info", image, "--fps", 25), *words)


def test_an_image_is_an_input(tmp_path) -> None:
    made_images(tmp_path / "in" / "%d.png", n=3)
    log = made_log(tmp_path)
    call = ("plan", tmp_path / "in", log, "--fps", 25, *STILL, "--overwrite")
    refused(run(*call, "--plot", tmp_path / "in" / "2.png"), "is an input too")
    assert os.listdir(tmp_path / "in")
