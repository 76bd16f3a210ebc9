"""A picture of a sweep. The only module that imports matplotlib, which is an optional extra."""

from __future__ import annotations

from typing import Any, BinaryIO

from paramcalc.base.errors import Fault
from paramcalc.sweep.draw import Points, logarithmic

try:
    import matplotlib as mpl
    from matplotlib.figure import Figure
except ImportError:
    raise Fault("a picture needs the package matplotlib", fix="pip install 'paramcalc[picture]'") from None

FORMS = (".svg", ".png", ".pdf")
SETTINGS = {"svg.hashsalt": "paramcalc", "svg.fonttype": "none"}  # so that equal pictures are equal files


def save(points: Points, front: Points | None, title: str, file: BinaryIO, form: str) -> None:
    """Draws points, and over them the line of a Pareto front; the form is svg, png or pdf."""
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(7, 5), layout="constrained")
        axes: Any = figure.add_subplot()
        axes.scatter(
            points.across, points.up, s=6, linewidths=0, alpha=0.5, rasterized=len(points.up) > 5_000
        )
        if front is not None:
            ordered = sorted(zip(front.across, front.up, strict=True))
            axes.plot(*zip(*ordered, strict=True), color="C1", marker="o", markersize=3, label="Pareto front")
            axes.legend()
        axes.set(xlabel=points.names[0], ylabel=points.names[1], title=title)
        if logarithmic(points.across):
            axes.set_xscale("log")
        if logarithmic(points.up):
            axes.set_yscale("log")
        axes.grid(visible=True, alpha=0.3)
        figure.savefig(file, format=form, metadata={"Date": None} if form == "svg" else None)
