"""Tables as text: plain and by rich they are the same; digits are never cut."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from paramcalc import load
from paramcalc.count import draw as counts
from paramcalc.list import catalogue
from paramcalc.render import table
from paramcalc.render.grid import Column, Grid, Line, fitted, text
from tests.conftest import Run


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


def cells(grid: Grid, title: str) -> list[str]:
    """The cells of a column, those that go on in the next line in one piece."""
    place = [column.title for column in grid.columns].index(title)
    found: list[list[str]] = []
    numbers = [column.title for column in grid.columns].index("MACs")
    for line in grid.lines:
        if line.cells[numbers]:
            found.append([])
        found[-1].append(line.cells[place])
    return [" ".join(filter(None, parts)) for parts in found]


def family(op: str) -> str:
    """An op without its number of dimensions, which short forms leave out."""
    return re.sub("[123]d$", "", op)


def test_every_bundled_model_says_what_its_layers_are() -> None:
    """At 80, 120 and 200 columns no line is too wide, every layer has its op, and every number is whole."""
    for one in catalogue.bundled():
        whole = counts.grid(load(one.model).count())
        ops = [call.split()[:1] for call in cells(whole, "op")]
        for width in (80, 120, 200):
            narrow, *more = fitted(whole, width)
            if more:  # names of nine levels leave no room for numbers: they have a table of their own
                assert (one.spec, width) == ("rcan", 80)
                continue
            assert max(len(line) for line in text(whole, width).splitlines()) <= width, one.model
            brief = [call.split()[:1] for call in cells(narrow, "op")]
            assert [[family(op) for op in call] for call in ops] == [
                [family(op) for op in call] for call in brief
            ], one.model
            for title in ("params", "MACs"):
                assert cells(narrow, title) == cells(whole, title), one.model


@pytest.mark.parametrize("model", ["lenet5-1998", "googlenet", "llama3.1-405b"])
def test_no_line_is_too_wide(model: str) -> None:
    """From the width of one column of numbers beside the names on."""
    grid = counts.grid(load(model).count())

    for width in range(48, 120):
        assert max(map(len, text(grid, width).splitlines())) <= width


def test_text_wraps_at_blanks_and_numbers_do_not() -> None:
    """Cells that may wrap go on below, under an indentation; a column of numbers is as wide as its widest."""
    lines = (Line(("one two three", "alpha beta gamma", "1,234,567"), depth=1), Line(("four", "delta", "8")))
    grid = Grid("", (Column("name", wrap=True), Column("what", wrap=True), Column("n", right=True)), lines)

    assert text(grid, 29).splitlines()[2:] == [
        "  one two  alpha  1,234,567",
        "  three    beta",
        "           gamma",
        "four       delta          8",
    ]


def test_what_fits_in_no_way_is_shown_in_parts() -> None:
    """Every column is there once, behind the names of the lines; the title is above, the remarks below."""
    columns = (Column("name"), *(Column(f"quantity {n}", right=True) for n in range(6)))
    grid = Grid("Title", columns, (Line(("a", *"123456")), Line(("b", *"789012"))), ("a remark",))

    shown = text(grid, 40).splitlines()

    assert [line.split()[0] for line in shown if line and line[0] != "─"] == [
        "Title", "name", "a", "b", "name", "a", "b", "a",
    ]  # fmt: skip
    assert " ".join(shown).count("quantity") == 6
    assert max(map(len, shown)) <= 40


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

    said = "output, share hidden (needs 57 columns): widen the terminal or use --columns"
    assert " ".join(text(grid, 40).splitlines()).endswith(said)
    assert "hidden" not in text(grid, 57)
    assert "share hidden (needs 57 columns)" in " ".join(text(grid, 56).splitlines())


def test_a_deep_tree_is_indented_less_before_it_is_parted(run: Run) -> None:
    """RCAN is ten levels deep: at 80 columns one table has what each layer is, its params and MACs."""
    lines = run("count", "rcan", columns=80).out.splitlines()

    assert [line.split() for line in lines if line.startswith("layer ")] == [
        ["layer", "op", "params", "MACs"]
    ]
    assert max(map(len, lines)) <= 80
    assert "          linear_2          linear 64                320                 256" in lines
