"""The log that nobody names: inside the video, beside it, neither, or both."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gyro_data import read
from stabilizer import StabilizerError
from stabilizer.camera import Camera
from stabilizer.log_file import find_log, on_the_video_clock, sidecars
from stabilizer.own_clock import with_own_clock
from stabilizer.synchronization import Confidence, Known, synchronize
from stabilizer.video import probe
from tests.command_line import run
from tests.gpmf_writer import GOPRO_CLIP

ROWS = "t,gx,gy,gz\n" + "".join(f"{i / 100},0.1,0.2,{i % 3 / 9}\n" for i in range(50))
WALK = GOPRO_CLIP.with_name("walk.mp4")


@pytest.fixture
def gopro(tmp_path: Path) -> Path:
    return Path(shutil.copy(GOPRO_CLIP, tmp_path / "GX010001.MP4"))


@pytest.fixture
def silent(tmp_path: Path) -> Path:
    return Path(shutil.copy(WALK, tmp_path / "walk.mp4"))


def test_a_videos_own_log_is_found(gopro: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert find_log(gopro) == gopro
    assert "no log is given; that inside the video is used" in caplog.text
    assert on_the_video_clock(read(gopro))


@pytest.mark.parametrize("name", ["walk.gcsv", "walk.CSV", "walk.txt", "walkgyro.csv"])
def test_a_log_beside_is_found(silent: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    text = "GYROFLOW IMU LOG\n" + ROWS if name.endswith("gcsv") else ROWS
    path = silent.with_name(name)
    path.write_text(text)
    silent.with_name("walk.camera.json").write_text("{}")
    assert find_log(silent) == path
    assert name in caplog.text
    assert not on_the_video_clock(read(path))


def test_a_table_of_something_else_is_no_log(silent: Path) -> None:
    silent.with_suffix(".csv").write_text("frame,exposure\n1,0.01\n2,0.01\n")
    assert sidecars(silent) == []
    with pytest.raises(StabilizerError, match="give its gyro log; there is no file of its name"):
        find_log(silent)


def test_a_log_that_leaves_doubt_is_a_log(silent: Path) -> None:
    fast = "t,gx,gy,gz\n" + "".join(f"{i / 100},{i % 7},2,{i % 5}\n" for i in range(50))
    silent.with_suffix(".csv").write_text(fast)
    assert find_log(silent) == silent.with_suffix(".csv")


def test_more_than_one_is_refused(gopro: Path, silent: Path) -> None:
    gopro.with_suffix(".csv").write_text(ROWS)
    with pytest.raises(StabilizerError, match=r"GX010001.MP4 itself or GX010001.csv. Name one"):
        find_log(gopro)
    silent.with_suffix(".csv").write_text(ROWS)
    silent.with_suffix(".txt").write_text(ROWS)
    with pytest.raises(StabilizerError, match=r"walk.csv or walk.txt. Name one as LOG"):
        find_log(silent)


def test_a_calm_clip_with_telemetry_is_stabilized_by_its_own_clock(gopro: Path) -> None:
    """A gimbal held it: too calm to be sure of, but it turns as its telemetry does."""
    info, log = probe(gopro), read(gopro)
    camera, known = with_own_clock(log, Camera.from_focal(854, 480, 557.0), Known(focal=True))
    assert (camera.imu_orientation, known.axes, known.near) == ("xzy", True, 0.0)
    found = synchronize(info, log, camera, known)
    assert found.verdict.confidence == Confidence.LOW
    assert found.sync.delay == pytest.approx(-0.035, abs=0.01)  # by eye, -0.03
    elsewhere = replace(log, hints={})
    assert with_own_clock(elsewhere, camera, Known()) == (camera, Known())


def test_stabilize_without_a_log(gopro: Path, tmp_path: Path) -> None:
    done = run("stabilize", gopro, "-o", tmp_path / "out.mp4", "--end", "3", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "synchronized: delay -0.0" in done.stdout


def test_convert(tmp_path: Path, gopro: Path) -> None:
    for output in ("log.gcsv", "log.csv"):
        done = run("convert", gopro, "-o", tmp_path / output)
        assert done.returncode == 0, done.stderr
        assert "4795 samples in 12.059 s at 397.54 Hz, with accelerations" in done.stdout
        back, log = read(tmp_path / output), read(gopro)
        np.testing.assert_array_equal(back.t, log.t)
        np.testing.assert_allclose(back.gyro, log.gyro, rtol=1e-15)
    assert read(tmp_path / "log.gcsv").hints["imu_orientation"] == "xzy"
    again = run("convert", gopro, "-o", tmp_path / "log.csv")
    assert again.returncode == 2
    assert "exists already" in again.stderr
    preset = ("--imu-orientation", "android-landscape", "--overwrite")
    run("convert", tmp_path / "log.csv", "-o", tmp_path / "log.gcsv", *preset)
    assert read(tmp_path / "log.gcsv").hints["orientation"] == "XYZ"
    wrong = run("convert", gopro, "-o", tmp_path / "log.xls")
    assert wrong.returncode == 2
    assert "expected a name ending in .csv, .gcsv, .parquet" in wrong.stderr


def test_info_tells_of_the_telemetry(gopro: Path, silent: Path) -> None:
    assert "GPMF in track 3, 13 payloads" in run("info", gopro).stdout
    assert '"telemetry": null' in run("info", silent, "--json").stdout


def test_auto_needs_the_clip(gopro: Path, tmp_path: Path) -> None:
    options = ("--imu-orientation", "auto", "--delay=0", "--hfov", "75")
    done = run("stabilize", gopro, "-o", tmp_path / "out.mp4", *options)
    assert done.returncode == 2
    assert "--imu-orientation auto is found by looking at the clip" in done.stderr
