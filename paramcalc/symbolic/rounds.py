"""Repeats whose number of rounds is a symbol: round 0, and one round that represents all later ones.

That one round is elaborated with a symbol `i` in place of its index, so every question that its text
asks about the index is answered for all of them at once or not at all, and what leaves a round must
be what enters the next. This is a proof by induction over the rounds, not a fit through a few depths.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from math import comb
from typing import Any, NamedTuple

from paramcalc.base.errors import Fault
from paramcalc.base.shape import Shape
from paramcalc.base.sizes import at_least, divides
from paramcalc.engine.elaborate import UNKNOWN, Elaborator, Group, Scope, Settings
from paramcalc.engine.graph import Applied
from paramcalc.engine.scope import CONCRETE, LATER, Viewpoint
from paramcalc.language.expression import Value
from paramcalc.language.spec import Call, Named, Reference, Repeat, Spec
from paramcalc.ops.base import Op
from paramcalc.symbolic.judge import PolynomialJudge
from paramcalc.symbolic.polynomial import Polynomial, symbol
from paramcalc.symbolic.terms import Atom

Range = tuple[str, Any]  # an index and the number of rounds: the index runs from 1 to one less


class Rest(NamedTuple):
    """The layers from `begin` to before `end` that stand for all rounds but the first: what enters, what leaves."""

    begin: int
    end: int
    entering: int
    leaving: int
    range: Range


class SymbolicElaborator(Elaborator):
    """An elaborator that can leave numbers of rounds open.

    `ranges` gives, for the number of a layer that stands for several, the indices it runs over, the
    innermost first; `rests` has the same by repeats.
    """

    def __init__(self, spec: Spec, settings: Settings, judge: PolynomialJudge) -> None:
        super().__init__(spec, settings)
        self.judge = judge
        self.ranges: dict[int, tuple[Range, ...]] = {}
        self.later: dict[str, _Round] = {}  # by path
        self.rests: list[Rest] = []

    def grouped(self, item: Named, scope: Scope, value: int, auxiliary: bool = False) -> int:
        """Heads used only in training do not decide in which steps the input is taken."""
        before = self.judge.stretching
        self.judge.stretching = before and not auxiliary
        try:
            return super().grouped(item, scope, value, auxiliary)
        finally:
            self.judge.stretching = before

    def checked_count(self, count: Value) -> Any:
        if not isinstance(count, Polynomial):
            return super().checked_count(count)
        if not divides(count.denominator, count.numerator) or not at_least(count, 1):  # type: ignore[arg-type]
            raise Fault("a repeat count in symbols must be a whole number of at least 1", found=str(count))
        return count

    def rounds(
        self, item: Repeat, scope: Scope, group: Group, share: Group | int | None, count: Any, value: int
    ) -> int:
        if not isinstance(count, Polynomial):
            return super().rounds(item, scope, group, share, count, value)
        value = self.repeated(item, scope, group, share, 0, "0", value)
        if value == UNKNOWN:
            return UNKNOWN
        return self._later(item, scope, group, share, count, value, self.judge.index())

    def _later(
        self,
        item: Repeat,
        scope: Scope,
        group: Group,
        share: Group | int | None,
        count: Polynomial,
        value: int,
        letter: str,
    ) -> int:
        """The rounds from 1 on: as one that leaves what it got, or else a constant step more of it."""
        first, begin, index = self.draft.shapes[value], len(self.draft.layers), symbol(letter)
        result = self.repeated(item, scope, group, share, index, LATER, value)
        if result == UNKNOWN:
            return UNKNOWN
        step = _step(first, self.draft.shapes[result])
        if step is None or any(isinstance(by, Polynomial) and letter in by.symbols() for by in step):
            raise Fault("the rounds of a repeat change sizes in unequal steps", fix=CONCRETE)
        entering = _moved(first, step, index - 1)
        if any(size != 0 for size in step):
            self._forget(begin, group)
            self.builder.reshape(value, entering)
            result = self.repeated(item, scope, group, share, index, LATER, value)
            self.builder.reshape(value, first)
            if result == UNKNOWN or self.draft.shapes[result] != _moved(first, step, index):
                raise Fault("the rounds of a repeat change sizes in unequal steps", fix=CONCRETE)
            self.builder.reshape(result, _moved(first, step, count - 1))
        self.later[f"{group.prefix}{LATER}"] = _Round((letter, count), _moved(first, step, index))
        for number in range(begin, len(self.draft.layers)):
            self.ranges[number] = (*self.ranges.get(number, ()), (letter, count))
        if begin < len(self.draft.layers):
            self.rests.append(Rest(begin, len(self.draft.layers), value, result, (letter, count)))
        return result

    def applied(self, op: Op, call: Call, shapes: tuple[Shape, ...], view: Viewpoint) -> Applied:
        """The op on what a call reads, where [*] may mean as many tensors as a symbol says."""
        later = self._later_rounds(call, view)
        if not later:
            return super().applied(op, call, shapes, view)
        once = [later[place].shape if place in later else shape for place, shape in enumerate(shapes)]
        counts = [one.ranges[-1][1] for one in later.values()]
        if op.inputs is not None or not (len(once) - len(later) > 1 or at_least(counts[0], 2)):
            fact = f"how many tensors {op.name} reads is a symbol here: {counts[0]}"
            raise Fault(fact, fix=CONCRETE)
        applied = super().applied(op, call, tuple(once), view)
        for place, (shape, ranges) in later.items():
            without = once[:place] + once[place + 1 :]
            grown = [_counts(op, inputs) for inputs in (without, once, [*once, shape])]
            steps = [[two - one for one, two in zip(*pair, strict=True)] for pair in pairwise(grown)]
            if steps[0] != steps[1]:
                fact = f"the rounds do not change equally what {op.name} gives"
                raise Fault(fact, fix=CONCRETE)
            more = [summed(step, ranges) - step for step in steps[0]]
            applied = _with_more(applied, more)
        return applied

    def _later_rounds(self, call: Call, view: Viewpoint) -> dict[int, _Later]:
        """Of the tensors that a call reads through [*], those of the later rounds, by place."""
        found: dict[int, _Later] = {}
        read = [one for reference in call.references for one in view.rounds(reference)]
        for place, one in enumerate(read):
            ends = [end for end, (name, _) in enumerate(one.parts, start=1) if name == LATER]
            groups = [view.entry(one._replace(parts=one.parts[:end])) for end in reversed(ends)]
            ranges = [self.later[group.path].range for group in groups if isinstance(group, Group)]
            if ranges:
                found[place] = _Later(self._shape(one, view), tuple(ranges))
        return found

    def _shape(self, reference: Reference, view: Viewpoint) -> Shape:
        """The shape that a tensor of a round has in every round, in the indices of the rounds."""
        entry, value = view.entry(reference), view.resolve(reference)
        path = entry.path if isinstance(entry, Group) else ""
        if path in self.later:
            return self.later[path].end
        layer = self.draft.layer(value)
        if value not in self.builder.reshaped or layer is None:
            return self.draft.shapes[value]
        if path in ("", layer.path):
            return layer.applied.output
        fact = f"the sizes of '{reference}' in every round are not known in symbols"
        raise Fault(fact, fix=CONCRETE, at=(reference.start, reference.end))

    def _forget(self, begin: int, group: Group) -> None:
        """Takes back the layers from a number on, which were elaborated for their shapes only."""
        self.builder.take_back(begin)
        del group.children[LATER]
        assert group.rounds is not None
        group.rounds.remove(LATER)
        self.ranges = {number: ranges for number, ranges in self.ranges.items() if number < begin}
        self.rests = [each for each in self.rests if each.begin < begin]


class _Round(NamedTuple):
    """The round that stands for all later ones: its index, and the shape that leaves it."""

    range: Range
    end: Shape


class _Later(NamedTuple):
    """The tensor of a round that stands for several, and the indices that it stands for."""

    shape: Shape
    ranges: tuple[Range, ...]


def _counts(op: Op, inputs: list[Shape]) -> list[Any]:
    """What an op gives and does: sizes, then operations."""
    return [*op.shape(*inputs).dims, *op.cost(*inputs).operations.values()]


def _with_more(applied: Applied, more: list[Any]) -> Applied:
    """The same with so much more of each size and operation."""
    output, operations = applied.output, applied.cost.operations
    sizes = tuple(size + by for size, by in zip(output.dims, more, strict=False))
    work = zip(operations.items(), more[len(sizes) :], strict=True)
    cost = applied.cost._replace(operations={name: amount + by for (name, amount), by in work})
    return applied._replace(output=Shape(output.axes, sizes), cost=cost)


def _step(before: Shape, after: Shape) -> tuple[Any, ...] | None:
    if before.axes != after.axes:
        return None
    return tuple(two - one for one, two in zip(before.dims, after.dims, strict=True))


def _moved(shape: Shape, step: tuple[Any, ...], times: Any) -> Shape:
    """A shape after a number of steps."""
    return Shape(shape.axes, tuple(size + by * times for size, by in zip(shape.dims, step, strict=True)))


def summed(value: Any, ranges: tuple[Range, ...]) -> Any:
    """The sum of a value over all indices of its ranges, from 1 to one less than each count."""
    for letter, count in ranges:
        value = _summed(value, letter, count)
    return value


def _summed(value: Any, letter: str, count: Any) -> Any:
    if not isinstance(value, Polynomial):
        return value * (count - 1)
    result: Any = 0
    for monomial, coefficient in value.terms.items():
        rest = tuple((atom, exponent) for atom, exponent in monomial if atom.name != letter)
        if any(letter in atom.symbols for atom, _ in rest):
            raise Fault("the rounds of a repeat round sizes differently: no closed form", fix=CONCRETE)
        exponent = dict(monomial).get(Atom.of(letter), 0)
        powers = sum((by * (count - 1) ** power for power, by in enumerate(power_sum(exponent))), start=0)
        result = result + Polynomial.of({rest: coefficient}) * powers
    return result


@lru_cache(maxsize=64)
def power_sum(exponent: int) -> tuple[Fraction, ...]:
    """Coefficients of the polynomial in m that 1^k + 2^k + ... + m^k is, by rising powers of m.

    From (m+1)^(k+1) - 1 = sum of binomial(k+1, j) * (1^j + ... + m^j) over j = 0 ... k.

    >>> [str(coefficient) for coefficient in power_sum(2)]
    ['0', '1/6', '1/2', '1/3']
    """
    size = exponent + 2
    result = [Fraction(comb(size - 1, power)) for power in range(size)]
    result[0] -= 1
    for lower in range(exponent):
        for power, coefficient in enumerate(power_sum(lower)):
            result[power] -= comb(size - 1, lower) * coefficient
    return tuple(coefficient / (exponent + 1) for coefficient in result)
