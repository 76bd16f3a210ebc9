"""Repeats whose number of rounds is a symbol: round 0, and one round that represents all later ones.

That one round is elaborated with a symbol `i` in place of its index, so every question that its text
asks about the index is answered for all of them at once or not at all, and what leaves a round must
be what enters the next. This is a proof by induction over the rounds, not a fit through a few depths.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import comb
from typing import Any

from paramcalc.base.errors import Fault
from paramcalc.base.shape import Shape
from paramcalc.base.sizes import at_least, divides
from paramcalc.engine.elaborate import UNKNOWN, Elaborator, Group, Scope, Settings
from paramcalc.language.expression import Value
from paramcalc.language.spec import Named, Repeat, Spec
from paramcalc.symbolic.judge import PolynomialJudge
from paramcalc.symbolic.polynomial import Polynomial, symbol
from paramcalc.symbolic.terms import Atom

LATER = "1.."  # the name of the round that stands for all but the first

Range = tuple[str, Any]  # an index and the number of rounds: the index runs from 1 to one less


class SymbolicElaborator(Elaborator):
    """An elaborator that can leave numbers of rounds open.

    `ranges` gives, for the number of a layer that stands for several, the indices it runs over, the
    innermost first.
    """

    def __init__(self, spec: Spec, settings: Settings, judge: PolynomialJudge) -> None:
        super().__init__(spec, settings)
        self.judge = judge
        self.ranges: dict[int, tuple[Range, ...]] = {}

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
        first, begin, index = self.network.shapes[value], len(self.network.layers), symbol(letter)
        result = self.repeated(item, scope, group, share, index, LATER, value)
        if result == UNKNOWN:
            return UNKNOWN
        step = _step(first, self.network.shapes[result])
        if step is None or any(isinstance(by, Polynomial) and letter in by.symbols() for by in step):
            raise Fault("the rounds of a repeat change sizes in unequal steps", fix=CONCRETE)
        entering = _moved(first, step, index - 1)
        if any(size != 0 for size in step):
            self._forget(begin, group)
            self.builder.reshape(value, entering)
            result = self.repeated(item, scope, group, share, index, LATER, value)
            self.builder.reshape(value, first)
            if result == UNKNOWN or self.network.shapes[result] != _moved(first, step, index):
                raise Fault("the rounds of a repeat change sizes in unequal steps", fix=CONCRETE)
            self.builder.reshape(result, _moved(first, step, count - 1))
        for number in range(begin, len(self.network.layers)):
            self.ranges[number] = (*self.ranges.get(number, ()), (letter, count))
        return result

    def _forget(self, begin: int, group: Group) -> None:
        """Takes back the layers from a number on, which were elaborated for their shapes only."""
        self.builder.take_back(begin)
        del group.children[LATER]
        self.ranges = {number: ranges for number, ranges in self.ranges.items() if number < begin}


CONCRETE = "do not make the number of rounds a symbol"


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
