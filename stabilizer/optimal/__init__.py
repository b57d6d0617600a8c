"""Path and zoom as one optimization on SO(3), with the border as hard constraints.

The virtual camera is described by nodes at a fixed time step, whatever the frame rate: their turns
and zooms are the unknowns of a quadratic program whose rows are the border points of the output, in
the source picture, at their own rows' times. It is solved window by window, linearised anew until
it stands still (`cost`, `border_rows`, `sqp`, `clip`), then every frame is checked (`verdict`).
"""

from stabilizer.optimal.smoothers import Cinematic, Fixed, Optimal

__all__ = ["Cinematic", "Fixed", "Optimal"]
