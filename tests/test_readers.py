"""The front door: which reader is asked, what callers may say, what is refused at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gyro_data.errors import GyroDataError
from gyro_data.readers import READERS, read
from gyro_data.readers.options import ReadOptions, parse_columns

LOG = "t,gx,gy,gz\n0.00,0.1,0.2,0.3\n0.01,0.1,0.2,0.3\n0.02,0.1,0.2,0.3\n"


@pytest.mark.parametrize("reader", READERS, ids=lambda r: r.NAME)
def test_every_reader_keeps_the_contract(reader, tmp_path: Path) -> None:
    assert reader.NAME
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in reader.EXTENSIONS)
    assert not reader.detect(tmp_path / "log", b"\x00\x01\x02 no log of any kind")


def test_reader_names_are_unique() -> None:
    names = [reader.NAME for reader in READERS]
    assert len(set(names)) == len(names)
    assert names[-1] == "table"  # takes any text, so the others have to be asked before


@pytest.mark.parametrize("path_type", [str, Path])
def test_a_path_may_be_a_string(tmp_path: Path, path_type: type) -> None:
    path = tmp_path / "log.csv"
    path.write_text(LOG)
    assert read(path_type(path)).gyro[0].tolist() == [0.1, 0.2, 0.3]


def test_pandas_is_loaded_only_when_a_table_is_read() -> None:
    code = "import sys, gyro_data.readers; sys.exit('pandas' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], check=False, env=environment)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.csv", None, r"absent\.csv: No such file or directory; give the path"),
        ("empty.csv", b"", r"empty\.csv: the file is empty"),
        (
            "picture.png",
            b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
            "not a gyro log of a known format",
        ),
        ("prose.txt", b"Dear diary,\nit rained all day.\n", "no table of time and rates"),
    ],
)
def test_what_is_no_log_is_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(GyroDataError, match=message) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GyroDataError, match="give the path of a gyro log"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("size", "message"), [(1 << 30, "line 5002 is longer"), (2 * 1024**3 + 1, "larger than 2 GB")]
)
def test_a_huge_file_is_refused_at_once(tmp_path: Path, size: int, message: str) -> None:
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.write(b"t,gx,gy,gz\n" + b"0.01,0.1,0.2,0.3\n" * 5000)
        file.truncate(size)  # a hole on disk: takes no room
    with pytest.raises(GyroDataError, match=message):
        read(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time_unit": "min"}, "time_unit: expected one of s, ms, us, ns, got 'min'"),
        (
            {"rate_unit": "rpm"},
            "rate_unit: expected one of rad/s, deg/s, mdeg/s, a number of rad/s, got 'rpm'",
        ),
        ({"columns": "t=0,x=1,y=2"}, "columns: expected t, x, y, z and .*got t, x, y"),
        ({"columns": "t=0,x=1,y=2,z=3,ax=4"}, "all or none of ax, ay, az"),
        ({"columns": {"t": 0, "x": 1, "y": 2, "z": 3, "w": 4}}, "columns: expected"),
        ({"columns": {}}, "got nothing"),
        ({"columns": "t,x,y,z"}, "columns: expected 't=name"),
    ],
)
def test_unknown_options_are_refused_with_what_is_allowed(
    tmp_path: Path, options: dict, message: str
) -> None:
    path = tmp_path / "log.csv"
    path.write_text(LOG)
    with pytest.raises(ValueError, match=message):
        read(path, **options)


def test_columns_may_be_a_string_or_a_mapping() -> None:
    wanted = {"t": "time", "x": "1", "y": "2", "z": "a=b"}
    assert parse_columns("t = time, x=1,y=2,z=a=b") == wanted
    assert parse_columns({"t": "time", "x": 1, "y": 2, "z": "a=b"}) == wanted
    assert parse_columns(None) is None
    assert ReadOptions(columns=wanted).columns == wanted
