"""Closed forms evaluated at many points at once, exactly.

What hangs on one axis is evaluated once for each of its values, and looked up from then on. What hangs
on several is a sum of products of such tables, found when the form is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from paramcalc.sweep.exact import ONE, Array, Numbers, Ratio, fraction, is_one, measured, number
from paramcalc.symbolic.judge import Assumption
from paramcalc.symbolic.pieces import Piece
from paramcalc.symbolic.polynomial import GROUP, Atom, Monomial, Polynomial

Places: TypeAlias = Sequence[Array]  # for each axis, the place of every point on it


class Table(NamedTuple):
    """The values of a symbol at all places of its axis."""

    axis: int
    values: Array


class Tables(NamedTuple):
    """What the symbols are, and how many values of an axis are worth a table of what hangs on it."""

    symbols: Mapping[str, Table]
    longest: int

    def axes(self, value: Any) -> set[int]:
        """The axes that a closed form hangs on."""
        return (
            {self.symbols[letter].axis for letter in value.symbols()}
            if isinstance(value, Polynomial)
            else set()
        )

    def long(self, value: Any) -> bool:
        """Whether one of them has too many values for a table."""
        letters = value.symbols() if isinstance(value, Polynomial) else ()
        return any(self.symbols[letter].values.size > self.longest for letter in letters)

    def at(self, value: Any, places: Places | None = None) -> dict[str, Array]:
        """The values of a closed form's symbols at some points, or at all places of their axes."""
        letters = value.symbols() if isinstance(value, Polynomial) else ()
        tables = {letter: self.symbols[letter] for letter in letters}
        if places is None:
            return {letter: table.values for letter, table in tables.items()}
        return {letter: table.values.take(places[table.axis]) for letter, table in tables.items()}


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
                known[atom] = _atom(atom, symbols, known)
            factor = known[atom] if exponent > 0 else known[atom].inverse()
            for _ in range(abs(exponent)):
                term = term.times(factor)
        result = result.plus(term)
    return result


def _atom(atom: Atom, symbols: Mapping[str, Array], known: dict[Atom, Ratio]) -> Ratio:
    if not atom.arguments:
        return Ratio(measured(symbols[atom.name]), ONE)
    function = _FUNCTIONS[atom.name]
    return function(*(ratio(argument, symbols, known) for argument in atom.arguments))


def _floor(value: Ratio, divisor: Ratio) -> Ratio:
    return value.times(divisor.inverse()).whole()


def _ceil(value: Ratio, divisor: Ratio) -> Ratio:
    minus = fraction(-1)
    return minus.times(_floor(minus.times(value), divisor))


def _round(value: Ratio) -> Ratio:
    """To the nearest whole number, and from halfway between two to the even one, as Python's."""
    double = Ratio(value.above.times(number(2)), value.below)
    up = double.plus(fraction(1)).times(fraction(1, 2))
    nearest = up.floor()
    halfway = nearest.times(up.below).minus(up.above).values == 0
    odd = nearest.values % 2 == 1
    return Ratio(nearest.minus(measured(np.asarray(halfway & odd).astype(np.int64))), ONE)


def _divisible(value: Ratio, divisor: Ratio) -> Ratio:
    """See `paramcalc.language.expression.divisible`."""
    steps = value.plus(divisor.times(fraction(1, 2))).times(divisor.inverse()).floor()
    nearest = _greatest(Ratio(steps, ONE).times(divisor), divisor)
    short = nearest.times(fraction(10)).plus(value.times(fraction(-9))).above.values < 0
    return nearest.plus(divisor.times(Ratio(measured(np.asarray(short).astype(np.int64)), ONE)))


def _greatest(*values: Ratio) -> Ratio:
    result = values[0]
    for value in values[1:]:
        gap = value.plus(result.times(fraction(-1)))
        more = measured(np.maximum(np.asarray(gap.above.values), 0))
        result = result.plus(Ratio(more, gap.below))
    return result


def _least(*values: Ratio) -> Ratio:
    minus = fraction(-1)
    return minus.times(_greatest(*(minus.times(value) for value in values)))


_FUNCTIONS: dict[str, Callable[..., Ratio]] = {
    "floor": _floor,
    "ceil": _ceil,
    "round": _round,
    "divisible": _divisible,
    "max": _greatest,
    "min": _least,
    GROUP: lambda value: value,
}


# --------------------------------------------------------------------------------- compiled


class Constant(NamedTuple):
    """The same at all points."""

    value: Numbers

    def at(self, places: Places) -> Numbers:
        return self.value


class Lookup(NamedTuple):
    """What hangs on one axis."""

    axis: int
    table: Numbers

    def at(self, places: Places) -> Numbers:
        return self.table.at(places[self.axis])


class Sum(NamedTuple):
    """A sum of products, over a number that divides it; None as a factor is 1."""

    parts: tuple[tuple[Lookup | None, Form], ...]
    below: Numbers

    def at(self, places: Places) -> Numbers:
        result: Numbers | None = None
        for factor, rest in self.parts:
            product = rest.at(places)
            if factor is not None:
                product = factor.at(places).times(product)
            result = product if result is None else result.plus(product)
        assert result is not None
        return result if is_one(self.below) else result.over(self.below)


class Mixed(NamedTuple):
    """What has functions of several axes in it: evaluated point by point."""

    value: Polynomial
    tables: Tables

    def at(self, places: Places) -> Numbers:
        return ratio(self.value, self.tables.at(self.value, places)).floor()


