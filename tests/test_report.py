"""Plots of a plan: angles of known turns, small and repeatable files, legible text, refusals."""

import re
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.text import Text
from scipy.spatial.transform import Rotation

from gyro_data.checks import Bools, Floats
from stabilizer.camera import Camera
from stabilizer.errors import StabilizerError
from stabilizer.path import CameraPath
from stabilizer.plan import Plan
from stabilizer.report import (
    RENDERERS,
    angles_deg,
    check_plot,
    draw_plan,
    plan_numbers,
    plot_plan,
)
from stabilizer.report.figure import NARROW, RUNS, WIDE

CAMERA = Camera.from_focal(640, 360, 480.0)
FRAMES = np.arange(120) / 30


def make_plan(
    virtual: Rotation,
    *,
    measured: Rotation | None = None,
    frame_times: Floats | None = None,
    margin: float = 1.0,
    gaps: list[tuple[float, float]] | None = None,
) -> Plan:
    t = np.arange(len(virtual)) / 30 if frame_times is None else frame_times
    holes = np.array(gaps or []).reshape(-1, 2)
    ripple = np.arange(len(t)) % 7 / 10
    return Plan(
        measured=CameraPath.of(t, virtual if measured is None else measured, gaps=holes),
        virtual=CameraPath.of(t, virtual),
        zoom=1.1 + 0.1 * np.sin(t) ** 2,
        camera=CAMERA,
        output=CAMERA,
        margin=margin + ripple,
        interpolation="cubic",
    )


def shaky(t: Floats) -> tuple[Rotation, Rotation]:
    """Return a slow pan and the same with shake, seen from a world that lies anyhow."""
    pan = np.stack([np.sin(t / 3), 0.2 * np.sin(t / 2), 0.05 * np.cos(t)], axis=-1)
    shake = 0.03 * np.sin(np.outer(t, [9.0, 11.0, 14.0]) + np.arange(3))
    world = Rotation.from_rotvec([1.0, -2.0, 0.5])
    return tuple(world * Rotation.from_euler("YXZ", angles) for angles in (pan, pan + shake))


def example(n_frames: int = 120, **more: float | list[tuple[float, float]]) -> Plan:
    virtual, measured = shaky(np.arange(n_frames) / 30)
    return make_plan(virtual, measured=measured, **more)


# --- angles ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("axis", "column"), [("Y", 0), ("X", 1), ("Z", 2)])
def test_three_turns_about_one_axis_are_1080_degrees(axis: str, column: int) -> None:
    """Pitch goes through straight up and down on its way, exactly so at some of the frames."""
    degrees = np.linspace(0, 1080, 241)
    world = Rotation.from_rotvec([0.3, 0.2, -1.0])
    plan = make_plan(world * Rotation.from_euler(axis, degrees[:, None], degrees=True))
    for angles in angles_deg(plan):
        expected = np.zeros((241, 3))
        expected[:, column] = degrees
        np.testing.assert_allclose(angles, expected, atol=1e-6)


def test_right_up_and_clockwise_are_positive() -> None:
    """In camera axes: forward turns to +x, forward turns to −y, right turns to down."""
    forward, right = [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]
    turned = {
        0: Rotation.align_vectors([[0.1, 0, 1]], [forward])[0],
        1: Rotation.align_vectors([[0, -0.1, 1]], [forward])[0],
        2: Rotation.align_vectors([[1, 0.1, 0]], [right])[0],
    }
    for column, rotation in turned.items():
        virtual, _ = angles_deg(make_plan(Rotation.concatenate([Rotation.identity(), rotation])))
        assert virtual[1, column] == pytest.approx(np.degrees(np.arctan(0.1)), abs=1e-6)


def test_the_angles_make_up_the_poses_and_never_jump() -> None:
    """A flight through all poses: 60 seeds, so that some pass within a degree of straight up."""
    t = np.linspace(0, 10, 2000)
    closest = 90.0
    for seed in range(60):
        wave = np.random.default_rng(seed).normal(size=(2, 3))
        rotvec = 2 * wave[0] * np.sin(0.8 * t)[:, None] + 2 * wave[1] * np.sin(0.5 * t)[:, None]
        plan = make_plan(Rotation.from_rotvec(rotvec))
        angles, _ = angles_deg(plan)
        R_start_virtual = plan.virtual.at(plan.frame_times)
        R_start_virtual = R_start_virtual[0].inv() * R_start_virtual
        apart = Rotation.from_euler("YXZ", angles, degrees=True).inv() * R_start_virtual
        assert apart.magnitude().max() < 1e-7
        turn = np.degrees((R_start_virtual[:-1].inv() * R_start_virtual[1:]).magnitude())
        pole = np.abs(np.cos(np.radians(angles[:, 1])))
        smooth = np.minimum(pole[:-1], pole[1:]) > 0.05  # else yaw may be fast, as at a pole
        assert (np.abs(np.diff(angles, axis=0)).max(axis=1) < 25 * turn + 1e-6)[smooth].all()
        closest = min(closest, np.degrees(np.arcsin(pole.min())))
    assert closest < 1


