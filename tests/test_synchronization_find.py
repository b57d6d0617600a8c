"""From pixels to a synchronization: small rendered clips, only a rough focal length known."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.transform import Rotation

import gyro_data
from gyro_data.axes import axes_matrix
from gyro_data.checks import Floats
from gyro_data.log import GyroLog
from stabilizer.camera import Camera, ReadoutDirection, load_camera
from stabilizer.simulate import Handheld, SimulatedClip, simulate, simulate_log
from stabilizer.sync import ClockSync
from stabilizer.synchronization import Confidence, Known, Synchronization, synchronize
from stabilizer.synchronization.find import _thinned
from stabilizer.synchronization.problem import NAMES
from stabilizer.synchronization.windows import glances, is_short, telling_windows
from stabilizer.video import VideoInfo, probe
from tests.track_simulation import frames, simulate_pairs

SAMPLES = Path(__file__).parents[1] / "samples"
DRIFT = np.array([0.008, -0.005, 0.004])
TILTED = Rotation.from_rotvec(np.radians([1.0, -1.5, 0.8])).as_matrix()
CAMERA = Camera.from_focal(
    480, 270, 362.0, readout_time=0.02, imu_orientation="yxz", R_body_cam=TILTED
)
ROUGH = Camera.from_focal(480, 270, 400.0, readout_time=0.012)
DELAY = -37.25


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> SimulatedClip:
    """5 s of a walk of which the log knows a minute more before and after."""
    stem = tmp_path_factory.mktemp("sync") / "walk"
    return simulate(
        stem,
        camera=CAMERA,
        motion=Handheld("walk", 7),
        duration=5.0,
        gyro_rate=200.0,
        delay=DELAY,
        drift=DRIFT,
        noise=0.002,
        margin=60.0,
        crf=4,
        audio=False,
    )


@pytest.fixture(scope="module")
def info(clip: SimulatedClip) -> VideoInfo:
    return probe(clip.video)


@pytest.fixture(scope="module")
def found(clip: SimulatedClip, info: VideoInfo) -> Synchronization:
    return synchronize(info, clip.log, ROUGH)


def R_cam_log(camera: Camera) -> Floats:
    return np.asarray(camera.R_body_cam.T @ axes_matrix(camera.imu_orientation))


def test_everything_is_found(found: Synchronization) -> None:
    assert found.verdict.confidence == Confidence.GOOD and not found.verdict.reasons
    middle = 2.5 - 1 / 60
    delay = found.sync.log_time(middle) - middle
    assert abs(delay - DELAY) < 5e-4
    assert abs(found.camera.readout_time - 0.02) < 1.5e-3
    assert found.camera.readout_direction == ReadoutDirection.TOP_TO_BOTTOM
    assert found.camera.fx == pytest.approx(362, rel=0.02)
    assert found.camera.fy == found.camera.fx
    assert found.camera.imu_orientation == "yxz"
    turn = Rotation.from_matrix(R_cam_log(found.camera) @ R_cam_log(CAMERA).T)
    assert np.degrees(turn.magnitude()) < 0.6
    assert_allclose(found.drift, DRIFT, atol=2e-3)
    assert found.fine is not None and not found.fine.epipolar
    assert found.fine.residual < 0.2  # px


def test_what_is_said_of_it_is_complete(found: Synchronization) -> None:
    assert tuple(found.errors) == NAMES
    assert all(error > 0 for error in found.errors.values())
    assert found.errors["delay"] < 1e-3
    assert set(found.kept) <= set(NAMES)
    assert found.coarse is not None and abs(found.coarse.delay - DELAY) < 0.012
    assert found.rates is not None and len(found.rates.t) > 140
    with pytest.raises(TypeError):
        found.errors["delay"] = 0.0  # type: ignore[index]


def test_the_same_again_gives_the_same_bits(
    clip: SimulatedClip, info: VideoInfo, found: Synchronization
) -> None:
    again = synchronize(info, clip.log, ROUGH)
    assert again.sync == found.sync
    assert_array_equal(again.camera.R_body_cam, found.camera.R_body_cam)
    assert again.errors == found.errors


def test_errors_allow_for_what_misleads_all_points_alike(found: Synchronization) -> None:
    assert found.fine is not None and not found.fine.epipolar
    late = 0.006 / 30
    assert found.errors["delay"] == pytest.approx(np.hypot(found.fine.error[0], late))
    assert found.errors["focal"] == found.fine.error[3]


def test_a_real_clip_that_hardly_moves_is_synchronized_with_low_confidence() -> None:
    """A gimbal's: a slow yaw is all that gyro and picture share. Others estimate -30 ms."""
    video, log = SAMPLES / "gopro_karma.mp4", gyro_data.read(SAMPLES / "gopro_karma.csv")
    camera = load_camera(SAMPLES / "gopro_karma.camera.json")
    found = synchronize(probe(video), log, camera, Known(focal=True, axes=True))
    assert found.sync.delay == pytest.approx(-0.030, abs=0.010)
    assert found.verdict.confidence == Confidence.LOW
    assert "hardly moves" in found.verdict.reasons[0]
    assert found.sync.corrections == ()


