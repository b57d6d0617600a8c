"""Text tables: one log in every dress reads the same; repairs are counted, doubt is refused."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gyro_data.errors import GyroDataError
from gyro_data.log import GyroLog
from gyro_data.readers import read

RATE = 250.0
T = 12.0 + np.arange(40) / RATE
GYRO = np.stack([np.sin(3 * T), 0.5 * np.cos(5 * T), 0.2 * np.sin(7 * T + 1)], axis=1)  # rad/s
TICKS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
PER_RAD = {"rad/s": 1.0, "deg/s": 180 / np.pi}

# Each style names t, x, y, z; {t} and {r} stand for the units of time and rate.
STYLES = {
    "short": ("t", "gx", "gy", "gz"),
    "omega": ("Time", "wx", "wy", "wz"),
    "suffix": ("t_{t}", "gx_{r_}", "gy_{r_}", "gz_{r_}"),
    "brackets": ("timestamp [{t}]", "gyroX [{r}]", "gyroY [{r}]", "gyroZ [{r}]"),
    "quoted": ('"Time ({t})"', '"Gyroscope x ({r})"', '"Gyroscope y ({r})"', '"Gyroscope z ({r})"'),
    "indexed": ("timestamp_{t}", "gyro[0]", "gyro[1]", "gyro[2]"),
    "ios": ("SamplingTime", "Rotation Rate (X)", "Rotation Rate (Y)", "Rotation Rate (Z)"),
    "ros": ("time", "angular_velocity.x", "angular_velocity.y", "angular_velocity.z"),
    "bare": ("time", "x", "y", "z"),
    "loud": ("TIMESTAMP", "GYRO_X", "GYRO_Y", "GYRO_Z"),
}
SEPARATORS = {"comma": ",", "comma blank": ",  ", "semicolon": ";", "tab": "\t", "blanks": "   "}
ORDERS = {"txyz": (0, 1, 2, 3), "zyxt": (3, 2, 1, 0)}


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def table(
    header: tuple[str, ...], separator: str, order: tuple[int, ...], columns: list[list[str]]
) -> str:
    lines = [header, *zip(*columns, strict=True)]
    return "\n".join(separator.join(line[i] for i in order) for line in lines) + "\n"


def columns(time_unit: str = "s", rate_unit: str = "rad/s") -> list[list[str]]:
    """Write the known log as text: 11 digits, so that reading costs no more than 1e-10."""
    ticks = T * TICKS[time_unit]
    rates = GYRO * PER_RAD[rate_unit]
    stamps = [f"{tick:.0f}" if time_unit in ("us", "ns") else f"{tick:.9f}" for tick in ticks]
    return [stamps, *([f"{v:.11f}" for v in column] for column in rates.T)]


def assert_is_the_known_log(log: GyroLog) -> None:
    np.testing.assert_allclose(log.t, T, rtol=0, atol=1e-9)
    np.testing.assert_allclose(log.gyro, GYRO, rtol=0, atol=1e-10)
    assert not log.gaps.size


@pytest.mark.parametrize("order", ["txyz", "zyxt"])
@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("time_unit", "rate_unit"),
    [("s", "rad/s"), ("ms", "deg/s"), ("us", "rad/s"), ("ns", "deg/s")],
)
def test_one_log_written_in_many_ways_reads_the_same(
    tmp_path: Path, style: str, separator: str, order: str, time_unit: str, rate_unit: str
) -> None:
    units = {"t": time_unit, "r": rate_unit, "r_": rate_unit.replace("/", "_")}
    header = tuple(name.format(**units) for name in STYLES[style])
    if separator == "blanks" and " " in "".join(header):
        header = tuple(f'"{name.strip(chr(34))}"' for name in header)
    text = table(header, SEPARATORS[separator], ORDERS[order], columns(time_unit, rate_unit))
    says_rate = "{r" in STYLES[style][1]
    options = {} if says_rate or rate_unit == "rad/s" else {"rate_unit": rate_unit}
    log = read(write(tmp_path / "log.csv", text), **options)
    assert_is_the_known_log(log)
    assert log.hints["time_unit"] == time_unit
    assert log.hints["rate_unit"] == rate_unit
    assert log.hints["time_unit_from"] == ("header" if "{t}" in STYLES[style][0] else "interval")
    expected = "header" if says_rate else "option" if options else "assumed"
    assert log.hints["rate_unit_from"] == expected


DRESSES: dict[str, Callable[[str], str]] = {
    "crlf": lambda text: text.replace("\n", "\r\n"),
    "old mac": lambda text: text.replace("\n", "\r"),
    "no last newline": lambda text: text.rstrip("\n"),
    "blank lines": lambda text: "\n\n" + text.replace("\n", "\n\n", 5),
    "trailing separators": lambda text: text.replace("\n", ",\n"),
    "trailing separators below": lambda text: text.replace("\n", ",,\n").replace(",,", "", 1),
    "# comments": lambda text: '# a 5" lens\n#\n' + text.replace("\n12.1", "\n# note\n12.1", 1),
    "// comments": lambda text: "// made by\n" + text.replace("\n12.1", "\n// note\n12.1", 1),
    "% comments": lambda text: "% made by\n" + text + "% the end\n",
    "; comments": lambda text: "; made, by\n" + text,
    "header in a comment": lambda text: "# a log\n#" + text,
    "metadata above": lambda text: '"Product","Blackbox"\n"looptime","125"\nnote,a,b\n' + text,
    "a line of units": lambda text: text.replace("\n", "\ns,rad/s,rad/s,rad/s\n", 1),
    "rows counted below a nameless column": lambda text: "\n".join(
        f"{i or ''}\t" + line.replace(",", "\t") for i, line in enumerate(text.splitlines())
    ),
    "an empty first column": lambda text: "\n".join(
        ";" + line.replace(",", ";") for line in text.splitlines()
    ),
    "quotes after blanks": lambda text: "".join(
        ", ".join(f'"{field}"' for field in line.split(",")) + "\n" for line in text.splitlines()
    ),
}


@pytest.mark.parametrize("dress", DRESSES.values(), ids=DRESSES)
def test_the_dress_of_a_table_does_not_matter(
    tmp_path: Path, dress: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    text = dress(table(STYLES["short"], ",", ORDERS["txyz"], columns()))
    log = read(write(tmp_path / "log.txt", text))
    assert_is_the_known_log(log)
    assert "dropped_rows" not in log.hints
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1", "utf-8"])
def test_encodings_are_told_from_the_first_bytes(tmp_path: Path, encoding: str) -> None:
    header = ("t [s]", "gyro x [°/s]", "gyro y [°/s]", "gyro z [°/s]")
    text = table(header, "\t", ORDERS["txyz"], columns("s", "deg/s"))
    log = read(write(tmp_path / "log.csv", text, encoding))
    assert_is_the_known_log(log)
    assert log.hints["rate_unit_from"] == "header"


@pytest.mark.parametrize("separator", [";", "\t", "  "])
def test_decimal_commas(tmp_path: Path, separator: str) -> None:
    cells = [[cell.replace(".", ",") for cell in column] for column in columns()]
    cells[2][30] = "1,2,3"  # one bad field must not turn its column's commas into nonsense
    text = table(("t", "gx", "gy", "gz"), separator, ORDERS["zyxt"], cells)
    log = read(write(tmp_path / "log.csv", text))
    keep = np.arange(40) != 30
    np.testing.assert_allclose(log.t, T[keep], atol=1e-9)
    np.testing.assert_allclose(log.gyro, GYRO[keep], atol=1e-10)
    assert log.hints["dropped_rows"] == "1"


@pytest.mark.parametrize(
    ("names", "scale", "source"),
    [
        (("ax", "ay", "az"), 9.80665, "gravity"),  # as long as 1 g, whatever they are in
        (("acc_x [g]", "acc_y [g]", "acc_z [g]"), 9.80665, "header"),
        (
            ("accelerometer_x [m/s^2]", "accelerometer_y [m/s^2]", "accelerometer_z [m/s^2]"),
            1.0,
            "",
        ),
        (("Acceleration x (m/s²)", "Acceleration y (m/s²)", "Acceleration z (m/s²)"), 1.0, ""),
    ],
)
def test_accelerations_come_along(
    tmp_path: Path, names: tuple[str, ...], scale: float, source: str
) -> None:
    accel = np.stack([0.1 * np.cos(T), 0.2 * np.sin(T), 1 + 0 * T], axis=1)
    cells = columns() + [[f"{v:.11f}" for v in column] for column in accel.T]
    text = table(("t", "gx", "gy", "gz", *names), ",", (0, 6, 5, 4, 3, 2, 1), cells)
    log = read(write(tmp_path / "log.csv", text))
    assert_is_the_known_log(log)
    np.testing.assert_allclose(log.accel, accel * scale, atol=1e-9)
    assert log.hints["accel_unit_from"] == (source or "header")


def test_a_log_without_accelerations_has_none(tmp_path: Path) -> None:
    text = table(STYLES["short"], ",", ORDERS["txyz"], columns())
    assert read(write(tmp_path / "log.csv", text)).accel is None


def test_accelerations_of_other_instants_are_interpolated(tmp_path: Path) -> None:
    sparse = [f"{9.8 + 0.01 * i:.2f}" if i % 2 else "" for i in range(len(T))]
    cells = [*columns(), sparse, sparse, sparse]
    text = table(("t", "gx", "gy", "gz", "ax", "ay", "az"), ",", tuple(range(7)), cells)
    log = read(write(tmp_path / "log.csv", text))
    assert_is_the_known_log(log)
    np.testing.assert_allclose(log.accel[1:, 0], 9.8 + 0.01 * np.arange(1, 40), atol=1e-9)
    assert log.hints["accel_times"] == "interpolated to the gyro's"
    assert "dropped_rows" not in log.hints


def test_counts_of_an_accelerometer_are_scaled_by_gravity(tmp_path: Path) -> None:
    accel = [["60"] * 40, ["8"] * 40, ["2047"] * 40]
    text = table(("t", "gx", "gy", "gz", "ax", "ay", "az"), ",", tuple(range(7)), columns() + accel)
    log = read(write(tmp_path / "log.csv", text))
    assert np.linalg.norm(log.accel[0]) == pytest.approx(9.80665)
    assert log.hints["accel_unit"] == "counts, 2048 per g"


def test_decisions_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    path = write(tmp_path / "log.csv", table(STYLES["short"], ",", ORDERS["txyz"], columns("ms")))
    log = read(path)
    assert_is_the_known_log(log)
    assert "250 Hz in ms" in log.hints["time_unit_why"]
    for name, conclusion in log.hints.items():
        assert f"{name}: {conclusion}" in caplog.text
    assert caplog.text.count(str(path)) == 1


# Real logs: the first lines of recordings by a GoPro HERO5 (gpmf-parser's karma sample,
# Apache-2.0), OpenCamera Sensors (MobileRoboticsSkoltech/twist-n-sync, its first three rows), a
# Xiaomi phone (lhaippp/gyro-video-stabilization) and a Google Pixel (googleinterns/
# deep-stabilization, Apache-2.0). Sensor Logger, Gyro and Betaflight's blackbox_decode: their own
# column lines, some columns of the last left out, above rows written in their convention.
GOPRO = """cts,date,Gyroscope (z) [rad/s],Gyroscope (x) [rad/s],Gyroscope (y) [rad/s]
0.000,2017-04-17T19:26:48.000Z,0.045806,0.018642,0.033289
2.554,2017-04-17T19:26:48.002Z,-0.016245,0.002397,-0.075899
5.107,2017-04-17T19:26:48.005Z,0.052996,0.005859,0.006924
"""
SENSOR_LOGGER = """time,seconds_elapsed,z,y,x
1767620467209093700,0.002886,0.1338970,-0.1229300,-0.0180180
1767620467211519700,0.005312,0.1375620,-0.1094910,-0.0400090
1767620467213945700,0.007738,0.1436710,-0.0875000,-0.0736070
"""
GYRO_APP = """Time, Rotation Rate (X), Rotation Rate (Y), Rotation Rate (Z)
1631000000.001886, -0.018018, -0.122930, 0.133897
1631000000.004312, -0.040009, -0.109491, 0.137562
1631000000.006738, -0.073607, -0.087500, 0.143671
"""
BLACKBOX = """loopIteration, time (us), axisP[0], vbatLatest (V), gyroADC[0], gyroADC[1], \
gyroADC[2], accSmooth[0], accSmooth[1], accSmooth[2], flightModeFlags (flags), GPS_fixType
52992, 55158008,  -1, 14.245,   0,   3,   3,  60,   8, 2232, 0, IDLE
52993, 55158133,  -1, 14.245,  90,   3,  -3,  60,   8, 2232, 0, IDLE
52994, 55158258,  -1, 14.245, 180,   2,  -3,  60,   8, 2232, 0, IDLE
"""
OPENCAMERA = """1.8405248,-1.7660676,0.49335796,691166767933511
1.8783984,-1.8546431,0.5410055,691166769907511
1.8924483,-1.896182,0.5593314,691166771907511
-0.0180180,-0.1229300,0.1338970,691166775819511
-0.0400090,-0.1094910,0.1375620,691166778245511
-0.0736070,-0.0875000,0.1436710,691166780671511
-0.1029290,-0.0679530,0.1479470,691166783097511
-0.1303570,-0.0489090,0.1489380,691166785523511
-0.1522690,-0.0342880,0.1420910,691166787949511
-0.1613400,-0.0440900,0.1399300,691166790375511
"""
XIAOMI = """\
3.972999999999999969e-03,3.833799999999999708e-02,1.477799999999999947e-02,4.328040426741000265e+06
6.415999999999999828e-03,4.200299999999999867e-02,1.844399999999999859e-02,4.328040429166999646e+06
8.859999999999999820e-03,4.811200000000000199e-02,1.477799999999999947e-02,4.328040431592999958e+06
1.374700000000000054e-02,5.544199999999999823e-02,9.891999999999999751e-03,4.328040434019000269e+06
"""
PIXEL = """1639497582 0.043193 0.005574 0.003084 1639504422 9939
1639502468 0.049288 -0.003040 -0.000557 1639509231 9939
1639507354 0.052976 -0.016622 -0.005457 1639514068 9939
1639512240 0.051825 -0.032717 -0.010407 1639519327 9940
"""
BY_INDEX = "t=3,x=0,y=1,z=2"


@pytest.mark.parametrize(
    ("text", "options", "t0", "interval", "gyro0"),
    [
        (GOPRO, {}, 0.0, 0.0025535, [0.018642, 0.033289, 0.045806]),
        (SENSOR_LOGGER, {}, 0.002886, 0.002426, [-0.018018, -0.12293, 0.133897]),
        (
            SENSOR_LOGGER,
            {"columns": "t=time,x=x,y=y,z=z"},
            1767620467.2090937,
            0.002426,
            [-0.018018, -0.12293, 0.133897],
        ),
        (GYRO_APP, {}, 1631000000.001886, 0.002426, [-0.018018, -0.12293, 0.133897]),
        (BLACKBOX, {}, 55.158008, 0.000125, np.deg2rad([0, 3, 3])),
        (
            OPENCAMERA,
            {"rate_unit": "rad/s"},
            691166.767933511,
            0.002426,
            [1.8405248, -1.7660676, 0.49335796],
        ),
        (XIAOMI, {"columns": BY_INDEX}, 4328040.426741, 0.002426, [0.003973, 0.038338, 0.014778]),
        (
            PIXEL,
            {"columns": {"t": 0, "x": 1, "y": 2, "z": 3}},
            1639.497582,
            0.004886,
            [0.043193, 0.005574, 0.003084],
        ),
    ],
    ids=["gopro", "logger", "logger epoch", "ios", "blackbox", "opencamera", "xiaomi", "pixel"],
)
def test_real_logs(
    tmp_path: Path, text: str, options: dict, t0: float, interval: float, gyro0: list[float]
) -> None:
    log = read(write(tmp_path / "recording.csv", text), **options)
    assert log.t[0] == pytest.approx(t0, abs=1e-9 + np.spacing(t0))
    assert np.median(np.diff(log.t)) == pytest.approx(interval, abs=1e-6)
    np.testing.assert_allclose(log.gyro[0], gyro0, atol=1e-12)
    assert len(log.t) == len(text.splitlines()) - (not text[0].isdigit())
    assert (log.accel is None) == ("acc" not in text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PIXEL, r"which of 6 columns .* columns='t=0,x=1,y=2,z=3' \(first row: 1639497582, 0.04"),
        ("nan,1,2,3\n" * 3, "which of 4 columns"),
        (XIAOMI, "which of 4 columns"),  # four rows: a rate may rise as steadily as time
        ("frame 1\n" * 3 + "691166773933511\n691166807246511\n", "no table of time and rates"),
    ],
)
def test_headerless_numbers_that_leave_doubt_are_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(GyroDataError, match=message):
        read(write(tmp_path / "log.txt", text))


NOISY = GYRO + 0.1 * np.array([1, -1, -1, 1])[np.arange(40) % 4, None]


def headerless(first: list[str]) -> str:
    return "".join(
        f"{a},{x:.11f},{y:.11f},{z:.11f}\n" for a, (x, y, z) in zip(first, NOISY, strict=True)
    )


def test_a_headerless_table_is_read_when_one_column_can_only_be_time(tmp_path: Path) -> None:
    log = read(write(tmp_path / "log.txt", headerless(columns()[0])))
    np.testing.assert_allclose(log.t, T, atol=1e-9)
    np.testing.assert_allclose(log.gyro, NOISY, atol=1e-10)


def test_a_rate_that_only_rises_could_be_the_time(tmp_path: Path) -> None:
    text = table(STYLES["short"], " ", ORDERS["txyz"], columns()).partition("\n")[2]
    with pytest.raises(GyroDataError, match="do not tell which of 4 columns"):
        read(write(tmp_path / "log.txt", text))


@pytest.mark.parametrize(
    "first",
    [
        [str(i) for i in range(40)],  # a row number: not a clock at 1 kHz
        [str(i // 5) for i in range(40)],  # a frame number
        [str(i % 7) for i in range(40)],
    ],
    ids=["row number", "frame number", "no clock"],
)
def test_a_column_that_counts_is_no_clock(tmp_path: Path, first: list[str]) -> None:
    with pytest.raises(GyroDataError, match="no header, and the numbers do not tell"):
        read(write(tmp_path / "log.txt", headerless(first)))


def test_columns_can_be_named(tmp_path: Path) -> None:
    names = ("clock", "P", "Q", "R")
    path = write(tmp_path / "log.csv", table(names, ";", ORDERS["zyxt"], columns("us", "deg/s")))
    chosen = "t=Clock,x=p,y=q,z=r"
    log = read(path, columns=chosen, time_unit="us", rate_unit="deg/s")
    assert_is_the_known_log(log)
    assert log.hints["columns"] == "t=clock,x=P,y=Q,z=R"
    assert log.hints["time_unit_from"] == log.hints["rate_unit_from"] == "option"


def test_named_columns_keep_the_unit_in_their_name(tmp_path: Path) -> None:
    names = ("clock (us)", "p [deg/s]", "q [deg/s]", "r [deg/s]")
    path = write(tmp_path / "log.csv", table(names, ",", ORDERS["txyz"], columns("us", "deg/s")))
    assert_is_the_known_log(read(path, columns=dict(zip("txyz", names, strict=True))))


def test_columns_can_be_counted_below_a_header(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", table(("a", "b", "c", "d"), ",", (0, 1, 2, 3), columns()))
    assert_is_the_known_log(read(path, columns="t=0,x=1,y=2,z=3"))


def test_accelerations_can_be_asked_for(tmp_path: Path) -> None:
    names = (*STYLES["short"], "u", "v", "w")
    cells = columns() + columns()[1:]
    path = write(tmp_path / "log.csv", table(names, ",", tuple(range(7)), cells))
    log = read(path, columns="t=0,x=1,y=2,z=3,ax=u,ay=v,az=w")
    np.testing.assert_allclose(log.accel, 9.80665 * log.gyro)  # about as long as 1 g
    assert read(path, columns="t=0,x=1,y=2,z=3").accel is None


def test_one_column_cannot_be_two_things(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", table(STYLES["short"], ",", (0, 1, 2, 3), columns()))
    with pytest.raises(GyroDataError, match="columns names one column twice; columns found: t, gx"):
        read(path, columns="t=t,x=gx,y=1,z=gz")


@pytest.mark.parametrize("wrong", ["gyro_9", "7"])
def test_a_column_that_is_not_there_is_refused_with_what_is(tmp_path: Path, wrong: str) -> None:
    path = write(tmp_path / "log.csv", table(STYLES["short"], ",", (0, 1, 2, 3), columns()))
    with pytest.raises(GyroDataError, match=f"no column '{wrong}' for z; columns found: t, gx, gy"):
        read(path, columns=f"t=t,x=gx,y=gy,z={wrong}")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("time,a,b,c", "no gyro columns; columns found: time, a, b, c; name them with columns"),
        ("time,mag_x,mag_y,mag_z", "no gyro columns"),
        ("time,roll,pitch,yaw", "roll, pitch and yaw up to 1 may be radians or degrees"),
        ("time,roll (deg),pitch (deg),yaw (deg)", "in which order. Give attitude .* ZYX is an"),
        ("time,ax,ay,az", "accelerations alone, which do not tell how the camera turned"),
        (
            "time,q0,q1,q2,q3",
            "numbered, .* columns='t=time,qw=q0,qx=q1,qy=q2,qz=q3'",
        ),
        ("time,gx [rpm],gy [rpm],gz [rpm]", "no gyro columns"),  # a unit that is not known here
        ("time,gx,gy,gw", "no gyro columns"),
        ("frame,gx,gy,gz", "no time column; columns found: frame, gx, gy, gz"),
        ("time,x,y,z,w", "may belong to another sensor"),  # a quaternion
        (
            "sensor,time,x,y,z",
            "no rows of a gyro: column 'sensor' is 12.00",
        ),  # rows of many sensors
        (
            "t,gyro_x,gyro_y,gyro_z,wz,wx,wy",
            "which are the rates, gyro_x, gyro_y, gyro_z or wx, wy",
        ),
        ("t,gx [rad/s],gy [deg/s],gz [rad/s]", "units of .* differ"),
    ],
)
def test_unfit_headers_are_refused(tmp_path: Path, header: str, message: str) -> None:
    cells = columns() + columns()[1:]
    text = table(tuple(header.split(",")), ",", tuple(range(header.count(",") + 1)), cells)
    with pytest.raises(GyroDataError, match=message):
        read(write(tmp_path / "log.csv", text))


def test_other_sensors_in_the_table_are_not_taken_for_rates(tmp_path: Path) -> None:
    header = ("mag_x", "mag_y", "mag_z", "qw", "roll", "pitch", "yaw", "x", "y", "z")
    cells = columns() + [["77"] * 40] * len(header)
    text = table((*STYLES["loud"], *header), ",", tuple(range(13, -1, -1)), cells)
    assert_is_the_known_log(read(write(tmp_path / "log.csv", text)))


def test_a_nameless_triple_in_a_file_of_another_sensor_is_refused(tmp_path: Path) -> None:
    text = table(STYLES["bare"], ",", ORDERS["txyz"], columns())
    with pytest.raises(GyroDataError, match="do not look like rates, judging by the file name"):
        read(write(tmp_path / "Accelerometer.csv", text))
    assert_is_the_known_log(read(write(tmp_path / "gyro_accelerometer.csv", text)))


def test_a_nameless_triple_as_long_as_gravity_is_refused(tmp_path: Path) -> None:
    stamps = columns()[0]
    cells = [stamps, ["0.1"] * 40, ["-0.2"] * 40, ["9.8"] * 40]
    path = write(tmp_path / "log.csv", table(STYLES["bare"], ",", ORDERS["txyz"], cells))
    with pytest.raises(GyroDataError, match=r"judging by a median magnitude of 9\.80"):
        read(path)
    assert read(path, columns="t=time,x=x,y=y,z=z").gyro[0, 2] == 9.8


def test_the_unit_of_a_10_hz_clock_is_not_guessed(tmp_path: Path) -> None:
    text = "t,gx,gy,gz\n" + "".join(f"{i / 10},0.1,0.2,0.3\n" for i in range(20))
    path = write(tmp_path / "log.csv", text)
    with pytest.raises(GyroDataError, match="10 Hz in s or 10000 Hz in ms; give time_unit"):
        read(path)
    assert read(path, time_unit="s").sample_rate == pytest.approx(10)


def test_rates_too_fast_for_rad_per_s_are_deg_per_s(tmp_path: Path) -> None:
    cells = columns("s", "deg/s")
    path = write(tmp_path / "log.csv", table(STYLES["short"], ",", ORDERS["txyz"], cells))
    log = read(path)
    assert_is_the_known_log(log)
    assert log.hints["rate_unit_from"] == "size"


def test_rates_that_may_be_either_are_not_guessed(tmp_path: Path) -> None:
    cells = [columns()[0], *([f"{9 * v:.9f}" for v in axis] for axis in NOISY.T)]
    path = write(tmp_path / "log.csv", table(STYLES["short"], ",", ORDERS["txyz"], cells))
    with pytest.raises(GyroDataError, match=r"rms of 1.* may be rad/s or deg/s; give rate_unit"):
        read(path)
    for unit, scale in (("rad/s", 9.0), ("deg/s", np.pi / 20), ("0.01", 0.09)):
        np.testing.assert_allclose(read(path, rate_unit=unit).gyro, NOISY * scale, atol=1e-8)


def test_a_header_that_the_numbers_belie_is_refused(tmp_path: Path) -> None:
    names = ("t [s]", "gx [rad/s]", "gy [rad/s]", "gz [rad/s]")
    path = write(tmp_path / "a.csv", table(names, ",", ORDERS["txyz"], columns("s", "deg/s")))
    with pytest.raises(GyroDataError, match=r"the header says rad/s, and .* is too fast for that"):
        read(path)
    path = write(tmp_path / "b.csv", table(names, ",", ORDERS["txyz"], columns("us")))
    with pytest.raises(GyroDataError, match=r"'t \[s\]' is in s, which would be 0.00025 samples"):
        read(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("t,gx,gy,gz\n", r"a header \(t, gx, gy, gz\) but no rows"),
        ("t,gx,gy,gz\n0.1,1,2,3\n", "1 usable rows of 1, at least 2 are needed"),
        ("t,gx,gy,gz\n0.1,1,2,3\n0.1,1,2,3\n0.1,1,2,3\n", "all rows have the same time"),
        ("t_s,gx,gy,gz\n" + "0.1,1,2,3\n" * 3, "all rows have the same time"),
        (
            "t_s,gx,gy,gz\n" + "0.1,1,2,3\n0.1,1,2,4\n0.1,1,2,5\n0.12,1,2,3\n0.12,1,2,4",
            "too coarse",
        ),
        ("time,gx,gy,gz\n1 past noon,1,2,3\n2 past noon,1,2,3\n", "holds '1 past noon', not num"),
        ('t,gx,gy,gz\n0.1,1,2,3\n0.11,"1,2,3\n0.12,1,2,3\n', "is a quote left open"),
        ("t,gx,gy,gz\n" + "0.1,1,2,3,4\n0.2,1,2,3,4\n", "0 usable rows of 2"),
    ],
)
def test_unfit_rows_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(GyroDataError, match=message) as caught:
        read(write(tmp_path / "log.csv", text))
    assert "\n" not in str(caught.value)


def damaged(damage: Callable[[list[str]], None]) -> str:
    lines = table(STYLES["short"], ",", ORDERS["txyz"], columns()).splitlines()
    damage(lines)
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "row",
    ["", ",,,", "12.05", "12.05,1,2", "12.05,1,2,x", "12.05,1,nan,2", "inf,1,2,3", "12,1,2,3,4"],
)
def test_a_row_without_its_numbers_is_dropped_and_counted(
    tmp_path: Path, row: str, caplog: pytest.LogCaptureFixture
) -> None:
    log = read(write(tmp_path / "log.csv", damaged(lambda lines: lines.insert(15, row))))
    assert_is_the_known_log(log)
    assert log.hints.get("dropped_rows", "0") == ("1" if row else "0")
    assert caplog.text.count("1 dropped_rows") == bool(row)


def test_integers_stay_exact_beside_a_row_of_garbage(tmp_path: Path) -> None:
    start = 1767620467209093700  # ns: float64 would round it to a multiple of 256
    rows = [f"{start + 2_500_000 * i},0.1,0.2,0.3" for i in range(20)]
    rows[7] = "?,0.1,0.2,0.3"
    log = read(write(tmp_path / "log.csv", "\n".join(["time_ns,gx,gy,gz", *rows])))
    exact = 1767620467 + (209093700 + 2_500_000 * np.delete(np.arange(20), 7)) / 1e9
    np.testing.assert_array_equal(log.t, exact)


def test_a_log_with_too_many_bad_rows_is_refused(tmp_path: Path) -> None:
    def spoil(lines: list[str]) -> None:
        lines[3:12] = ["broken"] * 9  # of 40: more than a fifth

    with pytest.raises(GyroDataError, match=r"9 of 40 rows lack a number .* is row 3 below"):
        read(write(tmp_path / "log.csv", damaged(spoil)))


def test_rows_out_of_order_are_sorted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def shuffle(lines: list[str]) -> None:
        lines[5], lines[6] = lines[6], lines[5]
        lines.insert(30, lines.pop(20))

    log = read(write(tmp_path / "log.csv", damaged(shuffle)))
    assert_is_the_known_log(log)
    assert log.hints["reordered_rows"] == "2"
    assert "2 reordered_rows" in caplog.text


def test_rows_of_the_same_time_become_their_mean(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = ["0.000,1,2,3", "0.004,1,2,3", "0.004,3,2,7", "0.008,1,2,3", "0.004,2,2,2"]
    path = write(tmp_path / "log.csv", "t,gx,gy,gz\n" + "\n".join(rows))
    log = read(path, rate_unit="rad/s")
    np.testing.assert_allclose(log.t, [0, 0.004, 0.008])
    np.testing.assert_allclose(log.gyro, [[1, 2, 3], [2, 2, 4], [1, 2, 3]])
    assert log.hints["repeated_times"] == "3"
    warnings = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == 1  # one line for all repairs
    assert "1 reordered_rows, 3 repeated_times" in caplog.text


def test_a_restarted_clock_is_refused(tmp_path: Path) -> None:
    rows = [f"{i / 100},0.1,0.2,0.3" for i in range(300)]
    with pytest.raises(GyroDataError, match=r"the time falls by 2\.99 s after 2\.99 s \(row 301\)"):
        read(write(tmp_path / "log.csv", "\n".join(["t_s,gx,gy,gz", *rows, *rows[:40]])))


def test_gaps_are_found_not_filled(tmp_path: Path) -> None:
    def cut(lines: list[str]) -> None:
        del lines[11:16]

    log = read(write(tmp_path / "log.csv", damaged(cut)))
    assert len(log.t) == 35
    np.testing.assert_allclose(log.gaps, [[T[9], T[15]]])


def test_integers_that_no_float_holds_are_no_numbers(tmp_path: Path) -> None:
    rows = [f"{i * 0.005:.3f},0.1{i % 7},0.2{i % 5},0.3" for i in range(200)]
    rows[20] = "0.100," + "9" * 400 + ",0.2,0.3"
    rows[30] = "7" * 350 + ",0.1,0.2,0.3"
    path = tmp_path / "log.csv"
    path.write_text("\n".join(["time_s,gx_rad_s,gy_rad_s,gz_rad_s", *rows]))
    log = read(path)
    assert len(log.t) == 198
    assert np.abs(log.gyro).max() < 0.4
