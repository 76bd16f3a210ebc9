"""The bundled models as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from paramcalc.list.catalogue import Entry, Listed
from paramcalc.render.grid import Column, Grid, Line, Rows, Styled, fitted, layout, number

COLUMNS = (
    Column("model"),
    Column("params", right=True),
    Column("MACs", right=True),
    Column("input", right=True, drop=2),
    Column("also called", drop=1),
    Column("source", drop=3),
)
# What the columns of a model that is not counted yet have room for. A longer cell is printed in full.
ROOM = Entry("", (), "", 10**12 - 1, 10**15 - 1, "3x1024x1024", "")


def grid(entries: Sequence[Entry]) -> Grid:
    """One line a model: its totals, its input, where it was published."""
    notes = (f"{len(entries)} models; paramcalc count MODEL shows one, paramcalc show MODEL its spec",)
    return Grid("", COLUMNS, tuple(map(_line, entries)), notes)


def streamed(
    found: Sequence[Listed], entries: Iterable[Entry], width: int | None, unicode: bool
) -> Iterator[Styled]:
    """The lines of the table, each as soon as its entry is there."""
    room = [ROOM._replace(model=one.model, aliases=one.aliases, source=one.source) for one in found]
    fitting = fitted(grid(room), width) if width else grid(room)
    kept = [place for place, column in enumerate(COLUMNS) if column in fitting.columns]
    lines = (Line(tuple(cells[place] for place in kept)) for cells, *_ in map(_line, entries))
    return layout(fitting, width, unicode, lines)


def _line(entry: Entry) -> Line:
    params, macs = number(entry.params), number(entry.macs)
    return Line((entry.model, params, macs, entry.input, ", ".join(entry.aliases), entry.source))


def rows(entries: Iterable[Entry]) -> Rows:
    """Every model with its totals."""
    header = ("model", "aliases", "spec", "params", "macs", "input", "source")
    found = ((e.model, " ".join(e.aliases), e.spec, e.params, e.macs, e.input, e.source) for e in entries)
    return Rows(header, found)


def document(entries: Iterable[Entry]) -> dict[str, Any]:
    """The same as JSON."""
    models = [{**entry._asdict(), "aliases": [*entry.aliases]} for entry in entries]
    return {"schema": "paramcalc/list/1", "models": models}
