"""A synchronization as a file: what comes back, what is refused, what is left on disk."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from stabilizer.camera import Camera, ReadoutDirection
from stabilizer.errors import StabilizerError
from stabilizer.lens import Fisheye
from stabilizer.sync import ClockSync
from stabilizer.sync_file import SavedSync, load_sync, save_sync, sync_to_dict
from stabilizer.synchronization import Confidence, Synchronization, Verdict
from stabilizer.synchronization.coarse import CoarseSync
from stabilizer.synchronization.problem import NAMES

CAMERA = Camera.from_focal(
    640,
    360,
    480.123456789012,
    lens=Fisheye((0.1, -0.02, 0.003, 0.0)),
    readout_time=0.0159,
    readout_direction=ReadoutDirection.BOTTOM_TO_TOP,
    imu_orientation="yXZ",
    R_body_cam=Rotation.from_rotvec([0.02, -0.01, 0.3]).as_matrix(),
)


def result(**changes: Any) -> Synchronization:
    """Return what no clip gave, but might have."""
    coarse = CoarseSync(1.5, np.eye(3), 0.97, 0.41, 0.3, np.zeros(2), np.zeros(2))
    fields: dict[str, Any] = {
        "sync": ClockSync(1721000000.123456789, -3.2e-5),
        "camera": CAMERA,
        "drift": np.array([0.01, -0.02, 1e-9]),
        "verdict": Verdict(Confidence.LOW, ("it moves little", "and “looks” like others")),
        "errors": dict.fromkeys(NAMES, 1e-5) | {"readout_time": 0.0},
        "kept": ("clock_skew", "drift_z"),
        "coarse": coarse,
        "fine": None,
        "rates": None,
    }
    return Synchronization(**fields | changes)


def written(tmp_path: Path, **changes: Any) -> Path:
    """Return a file of a result with some keys changed, those set to `...` removed."""
    content = sync_to_dict(result()) | changes
    path = tmp_path / "changed.json"
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not ...}))
    return path


def test_everything_comes_back_to_the_bit(tmp_path) -> None:
    saved = result()
    save_sync(saved, tmp_path / "sync.json")
    loaded = load_sync(tmp_path / "sync.json")
    assert loaded.sync == saved.sync
    assert (loaded.verdict, loaded.kept) == (saved.verdict, saved.kept)
    assert loaded.errors == saved.errors
    assert loaded.correlation == (0.97, 0.41)
    np.testing.assert_array_equal(loaded.drift, saved.drift)
    for name in ("fx", "fy", "cx", "cy", "readout_time", "readout_direction", "imu_orientation"):
        assert getattr(loaded.camera, name) == getattr(CAMERA, name)
    assert loaded.camera.lens == CAMERA.lens
    np.testing.assert_allclose(loaded.camera.R_body_cam, CAMERA.R_body_cam, atol=1e-15)
    assert [p.name for p in tmp_path.iterdir()] == ["sync.json"]


def test_what_was_loaded_is_saved_alike(tmp_path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    save_sync(SavedSync.of(result()), first)
    save_sync(load_sync(first), second)
    once, again = (json.loads(path.read_text()) for path in (first, second))
    rotations = [content["camera"].pop("R_body_cam") for content in (once, again)]
    np.testing.assert_allclose(*rotations, atol=1e-15)  # made orthonormal again each time
    assert once == again


def test_a_failed_one_without_errors_comes_back(tmp_path) -> None:
    failed = Verdict(Confidence.FAILED, ("the log is only 0.10 s long; give the delay",))
    save_sync(result(verdict=failed, errors={}, kept=NAMES, coarse=None), tmp_path / "sync.json")
    loaded = load_sync(tmp_path / "sync.json")
    assert (loaded.verdict, loaded.kept, loaded.correlation) == (failed, NAMES, None)
    assert dict(loaded.errors) == {}


def test_the_keys_are_those_that_are_documented() -> None:
    import stabilizer.sync_file

    for key in sync_to_dict(result()):
        assert f'"{key}"' in (stabilizer.sync_file.__doc__ or ""), key


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "gyro-stabilizer plan"}, "does not say 'gyro-stabilizer sync'"),
        ({"version": 2}, "it is of version 2, not 1"),
        ({"delay": ...}, "it misses delay"),
        ({"delay": ..., "skew": 1}, "it misses delay and has unknown keys skew"),
        ({"delay": "soon"}, "delay: expected a number, got 'soon'"),
        ({"delay": 10**400}, "delay: expected a finite number >= -1e+10 and <= 1e+10, got inf"),
        ({"delay": 10**4000}, "delay: expected a finite number >= -1e+10 and <= 1e+10, got inf"),
        ({"drift": [0, 0, 10**400]}, "drift: expected finite numbers, got inf"),
        ({"delay": float("nan")}, "delay: expected a finite number"),
        ({"clock_skew": 0.5}, "clock_skew: expected a finite number"),
        ({"drift": [0, 0]}, "drift: expected shape (3,)"),
        ({"drift": [0, 0, 1e9]}, "drift: expected rates up to 10000 rad/s"),
        ({"drift": {"x": 0}}, "drift: expected numbers"),
        ({"camera": None}, "camera: expected a JSON object"),
        ({"camera": {"width": 640}}, "camera misses height, fx, fy"),
        ({"confidence": "sure"}, "confidence: expected one of good, low, failed, got 'sure'"),
        ({"confidence": ["good"]}, "confidence: expected one of"),
        ({"reasons": "none"}, "reasons: expected a list of texts, got 'none'"),
        ({"kept": ["focus"]}, "kept: expected some of delay, "),
        ({"kept": [1]}, "kept: expected a list of texts"),
        ({"standard_errors": {"delay": 1}}, "standard_errors misses clock_skew"),
        ({"standard_errors": dict.fromkeys(NAMES, -1.0)}, "standard_errors delay: expected"),
        ({"standard_errors": dict.fromkeys(NAMES, 1e308)}, "delay: expected a finite number >= 0"),
        ({"standard_errors": 3}, "standard_errors: expected a JSON object"),
        ({"correlation": {"best": 1}}, "correlation misses second"),
        ({"correlation": {"best": 2, "second": 0}}, "correlation best: expected"),
        ({"correlation": [1, 0]}, "correlation: expected a JSON object or null"),
    ],
)
def test_wrong_content_is_named(tmp_path, changes, words) -> None:
    path = written(tmp_path, **changes)
    with pytest.raises(StabilizerError) as error:
        load_sync(path)
    text = str(error.value)
    assert text.startswith(f"{path}: not a sync file that can be used: ")
    assert words in text
    assert "\n" not in text
    assert text.endswith("make one with `stabilizer sync VIDEO LOG -o FILE`")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Expecting value"),
        (b"[1, 2", "Expecting ',' delimiter"),
        (b"\xff\xfe", "it is no UTF-8 text"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b"[]", "it does not say"),
        (b"null", "it does not say"),
    ],
)
def test_what_is_no_json_is_refused(tmp_path, content, words) -> None:
    path = tmp_path / "sync.json"
    path.write_bytes(content)
    with pytest.raises(StabilizerError, match=f"not a sync file that can be used: {words}"):
        load_sync(path)


def test_no_more_is_read_than_such_a_file_can_have(tmp_path) -> None:
    path = tmp_path / "sync.json"
    path.write_bytes(b" " * (1 << 21) + b"{}")
    with pytest.raises(StabilizerError, match="over 1 MB"):
        load_sync(path)


def test_files_that_cannot_be_read_or_written_are_named(tmp_path) -> None:
    with pytest.raises(StabilizerError, match=r"none\.json: cannot read the sync file: No such"):
        load_sync(tmp_path / "none.json")
    with pytest.raises(StabilizerError, match="cannot be written"):
        save_sync(result(), tmp_path / "no" / "sync.json")
    assert list(tmp_path.iterdir()) == []


def test_a_result_that_is_no_number_leaves_the_old_file(tmp_path) -> None:
    path = tmp_path / "sync.json"
    path.write_text("old")
    with pytest.raises(ValueError, match="expected finite numbers"):
        save_sync(result(drift=np.array([np.nan, 0, 0])), path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["sync.json"]
