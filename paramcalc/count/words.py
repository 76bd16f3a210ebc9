"""What a table of counts says in whose words: columns, and how a convention differs from our counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from paramcalc.base.errors import Fault
from paramcalc.count.report import Basis, Report
from paramcalc.render.words import MAIN, TITLES

FIELD = ("field", "jump", "start")  # columns that a caller brings, as `Extra`


class Extra(NamedTuple):
    """Cells by path and column that come from elsewhere, and what is said of them below the table."""

    cells: Mapping[str, Mapping[str, str]]
    notes: tuple[str, ...]


NOTHING = Extra({}, ())


def quantity(name: str, report: Report) -> str:
    """The quantity of that name, or that the report's convention calls so; any other name as it is.

    fvcore calls multiply-accumulates flops, and has no other.
    """
    words = report.basis.words if report.basis else {}
    return next((each for each, said in words.items() if name and said == name and name not in words), name)


def spoken_of(name: str, report: Report) -> None:
    """A `Fault` where a report's convention says nothing about a quantity."""
    if name not in report.quantities:
        about = ", ".join(report.quantities)
        raise Fault(f"convention '{report.convention}' says nothing about {name}, only {about}")


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


def word(quantity: str, report: Report) -> str:
    """What a quantity is called by those who count it so."""
    return (report.basis and report.basis.words.get(quantity)) or TITLES.get(quantity, quantity)
