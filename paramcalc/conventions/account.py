"""A network counted under a convention: its numbers in place of our own, and where the two differ."""

from __future__ import annotations

from collections import Counter
from typing import Any

from paramcalc.base.sizes import Size
from paramcalc.conventions.papers import OWN
from paramcalc.conventions.rule import Convention, Facts, evaluated, family, rules
from paramcalc.conventions.tools import TOOLS, VARIANTS, WRITINGS
from paramcalc.count.report import Basis, Counts, Report, Row, branches, sum_counts

STORED = ("params", "trainable", "frozen", "buffers", "kernels")  # the same for any number of samples


def recounted(report: Report, convention: Convention) -> Report:
    """The report with a convention's numbers, and nothing of what the convention does not speak of.

    >>> from paramcalc import load
    >>> from paramcalc.conventions import convention
    >>> recounted(load("lenet5-ng").count(), convention("thop")).totals.macs
    418125
    """
    if convention is OWN:
        return report
    found = _recounted(report, convention)
    others = "".join(_otherwise(each, found) for each in variants(report, found))
    basis = found.basis
    return found._replace(basis=basis and basis._replace(says=basis.says + others))


def profiled(report: Report) -> list[Report]:
    """The network under the profile of each tool, and of each way of writing it that matters to the tool."""
    found = []
    for tool in TOOLS:
        base = recounted(report, tool)
        found += [base, *variants(report, base)]
    return found


def variants(report: Report, base: Report) -> list[Report]:
    """The network under those variants of a profile that have other totals than the profile."""
    others = [each for each in VARIANTS if each.base == base.convention]
    return [found for each in others if (found := _recounted(report, each)).totals != base.totals]


def _otherwise(other: Report, base: Report) -> str:
    """The numbers of a network that is written in another way."""
    theirs, ours = other.totals, base.totals
    numbers = (
        f"{words or quantity} {getattr(theirs, quantity):,}"
        for quantity, words in (other.basis.words if other.basis else {}).items()
        if getattr(theirs, quantity) != getattr(ours, quantity)
    )
    writing = WRITINGS[other.convention.partition(":")[2]]
    return f"; {other.convention}, {writing}: {', '.join(numbers)}"


def _recounted(report: Report, convention: Convention) -> Report:
    known: dict[Any, Counts] = {}
    rows = tuple(Row(row.layer, _counts(row, convention, report.batch, known)) for row in report.rows)
    meant = [row for row in rows if convention.auxiliary or not row.layer.auxiliary]
    tool = convention.tool
    basis = Basis(
        label=f"{convention.name} {tool.version}" if tool else convention.name,
        says=convention.says,
        words={quantity: convention.word(quantity) for quantity in convention.terms},
        rules={quantity: rules(terms) for quantity, terms in convention.terms.items()},
        differences=_differences(report, meant, convention),
    )
    return report._replace(
        convention=convention.name,
        rows=rows,
        totals=sum_counts(row.counts for row in meant),
        auxiliary={} if convention.auxiliary else branches(rows),
        basis=basis,
    )


def _counts(row: Row, convention: Convention, batch: int, known: dict[Any, Counts]) -> Counts:
    """The quantities that a convention is about; all others 0."""
    if convention.terms is OWN.terms:
        return row.counts
    layer = row.layer
    key = layer.kind
    if key not in known:
        facts = Facts(layer, row.counts if batch == 1 else None)
        known[key] = Counts(
            **{
                quantity: evaluated(terms, facts) * _times(quantity, convention, batch)
                for quantity, terms in convention.terms.items()
            }
        )
    return known[key]


def _times(quantity: str, convention: Convention, batch: int) -> int:
    per_image = convention.tool is not None and convention.tool.per_image
    return 1 if per_image or quantity in STORED else batch


def _differences(report: Report, theirs: list[Row], convention: Convention) -> dict[str, dict[str, Size]]:
    """For each quantity, what each op has more than in our own totals, or less; the largest first."""
    ours = [row for row in report.rows if not row.layer.auxiliary]
    found = {}
    for quantity in convention.terms:
        gaps = _by_family(theirs, quantity)
        gaps.subtract(_by_family(ours, quantity))
        found[quantity] = dict(sorted(gaps.items(), key=lambda item: -abs(item[1])))
    return {
        quantity: {name: gap for name, gap in gaps.items() if gap}
        for quantity, gaps in found.items()
        if any(gaps.values())
    }


def _by_family(rows: list[Row], quantity: str) -> Counter[str]:
    sums: Counter[str] = Counter()
    for row in rows:
        sums[family(row.layer)] += getattr(row.counts, quantity)
    return sums
