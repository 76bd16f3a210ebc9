"""A spec elaborated with symbols, and the formulas of its counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from paramcalc.elaborate import Change, Settings, Swap, elaborate
from paramcalc.errors import Fault, near
from paramcalc.graph import Graph
from paramcalc.paths import matching
from paramcalc.report import QUANTITIES, Counts, count_layer
from paramcalc.sizes import judge
from paramcalc.spec import Spec
from paramcalc.symbolic.choice import Chosen, choose, filled, usual
from paramcalc.symbolic.judge import Assumption, Judge, Stretch, Symbol
from paramcalc.symbolic.polynomial import evaluate, sum_of


class Formula(NamedTuple):
    """A quantity in closed form: a polynomial in the symbols, or a number.

    It holds for all values of the symbols, which are whole and at least their `least`, at which the
    assumptions hold.
    """

    quantity: str
    value: Any
    symbols: tuple[Symbol, ...]
    assumptions: tuple[Assumption, ...]

    def at(self, **values: int) -> int:
        """The exact number at a point, by letter; symbols that are left out keep their defaults."""
        return evaluate(self.value, self.point(values))  # type: ignore[no-any-return]

    def admits(self, **values: int) -> bool:
        """Whether the formula speaks of a point."""
        point = self.point(values)
        inside = all(point[symbol.letter] >= symbol.least for symbol in self.symbols)
        return inside and all(assumption.holds(point) for assumption in self.assumptions)

    def point(self, values: Mapping[str, int]) -> dict[str, int]:
        """Values of all symbols."""
        defaults = {symbol.letter: symbol.default for symbol in self.symbols}
        for letter in values:
            if letter not in defaults:
                raise Fault(f"there is no symbol '{letter}'", fix="symbols are " + ", ".join(defaults))
        return {**defaults, **values}


class Row(NamedTuple):
    """A layer, its counts, and how many layers of a repeat it stands for."""

    path: str
    counts: Counts
    times: Any
    auxiliary: str


class Closed(NamedTuple):
    """A network counted in symbols; `totals` leaves out branches that exist in training only."""

    graph: Graph
    symbols: tuple[Symbol, ...]
    assumptions: tuple[Assumption, ...]
    rows: tuple[Row, ...]
    totals: Counts
    chosen: Chosen

    def formula(self, quantity: str, layers: Sequence[str] = ()) -> Formula:
        """A quantity of the whole network, or of the layers that some patterns mean."""
        if quantity not in QUANTITIES:
            fix = near(quantity, QUANTITIES) or "quantities are " + ", ".join(QUANTITIES)
            raise Fault(f"there is no quantity '{quantity}'", fix=fix)
        counts = added(self.select(layers)) if layers else self.totals
        return Formula(quantity, getattr(counts, quantity), self.symbols, self.assumptions)

    def select(self, layers: Sequence[str]) -> tuple[Row, ...]:
        """The rows that patterns mean together, each once."""
        paths = [row.path for row in self.rows]
        wanted = {path for pattern in layers for path in matching(pattern, paths)}
        return tuple(row for row in self.rows if row.path in wanted)

    def settings(self, point: Mapping[str, int]) -> tuple[dict[str, Any], dict[str, tuple[int, ...]]]:
        """Knobs and input sizes with numbers put in for the letters: what `count` takes."""
        values = {symbol.letter: symbol.value.replaced(point) for symbol in self.symbols}
        knobs = {name: filled(value, values) for name, value in self.chosen.knobs.items()}
        return knobs, {name: filled(dims, values) for name, dims in self.chosen.inputs.items()}


def close(
    spec: Spec,
    variant: str = "",
    symbols: Sequence[str] | None = None,
    changes: tuple[Change | Swap, ...] = (),
    inputs: Mapping[str, Any] | None = None,
) -> Closed:
    """The counts of a network in symbols; None takes the width and the input's space.

    Input sizes are taken in multiples, as large as the strides ask for: each time one does not
    divide, elaboration starts again with larger steps, at most from the default size's power of
    steps on, so a few times.
    """
    numeric = elaborate(spec, Settings(variant, changes, inputs or {}))
    chosen = choose(spec, numeric, usual(spec, numeric) if symbols is None else symbols)
    while True:
        asked = Judge(chosen.symbols)
        token = judge.set(asked)
        try:
            sizes = {**(inputs or {}), **chosen.sizes()}
            graph = elaborate(spec, Settings(variant, (*changes, *chosen.changes()), sizes))
            rows = tuple(_rows(graph, _batch(chosen)))
        except Stretch as stretch:
            chosen = chosen.stretched(stretch.letter, stretch.factor)
            continue
        finally:
            judge.reset(token)
        totals = added(row for row in rows if not row.auxiliary)
        return Closed(graph, chosen.symbols, asked.assumptions(), rows, totals, chosen)


def _batch(chosen: Chosen) -> Any:
    return next((symbol.value for symbol in chosen.symbols if symbol.letter == chosen.batch), 1)


def _rows(graph: Graph, batch: Any) -> Iterable[Row]:
    known: dict[tuple[int, bool, tuple[str, ...]], Counts] = {}
    for layer in graph.layers:
        key = (id(layer.applied), layer.frozen, tuple(layer.shared))
        counts = known.get(key)
        if counts is None:
            counts = known[key] = count_layer(layer, batch)
        yield Row(layer.path, counts, 1, layer.auxiliary)


def added(rows: Iterable[Row]) -> Counts:
    """The counts of all rows together, quantity by quantity; equal ones are added once."""
    counts: dict[int, Counts] = {}
    times: dict[int, Any] = {}
    for row in rows:
        key = id(row.counts)
        counts[key] = row.counts
        times[key] = times.get(key, 0) + row.times
    sums = (
        sum_of((getattr(each, quantity), times[key]) for key, each in counts.items())
        for quantity in Counts._fields
    )
    return Counts(*sums)
