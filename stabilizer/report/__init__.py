"""A plan as a picture or a page: how the camera moved and will seem to move, zoom and margin.

Times are the video's, angles degrees. Nothing here decides anything. matplotlib is an extra.
"""

from stabilizer.report.angles import angles_deg
from stabilizer.report.figure import draw_plan
from stabilizer.report.files import RENDERERS, check_plot, plan_numbers, plot_plan

__all__ = ["RENDERERS", "angles_deg", "check_plot", "draw_plan", "plan_numbers", "plot_plan"]
