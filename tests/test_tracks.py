"""Tracks through rendered clips of known motion, and through pictures moved by known amounts."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from skimage import data

from gyro_data.checks import Floats
from stabilizer.camera import Camera
from stabilizer.simulate import Handheld, SimulatedClip, simulate
from stabilizer.tracks import Pairs, Tracks, track_video
from stabilizer.video import Encoding, VideoInfo, VideoWriter, probe

ALL = [(0.0, 99.0)]
MOTION = Handheld("walk", seed=3)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> SimulatedClip:
    """24 frames of a walk: a rolling shutter of 20 ms, 720 lines, H.264 at its usual quality."""
    camera = Camera.from_focal(1280, 720, 967.0, readout_time=0.02)
    stem = tmp_path_factory.mktemp("walk") / "walk"
    return simulate(stem, camera=camera, motion=MOTION, duration=0.8, audio=False)


@pytest.fixture(scope="module")
def tracks(clip: SimulatedClip) -> Tracks:
    return track_video(probe(clip.video), ALL)


def misses(pairs: Pairs, camera: Camera) -> Floats:
    """Return (m, 2) px: where the true rotation takes each point, minus where it was found."""
    t_from = pairs.t_from[pairs.pair] + camera.readout_offset(pairs.xy_from)
    t_to = pairs.t_to[pairs.pair] + camera.readout_offset(pairs.xy_to)
    rays = MOTION.at(t_from).apply(camera.unproject(pairs.xy_from))
    return camera.project(MOTION.at(t_to).inv().apply(rays)) - pairs.xy_to


# On a rendered clip


def test_points_go_where_the_true_rotation_takes_them(clip: SimulatedClip, tracks: Tracks) -> None:
    pairs = tracks.pairs()
    miss = misses(pairs, clip.camera)
    distance = np.linalg.norm(miss, axis=1)
    assert len(pairs.t_from) == 23
    assert np.bincount(pairs.pair).min() > 30
    assert np.linalg.norm(pairs.xy_to - pairs.xy_from, axis=1).max() > 10  # px: it does shake
    assert np.median(distance) < 0.1  # 0.084
    assert np.mean(distance > 1) < 0.002


def test_no_part_of_the_picture_is_shifted(clip: SimulatedClip, tracks: Tracks) -> None:
    pairs = tracks.pairs()
    miss = misses(pairs, clip.camera)
    part = (pairs.xy_from / (1280 / 3, 720 / 3)).astype(int) @ [1, 3]
    for i in range(9):
        assert np.count_nonzero(part == i) > 20
        # 0.08 px of noise per axis in 30 points or more: a median is good to 0.02 px
        assert np.abs(np.median(miss[part == i], axis=0)).max() < 0.05


def test_rows_from_top_to_bottom_have_points(tracks: Tracks) -> None:
    rows = np.histogram(tracks.xy[:, 1], bins=5, range=(0, 720))[0] / len(tracks.t)
    assert rows.min() > 1  # per frame
    assert 20 < tracks.xy[:, 1].min() < 40 and 660 < tracks.xy[:, 1].max() < 700


def test_a_reduction_by_no_whole_number_shifts_nothing(clip: SimulatedClip) -> None:
    pairs = track_video(probe(clip.video), [(0.0, 0.5)], max_width=500).pairs()
    miss = misses(pairs, clip.camera)
    assert np.median(np.linalg.norm(miss, axis=1)) < 0.12
    assert np.abs(np.median(miss, axis=0)).max() < 0.01


def test_tracks_are_long_and_few_enough(tracks: Tracks) -> None:
    per_pair = np.bincount(tracks.pairs().pair)
    length = np.bincount(tracks.identity)
    assert per_pair.min() > 30 and per_pair.max() <= 200
    assert np.mean(length[length > 0]) > 5
    assert length[length > 0].min() >= 2


def test_the_same_video_gives_the_same_tracks_whatever_the_threads(
    clip: SimulatedClip, tracks: Tracks
) -> None:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        again = track_video(probe(clip.video), ALL)
    finally:
        cv2.setNumThreads(threads)
    for name in ("t", "window", "frame", "identity", "xy"):
        np.testing.assert_array_equal(getattr(again, name), getattr(tracks, name))


def test_windows_are_tracked_as_if_each_were_alone(clip: SimulatedClip) -> None:
    info = probe(clip.video)
    seen: list[tuple[int, int]] = []
    both = track_video(
        info, [(0.1, 0.3), (0.3, 0.3001), (0.5, 0.71)], progress=lambda *p: seen.append(p)
    )
    alone = track_video(info, [(0.5, 0.71)])
    inside = (info.frame_times >= 0.1) & (info.frame_times < 0.3001)
    inside |= (info.frame_times >= 0.5) & (info.frame_times < 0.71)
    np.testing.assert_array_equal(both.t, info.frame_times[inside])
    np.testing.assert_array_equal(np.bincount(both.window), [6, 1, 7])
    late = both.frame >= 7
    np.testing.assert_array_equal(both.xy[late], alone.xy)
    identity = both.identity[late]
    assert not set(identity) & set(both.identity[~late])
    np.testing.assert_array_equal(identity - identity[0], alone.identity - alone.identity[0])
    assert seen == [(i, 14) for i in range(1, 15)]
    assert len(both.pairs().t_from) == 5 + 0 + 6


# On pictures moved by known amounts

WIDTH, HEIGHT = 480, 270
Luma = NDArray[np.uint8]
COFFEE, ROCKET = (
    ndimage.gaussian_filter(image.mean(axis=-1), 0.6) for image in (data.coffee(), data.rocket())
)


def moved(texture: Floats, dx: float, dy: float) -> Luma:
    """See the texture from its pixel (20 + dx, 40 + dy) on."""
    shift = (-40 - dy, -20 - dx)
    picture = ndimage.shift(texture, shift, order=3, mode="nearest")[:HEIGHT, :WIDTH]
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def pan(n: int, texture: Floats = COFFEE) -> list[Luma]:
    return [moved(texture, 1.6 * i, 0.7 * i) for i in range(n)]


Written = Callable[..., VideoInfo]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Write luma planes (H, W) as a video without loss and return its facts."""

    def write(pictures: Sequence[Luma], fps: float = 30.0, name: str = "yuv420p") -> VideoInfo:
        height, width = pictures[0].shape
        pts = np.rint(np.arange(len(pictures)) * 90_000 / fps).astype(np.int64)
        info = VideoInfo("", width, height, name, "h264", Fraction(1, 90_000), pts)
        path = tmp_path / "video.mp4"
        with VideoWriter(path, info, encoding=Encoding(crf=0), overwrite=True) as writer:
            for ticks, picture in zip(pts, pictures, strict=True):
                frame = writer.new_frame(int(ticks))
                high = frame.pixel_format.bits - 8
                for plane in frame.planes:
                    plane[:] = 128 << high
                frame.planes[0][:] = picture.astype(plane.dtype) << high
                writer.write(frame)
        return probe(path)

    return write


