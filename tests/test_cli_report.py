"""What is told while and after a video is made, and what is saved of a damaged one."""

import errno
import json
import os
from pathlib import Path

import av
import pytest

from stabilizer.video import probe
from tests.command_line import files, made_clip, refused, run, run_alone


@pytest.fixture(scope="module")
def stem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_clip(tmp_path_factory.mktemp("report") / "clip")


def told(stem: Path) -> list[str]:
    return [*files(stem), "--no-sync"]


def in_matroska(stem: Path, folder: Path) -> Path:
    """Return the clip as a .mkv, which can be read although it is cut off."""
    path = folder / "clip.mkv"
    with av.open(f"{stem}.mp4") as old, av.open(str(path), "w") as new:
        copies = {s.index: new.add_stream_from_template(s) for s in old.streams}
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream_index]
                new.mux(packet)
    return path


def test_a_summary_says_what_was_done(stem, tmp_path) -> None:
    output, summary = tmp_path / "steady.mp4", tmp_path / "done.json"
    done = run("stabilize", *told(stem), "-o", output, "--summary", summary)
    assert done.returncode == 0, done.stderr
    assert f"{summary}: written" in done.stdout
    facts = json.loads(summary.read_text())
    assert (facts["video"], facts["log"]) == (f"{stem}.mp4", f"{stem}.csv")
    assert facts["output"] == str(output)
    assert facts["sync"]["confidence"] == "given"
    assert facts["frames"] == {
        "planned": 20,
        "written": 20,
        "without_motion_data": 0,
        "missing_in_video": 0,
        "repeated_in_video": 0,
        "untimed_in_video": 0,
    }
    assert 1.0 <= facts["zoom"]["least"] <= facts["zoom"]["mean"] <= facts["zoom"]["largest"]
    assert facts["worst_margin_px"] >= 0
    assert facts["frames_per_second"] == pytest.approx(20 / facts["seconds"], rel=0.01)
    assert (facts["left_out"], facts["kept_otherwise"], facts["lost"]) == ([], [], "")
    refused(run("stabilize", *told(stem), "-o", tmp_path / "b.mp4", "--summary", summary), "exists")
    wrong = tmp_path / "a.txt"
    refused(run("stabilize", *told(stem), "-o", tmp_path / "b.mp4", "--summary", wrong), ".json")


@pytest.mark.parametrize(("option", "end"), [("--summary", ".json"), ("--motion", ".csv")])
def test_what_cannot_be_written_beside_leaves_the_video(
    stem, tmp_path, monkeypatch, option, end
) -> None:
    output, other = tmp_path / "steady.mp4", tmp_path / f"other{end}"
    replace = os.replace

    def replace_but_other(source: Path, target: Path) -> None:
        if target == other:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", replace_but_other)
    done = run("stabilize", *told(stem), "-o", output, option, other)
    refused(done, f"{other}: cannot be written", f"but {output} is complete")
    assert len(probe(output).frame_pts) == 20
    assert [path.name for path in tmp_path.iterdir()] == ["steady.mp4"]
    if option == "--summary":
        dry = run("stabilize", *told(stem), "-o", tmp_path / "b.mp4", option, other, "--dry-run")
        refused(dry, f"{other}: cannot be written")
        assert "complete" not in dry.stderr


def test_progress_in_json_is_lines_that_a_program_reads(stem, tmp_path) -> None:
    done = run_alone(
        "stabilize", *told(stem), "-o", tmp_path / "steady.mp4", "--progress", "json", "--quiet"
    )
    assert (done.returncode, done.stdout) == (0, "")
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    stages = [line["stage"] for line in lines]
    assert list(dict.fromkeys(stages)) == ["planning", "rendering"]
    last = lines[-1]
    assert (last["frames_done"], last["frames_total"], last["eta_s"]) == (20, 20, 0.0)
    assert last["fps"] > 0
    refused(
        run("stabilize", *told(stem), "-o", tmp_path / "b.mp4", "--progress", "xml"),
        "progress: expected one of bar, json, none, got 'xml'",
    )


def calls(stem: Path, folder: Path) -> list[list[object]]:
    """Return a call of each command."""
    clip = [f"{stem}.mp4", f"{stem}.csv"]
    return [
        ["stabilize", *told(stem), "-o", folder / "steady.mp4"],
        ["plan", *told(stem), "--save-plan", folder / "plan.npz"],
        ["sync", *clip, "-o", folder / "sync.json"],
        ["calibrate", *clip, "-o", folder / "camera.json"],
        ["convert", clip[1], "-o", folder / "log.csv"],
        ["simulate", folder / "clip", "--duration", 0.1, "--size", "160x120"],
        ["info", clip[0]],
    ]


