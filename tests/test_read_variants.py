"""One log in a thousand dresses: read back as it is, or refused where it truly leaves doubt."""

from pathlib import Path

import numpy as np
import pytest

from gyro_data.errors import GyroDataError
from gyro_data.readers import read
from tests.log_writer import HEADERS, ORDERS, RATE, Variant, variants

COUNT = 1000


def truly_open(variant: Variant, message: str) -> bool:
    """Tell whether the file leaves open what a refusal asks for."""
    if "give rate_unit" in message:
        asked = variant.motion * (180 / np.pi if variant.rate_unit == "deg/s" else 1.0)
        return not variant.states_rate_unit and 0.9 < asked < 9.0
    if "say it with columns" in message or "say which" in message:
        return HEADERS[variant.header] is None
    return False


@pytest.mark.parametrize("part", range(10))
def test_a_log_in_any_dress_is_read_back_or_refused_for_a_reason(tmp_path: Path, part: int) -> None:
    n_read = 0
    for variant in variants(COUNT)[part::10]:
        path = tmp_path / "log.csv"
        path.write_text(variant.text())
        try:
            log = read(path)
        except GyroDataError as error:
            assert truly_open(variant, str(error)), f"{variant}: {error}"
            continue
        n_read += 1
        t, gyro = variant.t, variant.gyro
        if log.hints["columns"].startswith(("t=elapsed", "t=1,")):  # the other of two times
            t = np.arange(len(t)) / RATE + 0.004
        if HEADERS[variant.header] is None:  # nothing names the axes: they are taken as they come
            gyro = gyro[:, ["xyz".index(c) for c in ORDERS[variant.order] if c in "xyz"]]
        np.testing.assert_allclose(log.t, t, rtol=0, atol=4e-7, err_msg=str(variant))
        np.testing.assert_allclose(log.gyro, gyro, rtol=0, atol=1e-9, err_msg=str(variant))
        assert not log.gaps.size
    assert n_read > 0.7 * COUNT / 10