def test_a_step_is_followed_in_8_and_in_10_bits(written: Written) -> None:
    for name in ("yuv420p", "yuv420p10le"):
        pairs = track_video(written(pan(6), name=name), ALL).pairs()
        step = pairs.xy_to - pairs.xy_from
        np.testing.assert_allclose(np.median(step, axis=0), (-1.6, -0.7), atol=0.01)
        assert np.quantile(np.abs(step - (-1.6, -0.7)), 0.99) < 0.2


def test_points_of_a_reduced_picture_lie_in_the_full_one(written: Written) -> None:
    """Bright spots a grid cell and more apart: their corners are found at whole reduced pixels."""
    width, height, scale = 1600, 900, 5
    x, y = np.meshgrid(np.arange(100, 1500, 100), np.arange(100, 800, 100))
    spread = np.random.default_rng(2).uniform(-12, 12, (2, *x.shape))
    spots = np.stack([x, y], axis=-1) + np.moveaxis(spread, 0, -1)
    row, column = np.mgrid[:height, :width]
    picture = np.full((height, width), 40.0)
    for cx, cy in spots.reshape(-1, 2):
        near = np.s_[int(cy) - 30 : int(cy) + 31, int(cx) - 30 : int(cx) + 31]
        picture[near] += 200 * np.exp(
            -((row[near] - cy) ** 2 + (column[near] - cx) ** 2) / (2 * 6.0**2)
        )
    tracks = track_video(written([picture.astype(np.uint8)] * 2), ALL, max_width=width // scale)
    offset = tracks.xy[:, None] - spots.reshape(-1, 2)
    offset = offset[np.arange(len(offset)), np.linalg.norm(offset, axis=2).argmin(axis=1)]
    assert len(offset) > 150
    # rounded to 5 px, RMS 1.4 px: the mean of 98 spots is good to 0.15 px; a shift would be 2 px
    assert np.abs(offset.mean(axis=0)).max() < 0.5


def test_nothing_is_followed_over_a_cut(written: Written) -> None:
    tracks = track_video(written(pan(8) + pan(8, ROCKET)), ALL)
    per_pair = np.bincount(tracks.pairs().pair, minlength=15)
    assert per_pair[7] < 0.05 * per_pair[6]
    assert np.delete(per_pair, 7).min() > 30  # tracking starts anew in the frame after the cut


def test_points_come_back_after_a_blurred_frame(written: Written) -> None:
    pictures = pan(9)
    pictures[4] = cv2.blur(pictures[4], (41, 1))
    per_pair = np.bincount(track_video(written(pictures), ALL).pairs().pair, minlength=8)
    assert per_pair[3:5].max() < 0.5 * per_pair[2]
    assert per_pair[5:].min() > 0.7 * per_pair[2]


def test_weak_texture_is_followed_only_where_there_is_little_else(written: Written) -> None:
    """Grains of the same size everywhere, in the upper half of a quarter of the contrast."""
    noise = np.random.default_rng(6).normal(0, 1, (HEIGHT + 40, WIDTH + 40))
    grains = cv2.GaussianBlur(noise, (0, 0), 1.6)
    grains *= 45 / grains.std()
    faded = np.where(np.arange(HEIGHT + 40)[:, None] < 40 + HEIGHT // 2, 0.25, 1.0)
    half, weak = (
        track_video(written(pan(3, 128 + grains * gain)), ALL, max_points=n).xy
        for gain, n in ((faded, 60), (0.25, 200))
    )
    assert len(half) > 20 and np.mean(half[:, 1] < HEIGHT / 2 - 15) < 0.1
    assert len(weak) > 30 and np.mean(weak[:, 1] < HEIGHT / 2 - 15) > 0.3


@pytest.mark.parametrize("noise", [0.0, 0.7])
def test_a_flat_picture_has_frame_pairs_without_points(written: Written, noise: float) -> None:
    rng = np.random.default_rng(4)
    flat = [np.rint(rng.normal(90, noise, (HEIGHT, WIDTH))).astype(np.uint8) for _ in range(4)]
    tracks = track_video(written(flat), ALL)
    pairs = tracks.pairs()
    assert len(tracks.t) == 4 and len(pairs.t_from) == 3
    assert tracks.xy.shape == pairs.xy_from.shape == (0, 2)


@pytest.mark.parametrize(("fps", "stride"), [(30.3, 1), (50, 2), (59.94, 2), (100, 4)])
def test_fast_videos_are_thinned(written: Written, fps: float, stride: int) -> None:
    info = written(pan(9), fps=fps)
    tracks = track_video(info, ALL)
    np.testing.assert_array_equal(tracks.t, info.frame_times[::stride])
    steps = tracks.pairs()
    step = np.median(steps.xy_to - steps.xy_from, axis=0)
    np.testing.assert_allclose(step, (-1.6 * stride, -0.7 * stride), atol=0.01)
    every = track_video(info, [(0, info.frame_times[2])], max_rate=200)
    np.testing.assert_array_equal(every.t, info.frame_times[:2])


def test_no_window_and_no_frame_leave_nothing(written: Written) -> None:
    info = written(pan(2))
    for windows in ([], [(5.0, 6.0)]):
        tracks = track_video(info, windows)
        assert (len(tracks.t), len(tracks.frame), len(tracks.pairs().t_to)) == (0, 0, 0)
        assert (tracks.width, tracks.height) == (WIDTH, HEIGHT)


@pytest.mark.parametrize(
    ("windows", "options", "message"),
    [
        ([(1.0, 1.0)], {}, "windows: expected .* one after the other"),
        ([(1.0, 3.0), (2.0, 4.0)], {}, "windows: expected .* one after the other"),
        ([1.0, 2.0], {}, r"windows: expected shape \(W, 2\)"),
        (ALL, {"max_width": 0}, "max_width"),
        (ALL, {"max_rate": 0}, "max_rate"),
        (ALL, {"max_points": 0}, "max_points"),
    ],
)
def test_wrong_arguments_are_named(
    written: Written, windows: list[tuple[float, float]], options: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        track_video(written(pan(2)), windows, **options)


# On numbers


def made(frame: Sequence[int], identity: Sequence[int], window: Sequence[int]) -> Tracks:
    t = np.arange(len(window)) / 30
    xy = np.column_stack([identity, frame]).astype(float)
    return Tracks(t, np.array(window), np.array(frame), np.array(identity), xy, 640, 360)


def test_points_seen_once_are_left_out() -> None:
    tracks = made([0, 0, 0, 1, 1, 2], [5, 7, 9, 7, 4, 4], [0, 0, 0])
    np.testing.assert_array_equal(tracks.identity, [7, 7, 4, 4])
    np.testing.assert_array_equal(tracks.frame, [0, 1, 1, 2])
    np.testing.assert_array_equal(tracks.xy, [[7, 0], [7, 1], [4, 1], [4, 2]])
    assert not tracks.identity.flags.writeable and not tracks.xy.flags.writeable


def test_pairs_are_what_two_loops_find() -> None:
    rng = np.random.default_rng(8)
    window = np.repeat([0, 2, 3], [6, 1, 8])
    there = rng.random((15, 40)) < 0.6
    frame, point = np.nonzero(there)
    tracks = made(frame, point + 100 * window[frame], window)
    expected = [
        (k, p + 100 * window[k])
        for k in range(14)
        for p in range(40)
        if window[k] == window[k + 1] and there[k, p] and there[k + 1, p]
    ]
    pairs = tracks.pairs()
    first = np.rint(pairs.t_from[pairs.pair] * 30)
    assert sorted(zip(first, pairs.xy_from[:, 0], strict=True)) == expected
    assert (np.diff(pairs.pair) >= 0).all()
    np.testing.assert_array_equal(pairs.xy_to - pairs.xy_from, [[0, 1]] * len(expected))
    np.testing.assert_allclose(pairs.t_to - pairs.t_from, 1 / 30)
    np.testing.assert_array_equal(np.rint(pairs.t_from * 30), [0, 1, 2, 3, 4, *range(7, 14)])


@pytest.mark.parametrize(
    ("frame", "identity", "window", "message"),
    [
        ([0, 0, 1], [3, 3, 3], [0, 0], "identity: expected at most once in a frame, got 3"),
        ([0, 1], [3, 3], [0, 1], "identity: expected in one window only, got 3"),
        ([1, 0], [3, 3], [0, 0], "frame: expected no index below the one before"),
        ([0, 2], [3, 3], [0, 0], "frame: expected indices >= 0 and below 2"),
        ([0, 1], [3, 3], [1, 0], "window: expected no index below"),
    ],
)
def test_wrong_tracks_are_refused(
    frame: list[int], identity: list[int], window: list[int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        made(frame, identity, window)


def test_wrong_pairs_are_refused() -> None:
    t, xy = np.array([0.0, 0.1]), np.zeros((3, 2))
    with pytest.raises(ValueError, match="pair: expected indices >= 0 and below 2"):
        Pairs(np.array([0, 1, 2]), t, t + 0.1, xy, xy)
    with pytest.raises(ValueError, match=r"xy_to: expected shape \(3, 2\)"):
        Pairs(np.array([0, 1, 1]), t, t + 0.1, xy, xy[:2])
    with pytest.raises(ValueError, match="t_to: expected one time after each"):
        Pairs(np.array([0, 1, 1]), t, t, xy, xy)
