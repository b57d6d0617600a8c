"""Types of the options of benchmarks. They raise ArgumentTypeError: argparse tells it in a line."""

import math
from argparse import ArgumentTypeError
from collections.abc import Callable, Collection


def count(text: str) -> int:
    """Return a whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"expected a whole number from 1 on, got {text!r}")
    return int(text)


def positive(text: str) -> float:
    """Return a number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value


def picture_size(text: str) -> tuple[int, int]:
    """Return width and height, which a picture of halved chroma can have."""
    width, _, height = text.partition("x")
    sides = [int(side) if side.isdecimal() else 0 for side in (width, height)]
    if min(sides) < 2 or any(side % 2 for side in sides):
        raise ArgumentTypeError(f"expected even numbers such as 1920x1080, got {text!r}")
    return sides[0], sides[1]


def some_of(choices: Collection[str]) -> Callable[[str], list[str]]:
    """Return the type of names that stand apart by commas."""

    def names(text: str) -> list[str]:
        found = text.split(",")
        wrong = [name for name in found if name not in choices]
        if wrong:
            known = ", ".join(choices)
            raise ArgumentTypeError(f"expected some of {known}, got {', '.join(wrong)!r}")
        return found

    return names
