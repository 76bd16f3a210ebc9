"""Tables as text: plain and by rich they are the same; digits are never cut."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from paramcalc import load
from paramcalc.count import draw as counts
from paramcalc.render import table
from paramcalc.render.grid import Grid, text


def by_rich(grid: Grid, width: int) -> str:
    out = io.StringIO()
    table.show(grid, table.console(out, width=width))
    return out.getvalue()


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


@pytest.mark.parametrize("width", [20, 60, 80, 100, 200])
@pytest.mark.parametrize("model", ["lenet5-1998", "googlenet", "resnet-50"])
def test_plain_text_is_what_rich_draws(model: str, width: int) -> None:
    """A pipe gets the very lines that a terminal of that width shows, without colours."""
    grid = counts.grid(load(model).count())

    assert lines(text(grid, width)) == lines(by_rich(grid, width))


@pytest.mark.parametrize("model", ["lenet5-1998", "googlenet", "resnet-50"])
def test_a_narrow_table_is_the_wide_one_without_columns(model: str) -> None:
    """In every width: no line is wider unless no column can go any more, and cells are those of the whole table."""
    grid = counts.grid(load(model).count())
    rows = len(grid.lines) + 4  # title, heading, two rules
    wide = [set(re.split(r" {3,}", line.strip())) for line in text(grid).splitlines()[:rows]]
    least = max(map(len, text(grid, 1).splitlines()[:rows]))

    for width in range(20, 120, 7):
        shown = text(grid, width).splitlines()[:rows]
        assert max(map(len, shown)) <= max(width, least)
        for line, cells in zip(shown, wide, strict=True):
            assert set(re.split(r" {3,}", line.strip())) <= cells or set(line) == {"─"}


def test_colour_on_a_terminal_only() -> None:
    """Rich writes escape sequences when it is told that it draws on a terminal."""
    grid = counts.grid(load("lenet5-1998").count())
    out = io.StringIO()

    table.show(grid, Console(file=out, width=100, force_terminal=True, color_system="standard"))

    assert "\x1b[1m" in out.getvalue()
    assert "\x1b" not in text(grid, 100)


def test_without_unicode_the_table_is_plain_ascii() -> None:
    """Rules and bars fall back to what every terminal has."""
    grid = counts.grid(load("lenet5-1998").count())

    assert text(grid, 200, unicode=False).isascii()


def test_columns_without_room_are_named() -> None:
    """What a narrow terminal leaves out is said below the table, in the table's order."""
    grid = counts.grid(load("lenet5-1998").count())

    said = "op, share of MACs hidden (needs 93 columns): widen the terminal or use --columns"
    assert " ".join(text(grid, 40).splitlines()).endswith(said)
    assert "hidden" not in text(grid, 93)
    assert "op hidden (needs 93 columns)" in text(grid, 92)
