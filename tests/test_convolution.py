"""Convolution against scipy, plain loops and exact sums; kernels against their definitions."""

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from stabilizer.convolution import BORDERS, box, convolve, gaussian, separable, sharpen
from stabilizer.convolution.kernels import factors

PAD_MODES: dict[str, Any] = {
    "constant": "constant",
    "replicate": "edge",
    "reflect": "symmetric",
    "reflect_101": "reflect",
    "wrap": "wrap",
}
NDIMAGE_MODES: dict[str, Any] = {
    "constant": "constant",
    "replicate": "nearest",
    "reflect": "reflect",
    "reflect_101": "mirror",
    "wrap": "wrap",
}
INTEGERS = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64]
IMPULSE = np.pad([[1.0]], 3)
KERNEL = np.arange(1.0, 7.0).reshape(2, 3)
"""Neither symmetric nor of rank 1, of even and of odd length."""


def random_image(seed: int, shape: tuple[int, ...], dtype: Any = np.float64) -> Any:
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.normal(size=shape).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def by_scipy(image: Any, kernel: Any, mode: Any, border: str, *, correlate: bool = False) -> Any:
    """Extend the image far enough with np.pad, then let scipy choose the centre or the inside."""
    operation = scipy.signal.correlate2d if correlate else scipy.signal.convolve2d
    (height, width), (kh, kw) = image.shape, kernel.shape
    if mode == "valid":
        return operation(image, kernel, mode="valid")
    if mode == "full":
        extended = np.pad(image, ((kh - 1, kh - 1), (kw - 1, kw - 1)), mode=PAD_MODES[border])
        return operation(extended, kernel, mode="valid")
    extended = np.pad(image, ((kh, kh), (kw, kw)), mode=PAD_MODES[border])
    return operation(extended, kernel, mode="same")[kh : kh + height, kw : kw + width]


def rounded(exact: Any, dtype: Any) -> Any:
    limits = np.iinfo(dtype)
    return np.clip(np.rint(exact), limits.min, limits.max).astype(dtype)


@pytest.mark.parametrize("correlate", [False, True])
@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("mode", ["same", "valid", "full"])
def test_every_mode_and_border_equals_scipy_for_even_odd_and_oversized_kernels(
    mode: Any, border: Any, correlate: bool
) -> None:
    image_shapes = [(1, 1), (1, 4), (3, 2), (6, 9), (13, 7)]
    kernel_shapes = [(1, 1), (1, 2), (3, 1), (2, 2), (3, 5), (4, 3), (5, 6), (9, 10)]
    for image_shape, kernel_shape in product(image_shapes, kernel_shapes):
        if mode == "valid" and np.any(np.greater(kernel_shape, image_shape)):
            continue
        image, kernel = random_image(1, image_shape), random_image(2, kernel_shape)
        result = convolve(image, kernel, mode=mode, border=border, correlate=correlate)
        expected = by_scipy(image, kernel, mode, border, correlate=correlate)
        np.testing.assert_allclose(result, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("border", "boundary"), [("constant", "fill"), ("reflect", "symm")])
@pytest.mark.parametrize("mode", ["same", "full"])
def test_boundaries_that_scipy_knows_itself_agree(mode: Any, border: Any, boundary: Any) -> None:
    for kernel_shape in [(3, 3), (2, 5), (4, 4), (6, 1)]:
        image, kernel = random_image(3, (8, 6)), random_image(4, kernel_shape)
        convolved = scipy.signal.convolve2d(image, kernel, mode=mode, boundary=boundary)
        correlated = scipy.signal.correlate2d(image, kernel, mode=mode, boundary=boundary)
        result = convolve(image, kernel, mode=mode, border=border)
        np.testing.assert_allclose(result, convolved, atol=1e-12)
        result = convolve(image, kernel, mode=mode, border=border, correlate=True)
        np.testing.assert_allclose(result, correlated, atol=1e-12)


