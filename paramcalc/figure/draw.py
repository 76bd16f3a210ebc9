"""A network's picture in a style, as the text or the bytes of a file."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

from paramcalc.count.report import Report
from paramcalc.figure.blocks import blocks
from paramcalc.figure.cost import cost
from paramcalc.figure.graph import graph
from paramcalc.render import svg as scalable
from paramcalc.render import tikz
from paramcalc.render.canvas import Picture, Theme

STYLES: dict[str, Callable[[Report], Picture]] = {"blocks": blocks, "graph": graph, "cost": cost}


def svg(report: Report, style: str, theme: Theme | None = None) -> str:
    return scalable.svg(STYLES[style](report), theme)


def pictures(reports: Sequence[Report]) -> str:
    """The boxes of networks for a notebook, one below the other."""
    drawn = (scalable.svg(blocks(report)) for report in reports)
    return "".join(f'<div style="overflow-x: auto">\n{each}</div>\n' for each in drawn)


def latex(report: Report, style: str, theme: Theme | None = None) -> str:
    return tikz.tikz(STYLES[style](report), theme or "light")


def painted(report: Report, style: str, form: str, theme: Theme | None = None) -> bytes:
    """The bytes of a PDF or PNG."""
    from paramcalc.render import plot

    file = io.BytesIO()
    plot.paint(STYLES[style](report), file, form, theme or "light")
    return file.getvalue()
