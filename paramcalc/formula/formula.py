"""Closed forms of a network's counts: of the whole, of its blocks, or of each layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from paramcalc.base.choice import chosen
from paramcalc.base.errors import Fault
from paramcalc.base.shape import Shape
from paramcalc.count.report import QUANTITIES, Counts
from paramcalc.symbolic.assumption import Assumption
from paramcalc.symbolic.closed import Closed, ClosedRow, Fixed, added, no_depth
from paramcalc.symbolic.domain import Domain
from paramcalc.symbolic.facts import Symbol
from paramcalc.symbolic.rounds import Range

USUAL = ("params", "macs", "activations", "memory")
TOTAL = "total"

Per = Literal["total", "block", "layer"]


class PartCounts(NamedTuple):
    """The counts of a part of the network.

    `ranges` names the indices over which the counts are still to be summed: a layer in a repeat whose number
    of rounds is a symbol stands for all rounds but the first.
    """

    path: str
    counts: Counts
    ranges: tuple[Range, ...] = ()


class Formulas(NamedTuple):
    """Closed forms with what is needed to read them; `sum` is the path of the one that is of all layers."""

    model: str
    settings: tuple[str, ...]
    inputs: Mapping[str, Shape]
    quantities: tuple[str, ...]
    symbols: tuple[Symbol, ...]
    domains: tuple[Domain, ...]
    others: tuple[Assumption, ...]
    assumptions: tuple[Assumption, ...]
    leading: tuple[str, ...]
    entries: tuple[PartCounts, ...]
    sum: str = TOTAL
    fixed: tuple[Fixed, ...] = ()
    decodes: bool = False

    @property
    def order(self) -> tuple[str, ...]:
        """The symbols in the requested order."""
        return tuple(symbol.letter for symbol in self.symbols)


def quantities(text: str) -> tuple[str, ...]:
    """Names of quantities from a list with commas; `Fault` with near misses for unknown ones."""
    return chosen(text, QUANTITIES, "quantity") or USUAL


def formulas(
    closed: Closed,
    wanted: tuple[str, ...] = USUAL,
    layers: Sequence[str] = (),
    per: Per = "total",
    depth: int = 1,
) -> Formulas:
    """The closed forms of some quantities; branches that exist in training only count on request."""
    main = tuple(row for row in closed.rows if not row.layer.auxiliary)
    rows = closed.select(layers) if layers else main
    name = ", ".join(layers) or TOTAL
    sums = added(rows) if layers else closed.totals
    entries = tuple(_entries(rows, per, depth, PartCounts(name, sums)))
    if "depth" in wanted and any(entry.counts.depth is None for entry in entries):
        raise no_depth(of_part=per != "total" or bool(layers))
    if not entries:
        raise Fault(f"'{closed.graph.model}' has no layers", fix="leave out --per layer for its sums")
    return Formulas(
        model=closed.graph.model,
        settings=closed.settings,
        inputs=closed.graph.inputs,
        quantities=wanted,
        symbols=closed.symbols,
        domains=closed.domains,
        others=closed.others,
        assumptions=closed.assumptions,
        leading=closed.leading,
        entries=entries,
        sum=name,
        fixed=closed.fixed,
        decodes=closed.graph.past is not None,
    )


def _entries(rows: Sequence[ClosedRow], per: Per, depth: int, whole: PartCounts) -> Iterable[PartCounts]:
    if per == "layer":
        for row in rows:
            yield PartCounts(row.path, row.counts, row.ranges)
    if per == "block":
        blocks: dict[str, list[ClosedRow]] = {}
        for row in rows:
            blocks.setdefault("/".join(row.path.split("/")[:depth]), []).append(row)
        for path, inside in blocks.items():
            yield PartCounts(path, added(inside))
    if per != "layer":
        yield whole
