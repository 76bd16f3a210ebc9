"""The table of a family on a terminal, in Markdown, in LaTeX, as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from paramcalc.count.json import head
from paramcalc.count.report import Counts, Report
from paramcalc.render.escape import comment, tex
from paramcalc.render.grid import Column, Grid, Line, Styled, layout, number, total_width
from paramcalc.render.words import inputs
from paramcalc.table.family import Family, Stage, StageBlock, family

SCHEMA = "paramcalc/table/1"
TOTALS = {"params": "params", "macs": "MACs"}


def grid(family: Family, stacked: bool = True) -> Grid:
    """The table; the parts of a block stacked as in papers, or each cell on one line."""
    columns = (Column("stage"), Column("output", right=True), *(Column(name) for name in family.models))
    lines: list[Line] = []
    for stage in family.stages:
        added = _stacked(stage) if stacked else [_flat(stage)]
        apart = len(added) > 1 or (lines and not lines[-1].cells[0])  # a rule beside stages of several lines
        lines += [added[0]._replace(rule=bool(apart)), *added[1:]]
    return Grid(_title(family), columns, (*lines, *_totals(family)), notes(family))


def parts(reports: Sequence[Report], width: int | None, unicode: bool) -> Iterator[Styled]:
    """The lines of all parts, an empty one between them."""
    for place, part in enumerate(grids(reports, width)):
        if place:
            yield Styled("")
        yield from layout(part, width, unicode)


def grids(reports: Sequence[Report], width: int | None) -> list[Grid]:
    """The table in parts that fit into a width, each with one model at least; in one part without a width.

    The title is above the first, the remarks below the last.
    """
    whole = grid(family(reports))
    if width is None:
        return [whole]
    parts: list[Grid] = []
    begin = 0
    while begin < len(reports):
        part, end = grid(family(reports[begin : begin + 1])), begin + 1
        while end < len(reports):
            wider = grid(family(reports[begin : end + 1]))
            if total_width(wider) > width:
                break
            part, end = wider, end + 1
        parts.append(part._replace(title="" if parts else whole.title, notes=()))
        begin = end
    return [*parts[:-1], parts[-1]._replace(notes=whole.notes)]


def _stacked(stage: Stage) -> list[Line]:
    """A stage with one part of a block a line."""
    cells = [[text for block in blocks for text in _pile(block)] for blocks in stage.cells]
    heads = [(stage.name, stage.output)] + [("", "")] * (max(len(texts) for texts in cells) - 1)
    columns = zip_longest(*cells, fillvalue="")
    return [Line((*head, *texts)) for head, texts in zip(heads, columns, strict=True)]


def _pile(block: StageBlock) -> list[str]:
    """A block's parts in one bracket; the repeat count is next to the middle.

    >>> _pile(StageBlock(("1x1, 64", "3x3, 64", "1x1, 256"), 3))
    ['[1x1, 64 ]', '[3x3, 64 ] x 3', '[1x1, 256]']
    """
    if len(block.parts) == 1:
        return [str(block)]
    width = max(len(part) for part in block.parts)
    lines = [f"[{part.ljust(width)}]" for part in block.parts]
    if block.times > 1:
        lines[(len(lines) - 1) // 2] += f" x {block.times}"
    return lines


def _flat(stage: Stage) -> Line:
    return Line((stage.name, stage.output, *(", then ".join(map(str, blocks)) for blocks in stage.cells)))


def _totals(family: Family) -> list[Line]:
    return [
        Line(
            (title, "", *(number(getattr(report.totals, name)) for report in family.reports)),
            strong=True,
            rule=name == next(iter(TOTALS)),
        )
        for name, title in TOTALS.items()
    ]


def notes(family: Family) -> tuple[str, ...]:
    """The input, and what the cells leave out."""
    graphs = [report.graph for report in family.reports]
    shapes = dict.fromkeys(inputs(graph.inputs) for graph in graphs)
    said = [
        "; ".join(shapes),
        "not shown: normalization, activations, shortcuts of sums; '|' separates parallel branches",
        "MACs are what papers often call FLOPs",
    ]
    strided = [stage.name for stage in family.stages if stage.strided]
    if strided:
        said.append(f"strides, not shown in repeated blocks, reduce the output in {', '.join(strided)}")
    return tuple(said)


def _title(family: Family) -> str:
    settings = ", ".join(family.reports[0].graph.settings)
    return ", ".join(part for part in (family.reports[0].graph.spec, settings) if part)


def latex(family: Family) -> str:
    """A `tabular` with the blocks in brackets; needs the packages amsmath and booktabs."""
    shape = "lr" + "c" * len(family.models)
    head = ["stage", "output", *family.models]
    lines = [f"\\begin{{tabular}}{{{shape}}}", "\\toprule"]
    lines += [" & ".join(tex(cell) for cell in head) + " \\\\", "\\midrule"]
    for stage in family.stages:
        cells = [" ".join(_bracket(block) for block in blocks) for blocks in stage.cells]
        lines.append(" & ".join([tex(stage.name), tex(stage.output), *cells]) + " \\\\")
    lines.append("\\midrule")
    lines += [" & ".join(tex(cell) for cell in line.cells) + " \\\\" for line in _totals(family)]
    lines += ["\\bottomrule", "\\end{tabular}", ""]
    said = "".join(comment("%", note) for note in notes(family))
    return comment("%", _title(family)) + "\n".join(lines) + said


def _bracket(block: StageBlock) -> str:
    """A block as in papers: its parts under each other in large brackets.

    >>> print(_bracket(StageBlock(("3x3, 64", "3x3, 64"), 2)))
    $\\left[\\begin{array}{c}\\text{3$\\times$3, 64}\\\\\\text{3$\\times$3, 64}\\end{array}\\right]\\times2$
    """
    times = f"\\times{block.times}" if block.times > 1 else ""
    if len(block.parts) == 1 and not times:
        return tex(block.parts[0])
    parts = "\\\\".join(f"\\text{{{tex(part)}}}" for part in block.parts)
    return f"$\\left[\\begin{{array}}{{c}}{parts}\\end{{array}}\\right]{times}$"


def document(family: Family) -> dict[str, Any]:
    """Models with their totals, stages with a list of blocks for each model."""
    graph = family.reports[0].graph
    return {
        "schema": SCHEMA,
        **head("", graph.settings, spec=graph.spec),
        "models": {report.graph.model: _counted(report.totals) for report in family.reports},
        "stages": [
            {
                "name": stage.name,
                "output": stage.output,
                "cells": {
                    model: [block._asdict() for block in blocks]
                    for model, blocks in zip(family.models, stage.cells, strict=True)
                },
                "strided": list(stage.strided),
            }
            for stage in family.stages
        ],
    }


def _counted(counts: Counts) -> dict[str, int]:
    return {"params": counts.params, "macs": counts.macs, "flops": counts.flops}
