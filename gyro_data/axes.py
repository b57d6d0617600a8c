"""Axis orders written as three letters, e.g. "XYZ" or "yXz"."""

import numpy as np

from gyro_data.checks import Floats


def axes_matrix(letters: str) -> Floats:
    """Return M (3, 3) of −1, 0, 1 with `v_body = M @ v_log`.

    The letter at position i names the log axis that feeds body axis i: upper case as it is, lower
    case negated. "yXz" gives (−y, x, −z). A left-handed order (det M = −1) is allowed: some loggers
    write left-handed axes. Raises ValueError unless each of x, y, z occurs once.
    """
    if sorted(letters.lower()) != ["x", "y", "z"]:
        raise ValueError(
            f"axis order: expected x, y and z once each, upper case or (negated) lower case, "
            f"such as 'XYZ' or 'yXz'; got {letters!r}"
        )
    matrix = np.zeros((3, 3))
    for row, letter in enumerate(letters):
        matrix[row, "xyz".index(letter.lower())] = 1.0 if letter.isupper() else -1.0
    return matrix
