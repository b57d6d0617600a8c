"""Plan files: to the bit and back, and every damage told in one line."""

import dataclasses
import json
import os
import re
import struct
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from stabilizer.camera import Camera
from stabilizer.errors import StabilizerError
from stabilizer.lens import make_lens
from stabilizer.path import CameraPath
from stabilizer.plan import Plan
from stabilizer.plan_file import read_plan, save_plan

CAMERA = Camera(
    96, 64, 80.1, 80.3, 47.0, 31.2,
    lens=make_lens("opencv", (-0.1, 0.01, 1e-3, -1e-3)),
    readout_time=0.02,
    imu_orientation="yXz",
    R_body_cam=Rotation.from_rotvec([0.1, 0.2, 0.3]).as_matrix(),
)  # fmt: skip


def curve(t, rng, *, rate: bool, gaps=((),)) -> CameraPath:
    """A random walk of a few degrees with random rates: no two numbers are alike."""
    steps = Rotation.from_rotvec(np.cumsum(rng.normal(0, 0.01, (len(t), 3)), axis=0))
    return CameraPath.of(
        t,
        steps * Rotation.from_rotvec([3.0, 0, 0]),
        rate=rng.normal(0, 1, (len(t), 3)) if rate else None,
        gaps=np.reshape(gaps, (-1, 2)),
        up=np.tile([0.0, -0.6, 0.8], (len(t), 1)) if rate else None,
    )


def made_plan(log_t, frame_times, *, rate: bool = True, gaps=(), seed: int = 0) -> Plan:
    rng = np.random.default_rng(seed)
    frame_times = np.asarray(frame_times)
    return Plan(
        measured=curve(np.asarray(log_t), rng, rate=rate, gaps=gaps),
        virtual=curve(frame_times, rng, rate=False),
        zoom=rng.uniform(1, 1.5, len(frame_times)),
        camera=CAMERA,
        output=dataclasses.replace(CAMERA, cx=46.0, lens=make_lens("pinhole")),
        margin=rng.uniform(-1e-4, 9, len(frame_times)),
        interpolation="lanczos",
    )


FRAMES = 2.0 + np.cumsum(np.random.default_rng(1).uniform(0.02, 0.05, 20))
LOG = np.arange(0.0, 4.0, 0.0021)
PLANS = {
    "log around": made_plan(LOG, FRAMES),
    "slerp": made_plan(LOG, FRAMES, rate=False),
    "gaps": made_plan(LOG, FRAMES, gaps=[[0.1, 0.2], [2.2, 2.25], [2.6, 5.0]]),
    "log from a later frame on": made_plan(LOG + 2.3, FRAMES),
    "log up to an earlier frame": made_plan(LOG - 1.7, FRAMES),
    "log before": made_plan(LOG - 9, FRAMES),
    "log after": made_plan(LOG + 9, FRAMES),
    "one sample": made_plan([2.2], FRAMES),
    "one frame": made_plan(LOG, [2.2]),
    "one frame on a sample": made_plan(LOG, LOG[[700]]),
}


def same(a: object, b: object) -> bool:
    """Whether two values are equal to the bit, field by field."""
    if isinstance(a, CameraPath | Camera):
        names = {
            CameraPath: ("t", "quat_xyzw", "rate", "gaps", "up"),
            Camera: [f.name for f in dataclasses.fields(Camera) if f.name != "R_body_cam"],
        }
        return all(same(getattr(a, n), getattr(b, n)) for n in names[type(a)])
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return bool(a == b)


@pytest.mark.parametrize("name", PLANS)
def test_a_loaded_plan_gives_the_same_grids_to_the_bit(name, tmp_path) -> None:
    plan = PLANS[name]
    path = tmp_path / "plan.npz"
    save_plan(plan, path)
    loaded = read_plan(path)
    assert [p.name for p in tmp_path.iterdir()] == ["plan.npz"]
    for t in plan.frame_times:
        assert same(loaded.warp_grid(t).src_xy, plan.warp_grid(t).src_xy)
    assert same(loaded.covered, plan.covered)
    with np.errstate(invalid="ignore"):
        between = (plan.frame_times[:-1] + plan.frame_times[1:]) / 2
        for t in between[:3]:
            assert same(loaded.warp_grid(t).src_xy, plan.warp_grid(t).src_xy)


