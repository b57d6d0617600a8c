"""Sound of every codec into every container: packet by packet, or encoded anew and said."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from stabilizer.video import Encoding, VideoReader, VideoWriter, probe
from tests.witness import ffmpeg, ffprobe

pytestmark = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="ffmpeg, which makes and judges, is not installed"
)

PICTURES = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.4")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
ENCODINGS = {".webm": Encoding("vp9", preset="ultrafast")}
SUFFIXES = (".mp4", ".mov", ".mkv", ".webm")
CODECS = (
    *("aac", "alac", "flac", "truehd", "libopus", "libspeex", "wmav2", "adpcm_ms"),
    *("pcm_s16le", "pcm_alaw"),
)
KEPT = {
    ".mp4": ("aac", "alac", "flac", "libopus"),
    ".mov": ("aac", "alac", "pcm_s16le"),
    ".mkv": ("aac", "alac", "flac", "truehd", "libopus", "pcm_s16le"),
    ".webm": ("libopus",),
}
"""What containers are known to hold; they may hold more."""


def copied(source: Path, target: Path) -> VideoWriter:
    info = probe(source)
    encoding = ENCODINGS.get(target.suffix, Encoding(preset="ultrafast"))
    with (
        VideoReader(source) as reader,
        VideoWriter(target, info, encoding=encoding, tracks_from=source) as writer,
    ):
        for frame in reader:
            writer.write(frame)
    return writer


def sounds(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ffprobe(path, "-select_streams", "a", "-show_streams")["streams"]
    return found


def packets(path: Path) -> bytes:
    """Return what is in the packets of sound, one after the other."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:a", "-c", "copy", "-f", "data"]
    return subprocess.run([*command, "-"], capture_output=True, check=True).stdout


def played(path: Path, *options: str) -> NDArray[np.int16]:
    """Return the sound's samples (N,) at 48 kHz."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:a", *options, "-f", "s16le"]
    done = subprocess.run(
        [*command, "-ac", "1", "-ar", "48000", "-"], capture_output=True, check=True
    )
    return np.frombuffer(done.stdout, np.int16)


@pytest.mark.parametrize("codec", CODECS)
def test_sound_is_the_same_or_encoded_anew_and_said(tmp_path: Path, codec: str) -> None:
    source = tmp_path / "in.mkv"
    sine = ("-f", "lavfi", "-i", "sine=d=0.4")
    sound = ("-ar", "16000" if codec == "libspeex" else "48000", "-ac", "2", "-c:a", codec)
    try:
        ffmpeg(*PICTURES, *sine, *H264, *sound, "-strict", "-2", source)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"this ffmpeg cannot make {codec}: {error.stderr}")
    for suffix in SUFFIXES:
        target = tmp_path / f"out{suffix}"
        changed = copied(source, target).changed
        (after,) = sounds(target)
        if suffix == ".mp4" and codec.startswith("pcm_"):  # known to few players there
            assert changed
        if changed:
            name = "opus" if suffix == ".webm" else "aac"
            assert codec not in KEPT[suffix]
            assert [c.split()[-1].removeprefix("lib") for c in changed] == [name], suffix
            assert (after["codec_name"], after["channels"]) == (name, 2)
        else:
            assert packets(target) == packets(source), suffix
        two_frames = 2 * 1024 * 48_000 // int(after["sample_rate"])
        assert len(played(target)) == pytest.approx(len(played(source)), abs=two_frames)


@pytest.mark.parametrize(
    ("layout", "suffix", "channels", "said"),
    [
        ("5.1(side)", ".webm", 6, "libopus"),
        ("7.1", ".mp4", 8, "aac"),
        ("2.1", ".webm", 2, "libopus stereo"),
        ("2.1", ".mp4", 3, "aac"),
    ],
)
def test_channels_are_kept_where_the_encoder_has_them(
    tmp_path: Path, layout: str, suffix: str, channels: int, said: str
) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    silence = ("-f", "lavfi", "-i", f"anullsrc=cl={layout}:d=0.4")
    ffmpeg(*PICTURES, *silence, *H264, "-c:a", "wavpack", source)
    assert copied(source, target).changed == [f"audio wavpack as {said}"]
    assert [s["channels"] for s in sounds(target)] == [channels]


@pytest.mark.parametrize("codec", ["pcm_s16le", "wavpack"])
@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_sound_after_a_hole_keeps_its_time(tmp_path: Path, codec: str, suffix: str) -> None:
    """A click at 3.2 s, and no packets from 1 to 2 s."""
    whole, source, target = (tmp_path / name for name in ("all.mkv", "in.mkv", f"out{suffix}"))
    with_click(whole, codec)
    moved(whole, source, lambda t: None if 1 <= t < 2 else t)
    assert copied(source, target).changed
    found, wanted = (loudest(path) for path in (target, whole))
    assert wanted == pytest.approx(3.2, abs=1e-3)
    assert found == pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_s24le", "pcm_f32le", "pcm_u8", "pcm_alaw"])
def test_pcm_after_a_hole_keeps_its_time_in_quicktime(tmp_path: Path, codec: str) -> None:
    """QuickTime has no times for samples of PCM, which is copied."""
    whole, source, target = (tmp_path / name for name in ("all.mkv", "in.nut", "out.mov"))
    with_click(whole, codec)
    moved(whole, source, lambda t: None if 0.5 <= t < 2.75 else t)
    assert copied(source, target).changed == []
    assert loudest(target) == pytest.approx(loudest(whole), abs=2e-3)
    hole = played(target)[48_000 : int(2.7 * 48_000)]
    assert np.abs(hole.astype(int)).max() <= 8  # the least that A-law knows


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_sound_that_begins_late_begins_as_late_encoded_anew(tmp_path: Path, suffix: str) -> None:
    whole, source, target = (tmp_path / name for name in ("all.mkv", "in.mkv", f"out{suffix}"))
    with_click(whole, "wavpack")
    moved(whole, source, lambda t: None if t < 1 else t)
    assert copied(source, target).changed
    assert len(played(target)) == pytest.approx(3 * 48_000, abs=4096)
    assert loudest(target, *FROM_0) == pytest.approx(loudest(whole), abs=1e-3)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize(("begin", "said"), [(0, "faded in from 0.000"), (0.6, "faded in from ")])
def test_what_an_edit_list_hides_moves_nothing(
    tmp_path: Path, suffix: str, begin: float, said: str
) -> None:
    """The encoder's first samples, and what comes before a cut without encoding."""
    whole, source, target = (tmp_path / name for name in ("all.mp4", "in.mp4", f"out{suffix}"))
    with_click(whole, "aac")
    if begin:
        ffmpeg("-ss", begin, "-i", whole, "-c", "copy", source)
    else:
        source = whole
    assert ffprobe(source, "-show_packets", "-select_streams", "a")["packets"][0]["pts"] < 0
    changed = copied(source, target).changed
    said = f"audio aac (SoundHandler) {said}"
    assert [what[: len(said)] for what in changed] == ([said] if suffix == ".mkv" else [])
    assert first_time(target, "v") == first_time(source, "v") == 0
    assert first_time(target, "a") == pytest.approx(0, abs=0.022)
    assert first_time(target, "a") >= 0
    assert len(played(target, *FROM_0)) == pytest.approx(len(played(source)), abs=48)
    assert loudest(target, *FROM_0) == pytest.approx(loudest(source), abs=1e-3)


