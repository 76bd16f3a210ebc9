"""Grids as HTML: a table without scripts or outside styles, for a page or a notebook."""

from __future__ import annotations

from html import escape

from paramcalc.render.grid import Grid, Line

_RIGHT = ' style="text-align: right"'
_LEFT = ' style="text-align: left"'
_RULE = ' style="border-top: 1px solid"'


def table(grid: Grid) -> str:
    """A `table` with the title as its caption; remarks follow in small type."""
    head = "".join(
        f"<th{_RIGHT if column.right else _LEFT}>{escape(column.title)}</th>" for column in grid.columns
    )
    parts = ['<table class="paramcalc">']
    if grid.title:
        parts.append(f'<caption style="text-align: left"><b>{escape(grid.title)}</b></caption>')
    parts += [f"<thead><tr>{head}</tr></thead>", "<tbody>"]
    parts += [_row(line, grid) for line in grid.lines]
    parts += ["</tbody>", "</table>"]
    parts += [f"<div><small>{escape(note)}</small></div>" for note in grid.notes]
    return "\n".join(parts) + "\n"


def _row(line: Line, grid: Grid) -> str:
    cells = []
    for place, (cell, column) in enumerate(zip(line.cells, grid.columns, strict=True)):
        text = escape(cell)
        if line.strong and text:
            text = f"<b>{text}</b>"
        if place == 0 and line.depth:
            text = "&emsp;" * line.depth + text
        cells.append(f"<td{_RIGHT if column.right else _LEFT}>{text}</td>")
    return f"<tr{_RULE if line.rule else ''}>{''.join(cells)}</tr>"
