"""Tables of many sensors: rows by sensor, interleaved columns, files beside, attitudes, no gyro."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gyro_data import integrate
from gyro_data.errors import GyroDataError
from gyro_data.log import GyroLog
from gyro_data.readers import read

RATE = 200.0
T = 5.0 + np.arange(120) / RATE
GYRO = np.stack([0.4 * np.sin(9 * T), 0.3 * np.cos(11 * T), 0.2 * np.sin(7 * T + 1)], axis=1)
ACCEL = np.stack([0.3 * np.sin(15 * T), 9.7 + 0 * T, 0.5 * np.cos(12 * T)], axis=1)
MAG = np.stack([20 + np.sin(5 * T), 30 + np.sin(20 * T), 5 + np.cos(30 * T)], axis=1)


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def numbers(*values: np.ndarray) -> list[str]:
    return [",".join(f"{v:.9f}" for v in row) for row in np.column_stack(values)]


def assert_is_the_known_log(log: GyroLog, *, accel: bool = True) -> None:
    np.testing.assert_allclose(log.t, T, atol=1e-8)
    np.testing.assert_allclose(log.gyro, GYRO, atol=1e-8)
    if accel:
        np.testing.assert_allclose(log.accel, ACCEL, atol=0.02)  # interpolated
    else:
        assert log.accel is None


@pytest.mark.parametrize(
    ("gyro", "accel", "other"),
    [
        ("gyroscope", "accelerometer", "magnetometer"),
        ("android.sensor.gyroscope", "android.sensor.accelerometer", "android.sensor.light"),
        ("4", "1", "2"),
        ("GYR", "ACC", "MAG"),
        ("g", "a", "m"),
        ("GyroscopeUncalibrated", "TotalAcceleration", "Gravity"),
    ],
)
@pytest.mark.parametrize("place", ["first", "last"])
def test_one_row_per_reading(tmp_path: Path, gyro: str, accel: str, other: str, place: str) -> None:
    rows = []
    for g, a, m in zip(
        numbers(T, GYRO), numbers(T + 0.001, ACCEL), numbers(T + 0.002, MAG), strict=True
    ):
        for name, row in ((gyro, g), (accel, a), (other, m)):
            rows.append(f"{name},{row}" if place == "first" else f"{row},{name}")
    header = "sensor,time,x,y,z" if place == "first" else "time,x,y,z,sensor"
    log = read(write(tmp_path / "log.csv", [header, *rows]))
    assert_is_the_known_log(log)
    assert log.hints["sensor_rows"] == gyro
    assert log.hints["rows_of_other_sensors"] == "240"
    if not gyro.isdigit():  # without a header, too
        assert_is_the_known_log(read(write(tmp_path / "bare.csv", rows)))


def test_calibrated_rows_go_before_uncalibrated(tmp_path: Path) -> None:
    rows = [
        line
        for a, b in zip(numbers(T, GYRO + 0.1), numbers(T, GYRO), strict=True)
        for line in (f"gyroscope_uncalibrated,{a}", f"gyroscope,{b}")
    ]
    log = read(write(tmp_path / "log.csv", ["name,timestamp_s,v0,v1,v2", *rows]))
    assert_is_the_known_log(log, accel=False)


def test_sensors_interleaved_in_columns_of_their_own(tmp_path: Path) -> None:
    rows = [
        line
        for g, a in zip(numbers(T, GYRO), numbers(T + 0.0025, ACCEL), strict=True)
        for line in (f"{g},,,", a.replace(",", ",,,,", 1))
    ]
    log = read(write(tmp_path / "log.csv", ["t,gx,gy,gz,ax,ay,az", *rows]))
    assert_is_the_known_log(log)
    assert log.hints["rows_of_other_sensors"] == "120"


@pytest.mark.parametrize(
    ("gyro", "accel"),
    [
        ("Gyroscope.csv", "TotalAcceleration.csv"),
        ("GyroscopeUncalibrated.csv", "Accelerometer.csv"),
        ("VID_1gyro.csv", "VID_1accel.csv"),
        ("walk_gyr.txt", "walk_acc.txt"),
    ],
)
@pytest.mark.parametrize("header", [True, False])
def test_the_accelerometer_is_found_beside(
    tmp_path: Path, gyro: str, accel: str, header: bool
) -> None:
    head = ["time,x,y,z"] if header else []
    write(tmp_path / accel, [*head, *numbers(T + 0.001, ACCEL)])
    log = read(write(tmp_path / gyro, [*head, *numbers(T, GYRO)]))
    assert_is_the_known_log(log)
    assert log.hints["accel_file"] == accel


def test_accelerations_without_gravity_are_not_taken(tmp_path: Path) -> None:
    write(tmp_path / "Accelerometer.csv", ["time,x,y,z", *numbers(T, ACCEL - ACCEL.mean(axis=0))])
    log = read(write(tmp_path / "Gyroscope.csv", ["time,x,y,z", *numbers(T, GYRO)]))
    assert_is_the_known_log(log, accel=False)


def test_all_sensors_in_one_table_without_a_header(tmp_path: Path) -> None:
    rows = numbers(T, ACCEL, GYRO, MAG)
    log = read(write(tmp_path / "log.txt", rows))
    assert_is_the_known_log(log)
    assert log.hints["columns"] == "t=0,x=4,y=5,z=6,ax=1,ay=2,az=3"


ROTATION = Rotation.from_euler(
    "ZYX", np.stack([0.5 * np.sin(3 * T), 0.2 * np.cos(4 * T), 0.3 * np.sin(2 * T)], axis=1)
)
QUAT = ROTATION.as_quat()  # x, y, z, w


def motion(log: GyroLog) -> Rotation:
    return integrate(log).between(T[10], T[100])


TURNED = ROTATION[10].inv() * ROTATION[100]


@pytest.mark.parametrize(
    ("names", "order"),
    [
        ("qx,qy,qz,qw", (0, 1, 2, 3)),
        ("qw,qx,qy,qz", (3, 0, 1, 2)),
        ("quat_w,quat_x,quat_y,quat_z", (3, 0, 1, 2)),
        ("Quaternion X,Quaternion Y,Quaternion Z,Quaternion W", (0, 1, 2, 3)),
        ("orientation.x,orientation.y,orientation.z,orientation.w", (0, 1, 2, 3)),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 16384.0])
def test_quaternions_are_an_attitude(
    tmp_path: Path, names: str, order: tuple[int, ...], scale: float
) -> None:
    flipped = QUAT * np.where(np.arange(len(T)) % 7 < 3, -1.0, 1.0)[:, None]  # −q is q
    rows = numbers(T, scale * flipped[:, order])
    log = read(write(tmp_path / "log.csv", [f"time,{names}", *rows]))
    assert (motion(log).inv() * TURNED).magnitude() < 1e-4
    assert log.hints["source"] == "attitude (quaternion); rates by differentiation"
    assert log.hints["attitude"] == "body_to_world (assumed)"


def test_a_quaternion_may_be_the_other_way_round(tmp_path: Path) -> None:
    inverse = ROTATION.inv().as_quat()
    path = write(tmp_path / "log.csv", ["time,qx,qy,qz,qw", *numbers(T, inverse)])
    log = read(path, attitude="world_to_body")
    assert (motion(log).inv() * TURNED).magnitude() < 1e-4


def test_a_quaternion_without_a_header_needs_its_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", numbers(T, QUAT))
    with pytest.raises(GyroDataError, match="four columns are a quaternion, w first or last"):
        read(path)
    log = read(path, columns="t=0,qx=1,qy=2,qz=3,qw=4")
    assert (motion(log).inv() * TURNED).magnitude() < 1e-4


@pytest.mark.parametrize("unit", ["deg", "rad"])
def test_angles_are_an_attitude_once_their_order_is_told(tmp_path: Path, unit: str) -> None:
    yaw_pitch_roll = ROTATION.as_euler("ZYX", degrees=unit == "deg")
    header = f"time,yaw [{unit}],pitch [{unit}],roll [{unit}]"
    path = write(tmp_path / "log.csv", [header, *numbers(T, yaw_pitch_roll)])
    with pytest.raises(GyroDataError, match=r"in which order. Give attitude"):
        read(path)
    log = read(path, attitude="ZYX")
    assert (motion(log).inv() * TURNED).magnitude() < 1e-4


def test_rates_go_before_an_attitude(tmp_path: Path) -> None:
    rows = numbers(T, QUAT, GYRO)
    log = read(write(tmp_path / "log.csv", ["time,qx,qy,qz,qw,gx,gy,gz", *rows]))
    assert_is_the_known_log(log, accel=False)


def test_what_is_no_rotation_is_no_attitude(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", ["time,qx,qy,qz,qw", *numbers(T, QUAT * T[:, None])])
    with pytest.raises(GyroDataError, match="rotations have one length"):
        read(path)


def test_a_gap_in_an_attitude_makes_no_rate(tmp_path: Path) -> None:
    keep = (np.arange(len(T)) < 50) | (np.arange(len(T)) > 70)
    rows = numbers(T[keep], QUAT[keep])
    log = read(write(tmp_path / "log.csv", ["time,qx,qy,qz,qw", *rows]))
    assert len(log.t) == keep.sum() - 2
    np.testing.assert_allclose(log.gaps, [[T[49] - 0.0025, T[71] + 0.0025]], atol=1e-9)


@pytest.mark.parametrize(
    ("header", "values"),
    [("time,ax,ay,az", ACCEL), ("time,acc_x [g],acc_y [g],acc_z [g]", ACCEL / 9.81)],
)
def test_accelerations_alone_are_refused(tmp_path: Path, header: str, values: np.ndarray) -> None:
    with pytest.raises(GyroDataError, match=r"do not tell how the camera turned.* the gyro's log"):
        read(write(tmp_path / "log.csv", [header, *numbers(T, values)]))


@pytest.mark.parametrize(
    ("stamp", "form", "t0"),
    [
        ("2024-03-01T12:00:{:09.6f}Z", "ISO 8601", 1709294405.0),
        ("2024-03-01 13:00:{:09.6f}+01:00", "ISO 8601", 1709294405.0),
        ("2024/03/01 12:00:{:09.6f}", "ISO 8601", 1709294405.0),
        ("12:00:{:09.6f}", "h:m:s", 43205.0),
        ("1/3/2024 12:00:{:09.6f}", "h:m:s", 43205.0),
        ("0:{:09.6f}", "h:m:s", 5.0),
    ],
)
def test_times_in_words(tmp_path: Path, stamp: str, form: str, t0: float) -> None:
    rows = [f"{stamp.format(t)},{row}" for t, row in zip(T, numbers(GYRO), strict=True)]
    rows[50] = rows[50].replace(rows[50].split(",")[0], "?")
    log = read(write(tmp_path / "log.csv", ["time,gx,gy,gz", *rows]))
    keep = np.arange(len(T)) != 50
    np.testing.assert_allclose(log.t, T[keep] - 5.0 + t0, atol=3e-7)
    np.testing.assert_allclose(log.gyro, GYRO[keep], atol=1e-9)
    assert log.hints["time_unit"] == form
    assert log.hints["dropped_rows"] == "1"


def test_midnight_is_passed(tmp_path: Path) -> None:
    seconds = (86399.8 + np.arange(120) / RATE) % 86400
    stamps = [f"{int(s // 3600)}:{int(s // 60 % 60)}:{s % 60:.3f}" for s in seconds]
    rows = [f"{a},{b}" for a, b in zip(stamps, numbers(GYRO), strict=True)]
    log = read(write(tmp_path / "log.csv", ["time,gx,gy,gz", *rows]))
    np.testing.assert_allclose(log.t, 86399.8 + np.arange(120) / RATE, atol=1e-6)


@pytest.mark.parametrize(
    ("line", "scale"),
    [
        ("gscale,0.00122173047", 0.00122173047),
        ("gyro_scale: 16.4 LSB/dps", np.pi / 180 / 16.4),
        ("# gyro sensitivity = 0.07 deg/s per LSB", 0.07 * np.pi / 180),
        ('"gyro scale [rad/s]","0.001"', 0.001),
    ],
)
def test_counts_with_a_stated_scale(tmp_path: Path, line: str, scale: float) -> None:
    counts = np.round(GYRO / scale)
    rows = [f"{t:.6f},{x:.0f},{y:.0f},{z:.0f}" for t, (x, y, z) in zip(T, counts, strict=True)]
    log = read(write(tmp_path / "log.csv", [line, "t,gx,gy,gz", *rows]))
    np.testing.assert_allclose(log.gyro, counts * scale, rtol=1e-6)
    assert log.hints["rate_unit_from"] == "preamble"


def test_counts_without_a_scale_are_refused(tmp_path: Path) -> None:
    rows = [f"{t:.6f},{x:.0f},{y:.0f},{z:.0f}" for t, (x, y, z) in zip(T, GYRO * 900, strict=True)]
    path = write(tmp_path / "log.csv", ["t,gx,gy,gz", *rows])
    with pytest.raises(GyroDataError, match=r"whole numbers may be counts .* give rate_unit"):
        read(path)
    assert read(path, rate_unit="0.001").hints["rate_unit"] == "0.001"


@pytest.mark.parametrize(
    ("unit", "step"), [("rad/s", 2000 / 32768 * np.pi / 180), ("deg/s", 2000 / 32768)]
)
def test_the_step_of_the_sensor_tells_the_unit(tmp_path: Path, unit: str, step: float) -> None:
    t = np.arange(3000) / RATE
    gyro = np.stack([np.sin(9 * t), np.cos(11.3 * t), np.sin(7.7 * t)], axis=1)
    gyro *= 2.0 if unit == "rad/s" else np.deg2rad(2.0)  # rms 2.4: may be both
    counts = np.round(gyro / np.deg2rad(2000 / 32768))
    log = read(write(tmp_path / "log.csv", ["t,gx,gy,gz", *numbers(t, counts * step)]))
    assert log.hints["rate_unit"] == unit
    assert log.hints["rate_unit_from"] == "step"


def test_two_sets_of_rates_that_differ_by_a_bias_are_one(tmp_path: Path) -> None:
    rows = numbers(T, GYRO, GYRO + 0.02)
    header = "t,motionRotationRateX(rad/s),motionRotationRateY(rad/s),motionRotationRateZ(rad/s),"
    header += "gyroRotationX(rad/s),gyroRotationY(rad/s),gyroRotationZ(rad/s)"
    assert_is_the_known_log(read(write(tmp_path / "log.csv", [header, *rows])), accel=False)
