"""Grids on a terminal. The only module that imports rich.

Digits are never cut: where the terminal is too narrow, whole columns are dropped in the order that
they allow, and what must stay is printed in full.
"""

from __future__ import annotations

import os
import sys
from typing import Literal, NamedTuple, TextIO

from rich.box import Box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from paramcalc.render.grid import GAP, Grid, Line, column_width, fitted, wrapped

# Only a rule below the heading and, where a line asks for it, between lines.
RULES = Box("    \n    \n ── \n    \n ── \n    \n    \n    \n")
PLAIN_RULES = Box("    \n    \n -- \n    \n -- \n    \n    \n    \n", ascii=True)


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
    if grid.title:
        out.print(Text(grid.title, style="bold"))
    seen = out.width
    out.width = max(seen, sum(column_width(grid, place) + GAP for place in range(len(grid.columns))))
    out.print(_table(grid, plain=not _draws(out)), crop=False)
    out.width = seen
    for note in grid.notes:
        for line in wrapped(note, seen):
            out.print(Text(line, style="dim"))


class Drawn(NamedTuple):
    """A grid that rich can print by itself, as wide as the console that shows it."""

    grid: Grid

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        grid = fitted(self.grid, options.max_width)
        if grid.title:
            yield Text(grid.title, style="bold")
        yield _table(grid, plain=not _draws(console))
        for note in grid.notes:
            yield Text(note, style="dim")


def _table(grid: Grid, plain: bool) -> Table:
    table = Table(
        box=PLAIN_RULES if plain else RULES,
        show_edge=False,
        pad_edge=False,
        padding=(0, GAP - 1, 0, 0),  # the box's own divider is one more
        header_style="bold",
    )
    for place, column in enumerate(grid.columns):
        side: Literal["left", "right"] = "right" if column.right else "left"
        table.add_column(
            column.title, justify=side, no_wrap=True, overflow="crop", width=column_width(grid, place)
        )
    for place, line in enumerate(grid.lines):
        following = grid.lines[place + 1].rule if place + 1 < len(grid.lines) else False
        table.add_row(*_cells(line, plain), style=_style(line), end_section=following)
    return table


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
