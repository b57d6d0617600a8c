"""The simulator against closed forms, OpenCV and scipy: other tests take it for the truth."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gyro_data.axes import axes_matrix
from stabilizer.camera import Camera, load_camera
from stabilizer.errors import StabilizerError
from stabilizer.lens import Fisheye, OpenCV
from stabilizer.simulate import (
    GAITS,
    Handheld,
    Room,
    from_log,
    render_frame,
    simulate,
    simulate_log,
    to_yuv420p,
    write_log,
)
from stabilizer.simulate.movers import crossing
from stabilizer.simulate.painting import ROOM
from stabilizer.simulate.walk import Walk
from stabilizer.sync import ClockSync
from stabilizer.video import VideoReader, probe
from tests.command_line import refused, run
from tests.track_simulation import Steadied, electronic, walking

STILL = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Spin:
    """Turns at a constant rate (rad/s) about an axis of its own."""

    rate: tuple[float, float, float]
    start: tuple[float, float, float] = STILL  # yaw, pitch, roll in rad

    def at(self, t):
        turned = Rotation.from_rotvec(np.multiply.outer(t, self.rate))
        return Rotation.from_euler("YXZ", self.start) * turned

    def rate_at(self, t):
        return np.tile(self.rate, (len(t), 1))


@dataclass(frozen=True)
class Blob:
    """A soft white spot around a direction."""

    direction: tuple[float, float, float]
    width: float  # rad

    def look(self, directions, out):
        miss = directions / np.linalg.norm(directions, axis=0)
        miss = miss - np.array(self.direction)[:, None, None] / np.linalg.norm(self.direction)
        out[:] = np.rint(250 * np.exp(-(miss**2).sum(axis=0) / self.width**2))[..., None]


@dataclass(frozen=True)
class Line:
    """A soft white line through what is ahead, where one world coordinate is 0."""

    coordinate: str
    width: float  # rad

    def look(self, directions, out):
        miss = directions["xyz".index(self.coordinate)] / np.linalg.norm(directions, axis=0)
        out[:] = np.rint(250 * np.exp(-((miss / self.width) ** 2)))[..., None]


@dataclass(frozen=True)
class Plain:
    """One grey everywhere."""

    level: int

    def look(self, directions, out):
        out[:] = self.level


def centroid(values, axis):
    """Return where the weight of grey values lies along an axis, in px."""
    weight = values.astype(float)
    index = np.arange(values.shape[axis])
    return np.tensordot(weight, index, axes=(axis, 0)) / weight.sum(axis=axis)


@pytest.fixture(scope="module")
def camera():
    return Camera.from_focal(320, 180, 230.0, readout_time=0.02)


@pytest.fixture(scope="module")
def room(camera):
    return Room.for_camera(camera)


# motion


def numeric_rate(motion, t, step=1e-5):
    turn = motion.at(t - step).inv() * motion.at(t + step)
    return turn.as_rotvec() / (2 * step)


@pytest.mark.parametrize("kind", GAITS)
def test_the_rate_is_the_derivative_of_the_rotation(kind):
    motion = Handheld(kind, seed=3, pan=0.8)
    t = np.linspace(-5, 300, 500)
    np.testing.assert_allclose(motion.rate_at(t), numeric_rate(motion, t), atol=1e-6)


@pytest.mark.parametrize("kind", GAITS)
def test_a_hand_shakes_as_much_as_it_should_and_between_0_8_and_14_hz(kind):
    t = np.arange(0, 200, 0.02)
    rate = Handheld(kind, seed=1, pan=0.0).rate_at(t)
    np.testing.assert_allclose(rate.std(axis=0), GAITS[kind].shake_rms, rtol=0.1)
    power = np.abs(np.fft.rfft(rate * np.hanning(len(t))[:, None], axis=0)) ** 2
    frequency = np.fft.rfftfreq(len(t), 0.02)
    in_band = (frequency > 0.75) & (frequency < 14.5)
    assert power[in_band].sum() > 0.98 * power.sum()


def test_shake_and_pan_are_what_one_asks_for():
    t = np.arange(0, 100, 0.01)
    np.testing.assert_allclose(
        Handheld("stand", shake_rms=0.05, pan=0).rate_at(t).std(axis=0), 0.05, rtol=0.1
    )
    yaw = Handheld(shake_rms=0, pan=0.5).at(t).as_euler("YXZ")[:, 0]
    assert 0.3 < np.abs(yaw).max() <= 0.5


def test_a_seed_makes_a_motion():
    t = np.linspace(0, 10, 100)
    same, other = Handheld(seed=5).rate_at(t), Handheld(seed=6).rate_at(t)
    np.testing.assert_array_equal(Handheld(seed=5).rate_at(t), same)
    assert abs(np.corrcoef(same[:, 0], other[:, 0])[0, 1]) < 0.5


def test_a_replayed_log_moves_as_the_camera_did():
    hand = Handheld("walk", seed=2)
    replayed = from_log(simulate_log(hand, 5.0, 12.0, rate=1000.0, sync=ClockSync(delay=100.0)))
    t = np.linspace(5.5, 11.5, 400)
    start = hand.at(np.array([5.0]))
    apart = (start.inv() * hand.at(t)).inv() * replayed.at(t - 5.0)
    assert apart.magnitude().max() < 1e-6
    np.testing.assert_allclose(replayed.rate_at(t - 5.0), hand.rate_at(t), atol=1e-3)
    np.testing.assert_allclose(
        replayed.rate_at(t - 5.0), numeric_rate(replayed, t - 5.0), atol=1e-5
    )


# log


def integrated(t, rate):
    """Turn by the mean of neighbouring rates, one sample after the other."""
    R = [Rotation.identity()]
    for dt, mean in zip(np.diff(t), (rate[1:] + rate[:-1]) / 2, strict=True):
        R.append(R[-1] * Rotation.from_rotvec(mean * dt))
    return Rotation.concatenate(R)


def test_a_log_file_integrates_to_the_motion_through_delay_skew_drift_and_axes(tmp_path: Path):
    motion = Handheld("walk", seed=4)
    delay, skew, drift = 1234.5, 2e-3, np.array([0.02, -0.03, 0.01])
    write_log(
        simulate_log(
            motion,
            1.0,
            3.5,
            rate=1000.0,
            sync=ClockSync(delay, skew),
            drift=drift,
            imu_orientation="yXz",
        ),
        tmp_path / "gyro.csv",
    )
    assert (tmp_path / "gyro.csv").read_text().splitlines()[0] == "t,gx,gy,gz"
    t_log, *gyro = np.loadtxt(tmp_path / "gyro.csv", delimiter=",", skiprows=1).T
    x, y, z = np.array(gyro) - drift[:, None]
    t = (t_log - delay) / (1 + skew)
    rate_cam = np.column_stack([-y, x, -z]) * (1 + skew)  # "yXz" says v_cam = (−y, x, −z)
    assert t[0] == pytest.approx(1.0) and 3.5 <= t[-1] < 3.502
    np.testing.assert_allclose(np.diff(t_log), 1e-3, atol=1e-8)
    start = motion.at(t[:1])
    apart = (start * integrated(t, rate_cam)).inv() * motion.at(t)
    assert apart.magnitude().max() < 1e-5


def test_a_sensor_may_sit_askew_in_the_camera():
    """R_body_cam (90° about z) takes camera x to body y."""
    motion = Spin((0.3, 0.0, 0.1))
    R_body_cam = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    log = simulate_log(motion, 0, 1, R_body_cam=R_body_cam)
    np.testing.assert_allclose(log.gyro, np.tile([0.0, 0.3, 0.1], (len(log.t), 1)))


def test_noise_is_white_and_jitter_keeps_the_order_and_the_truth():
    motion = Handheld("stand", seed=8)
    noisy = simulate_log(motion, 0, 20, noise=0.02, jitter=0.2, seed=1)
    error = noisy.gyro - motion.rate_at(noisy.t)  # jittered times are the true ones
    np.testing.assert_allclose(error.std(axis=0), 0.02, rtol=0.05)
    np.testing.assert_allclose(np.mean(error[1:] * error[:-1], axis=0), 0, atol=3e-5)
    assert np.diff(noisy.t).std() == pytest.approx(0.2 * 0.005 * np.sqrt(2), rel=0.3)
    again = simulate_log(motion, 0, 20, noise=0.02, jitter=0.2, seed=1)
    np.testing.assert_array_equal(again.gyro, noisy.gyro)
    other = simulate_log(motion, 0, 20, noise=0.02, jitter=0.2, seed=2)
    assert not np.array_equal(other.gyro, noisy.gyro)


def test_nothing_is_recorded_inside_a_gap():
    sync = ClockSync(delay=-7.0)
    log = simulate_log(Handheld(), 0, 4, rate=100.0, sync=sync, gaps=[(1.005, 1.255), (2.0, 3.0)])
    t_video = log.t + 7.0
    assert not np.any((t_video > 1.006) & (t_video < 1.254))
    np.testing.assert_allclose(log.gaps + 7.0, [(1.0, 1.26), (2.0, 3.0)], atol=1e-6)


# pictures


def test_two_frames_of_a_global_shutter_differ_by_a_homography(room):
    camera = Camera.from_focal(320, 180, 230.0)
    motion = Spin((0.1, 0.25, -0.2), start=(0.2, 0.05, 0.1))
    before, after = (render_frame(camera, motion, t, room, supersample=2) for t in (0.0, 0.2))
    K = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])
    R0, R1 = motion.at(np.array([0.0, 0.2])).as_matrix()
    H = K @ R1.T @ R0 @ np.linalg.inv(K)  # a pixel of `before` to its place in `after`
    inside = slice(30, -30)

    def difference(H):
        warped = cv2.warpPerspective(before, H, (320, 180), flags=cv2.INTER_CUBIC)
        return np.abs(warped.astype(float) - after)[inside, inside].mean()

    assert difference(H) < 1.5  # of 256 grey levels: what one more resampling costs
    assert difference(np.eye(3)) > 10
    assert difference(np.linalg.inv(H)) > 10


@pytest.mark.parametrize(
    ("direction", "by_row", "sign"),
    [
        ("top_to_bottom", True, 1),
        ("bottom_to_top", True, -1),
        ("left_to_right", False, 1),
        ("right_to_left", False, -1),
    ],
)
@pytest.mark.parametrize("supersample", [1, 2])
def test_rolling_shutter_shears_a_line_by_the_rate_times_the_row_time(
    direction, by_row, sign, supersample
):
    """Turning right at ω moves what is ahead to the left: x = cx − f tan(ω t(row))."""
    omega, readout, f = 3.0, 0.03, 200.0
    camera = Camera.from_focal(200, 120, f, readout_time=readout, readout_direction=direction)
    motion = Spin((0.0, omega, 0.0) if by_row else (omega, 0.0, 0.0))
    line = Line("x" if by_row else "y", 3 / f)
    grey = render_frame(camera, motion, 0.01, line, supersample=supersample)[..., 0]
    n_lines = 120 if by_row else 200
    t = 0.01 + sign * readout * ((np.arange(n_lines) + 0.5) / n_lines - 0.5)
    shift = -f * np.tan(omega * t) if by_row else f * np.tan(omega * t)  # y is down
    middle = 99.5 if by_row else 59.5
    found = centroid(grey, axis=1 if by_row else 0)
    np.testing.assert_allclose(found, middle + shift, atol=0.025)  # grey values are whole numbers
    assert np.ptp(shift) > 16  # px: what is tested can be seen


@pytest.mark.parametrize("lens", ["opencv", "fisheye"])
def test_a_spot_is_where_opencv_projects_it(lens):
    K = np.array([[150.0, 0, 158.0], [0, 148.0, 92.0], [0, 0, 1]])
    coeffs = np.array([0.12, -0.05, 0.01, 0.0] if lens == "fisheye" else [-0.25, 0.06, 0.002, 0.0])
    camera = Camera(
        320, 180, 150.0, 148.0, 158.0, 92.0, (Fisheye if lens == "fisheye" else OpenCV)(coeffs)
    )
    turn = (0.3, -0.1, 0.2)
    R = Rotation.from_euler("YXZ", turn)
    for ray in [(-0.5, 0.2, 1.0), (0.4, -0.3, 1.0), (0.05, 0.02, 1.0)]:
        spot = Blob(tuple(R.apply(ray)), 0.02)
        grey = render_frame(camera, Spin(STILL, turn), 0.0, spot)[..., 0]
        rays = np.array([[ray]])
        project = cv2.fisheye.projectPoints if lens == "fisheye" else cv2.projectPoints
        expected, _ = project(rays, np.zeros(3), np.zeros(3), K, coeffs)
        found = [centroid(grey.sum(axis=axis), 0) for axis in (0, 1)]
        np.testing.assert_allclose(found, expected.ravel(), atol=0.1)


def test_a_lens_shows_black_where_it_ends(room):
    lens = Fisheye((-0.25, 0.0, 0.0, 0.0))  # stops growing at 1 − 0.75 θ² = 0: 0.77 focal lengths
    camera = Camera.from_focal(200, 120, 100.0, lens=lens)
    picture = render_frame(camera, Spin(STILL), 0.0, room)
    x, y = np.meshgrid(np.arange(200) - 99.5, np.arange(120) - 59.5)
    radius = np.hypot(x, y)
    edge = 100 * (2 / 3) / np.sqrt(0.75)
    assert (picture[radius > edge + 1] == 0).all()
    assert (picture[radius < edge - 1] > 20).all()


@pytest.mark.parametrize("name", ROOM)
def test_a_face_of_the_room_is_seen_from_inside_as_it_is_painted(room, name):
    face, axes = room.face(name), axes_matrix(ROOM[name].axes)  # right, down, outward
    assert np.linalg.det(axes) == pytest.approx(1)  # not mirrored
    j, i = np.random.default_rng(0).integers(0, len(face), (2, 300))
    across, down = (2 * (k + 0.5) / len(face) - 1 for k in (i, j))
    directions = axes.T @ np.stack([across, down, np.ones(300)])
    seen = np.zeros((1, 300, 3), np.uint8)
    room.look(directions[:, None].astype(np.float32), seen)
    assert np.abs(seen[0].astype(int) - face[j, i]).max() <= 1


def test_the_room_has_no_dark_or_blank_part_and_no_seam(room):
    rng = np.random.default_rng(0)
    anywhere = rng.normal(size=(3, 200, 200)).astype(np.float32)
    colours = np.zeros((200, 200, 3), np.uint8)
    room.look(anywhere, colours)
    assert colours.min() >= 30 and colours.max() <= 225
    along, across = rng.uniform(-1, 1, 500), rng.choice([-1, 1], (2, 500))
    for axes in ([0, 1, 2], [1, 2, 0], [2, 0, 1]):  # edges along x, y and z
        sides = np.zeros((2, 500, 3), np.uint8)
        for side, nearer in zip(sides, (0.999, 1.001), strict=True):
            beside = np.stack([along, across[0] * nearer, across[1]])[np.argsort(axes)]
            room.look(beside[:, None].astype(np.float32), side[None])
        assert np.abs(sides[0].astype(int) - sides[1]).max() <= 3


def test_the_room_is_textured_everywhere(camera, room):
    for yaw in range(0, 360, 45):
        for pitch in (-60, 0, 60):
            still = Spin(STILL, (np.deg2rad(yaw), np.deg2rad(pitch), 0.0))
            picture = render_frame(camera, still, 0.0, room)
            grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
            corners = cv2.goodFeaturesToTrack(grey, 500, 0.01, 5)[:, 0]
            cells = np.unique((corners // (80, 60)).astype(int), axis=0)
            assert len(cells) == 12, (yaw, pitch)  # each of 4 x 3 parts has some


def test_a_picture_is_the_same_each_time(camera, room):
    motion = Handheld("run", seed=1)
    first = render_frame(camera, motion, 0.5, room)
    np.testing.assert_array_equal(render_frame(camera, motion, 0.5, Room.for_camera(camera)), first)
    assert not np.array_equal(render_frame(camera, motion, 0.6, room), first)


def test_without_scikit_image_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(StabilizerError, match=r"pip install scikit-image$"):
        Room(256)


# where the camera is


def flying(t):
    return np.column_stack([0.4 - 2.0 * t, 1.5 * t, -0.5 + 3.0 * t])


@pytest.mark.parametrize("direction", ["top_to_bottom", "right_to_left"])
@pytest.mark.parametrize("point", [(0.9, -0.6, 4.0), (-1.2, 0.7, 4.0), (4.0, 0.4, 2.9)])
def test_a_point_of_a_wall_is_where_it_is_projected_by_hand(direction, point):
    """x = K R(t)ᵀ (P − p(t)), where t is when the row, or the column, that x falls on is read."""
    f, readout, t_frame = 230.0, 0.03, 0.1
    camera = Camera.from_focal(320, 180, f, readout_time=readout, readout_direction=direction)
    ahead = 0.6 if point[0] == 4 else 0.0  # the side wall is seen in a corner
    motion = Spin((0.4, -0.8, 0.5), start=(ahead, 0.1, 0.05))

    def projected(position):
        x, y = 159.5, 89.5
        for _ in range(30):
            part = (y + 0.5) / 180 if direction == "top_to_bottom" else 1 - (x + 0.5) / 320
            t = np.array([t_frame + readout * (part - 0.5)])
            ray = motion.at(t).inv().apply(np.array(point) - position(t))[0]
            x, y = f * ray[:2] / ray[2] + (159.5, 89.5)
        return np.array([x, y])

    spot = Blob(point, 0.012)
    grey = render_frame(
        camera, motion, t_frame, spot, supersample=4, position=flying, room_size=4.0
    )[..., 0]
    found = [centroid(grey.sum(axis=axis), 0) for axis in (0, 1)]
    expected = projected(flying)
    assert (expected > 15).all() and (expected < (305, 165)).all()
    np.testing.assert_allclose(found, expected, atol=0.1)
    frozen = projected(lambda t: flying(np.full(len(t), t_frame)))
    assert np.abs(expected - frozen).max() > 0.2  # px: to see all from one place would fail
    assert np.abs(expected - projected(lambda t: np.zeros((len(t), 3)))).max() > 5


@pytest.mark.parametrize("direction", ["bottom_to_top", "left_to_right"])
def test_each_row_is_that_of_a_picture_taken_at_once_when_the_row_is_read(room, direction):
    camera = Camera.from_focal(160, 90, 120.0, readout_time=0.04, readout_direction=direction)
    at_once = Camera.from_focal(160, 90, 120.0)
    sight = {"position": flying, "room_size": 3.0, "movers": crossing(12, seed=1)}
    rolling = render_frame(camera, Handheld("run"), 0.3, room, **sight)
    for line in (0, 31, 32, 89):
        by_row = direction == "bottom_to_top"
        part = 1 - (line + 0.5) / 90 if by_row else (line + 0.5) / 160
        whole = render_frame(at_once, Handheld("run"), 0.3 + 0.04 * (part - 0.5), room, **sight)
        pick = np.s_[line] if by_row else np.s_[:, line]
        assert np.abs(rolling[pick].astype(int) - whole[pick]).max() <= 1
        assert np.abs(rolling.astype(int) - whole).mean() > 5


def test_at_the_centre_a_room_of_any_size_is_seen_as_at_infinity(camera, room):
    motion = Handheld("walk", seed=2)
    far = render_frame(camera, motion, 0.5, room).astype(int)
    for room_size in (0.5, 1e6):
        near = render_frame(
            camera, motion, 0.5, room, position=lambda t: np.zeros((len(t), 3)), room_size=room_size
        )
        assert np.abs(near - far).max() <= 4 and np.abs(near - far).mean() < 0.02  # float32


def test_rays_along_a_wall_hit_the_one_ahead():
    """The middle row and column look exactly along two of the walls."""
    camera = Camera.from_focal(41, 31, 40.0)
    grey = render_frame(
        camera,
        Spin(STILL),
        0.0,
        Line("x", 0.03),
        position=lambda t: np.tile([0.5, 0.0, 0.0], (len(t), 1)),
        room_size=2.0,
    )[..., 0]
    np.testing.assert_allclose(centroid(grey, axis=1), 20 - 40 * 0.5 / 2.0, atol=0.05)


def test_a_walk_is_that_of_the_tracks_and_a_lever_swings():
    motion, t = Handheld("run", seed=5), np.linspace(0, 4, 200)
    walk = Walk(motion, start=(1.0, -2.0, 3.0))
    np.testing.assert_allclose(walk(t) - (1.0, -2.0, 3.0), walking(motion)(t), atol=1e-12)
    swung = Walk(Spin((0, 0, np.pi)), speed=0, bob=0, sway=0, lever=(0.1, 0, 0))
    np.testing.assert_allclose(swung(np.array([0.5])), [[0, 0.1, 0]], atol=1e-12)


# things that move


def inner_rays(camera):
    """Return unit rays (H, W, 3) of the pixels, and their solid angles up to a factor."""
    x, y = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    rays = np.stack([(x - camera.cx) / camera.fx, (y - camera.cy) / camera.fy, x * 0 + 1.0], axis=2)
    norm = np.linalg.norm(rays, axis=2)
    return rays / norm[..., None], norm**-3.0


@pytest.mark.parametrize("seed", range(3))
def test_a_disc_moves_at_its_speed_as_large_as_it_is_and_hides_nothing_else(seed, room):
    camera = Camera.from_focal(640, 480, 300.0)
    (disc,) = crossing(1, seed)
    assert np.deg2rad(5) <= disc.speed <= np.deg2rad(40)
    assert np.deg2rad(10) <= disc.size <= np.deg2rad(25)
    t = np.arange(0, 60, 0.1)
    t0 = t[np.abs(disc.angle(t)).argmin()]
    rays, solid_angle = inner_rays(camera)
    centres = []
    for when in (t0 - 0.2, t0 + 0.2):
        black = render_frame(camera, Spin(STILL), when, Plain(0), movers=[disc])
        covered = (black > 10).all(axis=2)
        weight = np.where(covered, solid_angle, 0)
        centre = np.tensordot(weight, rays, axes=2)
        centres.append(centre / np.linalg.norm(centre))
        found = weight.sum() / camera.fx / camera.fy
        assert found == pytest.approx(2 * np.pi * (1 - np.cos(disc.size / 2)), rel=0.02)
        beyond = rays @ centres[-1] < np.cos(disc.size / 2 + 0.01)
        still = render_frame(camera, Spin(STILL), when, room)
        moved = render_frame(camera, Spin(STILL), when, room, movers=[disc])
        np.testing.assert_array_equal(moved[beyond], still[beyond])
        assert np.abs(moved[covered].astype(int) - still[covered]).mean() > 10
    travelled = np.arccos(centres[0] @ centres[1])
    assert travelled == pytest.approx(disc.speed * 0.4, rel=0.01)


def test_things_differ_by_seed_and_return():
    a, b = crossing(4, seed=1), crossing(4, seed=2)
    assert [m.speed for m in a] == [m.speed for m in crossing(4, seed=1)]
    assert not {m.speed for m in a} & {m.speed for m in b}
    for mover in a:
        lap = np.deg2rad(140) / mover.speed
        t = np.linspace(0, 1, 7)
        np.testing.assert_allclose(mover.angle(t + 3 * lap), mover.angle(t), atol=1e-9)


# colour


def test_bt709_primaries_have_their_known_codes():
    """ITU-R BT.709, item 3: 8-bit codes of 100 % colour bars."""
    bars = {
        (255, 255, 255): (235, 128, 128),
        (255, 255, 0): (219, 16, 138),
        (0, 255, 0): (173, 42, 26),
        (255, 0, 0): (63, 102, 240),
        (0, 0, 255): (32, 240, 118),
        (0, 0, 0): (16, 128, 128),
    }
    for rgb, codes in bars.items():
        planes = to_yuv420p(np.full((4, 6, 3), rgb, np.uint8))
        assert [p.shape for p in planes] == [(4, 6), (2, 3), (2, 3)]
        assert [np.unique(p).tolist() for p in planes] == [[c] for c in codes]


def test_chroma_sits_at_even_columns_and_between_rows():
    ramp = 8 * np.arange(30)
    for across in (True, False):
        blue = np.zeros((30, 30, 3), np.uint8)
        blue[..., 2] = ramp if across else ramp[:, None]
        _, cb, _ = to_yuv420p(blue)
        found = cb[5, 1:] if across else cb[:, 5]
        place = 2 * np.arange(1, 15) if across else 2 * np.arange(15) + 0.5
        np.testing.assert_allclose(found, 128 + 0.5 * 224 / 255 * 8 * place, atol=0.51)


# clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory, camera, room):
    rng = np.random.default_rng(0)
    done = []
    made = simulate(
        tmp_path_factory.mktemp("clip") / "walk",
        camera=camera,
        scene=room,
        frame_times=0.5 + np.cumsum(rng.uniform(0.01, 0.07, 30)),
        delay=3.25,
        clock_skew=1e-4,
        drift=(0.01, 0.0, -0.01),
        noise=1e-3,
        gaps=[(1.0, 1.1)],
        seed=7,
        progress=lambda *counts: done.append(counts),
    )
    assert done == [(k + 1, 30) for k in range(30)]
    return made


def test_a_clip_holds_what_was_rendered_at_its_times(clip, camera, room):
    info = probe(clip.video)
    np.testing.assert_array_equal(info.frame_times, clip.frame_times)
    assert info.audio == ("aac",)
    assert (info.codec, info.pixel_format) == ("h264", "yuv420p")
    assert set(info.colour.values()) == {1}  # BT.709, limited range
    with VideoReader(clip.video) as frames:
        for frame in frames:
            planes = to_yuv420p(render_frame(camera, clip.motion, frame.t, room))
            for plane, rendered in zip(frame.planes, planes, strict=True):
                assert np.abs(plane.astype(float) - rendered).mean() < 2  # crf 16


def test_a_clip_comes_with_its_camera_log_and_truth(clip, camera):
    assert load_camera(clip.camera_file).readout_time == camera.readout_time
    truth = json.loads(clip.truth.read_text())
    assert [truth["video"], truth["gyro"]] == ["walk.mp4", "walk.csv"]
    assert (truth["delay"], truth["clock_skew"], truth["readout_time"]) == (3.25, 1e-4, 0.02)
    np.testing.assert_array_equal(truth["frame_times"], clip.frame_times)
    R = Rotation.from_quat(truth["R_world_cam_quat_xyzw"])
    motion = Handheld("walk", seed=7)
    assert (R.inv() * motion.at(clip.frame_times)).magnitude().max() < 1e-9
    t = truth["rate_t0"] + truth["rate_step"] * np.arange(len(truth["rate_cam"]))
    np.testing.assert_allclose(truth["rate_cam"], motion.rate_at(t), atol=1e-8)
    table = np.loadtxt(clip.gyro, delimiter=",", skiprows=1)
    np.testing.assert_allclose(table, np.column_stack([clip.log.t, clip.log.gyro]), atol=1e-9)
    covered = clip.sync.video_time(table[[0, -1], 0])
    assert covered[0] <= clip.frame_times[0] - 0.999 and covered[1] >= clip.frame_times[-1] + 0.999


def test_sound_clicks_at_each_second(clip):
    import av

    with av.open(str(clip.video)) as container:
        blocks = [f.to_ndarray()[0] for f in container.decode(audio=0)]
    samples = np.abs(np.concatenate(blocks))
    assert len(samples) / 48_000 == pytest.approx(clip.frame_times[-1] + 0.04, abs=0.06)
    loud = np.flatnonzero(samples > 0.2) / 48_000
    assert loud.min() < 0.01
    np.testing.assert_allclose(loud % 1.0, 0.003, atol=0.006)


def test_files_that_exist_are_kept_unless_told_otherwise(tmp_path, camera, room):
    options = {"camera": camera, "scene": room, "duration": 0.1, "audio": False}
    (tmp_path / "a.csv").write_text("mine")
    with pytest.raises(StabilizerError, match=r"a\.csv: exists already"):
        simulate(tmp_path / "a", **options)
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]
    made = simulate(tmp_path / "a", **options, overwrite=True)
    assert len(made.frame_times) == 3
    assert probe(made.video).audio == ()
    assert made.gyro.read_text().startswith("t,gx")


def decoded(video):
    with VideoReader(video) as frames:
        return [[plane.astype(float) for plane in frame.planes] for frame in frames]


def test_a_noisy_picture_has_the_noise_asked_for(tmp_path, camera):
    options = {"camera": camera, "scene": Plain(120), "duration": 0.1, "audio": False, "crf": 0}
    clean, noisy, other = (
        decoded(simulate(tmp_path / str(k), **options, **extra).video)
        for k, extra in enumerate(
            ({}, {"picture_noise": 5.0}, {"picture_noise": 5.0, "noise": 0.01, "seed": 1})
        )
    )
    noise = np.array([now[0] - before[0] for now, before in zip(noisy, clean, strict=True)])
    assert noise.std() == pytest.approx(np.hypot(5.0, 12**-0.5), rel=0.02)  # and rounding
    assert abs(noise.mean()) < 0.1
    for axis in range(3):  # white in time and place
        moved = np.roll(noise, 1, axis)
        assert abs((noise * moved).mean()) < 0.02 * 25
    np.testing.assert_array_equal(noisy[0][1], clean[0][1])
    assert abs(np.corrcoef(noise[0].ravel(), other[0][0].ravel())[0, 1]) < 0.02
    again = decoded(simulate(tmp_path / "1", **options, picture_noise=5.0, overwrite=True).video)
    np.testing.assert_array_equal(again[2][0], noisy[2][0])


def test_a_steadied_clip_has_the_log_of_what_was_felt(tmp_path, camera, room):
    felt = Handheld("walk", seed=3)
    shown = Steadied(felt, electronic, (0.0, 1.0))
    clip = simulate(
        tmp_path / "a",
        camera=camera,
        scene=room,
        motion=shown,
        log_motion=felt,
        duration=0.2,
        audio=False,
        crf=0,
    )
    np.testing.assert_allclose(clip.log.gyro, felt.rate_at(clip.log.t), atol=1e-12)
    expected = to_yuv420p(render_frame(camera, shown, clip.frame_times[-1], room))
    np.testing.assert_array_equal(decoded(clip.video)[-1][0], expected[0])
    truth = json.loads(clip.truth.read_text())
    t = truth["rate_t0"] + truth["rate_step"] * np.arange(len(truth["rate_cam"]))
    np.testing.assert_allclose(truth["rate_cam"], shown.rate_at(t), atol=1e-6)
    np.testing.assert_allclose(truth["log_rate_cam"], felt.rate_at(t), atol=1e-6)
    shake = [np.std(truth[name]) for name in ("rate_cam", "log_rate_cam")]
    assert shake[0] < 0.6 * shake[1]


def test_a_walked_clip_is_rendered_from_where_its_truth_says(tmp_path, camera, room):
    motion, movers = Handheld("walk", seed=3), crossing(3, seed=9)
    walk = Walk(motion, start=(0.5, 0.0, -1.0))
    clip = simulate(
        tmp_path / "a",
        camera=camera,
        scene=room,
        motion=motion,
        position=walk,
        room_size=2.5,
        movers=movers,
        duration=0.2,
        audio=False,
        crf=0,
    )
    t = clip.frame_times[4]
    sight = {"position": walk, "room_size": 2.5, "movers": movers}
    expected = to_yuv420p(render_frame(camera, motion, t, room, **sight))
    np.testing.assert_array_equal(decoded(clip.video)[4][0], expected[0])
    truth = json.loads(clip.truth.read_text())
    np.testing.assert_allclose(truth["position"], walk(clip.frame_times), atol=1e-8)
    assert (truth["room_size"], truth["movers"]) == (2.5, 3)


def test_what_is_not_asked_for_changes_nothing(tmp_path, camera, room, clip):
    options = {"camera": camera, "scene": room, "duration": 0.1, "audio": False, "crf": 0}
    usual = simulate(tmp_path / "a", **options)
    for plane, expected in zip(
        decoded(usual.video)[2],
        to_yuv420p(render_frame(camera, usual.motion, usual.frame_times[2], room)),
        strict=True,
    ):
        np.testing.assert_array_equal(plane, expected)
    truth = json.loads(clip.truth.read_text())
    assert not truth.keys() & {
        "position", "room_size", "movers", "picture_noise", "log_motion", "log_rate_cam"
    }  # fmt: skip


def test_the_program_walks_past_things_in_noise(tmp_path):
    small = ("--duration", 0.2, "--size", "160x90")
    done = run(
        "simulate", tmp_path / "a", *small, "--room-size", 3, "--movers", 2, "--picture-noise", 4
    )
    assert done.returncode == 0, done.stderr
    truth = json.loads((tmp_path / "a.truth.json").read_text())
    assert (truth["room_size"], truth["movers"], truth["picture_noise"]) == (3, 2, 4)
    z = np.array(truth["position"])[:, 2]
    assert np.diff(z).mean() * 30 == pytest.approx(1.3, abs=0.1)
    for option, value, message in [
        ("--room-size", 0, "room_size: expected a finite number > 0"),
        ("--room-size", 0.2, "enlarge room_size"),
        ("--movers", -1, "movers: expected"),
        ("--picture-noise", "nan", "picture_noise: expected a finite number"),
        ("--size", "319x239", "size: expected even numbers of pixels, got '319x239'"),
        ("--size", "320.5x240", "size: expected even numbers of pixels, got '320.5x240'"),
    ]:
        refused(run("simulate", tmp_path / "b", *small, option, value), message)


# wrong calls


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"motion": "swim"}, "kind: expected one of stand, walk, run; got 'swim'"),
        ({"duration": 0}, "duration: expected a finite number > 0, got 0"),
        ({"duration": 0.01}, "duration: expected one frame at least"),
        ({"fps": "30"}, "fps: expected a number, got '30'"),
        ({"frame_times": [0.0, 0.0]}, "frame_times: expected strictly increasing"),
        ({"frame_times": [0.0, 1e-6]}, "frame_times: expected strictly increasing"),
        ({"frame_times": [-1.0, 0.0]}, "frame_times: expected times >= 0"),
        ({"frame_times": []}, "frame_times: expected"),
        ({"gyro_rate": -1}, "rate: expected a finite number > 0"),
        ({"clock_skew": 2}, "clock_skew"),
        ({"delay": float("nan")}, "delay"),
        ({"drift": [1, 2]}, "drift: expected shape (3,)"),
        ({"noise": -1}, "noise: expected a finite number >= 0"),
        ({"jitter": 1}, "jitter: expected a finite number >= 0 and <= 0.2"),
        ({"gaps": [1.0, 2.0]}, "gaps: expected shape (G, 2)"),
        ({"margin": -1}, "margin"),
        ({"seed": -1}, "seed"),
        ({"crf": 52}, "crf"),
        ({"supersample": 0}, "supersample"),
        ({"picture_noise": -1}, "picture_noise: expected a finite number >= 0"),
        ({"room_size": 0}, "room_size: expected a finite number > 0"),
        ({"position": flying, "room_size": 0.5}, "position: expected one less than 0.5 m from"),
        ({"position": lambda t: np.zeros(3)}, "position: expected shape (9, 3), got (3,)"),
        (
            {"camera": Camera.from_focal(321, 180, 200.0)},
            "camera: expected even sides, got 321x180",
        ),
    ],
)
def test_wrong_arguments_are_named(tmp_path, camera, arguments, message):
    with pytest.raises((ValueError, TypeError)) as caught:
        simulate(tmp_path / "clip", **({"camera": camera, "duration": 0.1} | arguments))
    assert message in str(caught.value)
    assert not list(tmp_path.iterdir())
