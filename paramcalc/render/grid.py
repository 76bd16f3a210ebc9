"""A table as text cells, before it is drawn: what all table formats have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


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
    lines.append(" & ".join(_tex(column.title) for column in grid.columns) + " \\\\")
    lines.append("\\midrule")
    for line in grid.lines:
        if line.rule:
            lines.append("\\midrule")
        cells = [_tex(cell) for cell in line.cells]
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


def _tex(text: str) -> str:
    return "".join(_TEX.get(char, char) for char in text)
