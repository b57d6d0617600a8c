"""Plots of a synchronization: both motions agree where they should, files, and refusals."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text
from scipy.spatial.transform import Rotation

from gyro_data import GyroLog
from gyro_data.axes import axes_matrix
from gyro_data.checks import Floats
from stabilizer.camera import Camera
from stabilizer.errors import StabilizerError
from stabilizer.report import SUFFIXES, compared, draw_sync, plot_sync
from stabilizer.report.figure import NARROW, WIDE
from stabilizer.sync import ClockSync
from stabilizer.synchronization import Confidence, Synchronization, Verdict
from stabilizer.synchronization.coarse import CoarseSync, PictureRates
from stabilizer.synchronization.fitting import FineSync
from stabilizer.synchronization.problem import NAMES

SYNC = ClockSync(70.25, 2e-4)
DRIFT = np.array([0.02, -0.03, 0.01])
MOUNTING = Rotation.from_rotvec([0.05, -0.3, 0.1]).as_matrix()
CAMERA = Camera.from_focal(640, 360, 480.0, imu_orientation="yXZ", R_body_cam=MOUNTING)
R_CAM_LOG = MOUNTING.T @ axes_matrix("yXZ")


def shake(t: Floats) -> Floats:
    """Return rates (n, 3) rad/s about the camera's axes at video times; livelier as time goes."""
    return 0.05 * t[:, None] * np.sin(np.outer(t, [9.0, 7.0, 5.0]) + np.arange(3))


def made(
    t: Floats | None = None, minutes: float = 1.0, **changes: Any
) -> tuple[Synchronization, GyroLog]:
    """Return a perfect synchronization of a clip whose pairs are at `t` (s), and its log."""
    t = np.arange(0.0, 10, 1 / 30) if t is None else t
    t_log = np.arange(60.0, 60.0 + 60 * minutes, 1 / 500)
    log = GyroLog(t_log, shake(SYNC.video_time(t_log)) @ R_CAM_LOG + DRIFT)
    lags = np.arange(0, 60 * minutes, 1 / 60) + 50
    scores = 0.4 * np.abs(np.sin(lags)) + 0.55 * np.exp(-(((lags - 70.25) / 0.1) ** 2))
    best, apart = float(scores.max()), np.abs(lags - 70.25) > 0.6
    second = float(scores[apart].max())
    R_cam_body = MOUNTING.T
    fields: dict[str, Any] = {
        "sync": SYNC,
        "camera": CAMERA,
        "drift": DRIFT,
        "verdict": Verdict(Confidence.GOOD, ()),
        "errors": dict.fromkeys(NAMES, 1e-5),
        "kept": (),
        "coarse": CoarseSync(70.25, R_cam_body, best, second, 0.3, lags, scores),
        "fine": FineSync(
            np.zeros(10), np.ones(10), np.zeros(10, bool), 0.1, False, np.append(t / 50, np.nan)
        ),
        "rates": PictureRates(t, np.full(len(t), 1 / 30), shake(t), np.zeros(len(t))),
    }
    return Synchronization(**fields | changes), log


def failed(**changes: Any) -> Synchronization:
    verdict = Verdict(Confidence.FAILED, ("it is <another> clip",))
    return made(verdict=verdict, fine=None, errors={}, kept=NAMES, **changes)[0]


def test_a_true_sync_lays_both_motions_over_each_other() -> None:
    """To what averaging over a frame takes off 0.5 rad/s at 1.4 Hz: (ω Δt)²/24, 0.4 % of 29 °/s."""
    signals = compared(*made())
    np.testing.assert_allclose(signals.picture, np.degrees(shake(signals.t)), atol=1e-9)
    np.testing.assert_allclose(signals.gyro, signals.picture, atol=0.005 * 29)
    late, log = made(sync=ClockSync(SYNC.delay + 0.05, SYNC.clock_skew))
    apart = compared(late, log)
    assert np.abs(apart.gyro - apart.picture).max() > 5