@pytest.mark.parametrize("border", BORDERS)
def test_odd_kernels_equal_scipy_ndimage(border: Any) -> None:
    image, kernel = random_image(5, (10, 12)), random_image(6, (5, 3))
    expected = scipy.ndimage.convolve(image, kernel, mode=NDIMAGE_MODES[border])
    np.testing.assert_allclose(convolve(image, kernel, border=border), expected, atol=1e-12)


def test_convolution_shows_the_kernel_at_an_impulse_and_correlation_shows_it_flipped() -> None:
    assert convolve(IMPULSE, KERNEL)[3:5, 2:5].tolist() == KERNEL.tolist()
    assert convolve(IMPULSE, KERNEL).sum() == KERNEL.sum()
    flipped = convolve(IMPULSE, KERNEL, correlate=True)
    assert flipped[2:4, 2:5].tolist() == KERNEL[::-1, ::-1].tolist()


def by_definition(
    image: Any, kernel: Any, stride: Any, dilation: Any, padding: Any, bias: float
) -> Any:
    """Convolve as the formula says: kernel element (i, j) sees the pixel that far up and left."""
    height, width = image.shape
    reach = [d * (n - 1) for d, n in zip(dilation, kernel.shape, strict=True)]
    rows = range(reach[0] - padding[0], height + padding[0], stride[0])
    columns = range(reach[1] - padding[1], width + padding[1], stride[1])
    result = np.full((len(rows), len(columns)), bias)
    for (r, y), (c, x) in product(enumerate(rows), enumerate(columns)):
        for i, j in np.ndindex(*kernel.shape):
            v, u = y - dilation[0] * i, x - dilation[1] * j
            if 0 <= v < height and 0 <= u < width:
                result[r, c] += kernel[i, j] * image[v, u]
    return result


@pytest.mark.parametrize("kernel_shape", [(2, 3), (3, 3), (4, 1)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
@pytest.mark.parametrize("dilation", [(1, 1), (3, 2)])
@pytest.mark.parametrize("padding", [(0, 0), (2, 5)])
def test_stride_dilation_padding_and_bias_follow_the_formula(
    kernel_shape: Any, stride: Any, dilation: Any, padding: Any
) -> None:
    image, kernel = random_image(7, (11, 8)), random_image(8, kernel_shape)
    result = convolve(
        image,
        kernel,
        mode="valid",
        stride=stride,
        dilation=dilation,
        padding=padding,
        bias=0.5,
        border="constant",
    )
    expected = by_definition(image, kernel, stride, dilation, padding, bias=0.5)
    np.testing.assert_allclose(result, expected, atol=1e-12)


@pytest.mark.parametrize("mode", ["same", "full"])
@pytest.mark.parametrize("correlate", [False, True])
def test_dilation_equals_a_kernel_stuffed_with_zeros_in_every_mode(
    mode: Any, correlate: bool
) -> None:
    image, kernel = random_image(9, (12, 9)), random_image(10, (3, 2))
    stuffed = np.zeros((5, 4))
    stuffed[::2, ::3] = kernel
    result = convolve(image, kernel, mode=mode, dilation=(2, 3), stride=2, correlate=correlate)
    expected = by_scipy(image, stuffed, mode, "reflect_101", correlate=correlate)[::2, ::2]
    np.testing.assert_allclose(result, expected, atol=1e-12)


def test_padding_continues_the_border_rule() -> None:
    image = random_image(11, (5, 6))
    extended = np.pad(image, 2, mode="symmetric")
    result = convolve(image, KERNEL, mode="valid", padding=2, border="reflect")
    expected = scipy.signal.convolve2d(extended, KERNEL, mode="valid")
    np.testing.assert_allclose(result, expected, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 130])
def test_channels_are_convolved_apart_with_one_kernel_or_their_own(
    channels: int, dtype: Any
) -> None:
    image = random_image(12, (7, 9, channels), dtype)
    kernels = random_image(13, (3, 2, channels))
    bias = np.arange(channels)
    own = convolve(image, kernels, bias=bias, dtype=np.float64)
    shared = convolve(image, kernels[..., 0], border="wrap", dtype=np.float64)
    for i in range(channels):
        plane = image[..., i].astype(np.float64)
        expected = by_scipy(plane, kernels[..., i], "same", "reflect_101") + i
        np.testing.assert_allclose(own[..., i], expected, rtol=1e-10)
        expected = by_scipy(plane, kernels[..., 0], "same", "wrap")
        np.testing.assert_allclose(shared[..., i], expected, rtol=1e-10)
    row, column = gaussian(1.0), box(2)
    blurred = separable(image, row, column)
    assert blurred.shape == image.shape
    assert blurred.dtype == dtype
    for i in range(channels):
        plane = separable(image[..., i], row, column)
        np.testing.assert_allclose(blurred[..., i], plane, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 5), (2, 4), (7, 2)])
