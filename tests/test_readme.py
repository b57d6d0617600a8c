"""What the README says, done: its Python, its camera file, its commands' options."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stabilizer.camera import load_camera
from stabilizer.video import probe

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    return tmp_path


def test_the_python_examples_run(folder: Path) -> None:
    for code in blocks("python"):
        subprocess.run([sys.executable, "-c", code], check=True, cwd=folder)
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
    for option in set(re.findall(r"(?<=`)--[a-z-]+", README)):
        source = (ROOT / "stabilizer" / "cli.py").read_text()
        name = option.removeprefix("--").replace("-", "_")
        assert option in source or re.search(rf"\b{name}: ", source), option


def test_the_samples_are_described_truly() -> None:
    truth = json.loads((ROOT / "samples" / "walk.truth.json").read_text())
    walk = probe(ROOT / "samples" / "walk.mp4")
    np.testing.assert_allclose(truth["frame_times"], walk.frame_times, atol=1e-9)
    assert (walk.width, walk.height, len(walk.frame_times)) == (1280, 720, 588)
    for path in (ROOT / "samples").iterdir():
        assert path.stat().st_size < 5_000_000, path.name