def test_no_field_of_a_plan_is_forgotten(tmp_path) -> None:
    """Only what the frames do not need of the measured path is left out."""
    plan = PLANS["gaps"]
    save_plan(plan, tmp_path / "plan.npz")
    loaded = read_plan(tmp_path / "plan.npz")
    for field in dataclasses.fields(Plan):
        if field.name != "measured":
            assert same(getattr(loaded, field.name), getattr(plan, field.name)), field.name
    np.testing.assert_allclose(loaded.camera.R_body_cam, CAMERA.R_body_cam, atol=1e-15)
    t = loaded.measured.t
    assert FRAMES[0] - 0.02 - 0.0022 <= t[0] <= FRAMES[0] - 0.02
    assert FRAMES[-1] + 0.02 <= t[-1] <= FRAMES[-1] + 0.02 + 0.0022
    assert loaded.measured.up.tolist() == [[0, -0.6, 0.8]] * len(t)
    assert loaded.measured.gaps.tolist() == [[2.2, 2.25], [2.6, 5.0]]


def test_saving_again_gives_the_same_bytes_and_numpy_reads_them(tmp_path) -> None:
    first, second = tmp_path / "first.npz", tmp_path / "second.npz"
    save_plan(PLANS["gaps"], first)
    save_plan(read_plan(first), second)
    loaded = np.load(first)
    np.testing.assert_array_equal(loaded["zoom"], PLANS["gaps"].zoom)
    assert json.loads(loaded["plan.json"])["version"] == 1
    again = np.load(second)
    for name in set(loaded.files) - {"plan.json"}:
        assert same(loaded[name], again[name]), name
    save_plan(PLANS["gaps"], second)
    assert first.read_bytes() == second.read_bytes()


# --- damage --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("plan") / "good.npz"
    save_plan(made_plan(LOG[900:1100], [2.0, 2.1, 2.2]), path)
    return path


def rewritten(good: Path, path: Path, changes: dict, *, compression: int = ZIP_STORED) -> Path:
    """Write the members of `good` to `path`, changed: bytes, arrays, None for leaving out."""
    with ZipFile(good) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with ZipFile(path, "w", compression) as archive:
        for name, content in (members | changes).items():
            if isinstance(content, np.ndarray | np.float64):
                stream = BytesIO()
                np.save(stream, content)
                content = stream.getvalue()
            if content is not None:
                archive.writestr(name, content)
    return path


def text_of(good: Path, **changes) -> bytes:
    with ZipFile(good) as archive:
        content = json.loads(archive.read("plan.json")) | changes
    return json.dumps({k: v for k, v in content.items() if v is not None}).encode()