def test_separable_is_np_convolve_of_every_row_and_then_of_every_column(
    width: int, height: int
) -> None:
    image = random_image(14, (8, 11))
    row, column = random_image(15, (width,)), random_image(16, (height,))
    rows = np.apply_along_axis(np.convolve, 1, image, row, "same")
    expected = np.apply_along_axis(np.convolve, 0, rows, column, "same")
    result = separable(image, row, column, border="constant")
    np.testing.assert_allclose(result, expected, atol=1e-12)


def test_separable_equals_scipy_sepfir2d() -> None:
    image, row, column = (random_image(i, shape) for i, shape in enumerate([(12, 15), (3,), (7,)]))
    expected = scipy.signal.sepfir2d(image, row, column)  # mirrors with the edge pixel repeated
    result = separable(image, row, column, border="reflect")
    np.testing.assert_allclose(result, expected, atol=1e-12)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (2, 3), (9, 8)])
def test_a_kernel_of_rank_1_is_separated_and_gives_the_same(border: Any, shape: Any) -> None:
    image, row, column = random_image(18, shape), random_image(19, (6,)), random_image(20, (13,))
    kernel = np.outer(column, row)
    assert len(factors(kernel)) == 2
    result = convolve(image, kernel, border=border, dilation=(1, 2))
    stuffed = np.zeros((13, 11))
    stuffed[:, ::2] = kernel
    expected = by_scipy(image, stuffed, "same", border)
    np.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        separable(image, row, column, border=border), convolve(image, kernel, border=border)
    )


def test_a_kernel_of_rank_2_is_not_separated_however_small_its_second_part() -> None:
    kernel = np.outer(gaussian(1.0), gaussian(2.0, radius=2))
    kernel[0, 0] += 1e-9
    assert len(factors(kernel)) == 1
    assert np.array_equal(convolve([[1.0]], kernel, mode="full", border="constant"), kernel)


