"""Figures as bytes: .png, .svg, .pdf, or a page that needs nothing else. The same each time."""

import re
from collections.abc import Callable, Mapping
from html import escape
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stabilizer.errors import StabilizerError
from stabilizer.new_files import AnyPath
from stabilizer.report.figure import NARROW, WIDE, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Draw = Callable[[tuple[float, float]], "Figure"]
"""Draws a figure of a size in inches."""

SUFFIXES = (".png", ".svg", ".pdf", ".html")
"""How the name of a plot may end."""


def check_plot(path: AnyPath) -> None:
    """Raise ValueError for a name of another kind, StabilizerError if matplotlib is missing."""
    if Path(path).suffix.lower() not in SUFFIXES:
        raise ValueError(
            f"plot: expected a name that ends in .png, .svg, .pdf or .html, got {str(path)!r}"
        )
    if find_spec("matplotlib") is None:
        raise StabilizerError(
            "a plot needs the package matplotlib, which is not installed: pip install matplotlib"
        )


def picture(draw: Draw, form: str, size: tuple[float, float] = WIDE, **style: Any) -> bytes:
    """Return the bytes of a picture, "png", "svg" or "pdf", that say nothing of when it was made.

    `style` are settings of matplotlib.
    """
    undated: dict[str, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    file = BytesIO()
    with styled(**{"svg.hashsalt": "plan", **style}):
        draw(size).savefig(file, format=form, metadata=undated.get(form))
    return file.getvalue()


def page(draw: Draw, *, title: str, label: str, numbers: Mapping[str, str]) -> bytes:
    """Return a page with the figure, once for wide and once for narrow windows, and a table.

    `label` says what the figure shows to those who do not see it.
    """
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>"
        for name, value in numbers.items()
    )
    wide, narrow = _inline_svg(draw, WIDE, "wide"), _inline_svg(draw, NARROW, "narrow")
    texts = {"title": escape(title), "label": escape(label)}
    return PAGE.format(rows=rows, wide=wide, narrow=narrow, **texts).encode()


def _inline_svg(draw: Draw, size: tuple[float, float], name: str) -> str:
    """Return the figure as an element of a page, in the page's letters, with `name` in its ids."""
    text = picture(draw, "svg", size, **{"svg.fonttype": "none"}).decode("utf-8")
    element = text[text.index("<svg") :]
    return re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{name}-", element)


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.4 system-ui, sans-serif; color: #222; background: #fff; margin: 0 auto;
  padding: 1rem; max-width: 60rem; color-scheme: light; }}
h1 {{ font-size: 1.25rem; margin: 0 0 .5rem; }}
svg {{ display: block; width: 100%; max-width: 100%; height: auto; }}
table {{ border-collapse: collapse; margin: 0 0 1rem; }}
th, td {{ text-align: left; font-weight: normal; padding: .15rem 1rem .15rem 0; }}
td {{ text-align: right; font-variant-numeric: tabular-nums; padding-right: 0; }}
tr + tr {{ border-top: 1px solid #ddd; }}
.narrow {{ display: none; }}
@media (max-width: 38rem) {{ .wide {{ display: none; }} .narrow {{ display: block; }} }}
</style>
</head>
<body>
<h1>{title}</h1>
<table>{rows}</table>
<div class="wide" role="img" aria-label="{label}">{wide}</div>
<div class="narrow" role="img" aria-label="{label}">{narrow}</div>
</body>
</html>
"""
