"""Sizes with symbols in them: polynomials with exact coefficients, which the rules of ops can compute with.

A rule that adds, subtracts and multiplies sizes gets along with these as with ints. They are always
multiplied out, so that equal sizes look alike and can be compared at once. They are ours and not sympy's
because the import of sympy takes longer than `count` or `explain` of all of ResNet-50;
`paramcalc.symbolic.to_sympy` turns a result into an expression of sympy's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from math import gcd, lcm
from typing import Any, TypeAlias

from paramcalc.base.errors import Fault
from paramcalc.base.sizes import floor_divide
from paramcalc.language.expression import FUNCTIONS, divide
from paramcalc.symbolic.notation import shown
from paramcalc.symbolic.terms import GROUP, ONE, Atom, Monomial, Number, Sum, times

Value: TypeAlias = "Polynomial | Number"

MOST_TERMS = 100_000
MOST_BITS = 2048
MOST_DEPTH = 100  # functions one inside another
FEWER = "use fewer symbols, or others"


class Polynomial(Sum):
    """A sum of monomials in atoms, with whole or exact fractional coefficients. Never a plain number.

    Exponents may be negative: a size that a rule has divided by another is exact, because the rule
    has asked before whether it divides.

    >>> w, h = symbol("w"), symbol("h")
    >>> str((w + 1) * (w - 1)), str(32 * h / 4 - w), 2 * w - w - w
    ('w^2 - 1', '8 h - w', 0)
    """

    __slots__ = ()

    @classmethod
    def of(cls, terms: dict[Monomial, Number]) -> Any:
        """The polynomial with these terms, or the number that it is."""
        terms = {monomial: coefficient for monomial, coefficient in terms.items() if coefficient}
        if not terms:
            return 0
        if len(terms) == 1 and ONE in terms:
            return terms[ONE]
        return cls(terms)

    def __bool__(self) -> bool:
        raise TypeError(f"the size {self} is neither true nor false: ask same, at_least or divides")

    def __str__(self) -> str:
        return shown(self)

    __repr__ = __str__

    # ------------------------------------------------------------------------------- arithmetic

    def __add__(self, other: Value) -> Any:
        if isinstance(other, Polynomial):
            terms = dict(self.terms)
            for monomial, coefficient in other.terms.items():
                terms[monomial] = terms.get(monomial, 0) + coefficient
            return self.of(terms)
        if not isinstance(other, int | Fraction):
            return NotImplemented
        if not other:
            return self
        return self.of({**self.terms, ONE: self.terms.get(ONE, 0) + other})

    __radd__ = __add__

    def __neg__(self) -> Any:
        return type(self)({monomial: -coefficient for monomial, coefficient in self.terms.items()})

    def __pos__(self) -> Any:
        return self

    def __sub__(self, other: Value) -> Any:
        return self + -other

    def __rsub__(self, other: Number) -> Any:
        return -self + other

    def __mul__(self, other: Value) -> Any:
        if isinstance(other, Polynomial):
            return self.multiplied(other)
        if not isinstance(other, int | Fraction):
            return NotImplemented
        if other == 1:
            return self
        if not other:
            return 0
        terms = {monomial: whole(coefficient * other) for monomial, coefficient in self.terms.items()}
        return type(self)(terms)

    __rmul__ = __mul__

    def multiplied(self, other: Polynomial) -> Any:
        """The product, every factor of one side times every one of the other."""
        if len(self.terms) * len(other.terms) > MOST_TERMS:
            raise Fault(f"a size in symbols would have more than {MOST_TERMS:,} terms", fix=FEWER)
        terms: dict[Monomial, Number] = {}
        for one, coefficient in self.terms.items():
            for two, factor in other.terms.items():
                monomial = times(one, two)
                terms[monomial] = whole(terms.get(monomial, 0) + coefficient * factor)
        return self.of(bounded(terms))

    def __pow__(self, exponent: int) -> Any:
        if not isinstance(exponent, int):
            return NotImplemented
        result: Any = 1
        for _ in range(abs(exponent)):
            result = result * self
        return result if exponent >= 0 else 1 / result

    def __truediv__(self, other: Value) -> Any:
        if isinstance(other, Polynomial):
            return self * other.reciprocal()
        return self * (1 / Fraction(other)) if other != 1 else self

    def __rtruediv__(self, other: Number) -> Any:
        return self.reciprocal() * other

    def reciprocal(self) -> Any:
        """1 over this; a sum becomes one factor below the line."""
        if len(self.terms) > 1:
            return type(self)({((Atom.of(GROUP, self), -1),): 1})
        ((monomial, coefficient),) = self.terms.items()
        return type(self)({power(monomial, -1): whole(1 / Fraction(coefficient))})

    def __floordiv__(self, other: Any) -> Any:
        return floor_divide(self, other)  # type: ignore[arg-type]

    @property
    def denominator(self) -> int:
        """The least number that makes all coefficients whole; with `numerator` as of a fraction."""
        return lcm(*(coefficient.denominator for coefficient in self.terms.values()))

    @property
    def numerator(self) -> Any:
        return self * self.denominator

    # ------------------------------------------------------------------------------- parts and values

    @property
    def constant(self) -> Number:
        """The term without symbols."""
        return self.terms.get(ONE, 0)

    @property
    def content(self) -> int:
        """The greatest whole number that divides all coefficients, which are whole."""
        return gcd(*(int(coefficient) for coefficient in self.terms.values()))

    def replaced(self, values: Mapping[str, Value]) -> Any:
        """The same with symbols replaced by numbers or other polynomials, also inside functions."""
        known: dict[Atom, Any] = {}
        return self.mapped(lambda atom: _atom_replaced(atom, values, known))

    def mapped(self, atom_value: Callable[[Atom], Any]) -> Any:
        """The same with every atom replaced by a value."""
        result: Any = 0
        for monomial, coefficient in self.terms.items():
            product: Any = coefficient
            for atom, exponent in monomial:
                value = atom_value(atom)
                product = product * value**exponent if exponent > 0 else divide(product, value**-exponent)
            result = result + product
        return whole(result)


def symbol(name: str) -> Any:
    """A symbol as a polynomial."""
    return Polynomial({((Atom.of(name), 1),): 1})


def opaque(name: str, *arguments: Value) -> Any:
    """A function that stays as it is, as a polynomial; of numbers alone, its value."""
    if all(not isinstance(argument, Polynomial) for argument in arguments):
        return apply(name, arguments)
    atom = Atom.of(name, *arguments)
    if atom.depth > MOST_DEPTH:
        raise Fault("sizes are rounded too many times, one within another, for a closed form", fix=FEWER)
    return Polynomial({((atom, 1),): 1})


def evaluate(value: Value, values: Mapping[str, int]) -> Any:
    """The exact number that a polynomial has at a point; every symbol must have a value."""
    return value.replaced(values) if isinstance(value, Polynomial) else value


def apply(name: str, arguments: Iterable[Any]) -> Any:
    """A function's value on numbers."""
    if name in ("floor", "ceil"):
        number, divisor = arguments
        return number // divisor if name == "floor" else -(-number // divisor)
    if name == GROUP:
        (value,) = arguments
        return value
    return FUNCTIONS[name].apply(*arguments)