def test_a_kernel_of_zeros_leaves_nothing_but_the_bias() -> None:
    assert np.all(convolve(IMPULSE, np.zeros((3, 2)), bias=2.0) == 2.0)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize(
    "kernel",
    [
        np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25]),
        np.full((2, 2), 0.25),
        np.outer([0.5, 0.5], [1.0, -1.0]),
        np.array([[0.5, 1.0, 0.0], [0.0, -0.75, 0.25], [0.5, 0.0, -1.0]]),
        np.array([[1.5]]),
    ],
)
def test_integers_are_rounded_half_to_even_and_saturated(kernel: Any, dtype: Any) -> None:
    # Pixels of few bits times dyadic kernels are exact in float64: every tie is a true tie.
    limits = np.iinfo(dtype)
    around = [limits.min // 2, limits.min, limits.max, limits.max // 2]
    image = np.random.default_rng(21).integers(-120, 120, (37, 131))
    for middle in around if np.dtype(dtype).itemsize < 8 else [128]:
        exact_image = np.clip(image + int(middle), limits.min, limits.max)
        result = convolve(exact_image.astype(dtype), kernel)
        exact = by_scipy(exact_image.astype(np.float64), kernel, "same", "reflect_101")
        assert result.dtype == dtype
        assert np.array_equal(result, rounded(exact, dtype))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
@pytest.mark.parametrize("row", [[0.25, 0.5, 0.25], [0.5, 0.5], [0.125, 0.25, 0.125]])
@pytest.mark.parametrize("column", [[0.5, 1.0, 0.5], [0.0625, 0.25, 0.375, 0.25, 0.0625]])
def test_separable_rounds_half_to_even_too(row: Any, column: Any, dtype: Any) -> None:
    image = random_image(31, (200, 300), dtype)  # large enough for about 100 true ties
    exact = by_scipy(image.astype(np.float64), np.outer(column, row), "same", "reflect_101")
    assert np.count_nonzero(exact % 1 == 0.5) > 50
    assert np.array_equal(separable(image, row, column), rounded(exact, dtype))
    transposed = separable(image.T, column, row).T
    assert np.array_equal(transposed, rounded(exact, dtype))


@pytest.mark.parametrize("dtype", INTEGERS)
def test_saturation_reaches_the_very_ends_of_the_type(dtype: Any) -> None:
    limits = np.iinfo(dtype)
    largest = np.full((3, 4), limits.max, dtype)
    assert np.all(convolve(largest, [[3.0]]) == limits.max)
    assert np.all(convolve(largest, [[1.0]]) == limits.max)
    assert np.all(convolve(largest, [[-3.0]]) == limits.min)
    assert np.all(convolve(largest, [[1.0]], bias=1e30) == limits.max)
    assert np.all(convolve([[1.0, 2.0]], [[-1e30]], dtype=dtype) == limits.min)


def test_halves_go_to_the_even_neighbour() -> None:
    image = np.array([[0, 1, 1, 2, 2, 3]], np.uint8)
    halves = [[0.5, 0.5]]
    assert convolve(image, halves, mode="valid").tolist() == [[0, 1, 2, 2, 2]]
    assert convolve(image.astype(np.float64), halves, mode="valid", dtype=np.int16).tolist() == [
        [0, 1, 2, 2, 2]
    ]
    assert convolve(image, [[1.0]], bias=-0.5).tolist() == [[0, 0, 0, 2, 2, 2]]


@pytest.mark.parametrize("peak", [255, 1023, 65535])
@pytest.mark.parametrize("sigma", [0.6, 1.2, 3.0, 12.0])
def test_integer_sums_are_within_a_256th_of_a_level(sigma: float, peak: int) -> None:
    dtype = np.uint8 if peak == 255 else np.uint16
    image = np.random.default_rng(22).integers(0, peak, (60, 83), dtype, endpoint=True)
    kernel = gaussian(sigma)
    exact = separable(image.astype(np.float64), kernel, kernel)
    assert np.abs(separable(image, kernel, kernel) - exact).max() <= 0.5 + 1 / 256
    impulse_and_noise = np.pad([[0.9]], (0, 12)) + random_image(23, (13, 13)) / 500.0
    for mask in (sharpen(0.7), random_image(23, (9, 9)) * 100.0, impulse_and_noise):
        exact = convolve(image.astype(np.float64), mask)
        clipped = np.clip(exact, 0, np.iinfo(dtype).max)
        assert np.abs(convolve(image, mask) - clipped).max() <= 0.5 + 1 / 256


@pytest.mark.parametrize("size", [1e-42, 1e-30, 1.0, 1e30, 1e42])
def test_factors_beyond_float32_that_cancel_are_the_identity(size: float) -> None:
    image = random_image(24, (5, 6), np.uint8)
    assert np.array_equal(separable(image, [size], [1.0 / size]), image)
    assert np.array_equal(separable(image, [0.0, size, 0.0], [0.0, 1.0 / size, 0.0]), image)


def test_float32_images_have_the_precision_of_float32_even_under_large_kernels() -> None:
    image, kernel = random_image(25, (40, 50), np.float32), random_image(26, (15, 14))
    image[20, 20] = 1e6  # would drown its surroundings in a Fourier transform in float32
    exact = by_scipy(image.astype(np.float64), kernel, "same", "reflect_101")
    result = convolve(image, kernel)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, exact, rtol=2e-7, atol=1e-6)


