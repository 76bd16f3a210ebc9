"""Models as a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from paramcalc.engine.index import Entry
from paramcalc.render.grid import Column, Grid, Line, Rows, number

COLUMNS = (
    Column("model"),
    Column("params", right=True),
    Column("MACs", right=True),
    Column("input", right=True, drop=2),
    Column("also called", drop=1),
    Column("source", drop=3),
)


def grid(entries: Sequence[Entry]) -> Grid:
    """One line a model: its totals, its input, where it was published."""
    notes = (f"{len(entries)} models; paramcalc count MODEL shows one, paramcalc show MODEL its spec",)
    return Grid("", COLUMNS, tuple(map(_line, entries)), notes)


def _line(entry: Entry) -> Line:
    params, macs = number(entry.params), number(entry.macs)
    return Line((entry.model, params, macs, entry.input, ", ".join(entry.aliases), entry.source))


def rows(entries: Iterable[Entry]) -> Rows:
    """Every model with its totals."""
    found = ((e.model, " ".join(e.aliases), e.spec, e.params, e.macs, e.input, e.source) for e in entries)
    return Rows(Entry._fields, found)


def document(entries: Iterable[Entry]) -> dict[str, Any]:
    """The same as JSON."""
    models = [{**entry._asdict(), "aliases": [*entry.aliases]} for entry in entries]
    return {"schema": "paramcalc/list/1", "models": models}
