"""Stabilize rendered hand-held clips and judge them by their pixels, beside the best reachable.

Run `python benchmarks/bench_steadiness.py [--seconds 10] [--seeds 1]`.
"""

import argparse
import logging
import shutil
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from arguments import count, positive
from scipy.signal import butter, sosfiltfilt
from score import measure_file

from gyro_data.checks import Floats
from gyro_data.orientation import Orientation
from stabilizer import Camera, ClockSync, Plan, make_plan, stabilize
from stabilizer import render as render_plan
from stabilizer.quality import Steadiness
from stabilizer.remap import warp_frame
from stabilizer.simulate import Handheld, Motion, Room, SimulatedClip, simulate
from stabilizer.simulate.motion import Replayed
from stabilizer.video import Encoding
from stabilizer.video.base import PIXEL_FORMATS, Frame
from stabilizer.warp import INTERPOLATIONS, WarpGrid

CAMERA = Camera.from_hfov(1280, 720, np.deg2rad(65), readout_time=0.020, imu_orientation="yXz")
SYNC = ClockSync(delay=12.34, clock_skew=4e-5)
DRIFT = (0.02, -0.03, 0.01)  # rad/s
FPS = 30.0
CRF = 16  # of every clip, whether rendered or stabilized

BEFORE, AFTER = "before", "after"
VIRTUAL, ORIGINAL, STEADIED = "GS virtual", "GS original", "GS steadied"
LEGEND = f"""{BEFORE}: rendered with a rolling shutter; {AFTER}: that clip stabilized
{VIRTUAL}: rendered along the virtual path at its zoom, global shutter: the best reachable
{ORIGINAL}: rendered along the shaky path, global shutter; {STEADIED}: that clip stabilized,
  so its pixels were moved as in "{AFTER}", without a rolling shutter to correct
px at 1080 lines and 30 frames/s; residuals and border in px of the clip"""

MIN_REDUCTION = 40.0
EQUAL = 1.1  # residuals that differ by less than 10 % are the same

DETECT = "vidstabdetect=shakiness=10:accuracy=15:result=transforms.trf"
TRANSFORM = "vidstabtransform=input=transforms.trf:smoothing=30:crop=black"

_PAD = 64  # px of marked surroundings; even, so that chroma gets a whole number
_CONTROL = 0.99  # of the zoom: too little, so the count must find something


@dataclass(frozen=True)
class Clip:
    """A video on disk and the zoom that it shows the scene with."""

    path: Path
    zoom: float | None
    """None if unknown."""


def shake_rms(motion: Motion, seconds: float) -> Floats:
    """Return the RMS rate (3,) rad/s above 0.8 Hz about camera x, y, z."""
    rate, settle = 500.0, 10.0  # samples/s; s for the filter at both ends
    t = np.arange(-settle, seconds + settle, 1 / rate)
    high_pass = butter(10, 0.8, "highpass", fs=rate, output="sos")
    shake = sosfiltfilt(high_pass, motion.rate_at(t), axis=0)[(t >= 0) & (t < seconds)]
    return np.asarray(np.sqrt(np.mean(shake**2, axis=0)))


def global_shutter(zoom: float = 1.0) -> Camera:
    """Return the camera that reads all rows at once, its focal length multiplied by `zoom`."""
    return replace(CAMERA, readout_time=0.0, fx=CAMERA.fx * zoom, fy=CAMERA.fy * zoom)


def virtual_motion(plan: Plan, motion: Motion) -> Motion:
    """Return the plan's virtual path in the scene's world.

    The plan's world is the log's first body frame; both know where the camera looked at time 0.
    """
    R_scene_world = motion.at(np.zeros(1))[0] * plan.measured.at(0.0).inv()
    return Replayed(Orientation.of(plan.frame_times, R_scene_world * plan.virtual.R_world_cam), 0.0)


def run_ffmpeg(folder: Path, *arguments: str) -> str:
    """Run the system's ffmpeg in `folder` and return what it prints."""
    command = ["ffmpeg", "-hide_banner", "-nostdin", "-y", *arguments]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def vidstab(before: Path) -> Clip | None:
    """Stabilize a clip by its pixels with FFmpeg's vid.stab; None if this ffmpeg has none."""
    folder, path = before.parent, before.with_name("vidstab.mp4")
    if shutil.which("ffmpeg") is None:
        return None
    filters = run_ffmpeg(folder, "-filters")
    if "vidstabdetect" not in filters or "vidstabtransform" not in filters:
        return None
    run_ffmpeg(folder, "-i", before.name, "-vf", DETECT, "-f", "null", "-")
    encoder = ["-c:v", "libx264", "-preset", "veryfast", "-crf", str(CRF)]
    run_ffmpeg(folder, "-i", before.name, "-vf", TRANSFORM, *encoder, path.name)
    return Clip(path, zoom=None)


