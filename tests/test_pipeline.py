"""End to end on rendered clips whose truth is known, judged by their pixels."""

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import gyro_data
from stabilizer.camera import Camera
from stabilizer.errors import StabilizerError, SyncRefused
from stabilizer.filters import parse_filter
from stabilizer.lens import Fisheye
from stabilizer.pipeline import frames, make_plan, plan_video, render, stabilize
from stabilizer.plan import Plan
from stabilizer.quality import measure
from stabilizer.remap import warp_frame
from stabilizer.simulate import Handheld, Room, SimulatedClip, render_frame, simulate
from stabilizer.smoothing import Fixed, Unsmoothed
from stabilizer.sync import ClockSync
from stabilizer.video import PIXEL_FORMATS, Encoding, Frame, VideoReader, probe, to_rgb
from stabilizer.warp import WarpGrid

SYNC = ClockSync(delay=12.34, clock_skew=4e-5)
DRIFT = (0.02, -0.03, 0.01)


def shaky_clip(stem: Path, **options) -> SimulatedClip:
    settings = {
        "camera": Camera.from_hfov(
            480, 270, np.deg2rad(65), readout_time=0.02, imu_orientation="yXz"
        ),
        "motion": Handheld("walk", seed=3),
        "duration": 2.5,
        "gyro_rate": 400.0,
        "drift": DRIFT,
        "crf": 6,
        "delay": SYNC.delay,
        "clock_skew": SYNC.clock_skew,
    }
    return simulate(stem, **(settings | options))


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> SimulatedClip:
    return shaky_clip(tmp_path_factory.mktemp("clip") / "walk")


def steady(clip: SimulatedClip, output: Path, **options):
    settings = {
        "camera": clip.camera_file,
        "drift": DRIFT,
        "encoding": Encoding(crf=6),
        "sync": SYNC,
    } | options
    return stabilize(clip.video, clip.gyro, output, **settings)


def luma(path: Path) -> list[np.ndarray]:
    with VideoReader(path) as reader:
        return [frame.planes[0].copy() for frame in reader]


def score(path: Path):
    return measure(luma(path), probe(path).frame_times)


@pytest.fixture(scope="module")
def before(clip):
    return score(clip.video)


@pytest.fixture(scope="module")
def result(clip, tmp_path_factory):
    output = tmp_path_factory.mktemp("steady") / "steady.mp4"
    plan = steady(clip, output)
    return plan, output, score(output)


def test_shake_falls_and_jello_goes(before, result) -> None:
    """At 270 lines the tracker's own noise is 4 times what it is at 1080."""
    _, _, after = result
    assert after.frame_motion_px < before.frame_motion_px / 40
    assert after.skew_px < before.skew_px / 10
    assert after.residual_px < 0.8 * before.residual_px


def samples_from_outside(plan: Plan, backend: str) -> int:
    """Count output samples, luma and chroma, that any weight of the kernel takes from outside.

    Pictures of 0 surrounded by 65535 are warped: what is not 0 has seen the surroundings.
    """
    around = 32  # luma px: the kernel reaches no farther
    layout = replace(PIXEL_FORMATS["yuv420p10le"], bits=16)
    width, height = plan.output.width, plan.output.height
    planes = []
    for h, w in layout.plane_shapes(width + 2 * around, height + 2 * around):
        plane = np.full((h, w), 65535, np.uint16)
        edge = around * w // (width + 2 * around)
        plane[edge:-edge, edge:-edge] = 0
        planes.append(plane)
    source = Frame(planes, layout, 0.0, 0)
    count = 0
    for t in plan.frame_times:
        grid = plan.warp_grid(t)
        moved = WarpGrid(grid.src_xy + around, width, height)
        out = [np.empty(shape, np.uint16) for shape in layout.plane_shapes(width, height)]
        warped = warp_frame(
            source,
            moved,
            out=Frame(out, layout, 0.0, 0),
            chroma_offset_xy=(0.0, 0.5),
            interpolation=plan.interpolation,
            backend=backend,
        )
        count += sum(int(np.count_nonzero(plane)) for plane in warped.planes)
    return count


