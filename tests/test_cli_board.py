"""The command line about boards: a camera file from a filmed chessboard or ChArUco board."""

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gyro_data.checks import Floats
from stabilizer.camera import Camera, given_keys, load_camera
from stabilizer.simulate.clip import TIME_BASE
from stabilizer.video import Encoding, VideoInfo, VideoWriter
from tests.command_line import refused, run

CAMERA = Camera(480, 270, 460.0, 460.0, 243.0, 131.0)
SQUARE = 40  # texels of a board's square
STOPS, STILL = 12, 8  # places of the board, frames that it stays at each


def chessboard() -> NDArray[np.uint8]:
    """Return 7x5 squares, so 6x4 inner corners, with a white margin of one square."""
    y, x = np.mgrid[:5, :7]
    squares = np.kron(np.where((x + y) % 2, 225, 25), np.ones((SQUARE, SQUARE)))
    return np.pad(squares, SQUARE, constant_values=225).astype(np.uint8)


def charuco() -> NDArray[np.uint8]:
    """Return 7x5 squares with markers, with a white margin of one square."""
    words = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    board = cv2.aruco.CharucoBoard((7, 5), 1.0, 0.75, words)
    return np.pad(board.generateImage((7 * SQUARE, 5 * SQUARE)), SQUARE, constant_values=255)


def homographies() -> Iterator[Floats]:
    """Yield (3, 3), texels to pixels: places all over the picture, tilted by 20 to 40 degrees."""
    rng = np.random.default_rng(4)
    K = np.array([[CAMERA.fx, 0, CAMERA.cx], [0, CAMERA.fy, CAMERA.cy], [0, 0, 1]])
    centre = np.array([4.5, 3.5, 0]) * SQUARE
    for k in range(STOPS):
        tilt = np.radians(rng.uniform(20, 40))
        axis = 2 * np.pi * k / STOPS + rng.uniform(-0.2, 0.2)
        R = Rotation.from_rotvec(tilt * np.array([np.cos(axis), np.sin(axis), 0])).as_matrix()
        x, y = 0.22 * np.cos(2.4 * k), 0.11 * np.sin(2.4 * k)
        distance = 560 + 60 * (k % 3)
        t = distance * np.array([x, y, 1]) - R @ centre
        yield K @ np.column_stack([R[:, 0], R[:, 1], t])


def filmed(path: Path, board: NDArray[np.uint8]) -> Path:
    """Write a clip in which the board is held still at one place after the other."""
    pts = np.arange(STOPS * STILL) * 3000
    info = VideoInfo("", CAMERA.width, CAMERA.height, "yuv420p", "h264", TIME_BASE, pts)
    twice = np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1.0]])  # two rays along each side of a pixel
    with VideoWriter(path, info, encoding=Encoding(crf=4)) as writer:
        for k, H in enumerate(homographies()):
            size = (2 * CAMERA.width, 2 * CAMERA.height)
            fine = cv2.warpPerspective(board, twice @ H, size, borderValue=(120,))
            picture = cv2.resize(fine, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
            for i in range(STILL):
                frame = writer.new_frame(int(pts[k * STILL + i]))
                frame.planes[0][:] = picture
                for chroma in frame.planes[1:]:
                    chroma[:] = 128
                writer.write(frame)
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return filmed(tmp_path_factory.mktemp("cli_board") / "chess.mp4", chessboard())


def check_camera(path: Path) -> None:
    """Corners are found to a few hundredths of a pixel: 1 % of focal length is a wide margin."""
    camera = load_camera(path)
    assert (camera.width, camera.height) == (480, 270)
    assert camera.fx == pytest.approx(CAMERA.fx, rel=0.01)
    assert camera.fy == pytest.approx(CAMERA.fy, rel=0.01)
    assert (camera.cx, camera.cy) == pytest.approx((CAMERA.cx, CAMERA.cy), abs=4)
    assert not {"readout_time", "readout_direction", "imu_orientation"} & given_keys(path)
    errors = json.loads(path.read_text())["standard_errors"]
    assert 0 < errors["fx"] < 0.01 * CAMERA.fx


def test_a_filmed_chessboard_makes_a_camera_file(clip, tmp_path) -> None:
    output, plot = tmp_path / "lens.json", tmp_path / "coverage.png"
    call = ["calibrate", clip, "--chessboard", "6x4", "--lens", "pinhole", "-o", output]
    done = run(*call, "--plot", plot)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"{output}: written\n{plot}: written\n")
    for words in ("fx", "±", "px rms", "of the picture", "pinhole", "s: 0."):
        assert words in done.stdout
    assert done.stdout.count("at ") >= 10  # views
    check_camera(output)
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_a_charuco_board_makes_one_too(tmp_path) -> None:
    video, output = filmed(tmp_path / "charuco.mp4", charuco()), tmp_path / "lens.json"
    done = run("calibrate", video, "--charuco", "7x5:4x4_50", "-o", output)
    assert done.returncode == 0, done.stderr
    check_camera(output)
    assert load_camera(output).lens.name == "opencv"


def test_a_clip_without_the_board_is_told(clip, tmp_path) -> None:
    call = ["calibrate", clip, "--chessboard", "8x7", "-o", tmp_path / "lens.json"]
    refused(run(*call, "--plot", tmp_path / "c.png"), str(clip), "chessboard of 8x7 inner corners")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--chessboard", "6x4", "--charuco", "7x5:4x4_50"], ["give one board"]),
        (["--chessboard", "6"], ["--chessboard 6: board: expected 9x6"]),
        (["--chessboard", ""], ["--chessboard : board: expected 9x6"]),
        (["--chessboard", "0x6"], ["--chessboard 0x6: columns: expected a finite number >= 3"]),
        (["--chessboard", "7x5:4x4_50"], ["expected inner corners as 9x6, got a ChArUco board"]),
        (["--charuco", "6x4"], ["--charuco 6x4: expected squares and markers as 7x5:4x4_50"]),
        (["--charuco", "7x5:none"], ["--charuco 7x5:none: dictionary: expected one of"]),
        (["--charuco", "99x99:4x4_50"], ["with the 4900 markers of 99x99 squares"]),
        (["--chessboard", "6x4", "--lens", "wide"], ["lens: expected one of pinhole, opencv"]),
        (["--chessboard", "6x4", "--lens", ""], ["lens: expected one of pinhole, opencv"]),
        (["--chessboard", "6x4", "--hfov", "60", "--delay", "1"], ["leave out --hfov, --delay"]),
        (["--chessboard", "6x4", "--strict"], ["a board tells of the lens alone", "--strict"]),
        (["--chessboard", "6x4", "--plot", "a.pdf"], ["a.pdf", ".png"]),
        (["--lens", "fisheye"], ["no board is given; leave out --lens"]),
        ([], ["give its gyro log", "or give --chessboard or --charuco"]),
        (["log.csv", "--chessboard", "6x4"], ["leave out LOG"]),
        (["log.csv", "--plot", "a.png"], ["no board is given; leave out --plot"]),
    ],
)
def test_wrong_calls_are_one_line_and_leave_nothing(clip, tmp_path, arguments, words) -> None:
    refused(run("calibrate", clip, *arguments, "-o", tmp_path / "lens.json"), *words)
    assert list(tmp_path.iterdir()) == []