def refused(path: Path, *words: str) -> None:
    with pytest.raises(StabilizerError) as caught:
        read_plan(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    for word in words:
        assert re.search(word, message), message


def huge_array(shape: str) -> bytes:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + bytes(24)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"zoom.npy": None}, "misses zoom"),
        ({"virtual_t.npy": None, "measured_t.npy": None}, "misses measured_t, virtual_t"),
        ({"extra.npy": np.zeros(3)}, "has unknown extra"),
        ({"zoom.npy": np.ones(4)}, r"zoom: expected shape \(3,\), got \(4,\)"),
        ({"zoom.npy": np.ones((3, 1))}, r"zoom: expected shape \(3,\), got \(3, 1\)"),
        ({"zoom.npy": np.full(3, np.nan)}, "zoom: expected numbers from 0.999 to 1000, got nan"),
        ({"zoom.npy": np.zeros(3)}, "zoom: expected numbers from"),
        ({"margin.npy": np.array([0, 0, -np.inf])}, "margin: expected numbers from"),
        ({"zoom.npy": np.ones(3, np.float32)}, "zoom.npy is no plain array of float64"),
        ({"zoom.npy": np.ones(3, ">f8")}, "zoom.npy is no plain array of float64"),
        ({"zoom.npy": np.ones((3, 3), order="F")[:, :2]}, "expected shape|no plain array"),
        ({"zoom.npy": np.array([1, {}, 1], dtype=object)}, "zoom.npy is no plain array"),
        ({"zoom.npy": np.float64(1)}, "zoom.npy is no plain array of float64"),
        ({"zoom.npy": b""}, "zoom.npy is no plain array of float64"),
        ({"zoom.npy": huge_array("(1000000000000,)")}, "zoom.npy"),
        ({"zoom.npy": huge_array("(1000000000,)")}, r"zoom.npy claims the shape \(1000000000,\)"),
        ({"zoom.npy": huge_array("(4294967296, 4294967296)")}, "zoom.npy claims the shape"),
        ({"zoom.npy": huge_array("(-1,)")}, "zoom.npy is no plain array"),
        ({"zoom.npy": huge_array("(0, 4)")}, "zoom.npy claims the shape"),
        ({"zoom.npy": huge_array("__import__('os').abort()")}, "zoom.npy is no plain array"),
        ({"virtual_t.npy": np.array([0.0, 2, 1])}, "t: expected strictly increasing times"),
        ({"virtual_t.npy": np.array([0.0, 1, 1e30])}, "virtual_t: expected numbers from"),
        ({"virtual_quat_xyzw.npy": np.full((3, 4), 0.1)}, "virtual_quat_xyzw: expected unit"),
        ({"virtual_quat_xyzw.npy": np.zeros((3, 4))}, "virtual_quat_xyzw: expected unit"),
        ({"measured_rate.npy": np.full((3, 3), 1.0)}, "measured_rate: expected shape"),
        ({"plan.json": None}, "does not say"),
        ({"plan.json": b"{}"}, "does not say"),
        ({"plan.json": b"[[1]]"}, "does not say"),
        ({"plan.json": b'{"format": '}, "not a plan"),
        ({"plan.json": b"\xff\xfe\xff"}, "not a plan"),
        ({"plan.json": b"[" * 100_000}, "not a plan"),
        ({"plan.json": b" " * (1 << 21)}, "plan.json is over"),
        ({"../plan.json": b"{}"}, "no plain array"),
    ],
)  # fmt: skip
def test_wrong_members_are_named(good, tmp_path, changes, words) -> None:
    refused(rewritten(good, tmp_path / "bad.npz", changes), words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "other"}, "does not say 'gyro-stabilizer plan'"),
        ({"version": 2}, "it is of version 2, not 1"),
        ({"version": [1]}, r"it is of version \[1\], not 1"),
        ({"interpolation": None}, "misses interpolation"),
        ({"interpolation": "best"}, "interpolation: expected one of linear"),
        ({"interpolation": ["cubic"]}, "not a plan"),
        ({"note": "hello"}, "has unknown note"),
        ({"camera": {"width": 3}}, "camera misses height"),
        ({"camera": [1]}, "camera: expected a JSON object, got list"),
        ({"output": {"width": 10**400, "height": 3, "fx": 1, "fy": 1}}, "width: expected"),
        ({"output": {"width": 1e9, "height": 3, "fx": 1, "fy": 1}}, "width: expected"),
    ],
)
def test_wrong_texts_are_named(good, tmp_path, changes, words) -> None:
    text = text_of(good, **changes)
    refused(rewritten(good, tmp_path / "bad.npz", {"plan.json": text}), words)


def test_a_text_that_is_no_json_is_named(good, tmp_path) -> None:
    for text, words in ((b"[" * 100_000, "nested too deeply"), (b"\xff\xfe", "no UTF-8 text")):
        refused(rewritten(good, tmp_path / "bad.npz", {"plan.json": text}), words)