def test_the_liveliest_seconds_without_a_hole_are_shown() -> None:
    t = np.arange(0.0, 10, 1 / 30)
    signals = compared(*made())
    assert signals.t[0] == pytest.approx(6, abs=0.05)
    assert signals.t[-1] == t[-1]
    holey = t[(t < 8) | (t > 9.5)]  # half a second at the end moves less than 4 s before
    signals = compared(*made(holey))
    assert (signals.t[0], signals.t[-1]) == pytest.approx((4, 8), abs=0.05)
    short = compared(*made(t[:40]))
    np.testing.assert_array_equal(short.t, t[:40])


def test_a_failed_sync_is_drawn_as_the_coarse_stage_left_it() -> None:
    log = made()[1]
    result = failed(sync=ClockSync(), drift=np.zeros(3), camera=CAMERA)
    signals = compared(result, log)
    # delay without the skew, drift not taken off: 3 and 2 degrees/s at most
    np.testing.assert_allclose(signals.gyro, signals.picture, atol=5)
    assert len(draw_sync(result, log).axes) == 4
    assert len(draw_sync(*made()).axes) == 5


def test_best_and_second_are_marked_where_they_are() -> None:
    result, log = made(minutes=20)
    axes = draw_sync(result, log).axes[3]
    curve, best, second = axes.lines
    assert best.get_xydata().tolist() == [[0.0, result.coarse.score]]
    (at, height), *_ = second.get_xydata()
    assert height == result.coarse.second
    nearest = np.argmin(np.abs(result.coarse.lags - (70.25 + 60 * at)))
    assert result.coarse.scores[nearest] == height
    assert "min from 70.25 s" in axes.get_xlabel()
    drawn = curve.get_xydata()
    assert len(drawn) <= 2800
    assert drawn[:, 1].max() == pytest.approx(result.coarse.score, abs=1e-9)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_result_makes_the_same_file(tmp_path: Path, suffix: str) -> None:
    once, again = tmp_path / f"once{suffix}", tmp_path / f"again{suffix.upper()}"
    for path in (once, again):
        plot_sync(*made(), path)
    assert once.read_bytes() == again.read_bytes()
    assert len(once.read_bytes()) < 400_000
    assert len(list(tmp_path.iterdir())) == 2


def test_the_page_tells_the_numbers_and_reasons(tmp_path: Path) -> None:
    plot_sync(*made(), tmp_path / "good.html")
    text = (tmp_path / "good.html").read_text(encoding="utf-8")
    for words in ("<title>Synchronization</title>", "70.250000 s ± 0.01 ms", "200.0 ppm", "yXZ"):
        assert words in text
    plot_sync(failed(), made()[1], tmp_path / "failed.html")
    text = (tmp_path / "failed.html").read_text(encoding="utf-8")
    assert "it is &lt;another&gt; clip" in text
    assert "ppm" not in text


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_every_text_is_inside_the_picture(size: tuple[float, float]) -> None:
    figure = draw_sync(*made(), size)
    box = figure.get_tightbbox()  # inches, of all that is drawn
    assert min(box.x0, box.y0) > -0.01
    assert box.x1 < size[0] + 0.01
    assert box.y1 < size[1] + 0.01
    texts = {text.get_text(): text.get_fontsize() for text in figure.findobj(Text)}
    assert {"picture", "gyro", "good, delay 70.250000 s ± 0.01 ms"} <= texts.keys()
    assert min(texts.values()) >= 9


def test_a_log_too_short_for_any_delay_is_drawn() -> None:
    """Then no delay has a correlation."""
    coarse = CoarseSync(50.0, np.eye(3), 0.0, 0.0, 0.0, np.arange(50.0, 60), np.zeros(10))
    axes = draw_sync(failed(coarse=coarse), made()[1]).axes[3]
    assert axes.get_xlim() == (0, 9)


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    result, log = made()
    with pytest.raises(ValueError, match="plot: expected a name that ends in"):
        plot_sync(result, log, tmp_path / "sync.txt")
    with pytest.raises(StabilizerError, match="cannot be written"):
        plot_sync(result, log, tmp_path / "no" / "sync.png")
    with pytest.raises(StabilizerError, match="nothing to draw: it is <another> clip"):
        plot_sync(failed(coarse=None, rates=None), log, tmp_path / "sync.png")
    assert list(tmp_path.iterdir()) == []
