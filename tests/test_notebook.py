"""Notebooks: figures above tables, and the magic for a spec in a cell."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest

import paramcalc
from paramcalc import compare, load

CELL = "input: 3x32x32\nknobs: {width: 32}\nlayers: [conv2d width 3, relu, global_avg_pool, linear 10]\n"


class Shell:
    """As much of IPython as the extension uses."""

    def __init__(self) -> None:
        self.user_ns: dict[str, Any] = {}
        self.magics: dict[str, Callable[[str, str], Any]] = {}

    def register_magic_function(self, function: Callable[[str, str], Any], kind: str, name: str) -> None:
        assert kind == "cell"
        self.magics[name] = function


@pytest.fixture
def shell() -> Shell:
    found = Shell()
    paramcalc.load_ipython_extension(found)
    return found


@pytest.mark.parametrize(
    ("shown", "pictures"),
    [
        (load("lenet5-1998"), ["lenet5-1998"]),
        (load("lenet5-1998").count(), ["lenet5-1998"]),
        (compare(load("lenet5-1998"), load("lenet5-ng")), ["lenet5-1998", "lenet5-ng"]),
    ],
    ids=["model", "report", "comparison"],
)
def test_networks_show_themselves(shown: Any, pictures: list[str]) -> None:
    """A picture of each network, then the table; no script."""
    text = shown._repr_html_()

    drawn = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    titles = [ElementTree.fromstring(each).find("{http://www.w3.org/2000/svg}title") for each in drawn]
    assert [title.text for title in titles if title is not None] == pictures
    assert text.rindex("</svg>") < text.index('<table class="paramcalc">')
    assert "<script" not in text


def test_the_numbers_of_a_tool_have_no_picture() -> None:
    """A figure says our own counts, which stand beside no other ones."""
    assert "<svg" not in load("lenet5-1998").count(convention="torchinfo")._repr_html_()


def test_the_magic_counts_a_cell(shell: Shell) -> None:
    """3*3*3*64 + 64 + 64*10 + 10 params; the name is the model, without the settings."""
    report = shell.magics["paramcalc"]("net width=64", CELL)

    assert report.totals.params == 1792 + 650
    assert shell.user_ns["net"].count().totals.params == 3 * 3 * 3 * 32 + 32 + 330
    assert shell.magics["paramcalc"]("", CELL).totals.params == 896 + 330


def test_a_mistake_in_a_cell_is_said(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """With its place and the fix, and without a traceback."""
    assert shell.magics["paramcalc"]("net", CELL.replace("conv2d", "conv2")) is None
    assert shell.magics["paramcalc"]("a b", CELL) is None

    said = capsys.readouterr().err
    assert "<cell>:3:10: there is no op or block 'conv2'" in said
    assert "%%paramcalc net width=64" in said
    assert "Traceback" not in said


def test_in_ipython() -> None:
    """A real shell, where there is one: the extension loads, and a cell with the magic gives a report."""
    interactive = pytest.importorskip("IPython.core.interactiveshell")
    shell = interactive.InteractiveShell.instance()

    shell.run_line_magic("load_ext", "paramcalc")
    result = shell.run_cell(f"%%paramcalc net\n{CELL}")

    assert result.result.totals.params == 896 + 330
    assert shell.user_ns["net"].name == "<cell>"
