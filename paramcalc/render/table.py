"""Grids on a terminal. The only module that imports rich.

Digits are never cut: where the terminal is too narrow, whole columns are dropped in the order that
they allow, and what must stay is printed in full.
"""

from __future__ import annotations

import os
import sys
from typing import Literal, TextIO

from rich.box import Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from paramcalc.render.grid import Grid, Line

# Only a rule below the heading and, where a line asks for it, between lines.
RULES = Box("    \n    \n ── \n    \n ── \n    \n    \n    \n")
PLAIN_RULES = Box("    \n    \n -- \n    \n -- \n    \n    \n    \n", ascii=True)
GAP = 3  # blanks between columns, one of them the box's own


def console(file: TextIO | None = None, width: int | None = None) -> Console:
    """A console on standard output: as wide as the terminal, or wide enough for anything.

    Without a terminal there is no colour, and COLUMNS alone sets the width.
    """
    file = file or sys.stdout
    console = Console(file=file, width=width, highlight=False, emoji=False, markup=False, soft_wrap=True)
    if width is None and not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = 10_000
    return console


def show(grid: Grid, out: Console) -> None:
    """Draws a grid on a console, dropping optional columns until it fits."""
    grid = fitted(grid, out.width)
    plain = not _draws(out)
    table = Table(
        box=PLAIN_RULES if plain else RULES,
        show_edge=False,
        pad_edge=False,
        padding=(0, GAP - 1, 0, 0),
        header_style="bold",
    )
    for place, column in enumerate(grid.columns):
        side: Literal["left", "right"] = "right" if column.right else "left"
        table.add_column(column.title, justify=side, no_wrap=True, overflow="crop", width=_width(grid, place))
    for place, line in enumerate(grid.lines):
        following = grid.lines[place + 1].rule if place + 1 < len(grid.lines) else False
        table.add_row(*_cells(line, plain), style=_style(line), end_section=following)
    if grid.title:
        out.print(Text(grid.title, style="bold"))
    seen = out.width
    out.width = max(seen, sum(_width(grid, place) + GAP for place in range(len(grid.columns))))
    out.print(table, crop=False)
    out.width = seen
    for note in grid.notes:
        out.print(Text(note, style="dim"), soft_wrap=False)


def fitted(grid: Grid, width: int) -> Grid:
    """The grid without the columns that a given width has no room for."""
    while True:
        needed = sum(_width(grid, place) + GAP for place in range(len(grid.columns))) - GAP
        optional = [(column.drop, place) for place, column in enumerate(grid.columns) if column.drop]
        if needed <= width or not optional:
            return grid
        grid = grid.without(max(optional)[1])


def _width(grid: Grid, place: int) -> int:
    cells = [len(line.cells[place]) + (2 * line.depth if place == 0 else 0) for line in grid.lines]
    return max(len(grid.columns[place].title), *cells, 1)


def _cells(line: Line, plain: bool) -> list[Text]:
    first, *rest = line.cells
    cells = ["  " * line.depth + first, *rest]
    return [Text(cell.replace("█", "#") if plain else cell) for cell in cells]


def _style(line: Line) -> str:
    if line.wrong:
        return "bold red"
    return "bold" if line.strong else "dim" if line.faint else ""


def _draws(out: Console) -> bool:
    return "utf" in (out.encoding or "").lower()
