"""Closed forms evaluated at many points at once, exactly.

What depends on one axis is evaluated once for each of its values, and looked up from then on. What
depends on several is a sum of products of such tables, found once for each form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from paramcalc.sweep.exact import ONE, Array, Ratio, Whole, fraction, number, with_bound
from paramcalc.symbolic.assumption import Assumption
from paramcalc.symbolic.polynomial import Polynomial
from paramcalc.symbolic.terms import GROUP, Atom, Monomial

Places: TypeAlias = Sequence[Array]  # for each axis, the place of every point on it
Form: TypeAlias = Callable[[Places], Whole]  # whole at every point
Gate: TypeAlias = Callable[[Places], Array]  # where a guard holds


class SymbolValues(NamedTuple):
    """The values of a symbol at all places of its axis."""

    axis: int
    values: Array


class Tables(NamedTuple):
    """The values of the symbols; an axis with more than `longest` values is not worth tables of its own."""

    symbols: Mapping[str, SymbolValues]
    longest: int

    def form(self, value: Any) -> Form:
        """A closed form, whole at every point, as a function of points."""
        if not isinstance(value, Polynomial):
            constant = number(int(value))
            return lambda places: constant
        axes = self._axes(value)
        if self._is_long(value):
            return lambda places: self.ratio((value,), places)[0].floor()
        if len(axes) == 1:
            axis, table = axes.pop(), self.ratio((value,))[0].floor()
            return lambda places: table.take(places[axis])
        groups = self._split(value)
        if groups is None:
            return lambda places: self.ratio((value,), places)[0].floor()
        parts = [(self.form(factor), self.form(rest)) for factor, rest in groups]
        below = number(value.denominator)
        return lambda places: _total(parts, places) // below

    def gate(self, guard: Assumption) -> Gate | None:
        """A guard as a function of points; None where it holds all over its axis."""
        both = (guard.value, guard.divisor)
        axes = self._axes(*both)
        if len(axes) > 1 or self._is_long(*both):
            return lambda places: _holds(guard.kind, *self.ratio(both, places))
        table = _holds(guard.kind, *self.ratio(both))
        axis = axes.pop() if axes else -1
        return None if table.all() else lambda places: table.take(places[axis])

    def ratio(self, values: Sequence[Any], places: Places | None = None) -> list[Ratio]:
        """Polynomials at some points, or at all places of their one axis."""
        symbols = {}
        for letter in _letters(*values):
            axis, table = self.symbols[letter]
            symbols[letter] = table if places is None else table.take(places[axis])
        return [ratio(value, symbols) for value in values]

    def _axes(self, *values: Any) -> set[int]:
        return {self.symbols[letter].axis for letter in _letters(*values)}

    def _is_long(self, *values: Any) -> bool:
        return any(self.symbols[letter].values.size > self.longest for letter in _letters(*values))

    def _split(self, value: Polynomial) -> list[tuple[Any, Any]] | None:
        """The form, times its denominator, as a sum of products of what depends on one axis and the rest.

        The axis is the one with the fewest different factors. None where an atom depends on several.
        """
        terms: list[tuple[dict[int, Monomial], int]] = []
        for monomial, coefficient in value.numerator.terms.items():
            parts: dict[int, Monomial] = {}
            for atom, exponent in monomial:
                axes = self._axes(_alone(((atom, 1),)))
                if exponent < 0 or len(axes) > 1:
                    return None
                axis = axes.pop()
                parts[axis] = (*parts.get(axis, ()), (atom, exponent))
            terms.append((parts, coefficient))
        axes = {axis for parts, _ in terms for axis in parts}
        axis = min(axes, key=lambda axis: (len({parts.get(axis) for parts, _ in terms}), axis))
        groups: dict[Monomial, dict[Monomial, Any]] = {}
        for parts, coefficient in terms:
            rest = tuple(factor for other in sorted(parts) if other != axis for factor in parts[other])
            groups.setdefault(parts.get(axis, ()), {})[rest] = coefficient
        return [(_alone(factor), Polynomial.of(rest)) for factor, rest in groups.items()]


def _letters(*values: Any) -> set[str]:
    return {letter for value in values if isinstance(value, Polynomial) for letter in value.symbols()}


def _alone(monomial: Monomial) -> Any:
    return Polynomial.of({monomial: 1})


def _total(parts: Sequence[tuple[Form, Form]], places: Places) -> Whole:
    result: Whole | None = None
    for factor, rest in parts:
        product = factor(places) * rest(places)
        result = product if result is None else result + product
    assert result is not None
    return result


def _holds(kind: str, value: Ratio, divisor: Ratio) -> Array:
    """See `paramcalc.symbolic.judge.Assumption`."""
    if kind in (">=", ">"):
        return np.asarray(value.above.values >= (kind == ">"))
    if kind in ("=", "!="):
        return np.asarray((value.above.values == 0) == (kind == "="))
    quotient = value / divisor
    rest = quotient.above - quotient.floor() * quotient.below
    return np.asarray((rest.values == 0) == (kind == "divides"))


# ------------------------------------------------------------------------------- point by point


def ratio(value: Any, symbols: Mapping[str, Array], known: dict[Atom, Ratio] | None = None) -> Ratio:
    """The values of a polynomial where its symbols have the given ones."""
    if not isinstance(value, Polynomial):
        return fraction(value.numerator, value.denominator)
    known = {} if known is None else known
    result = fraction(0)
    for monomial, coefficient in value.terms.items():
        term = fraction(coefficient.numerator, coefficient.denominator)
        for atom, exponent in monomial:
            if atom not in known:
                arguments = (ratio(argument, symbols, known) for argument in atom.arguments)
                known[atom] = (
                    FUNCTIONS[atom.name](*arguments)
                    if atom.arguments
                    else _whole(with_bound(symbols[atom.name]))
                )
            for _ in range(abs(exponent)):
                term = term * known[atom] if exponent > 0 else term / known[atom]
        result = result + term
    return result


def _whole(value: Whole) -> Ratio:
    return Ratio(value, ONE)


def _where(condition: Any) -> Whole:
    """1 where a condition holds, else 0."""
    return with_bound(np.asarray(condition).astype(np.int64))


def _floor(value: Ratio, divisor: Ratio) -> Ratio:
    return _whole((value / divisor).floor())


def _ceil(value: Ratio, divisor: Ratio) -> Ratio:
    return fraction(-1) * _floor(fraction(-1) * value, divisor)


def _round(value: Ratio) -> Ratio:
    """To the nearest whole number, and from halfway between two to the even one, as Python's."""
    up = value + fraction(1, 2)
    nearest = up.floor()
    halfway = (nearest * up.below - up.above).values == 0
    return _whole(nearest - _where(halfway & (nearest.values % 2 == 1)))


def _divisible(value: Ratio, divisor: Ratio) -> Ratio:
    """See `paramcalc.language.expression.divisible`."""
    nearest = _greatest(_floor(value + divisor * fraction(1, 2), divisor) * divisor, divisor)
    short = (nearest * fraction(10) - value * fraction(9)).above.values < 0
    return nearest + divisor * _whole(_where(short))


def _greatest(*values: Ratio) -> Ratio:
    result = values[0]
    for value in values[1:]:
        gap = value - result
        result = result + Ratio(with_bound(np.maximum(np.asarray(gap.above.values), 0)), gap.below)
    return result


def _least(*values: Ratio) -> Ratio:
    return fraction(-1) * _greatest(*(fraction(-1) * value for value in values))


FUNCTIONS: dict[str, Callable[..., Ratio]] = {
    "floor": _floor,
    "ceil": _ceil,
    "round": _round,
    "divisible": _divisible,
    "max": _greatest,
    "min": _least,
    GROUP: lambda value: value,
}