def test_the_measured_angles_differ_by_the_correction_in_camera_axes() -> None:
    virtual, _ = shaky(FRAMES)
    correction = np.radians([2.0, -3.0, 1.0])  # about x, y, z: pitch, yaw, roll
    plan = make_plan(virtual, measured=virtual * Rotation.from_rotvec(correction))
    angles, measured = angles_deg(plan)
    np.testing.assert_allclose(measured - angles, np.tile([-3.0, 2.0, 1.0], (120, 1)), atol=1e-9)


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", RENDERERS)
def test_the_same_plan_makes_the_same_file(tmp_path: Path, suffix: str) -> None:
    """Whatever the user has set for plots of his own, and leaving that as it was."""
    once, again = tmp_path / f"once{suffix}", tmp_path / f"again{suffix.upper()}"
    plot_plan(example(), once)
    own = {"font.size": 30.0, "axes.facecolor": "black", "lines.linewidth": 9.0}
    with matplotlib.rc_context(own):
        before = dict(matplotlib.rcParams)
        plot_plan(example(), again)
        assert dict(matplotlib.rcParams) == before
    assert once.read_bytes() == again.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([once.name, again.name])


def test_png_svg_and_pdf_are_what_they_are_called(tmp_path: Path) -> None:
    for suffix in (".png", ".svg", ".pdf"):
        plot_plan(example(), tmp_path / f"plan{suffix}")
    png = (tmp_path / "plan.png").read_bytes()
    assert png.startswith(b"\x89PNG")
    assert int.from_bytes(png[16:20], "big") == 200 * WIDE[0]
    assert ElementTree.parse(tmp_path / "plan.svg").getroot().tag.endswith("svg")
    pdf = (tmp_path / "plan.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert b"CreationDate" not in pdf


class Page(HTMLParser):
    """Collects what a browser would load, the ids, and the table's cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.cells: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [v or "" for k, v in attrs if k in ("href", "src", "xlink:href")]
        self.ids += [v or "" for k, v in attrs if k == "id"]

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] in ("th", "td") and data.strip():
            self.cells.append(data.strip())


def test_the_page_needs_nothing_else_and_shows_the_numbers(tmp_path: Path) -> None:
    plan = example(gaps=[(1.0, 2.0)])
    plot_plan(plan, tmp_path / "plan.html")
    text = (tmp_path / "plan.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.tags.count("svg") == 2  # one for the desk, one for the phone
    assert not {"script", "img", "link", "iframe"} & set(page.tags)
    assert all(link.startswith("#") for link in page.links)
    assert not re.search(r"url\((?!#)|@import", text)
    assert set(re.findall(r"url\(#([^)]+)\)", text)) <= set(page.ids)
    assert 'name="viewport" content="width=device-width' in text
    assert "max-width: 100%" in text
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert len(set(page.ids)) == len(page.ids)
    for name, value in plan_numbers(plan).items():
        assert page.cells[page.cells.index(name) + 1] == value


def test_the_numbers_are_the_plans() -> None:
    assert plan_numbers(example(gaps=[(1.0, 2.0)], margin=-0.001)) == {
        "Frames": "120",
        "Duration": "3.97 s",
        "Zoom, mean": f"{np.mean(1.1 + 0.1 * np.sin(FRAMES) ** 2):.3f}",
        "Zoom, greatest": "1.200",
        "Border margin, worst": "0.00 px",
        "Frames without gyro data": "29 (24.2%)",  # frames 31 to 59
    }


@pytest.fixture(scope="module")
def hour() -> Plan:
    """An hour at 30 fps, in which every third frame lacks gyro data for the last half."""
    t = np.arange(108_000) / 30
    return example(len(t), gaps=[(a - 0.01, a + 0.01) for a in t[54_000::3]])


def test_an_hour_is_drawn_fast_and_small(tmp_path: Path, hour: Plan) -> None:
    started = time.process_time()
    for suffix in RENDERERS:
        plot_plan(hour, tmp_path / f"hour{suffix}")
        assert (tmp_path / f"hour{suffix}").stat().st_size < 2e6
    assert time.process_time() - started < 15  # measured: 3 s


def test_an_hours_extremes_are_drawn(hour: Plan) -> None:
    """Each curve has the least and the greatest value of any 10 s, where one of 3 s is kept."""
    _, measured = angles_deg(hour)
    figure = draw_plan(hour)
    for column in range(3):
        drawn = figure.axes[column].lines[0]
        x, y = np.asarray(drawn.get_xdata()) * 60, np.asarray(drawn.get_ydata())
        assert len(x) <= 2 * RUNS + 2
        for start in (0.0, 1234.0, 3589.0):
            now = (hour.frame_times >= start) & (hour.frame_times < start + 10.5)
            near = (x > start - 6) & (x < start + 16)
            assert y[near].max() >= measured[now, column].max()
            assert y[near].min() <= measured[now, column].min()
        assert (x[0], x[-1]) == pytest.approx((0, hour.frame_times[-1]))


# --- what is to be seen ---------------------------------------------------------------------------


def shaded(plan: Plan) -> Bools:
    """Tell for each frame whether it lies in the shaded area of the first panel."""
    (area,) = draw_plan(plan).axes[0].patches
    x = area.get_path().vertices[:-1, 0].reshape(-1, 4)
    t = plan.frame_times[:, None]
    return np.asarray(((t >= x[:, 0]) & (t <= x[:, 2])).any(axis=1))


@pytest.mark.parametrize(
    "gaps", [[(1.01, 1.99)], [(0.49, 0.51), (2.0, 2.6), (3.0, 3.9)]], ids=["one", "three"]
)
def test_frames_without_gyro_data_are_shaded(gaps: list[tuple[float, float]]) -> None:
    plan = example(gaps=gaps)
    assert not plan.covered.all()
    np.testing.assert_array_equal(shaded(plan), ~plan.covered)


def test_frames_beyond_the_log_are_shaded() -> None:
    virtual, measured = shaky(FRAMES)
    plan = make_plan(virtual)
    log = CameraPath.of(FRAMES[20:90], measured[20:90])
    plan = Plan(log, plan.virtual, plan.zoom, CAMERA, CAMERA, plan.margin, "cubic")
    np.testing.assert_array_equal(shaded(plan), ~plan.covered)
    assert shaded(plan).sum() == 50


def test_a_covered_clip_has_no_shade() -> None:
    figure = draw_plan(example())
    assert all(not axes.patches for axes in figure.axes)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("gap", [(0.5, 1.0), (-0.1, 0.2), (3.8, 4.0), (0.01, 0.05)], ids=str)
def test_every_text_is_large_enough_and_inside_the_picture(
    size: tuple[float, float], gap: tuple[float, float]
) -> None:
    figure = draw_plan(example(gaps=[gap]), size)
    box = figure.get_tightbbox()  # inches, of all that is drawn
    assert min(box.x0, box.y0) > -0.01
    assert box.x1 < size[0] + 0.01
    assert box.y1 < size[1] + 0.01
    texts = [text for text in figure.findobj(Text) if text.get_text()]
    assert {"measured", "virtual", "no gyro data"} <= {text.get_text() for text in texts}
    assert min(text.get_fontsize() for text in texts) >= 9


def test_rounding_errors_do_not_look_like_motion() -> None:
    still = Rotation.from_rotvec(1e-13 * np.random.default_rng(0).normal(size=(50, 3)))
    for axes in draw_plan(make_plan(still)).axes[:3]:
        low, high = axes.get_ylim()
        assert high - low > 1.99


@pytest.mark.parametrize("n_frames", [1, 2])
@pytest.mark.parametrize("suffix", RENDERERS)
def test_a_clip_of_a_frame_or_two_is_drawn(tmp_path: Path, n_frames: int, suffix: str) -> None:
    plot_plan(example(n_frames), tmp_path / f"plan{suffix}")
    assert (tmp_path / f"plan{suffix}").stat().st_size > 1000


def test_the_figure_does_not_need_pyplot() -> None:
    """Its global state would keep figures and might look for a screen."""
    code = (
        "import sys, numpy as np; from tests.test_report import example; "
        "from stabilizer.report import RENDERERS; "
        "[render(example()) for render in RENDERERS.values()]; "
        "print('matplotlib.pyplot' in sys.modules)"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    assert done.stdout.strip() == "False", done.stderr


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["plan.jpg", "plan", "plan.png.gz", ".png"])
def test_other_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"^plot: expected a name that ends in .png, .svg, .pdf"):
        plot_plan(example(), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(StabilizerError, match=r"pip install matplotlib$"):
        check_plot("plan.png")


def test_a_plot_that_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    with pytest.raises(StabilizerError, match="cannot be written"):
        plot_plan(example(), tmp_path / "no_folder" / "plan.png")
    (tmp_path / "plan.png").mkdir()
    with pytest.raises(StabilizerError, match="cannot be written"):
        plot_plan(example(), tmp_path / "plan.png")
    assert [p.name for p in tmp_path.iterdir()] == ["plan.png"]
