"""The bundled models as a table."""

from __future__ import annotations

from paramcalc.catalogue import Entry
from paramcalc.render.grid import Column, Grid, Line, comma_separated, number


def grid(entries: list[Entry]) -> Grid:
    """One line a model: its totals, its input, where it was published."""
    columns = (
        Column("model"),
        Column("params", right=True),
        Column("MACs", right=True),
        Column("input", right=True, drop=2),
        Column("also called", drop=1),
        Column("source", drop=3),
    )
    lines = tuple(
        Line((e.model, number(e.params), number(e.macs), e.input, ", ".join(e.aliases), e.source))
        for e in entries
    )
    notes = (f"{len(entries)} models; paramcalc count MODEL shows one, paramcalc show MODEL its spec",)
    return Grid("", columns, lines, notes)


def csv(entries: list[Entry]) -> str:
    header = ("model", "aliases", "spec", "params", "macs", "input", "source")
    rows = ((e.model, " ".join(e.aliases), e.spec, e.params, e.macs, e.input, e.source) for e in entries)
    return comma_separated(header, rows)
