"""GoPro telemetry: every generation's axes, times by counts, broken payloads, a real clip."""

import logging
from pathlib import Path

import numpy as np
import pytest

from gyro_data.errors import GyroDataError
from gyro_data.readers import carries_telemetry, read
from gyro_data.readers.gopro import sample_times
from gyro_data.readers.gpmf import BadPayload, channel_axes, records, sensor
from tests.gpmf_writer import GOPRO_CLIP, numbers, payload, record, stream, text, video_with

RATE = 200.0
PER_PAYLOAD = 202
N = 5
T = np.arange(N * PER_PAYLOAD) / RATE
GYRO = np.stack([0.4 * np.sin(9 * T), 0.3 * np.cos(11 * T), 0.2 * np.sin(7 * T)], axis=1)
SCALE = 3755
STARTS = [round(1000 * i * PER_PAYLOAD / RATE) for i in range(N)]


def channels(letters: str) -> np.ndarray:
    """Return what a camera writes whose channels are of these axes, as counts."""
    columns = [GYRO[:, "xyz".index(c.lower())] * (1 if c.isupper() else -1) for c in letters]
    return np.round(np.stack(columns, axis=1) * SCALE)


def clip(path: Path, letters: str, *fields: bytes, name: str = "Camera") -> Path:
    counts = channels(letters).reshape(N, PER_PAYLOAD, 3)
    return video_with(
        path, [payload(stream("GYRO", c, SCALE, *fields), name=name) for c in counts], STARTS
    )


TO_ZXY = {  # MTRX of cameras whose ORIO is ZXY: rows are Z, X, Y in terms of their channels
    "YxZ": [0, 0, 1, 0, -1, 0, 1, 0, 0],
    "yXZ": [0, 0, 1, 0, 1, 0, -1, 0, 0],
    "zxY": [-1, 0, 0, 0, -1, 0, 0, 0, 1],
}


@pytest.mark.parametrize(
    ("letters", "fields", "name"),
    [
        ("ZXY", [], "Camera"),  # HERO5
        ("YxZ", [], "Hero6 Black"),
        ("XZy", [], "HERO7 Silver"),
        ("yXZ", [text("ORIN", "yXZ"), text("ORIO", "ZXY")], "HERO8 Black"),
        ("ZXY", [text("ORIN", "ZXY"), text("ORIO", "ZXY")], "HERO9 Black"),
        *(
            (k, [text("ORIN", k), text("ORIO", "ZXY"), numbers("MTRX", "f", m, 9)], "HERO11 Black")
            for k, m in TO_ZXY.items()
        ),
        ("zXY", [text("ORIN", "zXY")], "HERO13 Black"),
    ],
)
def test_all_generations_agree_on_the_axes(
    tmp_path: Path, letters: str, fields: list[bytes], name: str
) -> None:
    log = read(clip(tmp_path / "GX010001.MP4", letters, *fields, name=name))
    np.testing.assert_allclose(log.gyro, GYRO, atol=0.6 / SCALE)
    np.testing.assert_allclose(log.t, T, atol=1e-3)
    assert log.hints["clock"] == "video"
    assert log.hints["imu_orientation"] == "xzy"


def test_a_matrix_and_letters_say_the_same() -> None:
    for letters, rows in TO_ZXY.items():
        by_letters, _ = channel_axes(orin=letters, orio="ZXY", mtrx=None, model="")
        by_matrix, _ = channel_axes(orin=None, orio="ZXY", mtrx=np.array(rows, float), model="")
        np.testing.assert_array_equal(by_letters, by_matrix)


def test_the_real_clip_as_its_log_has_it() -> None:
    """The table has the channels Z, X, Y, and its times by the track alone: good to 20 ms."""
    log = read(GOPRO_CLIP)
    table = np.loadtxt(GOPRO_CLIP.with_suffix(".csv"), delimiter=",", skiprows=1)
    np.testing.assert_allclose(log.gyro[:, [2, 0, 1]], table[:, 1:], atol=6e-8)
    np.testing.assert_allclose(log.t, table[:, 0], atol=0.02)
    assert log.sample_rate == pytest.approx(397.54, abs=0.02)
    assert np.median(np.linalg.norm(log.accel, axis=1)) == pytest.approx(9.8, rel=0.15)
    assert log.accel[:, 2].mean() > 8  # Z is up


