"""A table as text cells, and its one layout in lines: what terminals, pipes and files show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from paramcalc.base.errors import visible
from paramcalc.render.escape import harmless

GAP = 3  # blanks between columns


class Column(NamedTuple):
    """A column; `drop` orders what gives way first on a narrow terminal, 0 stays."""

    title: str
    right: bool = False
    drop: int = 0


class Line(NamedTuple):
    """One line of cells.

    `depth` indents the first, `strong` marks totals, `wrong` what failed, `rule` a line above.
    """

    cells: tuple[str, ...]
    depth: int = 0
    strong: bool = False
    faint: bool = False
    rule: bool = False
    wrong: bool = False

    @property
    def style(self) -> str:
        return "wrong" if self.wrong else "strong" if self.strong else "faint" if self.faint else ""


class Grid(NamedTuple):
    """A table with a title above and remarks below; `remedy` is what helps where it is too wide."""

    title: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()
    remedy: str = "widen the terminal"

    def without(self, place: int) -> Grid:
        """The same grid with one column left out."""
        columns = self.columns[:place] + self.columns[place + 1 :]
        lines = tuple(
            line._replace(cells=line.cells[:place] + line.cells[place + 1 :]) for line in self.lines
        )
        return self._replace(columns=columns, lines=lines)


class Rows(NamedTuple):
    """A table as data: names, and rows of values."""

    header: tuple[str, ...]
    rows: Iterable[Iterable[object]]


class Styled(NamedTuple):
    """A line of text, and what it is: strong, faint, wrong or nothing of it."""

    text: str
    style: str = ""


def number(value: object) -> str:
    """An exact count with separators.

    >>> number(25557032)
    '25,557,032'
    """
    return f"{value:,}" if isinstance(value, int) else str(value)


def text(grid: Grid, width: int | None = None, unicode: bool = True) -> str:
    """The grid as plain text, for a width if there is one."""
    return "".join(f"{line.text}\n" for line in layout(grid, width, unicode))


def layout(
    grid: Grid, width: int | None = None, unicode: bool = True, lines: Iterable[Line] | None = None
) -> Iterator[Styled]:
    """The lines that show a grid, with its own lines or others, which may be made while they are drawn.

    In a width, columns are left out until it fits; without one nothing is dropped and nothing wrapped.
    """
    grid = grid if width is None else fitted(grid, width)
    widths = [column_width(grid, place) for place in range(len(grid.columns))]
    rule = Styled(("─" if unicode else "-") * (sum(widths) + GAP * (len(widths) - 1)))
    if grid.title:
        yield Styled(_said(grid.title), "strong")
    yield Styled(_padded([column.title for column in grid.columns], grid, widths), "strong")
    yield rule
    for place, line in enumerate(grid.lines if lines is None else lines):
        if line.rule and place:
            yield rule
        cells = ["  " * line.depth + line.cells[0], *line.cells[1:]]
        yield Styled(
            _padded(cells if unicode else [cell.replace("█", "#") for cell in cells], grid, widths),
            line.style,
        )
    for note in grid.notes:
        yield from (Styled(part, "faint") for part in wrapped(_said(note), width))


def wrapped(note: str, width: int | None) -> list[str]:
    """A remark in lines of at most a width, or as wide as its widest word: digits are never cut."""
    if width is None or len(note) <= width:
        return [note]
    import textwrap

    return textwrap.wrap(note, max(width, 1), break_on_hyphens=False, break_long_words=False)


def fitted(grid: Grid, width: int) -> Grid:
    """The grid without the columns that do not fit, and a remark that names them."""
    whole, kept, missing = total_width(grid), grid, set()
    while total_width(kept) > width:
        optional = [(column.drop, place) for place, column in enumerate(kept.columns) if column.drop]
        if not optional:
            break
        _, place = max(optional)
        missing.add(kept.columns[place].title)
        kept = kept.without(place)
    if not missing:
        return kept
    titles = ", ".join(dict.fromkeys(column.title for column in grid.columns if column.title in missing))
    note = f"{titles} hidden (needs {whole} columns): {grid.remedy}"
    return kept._replace(notes=(*kept.notes, note))


def total_width(grid: Grid) -> int:
    """Characters that a grid needs."""
    return sum(column_width(grid, place) + GAP for place in range(len(grid.columns))) - GAP


def column_width(grid: Grid, place: int) -> int:
    """Characters that a column needs, the first with its indentation."""
    cells = [len(line.cells[place]) + (2 * line.depth if place == 0 else 0) for line in grid.lines]
    return max(len(grid.columns[place].title), *cells, 1)


def _padded(cells: list[str], grid: Grid, widths: list[int]) -> str:
    sides = [str.rjust if column.right else str.ljust for column in grid.columns]
    padded = (side(cell, width) for side, cell, width in zip(sides, cells, widths, strict=True))
    return _said((" " * GAP).join(padded).rstrip())


def _said(text: str) -> str:
    """A text in one line that nobody obeys."""
    return harmless(visible(text))
