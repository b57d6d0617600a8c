""".gcsv read as Gyroflow's documents have it, and written; other formats written."""

from pathlib import Path

import numpy as np
import pytest

from gyro_data.errors import GyroDataError
from gyro_data.log import GyroLog
from gyro_data.readers import read
from gyro_data.readers.gcsv import camera_to_gyroflow, gyroflow_to_camera
from gyro_data.writers import WRITERS, write

# The example of Gyroflow's documentation of the format, some rows of it.
EXAMPLE = """GYROFLOW IMU LOG
version,1.3
id,custom_logger_name
orientation,YxZ
note,development_test
fwversion,FIRMWARE_0.1.0
timestamp,1644159993
vendor,potatocam
videofilename,videofilename.mp4
lensprofile,potatocam/potatocam_mark1_prime_7_5mm_4k
lens_info,wide
frame_readout_time,15.23
frame_readout_direction,0
tscale,0.001
gscale,0.00122173047
ascale,0.00048828125
t,gx,gy,gz,ax,ay,az
0,39,86,183,-1137,-15689,-2986
1,56,100,202,-1179,-15694,-2887
2,63,108,218,-1247,-15702,-2794
"""


def log_of(path: Path, text: str, encoding: str = "utf-8") -> GyroLog:
    path.write_text(text, encoding=encoding)
    return read(path)


