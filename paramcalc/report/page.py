"""The data of the page: networks as lines of a table whose numbers are closed forms, `paramcalc/page/1`.

Equal texts, forms and lines are written once and mentioned by number, so that a network takes some kilobytes. A
text holds `{3}` where form 3 goes.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Generic, NamedTuple, TypeVar

from paramcalc.base.errors import Fault, SpecError
from paramcalc.base.shape import Shape
from paramcalc.count.call import block_text, call_text
from paramcalc.count.outline import Node, tree
from paramcalc.count.report import Report
from paramcalc.count.report import Row as CountedRow
from paramcalc.engine.graph import Applied, BlockCall
from paramcalc.explain.draw import marked
from paramcalc.explain.equations import equations_of
from paramcalc.model import Model
from paramcalc.ops.attributes import attributes
from paramcalc.report.closed import State, states
from paramcalc.symbolic import Assumption, Polynomial, evaluate
from paramcalc.symbolic.closed import ClosedRow
from paramcalc.symbolic.rounds import summed
from paramcalc.symbolic.terms import GROUP, Atom

SCHEMA = "paramcalc/page/1"
QUANTITIES = ("params", "macs", "activations", "memory")
COLUMNS = QUANTITIES[:3]
EQUATIONS = ("output", "params", "macs", "activations")
FAR = 4  # times its usual value that a slider goes
STANDS_IN = 10**15  # and so many more: a number in the place of a form
_STAND_IN = re.compile(r"(?<!\d)1000000000\d{6}(?!\d)")

Item = TypeVar("Item", bound=Hashable)


class Once(Generic[Item]):
    """Items in the order in which they were first met."""

    def __init__(self, first: Iterable[Item] = ()) -> None:
        self.places: dict[Item, int] = {item: place for place, item in enumerate(first)}

    def add(self, item: Item) -> int:
        return self.places.setdefault(item, len(self.places))

    def all(self) -> list[Item]:
        return [*self.places]


class Tables(NamedTuple):
    """What lines mention by number."""

    forms: Once[str]
    texts: Once[str]
    lines: Once[tuple[Any, ...]]
    often: Once[tuple[Any, ...]]
    shapes: Once[tuple[Any, ...]]  # equations: names, and formulas; then the symbols in them
    explained: Once[tuple[Any, ...]]


def document(
    models: Sequence[Model], changes: tuple[Any, ...] = (), inputs: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Everything that the page's script needs, as JSON has it."""
    tables = Tables(Once(["0", "1"]), Once([""]), Once(), Once(), Once(), Once())
    found = [_model(model, changes, inputs, tables) for model in models]
    return {
        "schema": SCHEMA,
        "quantities": list(QUANTITIES),
        "forms": tables.forms.all(),
        "texts": tables.texts.all(),
        "lines": tables.lines.all(),
        "often": tables.often.all(),
        "shapes": tables.shapes.all(),
        "explained": tables.explained.all(),
        "models": found,
    }


def _model(
    model: Model, changes: tuple[Any, ...], inputs: dict[str, Any] | None, tables: Tables
) -> dict[str, Any]:
    return {
        "name": model.name,
        "states": [_State(state, tables).written() for state in states(model, changes, inputs)],
    }


