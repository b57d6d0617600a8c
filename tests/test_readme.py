"""What the README says, done: its Python, its camera file, its commands' options."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stabilizer import ClockSync, stabilize
from stabilizer.camera import load_camera
from stabilizer.quality import Steadiness, measure
from stabilizer.video import VideoReader, probe

ROOT = Path(__file__).parents[1]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def help_of(command: str) -> str:
    call = [sys.executable, "-m", "stabilizer", command, "--help"]
    wide = ENVIRONMENT | {"COLUMNS": "200"}
    return subprocess.run(call, check=True, capture_output=True, text=True, env=wide).stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    return tmp_path


def test_the_python_examples_run(folder: Path) -> None:
    for code in blocks("python"):
        subprocess.run([sys.executable, "-c", code], check=True, cwd=folder, env=ENVIRONMENT)
    steady, walk = probe(folder / "steady.mp4"), probe(folder / "samples" / "walk.mp4")
    np.testing.assert_allclose(steady.frame_times, walk.frame_times, atol=1e-9)
    assert steady.audio == walk.audio == ("aac",)


def test_the_camera_in_the_readme_is_the_samples(folder: Path) -> None:
    (text,) = blocks("json")
    (folder / "camera.json").write_text(text)
    camera = load_camera(folder / "camera.json")
    sample = load_camera(ROOT / "samples" / "walk.camera.json")
    assert camera.fx == pytest.approx(sample.fx, abs=0.1)
    assert camera.readout_time == pytest.approx(sample.readout_time, abs=1e-5)
    assert camera.imu_orientation == sample.imu_orientation


def test_the_commands_name_files_and_options_that_exist() -> None:
    commands = " ".join(blocks("sh"))
    for path in re.findall(r"samples/\S+", commands):
        assert (ROOT / path).exists()
    commands_of_ours = ("stabilize", "sync", "calibrate", "info", "simulate")
    known = " ".join(help_of(command) for command in commands_of_ours)
    for option in set(re.findall(r"(?<=[` ])--[a-z-]+", README)):
        assert re.search(rf"{option}\b", known), option


def test_the_samples_are_described_truly() -> None:
    truth = json.loads((ROOT / "samples" / "walk.truth.json").read_text())
    walk = probe(ROOT / "samples" / "walk.mp4")
    np.testing.assert_allclose(truth["frame_times"], walk.frame_times, atol=1e-9)
    assert (walk.width, walk.height, len(walk.frame_times)) == (1280, 720, 588)
    for path in (ROOT / "samples").iterdir():
        assert path.stat().st_size < 5_000_000, path.name


def test_a_real_clip_gets_calmer_and_keeps_what_it_had(tmp_path: Path) -> None:
    """A drone's gimbal held this camera: there is slow yaw to smooth, and harm to be avoided."""
    video, output = ROOT / "samples" / "gopro_karma.mp4", tmp_path / "calm.mp4"
    camera = ROOT / "samples" / "gopro_karma.camera.json"
    log = ROOT / "samples" / "gopro_karma.csv"
    stabilize(video, log, output, camera=camera, sync=ClockSync(-0.03))
    before, after = (steadiness(path) for path in (video, output))
    assert after.jitter_px < before.jitter_px / 2.5
    assert after.border_pixels == 0
    was, now = probe(video), probe(output)
    np.testing.assert_allclose(now.frame_times, was.frame_times, atol=1e-9)
    assert (now.pixel_format, now.colour, now.audio) == (was.pixel_format, was.colour, was.audio)


def steadiness(path: Path) -> Steadiness:
    with VideoReader(path) as reader:
        return measure((f.planes[0] for f in reader), probe(path).frame_times, full_range=True)