Form: TypeAlias = Constant | Lookup | Sum | Mixed


def compiled(value: Any, tables: Tables) -> Form:
    """A closed form, whole at every point, ready to be evaluated."""
    if not isinstance(value, Polynomial):
        return Constant(number(int(value)))
    axes = tables.axes(value)
    if tables.long(value):
        return Mixed(value, tables)
    if len(axes) == 1:
        return Lookup(axes.pop(), ratio(value, tables.at(value)).floor())
    if any(exponent < 0 or len(tables.axes(_alone(atom))) > 1 for m in value.terms for atom, exponent in m):
        return Mixed(value, tables)
    below = value.denominator
    terms = [(_by_axis(monomial, tables), int(c * below)) for monomial, c in value.terms.items()]
    form = _sum(terms, tables)
    assert isinstance(form, Sum)  # there are several axes
    return form._replace(below=number(below))


def _sum(terms: list[tuple[dict[int, Monomial], int]], tables: Tables) -> Form:
    """Terms as nested sums: by the axis with the fewest different factors, each times what is left."""
    factors: dict[int, set[Monomial]] = {}
    for parts, _ in terms:
        for axis, part in parts.items():
            factors.setdefault(axis, {()}).add(part)
    if not factors:
        return Constant(number(sum(coefficient for _, coefficient in terms)))
    if len(factors) == 1:
        (axis,) = factors
        return _lookup(axis, {parts.get(axis, ()): coefficient for parts, coefficient in terms}, tables)
    axis = min(factors, key=lambda axis: (len(factors[axis]), axis))
    groups: dict[Monomial, list[tuple[dict[int, Monomial], int]]] = {}
    for parts, coefficient in terms:
        rest = {other: part for other, part in parts.items() if other != axis}
        groups.setdefault(parts.get(axis, ()), []).append((rest, coefficient))
    return Sum(
        tuple(
            (_lookup(axis, {part: 1}, tables) if part else None, _sum(group, tables))
            for part, group in groups.items()
        ),
        ONE,
    )


def _lookup(axis: int, terms: dict[Monomial, int], tables: Tables) -> Lookup:
    value = Polynomial(dict(terms))
    return Lookup(axis, ratio(value, tables.at(value)).floor())


def _by_axis(monomial: Monomial, tables: Tables) -> dict[int, Monomial]:
    """The factors of a monomial that hang on each axis."""
    parts: dict[int, Monomial] = {}
    for atom, exponent in monomial:
        (axis,) = tables.axes(_alone(atom))
        parts[axis] = (*parts.get(axis, ()), (atom, exponent))
    return parts


def _alone(atom: Atom) -> Polynomial:
    return Polynomial({((atom, 1),): 1})


# ------------------------------------------------------------------------------------- guards


class Gate(NamedTuple):
    """Where a guard holds: looked up where it hangs on one axis, else found point by point."""

    axis: int
    table: Array | None
    guard: Assumption
    tables: Tables

    def at(self, places: Places) -> Array:
        if self.table is not None:
            return self.table.take(places[self.axis])
        both = self.tables.at(self.guard.value, places) | self.tables.at(self.guard.divisor, places)
        return _holds(self.guard, both)


def gates(guards: Sequence[Assumption], tables: Tables) -> tuple[Gate, ...]:
    """The guards that do not hold all over their axis."""
    found = (_gate(guard, tables) for guard in guards)
    return tuple(gate for gate in found if gate.table is None or not gate.table.all())


def _gate(guard: Assumption, tables: Tables) -> Gate:
    axes = tables.axes(guard.value) | tables.axes(guard.divisor)
    if len(axes) > 1 or tables.long(guard.value) or tables.long(guard.divisor):
        return Gate(-1, None, guard, tables)
    symbols = tables.at(guard.value) | tables.at(guard.divisor)
    return Gate(axes.pop() if axes else 0, np.atleast_1d(_holds(guard, symbols)), guard, tables)


def _holds(guard: Assumption, symbols: Mapping[str, Array]) -> Array:
    value = ratio(guard.value, symbols)
    if guard.kind == ">=":
        return np.asarray(value.above.values >= 0)
    if guard.kind in ("=", "!="):
        return np.asarray((value.above.values == 0) == (guard.kind == "="))
    quotient = value.times(ratio(guard.divisor, symbols).inverse())
    rest = quotient.above.minus(quotient.floor().times(quotient.below))
    return np.asarray((rest.values == 0) == (guard.kind == "divides"))


# ------------------------------------------------------------------------------------- pieces


class Program(NamedTuple):
    """A piece ready for many points; without forms where there is no network."""

    gates: tuple[Gate, ...]
    forms: tuple[Form, ...]
    reason: str

    def holds(self, places: Places, points: int) -> Array | None:
        """Which points lie in the piece; None for all."""
        held = np.ones(points, dtype=bool)
        for gate in self.gates:
            held &= gate.at(places)
        return None if held.all() else held


def program(piece: Piece, tables: Tables, quantities: Sequence[str]) -> Program:
    """The guards and the wanted quantities of a piece."""
    forms = (
        () if piece.reason else tuple(compiled(getattr(piece.totals, name), tables) for name in quantities)
    )
    return Program(gates(piece.guards, tables), forms, piece.reason)
