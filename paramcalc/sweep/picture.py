"""A picture of a sweep. The only module that imports matplotlib, which is an optional extra."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from paramcalc.base.errors import Fault
from paramcalc.base.files import whole
from paramcalc.sweep import Sweep
from paramcalc.sweep import draw as drawing
from paramcalc.sweep.summary import Summary

try:
    import matplotlib as mpl
    from matplotlib.figure import Figure
except ImportError:
    raise Fault("a picture needs the package matplotlib", fix="pip install 'paramcalc[picture]'") from None

FORMS = (".svg", ".png", ".pdf")
SETTINGS = {"svg.hashsalt": "paramcalc", "svg.fonttype": "none"}  # so that equal pictures are equal files


def check(path: Path) -> None:
    """A `Fault` where it cannot be drawn, before hours are spent on what it shows."""
    if path.suffix not in FORMS:
        raise Fault(f"{path}: a picture ends in {', '.join(FORMS)}")


def draw(sweep: Sweep, summary: Summary, path: Path) -> None:
    """Draws the points of a sweep, and over them the line of its front."""
    points = drawing.points(sweep)
    if points is None:
        raise Fault("a picture needs two numbers of each point", fix="--quantity params,macs")
    front = drawing.front_points(sweep, summary, points.names)
    with mpl.rc_context(SETTINGS), whole(path) as file:
        figure = Figure(figsize=(7, 5), layout="constrained")
        axes: Any = figure.add_subplot()
        many = len(points.up) > 5_000
        axes.scatter(points.across, points.up, s=6, linewidths=0, alpha=0.5, rasterized=many)
        if front is not None:
            ordered = sorted(zip(front.across, front.up, strict=True))
            axes.plot(*zip(*ordered, strict=True), color="C1", marker="o", markersize=3, label="Pareto front")
            axes.legend()
        axes.set(xlabel=points.names[0], ylabel=points.names[1], title=drawing.title(sweep))
        if drawing.logarithmic(points.across):
            axes.set_xscale("log")
        if drawing.logarithmic(points.up):
            axes.set_yscale("log")
        axes.grid(visible=True, alpha=0.3)
        form = path.suffix.removeprefix(".")
        figure.savefig(file, format=form, metadata={"Date": None} if form == "svg" else None)
