"""The text of a drawing in a format, from its grid, rows, document, or a text of its own."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, TypeAlias

from paramcalc.base.errors import visible
from paramcalc.render import escape as escaping
from paramcalc.render.escape import cell, comment, harmless, tex
from paramcalc.render.grid import Column, Grid, Line, Rows, text

Drawing: TypeAlias = "Grid | Rows | Mapping[str, Any] | str"


def written(drawn: Drawing, form: str, width: int | None = None, unicode: bool = True) -> str:
    """The text of a drawing in a format; a width is for plain text."""
    if isinstance(drawn, Grid):
        writer = WRITERS.get(form)
        found = writer(drawn) if writer else text(drawn, width, unicode)
    elif isinstance(drawn, Rows):
        found = comma_separated(drawn)
    elif isinstance(drawn, str):
        found = drawn
    else:
        import json

        found = json.dumps(drawn, indent=2) + "\n"
    return harmless(found, form)


def markdown(grid: Grid) -> str:
    """A pipe table, then the remarks as a list."""
    escaped = [[escaping.markdown(cell) for cell in line.cells] for line in grid.lines]
    for line, cells in zip(grid.lines, escaped, strict=True):
        cells[0] = "&nbsp;&nbsp;" * line.depth + cells[0]
        if line.strong:
            cells[:] = [f"**{cell}**" if cell else "" for cell in cells]
    head = [escaping.markdown(column.title) for column in grid.columns]
    rule = ["---:" if column.right else "---" for column in grid.columns]
    lines = [f"| {' | '.join(row)} |" for row in (head, rule, *escaped)]
    notes = [f"- {escaping.markdown(note)}" for note in grid.notes]
    title = [f"**{escaping.markdown(grid.title)}**", ""] if grid.title else []
    return "\n".join([*title, *lines, *([""] if notes else []), *notes]) + "\n"


def latex(grid: Grid) -> str:
    """A `tabular` with the rules of the booktabs package; remarks follow as comments."""
    shape = "".join("r" if column.right else "l" for column in grid.columns)
    lines = [f"\\begin{{tabular}}{{{shape}}}", "\\toprule"]
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
    lines += ["\\bottomrule", "\\end{tabular}", ""]
    title = comment("%", grid.title) if grid.title else ""
    return title + "\n".join(lines) + "".join(comment("%", note) for note in grid.notes)


def html(grid: Grid) -> str:
    """A `table` without scripts or outside styles, its title as caption; remarks follow in small type."""
    head = "".join(f"<th{_side(column)}>{_html(column.title)}</th>" for column in grid.columns)
    parts = ['<table class="paramcalc">']
    if grid.title:
        parts.append(f'<caption style="text-align: left"><b>{_html(grid.title)}</b></caption>')
    parts += [f"<thead><tr>{head}</tr></thead>", "<tbody>"]
    parts += [_row(line, grid) for line in grid.lines]
    parts += ["</tbody>", "</table>"]
    parts += [f"<div><small>{_html(note)}</small></div>" for note in grid.notes]
    return "\n".join(parts) + "\n"


def _row(line: Line, grid: Grid) -> str:
    cells = []
    for place, (content, column) in enumerate(zip(line.cells, grid.columns, strict=True)):
        text = _html(content)
        if line.strong and text:
            text = f"<b>{text}</b>"
        if place == 0 and line.depth:
            text = "&emsp;" * line.depth + text
        cells.append(f"<td{_side(column)}>{text}</td>")
    rule = ' style="border-top: 1px solid"' if line.rule else ""
    return f"<tr{rule}>{''.join(cells)}</tr>"


def _side(column: Column) -> str:
    return ' style="text-align: right"' if column.right else ' style="text-align: left"'


def _html(text: str) -> str:
    return escape(visible(text))


def comma_separated(found: Rows) -> str:
    """CSV as RFC 4180 has it, but with plain line ends; numbers without separators."""
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(found.header)
    writer.writerows([cell(value) for value in row] for row in found.rows)
    return text.getvalue()


WRITERS = {"markdown": markdown, "latex": latex, "html": html}
