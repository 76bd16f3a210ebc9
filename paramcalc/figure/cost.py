"""Where params, multiplications and outputs are: a bar for each stage, in the colours of the ops."""

from __future__ import annotations

from typing import NamedTuple

from paramcalc.count.report import Report
from paramcalc.figure.blocks import LEVELS, Column, glued, label
from paramcalc.figure.kinds import kind_of
from paramcalc.figure.legend import EDGE, heading, legend
from paramcalc.figure.parts import parts
from paramcalc.render.canvas import KINDS, Box, Label, Picture, Shape, rail, shortened, text_width
from paramcalc.render.grid import rounded
from paramcalc.render.words import TITLES

QUANTITIES = ("params", "macs", "activations")
FEW_ROWS, MOST_ROWS = 12, 18  # stages on a slide: with equal ones by themselves, and at all
ROW, BAR = 19.0, 12.0
PANEL, GAP = 190.0, 22.0
NAMES = 150.0  # the most room for the names of stages
SMALL = 9.5
NOTE = 74.0  # room for the number after the longest bar
STEPS = (1, 2, 5, 10, 20, 25, 50)  # per cent between ticks


class _Stage(NamedTuple):
    name: str
    amounts: dict[str, dict[str, int]]  # by quantity and kind


def cost(report: Report) -> Picture:
    """The chart, one panel for each quantity, all with the same stages."""
    stages = _stages(report)
    top, head = heading(report)
    names = max((text_width(stage.name, SMALL) for stage in stages), default=0)
    left = EDGE + min(names, NAMES) + 10
    foot = top + 22 + ROW * len(stages)
    shapes: list[Shape] = [*head]
    for place, stage in enumerate(stages):
        y = top + 22 + ROW * place + BAR
        shapes.append(Label(left - 8, y, shortened(stage.name, SMALL, NAMES), SMALL, "end"))
    for place, quantity in enumerate(QUANTITIES):
        shapes += _panel(report, stages, quantity, left + place * (PANEL + GAP), top, foot)
    width = left + len(QUANTITIES) * (PANEL + GAP) - GAP + EDGE
    kinds = [kind for stage in stages for each in stage.amounts.values() for kind in each if each[kind]]
    below, height = legend(kinds, foot + 38, width)
    return Picture(head[0].text, width, height, (*shapes, *below))


def _stages(report: Report) -> list[_Stage]:
    """As many stages as fit; stages without cost are left out."""
    found = parts(report)
    for level in range(LEVELS):
        columns = glued(found, level)
        if len(columns) <= (MOST_ROWS if level else FEW_ROWS):
            break
    stages: list[_Stage] = []
    for stage in map(_stage, columns):
        if stages and stages[-1].name == stage.name:  # the parts of one round
            stages[-1] = _Stage(
                stage.name, {one: _added(stages[-1].amounts[one], stage.amounts[one]) for one in QUANTITIES}
            )
        else:
            stages.append(stage)
    return [stage for stage in stages if any(any(each.values()) for each in stage.amounts.values())]


def _stage(column: Column) -> _Stage:
    amounts: dict[str, dict[str, int]] = {quantity: {} for quantity in QUANTITIES}
    for row in (row for part in column.all for row in part.rows):
        kind = kind_of(row)
        for quantity, each in amounts.items():
            each[kind] = each.get(kind, 0) + getattr(row.counts, quantity)
    name, what, _ = label(column)
    return _Stage(name or what, amounts)


def _added(one: dict[str, int], two: dict[str, int]) -> dict[str, int]:
    return {kind: one.get(kind, 0) + two.get(kind, 0) for kind in {**one, **two}}


def _panel(
    report: Report, stages: list[_Stage], quantity: str, x: float, top: float, foot: float
) -> list[Shape]:
    """The bars of one quantity over an axis of shares of its total."""
    whole = getattr(report.totals, quantity)
    title = f"{TITLES.get(quantity, quantity)}: {rounded(whole)}"
    most = max((sum(stage.amounts[quantity].values()) for stage in stages), default=0)
    room = PANEL - NOTE
    step = next((step for step in STEPS if whole and most * 100 / whole / step <= room / 30), STEPS[-1])
    ends = max(step, -(-most * 100 // whole // step) * step) if whole else step
    per = room / ends  # pixels for one per cent
    shapes: list[Shape] = [Label(x, top + 10, title, 11, bold=True)]
    for tick in range(0, ends + 1, step):
        at = x + tick * per
        shapes.append(rail((at, top + 18), (at, foot + 3), stroke="rule" if tick else "line"))
        shapes.append(Label(at, foot + 14, f"{tick}", 8.5, "middle", "faint"))
    shapes.append(Label(x, foot + 27, f"% of {TITLES.get(quantity, quantity)}", 8.5, colour="faint"))
    for place, stage in enumerate(stages):
        y, right = top + 22 + ROW * place + (ROW - BAR) / 2 - 2, x
        amounts = stage.amounts[quantity]
        for kind in (kind for kind in KINDS if amounts.get(kind)):
            width = amounts[kind] * 100 / whole * per if whole else 0
            shapes.append(Box(right, y, width, BAR, kind))
            right += width
        amount = sum(amounts.values())
        if amount:
            note = f"{rounded(amount)} · {_percent(amount, whole)}"
            text = Label(right + 4, y + BAR - 2.5, note, 8.5, colour="faint")
            shapes += [text.area._replace(fill="paper"), text]
    return shapes


def _percent(part: int, whole: int) -> str:
    """A share in whole per cent.

    >>> _percent(1, 3), _percent(1, 1000)
    ('33 %', '<1 %')
    """
    share = (200 * part + whole) // (2 * whole)
    return f"{share} %" if share else "<1 %"
