"""Axis orders written as three letters, e.g. "XYZ" or "yXz"."""

from itertools import permutations, product

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


def axes_letters(matrix: Floats) -> str:
    """Return the letters of a signed permutation (3, 3): the inverse of `axes_matrix`."""
    names = ("xyz"[int(column)] for column in np.abs(matrix).argmax(axis=1))
    signs = matrix.sum(axis=1)
    return "".join(n.upper() if s > 0 else n for n, s in zip(names, signs, strict=True))


def nearest_axes(rotation: Floats) -> tuple[str, Floats]:
    """Return the letters whose right-handed axis order is nearest to a rotation (3, 3), and it."""
    orders = [
        "".join(letter.upper() if up else letter for letter, up in zip(order, signs, strict=True))
        for order in permutations("xyz")
        for signs in product((True, False), repeat=3)
    ]
    right_handed = [letters for letters in orders if np.linalg.det(axes_matrix(letters)) > 0]
    best = max(right_handed, key=lambda letters: float((axes_matrix(letters) * rotation).sum()))
    return best, axes_matrix(best)
