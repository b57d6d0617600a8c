"""Lens calibration on rendered clips of boards, whose lens and poses are known."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gyro_data.checks import Floats
from stabilizer.boards import (
    Charuco,
    Chessboard,
    LensCalibration,
    View,
    calibrate_lens,
    draw_coverage,
    find_views,
    parse_board,
)
from stabilizer.boards.coverage import covered
from stabilizer.camera import Camera
from stabilizer.errors import StabilizerError
from stabilizer.lens import Fisheye, OpenCV

Image = NDArray[np.uint8]

CHESSBOARD = Chessboard(9, 6)
CHARUCO = Charuco(8, 6, "4x4_50", 0.75)
BARREL = Camera(800, 450, 433, 436, 391, 230, lens=OpenCV((-0.25, 0.08, 0.0006, -0.0007, -0.01)))
FISHEYE = Camera(800, 600, 284, 285, 404, 293, lens=Fisheye((-0.03, 0.01, -0.004, 0.0006)))
PINHOLE = Camera(800, 450, 1160, 1155, 393, 229)
SQUARE = 48  # texels


@dataclass(frozen=True)
class Pose:
    R_cam_board: Rotation
    position: Floats

    def project(self, camera: Camera, board_xy: Floats) -> Floats:
        board = np.column_stack([board_xy, np.zeros(len(board_xy))])
        return camera.project(self.R_cam_board.apply(board) + self.position)

    def to(self, other: "Pose", share: float) -> "Pose":
        turn = (other.R_cam_board * self.R_cam_board.inv()).as_rotvec()
        R = Rotation.from_rotvec(share * turn) * self.R_cam_board
        return Pose(R, (1 - share) * self.position + share * other.position)


def corners(columns: int, rows: int) -> Floats:
    y, x = np.mgrid[:rows, :columns].reshape(2, -1).astype(float)
    return np.column_stack([x, y])


@lru_cache
def poses(camera: Camera, n: int) -> list[Pose]:
    """Return poses that show the 9x6 corners everywhere, up to 40 degrees off the ray there."""
    rng, found = np.random.default_rng(0), []
    while len(found) < n:
        roll, pitch, yaw = rng.uniform(-1, 1, 3) * (30, 40, 40)
        ray = camera.unproject(rng.uniform(0, 1, 2) * (camera.width, camera.height))
        ray /= np.linalg.norm(ray)
        R = Rotation.align_vectors(ray[None], [[0, 0, 1]])[0]
        R *= Rotation.from_euler("ZYX", [roll, yaw, pitch], degrees=True)
        distance = rng.uniform(7, 18) * camera.fx / camera.width * 1.5
        pose = Pose(R, ray * distance - R.apply([4, 2.5, 0]))
        xy = pose.project(camera, corners(9, 6))
        if (xy > 10).all() and (xy < (camera.width - 11, camera.height - 11)).all():
            found.append(pose)
    return found


def drawn(board: Chessboard | Charuco) -> Image:
    """Draw a board with one square of white around; corner (0, 0) is two squares from the edge."""
    if isinstance(board, Chessboard):
        y, x = np.mgrid[: board.rows + 1, : board.columns + 1]
        picture = np.kron(np.where((x + y) % 2, 1.0, 0.0), np.ones((SQUARE, SQUARE)))
    else:
        words = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
        size = (board.columns, board.rows)
        pattern = cv2.aruco.CharucoBoard(size, 1.0, board.marker_share, words)
        pattern.setLegacyPattern(board.legacy)
        side = (size[0] * SQUARE, size[1] * SQUARE)
        picture = pattern.generateImage(side, marginSize=0, borderBits=1) / 255
    return np.pad(25 + 200 * picture, SQUARE, constant_values=225).astype(np.uint8)


@lru_cache
def film(camera: Camera, board: Chessboard | Charuco) -> "Film":
    return Film(camera, board)


class Film:
    """Renders a board; 2x2 rays a pixel, a lens that blurs a little, noise of 2 grey levels."""

    def __init__(self, camera: Camera, board: Chessboard | Charuco) -> None:
        x, y = ((np.arange(2 * n) + 0.5) / 2 - 0.5 for n in (camera.width, camera.height))
        self.camera, self.texture = camera, drawn(board)
        rays = camera.unproject(np.stack(np.meshgrid(x, y), axis=-1))
        self.rays = rays.astype(np.float32)

    def clear(self, pose: Pose) -> Floats:
        R = pose.R_cam_board.as_matrix()
        plane = np.linalg.inv(np.column_stack([R[:, :2], pose.position]))
        seen = self.rays @ plane.T.astype(np.float32)
        with np.errstate(divide="ignore", invalid="ignore"):
            texel = (seen[..., :2] / seen[..., 2:] + 2) * SQUARE - 0.5
        texel = np.where(seen[..., 2:] > 0, texel, -1e4)
        texel = np.nan_to_num(texel, nan=-1e4).clip(-1e4, 1e4)
        fine = cv2.remap(self.texture, texel, None, cv2.INTER_LINEAR, borderValue=120)
        size = (self.camera.width, self.camera.height)
        area = cv2.resize(fine.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.GaussianBlur(area, (0, 0), 0.6))

    def clip(self, stops: list[Pose], *, seed: int = 1) -> Iterator[tuple[float, Image]]:
        """Yield 30 frames/s: three at each stop, two blurred ones on the way to the next."""
        rng, t = np.random.default_rng(seed), 0
        for pose, following in zip(stops, stops[1:] + stops[:1], strict=True):
            still = self.clear(pose)
            moving = cv2.blur(self.clear(pose.to(following, 0.5)), (15, 5))
            for picture in (still, still, still, moving, np.roll(moving, 12, axis=1)):
                noisy = picture + 2 * rng.standard_normal(picture.shape, dtype=np.float32)
                yield t / 30, np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
                t += 1


def sighted(camera: Camera, stops: list[Pose], *, noise: float = 0.05, seed: int = 2) -> list[View]:
    """Return views as the 9x6 chessboard would give them, with noise in px."""
    rng, board_xy = np.random.default_rng(seed), corners(9, 6)
    return [
        View(float(t), board_xy, p.project(camera, board_xy) + rng.normal(0, noise, (54, 2)))
        for t, p in enumerate(stops)
    ]


def field_error(true: Camera, found: LensCalibration) -> float:
    """Return by how many px the lens is wrong at worst, where the board was."""
    x, y = np.meshgrid(np.arange(0, true.width, 20.0), np.arange(0, true.height, 20.0))
    mask = covered(found.views, true.width, true.height)
    rows, columns = (
        np.array(mask.shape)[:, None] * (y.ravel() / true.height, x.ravel() / true.width)
    ).astype(int)
    xy = np.column_stack([x.ravel(), y.ravel()])[mask[rows, columns]]
    assert len(xy) > 300
    return float(np.linalg.norm(found.camera.project(true.unproject(xy)) - xy, axis=-1).max())


@pytest.fixture(scope="module")
def stops() -> list[Pose]:
    return poses(BARREL, 14)


@pytest.fixture(scope="module")
def filmed(stops: list[Pose]) -> list[View]:
    """Views of a chessboard in a rendered clip."""
    return find_views(film(BARREL, CHESSBOARD).clip(stops), CHESSBOARD, interval=0.16)


@pytest.fixture(scope="module")
def calibration(filmed: list[View]) -> LensCalibration:
    return calibrate_lens(filmed, BARREL.width, BARREL.height)


def check_lens(true: Camera, found: LensCalibration) -> None:
    """Compare with the truth; corners are found to 0.03 px, which allows a tenth of this."""
    assert found.rms < 0.08
    assert (found.view_rms < 0.15).all()
    assert found.camera.fx == pytest.approx(true.fx, rel=3e-3)
    assert found.camera.fy == pytest.approx(true.fy, rel=3e-3)
    assert abs(found.camera.cx - true.cx) < 2
    assert abs(found.camera.cy - true.cy) < 2
    for name in ("fx", "fy", "cx", "cy"):
        error = getattr(found.camera, name) - getattr(true, name)
        assert abs(error) < 5 * found.standard_errors[name] < 1.0
    assert field_error(true, found) < 0.5


def test_a_filmed_chessboard_gives_the_lens(calibration: LensCalibration) -> None:
    check_lens(BARREL, calibration)
    assert len(calibration.views) == 14
    assert not calibration.rejected


def test_a_filmed_charuco_board_gives_a_fisheye() -> None:
    frames = film(FISHEYE, CHARUCO).clip(poses(FISHEYE, 12))
    views = find_views(frames, CHARUCO, interval=0.16)
    check_lens(FISHEYE, calibrate_lens(views, FISHEYE.width, FISHEYE.height, model="fisheye"))
    assert len(views) == 12


def test_views_are_still_and_sharp_and_corners_are_right(
    filmed: list[View], stops: list[Pose]
) -> None:
    for view in filmed:
        frame = round(view.t * 30)
        assert frame % 5 in (1, 2)  # the first of the three at a stop comes after a move
        assert view.motion < 0.1
        assert 2 < view.edge_width < 4
        true = stops[frame // 5].project(BARREL, view.board_xy)
        error = np.linalg.norm(view.xy - true, axis=-1)
        other_end = np.linalg.norm(view.xy - true[::-1], axis=-1)
        assert min(error.max(), other_end.max()) < 0.15


def test_part_of_a_charuco_board_keeps_its_names() -> None:
    pose = Pose(Rotation.from_rotvec([0.3, 0.2, 0.1]), np.array([0.5, -1.5, 5.0]))
    frames = [(t, np.rint(film(BARREL, CHARUCO).clear(pose)).astype(np.uint8)) for t in (0.0, 0.1)]
    (view,) = find_views(frames, CHARUCO)
    assert 8 <= len(view.xy) < 35
    error = np.linalg.norm(view.xy - pose.project(BARREL, view.board_xy), axis=-1)
    assert error.max() < 0.15


def test_ten_bits_show_the_same_views(stops: list[Pose]) -> None:
    eight = list(film(BARREL, CHESSBOARD).clip(stops[:1]))[:3]
    ten = [(t, frame.astype(np.uint16) << 2) for t, frame in eight]
    np.testing.assert_array_equal(
        find_views(ten, CHESSBOARD)[0].xy, find_views(eight, CHESSBOARD)[0].xy
    )


def test_of_many_views_the_most_different_are_taken(stops: list[Pose]) -> None:
    """Two places, seen four times each with hands that tremble, are two views."""
    rng, frames = np.random.default_rng(3), []
    for pose in (p for p in stops[:2] for _ in range(4)):
        tremble = Rotation.from_rotvec(rng.normal(0, 5e-4, 3))  # 0.2 px
        trembling = Pose(tremble * pose.R_cam_board, tremble.apply(pose.position))
        picture = np.rint(film(BARREL, CHESSBOARD).clear(trembling)).astype(np.uint8)
        frames.append((len(frames) / 30, picture))
    assert len(find_views(frames, CHESSBOARD, interval=0)) == 2
    assert len(find_views(frames, CHESSBOARD, interval=0, max_views=1)) == 1


def test_clips_without_a_usable_view_say_what_to_film(stops: list[Pose]) -> None:
    grey = [(t / 30, np.full((120, 160), 90, np.uint8)) for t in range(5)]
    with pytest.raises(StabilizerError, match=r"no chessboard of 9x6 inner corners in the 1 fra"):
        find_views(grey, CHESSBOARD)
    with pytest.raises(StabilizerError, match="in the 0 frames looked at"):
        find_views([], CHARUCO)
    still = np.rint(film(BARREL, CHESSBOARD).clear(stops[0])).astype(np.uint8)
    moving = [(t / 30, np.roll(still, 4 * t, axis=1)) for t in range(3)]
    with pytest.raises(StabilizerError, match=r"moves in all 1 frames .* by 4\.0 px .* hold still"):
        find_views(moving, CHESSBOARD)


@pytest.mark.parametrize("camera", [PINHOLE, BARREL, FISHEYE], ids=lambda c: c.lens.name)
def test_false_views_and_corners_are_left_out(camera: Camera) -> None:
    views = sighted(camera, poses(camera, 16))
    size = np.array((camera.width - 1, camera.height - 1))
    swapped = views[2].xy.reshape(6, 9, 2)[[0, 1, 3, 2, 4, 5]].reshape(-1, 2)
    elsewhere = np.random.default_rng(4).uniform(0, 1, (54, 2)) * size
    off = views[9].xy.copy()
    off[10] += (3.0, -2.0)
    false = {2: swapped, 7: elsewhere, 9: off}
    spoiled = [replace(v, xy=false[i]) if i in false else v for i, v in enumerate(views)]
    found = calibrate_lens(spoiled, camera.width, camera.height, model=camera.lens.name)
    assert sorted(found.rejected) == [2.0, 7.0]
    assert all(re.search(r"misses by|no flat board", r) for r in found.rejected.values())
    assert [len(v.xy) for v in found.views if v.t == 9.0] == [53]
    clean = calibrate_lens(
        [v for i, v in enumerate(views) if i not in (2, 7)],
        camera.width,
        camera.height,
        model=camera.lens.name,
    )
    # one corner of 756 is all that differs
    assert abs(found.camera.fx - clean.camera.fx) < 0.2 * clean.standard_errors["fx"] + 1e-6
    assert field_error(camera, found) < 0.5


def test_the_lens_is_that_of_opencv() -> None:
    """The same minimum: k3 stays, and the two iterations stop within 1e-4 of their errors."""
    views = sighted(BARREL, poses(BARREL, 14))
    found = calibrate_lens(views, BARREL.width, BARREL.height)
    board = [np.column_stack([v.board_xy, np.zeros(54)]).astype(np.float32) for v in views]
    seen = [v.xy.astype(np.float32)[:, None] for v in views]
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 200, 1e-12)
    rms, K, coeffs = cv2.calibrateCamera(
        board, seen, (BARREL.width, BARREL.height), None, None, criteria=stop
    )[:3]
    assert found.rms == pytest.approx(rms, rel=1e-4)
    camera = found.camera
    np.testing.assert_allclose(
        (camera.fx, camera.fy, camera.cx, camera.cy),
        (K[0, 0], K[1, 1], K[0, 2], K[1, 2]),
        atol=0.01,  # a tenth of the standard errors
    )
    np.testing.assert_allclose(camera.lens.coeffs, np.ravel(coeffs)[:5], atol=2e-3)


def test_a_fisheye_that_sees_behind_itself() -> None:
    wide = Camera(800, 600, 200, 200, 404, 293, lens=Fisheye((0.0, 0.002, -0.001, 0.0001)))
    found = calibrate_lens(sighted(wide, poses(wide, 14)), 800, 600, model="fisheye")
    directions = wide.unproject(np.concatenate([v.xy for v in found.views]))
    assert (directions[:, 2] < 0).any()
    assert found.camera.fx == pytest.approx(wide.fx, rel=1e-3)
    assert field_error(wide, found) < 0.2


def test_standard_errors_are_the_scatter_over_clips() -> None:
    """Of 30 calibrations with other noise; the scatter itself is known to 13 %."""
    stops = poses(PINHOLE, 12)
    found = [
        calibrate_lens(sighted(PINHOLE, stops, seed=seed), 800, 450, model="pinhole")
        for seed in range(30)
    ]
    for name in ("fx", "fy", "cx", "cy"):
        scatter = np.std([getattr(c.camera, name) - getattr(PINHOLE, name) for c in found])
        stated = np.mean([c.standard_errors[name] for c in found])
        assert 0.7 < stated / scatter < 1.6  # the larger of two estimates is a little high


def test_bent_boards_widen_the_standard_errors() -> None:
    """What errs as a view, here by rolling shutter, counts as one error and not as 54."""
    views, rng = sighted(PINHOLE, poses(PINHOLE, 14)), np.random.default_rng(6)
    bent = [replace(v, xy=v.xy + (v.xy[:, 1:] / 450 - 0.5) * rng.normal(0, 1, 2)) for v in views]
    clean, rolled = (calibrate_lens(v, 800, 450, model="pinhole") for v in (views, bent))
    growth = rolled.standard_errors["fx"] / clean.standard_errors["fx"]
    assert growth > 1.2 * rolled.rms / clean.rms


def test_coefficients_that_nothing_shows_stay_zero() -> None:
    views = sighted(PINHOLE, poses(PINHOLE, 14))
    found = calibrate_lens(views, 800, 450)
    assert found.camera.lens == OpenCV((0.0,) * 5)
    assert list(found.standard_errors) == ["fx", "fy", "cx", "cy"]


def frontal(n: int) -> list[View]:
    shifts = np.random.default_rng(7).uniform((-5, -3, 18), (-3, -2, 26), (n, 3))
    return sighted(PINHOLE, [Pose(Rotation.identity(), shift) for shift in shifts])


def test_views_that_say_too_little_are_refused() -> None:
    views = sighted(PINHOLE, poses(PINHOLE, 12))
    with pytest.raises(StabilizerError, match=r"views of the board: 4, at least 5 .* more sides"):
        calibrate_lens(views[:4], 800, 450)
    with pytest.raises(StabilizerError, match=r"focal length open .* tilted"):
        calibrate_lens(frontal(12), 800, 450, model="pinhole")
    with pytest.raises(StabilizerError, match=r"does not explain .* another lens model"):
        calibrate_lens(sighted(FISHEYE, poses(FISHEYE, 12)), 800, 600, model="pinhole")
    noise = np.random.default_rng(8).uniform(0, 440, (12, 54, 2))
    random = [replace(v, xy=xy) for v, xy in zip(views, noise, strict=True)]
    with pytest.raises(StabilizerError, match="check the board's numbers"):
        calibrate_lens(random, 800, 450)


def test_doubts_are_told_with_their_remedy() -> None:
    views = sighted(PINHOLE, poses(PINHOLE, 16))
    fine = calibrate_lens(views, 800, 450, model="pinhole")
    assert fine.warnings == ()
    few = calibrate_lens([replace(v, motion=3.0) for v in views[:6]], 800, 450, model="pinhole")
    told = "\n".join(few.warnings)
    for part in ("only 6 views", "covered", "moves by 3.0 px per frame"):
        assert part in told
    rough = calibrate_lens(
        sighted(PINHOLE, poses(PINHOLE, 16), noise=1.0), 800, 450, model="pinhole"
    )
    assert any("corners miss by" in w for w in rough.warnings)


def test_the_drawing_shows_where_the_board_was(
    calibration: LensCalibration, tmp_path: Path
) -> None:
    path = tmp_path / "coverage.png"
    draw_coverage(calibration, path)
    first = path.read_bytes()
    draw_coverage(calibration, path)
    assert path.read_bytes() == first
    picture = cv2.imread(str(path))
    assert picture.shape[1] == BARREL.width
    blue = (picture[: BARREL.height] == (120, 70, 60)).all(axis=-1)
    mask = cv2.resize(
        covered(calibration.views, BARREL.width, BARREL.height).astype(np.uint8),
        (BARREL.width, BARREL.height),
        interpolation=cv2.INTER_NEAREST,
    )
    assert not blue[mask > 0].any()
    assert blue[mask == 0].mean() > 0.95  # less the errors of corners on the edge
    assert 0.3 < calibration.coverage < 0.95
    white = [
        picture[tuple(np.rint(xy[::-1]).astype(int))].min()
        for view in calibration.views
        for xy in view.xy
    ]
    assert np.median(white) > 200
    with pytest.raises(ValueError, match=r"ends in \.png"):
        draw_coverage(calibration, tmp_path / "coverage.jpg")
    with pytest.raises(StabilizerError, match="cannot be written"):
        draw_coverage(calibration, tmp_path / "nowhere" / "coverage.png")


def test_boards_have_short_names() -> None:
    assert parse_board("9x6") == CHESSBOARD
    assert parse_board(" 8X6:4x4_50 ") == CHARUCO
    assert parse_board("7x5:5X5_100:0.6:legacy") == Charuco(7, 5, "5x5_100", 0.6, legacy=True)
    for text in ("", "9", "9by6", "9x6x2", "7x5:4x4_50:wide", "٣x٤"):
        with pytest.raises(ValueError, match="board: expected 9x6"):
            parse_board(text)
    with pytest.raises(ValueError, match="columns: expected a finite number >= 3"):
        parse_board("2x6")
    with pytest.raises(ValueError, match=r"dictionary: expected one of .*, got '3x3'"):
        parse_board("7x5:3x3")
    with pytest.raises(ValueError, match="with the 70 markers of 14x10 squares, got 4x4"):
        parse_board("14x10:4x4_50")


def test_wrong_calls_are_named() -> None:
    views = sighted(PINHOLE, poses(PINHOLE, 6))
    with pytest.raises(ValueError, match="model: expected one of pinhole, opencv, fisheye"):
        calibrate_lens(views, 800, 450, model="brown")
    with pytest.raises(ValueError, match="not of a 400x225 picture"):
        calibrate_lens(views, 400, 225)
    with pytest.raises(ValueError, match="board_xy: expected columns and rows of six corners"):
        View(0.0, corners(5, 1), np.zeros((5, 2)))
    with pytest.raises(ValueError, match=r"xy: expected shape \(54, 2\)"):
        View(0.0, corners(9, 6), np.zeros((53, 2)))
    with pytest.raises(ValueError, match="max_views"):
        find_views([], CHESSBOARD, max_views=0)
