"""A table as text cells, before it is drawn: what all table formats have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

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


class Grid(NamedTuple):
    """A table with a title above and remarks below."""

    title: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()

    def without(self, place: int) -> Grid:
        """The same grid with one column left out."""
        columns = self.columns[:place] + self.columns[place + 1 :]
        lines = tuple(
            line._replace(cells=line.cells[:place] + line.cells[place + 1 :]) for line in self.lines
        )
        return self._replace(columns=columns, lines=lines)


def number(value: object) -> str:
    """An exact count with separators.

    >>> number(25557032)
    '25,557,032'
    """
    return f"{value:,}" if isinstance(value, int) else str(value)


def text(grid: Grid, width: int | None = None, unicode: bool = True) -> str:
    """The grid as plain text, as rich draws it on a terminal of that width, without colours.

    Without a width nothing is dropped and nothing wrapped.
    """
    grid = grid if width is None else fitted(grid, width)
    return "".join(f"{line}\n" for line in drawn(grid, grid.lines, width, unicode))


def drawn(grid: Grid, lines: Iterable[Line], width: int | None = None, unicode: bool = True) -> Iterator[str]:
    """The grid in lines of text, with lines of its own or others, which may be made while they are drawn."""
    widths = [column_width(grid, place) for place in range(len(grid.columns))]
    rule = ("─" if unicode else "-") * (sum(widths) + GAP * (len(widths) - 1))
    if grid.title:
        yield grid.title
    yield _padded([column.title for column in grid.columns], grid, widths)
    yield rule
    for place, line in enumerate(lines):
        if line.rule and place:
            yield rule
        cells = ("  " * line.depth + line.cells[0], *line.cells[1:])
        yield _padded([cell if unicode else cell.replace("█", "#") for cell in cells], grid, widths)
    for note in grid.notes:
        yield from wrapped(note, width)


def wrapped(note: str, width: int | None) -> list[str]:
    """A remark in lines of at most a width, or as wide as its widest word: digits are never cut."""
    if width is None or len(note) <= width:
        return [note]
    import textwrap

    return textwrap.wrap(note, max(width, 1), break_on_hyphens=False, break_long_words=False)


def fitted(grid: Grid, width: int) -> Grid:
    """The grid without the columns that a given width has no room for, and a remark that names them."""
    kept, missing = grid, set()
    while True:
        needed = sum(column_width(kept, place) + GAP for place in range(len(kept.columns))) - GAP
        optional = [(column.drop, place) for place, column in enumerate(kept.columns) if column.drop]
        if needed <= width or not optional:
            break
        _, place = max(optional)
        missing.add(kept.columns[place].title)
        kept = kept.without(place)
    if not missing:
        return kept
    titles = dict.fromkeys(column.title for column in grid.columns if column.title in missing)
    columns = "column" if len(titles) == 1 else "columns"
    return kept._replace(notes=(*kept.notes, f"no room for the {columns} {', '.join(titles)}"))


def column_width(grid: Grid, place: int) -> int:
    """Characters that a column needs, the first with its indentation."""
    cells = [len(line.cells[place]) + (2 * line.depth if place == 0 else 0) for line in grid.lines]
    return max(len(grid.columns[place].title), *cells, 1)


def _padded(cells: list[str], grid: Grid, widths: list[int]) -> str:
    sides = [str.rjust if column.right else str.ljust for column in grid.columns]
    padded = (side(cell, width) for side, cell, width in zip(sides, cells, widths, strict=True))
    return (" " * GAP).join(padded).rstrip()


def markdown(grid: Grid) -> str:
    """A pipe table, then the remarks as a list."""
    rows = [tuple(column.title for column in grid.columns)]
    rows += [_indented(line, "&nbsp;&nbsp;") for line in grid.lines]
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    rule = ["---:" if column.right else "---" for column in grid.columns]
    lines = [f"| {' | '.join(row)} |" for row in (escaped[0], rule, *escaped[1:])]
    for place, line in enumerate(grid.lines, start=2):
        if line.strong:
            bold = [f"**{cell}**" if cell else "" for cell in escaped[place - 1]]
            lines[place] = f"| {' | '.join(bold)} |"
    notes = [f"- {note}" for note in grid.notes]
    title = [f"**{grid.title}**", ""] if grid.title else []
    return "\n".join([*title, *lines, *([""] if notes else []), *notes]) + "\n"


def latex(grid: Grid) -> str:
    """A `tabular` with the rules of the booktabs package; remarks follow as comments."""
    shape = "".join("r" if column.right else "l" for column in grid.columns)
    lines = [f"% {grid.title}"] if grid.title else []
    lines += [f"\\begin{{tabular}}{{{shape}}}", "\\toprule"]
    lines.append(" & ".join(tex(column.title) for column in grid.columns) + " \\\\")
    lines.append("\\midrule")
    for line in grid.lines:
        if line.rule:
            lines.append("\\midrule")
        cells = [tex(cell) for cell in line.cells]
        cells[0] = "\\quad " * line.depth + cells[0]
        if line.strong:
            cells = [f"\\textbf{{{cell}}}" if cell else "" for cell in cells]
        lines.append(" & ".join(cells) + " \\\\")
    lines += ["\\bottomrule", "\\end{tabular}"]
    lines += [f"% {note}" for note in grid.notes]
    return "\n".join(lines) + "\n"


def comma_separated(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """CSV as RFC 4180 has it, but with plain line ends; numbers without separators."""
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _indented(line: Line, blank: str) -> tuple[str, ...]:
    return (blank * line.depth + line.cells[0], *line.cells[1:])


_TEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "×": r"$\times$",
    "█": "",
}


# The x of sizes, of numbers of blocks and of ratios: 3x3, 6 x 28 x 28, unit x 2, x 1.52.
_TIMES = r"(?<=[0-9])x(?=[0-9])|(?<= )x(?= [0-9])|^x(?= [0-9])"


def tex(text: str) -> str:
    """A text with LaTeX's special characters escaped, and with sizes as products.

    >>> print(tex("conv2_x"), tex("64 x 56 x 56"), tex("max_pool2d 3x2"))
    conv2\\_x 64 $\\times$ 56 $\\times$ 56 max\\_pool2d 3$\\times$2
    """
    return "".join(_TEX.get(char, char) for char in re.sub(_TIMES, "×", text.strip()))