def test_the_example_of_the_format(tmp_path: Path) -> None:
    log = log_of(tmp_path / "log.gcsv", EXAMPLE)
    np.testing.assert_allclose(log.t, [0, 0.001, 0.002])
    np.testing.assert_allclose(log.gyro[0], 0.00122173047 * np.array([39, 86, 183]))
    np.testing.assert_allclose(
        log.accel[0], 9.80665 * 0.00048828125 * np.array([-1137, -15689, -2986])
    )
    assert log.hints["readout_time"] == "0.01523"
    assert log.hints["readout_direction"] == "top_to_bottom"
    assert log.hints["orientation"] == "YxZ"
    assert log.hints["lensprofile"] == "potatocam/potatocam_mark1_prime_7_5mm_4k"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("GYROFLOW", "CAMERA"),
        lambda text: text.replace("version,1.3", "version,1.0"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("note,development_test", "note,a long, long note: " + "x" * 900),
        lambda text: text.replace(
            "note,dev", "".join(f"key{i},{i}\n" for i in range(9000)) + "note,"
        ),
        lambda text: text.replace("t,gx,gy,gz,ax,ay,az", "time,rx,ry,rz,u,v,w"),
        lambda text: text.replace("-2986\n", "-2986\n\n"),
        lambda text: text.replace("\nt,gx", "\n\nt,gx"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_same_in_another_dress(tmp_path: Path, change: object, encoding: str) -> None:
    expected = log_of(tmp_path / "a.gcsv", EXAMPLE)
    log = log_of(tmp_path / "b.gcsv", change(EXAMPLE), encoding)  # type: ignore[operator]
    np.testing.assert_array_equal(log.gyro, expected.gyro)
    np.testing.assert_array_equal(log.accel, expected.accel)
    assert log.hints["readout_time"] == expected.hints["readout_time"]


def test_scales_left_out_are_the_formats_own(tmp_path: Path) -> None:
    log = log_of(
        tmp_path / "a.gcsv", "GYROFLOW IMU LOG\nt,gx,gy,gz\n0,0.1,0.2,0.3\n5,0.1,0.2,0.4\n"
    )
    np.testing.assert_allclose(log.t, [0, 0.005])
    np.testing.assert_allclose(log.gyro[1], [0.1, 0.2, 0.4])
    assert log.hints["orientation"] == "xzY (the format's default)"


@pytest.mark.parametrize(
    ("code", "direction"),
    [
        ("0", "top_to_bottom"),
        ("BottomToTop", "bottom_to_top"),
        ("180", "bottom_to_top"),
        ("270", "left_to_right"),
        ("3", "right_to_left"),
        ("90", "right_to_left"),
    ],
)
def test_directions(tmp_path: Path, code: str, direction: str) -> None:
    text = EXAMPLE.replace("direction,0", f"direction,{code}")
    assert log_of(tmp_path / "a.gcsv", text).hints["readout_direction"] == direction


def test_bad_numbers_are_counted_never_zero(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = "".join(f"{i},{i % 7 + 1},5,6,1,2,3\n" for i in range(3, 40))
    bad = rows.replace("\n10,", "\nx,").replace("\n20,7,5", "\n20,oops,5")
    log = log_of(tmp_path / "a.gcsv", EXAMPLE + bad)
    assert log.hints["dropped_rows"] == "2"
    assert "2 dropped_rows" in caplog.text
    assert np.all(log.gyro != 0)
    np.testing.assert_allclose(np.setdiff1d(np.arange(40), np.round(log.t * 1e3)), [10, 20])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tscale,0.001", "tscale,fast", "tscale,fast: expected a number"),
        ("gscale,0.00122173047", "gscale,0", "gscale,0: expected a number above 0"),
        ("gscale,0.00122173047", "gscale,-1", "gscale,-1: expected a number"),
        ("orientation,YxZ", "orientation,YxY", "orientation,YxY: axis order"),
        ("direction,0", "direction,up", "frame_readout_direction,up: expected one of"),
        ("time,15.23", "time,soon", "frame_readout_time,soon: expected a number"),
        ("t,gx,gy,gz,ax,ay,az\n", "", "without its line of columns"),
        (EXAMPLE[EXAMPLE.index("0,39") :], "", "without rows"),
    ],
)
def test_nonsense_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(GyroDataError, match=message):
        log_of(tmp_path / "a.gcsv", EXAMPLE.replace(old, new))


def test_orientations_go_there_and_back() -> None:
    """A phone in landscape is XYZ to Gyroflow, up, left, back: yxz to a camera here."""
    assert gyroflow_to_camera("XYZ") == "yxz"
    for letters in ("XYZ", "yXz", "zxY", "YxZ"):
        assert camera_to_gyroflow(gyroflow_to_camera(letters)) == letters


def a_log(*, accel: bool) -> GyroLog:
    rng = np.random.default_rng(4)
    t = 1.7e9 + np.cumsum(rng.uniform(0.004, 0.006, 300))
    gaps = [[t[99], t[100] + 1.0]]
    t[100:] += 1.0
    hints = {
        "imu_orientation": "yXz",
        "readout_time": "0.0123",
        "readout_direction": "left_to_right",
    }
    values = rng.normal(size=(300, 3)) + np.array([0, 0, 9.8])
    return GyroLog(t, rng.normal(size=(300, 3)) / 3, values if accel else None, gaps, hints)


@pytest.mark.parametrize("accel", [True, False])
@pytest.mark.parametrize("suffix", [".csv", ".gcsv"])
def test_what_is_written_is_read_back(tmp_path: Path, suffix: str, accel: bool) -> None:
    log = a_log(accel=accel)
    write(log, tmp_path / f"log{suffix}")
    back = read(tmp_path / f"log{suffix}")
    np.testing.assert_array_equal(back.t, log.t)
    np.testing.assert_allclose(back.gyro, log.gyro, rtol=1e-15)
    np.testing.assert_array_equal(back.gaps, log.gaps)
    if accel:
        np.testing.assert_allclose(back.accel, log.accel, rtol=1e-14)
    else:
        assert back.accel is None
    if suffix == ".gcsv":
        for name in ("imu_orientation", "readout_time", "readout_direction"):
            assert back.hints[name] == log.hints[name]


def test_gcsv_as_telemetry_parser_reads_it(tmp_path: Path) -> None:
    package = pytest.importorskip("telemetry_parser")
    log = a_log(accel=True)
    write(log, tmp_path / "log.gcsv", imu_orientation="yxz")  # XYZ to Gyroflow: left as it is
    samples = package.Parser(str(tmp_path / "log.gcsv")).normalized_imu()
    np.testing.assert_allclose(np.deg2rad([s["gyro"] for s in samples]), log.gyro, rtol=1e-9)
    np.testing.assert_allclose([s["accl"] for s in samples], log.accel, rtol=1e-5)


def test_parquet(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    import pandas as pd

    log = a_log(accel=True)
    write(log, tmp_path / "log.parquet")
    frame = pd.read_parquet(tmp_path / "log.parquet")
    assert [*frame] == [
        *["t_s", "gx_rad_s", "gy_rad_s", "gz_rad_s", "ax_m_s2", "ay_m_s2", "az_m_s2"]
    ]
    np.testing.assert_array_equal(frame["t_s"], log.t)
    np.testing.assert_array_equal(frame["az_m_s2"], log.accel[:, 2])


def test_other_endings_are_refused(tmp_path: Path) -> None:
    assert set(WRITERS) == {".csv", ".gcsv", ".parquet"}
    with pytest.raises(ValueError, match=r"path: expected a name ending in .*, got '\.xls'"):
        write(a_log(accel=False), tmp_path / "log.xls")
