"""Sums over the layers of a network by kind: all convolutions, all linear layers."""

from __future__ import annotations

from typing import NamedTuple

from paramcalc.count.report import Counts, Report, Row, sum_counts

BY = ("op", "stage", "block")
OUTSIDE = "(in no block)"


class LayerKind(NamedTuple):
    """Layers of one kind, added up."""

    name: str
    layers: int
    counts: Counts


def kinds(report: Report, by: str) -> tuple[LayerKind, ...]:
    """Sums over the layers of the same op, of the same group at the top, or of the same block.

    Auxiliary branches are left out. A layer belongs to the outermost block that it is in.

    >>> from paramcalc import load
    >>> [(kind.name, kind.counts.params) for kind in kinds(load("alexnet").count(), "op") if kind.counts.params]
    [('conv2d', 2334080), ('linear', 58631144)]
    """
    found: dict[str, list[Counts]] = {}
    for row in report.rows:
        if not row.layer.auxiliary:
            found.setdefault(_kind(row, report, by), []).append(row.counts)
    return tuple(LayerKind(name, len(counts), sum_counts(counts)) for name, counts in found.items())


def _kind(row: Row, report: Report, by: str) -> str:
    if by == "op":
        return row.layer.op.title
    if by == "stage":
        return row.path.partition("/")[0]
    for end in (*(place for place, char in enumerate(row.path) if char == "/"), len(row.path)):
        if row.path[:end] in report.graph.calls:
            return report.graph.calls[row.path[:end]].block
    return OUTSIDE
