"""A spec elaborated with symbols, and the formulas of its counts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from paramcalc.base.errors import Fault, SpecError, visible
from paramcalc.base.paths import matching
from paramcalc.base.sizes import judge
from paramcalc.count.report import Counts, count_layer, depths, known_quantity
from paramcalc.engine.elaborate import Setting, Settings, elaborate
from paramcalc.engine.graph import Graph, Kind, Layer
from paramcalc.language.spec import Spec
from paramcalc.symbolic.assumption import Assumption
from paramcalc.symbolic.choice import Chosen, Start, all_tokens, choose, decode, filled, usual
from paramcalc.symbolic.depth import depth
from paramcalc.symbolic.domain import Domain
from paramcalc.symbolic.facts import Symbol
from paramcalc.symbolic.judge import PolynomialJudge, Stretch
from paramcalc.symbolic.notation import shown
from paramcalc.symbolic.polynomial import evaluate, sum_of
from paramcalc.symbolic.rounds import Range, SymbolicElaborator, summed
from paramcalc.symbolic.scale import scaled


class Formula(NamedTuple):
    """A quantity in closed form: a polynomial in the symbols, or a number.

    It holds for all values of the symbols, which are whole and at least their `least`, at which the
    assumptions hold.
    """

    quantity: str
    value: Any
    symbols: tuple[Symbol, ...]
    assumptions: tuple[Assumption, ...]
    leading: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Formula of {self.quantity} in {', '.join(self.order)}>"

    def __str__(self) -> str:
        return shown(self.value, self.leading, self.order)

    def _repr_latex_(self) -> str:
        from paramcalc.symbolic.to_sympy import latex

        return f"${latex(self.value, self.leading)}$"

    @property
    def order(self) -> tuple[str, ...]:
        """The symbols in the requested order: that of the factors of a term."""
        return tuple(symbol.letter for symbol in self.symbols)

    def sympy(self) -> Any:
        """The value as a sympy expression, which takes a fifth of a second to import."""
        from paramcalc.symbolic.to_sympy import expression

        return expression(self.value)

    def at(self, **values: int) -> int:
        """The exact number at a point, by letter; symbols that are left out keep their defaults."""
        return evaluate(self.value, self.point(values))  # type: ignore[no-any-return]

    def admits(self, **values: int) -> bool:
        """Whether the formula holds at a point."""
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


class ClosedRow(NamedTuple):
    """A layer and its counts; in a repeat with a symbol for its rounds, one that stands for several.

    Then `ranges` has the indices that the counts may depend on, and over which they are summed.
    """

    layer: Layer
    counts: Counts
    ranges: tuple[Range, ...] = ()

    @property
    def path(self) -> str:
        return self.layer.path


class Fixed(NamedTuple):
    """A requested symbol that has one legal value only, and why no other gives a network."""

    stands_for: tuple[str, ...]
    value: int
    reason: str


class Closed(NamedTuple):
    """A network counted in symbols; `totals` leaves out branches that exist in training only.

    `settings` are those besides the symbols, as they were written. Of all `assumptions`, the `domains` say
    what is of one whole symbol alone, and `others` are the rest. `fixed` are symbols in whose place
    stands their default, because no other value has a network.
    """

    graph: Graph
    settings: tuple[str, ...]
    symbols: tuple[Symbol, ...]
    domains: tuple[Domain, ...]
    others: tuple[Assumption, ...]
    assumptions: tuple[Assumption, ...]
    rows: tuple[ClosedRow, ...]
    totals: Counts
    chosen: Chosen
    fixed: tuple[Fixed, ...] = ()

    def __repr__(self) -> str:
        letters = ", ".join(symbol.letter for symbol in self.symbols)
        return f"<Closed {visible(self.graph.model)} in {letters}>"

    def formula(self, quantity: str, layers: Sequence[str] = ()) -> Formula:
        """A quantity of the whole network, or of the layers that some patterns mean."""
        known_quantity(quantity)
        counts = added(self.select(layers)) if layers else self.totals
        value = getattr(counts, quantity)
        if value is None:
            raise no_depth(of_part=bool(layers))
        return self.stated(quantity, value)

    def stated(self, quantity: str, value: Any) -> Formula:
        """A value with what is needed to read it."""
        return Formula(quantity, value, self.symbols, self.assumptions, self.leading)

    @property
    def leading(self) -> tuple[str, ...]:
        """The symbols whose powers are taken out in print: batch, input sizes, numbers of rounds."""
        counts = (count for row in self.rows for _, count in row.ranges)
        rounds = {name for count in counts for name in count.symbols()}
        letters = [symbol.letter for symbol in self.symbols if symbol.stretches]
        batch = [letter for letter in (self.chosen.batch, self.chosen.past) if letter]
        deep = [symbol.letter for symbol in self.symbols if symbol.letter in rounds]
        return tuple(dict.fromkeys([*batch, *letters, *deep]))

    def select(self, layers: Sequence[str]) -> tuple[ClosedRow, ...]:
        """The rows that patterns mean together, each once."""
        paths = [row.path for row in self.rows]
        wanted = {path for pattern in layers for path in matching(pattern, paths)}
        return tuple(row for row in self.rows if row.path in wanted)

    def numbers(self, point: Mapping[str, int]) -> tuple[dict[str, Any], dict[str, tuple[int, ...]]]:
        """Knobs and input sizes with numbers put in for the letters: what `count` takes."""
        values = {symbol.letter: symbol.value.replaced(point) for symbol in self.symbols}
        knobs = {name: filled(value, values) for name, value in self.chosen.knobs.items()}
        inputs = {name: self.graph.inputs[name].dims for name in self.chosen.inputs}
        return knobs, {name: tuple(evaluate(dim, point) for dim in dims) for name, dims in inputs.items()}


def close(
    spec: Spec,
    variant: str = "",
    symbols: Sequence[str] | None = None,
    changes: tuple[Setting, ...] = (),
    inputs: Mapping[str, Any] | None = None,
) -> Closed:
    """The counts of a network in symbols; None takes the width and the input's space.

    Input sizes are taken in multiples, as large as the strides ask for and never larger than the size. A
    knob that is an input's size stays as it is where the network has no closed form in it.
    """
    numeric = Settings(variant, changes, inputs or {})
    graph = elaborate(spec, numeric)
    if graph.past is not None:  # the sizes of inputs are those of all tokens
        graph = elaborate(spec, numeric._replace(changes=all_tokens(numeric)))
    start = Start(graph.knobs, graph.inputs, numeric.inputs.keys(), graph.cells, decode(numeric))
    chosen = choose(spec, start, usual(spec, start) if symbols is None else symbols)
    try:
        return _closed(spec, numeric, scaled(chosen, graph))
    except (Fault, SpecError):
        apart = start._replace(given=start.inputs.keys())  # the knobs of the inputs' sizes stay numbers
        other = choose(spec, apart, usual(spec, apart) if symbols is None else symbols)
        if other.knobs == chosen.knobs:
            raise
    return _closed(spec, numeric, scaled(other, graph))


def _closed(spec: Spec, numeric: Settings, chosen: Chosen) -> Closed:
    """The counts in the symbols chosen, in steps as large as they must be.

    What strides do not show, such as windows of attention, is found when a size does not divide:
    elaboration starts again in steps at least twice as large.
    """
    fixed: list[Fixed] = []
    while True:
        asked = PolynomialJudge(chosen.symbols)
        settings = numeric._replace(changes=(*numeric.changes, *chosen.changes()))
        try:
            sizes = chosen.sizes(started(spec, settings, asked).inputs)
            settings = settings._replace(inputs={**numeric.inputs, **sizes})
            graph, rows, totals = counted(spec, settings, asked, _batch(chosen))
            only = _only_value(spec, settings, chosen, asked)
        except Stretch as stretch:
            chosen = chosen.stretched(stretch.letter, stretch.factor)
            continue
        if only:
            letter, reason = only
            symbol = next(symbol for symbol in chosen.symbols if symbol.letter == letter)
            fixed.append(Fixed(symbol.stands_for, symbol.start, reason))
            chosen = chosen.without(letter)
            continue
        return Closed(
            graph=graph,
            settings=tuple(str(change) for change in numeric.changes),
            symbols=chosen.symbols,
            domains=asked.domains(),
            others=asked.others(),
            assumptions=asked.assumptions(),
            rows=rows,
            totals=totals,
            chosen=chosen,
            fixed=tuple(fixed),
        )


def _only_value(
    spec: Spec, settings: Settings, chosen: Chosen, asked: PolynomialJudge
) -> tuple[str, str] | None:
    """A symbol all of whose values but one have no network, as an attempt without that one shows, and why."""
    for letter, equation in asked.only.items():
        judge = PolynomialJudge(chosen.symbols, denied=equation)
        judge.stretching = False
        try:
            counted(spec, settings, judge, _batch(chosen))
        except SpecError as error:
            problem, *_ = error.problems
            line, _ = problem.source.position(problem.start)
            return letter, f"{problem.fact} (line {line})"
        except Fault:
            continue
    return None


def started(spec: Spec, settings: Settings, asked: PolynomialJudge) -> Start:
    """Knobs and input sizes under settings that hold symbols."""
    token = judge.set(asked)
    try:
        return Start.of(spec, settings)
    finally:
        judge.reset(token)


def counted(
    spec: Spec, settings: Settings, asked: PolynomialJudge, batch: Any
) -> tuple[Graph, tuple[ClosedRow, ...], Counts]:
    """A network whose settings hold symbols, its layers' counts, as a judge answers for the symbols, and their sums."""
    token = judge.set(asked)
    try:
        elaborator = SymbolicElaborator(spec, settings, asked)
        graph = elaborator.run()
        rows = tuple(_rows(graph, elaborator.ranges, batch, asked))
        totals = added(row for row in rows if not row.layer.auxiliary)
        return graph, rows, totals._replace(depth=depth(graph, elaborator.rests))
    finally:
        judge.reset(token)


