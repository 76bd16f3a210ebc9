"""The wording of a table of counts: column names, and the differences between a convention and our counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from paramcalc.base.choice import known
from paramcalc.base.errors import Fault
from paramcalc.count.report import QUANTITIES, Basis, Report
from paramcalc.render.words import MAIN, TITLES

COUNTED = "params: learned weights; MACs: convolution, linear, attention, without bias"
FIELD = ("field", "jump", "start")  # columns that a caller brings, as `Extra`


class Extra(NamedTuple):
    """Cells by path and column that come from elsewhere, and the notes on them below the table."""

    cells: Mapping[str, Mapping[str, str]]
    notes: tuple[str, ...]


def columns(text: str, names: tuple[str, ...], report: Report) -> tuple[str, ...]:
    """Columns from a list with commas; a quantity may have the word of the report's convention."""
    own = dict.fromkeys(own_words(report))
    found = []
    for name in (part.strip() for part in text.split(",")):
        if name:
            known(name, (*names, *own), "column")
            found.append(quantity(name, report) if name in (*QUANTITIES, *own) else name)
    return tuple(dict.fromkeys(found))


def own_words(report: Report) -> dict[str, str]:
    """Quantities by the words of a report's convention."""
    words = report.basis.words if report.basis else {}
    return {word: name for name, word in words.items() if word}


def quantity(name: str, report: Report) -> str:
    """The quantity of that name, or word; `Fault` where a report's convention says nothing about it.

    The depth is the same under all of them.
    """
    if name in (*report.quantities, "depth"):
        return name
    for word, meant in own_words(report).items():
        if word.lower() == name.lower():
            return meant
    about = ", ".join(report.quantities)
    raise Fault(f"convention '{report.convention}' does not define {name}, only {about}")


def against(report: Report, basis: Basis) -> list[str]:
    """How the totals of a convention differ from ours."""
    return [
        f"{word(name, report)} {gaps(found)}" for name, found in basis.differences.items() if name in MAIN
    ]


def gaps(found: Mapping[str, int]) -> str:
    """How a total differs from ours, by op.

    >>> gaps({"batch_norm": 53120, "linear": -1000})
    'against ours: +52,120 = batch_norm +53,120, linear -1,000'
    """
    parts = ", ".join(f"{name} {gap:+,}" for name, gap in found.items())
    return f"against ours: {sum(found.values()):+,} = {parts}"


def word(name: str, report: Report) -> str:
    """The convention's own name for a quantity, or the usual one."""
    return (report.basis and report.basis.words.get(name)) or TITLES.get(name, name)
