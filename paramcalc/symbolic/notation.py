"""Polynomials in print: plain, for LaTeX, as Python.

`polynomial` writes all terms side by side; `collected` takes out the powers of the leading symbols, as in
`h^2 (19776 w^2 + 37632 w) + 32000 w`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from paramcalc.symbolic.polynomial import GROUP, Atom, Monomial, Number, Polynomial, Value, times


class Notation(NamedTuple):
    """How numbers, powers, products and functions are written.

    `names` gives other names for symbols. `divides_at_end` puts a sum over its common denominator as a
    whole, so that a language without fractions computes with ints only.
    """

    product: str
    exponent: Callable[[str, int], str]
    fraction: Callable[[str, str], str]
    function: Callable[[str, Sequence[str]], str]
    symbol: Callable[[str], str] = str
    divides_at_end: bool = False

    # --------------------------------------------------------------------------------- sums

    def polynomial(self, value: Value, order: Sequence[str] = ()) -> str:
        """All terms, those of the highest degree first."""
        return self.collected(value, (), order)

    def collected(self, value: Value, leading: Sequence[str], order: Sequence[str] = ()) -> str:
        """The terms by powers of the leading symbols, the first of them outermost."""
        if not isinstance(value, Polynomial):
            return self.number(value)
        if self.divides_at_end:
            numerator, denominator = over(value)
            if denominator != 1:
                top = self.collected(numerator, leading, order)
                return self.fraction(f"({top})", self._inner(denominator, order))
        return joined(self._parts(value, tuple(leading), (*leading, *order)))

    def _parts(self, value: Polynomial, leading: tuple[str, ...], order: Sequence[str]) -> list[str]:
        """The summands, each with its sign."""
        present = [name for name in leading if any(_degree(monomial, name) for monomial in value.terms)]
        if not present:
            terms = sorted(value.terms.items(), key=lambda term: self._key(term[0], order))
            return [self.term(coefficient, monomial, order) for monomial, coefficient in terms]
        first, rest = present[0], tuple(present[1:])
        shares: dict[int, dict[Monomial, Number]] = {}
        for monomial, coefficient in value.terms.items():
            exponent = _degree(monomial, first)
            shares.setdefault(exponent, {})[_without(monomial, first)] = coefficient
        parts: list[str] = []
        for exponent in sorted(shares, reverse=True):
            share = Polynomial(shares[exponent])
            if exponent == 0:
                parts += self._parts(share, rest, order)
            elif len(share.terms) == 1:
                ((monomial, coefficient),) = share.terms.items()
                whole = times(monomial, ((Atom.of(first), exponent),))
                parts.append(self.term(coefficient, whole, order))
            else:
                inner = joined(self._parts(share, rest, order))
                outer = self.powered(self.symbol(first), exponent)
                parts.append(f"{outer}{self.product}({inner})")
        return parts

    def _key(self, monomial: Monomial, order: Sequence[str]) -> tuple[object, ...]:
        degree = sum(exponent for _, exponent in monomial)
        return (-degree, [-_degree(monomial, name) for name in order], self._factors(monomial, order))

    # --------------------------------------------------------------------------------- terms

    def term(self, coefficient: Number, monomial: Monomial, order: Sequence[str] = ()) -> str:
        """A number times powers, over what has negative exponents."""
        above = tuple((atom, exponent) for atom, exponent in monomial if exponent > 0)
        below = tuple((atom, -exponent) for atom, exponent in monomial if exponent < 0)
        sign = "-" if coefficient < 0 else ""
        amount = coefficient if coefficient > 0 else -coefficient
        factors = self._factors(above, order)
        if amount.numerator != 1 or not factors:
            factors = [str(amount.numerator), *factors]
        under = self._factors(below, order)
        if amount.denominator != 1:
            under = [str(amount.denominator), *under]
        top = self.product.join(factors)
        if not under:
            return sign + top
        bottom = self.product.join(under)
        return sign + self.fraction(top, bottom if len(under) == 1 else f"({bottom})")

    def _factors(self, monomial: Monomial, order: Sequence[str]) -> list[str]:
        place = {name: index for index, name in enumerate(order)}
        written = [
            (place.get(atom.name, len(place)), self.powered(self.atom(atom, order), exponent))
            for atom, exponent in monomial
        ]
        return [text for _, text in sorted(written)]

    def powered(self, base: str, exponent: int) -> str:
        return base if exponent == 1 else self.exponent(base, exponent)

    def atom(self, atom: Atom, order: Sequence[str] = ()) -> str:
        if not atom.arguments:
            return self.symbol(atom.name)
        if atom.name == GROUP:
            return f"({self.polynomial(atom.arguments[0], order)})"
        if atom.name == "floor":
            number, divisor = atom.arguments
            up = _rounded_up(number, divisor)
            name, number = ("floor", number) if up is None else ("ceil", up)
            arguments = [self.fraction(self._inner(number, order), self._inner(divisor, order))]
            return self.function(name, arguments)
        return self.function(atom.name, [self.polynomial(argument, order) for argument in atom.arguments])

    def _inner(self, value: Value, order: Sequence[str]) -> str:
        """A part of a fraction; in parentheses where it has an operator."""
        text = self.polynomial(value, order)
        simple = not isinstance(value, Polynomial) or (
            value.terms == {next(iter(value.terms)): 1} and len(next(iter(value.terms))) == 1
        )
        return text if simple else f"({text})"

    def number(self, value: Number) -> str:
        if value.denominator == 1:
            return str(value)
        sign = "-" if value < 0 else ""
        return sign + self.fraction(str(abs(value.numerator)), str(value.denominator))


def joined(parts: Sequence[str]) -> str:
    """Summands with their signs between them.

    >>> joined(["a", "-b", "c"])
    'a - b + c'
    """
    text = "".join(f" - {part[1:]}" if part.startswith("-") else f" + {part}" for part in parts)
    return f"-{text[3:]}" if text.startswith(" - ") else text[3:]


def over(value: Polynomial) -> tuple[Value, Value]:
    """A polynomial as a numerator with whole coefficients and no negative exponents, and a denominator."""
    lowest: dict[Atom, int] = {}
    for monomial in value.terms:
        for atom, exponent in monomial:
            lowest[atom] = min(lowest.get(atom, 0), exponent)
    below = {atom: -exponent for atom, exponent in lowest.items() if exponent < 0}
    monomial = tuple(sorted(below.items(), key=lambda item: item[0].number))
    denominator: Value = Polynomial.of({monomial: value.denominator})
    return value * denominator, denominator


def _rounded_up(number: Value, divisor: Value) -> Value | None:
    """What is rounded up where a floor is written as floor((p + q - 1) / q)."""
    rest = number - divisor + 1
    if not isinstance(number, Polynomial):
        return None
    shorter = not isinstance(rest, Polynomial) or len(rest.terms) < len(number.terms)
    return rest if shorter and divisor != 2 else None


def _degree(monomial: Monomial, name: str) -> int:
    return next((exponent for atom, exponent in monomial if atom.name == name and not atom.arguments), 0)


def _without(monomial: Monomial, name: str) -> Monomial:
    return tuple((atom, exponent) for atom, exponent in monomial if atom.name != name or atom.arguments)


def _call(name: str, arguments: Sequence[str]) -> str:
    return f"{name}({', '.join(arguments)})"


PLAIN = Notation(
    product=" ",
    exponent=lambda base, exponent: f"{base}^{exponent}",
    fraction=lambda top, bottom: f"{top}/{bottom}",
    function=_call,
)
