"""The output's lens: as filmed or straight, as wide as the picture allows, never past its edge."""

import zipfile
from dataclasses import replace

import numpy as np
import pytest

from gyro_data import GyroLog
from stabilizer.border import border_points
from stabilizer.camera import Camera, load_camera, save_camera
from stabilizer.errors import StabilizerError
from stabilizer.lens import Corrected, Fisheye, OpenCV, Pinhole
from stabilizer.optimal import Optimal
from stabilizer.output_lens import SMALLEST, output_camera
from stabilizer.pipeline import make_plan, render
from stabilizer.plan_file import load_plan, read_plan, save_plan
from stabilizer.quality import measure
from stabilizer.simulate import Handheld, Room, render_frame, simulate, simulate_log
from stabilizer.smoothing import Gaussian
from stabilizer.video import Encoding, VideoReader
from tests.command_line import files, made_clip, refused, run

INSET = 4.0
BARREL = Camera(1280, 720, 600.0, 598.0, 650.0, 352.0, Fisheye((0.03, -0.01, 0.002, 0.0)))
PINCUSHION = Camera.from_focal(1280, 720, 900.0, lens=OpenCV((0.2, 0.05, 0.001, -0.002)))
FOLDS_INSIDE = Camera.from_focal(1280, 720, 700.0, lens=OpenCV((-0.45, 0.0, 0.01, 0.0)))
"""Its distortion turns back before the picture's corners: no ray leads there."""
CAMERAS = {"barrel": BARREL, "pincushion": PINCUSHION, "folds inside": FOLDS_INSIDE}

every_camera = pytest.mark.parametrize("name", CAMERAS)


def margin_at_rest(camera: Camera, output: Camera, wider: float = 1.0) -> float:
    """By how many px the output's border is inside the source picture, pixel by pixel."""
    output = replace(output, fx=output.fx / wider, fy=output.fy / wider)
    found = camera.project(output.unproject(border_points(output, 720)))
    if np.isnan(found).any():
        return -np.inf
    size = np.array((camera.width, camera.height)) - 1.0
    return float(np.minimum(found - INSET, size - INSET - found).min())


@every_camera
def test_without_correction_the_output_is_the_source(name) -> None:
    assert output_camera(CAMERAS[name], 0.0, inset=INSET) is CAMERAS[name]


@every_camera
@pytest.mark.parametrize("amount", [0.01, 0.5, 1.0])
def test_the_output_is_as_wide_as_the_picture_allows(name, amount) -> None:
    camera = CAMERAS[name]
    output = output_camera(camera, amount, inset=INSET)
    assert output.fx / camera.fx == pytest.approx(output.fy / camera.fy)
    assert margin_at_rest(camera, output) > -2e-3
    assert margin_at_rest(camera, output, wider=1.002) < 0


def test_the_middle_of_a_very_wide_lens_is_not_made_ever_smaller() -> None:
    camera = Camera.from_focal(1280, 720, 250.0, lens=Fisheye())  # 165° high
    output = output_camera(camera, 1.0, inset=INSET)
    assert output.fx == pytest.approx(SMALLEST * camera.fx, rel=1e-5)
    assert margin_at_rest(camera, output) > 10


def test_a_pinhole_has_nothing_to_correct() -> None:
    camera = Camera.from_focal(640, 480, 500.0)
    assert output_camera(camera, 1.0, inset=INSET) is camera
    with pytest.raises(ValueError, match="lens_correction: expected a finite number >= 0 and <= 1"):
        output_camera(camera, 1.1, inset=INSET)


