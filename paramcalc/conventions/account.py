"""A network counted under a convention: its numbers in place of our own, and where the two differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, TypeAlias

from paramcalc.base.sizes import Size, total
from paramcalc.conventions.papers import OWN
from paramcalc.conventions.rule import Convention, LayerFacts, expression, family, formulas, rules
from paramcalc.conventions.tools import TOOLS, VARIANTS, WRITINGS
from paramcalc.count.report import Basis, Counts, Report, Row, branches, sum_counts

Known: TypeAlias = dict[Any, Size]  # by formulas and kinds of layers

STORED = (
    "params",
    "trainable",
    "frozen",
    "buffers",
    "kernels",
    "biases",
    "active_params",
)  # the same for any number of samples


def recounted(report: Report, convention: Convention) -> Report:
    """The report with a convention's numbers, without quantities that the convention does not define.

    >>> from paramcalc import load
    >>> from paramcalc.conventions import convention
    >>> recounted(load("lenet5-ng").count(), convention("thop")).totals.macs
    418125
    """
    if convention is OWN:
        return report
    known: Known = {}
    found = _recounted(report, convention, known)
    return _told(found, _variants(report, found, known))


def profiled(report: Report) -> list[Report]:
    """The network under the profile of each tool, and of each way of writing it that matters to the tool."""
    known: Known = {}
    found = []
    for tool in TOOLS:
        base = _recounted(report, tool, known)
        others = _variants(report, base, known)
        found += [_told(base, others), *others]
    return found


def _variants(report: Report, base: Report, known: Known) -> list[Report]:
    """The network under those variants of a profile that have other totals than the profile."""
    others = [each for each in VARIANTS if each.base == base.convention]
    return [found for each in others if (found := _recounted(report, each, known)).totals != base.totals]


def _told(report: Report, others: Iterable[Report]) -> Report:
    """The report with the numbers of other ways of writing the network next to the text of its convention."""
    basis = report.basis
    told = "".join(_otherwise(each, report) for each in others)
    return report._replace(basis=basis and basis._replace(says=basis.says + told))


def _otherwise(other: Report, base: Report) -> str:
    """The numbers of a network written in another way."""
    theirs, ours = other.totals, base.totals
    numbers = (
        f"{words or quantity} {getattr(theirs, quantity):,}"
        for quantity, words in (other.basis.words if other.basis else {}).items()
        if getattr(theirs, quantity) != getattr(ours, quantity)
    )
    writing = WRITINGS[other.convention.partition(":")[2]]
    return f"; {other.convention}, {writing}: {', '.join(numbers)}"


def counted(report: Report, convention: Convention, known: Known | None = None) -> tuple[Row, ...]:
    """The rows with the numbers of a convention: 0 for quantities that it does not define."""
    counts = _Counting(convention, report.batch, {} if known is None else known)
    return tuple(Row(row.layer, counts.of(row)) for row in report.rows)


def _recounted(report: Report, convention: Convention, known: Known) -> Report:
    rows = counted(report, convention, known)
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


class _Counting:
    """Layers counted under a convention. What formulas make of a layer is known to all conventions that share them."""

    def __init__(self, convention: Convention, batch: int, known: Known) -> None:
        self.convention = convention
        self.batch = batch
        self.known = known
        self.formulas: dict[tuple[str, str], tuple[str, ...]] = {}
        self.equal: dict[Any, Counts] = {}  # by kinds of layers

    def of(self, row: Row) -> Counts:
        """The counts of a row under the convention, and its depth, which no convention changes; all others 0."""
        if self.convention.terms is OWN.terms:
            return row.counts
        key = row.layer.kind
        if key not in self.equal:
            self.equal[key] = Counts(
                **{
                    quantity: self.value(row, quantity) * _times(quantity, self.convention, self.batch)
                    for quantity in self.convention.terms
                }
            )
        return self.equal[key]._replace(depth=row.counts.depth)

    def value(self, row: Row, quantity: str) -> Size:
        """A quantity of a layer, for one sample."""
        layer, terms = row.layer, self.convention.terms[quantity]
        place = (quantity, family(layer))
        if place not in self.formulas:
            self.formulas[place] = tuple(each.text for each in formulas(terms, family(layer)))
        key = (self.formulas[place], layer.kind)
        if key not in self.known:
            facts = LayerFacts(layer, row.counts if self.batch == 1 else None)
            self.known[key] = total(expression(formula).evaluate(facts) for formula in key[0])
        return self.known[key]


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
