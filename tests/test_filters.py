"""Every image filter through one contract and against scipy; specs and kernel files."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal

from stabilizer.errors import StabilizerError
from stabilizer.filters import (
    IMAGE_FILTERS,
    BoxBlur,
    GaussianBlur,
    ImageFilter,
    KernelFilter,
    Sharpen,
    parse_filter,
    read_kernel,
)
from stabilizer.video.base import PIXEL_FORMATS, Frame, PixelFormat

ARGUMENTS = {"gaussian": "1.2", "box": "3", "sharpen": "2.5", "kernel": "kernel.csv"}
KERNEL = np.array([[0.0, -2.0, 0.5], [1.0, 3.5, -2.0]])
"""Sums to 1; neither symmetric nor of rank 1; overshoots."""
FORMATS = [
    *(PIXEL_FORMATS[name] for name in ("gray", "yuv420p", "nv12", "yuv444p", "yuv420p10le")),
    PixelFormat("yuv420p12le", 12, 2, 2, (1, 1, 1)),
    PixelFormat("gray16le", 16, 1, 1, (1,)),
]


@pytest.fixture(params=IMAGE_FILTERS)
def spec(request: Any, tmp_path: Path, monkeypatch: Any) -> str:
    """A spec of each registered filter; its kernel file lies in the working directory."""
    monkeypatch.chdir(tmp_path)
    np.savetxt("kernel.csv", KERNEL, delimiter=",")
    return f"{request.param}:{ARGUMENTS[request.param]}"


@pytest.fixture(params=FORMATS, ids=lambda layout: layout.name)
def frame(request: Any) -> Frame:
    """Noise over the whole range, in read-only planes with padded rows as codecs have them."""
    return noise(request.param)


def noise(layout: PixelFormat) -> Frame:
    rng = np.random.default_rng(0)

    def plane(height: int, width: int, channels: int) -> Any:
        dtype = np.uint8 if layout.bits == 8 else np.uint16
        shape = (height, width + 5, channels)
        values = rng.choice([0, 2**layout.bits // 3, 2**layout.bits - 1], shape).astype(dtype)
        values.setflags(write=False)
        return values[:, :width] if channels > 1 else values[:, :width, 0]

    first, *rest = layout.channels
    chroma = (20 // layout.subsampling_y, 30 // layout.subsampling_x)
    planes = [plane(20, 30, first), *(plane(*chroma, channels) for channels in rest)]
    return Frame(planes, layout, t=0.4, pts=12)


def expected(image_filter: ImageFilter, plane: Any) -> Any:
    """Filter one channel by scipy, in float64, before rounding."""
    image = plane.astype(np.float64)
    match image_filter:
        case GaussianBlur(sigma=sigma):
            return scipy.ndimage.gaussian_filter(image, sigma, mode="mirror")
        case BoxBlur(size=size):
            return scipy.ndimage.uniform_filter(image, size, mode="mirror")
        case Sharpen(amount=amount):
            binomial = np.outer([1, 2, 1], [1, 2, 1]) / 16
            return image + amount * (image - scipy.ndimage.convolve(image, binomial, mode="mirror"))
        case KernelFilter(kernel=kernel):
            extended = np.pad(image, 4, mode="reflect")
            return scipy.signal.convolve2d(extended, kernel, mode="same")[4:-4, 4:-4]
    raise AssertionError(f"write down what {image_filter} does")


def channels(plane: Any) -> list[Any]:
    return [plane] if plane.ndim == 2 else list(np.moveaxis(plane, -1, 0))


def test_luma_is_filtered_as_scipy_does_and_chroma_passes_through(spec: str, frame: Frame) -> None:
    image_filter = parse_filter(spec)
    result = image_filter(frame)
    peak = 2**frame.pixel_format.bits - 1
    exact = np.clip(expected(image_filter, frame.planes[0]), 0, peak)
    assert np.abs(result.planes[0] - exact).max() <= 0.5 + 1 / 256
    assert np.any(result.planes[0] != frame.planes[0])
    for after, before in zip(result.planes[1:], frame.planes[1:], strict=True):
        assert np.array_equal(after, before)


def test_all_filters_every_channel_of_chroma_too(spec: str, frame: Frame) -> None:
    image_filter = parse_filter(spec + ":all")
    peak = 2**frame.pixel_format.bits - 1
    for after, before in zip(image_filter(frame).planes, frame.planes, strict=True):
        for got, channel in zip(channels(after), channels(before), strict=True):
            exact = np.clip(expected(image_filter, channel), 0, peak)
            assert np.abs(got - exact).max() <= 0.5 + 1 / 256


def test_the_frame_keeps_everything_but_its_pixels(spec: str, frame: Frame) -> None:
    before = [plane.copy() for plane in frame.planes]
    result = parse_filter(spec + ":all")(frame)
    for new, old, kept in zip(result.planes, frame.planes, before, strict=True):
        assert (new.shape, new.dtype) == (old.shape, old.dtype)
        assert new.flags.writeable
        assert np.array_equal(old, kept)
    assert (result.t, result.pts, result.pixel_format) == (frame.t, frame.pts, frame.pixel_format)


def test_values_end_at_the_bits_of_the_format(spec: str, frame: Frame) -> None:
    result = parse_filter(spec + ":all")(frame)
    peak = 2**frame.pixel_format.bits - 1
    assert all(plane.max() <= peak for plane in result.planes)
    if spec.startswith(("sharpen", "kernel")):
        assert all(plane.max() == peak and plane.min() == 0 for plane in result.planes)


def test_a_flat_picture_stays_as_it_is(spec: str, frame: Frame) -> None:
    flat = [np.full_like(plane, 2**frame.pixel_format.bits * 3 // 5) for plane in frame.planes]
    result = parse_filter(spec + ":all")(dataclasses.replace(frame, planes=flat))
    for after, before in zip(result.planes, flat, strict=True):
        assert np.array_equal(after, before)


def test_filters_are_frozen_and_check_their_planes(spec: str) -> None:
    image_filter = parse_filter(spec)
    with pytest.raises(dataclasses.FrozenInstanceError):
        image_filter.planes = "all"  # type: ignore[misc]
    with pytest.raises(ValueError, match="planes: expected luma or all, got 'chroma'"):
        dataclasses.replace(image_filter, planes="chroma")  # type: ignore[arg-type]


def test_a_kernel_that_does_not_sum_to_one_changes_the_brightness() -> None:
    frame = noise(PIXEL_FORMATS["gray"])
    result = KernelFilter(np.array([[0.5]]))(frame)
    assert np.array_equal(result.planes[0], np.rint(frame.planes[0] / 2))


def test_specs_carry_values_planes_and_awkward_paths(tmp_path: Path, monkeypatch: Any) -> None:
    gaussian = parse_filter("gaussian:1.25:all")
    assert isinstance(gaussian, GaussianBlur)
    assert (gaussian.sigma, gaussian.planes) == (1.25, "all")
    assert isinstance(parse_filter("box:3"), BoxBlur)
    assert parse_filter("sharpen:0").planes == "luma"
    with pytest.raises(StabilizerError, match=r"^C:\\k\.csv: cannot read the kernel"):
        parse_filter(r"kernel:C:\k.csv:all")
    monkeypatch.chdir(tmp_path)
    Path("a:b.txt").write_text("1 2\n")
    kernel_filter = parse_filter("kernel:a:b.txt:all")
    assert isinstance(kernel_filter, KernelFilter)
    assert (kernel_filter.kernel.tolist(), kernel_filter.planes) == ([[1.0, 2.0]], "all")


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("", "nothing after the name"),
        ("median:3", "no such filter"),
        ("Gaussian:1", "no such filter"),
        ("gaussian", "nothing after the name"),
        ("kernel:", "nothing after the name"),
        ("gaussian:all", "could not convert"),
        ("gaussian:1:2", "could not convert"),
        ("gaussian:-1", "sigma: expected a finite number > 0 and <= 30, got -1"),
        ("gaussian:nan", "sigma: expected a finite number > 0 and <= 30, got nan"),
        ("gaussian:30.1", "sigma: expected a finite number > 0 and <= 30, got 30.1"),
        ("box:2", "size: expected an odd whole number from 1 to 255, got 2"),
        ("box:0", "size: expected an odd whole number from 1 to 255, got 0"),
        ("box:257", "size: expected an odd whole number from 1 to 255, got 257"),
        ("box:3.5", "invalid literal"),
        ("sharpen:-0.5", "amount: expected a finite number >= 0 and <= 1e+06, got -0.5"),
        ("sharpen:1e308", "amount: expected a finite number >= 0 and <= 1e+06, got 1e+308"),
    ],
)
def test_a_wrong_spec_is_told_the_filters_an_example_and_the_reason(spec: str, reason: str) -> None:
    with pytest.raises(ValueError, match="such as gaussian:1") as caught:
        parse_filter(spec)
    message = str(caught.value)
    assert all(f"{name}:" in message for name in IMAGE_FILTERS)
    assert f"got {spec!r}" in message
    assert reason in message


@pytest.mark.parametrize(
    ("text", "matrix"),
    [
        ("1 2 3\n4 5 6\n", [[1, 2, 3], [4, 5, 6]]),
        ("1,2,3\n4, 5 ,6", [[1, 2, 3], [4, 5, 6]]),
        ("# a comment\n\n  1\t-2e-1  # another\n\n .5 +4\r\n", [[1, -0.2], [0.5, 4]]),
        ("\ufeff1\n2\n3\n", [[1], [2], [3]]),
        ("0.25 0.5 0.25", [[0.25, 0.5, 0.25]]),
        ("1 " * 63 + "\n", [[1] * 63]),
    ],
)
def test_kernel_files_may_use_blanks_commas_and_comments(
    text: str, matrix: Any, tmp_path: Path
) -> None:
    path = tmp_path / "kernel.txt"
    path.write_bytes(text.encode())
    assert read_kernel(path).tolist() == matrix


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "have no numbers; give each line equally many"),
        (b"# nothing\n\n", "have no numbers"),
        (b"1 2\n3\n", r"have \[1, 2\] numbers; give each line equally many"),
        (
            b"1 2\n3 x\n",
            r"line 2: expected a number within ±1e\+06, got 'x'; set numbers apart by blanks",
        ),
        (b"1;2\n", r"line 1: expected a number within ±1e\+06, got '1;2'"),
        (b"1,,2\n", r"line 1: expected a number within ±1e\+06, got ''"),
        (b"1 nan\n", r"line 1: expected a number within ±1e\+06, got 'nan'"),
        (b"1 1e999\n", r"line 1: expected a number within ±1e\+06, got '1e999'"),
        (b"1 -1.1e6\n", r"line 1: expected a number within ±1e\+06, got '-1.1e6'"),
        (b"1\n" * 64, "has 64 × 1 numbers; give at most 63 × 63"),
        (b"1 " * 64, "has 1 × 64 numbers; give at most 63 × 63"),
        (b"\x00\xff\xfe", "cannot read the kernel .*; give a text file of numbers"),
    ],
)
def test_unusable_kernel_files_are_named_with_a_remedy(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "kernel.txt"
    path.write_bytes(content)
    with pytest.raises(StabilizerError, match=message) as caught:
        parse_filter(f"kernel:{path}")
    assert str(path) in str(caught.value)


def test_a_missing_kernel_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.csv"):
        with pytest.raises(StabilizerError, match="cannot read the kernel") as caught:
            read_kernel(path)
        assert str(path) in str(caught.value)


def test_parameters_are_checked_at_birth() -> None:
    odd = r"size: expected an odd whole number from 1 to 255, got 3\.0"
    with pytest.raises(ValueError, match=odd):
        BoxBlur(3.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"kernel: expected shape \(kh, kw\), got \(3,\)"):
        KernelFilter(np.ones(3))
    for shape in ((1, 64), (0, 3)):
        got = f"{shape[0]} × {shape[1]}"
        with pytest.raises(ValueError, match=f"kernel: expected 1 × 1 to 63 × 63 .* got {got}"):
            KernelFilter(np.ones(shape))
    with pytest.raises(ValueError, match=r"kernel: expected a finite .* <= 1e\+06, got 2000000"):
        KernelFilter(np.full((1, 1), 2e6))


def test_the_largest_filters_warn_of_nothing(frame: Frame) -> None:
    """Warnings are errors in all tests."""
    for spec in ("gaussian:30", "box:255", "sharpen:1e6"):
        parse_filter(spec + ":all")(frame)
    KernelFilter(np.full((63, 63), -1e6), planes="all")(frame)