class _State:
    """One setting of a network in the making."""

    def __init__(self, state: State, tables: Tables) -> None:
        self.state = state
        self.closed = state.closed
        self.tables = tables
        self.usual = {symbol.letter: symbol.default for symbol in self.closed.symbols}
        self.values: list[Any] = []  # what stand-ins represent
        self.known: dict[Any, int] = {}
        self.ranges = {row.path: row for row in self.closed.rows}

    def written(self) -> dict[str, Any]:
        rows = tuple(CountedRow(row.layer, row.counts) for row in self.closed.rows)
        report = Report(self.closed.graph, 1, "paramcalc", rows, self.closed.totals, {})
        kinds: dict[object, int] = {}
        bare = self.state.totals_only
        drawn = () if bare else self.lines(tree(report), "", 0, kinds, report.graph.calls)
        lines = [self.tables.lines.add(line) for line in drawn]
        return {
            "label": self.state.label,
            "inputs": [f"{name} {self.sizes(shape, {})}" for name, shape in self.closed.graph.inputs.items()],
            "knobs": [self.knob(place) for place in range(len(self.closed.symbols))],
            "guards": [self.guard(one) for one in self.closed.assumptions],
            "totals": self.totals(),
            "lines": _runs(lines),
        }

    def totals(self) -> list[int]:
        """The forms of all quantities; the last is written as the sum that it nearly always is."""
        counts = self.closed.totals
        found = [self.form(getattr(counts, name)) for name in QUANTITIES[:-1]]
        if counts.memory - counts.params - counts.activations == 0:
            return [*found, self.tables.forms.add(f"${found[0]}+${found[2]}")]
        return [*found, self.form(counts.memory)]

    def knob(self, place: int) -> list[Any]:
        """Letter, name, then usual value, least, most, step, in the units that a reader knows; scale, offset."""
        symbol, domain = self.closed.symbols[place], self.closed.domains[place]
        most = max(FAR * max(symbol.default, 2), symbol.default + 4)
        most = min(most, domain.most) if domain.most is not None else most
        ends = [value * symbol.scale + symbol.offset for value in (symbol.default, domain.least, most)]
        name = "height = width" if symbol.stands_for == ("H", "W") else symbol.stands_for[0]
        return [symbol.letter, name, *ends, domain.step * symbol.scale, symbol.scale, symbol.offset]

    def guard(self, one: Assumption) -> list[Any]:
        """How two numbers relate, or a number and 0, and what to say where they do not."""
        names = {symbol.letter: symbol.stands_for[0] for symbol in self.closed.symbols}
        text = re.sub(r"[A-Za-z_][A-Za-z_0-9]*", lambda found: names.get(found[0], found[0]), str(one))
        return [one.kind, self.form(one.value), self.form(one.divisor), self.text(text)]

    # --------------------------------------------------------------------------------- lines

    def lines(
        self, node: Node, path: str, depth: int, kinds: dict[object, int], calls: Mapping[str, BlockCall]
    ) -> Iterator[tuple[Any, ...]]:
        """The lines below a group, equal neighbours in one; branches of training left out.

        A line: depth, name, call, output, how often it is there. That is how many equal neighbours it stands for, how
        many later rounds, and how many times its forms count.
        """
        for names, child in _folded(node, kinds):
            below = [row for row in child.rows() if not row.layer.auxiliary]
            if not below:
                continue
            here = f"{path}{names[0]}"
            name = names[0] if len(names) == 1 else f"{names[0]}-{names[-1]}"
            last = self.ranges[below[-1].path]
            rounds = self.form(last.ranges[-1][1] - 1) if name.endswith("..") and last.ranges else 0
            head = (depth, self.text(name))
            if child.children:
                call = calls.get(here)
                text = self.text(self.call_of(call)) if call else 0
                yield (*head, text, self.output(last), self.often(len(names), rounds, 1))
                yield from self.lines(child, f"{here}/", depth + 1, kinds, calls)
                if child.row is not None and not child.row.layer.auxiliary:
                    yield self.layer(depth + 1, "=", 1, 0, self.ranges[child.row.path])
            else:
                yield self.layer(depth, name, len(names), rounds, last)

    def layer(self, depth: int, name: str, times: int, rounds: int, row: ClosedRow) -> tuple[Any, ...]:
        """A layer's line: also its forms, one for each column, and its explanation."""
        counts = [getattr(row.counts, column) for column in COLUMNS]
        alike = not any(_moves(value, row) for value in counts)
        repeated = math.prod(count - 1 for _, count in row.ranges) if alike else 1
        last = _last(row)
        op = self.stand_ins(row.layer.applied, last)
        return (
            depth,
            self.text(name),
            self.text(self.unfold(call_text(op.op))),
            self.output(row),
            self.often(times, rounds, repeated),
            *(self.form(value if alike else summed(value, row.ranges)) for value in counts),
            self.explanation(row, op, last),
        )

    def often(self, times: int, rounds: int, repeated: Any) -> int:
        return self.tables.often.add((times, rounds, self.form(repeated)))

    def output(self, row: ClosedRow) -> int:
        return self.text(self.sizes(row.layer.output, _last(row)))

    def sizes(self, shape: Shape, last: Mapping[str, Any]) -> str:
        return " × ".join(self.shown(_at(dim, last)) for dim in shape.dims)

    def shown(self, value: Any) -> str:
        return f"{{{self.form(value)}}}" if isinstance(value, Polynomial) else str(value)

    def call_of(self, call: BlockCall) -> str:
        """A call of a block, with forms in the places of its symbols."""
        placed = tuple(self.replaced(value, {}) for value in call.placed)
        named = tuple((name, self.replaced(value, {})) for name, value in call.named)
        return self.unfold(block_text(BlockCall(call.block, placed, named)))

    # ------------------------------------------------------------------------------ stand-ins

    def stand_ins(self, applied: Applied, last: Mapping[str, Any]) -> Applied:
        """An op on its inputs with numbers that represent forms, so that whatever writes numbers writes it."""
        op = applied.op
        values = {name: getattr(op, name) for name in attributes(type(op))}
        changed = {name: self.replaced(value, last) for name, value in values.items()}
        changed = {name: value for name, value in changed.items() if value is not values[name]}
        return applied._replace(
            op=dataclasses.replace(op, **changed) if changed else op,  # type: ignore[type-var]
            inputs=tuple(self.replaced_shape(shape, last) for shape in applied.inputs),
            output=self.replaced_shape(applied.output, last),
            mixture=applied.mixture and type(applied.mixture)(*self.replaced(tuple(applied.mixture), last)),
        )

    def replaced_shape(self, shape: Shape, last: Mapping[str, Any]) -> Shape:
        return Shape(shape.axes, tuple(self.replaced(dim, last) for dim in shape.dims))

    def replaced(self, value: Any, last: Mapping[str, Any]) -> Any:
        if isinstance(value, Shape):
            return self.replaced_shape(value, last)
        if isinstance(value, tuple):
            found = tuple(self.replaced(one, last) for one in value)
            return value if all(new is old for new, old in zip(found, value, strict=True)) else found
        if not isinstance(value, Polynomial):
            return value
        value = _at(value, last)
        if not isinstance(value, Polynomial):
            return value
        if value not in self.known:
            self.known[value] = STANDS_IN + len(self.values)
            self.values.append(value)
        return self.known[value]

    def value_of(self, number: int) -> Any:
        place = number - STANDS_IN
        return self.values[place] if 0 <= place < len(self.values) else number

    def unfold(self, text: str) -> str:
        """A text with forms in the places of the numbers that represent them."""
        return _STAND_IN.sub(lambda found: self.shown(self.value_of(int(found[0]))), text)

    def explanation(self, row: ClosedRow, applied: Applied, last: Mapping[str, Any]) -> int:
        """The equations of a layer: their shape, then the values of each and of each symbol. -1: there are none."""
        try:
            numbers, _, equations = equations_of(
                applied,
                lambda number: evaluate(self.value_of(number), self.usual),
                row.layer.shared,
                row.layer.frozen,
            )
        except (Fault, SpecError, ArithmeticError, ValueError, TypeError):
            return -1
        said, values = [], []
        for one in equations:
            if one.quantity in EQUATIONS:
                said += [self.text(one.name), self.text(marked(one, numbers).replace("\0", ""))]
                size = one.quantity == "output"
                value = numbers[one.name] if size else _at(getattr(row.counts, one.quantity), last)
                values.append(self.form(self.value_of(value) if size else value))
        names = tuple(map(self.text, numbers))
        shape = self.tables.shapes.add((tuple(said), names))
        sizes = (self.form(self.value_of(number)) for number in numbers.values())
        return self.tables.explained.add((shape, *values, *sizes))

    # ----------------------------------------------------------------------------------- forms

    def text(self, text: str) -> int:
        return self.tables.texts.add(text)

    def form(self, value: Any) -> int:
        """The number of a closed form: sums of products of numbers, powers, and functions, which are forms too."""
        return self.tables.forms.add(form(value, self.inner))

    def inner(self, text: str) -> str:
        return f"${self.tables.forms.add(text)}"


