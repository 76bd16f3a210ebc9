"""The commands `list` and `ops`: what there is to count, and to build with."""

from __future__ import annotations

import csv
import io
import json
import re
import sys

import pytest

from paramcalc import load, ops
from paramcalc.list import catalogue
from tests.conftest import Run


def test_list_counts_as_count_does(run: Run) -> None:
    """Every model has the totals that the library gives for it alone, though models share work here."""
    rows = list(csv.DictReader(io.StringIO(run("list", "--format", "csv").out)))

    assert [row["model"] for row in rows] == [*catalogue.names()]
    for row in rows[::7]:
        totals = load(row["model"]).count().totals
        assert (int(row["params"]), int(row["macs"])) == (totals.params, totals.macs), row["model"]


def test_list_counts_only_what_matches(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pattern saves the time that other models take."""
    counted = []
    elaborate = catalogue.elaborate

    def spy(spec, settings, known):  # type: ignore[no-untyped-def]
        counted.append(settings.variant)
        return elaborate(spec, settings, known)

    monkeypatch.setattr(catalogue, "elaborate", spy)
    models = json.loads(run("list", "gpt2", "--format", "json").out)["models"]

    assert [model["model"] for model in models] == counted
    assert len(counted) == 4


@pytest.mark.parametrize("columns", [60, 200])
def test_a_terminal_gets_each_model_when_it_is_counted(
    run: Run, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    """The same cells as in a pipe, in columns that are wide enough before the counts are known."""
    piped = run("list", "mobilenet", columns=columns).out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    live = run("list", "mobilenet", columns=columns).out

    plain, piped = (re.sub("\x1b\\[[0-9;]*m|needs [0-9]+", "", text) for text in (live, piped))
    assert _cells(plain)[2:] == _cells(piped)[2:]  # but for the heading's rule


def _cells(table: str) -> list[list[str]]:
    return [line.split() for line in table.splitlines()]


@pytest.mark.parametrize("columns", [None, 80, 120])
def test_ops_fit_the_width(run: Run, columns: int | None) -> None:
    """All ops are there, no line is wider than the terminal, or than 100 columns in a pipe."""
    out = run("ops", columns=columns).out
    flat = " ".join(out.split())

    assert max(map(len, out.splitlines())) <= (columns or 100)
    for name in ops.every():
        assert name in flat
    assert "conv2d out_channels kernel_size ..." in out


def test_ops_in_markdown_have_whole_calls(run: Run) -> None:
    """Nothing is wrapped or left out where a document is written."""
    assert "conv2d out_channels kernel_size [stride=1]" in run("ops", "--format", "markdown").out
