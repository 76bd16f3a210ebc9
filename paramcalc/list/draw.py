"""Models as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from paramcalc.engine.index import Entry
from paramcalc.render.grid import Column, Grid, Line, Rows, number

COLUMNS = (
    Column("model"),
    Column("year", right=True),
    Column("params", right=True),
    Column("MACs", right=True),
    Column("input", right=True, drop=2),
    Column("also called", drop=1),
    Column("source", drop=3),
)


def grid(entries: Sequence[Entry], topics: Mapping[str, Sequence[Entry]] | None = None) -> Grid:
    """One line a model: its year, its totals, its input, who published it; in groups where topics are given."""
    notes = (f"{len(entries)} models; paramcalc count MODEL shows one, paramcalc show MODEL its spec",)
    lines = [*map(_line, entries)] if topics is None else []
    for topic, models in (topics or {}).items():
        lines.append(Line((topic or "other", *[""] * (len(COLUMNS) - 1)), strong=True, rule=bool(lines)))
        lines += (_line(entry)._replace(depth=1) for entry in models)
    return Grid("", COLUMNS, tuple(lines), notes).filled()


def _line(entry: Entry) -> Line:
    year = str(entry.year or "")
    params, macs = number(entry.params), number(entry.macs)
    source = entry.source.removesuffix(f", {year}") if year else entry.source
    return Line((entry.model, year, params, macs, entry.input, ", ".join(entry.aliases), source))


def rows(entries: Iterable[Entry]) -> Rows:
    """Every model with its totals."""
    found = (entry._replace(aliases=(" ".join(entry.aliases),)) for entry in entries)
    return Rows(Entry._fields, ((one.model, one.aliases[0], *one[2:]) for one in found))


def document(entries: Iterable[Entry]) -> dict[str, Any]:
    """The same as JSON."""
    models = [{**entry._asdict(), "aliases": [*entry.aliases]} for entry in entries]
    return {"schema": "paramcalc/list/1", "models": models}
