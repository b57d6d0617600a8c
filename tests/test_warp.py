"""Warps: homographies on points, exact rolling-shutter mapping, grids."""

import cv2
import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.spatial.transform import Rotation

from stabilizer.camera import Camera
from stabilizer.lens import Fisheye, OpenCV, Pinhole
from stabilizer.path import CameraPath
from stabilizer.warp import (
    WarpGrid,
    dense_map,
    extrapolate_outside,
    grid_nodes,
    source_points,
    transform_points,
)

H = np.array([[1.1, 0.02, 5.0], [-0.03, 0.95, -7.0], [1e-4, -2e-4, 1.0]])
UNMOVED = np.eye(3)
DIRECTIONS = ["top_to_bottom", "bottom_to_top", "left_to_right", "right_to_left"]
IDENTITY = np.array([0.0, 0.0, 0.0, 1.0])


def by_hand(x: float, y: float, matrix: np.ndarray) -> np.ndarray:
    u, v, w = matrix @ (x, y, 1.0)
    return np.array([u / w, v / w])


@pytest.mark.parametrize(
    "shape", [(2,), (1, 2), (7, 2), (3, 4, 2), (2, 3, 4, 2), (0, 2), (5, 0, 2)]
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.uint8, np.int16])
def test_transform_points_keeps_the_shape_and_takes_any_number(shape, dtype) -> None:
    points = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    moved = transform_points(points, H)
    assert moved.shape == shape
    for before, after in zip(points.reshape(-1, 2), moved.reshape(-1, 2), strict=True):
        np.testing.assert_allclose(after, by_hand(*before.astype(float), H), rtol=1e-12)


def test_transform_points_takes_one_homography_per_point() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(0, 100, (4, 5, 2))
    each = H + rng.normal(size=(4, 5, 3, 3)) * 1e-4
    moved = transform_points(points, each)
    for k in np.ndindex(4, 5):
        np.testing.assert_allclose(moved[k], by_hand(*points[k], each[k]), rtol=1e-12)


def test_transform_points_takes_lists() -> None:
    np.testing.assert_allclose(transform_points([10, 20], np.eye(3).tolist()), [10, 20])


def test_transform_points_agrees_with_opencv() -> None:
    points = np.random.default_rng(2).uniform(0, 1000, (100, 2))
    expected = cv2.perspectiveTransform(points.reshape(-1, 1, 2), H).reshape(-1, 2)
    np.testing.assert_allclose(transform_points(points, H), expected)
    np.testing.assert_allclose(transform_points(points, np.broadcast_to(H, (100, 3, 3))), expected)


@pytest.mark.parametrize("points", [np.zeros((3, 3)), np.zeros(()), np.zeros((2, 5))])
def test_transform_points_refuses_other_shapes(points) -> None:
    with pytest.raises(ValueError, match=r"points: expected shape \(..., 2\)"):
        transform_points(points, H)
    with pytest.raises(ValueError, match=r"H: expected shape \(3, 3\)"):
        transform_points(np.zeros((4, 2)), np.zeros((3, 3, 3)))


def still(orientation: Rotation | None = None) -> CameraPath:
    pose = orientation or Rotation.identity()
    return CameraPath.of(np.array([-1.0, 1.0]), Rotation.concatenate([pose, pose]))


@pytest.mark.parametrize(
    "lens", [Pinhole(), OpenCV((-0.2, 0.05, 0.001, 0.0)), Fisheye((0.05,) * 4)]
)
def test_without_motion_every_pixel_stays(lens) -> None:
    camera = Camera.from_focal(640, 480, 500.0, lens=lens, readout_time=0.03)
    xy = np.random.default_rng(0).uniform((0, 0), (639, 479), (50, 2))
    found = source_points(xy, 0.0, IDENTITY, 1.0, measured=still(), camera=camera, output=camera)
    np.testing.assert_allclose(found, xy, atol=1e-7)