def test_every_command_is_quiet_or_verbose_but_not_both(stem, tmp_path) -> None:
    for call in calls(stem, tmp_path):
        for wrong in ([*call, "--quiet", "--verbose"], ["-v", *call, "-q"]):
            refused(run(*wrong), "--quiet and --verbose exclude each other")
        if call[0] not in ("sync", "calibrate"):  # which want a longer clip
            done = run(*call, "-q")
            assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), call
    assert {"steady.mp4", "plan.npz", "log.csv", "clip.mp4"} <= {p.name for p in tmp_path.iterdir()}
    assert json.loads(run("info", f"{stem}.mp4", "--json", "-q").stdout)["kind"] == "video"


def test_what_a_cut_off_video_holds_is_saved_and_said(stem, tmp_path, caplog) -> None:
    whole = in_matroska(stem, tmp_path)
    part = tmp_path / "part.mkv"
    part.write_bytes(whole.read_bytes()[: int(0.6 * whole.stat().st_size)])
    arguments = [part, f"{stem}.csv", "--camera", f"{stem}.camera.json", "--no-sync"]
    output, summary = tmp_path / "steady.mp4", tmp_path / "done.json"
    done = run("stabilize", *arguments, "-o", output, "--summary", summary)
    assert done.returncode == 4
    assert "frames that are there were saved; is it complete?" in caplog.text
    saved = len(probe(output).frame_pts)
    assert 5 < saved < 20
    facts = json.loads(summary.read_text())
    assert facts["frames"]["written"] == saved
    assert f", {saved} frames, mean zoom" in done.stdout
    assert f"all {saved} frames" in facts["lost"]
    strict = run("stabilize", *arguments, "-o", tmp_path / "strict.mp4", "--strict")
    refused(strict, "strict refuses to save the rest")
    assert not (tmp_path / "strict.mp4").exists()


def test_a_hole_in_a_video_costs_its_own_frames_only(stem, tmp_path) -> None:
    path = tmp_path / "clip.mp4"
    content = bytearray(Path(f"{stem}.mp4").read_bytes())
    with av.open(f"{stem}.mp4") as container:
        packets = [p for p in container.demux(video=0) if p.size]
    for packet in packets[8:10]:
        content[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    path.write_bytes(content)
    arguments = [path, f"{stem}.csv", "--camera", f"{stem}.camera.json", "--no-sync"]
    done = run("stabilize", *arguments, "-o", tmp_path / "steady.mp4")
    assert done.returncode == 4
    saved = len(probe(tmp_path / "steady.mp4").frame_pts)
    assert 10 <= saved < 20
    assert f", {saved} frames, mean zoom" in done.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--bitrate", "fast"], "bitrate: expected a number, got 'fast'"),
        (["--bitrate", "12"], "bitrate: expected a finite number >= 10000"),
        (["--bitrate", "20M", "--codec", "ffv1"], "bitrate: expected none for ffv1"),
        (["--bitrate", "1M", "--crf", 18], "crf: expected none beside a bitrate, got 18"),
        (["--crf", 18, "--codec", "ffv1"], "crf: expected none for ffv1, which has one quality"),
        (["--preset", "slow", "--codec", "ffv1"], "preset: expected none for ffv1, which has one"),
        (["--crf", 18, "--codec", "prores"], "crf: expected none for prores_ks"),
        (["--pix-fmt", "yuv999p"], "libx264 cannot encode 160x120 as yuv999p; it takes yuv420p"),
        (["--codec", "h266"], "codec: expected one of h264, h265"),
    ],
)
def test_wrong_encodings_are_refused_before_the_work(stem, tmp_path, options, words) -> None:
    refused(run("stabilize", *told(stem), "-o", tmp_path / "steady.mkv", *options), words)
    assert list(tmp_path.iterdir()) == []


def test_a_rate_and_a_pixel_format_are_aimed_at(stem, tmp_path) -> None:
    low, high = tmp_path / "low.mp4", tmp_path / "high.mp4"
    for path, rate in ((low, "100k"), (high, "2M")):
        done = run("stabilize", *told(stem), "-o", path, "--bitrate", rate, "--pix-fmt", "yuv444p")
        assert done.returncode == 0, done.stderr
        assert "kept otherwise: yuv420p is stored as yuv444p" in done.stdout
        assert probe(path).pixel_format == "yuv444p"
    assert high.stat().st_size > 2 * low.stat().st_size