@pytest.mark.parametrize("backend", ["numba", "opencv"])
@pytest.mark.parametrize("interpolation", ["linear", "cubic", "lanczos"])
def test_no_output_sample_needs_a_pixel_outside_the_picture(clip, interpolation, backend) -> None:
    log = gyro_data.read(clip.gyro)
    options = {"sync": SYNC, "drift": DRIFT, "interpolation": interpolation}
    plan = make_plan(log, clip.frame_times, clip.camera, **options)
    assert samples_from_outside(plan, backend) == 0
    narrow = replace(plan, zoom=plan.zoom * 0.95)
    assert samples_from_outside(narrow, backend) > 0  # the count does find what it looks for


def test_no_border_is_seen(result) -> None:
    plan, _, after = result
    assert after.border_pixels == 0
    assert plan.margin.min() > -2e-3


def test_a_frame_is_warped_then_filtered_in_order(clip, result) -> None:
    """The pipeline's frames, bit for bit those of its parts called by hand."""
    plan = replace(result[0], interpolation="linear")
    filters = [parse_filter("sharpen:0.8"), parse_filter("gaussian:1.5")]
    pictures = frames(clip.video, plan, filters=filters, backend="numba")
    with VideoReader(clip.video) as reader:
        frame = next(iter(reader))
        out = replace(frame, planes=[np.empty_like(plane) for plane in frame.planes])
        by_hand = warp_frame(
            frame,
            plan.warp_grid(frame.t),
            out=out,
            chroma_offset_xy=(0.0, 0.5),
            interpolation="linear",
            backend="numba",
        )
    by_hand = filters[1](filters[0](by_hand))
    _, picture = next(pictures)
    np.testing.assert_array_equal(picture, to_rgb(by_hand, probe(clip.video).colour))


def test_a_clip_of_one_frame_is_stabilized(clip, tmp_path) -> None:
    plan = steady(clip, tmp_path / "one.mp4", start=0.5, end=0.52)
    assert len(plan.frame_times) == len(probe(tmp_path / "one.mp4").frame_times) == 1
    assert plan.margin[0] > -2e-3


def test_a_gap_in_the_log_is_held_and_no_frame_jumps(clip, caplog) -> None:
    log = gyro_data.read(clip.gyro)
    first = SYNC.delay + 1.0
    kept = (log.t < first) | (log.t > first + 0.25)
    holed = gyro_data.GyroLog(log.t[kept], log.gyro[kept], gaps=gyro_data.find_gaps(log.t[kept]))
    plan = make_plan(holed, clip.frame_times, clip.camera, sync=SYNC, drift=DRIFT)
    missing = plan.frame_times[~plan.covered]
    assert len(missing) in (7, 8)
    assert missing[0] > 0.99
    assert missing[-1] < 1.26
    assert "1 gap" in caplog.text
    rates = (plan.virtual.R_world_cam[:-1].inv() * plan.virtual.R_world_cam[1:]).magnitude()
    assert np.rad2deg(np.abs(np.diff(rates))).max() < 0.2
    assert plan.margin.min() > -2e-3


def test_times_and_sound_stay(clip, result) -> None:
    _, output, _ = result
    np.testing.assert_allclose(probe(output).frame_times, clip.frame_times, atol=1e-9)
    assert probe(output).audio == ("aac",)


@dataclass(frozen=True)
class Still:
    """A camera that does not move."""

    R_world_cam: Rotation

    def at(self, t):
        return Rotation.concatenate([self.R_world_cam] * np.size(t))

    def rate_at(self, t):
        return np.zeros((np.size(t), 3))


