"""Which code warps: the fused kernel, compiled by numba, or OpenCV."""

import logging

from stabilizer.errors import StabilizerError

LOG = logging.getLogger(__name__)

BACKENDS = ("auto", "numba", "opencv")
"""Choices of `chosen_backend`."""


def chosen_backend(name: str = "auto") -> str:
    """Return "numba" or "opencv": what is asked for, or with "auto" numba where it is installed.

    Why OpenCV is taken where numba could not be is logged. Raises ValueError for other names,
    StabilizerError for a numba that is not there or cannot be imported.
    """
    if name not in BACKENDS:
        raise ValueError(f"backend: expected one of {', '.join(BACKENDS)}, got {name!r}")
    if name == "opencv":
        return name
    try:
        from stabilizer.remap.machine_code import check_compiler  # imports llvmlite

        check_compiler()
    except Exception as error:  # whatever is wrong with numba or llvmlite
        if name == "numba":
            raise StabilizerError(
                f"numba cannot be imported ({error}); install it (pip install numba), or choose "
                f"the backend opencv"
            ) from error
        LOG.warning(
            "numba cannot be imported (%s): frames are warped by OpenCV, which takes four "
            "times as long or more; pip install numba",
            " ".join(str(error).split()),
        )
        return "opencv"
    return "numba"