def _batch(chosen: Chosen) -> Any:
    return next((symbol.value for symbol in chosen.symbols if symbol.letter == chosen.batch), 1)


def _rows(
    graph: Graph, ranges: Mapping[int, tuple[Range, ...]], batch: Any, asked: PolynomialJudge
) -> Iterable[ClosedRow]:
    known: dict[tuple[Kind, Any], Counts] = {}
    parts = [None] * len(graph.layers) if ranges else depths(graph)
    for number, (layer, part) in enumerate(zip(graph.layers, parts, strict=True)):
        counts = known.get((layer.kind, part))
        if counts is None:
            counts = Counts(*map(asked.settled, count_layer(layer, batch, graph.past is not None)))
            counts = known[layer.kind, part] = counts._replace(depth=cast("int", part))
        yield ClosedRow(layer, counts, ranges.get(number, ()))


def added(rows: Iterable[ClosedRow]) -> Counts:
    """The counts of all rows together, quantity by quantity; equal ones are added once.

    The depth of a part is None where numbers of rounds are symbols.
    """
    alike: dict[tuple[int, tuple[Range, ...]], list[ClosedRow]] = {}
    for row in rows:
        alike.setdefault((id(row.counts), row.ranges), []).append(row)
    return Counts(*(_added(quantity, alike.values()) for quantity in Counts._fields))


def _added(quantity: str, alike: Collection[list[ClosedRow]]) -> Any:
    if any(getattr(rows[0].counts, quantity) is None for rows in alike):
        return None
    parts = ((summed(getattr(rows[0].counts, quantity), rows[0].ranges), len(rows)) for rows in alike)
    return sum_of(parts)


def no_depth(of_part: bool) -> Fault:
    """The depth has no closed form: which layers lie on the longest path depends on the numbers of rounds."""
    fact = "which layers lie on the longest path depends on the rounds of a repeat, so the depth"
    what = "of a part has no closed form" if of_part else "has no closed form"
    return Fault(f"{fact} {what}", fix="do not make the number of rounds a symbol")
