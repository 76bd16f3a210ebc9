"""Closed forms as sympy's expressions in whole numbers, for languages that compute in these.

A sum has one denominator, and is divided once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import lcm, prod
from typing import Any, NamedTuple

import sympy  # type: ignore[import-untyped]

from paramcalc.symbolic.polynomial import Polynomial, fraction, opaque
from paramcalc.symbolic.terms import GROUP, Atom, Sum

NESTED = 4  # roundings one inside another before they get a name
HELPERS = ("quotient", "divisible", "nearest", "largest", "smallest")  # what languages lack
QUOTIENT, DIVISIBLE, NEAREST, LARGEST, SMALLEST = map(sympy.Function, HELPERS)


class Body(NamedTuple):
    """What a function computes: roundings with names, in order, then values."""

    named: tuple[tuple[Any, Any], ...]
    values: tuple[Any, ...]


def body(values: Sequence[Any], taken: Iterable[str], naming: bool = True) -> Body:
    """Values as expressions in whole numbers, beside the names that are taken.

    >>> from paramcalc.symbolic.polynomial import opaque, symbol
    >>> half = opaque("floor", symbol("h"), 2)
    >>> body([half * half / 4 + half], "h")
    Body(named=((r1, quotient(h, 2)),), values=(quotient(r1**2 + 4*r1, 4),))
    """
    whole = _Whole(values if naming else (), taken)
    whole.naming = naming
    expressions = tuple(map(whole.number, values))
    return Body(tuple(whole.named), expressions)


class _Whole:
    """Values in whole numbers; a rounding that occurs in several places, or deep inside others, has a name."""

    def __init__(self, values: Iterable[Any], taken: Iterable[str]) -> None:
        self.naming = True
        self.taken = {*taken}
        self.uses: Counter[Atom] = Counter()
        self.scales: dict[Atom, Any] = {}
        self.known: dict[Atom, Any] = {}
        self.named: list[tuple[Any, Any]] = []
        for value in values:
            self.count(value)

    def count(self, value: Any) -> None:
        """How often each atom occurs in a value."""
        for atom in (atom for monomial in getattr(value, "terms", ()) for atom, _ in monomial):
            self.uses[atom] += 1
            if self.uses[atom] == 1:
                for argument in atom.arguments:
                    self.count(argument)

    def number(self, value: Any) -> Any:
        """A value that is whole, or that a rounding makes so."""
        above, below = self.ratio(value)
        return above if below == 1 else QUOTIENT(above, below)

    def ratio(self, value: Any) -> tuple[Any, Any]:
        """A value as two whole numbers, above and below a line."""
        above, below = fraction(value.mapped(self.scaled) if isinstance(value, Polynomial) else value)
        return self.plain(above), self.plain(below)

    def scaled(self, atom: Atom) -> Any:
        """An atom whose arguments are whole, over the number that makes them so."""
        if atom.name not in ("max", "min", GROUP):
            return Polynomial({((atom, 1),): 1})
        if atom not in self.scales:
            arguments = [
                each.mapped(self.scaled) if isinstance(each, Polynomial) else each for each in atom.arguments
            ]
            below = lcm(*(each.denominator for each in arguments))
            self.scales[atom] = opaque(atom.name, *(each * below for each in arguments)) / below
        return self.scales[atom]

    def plain(self, value: Any) -> Any:
        """A sum with whole coefficients and exponents from 1 on."""
        terms = value.terms.items() if isinstance(value, Sum) else [((), value)]
        return sympy.Add(
            *(
                sympy.Mul(
                    sympy.Integer(int(coefficient)), *(self.atom(atom) ** power for atom, power in factors)
                )
                for factors, coefficient in terms
            )
        )

    def atom(self, atom: Atom) -> Any:
        if atom not in self.known:
            found = self.function(atom) if atom.arguments else sympy.Symbol(atom.name)
            if self.naming and atom.arguments and (self.uses[atom] > 1 or atom.depth % NESTED == 0):
                name = sympy.Symbol(self.free())
                self.named.append((name, found))
                found = name
            self.known[atom] = found
        return self.known[atom]

    def free(self) -> str:
        """A name that is not taken."""
        name = f"r{len(self.named) + 1}"
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def function(self, atom: Atom) -> Any:
        if atom.name in ("max", "min", GROUP):
            whole = [self.number(argument) for argument in atom.arguments]
            return whole[0] if atom.name == GROUP else (LARGEST if atom.name == "max" else SMALLEST)(*whole)
        above, below = self.ratio(atom.arguments[0])
        if atom.name == "round":
            return NEAREST(above, below)
        if atom.name == "divisible":
            return DIVISIBLE(above, below, self.number(atom.arguments[1]))
        over, under = self.ratio(atom.arguments[1])
        sign = 1 if atom.name == "floor" else -1
        return sign * QUOTIENT(sign * above * under, below * over)


def peak(body: Body, point: Mapping[str, int]) -> int:
    """A number that nothing exceeds, in size, that is computed on the way to the values at a point.

    >>> w = sympy.Symbol("w")
    >>> peak(Body((), (w**2 - 3 * w,)), {"w": 10})
    130
    """
    known = dict(point)
    found = 0
    for name, expression in body.named:
        known[str(name)] = _size(expression, known)
        found = max(found, known[str(name)])
    return max([found, *(_size(expression, known) for expression in body.values)])


def _size(expression: Any, known: Mapping[str, int]) -> int:
    if expression.is_Integer:
        return abs(int(expression))
    if expression.is_Symbol:
        return known[str(expression)]
    sizes = [_size(each, known) for each in expression.args]
    if expression.is_Add:
        return sum(sizes)
    if expression.is_Mul:
        return prod(sizes)
    if expression.is_Pow:
        return int(sizes[0] ** sizes[1])
    if expression.func in (DIVISIBLE, NEAREST):  # what they compute themselves
        return 20 * (sizes[0] + prod(sizes[1:]))
    return max(sizes)
