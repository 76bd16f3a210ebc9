"""The data of sums in symbols: atoms, monomials, and sums of them.

Arithmetic and printing both build on this, so that neither needs the other.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Any, TypeAlias

Number: TypeAlias = int | Fraction
Monomial: TypeAlias = "tuple[tuple[Atom, int], ...]"  # powers of atoms, in the order of their numbers
Value: TypeAlias = "Sum | Number"

ONE: Monomial = ()
GROUP = "group"  # a sum in parentheses, taken as one factor


class Sum:
    """A sum of monomials in atoms, each with a coefficient: at least one that is no plain number."""

    __slots__ = ("_hash", "terms")

    def __init__(self, terms: dict[Monomial, Number]) -> None:
        self.terms = terms
        self._hash = 0

    def __eq__(self, other: object) -> bool:
        """Whether both are written alike; whether they are equal sizes is for a judge to say."""
        return isinstance(other, Sum) and self.terms == other.terms

    def __hash__(self) -> int:
        if not self._hash:
            self._hash = hash(frozenset(self.terms.items()))
        return self._hash

    def symbols(self) -> frozenset[str]:
        """The names of all symbols in it, those inside functions too."""
        return frozenset[str]().union(*(atom.symbols for monomial in self.terms for atom, _ in monomial))

    @property
    def depth(self) -> int:
        """How deeply functions are nested."""
        return max(atom.depth for monomial in self.terms for atom, _ in monomial)

    @property
    def length(self) -> int:
        """About how many characters it has in print."""
        return sum(
            _digits(coefficient) + 3 + sum(atom.length + 2 + (power != 1) for atom, power in monomial)
            for monomial, coefficient in self.terms.items()
        )


class Atom:
    """A factor of a monomial: a symbol, or a function of sums that is not evaluated.

    There is one object for each atom, so that atoms can be compared by identity. A symbol has no arguments.
    What follows from an atom is worked out once: functions nest, and each may stand in the next one often.
    """

    __slots__ = ("_key", "arguments", "depth", "length", "name", "number", "symbols")

    def __init__(self, name: str, arguments: tuple[Any, ...], number: int) -> None:
        self.name = name
        self.arguments = arguments
        self.number = number
        inner = [argument for argument in arguments if isinstance(argument, Sum)]
        names = [argument.symbols() for argument in inner]
        self.symbols: frozenset[str] = frozenset[str]().union(*names) if arguments else frozenset((name,))
        self.depth = 1 + max(argument.depth for argument in inner) if inner else 0
        self.length = len(name) + sum(argument.length for argument in inner) + 2 * len(arguments)
        self._key: tuple[Any, ...] = ()

    @staticmethod
    def of(name: str, *arguments: Value) -> Atom:
        key = (name, arguments)
        found = _atoms.get(key)
        if found is None:
            found = _atoms[key] = Atom(name, arguments, len(_atoms))
        return found

    @property
    def key(self) -> tuple[Any, ...]:
        """The sort key of atoms: symbols by name, then functions by name and arguments."""
        if not self._key:
            self._key = (bool(self.arguments), self.name, *map(_key, self.arguments))
        return self._key

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.arguments))})" if self.arguments else self.name


_atoms: dict[tuple[str, tuple[Any, ...]], Atom] = {}


def _digits(number: Number) -> int:
    return number.numerator.bit_length() // 3 + number.denominator.bit_length() // 3


def _key(value: Value) -> tuple[Any, ...]:
    if not isinstance(value, Sum):
        return (False, value)
    terms = ((tuple((atom.key, power) for atom, power in m), c) for m, c in value.terms.items())
    return (True, *sorted(terms))


@lru_cache(maxsize=1 << 16)
def times(one: Monomial, two: Monomial) -> Monomial:
    """The product of two monomials."""
    if not one or not two:
        return one or two
    powers = dict(one)
    for atom, exponent in two:
        powers[atom] = powers.get(atom, 0) + exponent
    return tuple(sorted(((a, e) for a, e in powers.items() if e), key=lambda item: item[0].number))


def degree(monomial: Monomial, name: str) -> int:
    """The exponent of a symbol in a monomial."""
    return next((exponent for atom, exponent in monomial if atom.name == name and not atom.arguments), 0)