def bounded(terms: dict[Monomial, Number]) -> dict[Monomial, Number]:
    """The terms themselves, unless a number in them is too large to be meant: specs may be hostile."""
    for monomial, coefficient in terms.items():
        if coefficient.numerator.bit_length() > MOST_BITS or any(power > MOST_BITS for _, power in monomial):
            raise Fault(f"a size in symbols would have a number of more than {MOST_BITS} bits", fix=FEWER)
    return terms


def whole(value: Any) -> Any:
    """A fraction with denominator 1 as an int; anything else as it is."""
    return value.numerator if isinstance(value, Fraction) and value.denominator == 1 else value


def power(monomial: Monomial, exponent: int) -> Monomial:
    """A power of a monomial, which is not 0."""
    return tuple((atom, inner * exponent) for atom, inner in monomial)


def fraction(value: Any) -> tuple[Any, Any]:
    """A value as a numerator with whole coefficients and no negative exponents, and a denominator.

    >>> w, h = symbol("w"), symbol("h")
    >>> fraction(w / 2 + 1 / h)
    (h w + 2, 2 h)
    """
    if not isinstance(value, Polynomial):
        return value.numerator, value.denominator
    lowest: dict[Atom, int] = {}
    for monomial in value.terms:
        for atom, exponent in monomial:
            lowest[atom] = min(lowest.get(atom, 0), exponent)
    below = [(atom, -exponent) for atom, exponent in lowest.items() if exponent < 0]
    monomial = tuple(sorted(below, key=lambda power: power[0].number))
    denominator = Polynomial.of({monomial: value.denominator})
    return value * denominator, denominator


def sum_of(parts: Iterable[tuple[Value, Value]]) -> Any:
    """The sum of values, each times its number; one dictionary is filled for all of them."""
    terms: dict[Monomial, Number] = {}
    for value, number in parts:
        product = value * number
        parts_of = product.terms if isinstance(product, Polynomial) else {ONE: product}
        for monomial, coefficient in parts_of.items():
            terms[monomial] = terms.get(monomial, 0) + coefficient
    return Polynomial.of(terms)


def _atom_replaced(atom: Atom, values: Mapping[str, Value], known: dict[Atom, Any]) -> Any:
    if not atom.arguments:
        value = values.get(atom.name)
        return symbol(atom.name) if value is None else value
    found = known.get(atom)
    if found is None:
        arguments = [
            part.mapped(lambda inner: _atom_replaced(inner, values, known))
            if isinstance(part, Polynomial)
            else part
            for part in atom.arguments
        ]
        found = known[atom] = opaque(atom.name, *arguments)
    return found
