"""Pictures as PDF and PNG, and points along two axes. The only module that imports matplotlib, an optional extra."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from paramcalc.base.errors import Fault, visible
from paramcalc.base.files import whole
from paramcalc.render.canvas import Box, Label, Picture, Theme, colour
from paramcalc.render.svg import head

try:
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyBboxPatch, Polygon
except ImportError:
    raise Fault("a picture needs the package matplotlib", fix="pip install 'paramcalc[picture]'") from None

# Equal pictures are equal files; fonts are embedded as outlines that publishers take.
SETTINGS = {
    "svg.hashsalt": "paramcalc",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "font.family": "DejaVu Sans",
    "text.usetex": False,
    "text.parse_math": False,
}
METADATA: dict[str, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
INCH, SHARP = 96, 2  # pixels of a picture an inch, and of a PNG for each of these


def paint(picture: Picture, file: BinaryIO, form: str, theme: Theme = "light") -> None:
    """Draws a picture as a PDF or PNG."""
    with mpl.rc_context(SETTINGS):
        size = (picture.width / INCH, picture.height / INCH)
        figure = Figure(figsize=size, dpi=INCH * SHARP, facecolor=colour("paper", theme))
        axes: Any = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, picture.width), ylim=(picture.height, 0))
        axes.set_axis_off()
        for shape in picture.shapes:
            if isinstance(shape, Label):
                _text(axes, shape, theme)
            elif isinstance(shape, Box):
                _box(axes, shape, theme)
            else:
                for line in (shape, head(shape)) if shape.arrow else (shape,):
                    _polygon(axes, line, theme)
        figure.savefig(
            file, format=form, dpi=INCH * SHARP, facecolor=colour("paper", theme), metadata=METADATA[form]
        )


def _style(shape: Any, theme: Theme) -> dict[str, Any]:
    return {
        "facecolor": colour(shape.fill, theme) if shape.fill else "none",
        "edgecolor": colour(shape.stroke, theme) if shape.stroke else "none",
        "linewidth": 0.75,
        "linestyle": (0, (4, 3)) if shape.dashed else "-",
    }


def _box(axes: Any, box: Box, theme: Theme) -> None:
    style = f"round,pad=0,rounding_size={box.radius}" if box.radius else "square,pad=0"
    corner = (box.x, box.y)
    axes.add_patch(
        FancyBboxPatch(corner, box.width, box.height, boxstyle=style, mutation_aspect=1, **_style(box, theme))
    )


def _polygon(axes: Any, line: Any, theme: Theme) -> None:
    axes.add_patch(Polygon(line.points, closed=bool(line.fill), joinstyle="miter", **_style(line, theme)))


def _text(axes: Any, label: Label, theme: Theme) -> None:
    axes.text(
        label.x,
        label.y,
        visible(label.text),
        size=label.size * 0.75,
        ha={"start": "left", "middle": "center", "end": "right"}[label.anchor],
        va="baseline",
        color=colour(label.colour, theme),
        weight="bold" if label.bold else "normal",
    )


# -------------------------------------------------------------------------------------- points along two axes

FORMS = (".svg", ".png", ".pdf")
MANY = 5_000  # points that are drawn as an image inside of the picture


class Scatter(NamedTuple):
    """Points along two axes with names, and the line of some of them."""

    title: str
    names: tuple[str, str]
    across: Sequence[float]
    up: Sequence[float]
    logarithmic: tuple[bool, bool]
    line: Sequence[tuple[float, float]] = ()
    line_name: str = ""


def check(path: Path) -> None:
    """A `Fault` where it cannot be drawn, before hours are spent on what it shows."""
    if path.suffix not in FORMS:
        raise Fault(f"{path}: a picture ends in {', '.join(FORMS)}")


def scatter(points: Scatter, path: Path) -> None:
    """Draws points to a file."""
    with mpl.rc_context(SETTINGS), whole(path) as file:
        figure = Figure(figsize=(7, 5), layout="constrained")
        axes: Any = figure.add_subplot()
        axes.scatter(points.across, points.up, s=6, linewidths=0, alpha=0.5, rasterized=len(points.up) > MANY)
        if points.line:
            axes.plot(
                *zip(*points.line, strict=True), color="C1", marker="o", markersize=3, label=points.line_name
            )
            axes.legend()
        axes.set(xlabel=points.names[0], ylabel=points.names[1], title=visible(points.title))
        for axis, scale, logarithmic in zip(
            (axes.xaxis, axes.yaxis), (axes.set_xscale, axes.set_yscale), points.logarithmic, strict=True
        ):
            if logarithmic:
                scale("log")
            axis.set_major_formatter(mpl.ticker.EngFormatter(sep=" "))
            if logarithmic:
                axis.set_minor_formatter(mpl.ticker.NullFormatter())
        axes.grid(visible=True, alpha=0.3)
        form = path.suffix.removeprefix(".")
        figure.savefig(file, format=form, metadata=METADATA[form])