def render(
    stem: Path, camera: Camera, motion: Motion, times: Floats, scene: Room, **sensor: Any
) -> SimulatedClip:
    """Render one silent clip; `sensor` is what `simulate` does to the gyro log."""
    return simulate(
        stem,
        camera=camera,
        motion=motion,
        frame_times=times,
        scene=scene,
        crf=CRF,
        audio=False,
        **sensor,
    )


def make_clips(
    motion: Motion, seconds: float, folder: Path
) -> tuple[Mapping[str, Clip], SimulatedClip]:
    """Render, stabilize and render again: all clips by name, and what is true of the shaky one."""
    scene = Room.for_camera(CAMERA)
    clocks = {"delay": SYNC.delay, "clock_skew": SYNC.clock_skew, "drift": DRIFT}
    times = np.arange(round(seconds * FPS)) / FPS
    before = render(folder / "before", CAMERA, motion, times, scene, **clocks)
    after, steadied = folder / "after.mp4", folder / "steadied.mp4"
    plan = stabilize(
        before.video,
        before.gyro,
        after,
        camera=before.camera_file,
        sync=SYNC,
        drift=DRIFT,
        zoom="fixed",  # what is rendered anew below has one
        encoding=Encoding(crf=CRF),
    )
    zoom = float(plan.zoom[0])
    path = virtual_motion(plan, motion)
    virtual = render(folder / "virtual", global_shutter(zoom), path, times, scene)
    original = render(folder / "original", global_shutter(), motion, times, scene)
    render_plan(
        original.video,
        replace(plan, camera=replace(plan.camera, readout_time=0.0)),
        steadied,
        encoding=Encoding(crf=CRF),
    )
    clips = {
        BEFORE: Clip(before.video, 1.0),
        AFTER: Clip(after, zoom),
        VIRTUAL: Clip(virtual.video, zoom),
        ORIGINAL: Clip(original.video, 1.0),
        STEADIED: Clip(steadied, zoom),
    }
    compared = vidstab(before.video)
    return clips | ({} if compared is None else {"vidstab": compared}), before


ROWS: Mapping[str, Callable[[Steadiness], float]] = {
    "frame motion > 1 Hz": lambda s: s.frame_motion_px,
    "jitter > 1 Hz": lambda s: s.jitter_px,
    "skew > 1 Hz": lambda s: s.skew_px,
    "wobble": lambda s: s.wobble_px,
    "residual, RMS": lambda s: s.residual_px,
    "residual, median": lambda s: s.residual_median_px,
    "border pixels": lambda s: s.border_pixels,
}


def print_table(clips: Mapping[str, Clip], scores: Mapping[str, Steadiness]) -> None:
    """Print a column for each clip."""
    print(f"{'':20}" + "".join(f"{name:>13}" for name in clips))
    for name, value in ROWS.items():
        print(f"{name:20}" + "".join(f"{value(scores[c]):13.4g}" for c in clips))
    zooms = ("-" if clip.zoom is None else f"{clip.zoom:.4f}" for clip in clips.values())
    print(f"{'zoom':20}" + "".join(f"{zoom:>13}" for zoom in zooms))
    unzoomed = (
        "-" if clip.zoom is None else f"{scores[c].residual_px / clip.zoom:.4g}"
        for c, clip in clips.items()
    )
    print(f"{'residual RMS / zoom':20}" + "".join(f"{residual:>13}" for residual in unzoomed))
    reduction = [scores[BEFORE].frame_motion_px / scores[c].frame_motion_px for c in clips]
    print(f"{'motion reduction':20}" + "".join(f"{r:12.1f}x" for r in reduction))