def test_dtype_chooses_what_comes_out() -> None:
    image = random_image(27, (6, 7), np.uint8)
    exact = by_scipy(image.astype(np.float64), KERNEL, "same", "reflect_101")
    assert np.array_equal(convolve(image, KERNEL, dtype=np.float32), exact.astype(np.float32))
    assert np.array_equal(convolve(image, KERNEL, dtype=np.int32), exact)
    assert np.array_equal(convolve(exact, [[1.0]], dtype="uint8"), rounded(exact, np.uint8))
    assert separable(image, [1.0], [1.0], dtype=np.float64).dtype == np.float64


@pytest.mark.parametrize("border", BORDERS)
def test_memory_layout_does_not_matter_and_inputs_stay_as_they_are(border: Any) -> None:
    whole = random_image(28, (12, 18), np.uint16)
    views = [whole[::-1, ::-1], whole.T, whole[1::2, ::3], whole.astype(">u2"), whole[:, 5:9]]
    for view in views:
        view.setflags(write=False)
        before = view.copy()
        result = convolve(view, KERNEL, border=border)
        expected = convolve(np.array(view, np.uint16, order="C"), KERNEL, border=border)
        assert np.array_equal(result, expected)
        assert np.array_equal(view, before)
        assert result.flags.writeable
        assert not np.shares_memory(convolve(view, [[1.0]], mode="valid"), view)
        pixels = view.astype(np.uint8)
        assert separable(pixels, box(3), box(3), border=border).flags.c_contiguous
        assert convolve(pixels, KERNEL, border=border, mode="full", stride=2).flags.c_contiguous


@settings(deadline=None)
@given(st.tuples(*[st.integers(1, 6)] * 4), st.integers(0, 2**32 - 1))
def test_full_convolution_with_zeros_around_commutes(shapes: Any, seed: int) -> None:
    one, other = random_image(seed, shapes[:2]), random_image(seed + 1, shapes[2:])
    result = convolve(one, other, mode="full", border="constant")
    swapped = convolve(other, one, mode="full", border="constant")
    np.testing.assert_allclose(result, swapped, atol=1e-12)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.5, 10.0])
def test_gaussian_is_scipys_bell_and_sums_to_one(sigma: float) -> None:
    kernel = gaussian(sigma)
    radius = len(kernel) // 2
    assert abs(radius - 4.0 * sigma) <= 0.5
    impulse = np.zeros(2 * radius + 1)
    impulse[radius] = 1.0
    expected = scipy.ndimage.gaussian_filter1d(impulse, sigma, radius=radius, mode="constant")
    np.testing.assert_allclose(kernel, expected, atol=1e-15)
    assert math.fsum(kernel) == pytest.approx(1.0, abs=1e-15)
    assert gaussian(sigma, radius=2).shape == (5,)


def test_a_very_narrow_gaussian_is_an_impulse() -> None:
    assert gaussian(1e-300, radius=2).tolist() == [0.0, 0.0, 1.0, 0.0, 0.0]
    assert gaussian(0.1).tolist() == [1.0]


def test_box_is_the_mean() -> None:
    assert box(4).tolist() == [0.25] * 4
    image = random_image(29, (9, 9))
    expected = scipy.ndimage.uniform_filter(image, 3, mode="mirror")
    np.testing.assert_allclose(separable(image, box(3), box(3)), expected, atol=1e-12)