def test_what_is_no_plan_file_is_refused(good, tmp_path) -> None:
    path = tmp_path / "bad.npz"
    refused(path, "cannot read the plan: No such file")
    refused(tmp_path, "is no regular file")
    for content in (b"", b"hello", b"PK\5\6", b"PK\3\4" + bytes(500), np.arange(99.0).tobytes()):
        path.write_bytes(content)
        refused(path, "it is no such file, or its end is missing")
    path.write_bytes(good.read_bytes() + b"more")
    refused(path, "its end is missing")
    whole = good.read_bytes()
    for n_bytes in (10, len(whole) // 2, len(whole) - 30, len(whole) - 1):
        path.write_bytes(whole[:n_bytes])
        refused(path, "its end is missing")
    path.write_bytes(whole[:1000] + whole[1200:])
    refused(path, "a part of it is missing")
    path.write_bytes(whole[:1000] + bytes(100) + whole[1100:])
    refused(path, "the zip is damaged")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    refused(tmp_path / "pipe.npz", "is no regular file")


def test_a_zip_bomb_is_not_unpacked(good, tmp_path) -> None:
    bomb = {"zoom.npy": np.ones(10_000_000)}  # 80 MB in 80 kB
    path = rewritten(good, tmp_path / "bomb.npz", bomb, compression=ZIP_DEFLATED)
    assert path.stat().st_size < 200_000
    refused(path, "is compressed or encrypted")


def test_sizes_in_the_directory_are_not_believed(good, tmp_path) -> None:
    """The directory's entry of the first member claims 4 GB, then many members, then a comment."""
    whole, path = bytearray(good.read_bytes()), tmp_path / "bad.npz"
    entry = whole.index(b"PK\1\2")
    whole[entry + 20 : entry + 28] = b"\xfe\xff\xff\xff" * 2
    path.write_bytes(whole)
    refused(path, "claim to be larger than it is")
    for offset, value, words in ((10, 60000, "directory is too large"), (20, 9, "another kind")):
        whole = bytearray(good.read_bytes())
        whole[len(whole) - 22 + offset : len(whole) - 20 + offset] = struct.pack("<H", value)
        path.write_bytes(whole)
        refused(path, words)
    whole = bytearray(good.read_bytes())
    whole[-42:-22] = b"PK\6\7" + bytes(16)
    path.write_bytes(whole)
    refused(path, "another kind")


def test_two_members_of_one_name_are_refused(good, tmp_path) -> None:
    path = tmp_path / "bad.npz"
    path.write_bytes(good.read_bytes())
    with pytest.warns(UserWarning, match="Duplicate"), ZipFile(path, "a") as archive:
        archive.writestr("zoom.npy", b"")
    refused(path, "two members of one name")


def test_random_damage_is_an_error_or_harmless(good, tmp_path) -> None:
    """Checksums find what is in the members; what is left are dates and the like."""
    rng, whole = np.random.default_rng(7), good.read_bytes()
    grids = [read_plan(good).warp_grid(2.1).src_xy for _ in range(2)]
    assert same(*grids)
    path, n_refused = tmp_path / "bad.npz", 0
    for trial in range(200):
        damaged = bytearray(whole)
        # half of the trials hit the directory and the end, where there is no checksum
        first = 0 if trial % 2 else whole.index(b"PK\1\2")
        for position in rng.integers(first, len(whole), rng.integers(1, 4)):
            damaged[position] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            assert same(read_plan(path).warp_grid(2.1).src_xy, grids[0])
        except StabilizerError as error:
            n_refused += 1
            assert str(error).startswith(f"{path}: ")
    assert n_refused > 100


def test_a_plan_that_cannot_be_written_leaves_nothing(tmp_path) -> None:
    with pytest.raises(StabilizerError, match=r"plan\.npz: cannot be written: No such file"):
        save_plan(PLANS["slerp"], tmp_path / "none" / "plan.npz")
    assert list(tmp_path.iterdir()) == []