def first_time(path: Path, kind: str) -> float:
    """Return when (s) the first frame is shown, or heard."""
    frames = ffprobe(path, "-show_frames", "-select_streams", kind)["frames"]
    return float(frames[0]["pts_time"])


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
def test_samples_that_mp4_cuts_off_opus_are_cut_off_elsewhere(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / f"out{suffix}"
    with_click(source, "libopus")
    assert copied(source, target).changed == []
    *_, before, last = ffprobe(source, "-show_packets", "-select_streams", "a")["packets"]
    longer = float(before["duration_time"]) - float(last["duration_time"])
    assert longer > 0
    with av.open(source) as container:
        (sound,) = container.streams.audio
        n_samples = round(sound.duration * sound.time_base * 48_000)
    assert len(played(target)) == n_samples


def test_short_packets_whose_times_are_rounded_are_played_whole(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    ffmpeg(
        *(
            "-f",
            "lavfi",
            "-i",
            "testsrc2=s=64x48:r=25:d=1",
            "-f",
            "lavfi",
            "-i",
            "sine=d=1:r=48000",
        ),
        *("-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "libopus", "-frame_duration", 2.5),
        source,
    )
    assert copied(source, target).changed == []
    np.testing.assert_array_equal(played(target), played(source))


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_samples_that_opus_does_not_play_are_still_not_played(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    with_click(source, "libopus")
    assert copied(source, target).changed == []
    before, after = played(source), played(target)
    np.testing.assert_array_equal(after[: len(before)], before)
    (sound,) = sounds(target)
    if suffix == ".mp4":  # whose end FFmpeg tells, but plays on
        assert float(sound["duration"]) == pytest.approx(4, abs=1e-3)
    else:
        assert len(after) == len(before)


FROM_0 = ("-af", "aresample=first_pts=0")


def bursts(path: Path) -> NDArray[np.float64]:
    """Return when (s) sound begins after pauses."""
    loud = np.abs(played(path) / 32768) > 0.3
    heard = np.convolve(loud, np.ones(480), "full")[: len(loud)] > 0  # now or 10 ms before
    return np.flatnonzero(heard[1:] & ~heard[:-1]) / 48_000


@pytest.mark.parametrize(("start", "end"), [(0.0, None), (0.52, None), (0.24, 1.4), (0.96, 1.48)])
@pytest.mark.parametrize("codec", ["adpcm_ms", "adpcm_ima_wav"])
def test_sound_encoded_anew_is_cut_to_the_sample(tmp_path, codec, start, end) -> None:
    """Whatever the time base of the source: AVI counts blocks of ADPCM, of 46 ms."""
    source, target = tmp_path / "in.avi", tmp_path / "out.mov"
    tone = "sin(2000*t)*gt(mod(t,0.5),0.1)*lt(mod(t,0.5),0.3)"  # from 0.1 to 0.3, from 0.6 to …
    pictures = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=2")
    sound = ("-f", "lavfi", "-i", f"aevalsrc='{tone}':s=48000:d=2")
    ffmpeg(*pictures, *sound, "-c:v", "mjpeg", "-c:a", codec, source)
    info = probe(source)
    with (
        VideoReader(info, start=start, end=end) as reader,
        VideoWriter(target, info, tracks_from=source, start=start or None, end=end) as writer,
    ):
        for frame in reader:
            writer.write(frame)
    assert writer.changed == [f"audio {codec} as aac"]
    whole, begins = (bursts(path) for path in (source, target))
    last = (end or 2.0) - start
    expected = whole[(whole > start + 0.02) & (whole < start + last - 0.02)] - start
    np.testing.assert_allclose(begins[begins > 0.02], expected, atol=1.5e-3)
    assert len(played(target)) / 48_000 == pytest.approx(last, abs=0.06)  # and what fills a packet


@pytest.mark.parametrize("duration", [0.7, 1.3, 1.6])
def test_the_last_packet_of_ogg_is_kept(tmp_path: Path, duration: float) -> None:
    """Whose duration tells how much of it is played, and so does what is beside it."""
    source, target = tmp_path / "in.ogv", tmp_path / "out.mp4"
    sine = ("-f", "lavfi", "-i", f"sine=sample_rate=44100:d={duration}")
    ffmpeg(*PICTURES, *sine, "-c:v", "libtheora", "-c:a", "libvorbis", source)
    copied(source, target)
    told = [
        ffprobe(path, "-select_streams", "a", "-show_packets")["packets"]
        for path in (source, target)
    ]
    shown = [[p for p in packets if int(p["pts"]) >= 0] for packets in told]
    assert len(shown[0]) == len(shown[1])
    end = [(int(p[-1]["pts"]) + int(p[-1]["duration"])) / 44_100 for p in shown]
    assert end[0] == end[1] == pytest.approx(duration, abs=1e-4)


def loudest(path: Path, *options: str) -> float:
    """Return when (s) the sound is loudest if all samples are played one after the other."""
    return int(np.abs(played(path, *options)).argmax()) / 48_000


def test_sound_with_a_wild_time_is_damaged(tmp_path: Path) -> None:
    with_click(tmp_path / "all.mkv", "wavpack")
    moved(tmp_path / "all.mkv", tmp_path / "in.mkv", lambda t: t + 1e5 * (t >= 2))
    writer = copied(tmp_path / "in.mkv", tmp_path / "out.mp4")
    assert writer.tracks_damaged
    assert len(played(tmp_path / "out.mp4")) == pytest.approx(2 * 48_000, abs=8192)


def with_click(path: Path, codec: str) -> None:
    click = "aevalsrc='0.01*sin(3000*t)+0.9*between(t,3.2,3.2005)':s=48000:d=4"
    pictures = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=5:d=4")
    ffmpeg(*pictures, "-f", "lavfi", "-i", click, *H264, "-ac", "2", "-c:a", codec, path)


def moved(source: Path, target: Path, time: Callable[[float], float | None]) -> None:
    """Copy a file with packets of sound at other times (s), without those at None."""
    with av.open(source) as old, av.open(target, "w") as new:
        copies = {s.index: new.add_stream_from_template(s) for s in old.streams}
        for packet in old.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "audio":
                t = time(float(packet.pts * packet.time_base))
                if t is None:
                    continue
                packet.pts = packet.dts = round(t / packet.time_base)
            packet.stream = copies[packet.stream_index]
            new.mux(packet)