def residual_shift(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    window = cv2.createHanningWindow(a.shape[::-1], cv2.CV_64F)
    return np.array(cv2.phaseCorrelate(a.astype(float), b.astype(float), window)[0])


def test_a_stabilized_frame_is_what_the_virtual_camera_would_have_filmed(clip, result) -> None:
    """Against the independent renderer: a global shutter at the virtual pose and zoom."""
    plan, output, _ = result
    scene = Room.for_camera(clip.camera)
    # the plan's world is the log's first body frame, the scene's is the motion's own
    R_scene_world = clip.motion.at(np.array([0.0]))[0] * plan.measured.at(0.0).inv()
    got = luma(output)
    for k in (5, 30, 60):
        zoom = plan.zoom[k]
        virtual_camera = replace(
            clip.camera, fx=clip.camera.fx * zoom, fy=clip.camera.fy * zoom, readout_time=0.0
        )
        pose = R_scene_world * plan.virtual.at(plan.frame_times[k])
        expected = render_frame(virtual_camera, Still(pose), 0.0, scene)
        expected_luma = expected @ (0.2126, 0.7152, 0.0722) * 219 / 255 + 16
        error = (got[k] - expected_luma)[8:-8, 8:-8]
        psnr = 10 * np.log10(255**2 / np.mean(error**2))
        assert psnr > 30, f"frame {k}: {psnr:.1f} dB"
        np.testing.assert_allclose(residual_shift(got[k], expected_luma), 0, atol=0.05)


def test_ignoring_the_readout_leaves_jello(clip, before, result, tmp_path) -> None:
    """The well-known script computes row times and never uses them."""
    global_shutter = replace(clip.camera, readout_time=0.0)
    steady(clip, tmp_path / "jello.mp4", camera=global_shutter)
    jello = score(tmp_path / "jello.mp4")
    assert jello.skew_px > 10 * result[2].skew_px
    assert jello.frame_motion_px > 5 * result[2].frame_motion_px


@pytest.mark.parametrize("direction", ["bottom_to_top", "left_to_right"])
def test_every_readout_direction_is_undone(direction, tmp_path) -> None:
    camera = Camera.from_hfov(
        480, 270, np.deg2rad(65), readout_time=0.03, readout_direction=direction
    )
    clip = shaky_clip(tmp_path / "clip", camera=camera, duration=2.1)
    steady(clip, tmp_path / "steady.mp4")
    before, after = score(clip.video), score(tmp_path / "steady.mp4")
    assert after.frame_motion_px < before.frame_motion_px / 30
    assert after.skew_px < before.skew_px / 8


def test_a_fisheye_clip_keeps_its_look_and_shows_no_border(tmp_path) -> None:
    lens = Fisheye((0.05, -0.01, 0.004, -0.001))
    camera = Camera.from_focal(480, 270, 240.0, lens=lens, readout_time=0.02)
    clip = shaky_clip(tmp_path / "clip", camera=camera, duration=2.1)
    plan = steady(clip, tmp_path / "steady.mp4")
    after = score(tmp_path / "steady.mp4")
    assert plan.output.lens == lens
    assert plan.margin.min() > -2e-3
    assert after.border_pixels == 0


def test_irregular_frame_times_are_taken_as_they_are(tmp_path) -> None:
    """The well-known script's nominal frame times would be wrong by up to half an interval."""
    rng = np.random.default_rng(0)
    times = (np.arange(70) + rng.uniform(-0.35, 0.35, 70)) / 30 + 0.1
    clip = shaky_clip(tmp_path / "clip", frame_times=times)
    plan = steady(clip, tmp_path / "steady.mp4")
    np.testing.assert_allclose(plan.frame_times, probe(clip.video).frame_times, atol=1e-9)
    truth = clip.R_world_cam
    measured = plan.measured.at(plan.frame_times)
    moved = truth[:-1].inv() * truth[1:]
    found = measured[:-1].inv() * measured[1:]
    assert np.rad2deg((moved.inv() * found).magnitude()).max() < 0.005
    nominal = np.arange(70) / 30 + 0.1
    wrong = plan.measured.at(nominal)
    assert np.rad2deg(((wrong[:-1].inv() * wrong[1:]).inv() * moved).magnitude()).max() > 0.1


def test_drift_is_subtracted_from_every_sample(clip) -> None:
    """The well-known script adds it once to an angle."""
    log = gyro_data.read(clip.gyro)
    options = {"sync": SYNC, "smoother": Unsmoothed()}
    t = clip.frame_times
    truth = (clip.R_world_cam[0].inv() * clip.R_world_cam[-1]).as_rotvec()
    with_drift = make_plan(log, t, clip.camera, drift=DRIFT, **options)
    without = make_plan(log, t, clip.camera, **options)
    for plan, error in ((with_drift, (0, 1e-4)), (without, (0.05, 0.2))):
        turned = plan.measured.between(t[0], t[-1]).as_rotvec()
        assert error[0] <= np.linalg.norm(turned - truth) <= error[1]


def test_the_plan_is_deterministic_to_the_bit(clip) -> None:
    log = gyro_data.read(clip.gyro)
    sync = SYNC
    a, b = (make_plan(log, clip.frame_times, clip.camera, sync=sync) for _ in range(2))
    np.testing.assert_array_equal(
        a.virtual.quat_at(a.frame_times), b.virtual.quat_at(b.frame_times)
    )
    np.testing.assert_array_equal(a.warp_grid(1.0).src_xy, b.warp_grid(1.0).src_xy)


def test_an_identity_plan_leaves_the_frames_bit_identical(clip, tmp_path) -> None:
    global_shutter = replace(clip.camera, readout_time=0.0)
    steady(
        clip,
        tmp_path / "same.mp4",
        camera=global_shutter,
        smoother=Unsmoothed(),
        zoom=1.0,
        encoding=Encoding(crf=0),
    )
    with VideoReader(clip.video) as one, VideoReader(tmp_path / "same.mp4") as other:
        for a, b in zip(one, other, strict=True):
            for plane, same in zip(a.planes, b.planes, strict=True):
                np.testing.assert_array_equal(plane, same)


def test_frames_gives_numpy_pictures(clip, result) -> None:
    plan, output, _ = result
    got = list(frames(clip.video, plan))
    assert len(got) == len(plan.frame_times)
    t, rgb = got[30]
    assert t == plan.frame_times[30]
    assert rgb.shape == (270, 480, 3)
    assert rgb.dtype == np.uint8
    green = rgb[..., 1].astype(float)
    assert np.corrcoef(green.ravel(), luma(output)[30].ravel())[0, 1] > 0.95


def test_a_part_of_the_clip_keeps_its_sound_and_starts_at_zero(clip, tmp_path) -> None:
    plan = steady(clip, tmp_path / "part.mp4", start=0.5, end=1.5)
    part = probe(tmp_path / "part.mp4")
    assert len(part.frame_times) == len(plan.frame_times) == 30
    assert part.frame_times[0] == 0
    assert part.audio == ("aac",)


def test_filters_are_applied_to_the_warped_frames(clip, result, tmp_path) -> None:
    steady(clip, tmp_path / "blurred.mp4", filters=[parse_filter("gaussian:2")])
    sharp, blurred = luma(result[1])[20], luma(tmp_path / "blurred.mp4")[20]
    expected = cv2.GaussianBlur(sharp, (0, 0), 2)
    assert np.abs(blurred.astype(float) - expected).mean() < 1.0
    assert np.abs(sharp.astype(float) - expected).mean() > 3.0


def test_a_plan_of_another_video_is_refused(clip, tmp_path) -> None:
    plan = plan_video(clip.video, clip.gyro, camera=clip.camera, drift=DRIFT, sync=SYNC)
    late = replace(plan.virtual, t=plan.virtual.t + 0.01)
    with pytest.raises(StabilizerError, match="the plan is for another video"):
        render(clip.video, replace(plan, virtual=late), tmp_path / "none.mp4")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StabilizerError, match="the plan is for another video"):
        next(frames(clip.video, replace(plan, virtual=late)))