def test_a_turned_virtual_camera_is_a_homography() -> None:
    """Global shutter: source = K R_cam_virtual K⁻¹ output, with signs checked one by one."""
    camera = Camera.from_focal(640, 480, 500.0)
    centre = np.array([[319.5, 239.5]])
    for rotvec, expected in [
        ((0.0, 0.1, 0.0), (319.5 + 500 * np.tan(0.1), 239.5)),  # the virtual camera looks right
        ((0.1, 0.0, 0.0), (319.5, 239.5 - 500 * np.tan(0.1))),  # …and up: y points down
    ]:
        found = source_points(
            centre,
            0.0,
            Rotation.from_rotvec(rotvec).as_quat(),
            1.0,
            measured=still(),
            camera=camera,
            output=camera,
        )
        np.testing.assert_allclose(found[0], expected)
    K = np.array([[500.0, 0, 319.5], [0, 500.0, 239.5], [0, 0, 1]])
    R = Rotation.from_rotvec([0.02, -0.05, 0.2])
    xy = np.random.default_rng(0).uniform(0, 400, (20, 2))
    np.testing.assert_allclose(
        source_points(xy, 0.0, IDENTITY, 1.0, measured=still(R), camera=camera, output=camera),
        transform_points(xy, K @ R.as_matrix().T @ np.linalg.inv(K)),
    )


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("lens", [Pinhole(), OpenCV((-0.2, 0.05, 0.0, 0.0)), Fisheye((0.05,) * 4)])
def test_the_row_whose_time_is_used_is_the_row_the_point_lands_on(
    handheld, direction, lens
) -> None:
    """Against a root finder on the row time, written from the definition with scipy alone."""
    camera = Camera.from_focal(
        1280, 720, 900.0, lens=lens, readout_time=0.033, readout_direction=direction
    )
    t, axis, size = 1.234, *((1, 720) if "top" in direction else (0, 1280))
    sign = 1 if direction in ("top_to_bottom", "left_to_right") else -1
    xy = np.random.default_rng(0).uniform((100, 100), (1180, 620), (30, 2))
    R_world_virtual = handheld.at(t)
    found = source_points(
        xy,
        t,
        R_world_virtual.as_quat(),
        1.2,
        measured=handheld,
        camera=camera,
        output=camera,
    )
    for point, got in zip(xy, found, strict=True):
        ray = R_world_virtual.apply(
            lens.unproject((point - (camera.cx, camera.cy)) / (900.0 * 1.2))
        )

        def lands(offset: float, ray=ray) -> np.ndarray:
            in_camera = handheld.at(t + offset).inv().apply(ray)
            return lens.project(in_camera) * 900.0 + (camera.cx, camera.cy)

        def mismatch(offset: float, lands=lands) -> float:
            return offset - sign * 0.033 * ((lands(offset)[axis] + 0.5) / size - 0.5)

        true = lands(brentq(mismatch, -0.05, 0.05, xtol=1e-12))
        np.testing.assert_allclose(got, true, atol=1e-3)


def test_many_frames_at_once_are_what_they_are_one_by_one(handheld) -> None:
    camera = Camera.from_focal(640, 360, 450.0, readout_time=0.02)
    t, zoom = np.array([0.5, 1.0, 1.7]), np.array([1.0, 1.1, 1.3])
    xy = np.random.default_rng(0).uniform(0, 360, (9, 2))
    R = handheld.quat_at(t)
    options = {"measured": handheld, "camera": camera, "output": camera}
    together = source_points(xy, t, R, zoom, **options)
    for k in range(3):
        alone = source_points(xy, t[k], R[k], zoom[k], **options)
        np.testing.assert_allclose(together[k], alone, atol=2e-3)


# --- grids -------------------------------------------------------------------------------------


def ramp_grid(width: int, height: int, step_xy=(16, 16), matrix=UNMOVED) -> WarpGrid:
    nodes = grid_nodes(width, height, step_xy)
    return WarpGrid(transform_points(nodes, matrix).astype(np.float32), width, height, step_xy)


@pytest.mark.parametrize("size", [(64, 48), (65, 47), (16, 16), (2, 2), (333, 129), (640, 15)])
@pytest.mark.parametrize("step_xy", [(16, 16), (8, 16), (8, 8), (32, 4)])
def test_an_affine_map_is_interpolated_exactly_everywhere(size, step_xy) -> None:
    """The well-known script's grid leaves a tenth undefined, with x and y swapped."""
    affine = np.array([[0.9, 0.1, 3.0], [-0.2, 1.05, 11.0], [0, 0, 1]])
    width, height = size
    dense = dense_map(ramp_grid(width, height, step_xy, affine))
    pixels = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)
    assert dense.shape == (height, width, 2)
    np.testing.assert_allclose(dense, transform_points(pixels, affine), atol=2e-4)


def test_strips_of_the_dense_map_are_cut_from_the_whole() -> None:
    grid = ramp_grid(200, 150, matrix=H)
    np.testing.assert_array_equal(dense_map(grid)[64:112], dense_map(grid, 64, 112))


def test_a_grid_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"src_xy: expected shape \(5, 6, 2\)"):
        WarpGrid(np.zeros((5, 5, 2), np.float32), 64, 48)


def test_nodes_the_lens_does_not_show_continue_those_it_does() -> None:
    whole = grid_nodes(64, 48)
    holed = whole.copy()
    for outside in (0, -2, -1):
        holed[outside], holed[:, outside] = np.nan, np.nan
    np.testing.assert_allclose(extrapolate_outside(holed), whole)
