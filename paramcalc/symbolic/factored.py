"""Sizes that remember how they were computed: sums and products as a rule wrote them.

A `Polynomial` multiplies out, which is right for the closed form of a network and wrong for the formula of
one layer: there `(H + 2 p - k) / s + 1` positions are one factor, and are read as one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcalc.symbolic.polynomial import Polynomial, bounded, evaluate, whole
from paramcalc.symbolic.terms import GROUP, Atom, Monomial, Number, Value, times


class Factored(Polynomial):
    """A sum of products whose factors may be sums themselves.

    >>> a, b = named("a"), named("b")
    >>> str((a + 1) * b - b), str(2 * a * (a + b)), str((a - b) * 1 + b)
    ('b (a + 1) - b', '2 a (a + b)', 'a')
    """

    __slots__ = ()

    @classmethod
    def of(cls, terms: dict[Monomial, Number]) -> Any:
        """The sum of these terms; one that is nothing but a sum in parentheses joins the others."""
        flat: dict[Monomial, Number] = {}
        for monomial, coefficient in terms.items():
            inner = _group(monomial) if abs(coefficient) == 1 else None
            for part, number in inner.terms.items() if inner is not None else [(monomial, 1)]:
                flat[part] = flat.get(part, 0) + number * coefficient
        return super().of(flat)

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Polynomial):
            return self.multiplied(other)
        if len(self.terms) == 1 or abs(other) <= 1:
            return super().__mul__(other)
        return Factored({((Atom.of(GROUP, self), 1),): other})

    __rmul__ = __mul__

    def multiplied(self, other: Polynomial) -> Any:
        """The product of two factors."""
        (one, coefficient), (two, factor) = _factor(self), _factor(other)
        return Factored.of(bounded({times(one, two): whole(coefficient * factor)}))


def named(name: str) -> Any:
    """A symbol that remembers what is done with it."""
    return Factored({((Atom.of(name), 1),): 1})


def renamed(value: Any, names: Mapping[Polynomial, str]) -> Any:
    """The value with every factor that has a name written as that name."""
    if not isinstance(value, Polynomial):
        return value
    if value in names:
        return named(names[value])

    def atom_value(atom: Atom) -> Any:
        single = Factored({((atom, 1),): 1})
        inside = atom.arguments[0] if atom.name == GROUP else single
        return named(names[inside]) if isinstance(inside, Polynomial) and inside in names else single

    return value.mapped(atom_value)


class Recorder:
    """Answers what rules ask by the sizes' numbers, and writes divisions down; a judge for one layer.

    What was asked is remembered: at other numbers that answer all of it alike, the rules do the same.
    """

    def __init__(self, point: Mapping[str, int]) -> None:
        self.point = point
        self.exact: set[tuple[Any, Any]] = set()
        self.asked: dict[tuple[str, Any, Any], bool] = {}

    def answers_alike(self, point: Mapping[str, int]) -> bool:
        """Whether everything asked has the same answers at another point."""
        return all(_answer(*question, point) is answer for question, answer in self.asked.items())

    def answer(self, kind: str, value: Any, divisor: Any = 1) -> bool:
        found = self.asked[kind, value, divisor] = _answer(kind, value, divisor, self.point)
        return found

    def zero(self, value: Any) -> bool:
        return self.answer("zero", value)

    def nonneg(self, value: Any) -> bool:
        return self.answer("nonneg", value)

    def divides(self, divisor: Any, number: Any) -> bool:
        holds = self.answer("divides", number, divisor)
        if holds:
            self.exact.add((number, divisor))
        return holds

    def floor_divide(self, number: Any, divisor: Any) -> Any:
        """An exact quotient where requested or possible; else a floor, or a ceiling."""
        if (number, divisor) in self.exact or _contains(number, divisor):
            return number / divisor
        above = number - divisor + 1  # floor((p + q - 1) / q) rounds p / q up
        if isinstance(number, Polynomial) and _length(above) < len(number.terms):
            return Factored({((Atom.of("ceil", above, divisor), 1),): 1})
        return Factored({((Atom.of("floor", number, divisor), 1),): 1})

    def function(self, name: str, arguments: list[Any]) -> Any:
        return Factored({((Atom.of(name, *arguments), 1),): 1})


def _answer(kind: str, value: Any, divisor: Any, point: Mapping[str, int]) -> bool:
    number = evaluate(value, point)
    if kind == "nonneg":
        return bool(number >= 0)
    return bool(number % evaluate(divisor, point) == 0 if kind == "divides" else number == 0)


def _factor(value: Polynomial) -> tuple[Monomial, Number]:
    """A value as one product: a sum of several terms becomes a single factor."""
    if len(value.terms) == 1:
        return next(iter(value.terms.items()))
    return ((Atom.of(GROUP, value), 1),), 1


def _group(monomial: Monomial) -> Polynomial | None:
    """The sum that a monomial consists of, if it is nothing else."""
    if len(monomial) != 1 or monomial[0][0].name != GROUP or monomial[0][1] != 1:
        return None
    inner: Value = monomial[0][0].arguments[0]
    return inner if isinstance(inner, Polynomial) else None


def _contains(number: Any, divisor: Any) -> bool:
    """Whether a product has a divisor among its factors."""
    if not isinstance(number, Polynomial) or not isinstance(divisor, Polynomial) or len(number.terms) > 1:
        return False
    ratio = number / divisor
    monomials = ratio.terms if isinstance(ratio, Polynomial) else ()
    return bool(ratio.denominator == 1) and all(power > 0 for monomial in monomials for _, power in monomial)


def _length(value: Any) -> int:
    return len(value.terms) if isinstance(value, Polynomial) else 1
