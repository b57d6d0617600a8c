"""What a lens model is, and what their checks share."""

from typing import Protocol

from gyro_data.checks import Floats, number

_LARGEST_COEFF = 1e6  # rational models that fit hardly better than worse ones have thousands


class Lens(Protocol):
    """A lens model; `LENSES` holds every one under its name."""

    @property
    def name(self) -> str:
        """What camera files call it."""

    @property
    def coeffs(self) -> tuple[float, ...]:
        """Distortion coefficients in OpenCV's order."""

    def project(self, rays: Floats) -> Floats:
        """Return normalised points (..., 2) of `rays` (..., 3); NaN where the lens shows none."""

    def project_with_jacobian(self, rays: Floats) -> tuple[Floats, Floats]:
        """Return the points (..., 2) of `rays` (..., 3) and their derivatives (..., 2, 3)."""

    def unproject(self, points: Floats) -> Floats:
        """Return rays (..., 3) of any length of `points` (..., 2); NaN where there is none."""


def set_coeffs(
    lens: Lens, coeffs: tuple[float, ...], *, lengths: tuple[int, ...]
) -> tuple[float, ...]:
    """Check and store the coefficients of a lens at its birth."""
    if len(coeffs) not in lengths:
        expected = " or ".join(map(str, lengths))
        raise ValueError(f"{lens.name} lens: expected {expected} coefficients, got {len(coeffs)}")
    checked = tuple(
        number(f"coeffs[{i}]", c, minimum=-_LARGEST_COEFF, maximum=_LARGEST_COEFF)
        for i, c in enumerate(coeffs)
    )
    object.__setattr__(lens, "coeffs", checked)
    return checked