def test_the_real_clip_as_telemetry_parser_reads_it() -> None:
    package = pytest.importorskip("telemetry_parser")
    samples = package.Parser(str(GOPRO_CLIP)).normalized_imu()
    log = read(GOPRO_CLIP)
    theirs = np.deg2rad([s["gyro"] for s in samples])
    np.testing.assert_allclose(log.gyro[:, [2, 0, 1]], theirs, rtol=0, atol=1e-12)
    times = np.array([s["timestamp_ms"] for s in samples]) / 1e3
    np.testing.assert_allclose(log.t, times, atol=5e-3)


def test_samples_lie_on_the_line_through_their_payloads() -> None:
    rng = np.random.default_rng(2)
    counts = np.full(60, 200.0)
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    starts = first / RATE + rng.uniform(-0.01, 0.01, 60)
    t = sample_times(starts, first, counts)
    np.testing.assert_allclose(t, np.arange(12_000) / RATE, atol=4e-3)
    assert np.ptp(np.diff(t)) < 1e-9


def test_a_lost_payload_leaves_a_gap(tmp_path: Path) -> None:
    parts = channels("ZXY").reshape(N, PER_PAYLOAD, 3)
    payloads = [
        payload(stream("GYRO", c, SCALE, numbers("TSMP", "L", [(i + 1) * PER_PAYLOAD])))
        for i, c in enumerate(parts)
    ]
    keep = [0, 1, 3, 4]
    path = video_with(tmp_path / "a.mp4", [payloads[i] for i in keep], [STARTS[i] for i in keep])
    log = read(path)
    kept = np.repeat(np.isin(np.arange(N), keep), PER_PAYLOAD)
    np.testing.assert_allclose(log.t, T[kept], atol=2e-3)
    np.testing.assert_allclose(log.gaps, [[T[403], T[606]]], atol=2e-3)


def test_broken_payloads_are_left_out_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    parts = np.concatenate([channels("ZXY")] * 4).reshape(4 * N, PER_PAYLOAD, 3)
    payloads = [payload(stream("GYRO", c, SCALE)) for c in parts]
    payloads[4] = payloads[4][: len(payloads[4]) // 2]
    starts = [round(1000 * i * PER_PAYLOAD / RATE) for i in range(4 * N)]
    log = read(video_with(tmp_path / "a.mp4", payloads, starts))
    assert len(log.gaps) == 1
    assert "1 broken payload(s) of GYRO" in caplog.text
    payloads[5:12] = [payload(stream("GYRO", parts[0], 0))] * 7
    with pytest.raises(GyroDataError, match=r"8 of 20 payloads are broken"):
        read(video_with(tmp_path / "b.mp4", payloads, starts))


def test_a_clip_that_the_camera_steadied_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    read(clip(tmp_path / "a.mp4", "ZXY", text("EISA", "HS EIS")))
    assert "stabilized this clip itself (HS EIS)" in caplog.text
    caplog.clear()
    read(GOPRO_CLIP)  # which says N
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


def test_a_video_without_a_gyro_has_none(tmp_path: Path) -> None:
    payloads = [payload(stream("ACCL", c, 418)) for c in channels("ZXY").reshape(N, PER_PAYLOAD, 3)]
    path = video_with(tmp_path / "a.mp4", payloads, STARTS)
    with pytest.raises(GyroDataError, match="telemetry has no gyro"):
        read(path)
    assert not carries_telemetry(path)
    assert carries_telemetry(GOPRO_CLIP)


@pytest.mark.parametrize(
    "data",
    [
        record("GYRO", "s", 6, 1000, b"1234"),
        payload(
            stream(
                "GYRO",
                np.zeros((4, 3)),
                1,
                numbers("MTRX", "f", np.zeros(9), 9),
                text("ORIO", "ZXY"),
            )
        ),
        payload(stream("GYRO", np.zeros((4, 3)), 1, text("ORIN", "QXY"))),
        payload(record("GYRO", "c", 6, 4, b"x" * 24)),
        payload(numbers("GYRO", "s", np.zeros(8), 2)),
    ],
)
def test_nonsense_is_bad_payload(data: bytes) -> None:
    with pytest.raises(BadPayload):
        list(records(data))
        sensor(data, "GYRO", "")