def test_a_camera_of_another_resolution_is_scaled(clip) -> None:
    large = clip.camera.scaled_to(960, 540)
    plan = plan_video(clip.video, clip.gyro, camera=large, drift=DRIFT, sync=SYNC)
    assert plan.camera.fx == pytest.approx(clip.camera.fx)


def test_a_log_of_another_time_is_refused(clip, tmp_path) -> None:
    with pytest.raises(StabilizerError, match=r"covers no frame: .*check the delay"):
        steady(clip, tmp_path / "none.mp4", sync=ClockSync(1000.0))
    assert list(tmp_path.iterdir()) == []


def test_frames_without_motion_data_are_reported_and_shown_as_they_are(clip, tmp_path, caplog):
    log = gyro_data.read(clip.gyro)
    half = log.t < SYNC.delay + 1.5
    short = gyro_data.GyroLog(log.t[half], log.gyro[half])
    plan = make_plan(short, clip.frame_times, clip.camera, sync=SYNC, drift=DRIFT)
    assert "covers 45 of 75 frames" in caplog.text
    assert plan.covered.sum() == 45
    steps = (plan.virtual.R_world_cam[:-1].inv() * plan.virtual.R_world_cam[1:]).magnitude()
    assert np.rad2deg(steps).max() < 1.5  # no jump where the log ends
    held = plan.measured.at(clip.frame_times[-1])
    last = plan.virtual.at(clip.frame_times[-1])
    assert np.rad2deg((held.inv() * last).magnitude()) < 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"zoom": 0.5}, "zoom: expected a finite number >= 1 and <= 50"),
        ({"max_zoom": 0.9}, "max_zoom: expected a finite number >= 1 and <= 50"),
        ({"interpolation": "nearest"}, "interpolation: expected one of linear, cubic, lanczos"),
        ({"start": 2.0, "end": 1.0}, "end: expected more than start"),
        ({"drift": (1.0, 2.0)}, "drift: expected shape"),
        ({"camera": None}, "camera: expected one where the sync is given"),
    ],
)
def test_wrong_arguments_are_named_and_nothing_is_written(clip, tmp_path, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        steady(clip, tmp_path / "none.mp4", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_tripod_holds_the_view_where_the_crop_allows_it(clip) -> None:
    log = gyro_data.read(clip.gyro)
    plan = make_plan(
        log,
        clip.frame_times,
        clip.camera,
        sync=SYNC,
        drift=DRIFT,
        smoother=Fixed(),
        max_zoom=2.5,
    )
    # reweighted lengths come as near to zero as a fraction of a pixel in these seconds
    assert np.rad2deg(plan.virtual.between(0.1, 2.0).magnitude()) < 0.02
    assert plan.margin.min() > -2e-3


def test_what_is_not_told_is_found_from_the_clip(clip) -> None:
    """Without a sync the plan is nearly the same."""
    told = plan_video(clip.video, clip.gyro, camera=clip.camera, sync=SYNC, drift=DRIFT)
    found = plan_video(clip.video, clip.gyro, camera=clip.camera_file)
    t = clip.frame_times
    xy = np.array([[100.0, 60.0], [500.0, 300.0]])
    middle = float(t[len(t) // 2])
    assert np.abs(found.zoom - told.zoom).max() < 0.02
    assert found.camera.fx == clip.camera.fx
    moved = found.source_points(middle, xy) - told.source_points(middle, xy)
    assert np.abs(moved).max() < 4.0


def test_the_log_of_another_clip_is_refused(clip, tmp_path) -> None:
    log = gyro_data.read(clip.gyro)
    other = gyro_data.GyroLog(log.t, log.gyro[::-1])
    with pytest.raises(SyncRefused, match=r"is it the log of this clip\?"):
        stabilize(clip.video, other, tmp_path / "none.mp4", camera=clip.camera_file)
    assert list(tmp_path.iterdir()) == []


def test_both_backends_show_the_same_pictures(clip, result, tmp_path) -> None:
    plan = result[0]
    fused, plain = (next(frames(clip.video, plan, backend=name)) for name in ("numba", "opencv"))
    assert fused[0] == plain[0]
    assert np.abs(fused[1].astype(int) - plain[1]).mean() < 0.2
    with pytest.raises(ValueError, match="backend: expected one of auto, numba, opencv"):
        steady(clip, tmp_path / "never.mp4", backend="gpu")
    assert not list(tmp_path.iterdir())