def test_what_is_told_stays(clip: SimulatedClip, info: VideoInfo) -> None:
    known = Known(
        delay=DELAY,
        clock_skew=0.0,
        drift=tuple(DRIFT.tolist()),
        focal=True,
        readout=True,
        axes=True,
    )
    found = synchronize(info, clip.log, CAMERA, known)
    assert found.sync == ClockSync(DELAY, 0.0)
    assert found.camera.fx == CAMERA.fx
    assert found.camera.readout_time == pytest.approx(CAMERA.readout_time, abs=1e-12)
    assert found.camera.imu_orientation == "yxz"
    assert_allclose(found.drift, DRIFT, atol=1e-12)
    assert found.verdict.confidence == Confidence.GOOD
    for name in ("delay", "clock_skew", "readout_time", "focal", "drift_x"):
        assert found.errors[name] == 0.0 and name not in found.kept


def test_told_axes_of_another_order_describe_the_same_mounting(
    clip: SimulatedClip, info: VideoInfo, found: Synchronization
) -> None:
    """Starting from other letters only changes how the result is written."""
    start = Camera.from_focal(480, 270, 400.0, readout_time=0.012, imu_orientation="ZXY")
    other = synchronize(info, clip.log, start)
    assert other.camera.imu_orientation == found.camera.imu_orientation
    assert_allclose(R_cam_log(other.camera), R_cam_log(found.camera), atol=1e-4)
    assert_allclose(other.drift, found.drift, atol=1e-5)
    assert other.sync.delay == pytest.approx(found.sync.delay, abs=2e-5)


def test_a_camera_that_is_said_to_read_upwards_is_corrected(
    clip: SimulatedClip, info: VideoInfo
) -> None:
    upwards = Camera.from_focal(
        480, 270, 362.0, readout_time=0.008, readout_direction=ReadoutDirection.BOTTOM_TO_TOP
    )
    found = synchronize(info, clip.log, upwards)
    assert found.camera.readout_direction == ReadoutDirection.TOP_TO_BOTTOM
    assert abs(found.camera.readout_time - 0.02) < 2e-3


def test_the_clock_of_a_unix_log(
    clip: SimulatedClip, info: VideoInfo, found: Synchronization
) -> None:
    since_1970 = GyroLog(clip.log.t + 1.7e9, clip.log.gyro)
    late = synchronize(info, since_1970, ROUGH)
    assert late.sync.delay - 1.7e9 == pytest.approx(found.sync.delay, abs=1e-4)
    assert late.verdict.confidence == Confidence.GOOD


def test_the_log_of_another_clip_is_refused(info: VideoInfo) -> None:
    wrong = simulate_log(Handheld("walk", 8), 0, 60, noise=0.002)
    found = synchronize(info, wrong, ROUGH, Known(delay=1.5))
    assert found.verdict.confidence == Confidence.FAILED
    assert "is it the log of this clip?" in " ".join(found.verdict.reasons)
    assert found.sync == ClockSync(1.5) and found.camera is ROUGH
    assert found.fine is None and found.kept == NAMES and not found.errors


