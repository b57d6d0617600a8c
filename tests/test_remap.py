"""Frames: native planes, chroma at its own resolution and its true place."""

import numpy as np
import pytest

from stabilizer.remap import chroma_grid, warp_frame
from stabilizer.video.base import PIXEL_FORMATS, Frame, PixelFormat
from stabilizer.warp import INTERPOLATIONS, WarpGrid, dense_map, grid_nodes, transform_points

AFFINE = np.array([[0.93, 0.06, 9.0], [-0.05, 0.95, 12.0], [0, 0, 1]])
SITINGS = {"left": (0.0, 0.5), "center": (0.5, 0.5), "topleft": (0.0, 0.0)}


def grid_of(matrix: np.ndarray, width: int, height: int) -> WarpGrid:
    nodes = grid_nodes(width, height)
    return WarpGrid(transform_points(nodes, matrix).astype(np.float32), width, height)


def frame_of(layout: PixelFormat, planes) -> Frame:
    return Frame(planes, layout, t=0.0, pts=0)


def noise_frame(layout: PixelFormat, width: int, height: int) -> Frame:
    rng = np.random.default_rng(0)
    return frame_of(
        layout,
        [
            rng.integers(0, 2**layout.bits, shape).astype(layout.dtype)
            for shape in layout.plane_shapes(width, height)
        ],
    )


def blank(frame: Frame) -> Frame:
    return frame_of(frame.pixel_format, [np.zeros_like(plane) for plane in frame.planes])


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("siting", SITINGS.values(), ids=SITINGS.keys())
@pytest.mark.parametrize("layout", PIXEL_FORMATS.values(), ids=lambda f: f.name)
@pytest.mark.parametrize("size", [(96, 64), (85, 47)])
def test_an_identity_grid_leaves_every_plane_bit_identical(
    layout, siting, interpolation, size
) -> None:
    frame = noise_frame(layout, *size)
    warped = warp_frame(
        frame,
        grid_of(np.eye(3), *size),
        out=blank(frame),
        chroma_offset_xy=siting,
        interpolation=interpolation,
    )
    for before, after in zip(frame.planes, warped.planes, strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("siting", SITINGS.values(), ids=SITINGS.keys())
@pytest.mark.parametrize(
    ("name", "sx", "sy"), [("yuv420p10le", 2, 2), ("yuv422p10le", 2, 1), ("nv12", 2, 2)]
)
def test_chroma_moves_with_the_luma_it_belongs_to(name, sx, sy, siting) -> None:
    """Chroma that is a ramp over luma positions must be the same ramp over source positions."""
    layout = PIXEL_FORMATS[name]
    offset = (siting[0], siting[1] if sy == 2 else 0.0)
    top = 250 if layout.bits == 8 else 1000
    width, height = 160, 128

    def ramp_at(x, y):
        return 0.1 * top + 0.75 * top * (0.6 * x / width + 0.4 * y / height)

    u, v = np.meshgrid(np.arange(width // sx), np.arange(height // sy))
    chroma_xy = np.stack([sx * u + offset[0], sy * v + offset[1]], axis=-1)
    chroma = ramp_at(*np.moveaxis(chroma_xy, -1, 0)).round().astype(layout.dtype)
    luma = np.zeros((height, width), layout.dtype)
    planes = [luma, np.stack([chroma] * 2, -1)] if name == "nv12" else [luma, chroma, chroma]
    frame = frame_of(layout, planes)
    warped = warp_frame(
        frame,
        grid_of(AFFINE, width, height),
        out=blank(frame),
        chroma_offset_xy=offset,
        interpolation="linear",
    )
    source = transform_points(chroma_xy, AFFINE)
    expected = ramp_at(source[..., 0], source[..., 1])
    got = warped.planes[1].astype(float)
    got = got[..., 0] if name == "nv12" else got
    inside = ((source > 2) & (source < (width - 4, height - 4))).all(axis=-1)
    assert inside.mean() > 0.7
    # one luma px is 2.8 code values of the 10-bit ramp: half a pixel would be seen
    tolerance = 1.01 if layout.bits == 8 else 1.2
    assert np.abs(got - expected)[inside].max() < tolerance


def test_the_chroma_grid_is_the_exact_map_at_chroma_positions() -> None:
    projective = np.array([[0.95, 0.03, 6.0], [-0.04, 0.97, 5.0], [4e-5, -3e-5, 1.0]])
    grid = grid_of(projective, 160, 120)
    chroma = chroma_grid(grid, (2, 2), offset_xy=(0.0, 0.5))
    u, v = np.meshgrid(np.arange(80), np.arange(60))
    exact = transform_points(np.stack([2.0 * u, 2.0 * v + 0.5], axis=-1), projective)
    np.testing.assert_allclose(dense_map(chroma) * 2 + (0, 0.5), exact, atol=0.02)
