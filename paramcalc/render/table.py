"""The layout of a grid, painted on a terminal. The only module that imports rich."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import NamedTuple, TextIO

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from paramcalc.render.grid import Grid, Styled, layout

STYLES = {"strong": "bold", "faint": "dim", "wrong": "bold red"}


def console(file: TextIO | None = None, width: int | None = None) -> Console:
    """A console on standard output, which wraps nothing and takes nothing in a text for a command."""
    return Console(
        file=file or sys.stdout, width=width, highlight=False, emoji=False, markup=False, soft_wrap=True
    )


def show(grid: Grid, out: Console) -> None:
    """Draws a grid on a console, dropping optional columns until it fits."""
    paint(layout(grid, out.width, _draws(out)), out)


def paint(lines: Iterable[Styled], out: Console) -> None:
    """Draws lines, each as soon as it is there."""
    for line in lines:
        out.print(_text(line))


class Drawn(NamedTuple):
    """A grid that rich can print by itself, as wide as the console that shows it."""

    grid: Grid

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in layout(self.grid, options.max_width, _draws(console)):
            yield _text(line)


def _text(line: Styled) -> Text:
    return Text(line.text, style=STYLES.get(line.style, ""), no_wrap=True, overflow="ignore")


def _draws(out: Console) -> bool:
    return "utf" in (out.encoding or "").lower()
