"""The frame of every picture of a network: its name and totals above, and a legend of colours below."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from paramcalc.base.shape import Shape as Sizes
from paramcalc.count.report import Report
from paramcalc.figure.kinds import IDS, entering, times
from paramcalc.render.canvas import KINDS, Box, Label, Shape, text_width
from paramcalc.render.grid import rounded
from paramcalc.render.words import title

EDGE = 16.0  # around a picture
TITLE, SMALL = 15.0, 10.0
SWATCH, GAP, ROW = 10.0, 18.0, 17.0


def heading(report: Report) -> tuple[float, list[Label]]:
    """The name of the network and its totals, and where the picture may begin."""
    totals = report.totals
    parts = [f"{rounded(totals.params)} params", f"{rounded(totals.macs)} MACs", _inputs(report.graph.inputs)]
    parts += [f"batch {report.batch}"] * (report.batch > 1)
    second = times(" · ".join(parts))
    return 60.0, [
        Label(EDGE, 27, title(report.graph), TITLE, bold=True),
        Label(EDGE, 44, second, SMALL, colour="faint"),
    ]


def _inputs(shapes: Mapping[str, Sizes]) -> str:
    """The inputs with their sizes; of ids alone their number."""
    if len(shapes) == 1 and all(shape.axes == IDS for shape in shapes.values()):
        return "".join(map(entering, shapes.values()))
    return ", ".join(f"{name} {entering(shape)}" for name, shape in shapes.items())


def legend(kinds: Iterable[str], y: float, width: float) -> tuple[list[Shape], float]:
    """A swatch for each kind that is drawn, in the order of `KINDS`, and the height of the picture."""
    used = [kind for kind in KINDS if kind in set(kinds) and kind != "input"]
    shapes: list[Shape] = []
    x = EDGE
    for kind in used:
        name = KINDS[kind][0]
        room = SWATCH + 5 + text_width(name, SMALL)
        if x > EDGE and x + room > width - EDGE:
            x, y = EDGE, y + ROW
        shapes.append(Box(x, y, SWATCH, SWATCH, kind, f"{kind}.side"))
        shapes.append(Label(x + SWATCH + 5, y + SWATCH - 1, name, SMALL, colour="faint"))
        x += room + GAP
    return shapes, y + SWATCH + EDGE
