"""The layers of each op, stage or block added up: `count --by`, as a table, JSON and CSV."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from paramcalc.count import json
from paramcalc.count.draw import bar, footer
from paramcalc.count.kinds import kinds
from paramcalc.count.report import QUANTITIES, Counts, Report
from paramcalc.count.words import word
from paramcalc.render.grid import Column, Grid, Line, Rows, number
from paramcalc.render.words import NARROW, title


def grid(report: Report, by: str, chosen: tuple[str, ...] = ()) -> Grid:
    """The layers of each op, stage or block added up, with their shares of the totals."""
    chosen = tuple(name for name in chosen if name in QUANTITIES) or tuple(
        name for name in ("params", "macs") if name in report.quantities
    )
    found = kinds(report, by)
    lines = [
        Line((kind.name, number(kind.layers), *_shares(kind.counts, report.totals, chosen))) for kind in found
    ]
    layers = number(sum(kind.layers for kind in found))
    numbers = (text for name in chosen for text in (number(getattr(report.totals, name)), ""))
    lines.append(Line(("total", layers, *numbers), strong=True, rule=True))
    bars = {cell: cell.rstrip(" █") for line in lines for cell in line.cells if cell.endswith("█")}
    columns = [Column(by, wrap=True), Column("layers", right=True, drop=1)]
    for name in chosen:
        columns += [Column(word(name, report), right=True), Column("share", short=bars)]
    return Grid(title(report.graph), tuple(columns), tuple(lines), footer(report, "float32")[:1], NARROW)


def _shares(counts: Counts, totals: Counts, chosen: Iterable[str]) -> Iterable[str]:
    for name in chosen:
        part, whole = getattr(counts, name), getattr(totals, name)
        yield number(part)
        yield bar(part, whole) if whole else ""


def document(report: Report, by: str) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "schema": "paramcalc/kinds/1",
        "model": report.graph.model,
        "spec": report.graph.spec,
        **json.counted(report),
        "by": by,
        "kinds": [
            {"name": kind.name, "layers": kind.layers, **json.numbers(kind.counts, report.quantities)}
            for kind in kinds(report, by)
        ],
        "totals": json.numbers(report.totals, report.quantities),
    }


def rows(report: Report, by: str) -> Rows:
    """Every kind of layers with every quantity."""
    found = kinds(report, by)
    return Rows(
        (by, "layers", *report.quantities),
        (
            (kind.name, kind.layers, *(getattr(kind.counts, name) for name in report.quantities))
            for kind in found
        ),
    )