def _runs(places: Sequence[int]) -> list[int]:
    """Places as runs: where each begins, and how many there are.

    >>> _runs([3, 4, 5, 9])
    [3, 3, 9, 1]
    """
    found: list[int] = []
    for place in places:
        if found and found[-2] + found[-1] == place:
            found[-1] += 1
        else:
            found += [place, 1]
    return found


def _folded(parent: Node, kinds: dict[object, int]) -> Iterator[tuple[list[str], Node]]:
    """Children in order, runs of equal rounds together."""
    run: list[str] = []
    first, kind = parent, -1
    for name, node in parent.children.items():
        mine = node.kind(kinds) if name.isdigit() else -1
        if run and mine >= 0 and mine == kind:
            run.append(name)
            continue
        if run:
            yield run, first
        run, first, kind = [name], node, mine
    if run:
        yield run, first


def _last(row: ClosedRow) -> dict[str, Any]:
    """The indices of the last of the rounds that a layer stands for."""
    return {letter: count - 1 for letter, count in row.ranges}


def _at(value: Any, last: Mapping[str, Any]) -> Any:
    return value.replaced(last) if last and isinstance(value, Polynomial) else value


def _moves(value: Any, row: ClosedRow) -> bool:
    """Whether a count differs from round to round."""
    return isinstance(value, Polynomial) and any(letter in value.symbols() for letter, _ in row.ranges)


def form(value: Any, inner: Callable[[str], str] = str) -> str:
    """A closed form as the page's script reads it; `inner` may put something shorter in the place of a function.

    >>> from paramcalc.symbolic.polynomial import opaque, symbol
    >>> w = symbol("w")
    >>> form(w * w / 4 - 3 * w + 1), form(opaque("floor", w, 2))
    ('1/4*w^2-3*w+1', 'floor(w,2)')
    """
    if not isinstance(value, Polynomial):
        return str(Fraction(value))
    terms = []
    for monomial, coefficient in value.terms.items():
        factors = [_power(atom, exponent, inner) for atom, exponent in monomial]
        if abs(coefficient) == 1 and factors:
            terms.append(("-" if coefficient < 0 else "") + "*".join(factors))
        else:
            terms.append("*".join([str(coefficient), *factors]))
    return "+".join(terms).replace("+-", "-")


def _power(atom: Atom, exponent: int, inner: Callable[[str], str]) -> str:
    base = atom.name
    if atom.arguments:
        arguments = ",".join(form(argument, inner) for argument in atom.arguments)
        base = inner(f"{'' if atom.name == GROUP else atom.name}({arguments})")
    return base if exponent == 1 else f"{base}^{exponent}"
