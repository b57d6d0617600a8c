"""Mesh warps by OpenCV, for images of any type."""

import cv2
import numpy as np
import pytest

from stabilizer import mesh_warp
from stabilizer.warp import INTERPOLATIONS, WarpGrid, grid_nodes, transform_points

UNMOVED = np.eye(3)


def ramp_grid(width: int, height: int, matrix=UNMOVED) -> WarpGrid:
    nodes = grid_nodes(width, height)
    return WarpGrid(transform_points(nodes, matrix).astype(np.float32), width, height)


def picture(height: int, width: int, channels: int, dtype) -> np.ndarray:
    rng = np.random.default_rng(3)
    shape = (height, width) if channels == 0 else (height, width, channels)
    values = cv2.GaussianBlur(rng.uniform(0, 1, (height, width, max(channels, 1))), (0, 0), 2)
    scale = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1.0
    low, high = values.min(), values.max()
    return ((values.reshape(shape) - low) / (high - low) * scale).astype(dtype)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("channels", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_identity_grid_leaves_the_image_bit_identical(interpolation, channels, dtype) -> None:
    image = picture(131, 205, channels, dtype)
    warped = mesh_warp(image, ramp_grid(205, 131), interpolation=interpolation)
    assert warped.dtype == image.dtype
    if dtype == np.uint16:  # 16 significant bits; video has at most 12
        assert np.abs(warped.astype(int) - image).max() <= 8
        return
    np.testing.assert_array_equal(warped, image)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32, np.float64])
def test_mesh_warp_agrees_with_opencvs_perspective_warp(dtype) -> None:
    image = picture(180, 240, 3, dtype)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    small = np.array([[0.95, 0.02, 4.0], [-0.03, 0.96, 5.0], [1e-5, -2e-5, 1.0]])
    expected = cv2.warpPerspective(image, small, (240, 180), flags=flags)
    warped = mesh_warp(image, ramp_grid(240, 180, matrix=small))
    scale = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1.0
    inner = (slice(8, -8), slice(8, -8))
    error = np.abs(warped[inner].astype(float) - expected[inner].astype(float)) / scale
    assert error.max() < 0.012  # OpenCV's own fractions are of 1/32 px
    assert error.mean() < 0.002


def test_a_shift_by_whole_pixels_moves_whole_pixels() -> None:
    image = picture(100, 120, 0, np.uint8)
    shift = np.array([[1.0, 0, 3.0], [0, 1, -2.0], [0, 0, 1]])  # source = output + (3, −2)
    warped = mesh_warp(image, ramp_grid(120, 100, matrix=shift), interpolation="linear")
    np.testing.assert_array_equal(warped[2:, :-3], image[:-2, 3:])


def test_mesh_warp_writes_into_a_given_image_with_row_padding() -> None:
    image = picture(50, 60, 0, np.uint8)
    buffer = np.zeros((50, 64), np.uint8)
    result = mesh_warp(image, ramp_grid(60, 50), out=buffer[:, :60])
    assert result.base is buffer
    np.testing.assert_array_equal(buffer[:, :60], image)
    assert not buffer[:, 60:].any()


def test_wrong_images_are_refused() -> None:
    grid = ramp_grid(60, 50)
    with pytest.raises(ValueError, match=r"image: expected shape .* got \(50, 60, 5\)"):
        mesh_warp(np.zeros((50, 60, 5), np.uint8), grid)
    with pytest.raises(TypeError, match=r"image: expected one of uint8.* got int64"):
        mesh_warp(np.zeros((50, 60), np.int64), grid)
    with pytest.raises(ValueError, match="interpolation: expected one of linear, cubic, lanczos"):
        mesh_warp(np.zeros((50, 60), np.uint8), grid, interpolation="nearest")
    with pytest.raises(ValueError, match="out: expected shape"):
        mesh_warp(np.zeros((50, 60), np.uint8), grid, out=np.zeros((50, 50), np.uint8))