def test_the_bend_of_a_straight_line_falls_to_nothing() -> None:
    s = np.linspace(-1.5, 1.5, 31)
    line = np.stack([0.6 + 0 * s, 0.5 * s, 1 + 0 * s], axis=-1)

    def bend(amount: float) -> float:
        xy = output_camera(BARREL, amount, inset=INSET).project(line)
        centred = xy - xy.mean(axis=0)
        return float(np.linalg.svd(centred, compute_uv=False)[1] / np.sqrt(len(xy)))

    bends = [bend(amount) for amount in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert bends[0] > 5 and bends[-1] < 1e-9
    assert (np.diff(bends) < 0).all()


def shaken(camera: Camera, kind: str = "walk") -> tuple[GyroLog, np.ndarray]:
    times = np.arange(60) / 30
    return simulate_log(Handheld(kind, 5), -0.5, 2.5, rate=400.0), times


@every_camera
@pytest.mark.parametrize("amount", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("smoother", [Optimal(), Gaussian()], ids=["optimal", "gaussian"])
def test_no_plan_shows_a_border_or_a_ray_that_the_lens_has_not(name, amount, smoother) -> None:
    """Every border pixel of every frame, by the exact map of the plan."""
    camera = replace(CAMERAS[name], readout_time=0.02)
    if name == "folds inside" and amount == 0:
        camera = replace(camera, fx=1100.0, fy=1100.0)  # else no zoom reaches past the fold
    log, times = shaken(camera)
    plan = make_plan(log, times, camera, smoother=smoother, lens_correction=amount, max_zoom=2.0)
    size = np.array((camera.width, camera.height)) - 1.0
    xy = border_points(plan.output, 200)
    for t in plan.frame_times[::6]:
        found = plan.source_points(t, xy)
        assert np.isfinite(found).all()
        assert np.minimum(found - INSET, size - INSET - found).min() > -0.02
        inner = plan.source_points(t, xy * 0.5 + size / 4)
        assert np.isfinite(inner).all()


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    lens = Fisheye((0.05, -0.01, 0.004, -0.001))
    camera = Camera.from_focal(480, 270, 240.0, lens=lens, readout_time=0.02)
    stem = tmp_path_factory.mktemp("lens") / "clip"
    return simulate(stem, camera=camera, motion=Handheld("walk", 3), duration=2.1, crf=6)


def luma(path) -> list[np.ndarray]:
    with VideoReader(path) as reader:
        return [frame.planes[0].astype(float) for frame in reader]


@pytest.mark.parametrize("amount", [0.5, 1.0])
def test_a_corrected_frame_is_what_such_a_camera_would_have_filmed(clip, amount, tmp_path) -> None:
    """Against the independent renderer: a global shutter with the output's lens and zoom."""
    plan = make_plan(clip.log, clip.frame_times, clip.camera, lens_correction=amount)
    render(clip.video, plan, tmp_path / "steady.mp4", encoding=Encoding(crf=6))
    scene, got = Room.for_camera(clip.camera), luma(tmp_path / "steady.mp4")
    R_scene_world = clip.motion.at(np.array([0.0]))[0] * plan.measured.at(0.0).inv()
    for k in (5, 40):
        output, zoom = plan.output, plan.zoom[k]
        filmed = replace(output, fx=output.fx * zoom, fy=output.fy * zoom, readout_time=0.0)
        pose = R_scene_world * plan.virtual.at(plan.frame_times[k])

        class Still:
            def at(self, t, pose=pose):
                return type(pose).concatenate([pose] * len(t))

        expected = render_frame(filmed, Still(), 0.0, scene) @ (0.2126, 0.7152, 0.0722)
        error = (got[k] - (expected * 219 / 255 + 16))[8:-8, 8:-8]
        psnr = 10 * np.log10(255**2 / np.mean(error**2))
        assert psnr > 29, f"frame {k}: {psnr:.1f} dB"
    steady = measure([frame.astype(np.uint8) for frame in got], clip.frame_times)
    assert steady.border_pixels == 0


def test_a_plan_with_a_corrected_lens_is_kept_to_the_bit(clip, tmp_path) -> None:
    plan = make_plan(clip.log, clip.frame_times, clip.camera, lens_correction=0.3)
    save_plan(plan, tmp_path / "plan.npz")
    loaded = load_plan(tmp_path / "plan.npz")
    assert loaded.output.lens == plan.output.lens == Corrected(clip.camera.lens, 0.3)
    t = plan.frame_times[7]
    np.testing.assert_array_equal(loaded.warp_grid(t).src_xy, plan.warp_grid(t).src_xy)


def tampered(path, target, **arrays) -> None:
    with np.load(path) as old, zipfile.ZipFile(path) as archive:
        content = {name: old[name] for name in old.files if name != "plan.json"} | arrays
        text = archive.read("plan.json")
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("plan.json", text)
        for name, array in content.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, array)


def test_the_border_of_a_loaded_plan_is_judged_anew(clip, tmp_path) -> None:
    plan = make_plan(clip.log, clip.frame_times, clip.camera, lens_correction=1.0)
    path, changed = tmp_path / "plan.npz", tmp_path / "changed.npz"
    save_plan(plan, path)
    loaded = load_plan(path)
    assert (loaded.margin <= plan.margin + 0.02).all() and (loaded.margin >= -1e-3).all()
    tampered(path, changed, zoom=np.ones(len(plan.zoom)))
    assert read_plan(changed).margin.min() > -1e-3  # what the file says of itself
    with pytest.raises(StabilizerError, match=r"changed\.npz: the plan shows a border: at .* by "):
        load_plan(changed)
    tampered(path, changed, margin=np.full(len(plan.zoom), 99.0))
    np.testing.assert_array_equal(load_plan(changed).margin, loaded.margin)


# Command line


@pytest.fixture(scope="module")
def stem(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli_lens")
    made_clip(folder / "clip")
    given = load_camera(folder / "clip.camera.json")
    lens = Fisheye((0.1, 0.0, 0.0, 0.0))
    save_camera(replace(given, lens=lens), folder / "clip.camera.json")
    return folder / "clip"


def test_the_program_corrects_the_lens_by_an_option(stem, tmp_path) -> None:
    kept = tmp_path / "plan.npz"
    options = ["--delay=-0.25", "--lens-correction", 1, "--save-plan", kept]
    done = run("plan", *files(stem), *options)
    assert done.returncode == 0, done.stderr
    assert load_plan(kept).output.lens == Pinhole()
    done = run("plan", *files(stem), "--lens-correction", 1.5)
    refused(done, "lens_correction: expected a finite number >= 0 and <= 1, got 1.5")


def test_a_changed_plan_is_not_rendered(stem, tmp_path) -> None:
    kept, changed = tmp_path / "plan.npz", tmp_path / "changed.npz"
    assert run("plan", *files(stem), "--delay=-0.25", "--save-plan", kept).returncode == 0
    tampered(kept, changed, zoom=np.ones(20))
    out = tmp_path / "out.mp4"
    refused(run("stabilize", f"{stem}.mp4", "--plan", changed, "-o", out), "shows a border")
    assert not out.exists()
