"""Measure which interpolation shows most, by the noise of the source, and what each costs.

Run `python benchmarks/bench_quality.py`. The truth is the same room, filmed anew by the camera that
the warp imitates: nothing is interpolated in it.
"""

from dataclasses import dataclass, replace
from time import process_time

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gyro_data.checks import Floats
from stabilizer.camera import Camera
from stabilizer.convolution import separable
from stabilizer.remap import warp_frame
from stabilizer.simulate import Room, render_frame, to_yuv420p
from stabilizer.video.base import PIXEL_FORMATS, Frame
from stabilizer.warp import INTERPOLATIONS, WarpGrid, grid_nodes

ZOOMS = (1.05, 1.15, 1.3)
NOISES = (0.0, 1.0, 2.0, 4.0)  # grey levels, RMS
PRESHARPEN = np.array([-0.1, 1.2, -0.1])
TURNED = Rotation.from_rotvec([0.012, -0.017, 0.02])
"""What is taken out: some 20 px."""

_EDGE = 16  # px that are not judged: some kernels reach beyond the picture there

Luma = NDArray[np.uint8]


@dataclass(frozen=True)
class Still:
    """A camera that does not move."""

    R_world_cam: Rotation

    def at(self, t: Floats) -> Rotation:
        """Return the same for all times."""
        return Rotation.concatenate([self.R_world_cam] * np.size(t))

    def rate_at(self, t: Floats) -> Floats:
        """Return no rate."""
        return np.zeros((np.size(t), 3))


def filmed(camera: Camera, pose: Rotation, scene: Room) -> Luma:
    """Return the luma of a picture."""
    picture = render_frame(camera, Still(pose), 0.0, scene, supersample=2)
    return to_yuv420p(picture)[0]


def warped(source: Luma, grid: WarpGrid, interpolation: str) -> Luma:
    """Warp by the fused kernel."""
    layout = PIXEL_FORMATS["gray"]
    out = Frame([np.empty_like(source)], layout, 0.0, 0)
    frame = Frame([source], layout, 0.0, 0)
    warp_frame(
        frame,
        grid,
        out=out,
        chroma_offset_xy=(0.0, 0.0),
        interpolation=interpolation,
        backend="numba",
    )
    return np.asarray(out.planes[0], np.uint8)


def presharpened(source: Luma, grid: WarpGrid) -> Luma:
    """Sharpen, then warp by the linear kernel."""
    return warped(separable(source, PRESHARPEN, PRESHARPEN), grid, "linear")


def psnr(a: Luma, b: Luma) -> float:
    """Return the PSNR in dB."""
    error = (a.astype(float) - b)[_EDGE:-_EDGE, _EDGE:-_EDGE]
    return float(10 * np.log10(255**2 / np.mean(error**2)))


def cpu_ms(call: object, source: Luma, grid: WarpGrid) -> float:
    """Return the median CPU time of a call in ms."""
    assert callable(call)
    durations = []
    for _ in range(16):
        began = process_time()
        call(source, grid)
        durations.append(process_time() - began)
    return 1e3 * float(np.median(durations))


def main() -> None:
    """Print a table by zoom and noise, and the costs."""
    cv2.setNumThreads(1)
    camera, base = Camera.from_hfov(1920, 1080, 1.17), Rotation.from_rotvec([0.1, 0.4, 0])
    scene, rng = Room(4096), np.random.default_rng(0)
    clean, nodes = filmed(camera, base, scene), grid_nodes(1920, 1080)
    ways = {k: lambda source, grid, k=k: warped(source, grid, k) for k in INTERPOLATIONS}
    ways["presharpened linear"] = presharpened
    print("PSNR in dB" + " " * 12 + "".join(f"{name:>21}" for name in ways))
    for zoom in ZOOMS:
        view = replace(camera, fx=camera.fx * zoom, fy=camera.fy * zoom)
        truth = filmed(view, base * TURNED, scene)
        source_xy = camera.project(TURNED.apply(view.unproject(nodes.reshape(-1, 2))))
        grid = WarpGrid(source_xy.reshape(nodes.shape).astype(np.float32), 1920, 1080)
        for noise in NOISES:
            noisy = clean + noise * rng.standard_normal(clean.shape)
            source = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
            cells = (f"{psnr(way(source, grid), truth):21.2f}" for way in ways.values())
            print(f"zoom {zoom:4g}, noise {noise:3g}  " + "".join(cells))
    costs = (f"{cpu_ms(way, source, grid):21.2f}" for way in ways.values())
    print("CPU ms, 1080p luma    " + "".join(costs))


if __name__ == "__main__":
    main()
