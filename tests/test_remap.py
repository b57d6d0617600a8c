"""Frames: native planes through both backends, chroma at its own resolution and its true place."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

import stabilizer
from stabilizer.errors import StabilizerError
from stabilizer.remap import chosen_backend, chroma_grid, warm_up, warp_frame
from stabilizer.remap.opencv import mesh_warp
from stabilizer.remap.weights import lanczos
from stabilizer.video.base import PIXEL_FORMATS, Frame, PixelFormat
from stabilizer.warp import INTERPOLATIONS, WarpGrid, dense_map, grid_nodes, transform_points
from tests.remap_reference import lanczos_weights, psnr, source_xy, warped

ROOT = Path(stabilizer.__file__).parents[1]

AFFINE = np.array([[0.93, 0.06, 9.0], [-0.05, 0.95, 12.0], [0, 0, 1]])
SITINGS = {"left": (0.0, 0.5), "center": (0.5, 0.5), "topleft": (0.0, 0.0)}
WIDTH, HEIGHT = 203, 118  # no multiple of anything
MAPS = {
    "crop": AFFINE,
    "beyond": np.array([[1.3, 0.05, -40.0], [-0.05, 1.25, -20.0], [0, 0, 1]]),
    "steep": np.array([[0.5, 0.6, 5.0], [-0.6, 0.5, 120.0], [0, 0, 1]]),
    "mirrored": np.array([[-0.9, 0.02, 190.0], [0.01, 0.9, 3.0], [0, 0, 1]]),
    "quarter turn": np.array([[0.0, 1.0, 30.25], [-1.0, 0.0, 160.6], [0, 0, 1]]),
    "shrunk": np.array([[2.2, 0.1, -60.0], [0.1, 2.4, -50.0], [0, 0, 1]]),
    "perspective": np.array([[0.95, 0.03, 6.0], [-0.04, 0.97, 5.0], [4e-4, -3e-4, 1.0]]),
}
BACKENDS = ("numba", "opencv")
SOME = ("gray", "nv12", "yuv420p10le")
OTHER_FORMATS = (  # no file gives them yet, the kernels take them
    PixelFormat("yuv420p12le", 12, 2, 2, (1, 1, 1)),
    PixelFormat("yuv420p16le", 16, 2, 2, (1, 1, 1)),
    PixelFormat("p010le", 16, 2, 2, (1, 2)),
)
FORMATS = (*PIXEL_FORMATS.values(), *OTHER_FORMATS)


def name_of(layout: PixelFormat) -> str:
    return layout.name


def grid_of(matrix: np.ndarray, width: int, height: int) -> WarpGrid:
    nodes = grid_nodes(width, height)
    return WarpGrid(transform_points(nodes, matrix).astype(np.float32), width, height)


def frame_of(layout: PixelFormat, planes) -> Frame:
    return Frame(planes, layout, t=0.0, pts=0)


def picture(shape: tuple[int, ...], peak: int, seed: int) -> np.ndarray:
    """Return structure of all sizes, from 0 to `peak`."""
    values = np.random.default_rng(seed).normal(size=shape)
    values += 3 * gaussian_filter(values, (1.2, 1.2, 0)[: len(shape)], mode="nearest")
    return np.clip((0.5 + 0.18 * values) * peak, 0, peak).round()


def textured_frame(layout: PixelFormat, width: int, height: int) -> Frame:
    peak = 2**layout.bits - 1
    shapes = layout.plane_shapes(width, height)
    return frame_of(
        layout, [picture(shape, peak, k).astype(layout.dtype) for k, shape in enumerate(shapes)]
    )


def blank(frame: Frame) -> Frame:
    return frame_of(frame.pixel_format, [np.zeros_like(plane) for plane in frame.planes])


def warp(frame: Frame, grid: WarpGrid, interpolation: str, backend: str, **options) -> Frame:
    settings = {"out": blank(frame), "chroma_offset_xy": (0.0, 0.5)} | options
    return warp_frame(frame, grid, interpolation=interpolation, backend=backend, **settings)


# --- against the truth -------------------------------------------------------------------------


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("layout", FORMATS, ids=name_of)
@pytest.mark.parametrize("name", MAPS)
def test_the_fused_kernel_gives_what_float64_gives(name, layout, interpolation) -> None:
    frame, grid = textured_frame(layout, WIDTH, HEIGHT), grid_of(MAPS[name], WIDTH, HEIGHT)
    chroma = chroma_grid(grid, (layout.subsampling_x, layout.subsampling_y), offset_xy=(0.0, 0.5))
    peak = 2**layout.bits - 1
    got = warp(frame, grid, interpolation, "numba")
    for k, plane in enumerate(frame.planes):
        expected = warped(plane, source_xy(chroma if k else grid), interpolation, peak)
        error = np.abs(got.planes[k].astype(int) - expected).max()
        # coordinates are of 1/65536 px, weights across of 1/16384
        assert error <= (1 if layout.bits <= 10 else 2 ** (layout.bits - 11))
        assert psnr(got.planes[k], expected, peak) > 62
        assert got.planes[k].max() <= peak


def test_the_reference_itself_is_bilinear() -> None:
    plane, grid = picture((HEIGHT, WIDTH), 255, 0), grid_of(MAPS["beyond"], WIDTH, HEIGHT)
    xy = source_xy(grid)
    pixels = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), axis=-1)
    np.testing.assert_allclose(xy, transform_points(pixels, MAPS["beyond"]), atol=3e-5)
    by_scipy = map_coordinates(plane, [xy[..., 1], xy[..., 0]], order=1, mode="nearest")
    assert np.abs(warped(plane, xy, "linear", 255) - by_scipy).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("layout", FORMATS, ids=name_of)
@pytest.mark.parametrize("name", MAPS)
def test_both_backends_agree(name, layout, interpolation) -> None:
    """To what OpenCV makes of fractions: it rounds those of some kernels to 1/32 px."""
    smooth = textured_frame(layout, WIDTH, HEIGHT)
    blurred = [gaussian_filter(p, (2, 2, 0)[: p.ndim], mode="nearest") for p in smooth.planes]
    frame, grid = frame_of(layout, blurred), grid_of(MAPS[name], WIDTH, HEIGHT)
    fused, plain = (warp(frame, grid, interpolation, backend) for backend in BACKENDS)
    unit = (2**layout.bits - 1) / 255
    for a, b in zip(fused.planes, plain.planes, strict=True):
        difference = np.abs(a.astype(float) - b)
        assert difference.max() <= max(1.0, 2.0 * unit)
        assert difference.mean() <= max(0.02, 0.15 * unit)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("siting", SITINGS.values(), ids=SITINGS.keys())
@pytest.mark.parametrize("layout", PIXEL_FORMATS.values(), ids=name_of)
@pytest.mark.parametrize("size", [(96, 64), (85, 47)])
def test_an_identity_grid_leaves_every_plane_bit_identical(
    layout, siting, interpolation, size, backend
) -> None:
    rng = np.random.default_rng(0)
    shapes = layout.plane_shapes(*size)
    noise = [rng.integers(0, 2**layout.bits, shape).astype(layout.dtype) for shape in shapes]
    grid = grid_of(np.eye(3), *size)
    after = warp(frame_of(layout, noise), grid, interpolation, backend, chroma_offset_xy=siting)
    for before, plane in zip(noise, after.planes, strict=True):
        np.testing.assert_array_equal(before, plane)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("layout", OTHER_FORMATS, ids=name_of)
def test_identity_is_exact_at_every_bit_depth(layout, interpolation) -> None:
    frame = textured_frame(layout, WIDTH, HEIGHT)
    after = warp(frame, grid_of(np.eye(3), WIDTH, HEIGHT), interpolation, "numba")
    for plane, same in zip(frame.planes, after.planes, strict=True):
        np.testing.assert_array_equal(plane, same)


def test_lanczos_polynomials_are_lanczos_kernel() -> None:
    t = np.linspace(0, 1, 1001)[:-1]
    np.testing.assert_allclose(np.stack(lanczos(t), axis=-1), lanczos_weights(t), atol=3e-5)


# --- memory ------------------------------------------------------------------------------------


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("layout", [PIXEL_FORMATS[n] for n in SOME], ids=name_of)
@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 1), (1, 5), (7, 4), (17, 9), (33, 3)])
def test_planes_smaller_than_a_cell_or_a_kernel(size, layout, interpolation) -> None:
    matrix = np.array([[0.8, 0.3, 0.4], [-0.2, 0.9, -0.7], [0, 0, 1]])
    frame, grid = textured_frame(layout, *size), grid_of(matrix, *size)
    chroma = chroma_grid(grid, (layout.subsampling_x, layout.subsampling_y), offset_xy=(0.0, 0.5))
    got = warp(frame, grid, interpolation, "numba")
    for k, plane in enumerate(frame.planes):
        xy = source_xy(chroma if k else grid)
        expected = warped(plane, xy, interpolation, 2**layout.bits - 1)
        assert np.abs(got.planes[k].astype(int) - expected).max() <= 1


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_padded_read_only_rows_in_and_padded_rows_out(interpolation, backend) -> None:
    """As codecs hand them over: nothing is read or written but the samples themselves."""
    layout, grid = PIXEL_FORMATS["yuv420p"], grid_of(MAPS["beyond"], WIDTH, HEIGHT)
    frame = textured_frame(layout, WIDTH, HEIGHT)
    expected = warp(frame, grid, interpolation, backend)
    for filling in (0, 255):
        sources, buffers = [], []
        for plane in frame.planes:
            height, width = plane.shape
            buffer = np.full((height, width + 29), filling, np.uint8)
            buffer[:, :width] = plane
            buffer.setflags(write=False)
            sources.append(buffer[:, :width])
            buffers.append(np.full((height, width + 13), 77, np.uint8))
        views = [b[:, :-13] for b in buffers]
        warp(frame_of(layout, sources), grid, interpolation, backend, out=frame_of(layout, views))
        for buffer, plane in zip(buffers, expected.planes, strict=True):
            np.testing.assert_array_equal(buffer[:, :-13], plane)
            assert (buffer[:, -13:] == 77).all()


GUARDED = """
import ctypes, mmap, sys
import numpy as np
from stabilizer.remap.fused import warp_planes
from stabilizer.warp import WarpGrid, grid_nodes, transform_points
libc, page = ctypes.CDLL(None, use_errno=True), mmap.PAGESIZE

