"""The quick grid beside the plain one, whose nodes are solved one by one."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from gyro_data import MapAxes, integrate
from stabilizer.camera import Camera
from stabilizer.grid_solver import FrameGrids, GridSolver, solved_at, spline_matrix
from stabilizer.lens import Fisheye, OpenCV, Pinhole
from stabilizer.path import CameraPath, camera_path
from stabilizer.simulate import Handheld, simulate_log
from stabilizer.sync import ClockSync
from stabilizer.warp import WarpGrid, grid_nodes, source_points

DIRECTIONS = ["top_to_bottom", "bottom_to_top", "left_to_right", "right_to_left"]
LENSES = [
    (Pinhole(), 0.785),
    (OpenCV((-0.25, 0.08, 0.0005, -0.0003, -0.01)), 0.65),
    (Fisheye((0.05, -0.01, 0.004, -0.001)), 0.5),
]
ZOOM = 1.2
NO_TIMES = np.empty(0)
SHOWN = (slice(None, -1), slice(None, -1))
"""Nodes whose cells show something; those behind only fill up the grid."""


def filmed(camera: Camera, gaps: np.ndarray | None = None) -> CameraPath:
    log = simulate_log(Handheld("run", seed=2), -0.5, 2.5, rate=400.0)
    measured = camera_path(integrate(MapAxes(camera.imu_orientation)(log)), ClockSync(), camera)
    return measured if gaps is None else replace(measured, gaps=gaps)


def quick(measured: CameraPath, camera: Camera, t: float) -> WarpGrid:
    return grids(measured, camera).at(t)


def grids(measured: CameraPath, camera: Camera, times: np.ndarray = NO_TIMES) -> FrameGrids:
    solver = GridSolver(measured, camera, camera)
    return FrameGrids(solver, times, lambda t: (virtual(measured, t), np.full(t.shape, ZOOM)))


def virtual(measured: CameraPath, t: np.ndarray) -> np.ndarray:
    """A pose some degrees away."""
    return measured.quat_at(np.asarray(t) + 0.03)


def plain(measured: CameraPath, camera: Camera, t: float) -> np.ndarray:
    nodes = grid_nodes(camera.width, camera.height)
    points = source_points(
        nodes.reshape(-1, 2),
        t,
        virtual(measured, t),
        ZOOM,
        measured=measured,
        camera=camera,
        output=camera,
    )
    return points.reshape(nodes.shape)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(("lens", "focal"), LENSES, ids=[lens.name for lens, _ in LENSES])
def test_it_is_the_plain_grid_to_a_hundredth_of_a_pixel(lens, focal, direction) -> None:
    """The bilinear cells themselves err by as much."""
    camera = Camera.from_focal(
        1280, 720, focal * 1280, lens=lens, readout_time=0.03, readout_direction=direction
    )
    measured = filmed(camera)
    for t in (0.5, 1.03, 1.7):
        grid, nodes = quick(measured, camera, t), plain(measured, camera, t)
        assert np.abs(nodes - grid_nodes(1280, 720)).max() > 20  # there is something to find
        np.testing.assert_allclose(grid.src_xy[SHOWN], nodes[SHOWN], rtol=0, atol=0.01)


def test_a_global_shutter_needs_no_rows() -> None:
    camera = Camera.from_hfov(960, 540, 1.2)
    measured = filmed(camera)
    nodes = plain(measured, camera, 1.0)
    np.testing.assert_allclose(quick(measured, camera, 1.0).src_xy, nodes, rtol=0, atol=1e-3)


@pytest.mark.parametrize("size", [(97, 61), (4000, 270), (1920, 1080)])
def test_a_camera_that_stands_still_leaves_each_node_where_it_is(size) -> None:
    camera = Camera.from_hfov(*size, 1.0, readout_time=0.02)
    measured = filmed(camera)
    still = CameraPath.of(measured.t[[0, -1]], measured.R_world_cam[[0, 0]])
    solver = GridSolver(still, camera, camera)
    grid = FrameGrids(solver, NO_TIMES, lambda t: (still.quat_at(t), np.ones(t.shape))).at(1.0)
    np.testing.assert_array_equal(grid.src_xy, grid_nodes(*size).astype(np.float32))


def test_where_motion_begins_or_ends_nodes_are_solved_one_by_one() -> None:
    camera = Camera.from_hfov(960, 540, 1.1, readout_time=0.03)
    measured = filmed(camera, gaps=np.array([[0.7, 1.001]]))
    assert np.ptp(measured.rate[np.abs(measured.t - 1.0) < 0.01], axis=0).max() > 0
    for t in (0.69, 1.0, -0.49):
        nodes = plain(measured, camera, t).astype(np.float32)
        np.testing.assert_array_equal(quick(measured, camera, t).src_xy, nodes)


def test_what_the_lens_does_not_show_is_carried_on_from_what_it_does() -> None:
    camera = Camera.from_focal(
        960, 540, 600.0, lens=OpenCV((-0.3, 0.0, 0.0, 0.0)), readout_time=0.02
    )
    measured = filmed(camera)
    wide = replace(camera, fx=375.0, fy=375.0, lens=Pinhole())
    solver = GridSolver(measured, camera, wide)
    looked = measured.quat_at(np.array([1.0]))
    assert solver.grid(solver.solved(np.array([1.0]), looked, np.ones(1))[0]) is None
    grid = FrameGrids(solver, NO_TIMES, lambda t: (measured.quat_at(t), np.ones(t.shape))).at(1.0)
    assert np.isfinite(grid.src_xy[grid.src_xy.shape[0] // 2, grid.src_xy.shape[1] // 2]).all()
    assert np.isnan(grid.src_xy).any()


def test_frames_are_solved_together_and_found_one_by_one() -> None:
    camera = Camera.from_hfov(960, 540, 1.1, readout_time=0.02)
    measured, times = filmed(camera), np.arange(3, 24) / 30
    together = grids(measured, camera, times)
    for t in (*times, *times[[7, 20, 0]], 0.5001):
        expected = quick(measured, camera, t).src_xy
        np.testing.assert_allclose(together.at(t).src_xy, expected, rtol=0, atol=1e-3)


def test_many_threads_may_ask_for_grids() -> None:
    camera = Camera.from_hfov(960, 540, 1.1, readout_time=0.02)
    measured, times = filmed(camera), np.arange(3, 45) / 30
    expected = [grids(measured, camera, times).at(t).src_xy for t in times]
    shared = grids(measured, camera, times)
    with ThreadPoolExecutor(8) as pool:
        for got, wanted in zip(pool.map(shared.at, times), expected, strict=True):
            np.testing.assert_array_equal(got.src_xy, wanted)


@pytest.mark.parametrize("size", [270, 640, 1081])
@pytest.mark.parametrize(("n", "degree"), [(33, 3), (17, 5)])
def test_the_spline_goes_through_smooth_values(size, n, degree) -> None:
    nodes = grid_nodes(size, size)[0, :, 0]
    matrix = spline_matrix(size, n, degree)
    np.testing.assert_allclose(matrix @ np.ones(n), 1.0, rtol=0, atol=1e-10)
    straight = 3.0 + 0.7 * solved_at(size, n)
    np.testing.assert_allclose(matrix @ straight, 3.0 + 0.7 * nodes, rtol=0, atol=1e-8)
    bent = np.sin(3 * solved_at(size, n) / size)
    np.testing.assert_allclose(matrix @ bent, np.sin(3 * nodes / size), rtol=0, atol=1e-4)
