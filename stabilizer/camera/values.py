"""Values of a camera file's content, checked; errors name the key."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gyro_data.checks import Floats, number

Content = Mapping[str, Any]


def part(content: Content, name: str) -> Content:
    """Return the object at `name`; TypeError or ValueError where there is none."""
    value = required(content, name)
    if not isinstance(value, dict):
        raise TypeError(f"{name}: expected an object, got {value!r:.60}")
    return value


def required(content: Content, name: str) -> Any:
    """Return the value at `name`; ValueError where there is none."""
    if content.get(name) is None:
        raise ValueError(f"{name}: expected a value, got none")
    return content[name]


def text(content: Content, name: str) -> str:
    """Return the text at `name`, "" where there is none."""
    value = content.get(name)
    return "" if value is None else str(value)[:200].strip()


def real(name: str, value: Any, **limits: float) -> float:
    """Return a number, also one that YAML takes for a text (1e-3), within `number`'s limits."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise TypeError(f"{name}: expected a number, got {value!r:.60}") from None
    return number(name, value, **limits)


def whole(name: str, value: Any) -> int:
    """Return a whole number; that it is a size of a picture is checked by the `Camera`."""
    exact = real(name, value, minimum=1, maximum=1e9)
    if exact != int(exact):
        raise ValueError(f"{name}: expected a whole number, got {exact:g}")
    return int(exact)


def numbers(name: str, value: Any, *, most: int) -> list[float]:
    """Return the numbers of a list, of a list of rows, or of a matrix of OpenCV or ROS (data)."""
    if isinstance(value, dict):
        rows, cols, data = (value.get(key) for key in ("rows", "cols", "data"))
        found = numbers(f"{name} data", data, most=most)
        if rows is not None and cols is not None:
            count = whole(f"{name} rows", rows) * whole(f"{name} cols", cols)
            if count != len(found):
                raise ValueError(f"{name}: expected {count} numbers, got {len(found)}")
        return found
    if not isinstance(value, list):
        raise TypeError(f"{name}: expected a list of numbers, got {value!r:.60}")
    if value and all(isinstance(row, list) for row in value):
        value = [x for row in value for x in row]
    if len(value) > most:
        raise ValueError(f"{name}: expected at most {most} numbers, got {len(value)}")
    return [real(f"{name}[{i}]", x) for i, x in enumerate(value)]


def matrix(name: str, value: Any, rows: int, cols: int) -> Floats:
    """Return a matrix (rows, cols)."""
    found = numbers(name, value, most=rows * cols)
    if len(found) != rows * cols:
        raise ValueError(f"{name}: expected {rows}x{cols} numbers, got {len(found)}")
    return np.array(found).reshape(rows, cols)


def intrinsics(name: str, value: Any) -> dict[str, Any]:
    """Return fx, fy, cx and cy of a camera matrix (fx 0 cx; 0 fy cy; 0 0 1)."""
    K = matrix(name, value, 3, 3)
    usual = np.array([[K[0, 0], 0, K[0, 2]], [0, K[1, 1], K[1, 2]], [0, 0, 1]])
    if np.abs(K - usual).max() > 1e-6 * max(1.0, float(np.abs(K).max())):
        raise ValueError(f"{name}: expected fx 0 cx; 0 fy cy; 0 0 1, got skew or another scale")
    fx, cx, fy, cy = map(float, (K[0, 0], K[0, 2], K[1, 1], K[1, 2]))
    return {"fx": fx, "fy": fy, "cx": cx, "cy": cy}
