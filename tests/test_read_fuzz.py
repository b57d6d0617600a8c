"""Damaged, huge and hostile files: a log or the one error, in bounded time and memory."""

import random
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz_readers import mutated
from gyro_data.errors import GyroDataError
from gyro_data.readers import read
from tests.log_seeds import seeds

LOGS = seeds()
QUICK = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read_or_refuse(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            log = read(path)
        except GyroDataError as error:
            assert "\n" not in str(error)
            assert str(path.name) in str(error)
        else:
            assert len(log.t) >= 2


@pytest.mark.parametrize("name", LOGS)
def test_the_seeds_are_logs_themselves(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(LOGS[name])
    if name in ("flight.bbl", "noise.bin", "angles.csv"):
        with pytest.raises(GyroDataError):
            read(path)
        return
    try:
        assert len(read(path).t) > 20
    except GyroDataError as error:
        assert "give rate_unit" in str(error) or "say it with columns" in str(error)


@QUICK
@given(seed=st.integers(0, 2**32))
def test_mutated_logs_are_read_or_refused(tmp_path: Path, seed: int) -> None:
    name, data = mutated(random.Random(seed), LOGS)
    read_or_refuse(tmp_path / name, data)


@QUICK
@given(data=st.binary(max_size=400), name=st.sampled_from(["a.csv", "a.gcsv", "a.mp4", "a.bin"]))
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes, name: str) -> None:
    read_or_refuse(tmp_path / name, data)


@QUICK
@given(
    rows=st.lists(
        st.lists(
            st.one_of(
                st.floats().map(repr),
                st.integers().map(str),
                st.sampled_from(["", "nan", "-", '"', "1,5", "12:00:01", "gyro", "2024-01-01"]),
            ),
            min_size=1,
            max_size=8,
        ),
        max_size=30,
    ),
    header=st.sampled_from(["t,gx,gy,gz", "time,x,y,z", "sensor,t,x,y,z", "t,qw,qx,qy,qz", ""]),
    separator=st.sampled_from([",", ";", "\t", " "]),
)
def test_any_table_is_read_or_refused(
    tmp_path: Path, rows: list[list[str]], header: str, separator: str
) -> None:
    lines = [header.replace(",", separator), *(separator.join(row) for row in rows)]
    read_or_refuse(tmp_path / "a.csv", "\n".join(lines).encode())


def test_a_line_of_100_mb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    with path.open("wb") as file:
        file.write(b"t,gx,gy,gz\n" + b"0.01,0.1,0.2,0.3\n" * 50)
        for _ in range(100):
            file.write(b"1234567890" * 100_000)
        file.write(b"\n0.02,0.1,0.2,0.3\n")
    with pytest.raises(GyroDataError, match="line 52 is longer than 65536 characters"):
        read(path)


def test_more_rows_than_any_clip_has_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "huge.csv"
    path.write_text("t_ms,gx,gy,gz\n" + "".join(f"{i},0.1,0.2,0.3\n" for i in range(3000)))
    assert len(read(path).t) == 3000
    monkeypatch.setattr("gyro_data.readers.size.MAX_ROWS", 2000)
    with pytest.raises(GyroDataError, match="over 2000 rows; cut the log to the length"):
        read(path)