def samples_from_outside(plan: Plan, interpolation: str) -> int:
    """Count the samples of all planes and frames to which a source pixel outside the picture adds.

    Each picture is 0 and its surroundings are 1, so what is not 0 after the warp came from outside.
    """
    camera, layout = plan.camera, PIXEL_FORMATS["yuv420p"]
    marked = [
        np.ones(shape, np.float32)
        for shape in layout.plane_shapes(camera.width + 2 * _PAD, camera.height + 2 * _PAD)
    ]
    for k, plane in enumerate(marked):
        pad = _PAD // 2 if k else _PAD
        plane[pad:-pad, pad:-pad] = 0
    shapes = layout.plane_shapes(plan.output.width, plan.output.height)
    source: Any = marked  # frames hold integers otherwise; warps take float32 as well
    warped: Any = [np.empty(shape, np.float32) for shape in shapes]
    count = 0
    for t in plan.frame_times:
        grid = plan.warp_grid(t)
        warp_frame(
            Frame(source, layout, t, 0),
            WarpGrid(grid.src_xy + np.float32(_PAD), grid.width, grid.height, grid.step_xy),
            out=Frame(warped, layout, t, 0),
            chroma_offset_xy=(0.0, 0.5),
            interpolation=interpolation,
            backend="opencv",
        )
        count += sum(int(np.count_nonzero(plane)) for plane in warped)
    return count


def print_samples_from_outside(clip: SimulatedClip) -> int:
    """Print the count for each kernel, whose sum is returned, and a control that must find some."""
    print("\nsamples (luma and chroma, all frames) that need a source pixel outside the picture")
    total, plans = 0, {}
    for kernel in INTERPOLATIONS:
        plan = plans[kernel] = make_plan(
            clip.log,
            clip.frame_times,
            clip.camera,
            sync=SYNC,
            drift=DRIFT,
            interpolation=kernel,
        )
        count = samples_from_outside(plan, kernel)
        total += count
        print(f"  {kernel:8} zoom {plan.zoom[0]:.4f}, margin {plan.margin.min():+.4f} px: {count}")
    tight = replace(plans["linear"], zoom=_CONTROL * plans["linear"].zoom)
    found = samples_from_outside(tight, "linear")
    print(f"  control  zoom {tight.zoom[0]:.4f}, linear: {found} (a check that works finds some)")
    return total


def print_targets(scores: Mapping[str, Steadiness], outside: int) -> None:
    """Print each target beside what was reached."""
    before, after = scores[BEFORE], scores[AFTER]
    reduction = before.frame_motion_px / after.frame_motion_px
    best = before.frame_motion_px / scores[VIRTUAL].frame_motion_px
    print_verdict(
        reduction >= MIN_REDUCTION,
        f"motion reduction >= {MIN_REDUCTION:g}x: {reduction:.1f}x ({VIRTUAL}: {best:.1f}x)",
    )
    for name in (ORIGINAL, STEADIED, VIRTUAL):
        rms = after.residual_px / scores[name].residual_px
        median = after.residual_median_px / scores[name].residual_median_px
        print_verdict(
            max(rms, median) <= EQUAL,
            f"residual <= {EQUAL:g} x {name}: RMS {rms:.3f} x, median {median:.3f} x",
        )
    print_verdict(after.border_pixels == 0, f"border pixels = 0: {after.border_pixels}")
    print_verdict(outside == 0, f"samples from outside the picture = 0: {outside}")


def print_verdict(met: bool, text: str) -> None:
    """Print a line of the list of targets."""
    print(f"  {'met   ' if met else 'MISSED'}  {text}")


def run(seed: int, seconds: float) -> None:
    """Print everything about one clip."""
    motion = Handheld("walk", seed)
    x, y, z = shake_rms(motion, seconds)
    print(f"\n== {motion!r}, {seconds:g} s, readout {1e3 * CAMERA.readout_time:g} ms")
    print(f"shake above 0.8 Hz: {x:.3f}, {y:.3f}, {z:.3f} rad/s rms about x, y, z\n")
    with TemporaryDirectory() as folder:
        clips, before = make_clips(motion, seconds, Path(folder))
        with ThreadPoolExecutor(2) as pool:  # OpenCV and FFmpeg leave cores idle in between
            measured = pool.map(measure_file, (str(clip.path) for clip in clips.values()))
            scores = dict(zip(clips, measured, strict=True))
    print_table(clips, scores)
    print(f"\n{LEGEND}")
    print(f"vidstab: {DETECT}, {TRANSFORM}" if "vidstab" in clips else "vidstab: ffmpeg has none")
    outside = print_samples_from_outside(before)
    print("\ntargets")
    print_targets(scores, outside)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=positive, default=10.0, help="duration of each clip")
    parser.add_argument("--seeds", type=count, default=1, help="number of clips")
    arguments = parser.parse_args()
    logging.basicConfig(format="%(levelname)s %(message)s")
    for seed in range(arguments.seeds):
        run(seed, arguments.seconds)


if __name__ == "__main__":
    main()