@pytest.mark.parametrize("amount", [0.0, 0.5, 3.0])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64])
def test_sharpen_keeps_a_constant_image_and_adds_what_a_blur_takes(
    amount: float, dtype: Any
) -> None:
    constant = np.full((5, 6), 77, dtype)
    assert np.array_equal(convolve(constant, sharpen(amount)), constant)
    image = random_image(30, (9, 8))
    blurred = separable(image, [0.25, 0.5, 0.25], [0.25, 0.5, 0.25])
    expected = image + amount * (image - blurred)
    np.testing.assert_allclose(convolve(image, sharpen(amount)), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((np.ones(3), KERNEL), {}, r"image: expected shape \(H, W\) or \(H, W, C\)"),
        ((np.ones((0, 3)), KERNEL), {}, r"image: .* not empty, got \(0, 3\)"),
        ((np.ones((3, 3, 0)), KERNEL), {}, "image: .* not empty"),
        ((np.array([[1.0, np.nan]]), KERNEL), {}, "image: expected finite numbers, got nan"),
        ((IMPULSE, np.ones(3)), {}, r"kernel: expected shape \(kh, kw\), got \(3,\)"),
        ((IMPULSE, np.ones((3, 3, 2))), {}, r"kernel: expected shape \(kh, kw\)"),
        ((np.ones((4, 4, 3)), np.ones((3, 3, 2))), {}, r"expected shape \(kh, kw, 3\)"),
        ((IMPULSE, np.ones((3, 0))), {}, "kernel: expected at least one element"),
        ((IMPULSE, [[1.0, np.inf]]), {}, "kernel: expected finite numbers, got inf"),
        ((IMPULSE, np.ones((8, 1))), {"mode": "valid"}, r"kernel: expected at most .*\(7, 7\)"),
        ((IMPULSE, KERNEL), {"mode": "middle"}, "mode: expected one of same, valid, full"),
        ((IMPULSE, KERNEL), {"border": "mirror"}, "border: expected one of constant, replicate"),
        ((IMPULSE, KERNEL), {"border": ["wrap"]}, r"border: expected one of .*; got \['wrap'\]"),
        ((IMPULSE, KERNEL), {"padding": 1}, 'padding: expected 0 unless mode is "valid"'),
        ((IMPULSE, KERNEL), {"stride": 0}, "stride: expected a whole number >= 1, got 0"),
        ((IMPULSE, KERNEL), {"stride": 1.5}, "stride: expected a whole number >= 1, got 1.5"),
        ((IMPULSE, KERNEL), {"stride": True}, "stride: expected a whole number >= 1, got True"),
        ((IMPULSE, KERNEL), {"dilation": (1, 2, 3)}, r"dilation: .* or a pair \(y, x\)"),
        ((IMPULSE, KERNEL), {"mode": "valid", "padding": -1}, "padding: .* >= 0, got -1"),
        ((IMPULSE, KERNEL), {"bias": [1.0, 2.0]}, r"bias: expected shape \(\), got \(2,\)"),
        ((np.ones((4, 4, 3)), KERNEL), {"bias": [1.0, 2.0]}, r"bias: expected shape \(3,\)"),
        ((IMPULSE, KERNEL), {"bias": np.nan}, "bias: expected finite numbers"),
    ],
)
def test_wrong_values_are_named(arguments: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        convolve(*arguments, **options)


@pytest.mark.parametrize("dtype", [np.bool_, np.float16, np.complex128, object])
def test_other_kinds_of_numbers_are_refused(dtype: Any) -> None:
    with pytest.raises(TypeError, match="image: expected integers, float32 or float64, got"):
        convolve(np.ones((3, 3), dtype), KERNEL)
    with pytest.raises(TypeError, match="dtype: expected integers, float32 or float64, got"):
        separable(np.ones((3, 3)), [1.0], [1.0], dtype=dtype)


def test_wrong_kernel_parameters_are_named() -> None:
    with pytest.raises(ValueError, match="sigma: expected a finite number > 0, got -1"):
        gaussian(-1)
    with pytest.raises(ValueError, match=r"radius: expected a whole number >= 0, got 1\.5"):
        gaussian(1.0, radius=1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="n: expected a whole number >= 1, got 0"):
        box(0)
    with pytest.raises(ValueError, match="amount: expected a finite number >= 0, got nan"):
        sharpen(math.nan)
    with pytest.raises(ValueError, match=r"row_kernel: expected shape \(kw,\), got \(1, 2\)"):
        separable(IMPULSE, [[1.0, 2.0]], [1.0])
    with pytest.raises(ValueError, match="column_kernel: expected at least one element"):
        separable(IMPULSE, [1.0], [])
