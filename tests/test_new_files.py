"""New files: what is refused before the work, and what is on disk after it."""

import os
from pathlib import Path

import pytest

from stabilizer.errors import StabilizerError
from stabilizer.new_files import check_new_file, complete_or_absent, partial_name


def test_a_name_that_is_free_is_accepted(tmp_path) -> None:
    check_new_file(tmp_path / "a.CSV", suffixes=(".csv",))
    (tmp_path / "b.csv").touch()
    check_new_file(tmp_path / "b.csv", suffixes=(".csv",), overwrite=True)
    assert not (tmp_path / "a.CSV").exists()


def test_names_that_cannot_be_written_are_refused(tmp_path) -> None:
    there = tmp_path / "there.csv"
    there.touch()
    (tmp_path / "folder.csv").mkdir()
    same = tmp_path / "same.csv"
    same.symlink_to(there)

    def refused(path: Path, match: str, **options) -> None:
        with pytest.raises(StabilizerError, match=match):
            check_new_file(path, suffixes=(".csv", ".txt"), **options)

    refused(tmp_path / "a.npz", r"expected a name ending in \.csv, \.txt, got '\.npz'")
    refused(tmp_path / "none" / "a.csv", "there is no folder")
    refused(there, "exists already")
    refused(tmp_path / "folder.csv", "is a folder", overwrite=True)
    refused(same, "is an input too", inputs=["none.csv", there], overwrite=True)
    refused(same, "is a link", overwrite=True)
    refused(there / "a.csv", "there.csv is no folder")
    refused(Path(), "expected the name of a file, got none")
    there.unlink()
    refused(same, "is a link")
    os.mkfifo(tmp_path / "pipe.csv")
    refused(tmp_path / "pipe.csv", "is no file", overwrite=True)


@pytest.mark.parametrize("letter", ["n", "ñ", "雪"])
def test_the_longest_names_that_a_folder_takes_will_do(tmp_path, letter) -> None:
    path = tmp_path / f"{letter * (251 // len(letter.encode()))}.csv"
    left = partial_name(path)
    dead = left.with_name(left.name.replace(f"-{os.getpid()}-", "-99999999-"))
    dead.touch()
    with complete_or_absent(path) as partial:
        partial.write_text("new")
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_appears_when_it_is_complete(tmp_path) -> None:
    path = tmp_path / "a.csv"
    with complete_or_absent(path) as partial:
        partial.write_text("new")
        assert partial.suffix == ".csv"  # writers go by it
        assert not path.exists()
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]
    assert path.read_text() == "new"


def test_a_failure_leaves_what_was_there(tmp_path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), complete_or_absent(path) as partial:
        partial.write_text("new")
        raise KeyboardInterrupt
    with pytest.raises(StabilizerError, match=r"a\.csv: cannot be written: No space left"):  # noqa: SIM117
        with complete_or_absent(path):
            raise OSError(28, "No space left on device")
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]
    assert path.read_text() == "old"
