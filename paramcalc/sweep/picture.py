"""A picture of a sweep: its points along two axes, and the line of its front."""

from __future__ import annotations

from pathlib import Path

from paramcalc.base.errors import Fault
from paramcalc.render.plot import Scatter, check, scatter
from paramcalc.render.words import TITLES, inputs
from paramcalc.sweep import Sweep
from paramcalc.sweep import draw as drawing
from paramcalc.sweep.summary import Summary

__all__ = ["check", "draw"]


def draw(sweep: Sweep, summary: Summary, path: Path) -> None:
    """Draws the points of a sweep, and over them the line of its front."""
    points = drawing.points(sweep)
    if points is None:
        raise Fault("a picture needs two numbers of each point", fix="--quantity params,macs")
    front = drawing.front_points(sweep, summary, points.names)
    across, up = (TITLES.get(name, name) for name in points.names)
    varied = {axis.name for axis in sweep.axes}
    fixed = {name: shape for name, shape in sweep.space.shapes.items() if name not in varied}
    said = [drawing.title(sweep), inputs(fixed), *drawing.notes(sweep, summary)[:1]]
    scatter(
        Scatter(
            "; ".join(filter(None, said)),
            (across, up),
            points.across,
            points.up,
            (drawing.logarithmic(points.across), drawing.logarithmic(points.up)),
            [] if front is None else sorted(zip(front.across, front.up, strict=True)),
            "Pareto front",
        ),
        path,
    )
