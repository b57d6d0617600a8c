"""Plans and synchronizations as pictures or pages: how the camera moved, what was decided of it.

Times are the video's, angles degrees. Nothing here decides anything. matplotlib is an extra.
"""

from stabilizer.report.angles import angles_deg
from stabilizer.report.figure import draw_plan
from stabilizer.report.files import RENDERERS, plan_numbers, plot_plan
from stabilizer.report.rendering import SUFFIXES, check_plot
from stabilizer.report.sync_plot import Compared, compared, draw_sync, plot_sync

__all__ = [
    "RENDERERS",
    "SUFFIXES",
    "Compared",
    "angles_deg",
    "check_plot",
    "compared",
    "draw_plan",
    "draw_sync",
    "plan_numbers",
    "plot_plan",
    "plot_sync",
]
