"""Archives of arrays: there and back; what they refuse is tested on plan files."""

import numpy as np
import pytest

from stabilizer.archive import read_archive, write_archive


def test_arrays_come_back_to_the_bit(tmp_path) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "flat": rng.normal(size=7),
        "rows": rng.normal(size=(5, 3)).T.copy().T,
        "none": np.empty((0, 2)),
        "large": np.arange(100_000.0),
        "ends": np.array([np.finfo(float).max, 5e-324, -0.0, np.nan]),
    }
    write_archive(tmp_path / "a.npz", "about.txt", "ä\n", arrays)
    text, loaded = read_archive(tmp_path / "a.npz", "about.txt")
    assert text.decode() == "ä\n"
    assert list(loaded) == list(arrays)
    for name, array in arrays.items():
        assert loaded[name].shape == array.shape
        assert loaded[name].tobytes() == array.tobytes()
        np.testing.assert_array_equal(np.load(tmp_path / "a.npz")[name], array)


def test_what_could_not_be_read_again_is_not_written(tmp_path) -> None:
    huge = np.broadcast_to(0.0, (1 << 28,))  # 2 GiB that take no memory
    with pytest.raises(ValueError, match="arrays: expected up to 2,147,483,648 bytes"):
        write_archive(tmp_path / "a.npz", "about.txt", "", {"huge": huge})
    assert list(tmp_path.iterdir()) == []