def guarded(shape, at_end):  # a plane between two pages that nobody may touch
    size = shape[0] * shape[1]
    inner = -(-size // page) * page
    memory = mmap.mmap(-1, inner + 2 * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for fence in (start, start + page + inner):
        assert libc.mprotect(ctypes.c_void_p(fence), ctypes.c_size_t(page), 0) == 0
    first = page + (inner - size if at_end else 0)
    return np.frombuffer(memory, np.uint8, size, first).reshape(shape), fence

width, height = 203, 118
for matrix in np.array(eval(sys.argv[1])):
    nodes = transform_points(grid_nodes(width, height), matrix).astype(np.float32)
    for at_end in (False, True):
        source, fence = guarded((height, width), at_end)
        out, _ = guarded((height, width), at_end)
        for kernel in ("linear", "cubic", "lanczos"):
            grid = WarpGrid(nodes, width, height)
            warp_planes([source], [out], [grid], interpolation=kernel, peak=255)
print("unharmed", flush=True)
ctypes.string_at(fence, 1)
print("the fences do not hold")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs mprotect")
def test_no_byte_outside_the_planes_is_touched() -> None:
    """Not even read: the pages around the planes would end the process."""
    run = python(GUARDED, repr([m.tolist() for m in [np.eye(3), *MAPS.values()]]))
    assert run.stdout.strip() == "unharmed", run.stderr
    assert run.returncode < 0  # a signal: the last line touches a fence


def python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
    )


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_nodes_without_a_place_are_survived(interpolation) -> None:
    frame = textured_frame(PIXEL_FORMATS["yuv420p"], WIDTH, HEIGHT)
    nodes = grid_of(AFFINE, WIDTH, HEIGHT).src_xy.copy()
    nodes[:, 6:] = np.random.default_rng(0).choice(
        [np.nan, np.inf, -np.inf, 1e30, -1e30, 4e9], size=nodes[:, 6:].shape
    )
    expected = warp(frame, grid_of(AFFINE, WIDTH, HEIGHT), interpolation, "numba")
    with np.errstate(invalid="ignore"):
        got = warp(frame, WarpGrid(nodes, WIDTH, HEIGHT), interpolation, "numba")
    known = (slice(None), slice(72))
    difference = got.planes[0][known].astype(int) - expected.planes[0][known]
    assert np.abs(difference).max() <= 1


def test_far_outside_everything_is_the_edge() -> None:
    frame = textured_frame(PIXEL_FORMATS["gray"], WIDTH, HEIGHT)
    away = np.array([[1.0, 0, 25000.0], [0, 1.0, -25000.0], [0, 0, 1]])
    for backend in BACKENDS:
        got = warp(frame, grid_of(away, WIDTH, HEIGHT), "cubic", backend)
        assert (got.planes[0] == frame.planes[0][0, -1]).all()


# --- values, threads, backends -----------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_overshoot_ends_at_the_significant_bits(interpolation, backend) -> None:
    layout = PIXEL_FORMATS["yuv420p10le"]
    shapes = layout.plane_shapes(96, 64)
    edges = [1023 * (np.indices(s).sum(axis=0) // 6 % 2).astype(np.uint16) for s in shapes]
    moved = grid_of(np.array([[0.9, 0, 3.3], [0, 0.9, 2.4], [0, 0, 1]]), 96, 64)
    for plane in warp(frame_of(layout, edges), moved, interpolation, backend).planes:
        assert plane.max() == 1023
        assert plane.min() == 0


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("name", ["nv12", "yuv420p", "yuv422p10le"])
@pytest.mark.parametrize("map_name", ["perspective", "beyond", "steep"])
def test_threads_do_not_change_a_bit(name, interpolation, map_name) -> None:
    frame = textured_frame(PIXEL_FORMATS[name], WIDTH, HEIGHT)
    grid = grid_of(MAPS[map_name], WIDTH, HEIGHT)
    alone = warp(frame, grid, interpolation, "numba")
    for threads in (2, 3, 7, 200):
        together = warp(frame, grid, interpolation, "numba", threads=threads)
        for a, b in zip(alone.planes, together.planes, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("siting", SITINGS.values(), ids=SITINGS.keys())
@pytest.mark.parametrize(
    ("name", "sx", "sy"), [("yuv420p10le", 2, 2), ("yuv422p10le", 2, 1), ("nv12", 2, 2)]
)
def test_chroma_moves_with_the_luma_it_belongs_to(name, sx, sy, siting, backend) -> None:
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
    frame, grid = frame_of(layout, planes), grid_of(AFFINE, width, height)
    got = warp(frame, grid, "linear", backend, chroma_offset_xy=offset)
    source = transform_points(chroma_xy, AFFINE)
    expected = ramp_at(source[..., 0], source[..., 1])
    plane = got.planes[1].astype(float)
    plane = plane[..., 0] if name == "nv12" else plane
    inside = ((source > 2) & (source < (width - 4, height - 4))).all(axis=-1)
    assert inside.mean() > 0.7
    # one luma px is 2.8 code values of the 10-bit ramp: half a pixel would be seen
    tolerance = 1.01 if layout.bits == 8 else 1.2
    assert np.abs(plane - expected)[inside].max() < tolerance


def test_the_chroma_grid_is_the_exact_map_at_chroma_positions() -> None:
    projective = np.array([[0.95, 0.03, 6.0], [-0.04, 0.97, 5.0], [4e-5, -3e-5, 1.0]])
    grid = grid_of(projective, 160, 120)
    chroma = chroma_grid(grid, (2, 2), offset_xy=(0.0, 0.5))
    u, v = np.meshgrid(np.arange(80), np.arange(60))
    exact = transform_points(np.stack([2.0 * u, 2.0 * v + 0.5], axis=-1), projective)
    np.testing.assert_allclose(dense_map(chroma) * 2 + (0, 0.5), exact, atol=0.02)


@pytest.mark.parametrize("step_xy", [(16, 16), (8, 16), (12, 5), (4, 3), (32, 1)])
def test_any_grid_whose_cells_hold_groups(step_xy) -> None:
    for channels in (1, 2):
        shape = (HEIGHT, WIDTH) if channels == 1 else (HEIGHT, WIDTH, 2)
        plane = picture(shape, 255, 0).astype(np.uint8)
        nodes = transform_points(grid_nodes(WIDTH, HEIGHT, step_xy), MAPS["perspective"])
        grid = WarpGrid(nodes.astype(np.float32), WIDTH, HEIGHT, step_xy)
        layout = PixelFormat("one", 8, 1, 1, (channels,))
        got = warp(frame_of(layout, [plane]), grid, "cubic", "numba").planes[0]
        expected = warped(plane, source_xy(grid), "cubic", 255)
        assert np.abs(got.astype(int) - expected).max() <= 1


def test_auto_is_numba_where_it_can_be_imported(caplog) -> None:
    caplog.set_level(logging.INFO)
    assert chosen_backend() == chosen_backend("numba") == "numba"
    assert not caplog.records
    assert chosen_backend("opencv") == "opencv"
    with pytest.raises(ValueError, match="backend: expected one of auto, numba, opencv, got 'gpu'"):
        chosen_backend("gpu")


def test_a_missing_numba_is_told_not_passed_over(monkeypatch, caplog) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    assert chosen_backend("auto") == "opencv"
    assert "pip install numba" in caplog.text
    assert caplog.records[0].levelno == logging.WARNING
    with pytest.raises(StabilizerError, match=r"numba cannot be imported .*; install it .*opencv"):
        chosen_backend("numba")


@pytest.mark.parametrize("error", [OSError("no library"), AttributeError("no\nattribute")])
def test_whatever_is_wrong_with_numba_is_told_in_a_line(error, monkeypatch, caplog) -> None:
    def broken() -> None:
        raise error

    monkeypatch.setattr("stabilizer.remap.machine_code.check_compiler", broken)
    assert chosen_backend("auto") == "opencv"
    assert f"numba cannot be imported ({' '.join(str(error).split())})" in caplog.text
    with pytest.raises(StabilizerError, match="or choose the backend opencv"):
        chosen_backend("numba")


def test_what_numba_cannot_compile_is_told(tmp_path) -> None:
    code = "from stabilizer.remap import warm_up; warm_up('gray', 'linear', 'numba')"
    run = python(code, NUMBA_CACHE_DIR=str(tmp_path), NUMBA_DISABLE_JIT="1")
    assert "StabilizerError: numba cannot compile the warp (" in run.stderr
    assert not [*tmp_path.iterdir()]


def test_without_numba_frames_are_warped_all_the_same() -> None:
    code = (
        "import sys; sys.modules['numba'] = sys.modules['llvmlite'] = None\n"
        "from stabilizer.remap import chosen_backend, warm_up\n"
        "warm_up('yuv420p10le', 'cubic', chosen_backend()); print('done')"
    )
    run = python(code)
    assert run.stdout.strip() == "done", run.stderr


def test_numba_is_imported_only_for_warping() -> None:
    run = python("import sys, stabilizer.pipeline; print('numba' in sys.modules)")
    assert run.stdout.strip() == "False", run.stderr


@pytest.mark.parametrize("name", ["yuv420p", "nv12", "yuv444p10le"])
def test_after_a_warm_up_nothing_is_compiled(name) -> None:
    from stabilizer.remap.machine_code import warp_function

    warm_up(name, "cubic", "numba")
    compiled = warp_function.cache_info().misses
    layout, buffers = PIXEL_FORMATS[name], []
    for plane in textured_frame(layout, 101, 77).planes:
        buffers.append(np.concatenate([plane, plane], axis=1))
    views = [b[:, : b.shape[1] // 2] for b in buffers]
    source = textured_frame(layout, 101, 77)
    for plane in source.planes:
        plane.setflags(write=False)
    warp(source, grid_of(AFFINE, 101, 77), "cubic", "numba", out=frame_of(layout, views))
    assert warp_function.cache_info().misses == compiled


def test_what_was_compiled_is_linked_without_numba_unless_damaged(tmp_path) -> None:
    code = (
        "import sys; from stabilizer.remap import chosen_backend, warm_up\n"
        "warm_up('gray', 'linear', chosen_backend()); print('numba' in sys.modules)"
    )

    def imports_numba() -> str:
        done = python(code, NUMBA_CACHE_DIR=str(tmp_path))
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert imports_numba() == "True"
    (kept,) = tmp_path.iterdir()
    content = kept.read_bytes()
    assert imports_numba() == "False"
    for damaged in (content[:-1], b"x" * len(content), b""):
        kept.write_bytes(damaged)
        assert imports_numba() == "True"
        assert kept.read_bytes() == content


def test_a_numba_that_broke_after_it_compiled_is_told(tmp_path) -> None:
    """What is kept serves on; for what is not, or is damaged, there is a way out."""
    broken, kept = tmp_path / "broken", tmp_path / "kept"
    broken.mkdir()
    (broken / "numba.py").write_text("raise ImportError('numba needs another numpy')")

    def warmed_up(
        interpolation: str, backend: str = "auto", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        code = (
            "import logging; logging.basicConfig(format='%(message)s')\n"
            "from stabilizer.remap import chosen_backend, warm_up\n"
            f"backend = chosen_backend({backend!r})\n"
            f"warm_up('gray', {interpolation!r}, backend); print(backend)"
        )
        return python(code, NUMBA_CACHE_DIR=str(kept), **environment)

    def of_broken(interpolation: str, backend: str = "auto") -> subprocess.CompletedProcess[str]:
        return warmed_up(interpolation, backend, PYTHONPATH=f"{broken}{os.pathsep}{ROOT}")

    assert warmed_up("linear").returncode == 0
    assert of_broken("linear").stdout.strip() == "numba"
    last = of_broken("cubic").stderr.splitlines()[-1]
    assert "StabilizerError: numba cannot compile the warp (numba needs another" in last
    assert "choose the backend opencv" in last

    (only,) = kept.iterdir()
    only.write_bytes(b"")
    done = of_broken("linear")
    assert done.stdout.strip() == "opencv"
    assert "numba cannot be imported (numba needs another numpy): frames are" in done.stderr
    assert "StabilizerError" in of_broken("linear", "numba").stderr.splitlines()[-1]


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path) -> None:
    """Neither beside the package, as in a read-only installation, nor in the user's folder."""
    for package in ("stabilizer", "gyro_data"):
        for path in (ROOT / package).rglob("*.py"):
            copy = tmp_path / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    (tmp_path / "stabilizer" / "remap" / "__pycache__").touch()  # a file where a folder should be
    code = (
        "from stabilizer.remap import warm_up; warm_up('gray', 'linear', 'numba')\n"
        "warm_up('gray', 'cubic', 'numba'); print('done')"
    )
    nowhere = str(tmp_path / "stabilizer" / "remap" / "__pycache__" / "x")
    run = python(
        code,
        PYTHONPATH=str(tmp_path),
        PYTHONSAFEPATH="1",
        PYTHONDONTWRITEBYTECODE="1",
        NUMBA_CACHE_DIR="",
        HOME=nowhere,
        XDG_CACHE_HOME=nowhere,
        LOCALAPPDATA=nowhere,
    )
    assert run.stdout.strip() == "done", run.stderr
    assert run.stderr.count("the warp is compiled anew at each start") == 1
    assert nowhere in run.stderr


def test_a_processor_without_byte_shuffles_gives_the_same(tmp_path) -> None:
    code = (
        "import sys, numpy as np\n"
        "from stabilizer.remap.fused import warp_planes\n"
        "from stabilizer.warp import WarpGrid\n"
        "files = np.load(sys.argv[1])\n"
        "grid = WarpGrid(files['nodes'], 203, 118); out = np.empty_like(files['plane'])\n"
        "warp_planes([files['plane']], [out], [grid], interpolation='cubic', peak=255)\n"
        "np.save(sys.argv[2], out)"
    )
    plane = textured_frame(PIXEL_FORMATS["gray"], WIDTH, HEIGHT).planes[0]
    grid = grid_of(MAPS["perspective"], WIDTH, HEIGHT)
    np.savez(tmp_path / "in.npz", plane=plane, nodes=grid.src_xy)
    run = python(
        code,
        str(tmp_path / "in.npz"),
        str(tmp_path / "out.npy"),
        NUMBA_CPU_NAME="generic",
        NUMBA_CACHE_DIR=str(tmp_path),
    )
    assert run.returncode == 0, run.stderr
    own = warp(frame_of(PIXEL_FORMATS["gray"], [plane]), grid, "cubic", "numba").planes[0]
    got = np.load(tmp_path / "out.npy")
    assert np.abs(got.astype(int) - own).max() <= 1  # it has no fused multiply-add
    assert np.mean(got != own) < 1e-3


def test_arm_shuffles_bytes_and_multiplies_pairs_too() -> None:
    """Compiled for a machine that the tests may not have: its own instructions, no loops."""
    llvm, ir = pytest.importorskip("llvmlite.binding"), pytest.importorskip("llvmlite.ir")
    from stabilizer.remap import vectors

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    triple = "aarch64-unknown-linux-gnu"
    try:
        target = llvm.Target.from_triple(triple)
    except RuntimeError:
        pytest.skip("this LLVM knows no ARM")
    module = ir.Module()
    module.triple = triple
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [vectors.I64] * 4), "f")
    builder = ir.IRBuilder(function.append_basic_block())
    window, index, factors, out = (vectors.Value(builder, a) for a in function.args)
    bytes_at = (vectors.load(a, vectors.I8, 16) for a in (window, index))
    pairs = vectors.take(*bytes_at, (triple, "")).as_type(vectors.I32)
    vectors.store(vectors.multiply_add(pairs, vectors.load(factors, vectors.I32, 4)), out)
    builder.ret_void()
    parsed = llvm.parse_assembly(str(module))
    assembly = target.create_target_machine(opt=3).emit_assembly(parsed)
    for instruction in ("tbl", "smull", "addp"):
        assert instruction in assembly


# --- what is refused ---------------------------------------------------------------------------


def test_wrong_planes_are_refused() -> None:
    layout, grid = PIXEL_FORMATS["gray"], grid_of(AFFINE, 60, 50)

    def attempt(plane, out, of=grid, **options):
        settings = {"interpolation": "cubic", "backend": "numba"} | options
        return warp_frame(
            frame_of(layout, [plane]), of, out=frame_of(layout, [out]),
            chroma_offset_xy=(0.0, 0.5), **settings,
        )  # fmt: skip

    good = np.zeros((50, 60), np.uint8)
    with pytest.raises(TypeError, match=r"plane: expected .*uint8 or uint16, got .* of float32"):
        attempt(good.astype(np.float32), good.astype(np.float32))
    with pytest.raises(TypeError, match=r"plane: expected \(H, W\) or \(H, W, 2\)"):
        attempt(np.zeros((50, 60, 3), np.uint8), np.zeros((50, 60, 3), np.uint8))
    with pytest.raises(ValueError, match=r"out: expected writable planes \(50, 60\) of uint8"):
        attempt(good, np.zeros((50, 61), np.uint8))
    with pytest.raises(ValueError, match=r"out: expected writable planes"):
        attempt(good, np.broadcast_to(good[:1], (50, 60)))
    with pytest.raises(ValueError, match=r"samples side by side in rows, got strides"):
        attempt(np.zeros((50, 120), np.uint8)[:, ::2], good)
    with pytest.raises(ValueError, match=r"grid: expected a step of 4, 8, 12"):
        nodes = grid_nodes(60, 50, (6, 16)).astype(np.float32)
        attempt(good, good.copy(), WarpGrid(nodes, 60, 50, (6, 16)))
    with pytest.raises(ValueError, match="interpolation: expected one of linear, cubic, lanczos"):
        attempt(good, good.copy(), interpolation="nearest")
    with pytest.raises(ValueError, match="backend: expected numba or opencv, got 'auto'"):
        attempt(good, good.copy(), backend="auto")


def test_the_opencv_backend_is_the_mesh_warp_of_every_plane() -> None:
    frame = textured_frame(PIXEL_FORMATS["yuv444p"], 60, 50)
    grid = grid_of(AFFINE, 60, 50)
    for plane, after in zip(frame.planes, warp(frame, grid, "cubic", "opencv").planes, strict=True):
        np.testing.assert_array_equal(after, mesh_warp(plane, grid, interpolation="cubic"))