def test_a_left_handed_log_is_refused_and_named(clip: SimulatedClip, info: VideoInfo) -> None:
    found = synchronize(info, GyroLog(clip.log.t, clip.log.gyro * (-1, 1, 1)), ROUGH)
    assert found.verdict.confidence == Confidence.FAILED
    assert "left-handed" in found.verdict.reasons[0]


def test_a_clip_in_front_of_a_wall_fails(tmp_path: Path) -> None:
    class Grey:
        """A scene without any texture but one bright line, as a projector's dust."""

        def look(self, directions: Floats, out: Floats) -> None:
            out[...] = 120
            out[np.abs(directions[0]) < 0.01] = 250

    still = Handheld("stand", 1, shake_rms=0.0, pan=0.0)
    log = simulate_log(Handheld("walk", 1), -2, 6)
    clip = simulate(
        tmp_path / "grey",
        camera=ROUGH,
        motion=still,
        scene=Grey(),  # type: ignore[arg-type]
        duration=2.0,
        audio=False,
    )
    found = synchronize(probe(clip.video), log, ROUGH)
    assert found.verdict.confidence == Confidence.FAILED


@pytest.mark.parametrize("duration", [1.0, 11.9, 12.5, 14.0, 29.0, 60.0, 3600.0])
def test_the_first_looks(duration: float) -> None:
    """A short clip is seen throughout; a long one at its middle, else before or after."""
    t = np.arange(round(duration * 30) + 1) / 30
    looks = glances(t)
    for windows in looks:
        ends = np.array(windows).ravel()
        assert (np.diff(ends) > 0).all()
        assert ends[0] >= 0 and ends[-1] <= duration + 1e-5
    if duration < 12:
        assert is_short(t) and looks[0][0][1] > t[-1]
    else:
        assert {len(windows) for windows in looks} == {3}
        assert np.mean(looks[0]) == pytest.approx(duration / 2)
    assert len(looks) == (3 if duration >= 60 else 1)


@pytest.mark.parametrize(("duration", "n"), [(13.0, 3), (40.0, 8), (600.0, 10), (7200.0, 60)])
def test_the_telling_windows(duration: float, n: int) -> None:
    """One in each part of the clip: where the log shakes, at the delay that was found."""
    t = np.arange(round(duration * 30) + 1) / 30
    t_log = np.arange(0, duration + 20, 0.01)
    part = duration / n
    busy = np.abs((t_log - 10.0) % part - 0.7 * part) < 0.5  # around 0.7 of each part
    gyro = np.where(busy, np.sin(2 * np.pi * 4 * t_log), 0.0)[:, None] * np.ones(3)
    windows = telling_windows(t, GyroLog(t_log, gyro), 10.0)
    assert len(windows) == n
    for k, (start, end) in enumerate(windows):
        assert k * part - 1e-6 <= start < end <= (k + 1) * part + 1e-5
        assert start - 0.6 <= (k + 0.7) * part <= end + 0.6


def test_thinning_is_even_and_keeps_order() -> None:
    pairs = simulate_pairs(Handheld("walk", 1), CAMERA, [frames(0, 10)], points=80, outliers=0)
    thin = _thinned(pairs)
    assert len(thin.pair) == 16_000 < len(pairs.pair)  # all pairs are there, with fewer points
    assert np.bincount(thin.pair, minlength=299).min() > 35
    assert set(map(tuple, thin.xy_from.tolist())) <= set(map(tuple, pairs.xy_from.tolist()))
    few = thin.__class__(thin.pair[:50], thin.t_from, thin.t_to, thin.xy_from[:50], thin.xy_to[:50])
    assert _thinned(few) is few


def test_a_long_clip_is_thinned_by_whole_pairs() -> None:
    """A pair of which two points were left would hide that they disagree."""
    pairs = simulate_pairs(Handheld("walk", 1), CAMERA, [frames(0, 80)], points=45, outliers=0)
    thin = _thinned(pairs)
    count = np.bincount(thin.pair)
    assert 8_000 < len(thin.pair) <= 16_000 < len(pairs.pair)
    assert np.median(count[count > 0]) > 35
