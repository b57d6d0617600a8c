"""New files: what is refused before the work, and what is on disk after it."""

from pathlib import Path

import pytest

from stabilizer.errors import StabilizerError
from stabilizer.new_files import check_new_file, complete_or_absent


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
    refused(tmp_path / "folder.csv", "exists already", overwrite=True)
    refused(same, "is an input too", inputs=["none.csv", there], overwrite=True)


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
