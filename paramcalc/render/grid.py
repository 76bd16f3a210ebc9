"""A table as text cells, and its one layout in lines: what terminals, pipes and files show."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from itertools import zip_longest
from typing import NamedTuple

from paramcalc.base.errors import visible
from paramcalc.render.escape import harmless

GAP, NARROW_GAP = 3, 2  # blanks between columns
NOTHING: Mapping[str, str] = {}


class Column(NamedTuple):
    """A column, and how it gives way on a narrow terminal.

    `short` has shorter forms of its cells and its title. Cells that `wrap` go on in the next line at a
    blank, in `least` characters or more. `drop` orders what is left out, the highest first; 1 only where
    wrapping does not help, 0 never.
    """

    title: str
    right: bool = False
    drop: int = 0
    short: Mapping[str, str] = NOTHING
    wrap: bool = False
    least: int = 1


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
    """A table with a title above and remarks below; `remedy` is what helps where it is too wide.

    `indent` is the number of blanks for each level of depth.
    """

    title: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()
    remedy: str = "widen the terminal"
    gap: int = GAP
    indent: int = 2

    def without(self, place: int) -> Grid:
        """The same grid with one column left out."""
        columns = self.columns[:place] + self.columns[place + 1 :]
        lines = tuple(
            line._replace(cells=line.cells[:place] + line.cells[place + 1 :]) for line in self.lines
        )
        return self._replace(columns=columns, lines=lines)

    def filled(self) -> Grid:
        """The same grid without the columns in which no line has anything."""
        places = range(len(self.columns) - 1, 0, -1)
        empty = [place for place in places if not any(line.cells[place] for line in self.lines)]
        return reduce(Grid.without, empty, self) if self.lines else self


class Rows(NamedTuple):
    """A table as data: names, and rows of values."""

    header: tuple[str, ...]
    rows: Iterable[Iterable[object]]


class Styled(NamedTuple):
    """A line of text and its style: strong, faint, wrong or plain."""

    text: str
    style: str = ""


def number(value: object) -> str:
    """An exact count with separators.

    >>> number(25557032)
    '25,557,032'
    """
    return f"{value:,}" if isinstance(value, int) else str(value)


UNITS = "KMGTPE"


def rounded(count: int) -> str:
    """A count to three digits with a unit of thousands; as it is where that is shorter.

    >>> rounded(25557032), rounded(4089184256), rounded(999999), rounded(840)
    ('25.6 M', '4.09 G', '1.00 M', '840')
    """
    for power in range(len(UNITS) + 1):
        for places in (2, 1, 0):
            scaled = (2 * count * 10**places + 1000**power) // (2 * 1000**power)
            if scaled < 1000 and power:
                whole, part = divmod(scaled, 10**places)
                return (
                    f"{whole}.{part:0{places}} {UNITS[power - 1]}"
                    if places
                    else f"{whole} {UNITS[power - 1]}"
                )
        if count < 1000:
            return str(count)
    return f"{scaled:,} {UNITS[-1]}"


def text(grid: Grid, width: int | None = None, unicode: bool = True) -> str:
    """The grid as plain text, for a width if there is one."""
    return "".join(f"{line.text}\n" for line in layout(grid, width, unicode))


def layout(grid: Grid, width: int | None = None, unicode: bool = True) -> Iterator[Styled]:
    """The lines that show a grid: fitted into a width, or as wide as it likes."""
    parts = [grid] if width is None else fitted(grid, width)
    for place, part in enumerate(parts):
        if place:
            yield Styled("")
        yield from _drawn(part, width, unicode)


def _drawn(grid: Grid, width: int | None, unicode: bool) -> Iterator[Styled]:
    widths = [column_width(grid, place) for place in range(len(grid.columns))]
    rule = Styled(("─" if unicode else "-") * (sum(widths) + grid.gap * (len(widths) - 1)))
    if grid.title:
        yield from (Styled(part, "strong") for part in wrapped(_said(grid.title), width))
    yield Styled(_padded([column.title for column in grid.columns], grid, widths), "strong")
    yield rule
    for place, line in enumerate(grid.lines):
        if line.rule and place:
            yield rule
        cells = [" " * (grid.indent * line.depth) + line.cells[0], *line.cells[1:]]
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


def hanging(text: str, width: int | None) -> str:
    """A text whose long lines go on below, under what follows their first `=`, or further in.

    >>> print(hanging("params = (5*5*1 + 1)*6 = 156", 21))
    params = (5*5*1 +
             1)*6 = 156
    """
    if width is None or all(len(line) <= width for line in text.split("\n")):
        return text
    import textwrap

    lines = []
    for line in text.split("\n"):
        if len(line) <= width or " " not in line.strip():
            lines.append(line)
            continue
        lead = len(line) - len(line.lstrip()) + 2
        at = line.find(" = ")
        indent = " " * (at + 3 if 0 < at < width // 3 else lead)
        lines += textwrap.wrap(
            line, max(width, 1), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
    return "\n".join(lines)


def fitted(grid: Grid, width: int) -> list[Grid]:
    """The grid as it fits into a width: shorter cells first, then less between the columns, fewer columns,
    cells of several lines, less indentation, and at last several tables, the first column in each.
    """
    # what stays is shortened first, then what would be left out first
    order = sorted(range(len(grid.columns)), key=lambda place: -(grid.columns[place].drop or math.inf))
    for place in order:
        if grid.columns[place].short and total_width(grid) > width:
            grid = _shortened(grid, place)
    if total_width(grid) > width:
        grid = grid._replace(gap=NARROW_GAP)
    kept = grid
    while total_width(kept) > width and (place := _dropped(kept, 2)):
        kept = kept.without(place)
    if _least_width(kept) > width:
        kept = kept._replace(indent=1)
    while _least_width(kept) > width and (place := _dropped(kept, 1)):
        kept = kept.without(place)
    if missing := {column.title for column in grid.columns} - {column.title for column in kept.columns}:
        titles = ", ".join(dict.fromkeys(one.title for one in grid.columns if one.title in missing))
        note = f"{titles} hidden (needs {total_width(grid)} columns): {grid.remedy}"
        kept = kept._replace(notes=(*kept.notes, note))
    if total_width(kept._replace(gap=GAP)) <= width:
        kept = kept._replace(gap=GAP)
    return _parts(_broken(kept, width), width)


def _dropped(grid: Grid, least: int) -> int:
    """The place of the column to leave out next, with a `drop` of at least this; 0 for none."""
    drop, place = max((column.drop, place) for place, column in enumerate(grid.columns))
    return place if drop >= least else 0


def _shortened(grid: Grid, place: int) -> Grid:
    """The grid with the short forms of a column."""
    column = grid.columns[place]
    columns = list(grid.columns)
    columns[place] = column._replace(title=column.short.get(column.title, column.title))
    lines = (
        line._replace(cells=_exchanged(line.cells, place, column.short.get(line.cells[place])))
        for line in grid.lines
    )
    return grid._replace(columns=tuple(columns), lines=tuple(lines))


def _exchanged(cells: tuple[str, ...], place: int, other: str | None) -> tuple[str, ...]:
    return cells if other is None else (*cells[:place], other, *cells[place + 1 :])


def _least_width(grid: Grid) -> int:
    """Characters that a grid needs where cells that wrap have one word a line."""
    return sum(_least(grid, place) + grid.gap for place in range(len(grid.columns))) - grid.gap


def _least(grid: Grid, place: int) -> int:
    """Characters that a column needs at least: its widest cell, or word where it wraps."""
    if not grid.columns[place].wrap:
        return column_width(grid, place)
    words = (
        len(word) + grid.indent * line.depth * (place == 0)
        for line in grid.lines
        for word in line.cells[place].split()
    )
    widest = min(grid.columns[place].least, column_width(grid, place))
    return max(len(grid.columns[place].title), widest, max(words, default=1))


def _broken(grid: Grid, width: int) -> Grid:
    """The grid with cells in several lines where they may be, the widest columns first, as far as it takes."""
    excess, rooms = total_width(grid) - width, {}
    places = [place for place, column in enumerate(grid.columns) if column.wrap]
    for place in sorted(places, key=lambda place: -column_width(grid, place)):
        if excess > 0:
            now = column_width(grid, place)
            rooms[place] = max(_least(grid, place), now - excess)
            excess -= now - rooms[place]
    return grid._replace(lines=tuple(_in_lines(grid.lines, rooms, grid.indent))) if rooms else grid


def _in_lines(lines: Iterable[Line], rooms: Mapping[int, int], indent: int) -> Iterator[Line]:
    """The lines, each in as many as its cells need in the room that their columns have."""
    for line in lines:
        pieces = [
            wrapped(cell, rooms[place] - indent * line.depth * (place == 0)) if place in rooms else [cell]
            for place, cell in enumerate(line.cells)
        ]
        for number, cells in enumerate(zip_longest(*pieces, fillvalue="")):
            yield line._replace(cells=cells, rule=line.rule and not number)


def _parts(grid: Grid, width: int) -> list[Grid]:
    """The grid in tables that fit, the title above the first, the remarks below the last."""
    groups: list[list[int]] = [[0]]
    for place in range(1, len(grid.columns)):
        if len(groups[-1]) > 1 and _total(grid, [*groups[-1], place]) > width:
            groups.append([0])
        groups[-1].append(place)
    parts = [_with_columns(grid, group)._replace(title="", notes=()) for group in groups]
    parts[0] = parts[0]._replace(title=grid.title)
    parts[-1] = parts[-1]._replace(notes=grid.notes)
    return parts


def _with_columns(grid: Grid, places: list[int]) -> Grid:
    if len(places) == len(grid.columns):
        return grid
    lines = (line._replace(cells=tuple(line.cells[place] for place in places)) for line in grid.lines)
    return grid._replace(columns=tuple(grid.columns[place] for place in places), lines=tuple(lines))


def total_width(grid: Grid) -> int:
    """Characters that a grid needs."""
    return _total(grid, range(len(grid.columns)))


def _total(grid: Grid, places: Iterable[int]) -> int:
    return sum(column_width(grid, place) + grid.gap for place in places) - grid.gap


def column_width(grid: Grid, place: int) -> int:
    """Characters that a column needs, the first with its indentation."""
    cells = [len(line.cells[place]) + (grid.indent * line.depth if place == 0 else 0) for line in grid.lines]
    return max(len(grid.columns[place].title), *cells, 1)


def _padded(cells: list[str], grid: Grid, widths: list[int]) -> str:
    sides = [str.rjust if column.right else str.ljust for column in grid.columns]
    padded = (side(cell, width) for side, cell, width in zip(sides, cells, widths, strict=True))
    return _said((" " * grid.gap).join(padded).rstrip())


def _said(text: str) -> str:
    """A text in one line without commands."""
    return harmless(visible(text))
