"""Damaged videos: what is left out is neither planned nor read, and what is read keeps its time."""

import json
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import starmap
from pathlib import Path
from zlib import compress, crc32

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from stabilizer.errors import StabilizerError
from stabilizer.pipeline import plan_video, render, stabilize
from stabilizer.smoothing import Unsmoothed
from stabilizer.sync import ClockSync
from stabilizer.video import VideoReader, probe
from stabilizer.video.pyav.frame_order import in_order
from tests.command_line import ENVIRONMENT, files, made_clip, refused, run
from tests.test_video import OPEN_GOP, TIME_BASE, assert_same_planes, write_clip
from tests.witness import ffmpeg, ffprobe

N = 120
STEP = 3003
NO_B_FRAMES = {"bf": "0"}
FAR = 10**7

Times = NDArray[np.int64]


def with_times(source: Path, target: Path, changed: Callable[[Times], None]) -> None:
    """Copy a clip; `changed` gets the presentation times, in order of decoding, and edits them.

    Matroska stores no other times, in ms from 0 on.
    """
    with av.open(source) as old, av.open(target, "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        packets = [p for p in old.demux(video=0) if p.size]
        pts = np.array([p.pts for p in packets])
        changed(pts)
        for i, (packet, ticks) in enumerate(zip(packets, pts.tolist(), strict=True)):
            packet.pts, packet.dts, packet.stream = ticks, i - 2 * FAR, stream
            packet.time_base = TIME_BASE
            new.mux(packet)


def put(where: int | slice, ticks: int) -> Callable[[Times], None]:
    def changed(pts: Times) -> None:
        pts[where] += ticks

    return changed


def nothing(pts: Times) -> None:
    pass


def read(path: Path, **cut: float) -> tuple[list[int], list[NDArray[np.uint8]]]:
    with VideoReader(path, **cut) as reader:
        frames = list(reader)
    return [frame.pts for frame in frames], [frame.planes[0] for frame in frames]


# The rule


def decoded_order(n: int, b_frames: int) -> Times:
    """Return times in order of decoding: before each group of B-frames, the frame after it."""
    order = np.arange(n)
    for i in range(1, n - b_frames, b_frames + 1):
        order[i : i + b_frames + 1] = np.roll(order[i : i + b_frames + 1], 1)
    return order * STEP


@pytest.mark.parametrize("b_frames", [0, 2, 16, 31])
def test_times_of_a_sound_stream_are_all_right(b_frames: int) -> None:
    pts = decoded_order(1000, b_frames)
    assert in_order(pts).all()
    pts[pts > 500 * STEP] += FAR  # a pause
    assert in_order(pts).all()
    assert in_order(pts[:1]).all() and in_order(np.array([5, 5, 5])).all()


@pytest.mark.parametrize("b_frames", [0, 2, 31])
@pytest.mark.parametrize("where", [slice(400, 401), slice(400, 430), slice(600, 700)])
@pytest.mark.parametrize("ticks", [-FAR, FAR, 300 * STEP, -300 * STEP])
def test_times_out_of_order_are_found_and_no_other(b_frames, where, ticks) -> None:
    pts = decoded_order(1000, b_frames)
    pts[where] += ticks
    found = np.flatnonzero(~in_order(pts))
    assert found.tolist() == list(range(1000))[where]


def test_a_clip_that_begins_again_keeps_its_longer_part() -> None:
    """But for some at the start, whose times both parts have."""
    pts = np.concatenate([decoded_order(300, 2), decoded_order(700, 2)])
    assert np.count_nonzero(in_order(pts) != (np.arange(1000) >= 300)) < 10


# What is read


@pytest.fixture(scope="module", params=["no B-frames", "B-frames"])
def sound(tmp_path_factory, request) -> Path:
    path = tmp_path_factory.mktemp("sound") / "clip.mp4"
    options = OPEN_GOP if request.param == "B-frames" else NO_B_FRAMES
    write_clip(path, pts=range(0, N * STEP, STEP), options=options)
    return path


@pytest.mark.parametrize(
    ("changed", "n_wrong"),
    [
        (put(60, FAR), 1),
        (put(60, 10 * STEP), 1),
        (put(60, -10 * STEP), 1),
        (put(slice(20, 28), FAR), 8),
        (put(slice(90, 100), -80 * STEP), 10),
        (put(3, FAR), 1),
    ],
    ids=["far", "ahead", "back", "many far", "many back", "early"],
)
def test_wrong_times_cost_their_own_frames_only(
    sound: Path, tmp_path: Path, changed: Callable[[Times], None], n_wrong: int
) -> None:
    with_times(sound, tmp_path / "sound.mkv", nothing)
    with_times(sound, tmp_path / "clip.mkv", changed)
    truth = dict(zip(*read(tmp_path / "sound.mkv"), strict=True))
    assert len(truth) == N
    pts, planes = read(tmp_path / "clip.mkv")
    info = probe(tmp_path / "clip.mkv")
    assert set(pts) <= set(info.frame_pts.tolist())
    assert len(pts) == N - n_wrong
    for ticks, plane in zip(pts, planes, strict=True):
        assert_same_planes([plane], [truth[ticks]])
    assert len(info.frame_pts) + len(info.untimed) + info.repeated == N
    start = pts[70] / info.time_base.denominator
    assert read(tmp_path / "clip.mkv", start=start)[0] == pts[70:]


def test_times_of_decoding_are_refused_as_those_of_presentation(sound, tmp_path) -> None:
    """As .mp4 files of some programs have them; without B-frames they are the same."""
    with_times(sound, tmp_path / "clip.mkv", np.ndarray.sort)
    with av.open(sound) as container:
        pts = [p.pts for p in container.demux(video=0) if p.size]
    if pts == sorted(pts):
        assert len(read(tmp_path / "clip.mkv")[0]) == N
    else:
        with pytest.raises(StabilizerError, match="no presentation times of their own"):
            read(tmp_path / "clip.mkv")


def without_pts(source: Path, target: Path, indices: list[int]) -> None:
    """Take the times from packets of an MPEG transport stream."""
    content = bytearray(source.read_bytes())
    heads = [i for i in range(len(content)) if content.startswith(b"\0\0\1\xe0", i)]
    for i in indices:
        content[heads[i] + 7] &= 0x3F  # says whether PTS and DTS follow
    target.write_bytes(content)


def test_frames_without_a_time_are_left_out_and_counted(tmp_path: Path) -> None:
    write_clip(tmp_path / "sound.ts", pts=range(0, N * STEP, STEP), options=OPEN_GOP)
    without_pts(tmp_path / "sound.ts", tmp_path / "clip.ts", [40, 41, 70])
    truth = dict(zip(*read(tmp_path / "sound.ts"), strict=True))
    info = probe(tmp_path / "clip.ts")
    pts, planes = read(tmp_path / "clip.ts")
    assert pts == info.frame_pts.tolist()
    assert (len(pts), len(info.untimed)) == (N - 3, 3)
    for ticks, plane in zip(pts, planes, strict=True):
        assert_same_planes([plane], [truth[ticks]])


def test_a_stream_of_which_most_frames_have_no_time_is_refused(tmp_path: Path) -> None:
    write_clip(tmp_path / "sound.ts", pts=range(0, N * STEP, STEP), options=OPEN_GOP)
    without_pts(tmp_path / "sound.ts", tmp_path / "clip.ts", [*range(5, N - 1)])
    with pytest.raises(StabilizerError, match="no presentation times of their own"):
        probe(tmp_path / "clip.ts")


# Files that say of no frame when it is shown


def brightening(path: Path, *encoder: str) -> list[int]:
    """Have ffmpeg write frames, each brighter than the one before; return how bright they are."""
    look = "-f lavfi -i color=gray:s=64x48:r=30:d=2,geq=lum=3*N+30:cb=128:cr=128"
    ffmpeg(*look.split(), *encoder, path)
    return [3 * k + 30 for k in range(60)]


@pytest.mark.parametrize(
    ("suffix", "encoder"),
    [
        (".avi", "-c:v libxvid -q:v 2 -bf 2"),
        (".avi", "-c:v mpeg4 -q:v 2 -bf 2"),
        (".avi", "-c:v libx264 -crf 5 -bf 3"),
        (".asf", "-c:v libx264 -crf 5 -bf 3"),
    ],
    ids=["packed B-frames", "B-frames", "H.264", "ASF"],
)
def test_frames_are_shown_in_their_order_one_per_packet(tmp_path, suffix, encoder) -> None:
    """FFmpeg guesses times for them, which are wrong."""
    path = tmp_path / f"clip{suffix}"
    made = brightening(path, *encoder.split())
    info = probe(path)
    pts, planes = read(path)
    assert (info.damage, len(info.faults), len(info.untimed)) == ("", 0, 0)
    assert pts == info.frame_pts.tolist()
    assert len(pts) >= len(made) - 2  # as many as the encoder wrote
    brightness = [int(np.median(plane)) for plane in planes]
    np.testing.assert_allclose(brightness, made[: len(pts)], atol=1.4)
    t = np.array(pts) * float(info.time_base)
    assert t[-1] - t[0] == pytest.approx(59 / 30, abs=0.002)
    part = np.array(pts)[(t >= 1.0) & (t < 1.5)]
    assert read(path, start=1.0, end=1.5)[0] == part.tolist()


def test_avi_that_is_cut_off_is_known_to_be(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    brightening(path, "-c:v", "mjpeg")
    assert not probe(path).damage
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert probe(path).damage == "it ends before it says"


# Pictures that would not fit into memory

PEAK = """
import resource, sys
from fractions import Fraction
from stabilizer.errors import StabilizerError
from stabilizer.video import ImageSequence, VideoReader, probe
path = sys.argv[1]
source = ImageSequence(path, Fraction(25)) if "%" in path else path
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
before = peak()
try:
    probe(source)
    with VideoReader(source) as reader:
        print(len([frame.pts for frame in reader]))
except StabilizerError as error:
    print(error)
print(peak() - before)
"""


def read_alone(path: Path) -> tuple[str, int]:
    """Read a file in a process of its own; return what came of it, and MB of memory it took."""
    command = [sys.executable, "-c", PEAK, path]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    told, peak = done.stdout.splitlines()
    return told, int(peak)


def png(size: int) -> bytes:
    """Return a PNG whose head says `size` x `size` pixels of RGB, and that ends soon."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc32(name + data))

    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", compress(bytes(9999))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(starmap(chunk, parts))


TOO_LARGE = [14_000, 60_000]
"""FFmpeg's own limit lies between them."""


@pytest.mark.parametrize("size", TOO_LARGE)
def test_an_image_that_says_it_is_huge_takes_no_memory(tmp_path: Path, size: int) -> None:
    for number in (1, 2):
        (tmp_path / f"{number}.png").write_bytes(png(size))
    told, peak = read_alone(tmp_path / "%d.png")
    assert "its pictures have no size, or one over 12288x12288 pixels" in told
    assert peak < 100


@pytest.mark.parametrize("size", TOO_LARGE)
def test_a_head_that_says_frames_are_huge_is_refused(tmp_path: Path, size: int) -> None:
    write_clip(tmp_path / "clip.mkv", codec="ffv1", pts=range(5), width=384, height=272, options={})
    content = (tmp_path / "clip.mkv").read_bytes()
    for element, pixels in ((b"\xb0\x82", 384), (b"\xba\x82", 272)):  # PixelWidth, PixelHeight
        element_of = partial(struct.pack, f">{len(element)}sH", element)
        assert content.count(element_of(pixels)) == 1
        content = content.replace(element_of(pixels), element_of(size))
    (tmp_path / "clip.mkv").write_bytes(content)
    told, peak = read_alone(tmp_path / "clip.mkv")
    assert "its pictures have no size, or one over 12288x12288 pixels" in told
    assert peak < 100


def test_huge_frames_that_a_codec_tells_of_are_refused(tmp_path: Path) -> None:
    """Of MPEG-2, whose sizes are 12 bits in one head and 2 in another."""
    path, size = tmp_path / "clip.mpg", 14_000
    write_clip(path, codec="mpeg2video", pts=range(10), time_base=Fraction(1, 30))
    content = bytearray(path.read_bytes())
    for i in range(len(content)):
        if content.startswith(b"\0\0\1\xb3", i):
            content[i + 4 : i + 7] = (0x1001 * (size & 0xFFF)).to_bytes(3, "big")
        if content.startswith(b"\0\0\1\xb5\x14", i):
            content[i + 5] |= size >> 13
            content[i + 6] |= (size >> 12 & 1) << 7 | size >> 12 << 5
    path.write_bytes(content)
    told, peak = read_alone(path)
    assert f"its pictures have {size}x{size} pixels, more than 12288x12288 pixels" in told
    assert peak < 100


@pytest.mark.parametrize("size", TOO_LARGE)
def test_a_frame_that_becomes_huge_is_left_out(tmp_path: Path, size: int) -> None:
    path = tmp_path / "clip.mkv"
    write_clip(path, codec="mjpeg", pixel_format="yuvj420p", pts=range(0, 10 * STEP, STEP))
    content = bytearray(path.read_bytes())
    at = [i for i in range(len(content)) if content.startswith(b"\xff\xc0", i)][4]
    content[at + 5 : at + 9] = struct.pack(">HH", size, size)
    path.write_bytes(content)
    told, peak = read_alone(path)
    assert told == "9"
    assert peak < 100


# What is told of it


@pytest.fixture(scope="module")
def stem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_clip(tmp_path_factory.mktemp("damaged") / "clip")


def remuxed(source: Path, target: Path, *, sound: bool = False) -> Path:
    with av.open(source) as old, av.open(target, "w") as new:
        kept = [*old.streams.video, *(old.streams.audio if sound else ())]
        copies = {stream.index: new.add_stream_from_template(stream) for stream in kept}
        for packet in old.demux(kept):
            if packet.size:
                packet.stream = copies[packet.stream_index]
                new.mux(packet)
    return target


def damaged(stem: Path, folder: Path) -> Path:
    """Return the clip of 20 frames without the times of two, from about 0.3 s on."""
    sound = remuxed(Path(f"{stem}.mp4"), folder / "sound.ts")
    without_pts(sound, folder / "clip.ts", [7, 12])
    return folder / "clip.ts"


def cut_off(stem: Path, folder: Path) -> Path:
    whole, part = remuxed(Path(f"{stem}.mp4"), folder / "whole.mkv"), folder / "part.mkv"
    part.write_bytes(whole.read_bytes()[: int(0.8 * whole.stat().st_size)])
    return part


def test_frames_without_a_time_are_lost_and_the_others_keep_theirs(stem, tmp_path) -> None:
    path, output, summary = damaged(stem, tmp_path), tmp_path / "a.mp4", tmp_path / "a.json"
    arguments = [path, *files(stem)[1:], "--no-sync"]
    done = run("stabilize", *arguments, "-o", output, "--summary", summary)
    assert done.returncode == 4, done.stderr
    facts = json.loads(summary.read_text())
    assert facts["lost"] == "2 frames have no time, or one out of order: 18 of 20 frames were saved"
    assert facts["frames"]["untimed_in_video"] == 2
    np.testing.assert_allclose(probe(output).frame_times, probe(path).frame_times, atol=1e-5)
    strict = tmp_path / "strict.mp4"
    refused(run("stabilize", *arguments, "-o", strict, "--strict"), "2 frames have no time")
    refused(
        run("stabilize", *arguments, "-o", strict, "--strict", "--dry-run"), "2 frames have no time"
    )
    assert run("stabilize", *arguments, "-o", strict, "--strict", "--end", "0.2").returncode == 0


@pytest.mark.parametrize(
    ("n_bytes", "told"),
    [(188 * 30 + 17, "it is cut off"), (-188, "it is damaged at 1 place"), (None, "")],
    ids=["inside a packet", "inside sound", "whole"],
)
def test_a_transport_stream_that_is_cut_off_is_known_to_be(
    stem, tmp_path, caplog, n_bytes, told
) -> None:
    output = tmp_path / "a.mp4"
    path = remuxed(Path(f"{stem}.mp4"), tmp_path / "clip.ts", sound=True)
    path.write_bytes(path.read_bytes()[:n_bytes])
    arguments = [path, *files(stem)[1:], "--no-sync", "-o", output]
    done = run("stabilize", *arguments)
    assert done.returncode == (4 if n_bytes else 0)
    assert told in caplog.text
    if n_bytes:
        refused(run("stabilize", *arguments, "--overwrite", "--strict"), f"{told}; strict")


def with_tone(path: Path, *encoder: str) -> bytes:
    """Have ffmpeg write 3 s of pictures and sound; return the file."""
    sources = "-f lavfi -i testsrc2=s=320x240:r=30:d=3 -f lavfi -i sine=d=3"
    ffmpeg(*sources.split(), *encoder, path)
    return path.read_bytes()


def test_pictures_of_a_fragment_are_saved_where_its_sound_is_missing(tmp_path: Path) -> None:
    """As where the fragment is cut off: FFmpeg reads no track on where one ends."""
    path = tmp_path / "clip.mp4"
    one = "-c:v libx264 -g 300 -c:a aac -movflags frag_keyframe+empty_moov"
    content = with_tone(path, *one.split())
    assert not probe(path).damage
    path.write_bytes(content[: 7 * len(content) // 10])
    there = ffprobe(path, "-select_streams", "v", "-show_packets")["packets"]
    info = probe(path)
    assert info.damage == f"it is cut off, with {len(info.frame_pts)} of 90 frames"
    assert len(info.frame_pts) == pytest.approx(len(there), abs=1)
    assert len(read(path)[0]) >= len(info.frame_pts) - 1  # the last packet is cut


def test_ogg_that_is_cut_off_is_known_to_be_at_any_byte(tmp_path: Path) -> None:
    path = tmp_path / "clip.ogv"
    content = with_tone(path, "-c:v", "libtheora", "-c:a", "libvorbis")
    assert not probe(path).damage
    pages = [i for i in range(len(content) // 3, len(content)) if content.startswith(b"OggS", i)]
    assert len(pages) > 5
    for at in [*pages, *(page + 13 for page in pages), len(content) - 1]:
        path.write_bytes(content[:at])
        assert probe(path).damage


@pytest.mark.parametrize("suffix", [".gif", ".apng", ".flv"])
@pytest.mark.parametrize("part", [0.45, 0.6, 0.95])
def test_what_is_cut_off_is_known_to_be(tmp_path: Path, suffix: str, part: float) -> None:
    path = tmp_path / f"clip{suffix}"
    options = [] if suffix != ".flv" else ["-c:v", "libx264", "-bf", "2"]
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x240:r=20:d=1.6", *options, path)
    info = probe(path)
    assert (info.damage, len(info.faults), len(info.frame_pts)) == ("", 0, 32)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    info = probe(path)
    assert info.damage or len(info.faults)
    told = ffmpeg("-i", path, "-fps_mode", "passthrough", "-f", "framecrc", "-", check=False)
    n_decoded = len([line for line in told.splitlines() if not line.startswith("#")])
    assert len(read(path)[0]) >= n_decoded


N_GONE = 3000
N_LONG = 60


def overwritten(content: bytes, at: int) -> bytes:
    return content[:at] + np.random.default_rng(at).bytes(N_GONE) + content[at + N_GONE :]


def emptied(content: bytes, at: int) -> bytes:
    return content[:at] + bytes(N_GONE) + content[at + N_GONE :]


def shortened(content: bytes, at: int) -> bytes:
    return content[:at] + content[at + N_GONE :]


@pytest.fixture(scope="module")
def long_stem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_clip(tmp_path_factory.mktemp("long") / "clip", "--duration", "3")


@pytest.mark.parametrize("suffix", [".mkv", ".ts"])
@pytest.mark.parametrize("damage", [overwritten, emptied, shortened])
def test_damage_in_the_middle_is_told_where_the_file_can_be_read_on(
    long_stem: Path, tmp_path: Path, suffix: str, damage: Callable[[bytes, int], bytes]
) -> None:
    whole = remuxed(Path(f"{long_stem}.mp4"), tmp_path / f"whole{suffix}", sound=True)
    path, output = tmp_path / f"clip{suffix}", tmp_path / "a.mp4"
    content = whole.read_bytes()
    path.write_bytes(damage(content, len(content) // 2))
    arguments = [*files(long_stem)[1:], "--no-sync", "-o", output, "--overwrite"]
    done = run("stabilize", path, *arguments)
    assert done.returncode == 4, done.stderr
    assert 0.3 * N_LONG < len(probe(output).frame_pts) <= N_LONG
    refused(run("stabilize", path, *arguments, "--strict"), "strict refuses to save the rest")
    assert run("stabilize", whole, *arguments, "--strict").returncode == 0


def test_damage_before_the_end_of_a_cut_is_told_and_no_other(long_stem, tmp_path) -> None:
    path = remuxed(Path(f"{long_stem}.mp4"), tmp_path / "clip.mkv")
    content = path.read_bytes()
    path.write_bytes(emptied(content, len(content) // 2))
    arguments = [path, *files(long_stem)[1:], "--no-sync", "-o", tmp_path / "a.mp4", "--overwrite"]
    assert run("stabilize", *arguments, "--end", "1").returncode == 0
    assert run("stabilize", *arguments, "--end", "2.9").returncode == 4


def n_packets(path: Path) -> int:
    """Return how many packets of sound ffprobe finds."""
    told = ffprobe(path, "-count_packets", "-select_streams", "a", "-show_streams")
    return int(told["streams"][0]["nb_read_packets"])


@pytest.mark.parametrize(("n_gone", "n_unusable"), [(1, 1), (5, 3)])
def test_sound_with_holes_is_saved_without_the_pieces_that_are_none(
    long_stem: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, n_gone: int, n_unusable: int
) -> None:
    path, output = tmp_path / "clip.ts", tmp_path / "a.mp4"
    remuxed(Path(f"{long_stem}.mp4"), path, sound=True)
    content = path.read_bytes()
    packets = [content[i : i + 188] for i in range(0, len(content), 188)]
    ends = [i for i, packet in enumerate(packets) if packet[1:3] == b"\x01\x01"]
    gone = set(ends[len(ends) // 2 :][:n_gone])
    assert len(gone) == n_gone
    path.write_bytes(b"".join(p for i, p in enumerate(packets) if i not in gone))
    done = run("stabilize", path, *files(long_stem)[1:], "--no-sync", "-o", output)
    assert done.returncode == 4, done.stderr
    assert "its other tracks are damaged" in caplog.text
    assert n_packets(output) == n_packets(path) - n_unusable


def test_damaged_sound_outside_a_cut_is_not_told(long_stem, tmp_path) -> None:
    path, output = tmp_path / "clip.mkv", tmp_path / "a.mp4"
    remuxed(Path(f"{long_stem}.mp4"), tmp_path / "whole.mkv", sound=True)
    content = bytearray((tmp_path / "whole.mkv").read_bytes())
    with av.open(tmp_path / "whole.mkv") as container:
        packet = [p for p in container.demux(audio=0) if p.size][10]
    content[packet.pos + 8 : packet.pos + packet.size] = b"\xff" * (packet.size - 8)
    path.write_bytes(content)
    call = ["stabilize", path, *files(long_stem)[1:], "--no-sync", "-o", output, "--overwrite"]
    assert run(*call).returncode == 4
    assert run(*call, "--start", "1").returncode == 0


def test_sound_that_cannot_be_decoded_is_copied_and_told(long_stem, tmp_path, caplog) -> None:
    whole, path, output = Path(f"{long_stem}.mp4"), tmp_path / "clip.mp4", tmp_path / "a.mp4"
    content = bytearray(whole.read_bytes())
    with av.open(whole) as container:
        packets = [p for p in container.demux(audio=0) if p.size]
    for packet in packets[len(packets) // 2 :][:3]:
        content[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    path.write_bytes(content)
    arguments = [*files(long_stem)[1:], "--no-sync", "-o", output, "--overwrite"]
    assert run("stabilize", path, *arguments).returncode == 4
    assert "its other tracks are damaged" in caplog.text
    assert n_packets(output) == n_packets(path)
    refused(run("stabilize", path, *arguments, "--strict"), "its other tracks are damaged")
    assert run("stabilize", whole, *arguments, "--start", "1", "--strict").returncode == 0


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_of_clips_put_one_behind_the_other_one_is_saved(
    long_stem, tmp_path, caplog, suffix
) -> None:
    """Whose clock, in a transport stream, begins again."""
    once = remuxed(Path(f"{long_stem}.mp4"), tmp_path / "once.ts", sound=True).read_bytes()
    path, output = tmp_path / "twice.ts", tmp_path / f"a{suffix}"
    path.write_bytes(2 * once)
    done = run("stabilize", path, *files(long_stem)[1:], "--no-sync", "-o", output)
    assert done.returncode == 4, done.stderr
    assert "its other tracks are damaged" in caplog.text
    assert len(probe(output).frame_pts) == pytest.approx(N_LONG, abs=2)


@pytest.mark.parametrize("gap", [10, 40])
def test_missing_frames_are_counted_where_times_are_rounded(tmp_path: Path, gap: int) -> None:
    pts = [i * STEP for i in range(N) if not 50 <= i < 50 + gap]
    write_clip(tmp_path / "clip.mkv", pts=pts)
    info = probe(tmp_path / "clip.mkv")
    assert info.time_base == Fraction(1, 1000)
    assert (info.missing, len(info.faults), info.damage) == (gap, 0, "")


@pytest.mark.parametrize("make", [damaged, cut_off])
def test_strict_looks_at_the_frames_of_the_plan_alone(stem, tmp_path, make) -> None:
    path, plan, output = make(stem, tmp_path), tmp_path / "a.npz", tmp_path / "a.mp4"
    for end, code in (("0.2", 0), ("0.9", 2)):
        made = run(
            "plan", path, *files(stem)[1:], "--no-sync", "--save-plan", plan, "--end", end,
            "--overwrite",
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        done = run("stabilize", path, "--plan", plan, "-o", output, "--strict", "--overwrite")
        assert done.returncode == code, done.stderr
    assert "strict refuses to save the rest" in done.stderr


def test_strict_refuses_known_damage_before_it_renders(stem, tmp_path) -> None:
    info = probe(cut_off(stem, tmp_path))
    log, camera = f"{stem}.csv", f"{stem}.camera.json"
    options = {"camera": camera, "sync": ClockSync(delay=-0.25), "smoother": Unsmoothed()}
    plan = plan_video(info, log, **options)
    steps: list[int] = []
    for refusing in (
        lambda: render(info, plan, tmp_path / "a.mp4", strict=True, progress=note(steps)),
        lambda: stabilize(
            info, log, tmp_path / "a.mp4", strict=True, progress=note(steps), **options
        ),
    ):
        with pytest.raises(StabilizerError, match="strict refuses to save the rest"):
            refusing()
    assert steps == []
    rendered = render(info, plan, tmp_path / "a.mp4", progress=note(steps))
    assert steps and rendered.lost


def note(steps: list[int]) -> Callable[[int, int], None]:
    return lambda done, total: steps.append(done)


def test_a_planned_frame_that_does_not_come_is_lost_and_moves_no_other(stem, tmp_path) -> None:
    """One is planned that no packet has, and one that no decoder gives."""
    source = Path(f"{stem}.mp4")
    with av.open(source) as container:
        packets = [p for p in container.demux(video=0) if p.size]
    content = bytearray(source.read_bytes())
    hole = packets[12]  # a B-frame
    content[hole.pos : hole.pos + hole.size] = bytes(hole.size)
    (tmp_path / "clip.mp4").write_bytes(content)
    info = probe(tmp_path / "clip.mp4")
    between = int(info.frame_pts[[4, 5]].mean())
    info = replace(info, frame_pts=np.insert(info.frame_pts, 5, between))
    options = {"camera": f"{stem}.camera.json", "sync": ClockSync(delay=-0.25)}
    plan = plan_video(info, f"{stem}.csv", smoother=Unsmoothed(), **options)
    rendered = render(info, plan, tmp_path / "a.mp4")
    assert rendered.lost == "some of it cannot be decoded: 19 of 21 frames were saved"
    kept = [p for p in info.frame_pts.tolist() if p not in (between, hole.pts)]
    expected = [float(p * info.time_base) for p in kept]
    np.testing.assert_allclose(probe(tmp_path / "a.mp4").frame_times, expected, atol=1e-5)
