"""Known facts about symbols, and proofs from them: bounds, and which sizes divide.

A proof holds for all admissible values. Where none is found the answer is None, which says nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from math import ceil, floor, gcd, lcm
from typing import Any, NamedTuple

from paramcalc.symbolic.domain import Domain
from paramcalc.symbolic.polynomial import Polynomial, apply, symbol
from paramcalc.symbolic.terms import GROUP, Atom, Monomial

MOST_ENDS = 3  # symbols with a greatest value that are looked at from both ends


class Symbol(NamedTuple):
    """A symbol: its meaning, and its value at the default point.

    The quantities that it stands for are `scale * letter + offset` each. It is a whole number from
    `least` on, or, if not `whole`, any fraction greater than 0. One that `stretches` may be given a
    larger scale, so that strides divide it.
    """

    letter: str
    stands_for: tuple[str, ...]
    default: Any
    scale: int = 1
    offset: int = 0
    least: int = 1
    stretches: bool = False
    whole: bool = True

    @property
    def value(self) -> Any:
        """Its meaning, as a polynomial in the letter."""
        return symbol(self.letter) * self.scale + self.offset

    @property
    def start(self) -> Any:
        """The default of its meaning."""
        return self.default * self.scale + self.offset

    def stretched(self, factor: int) -> Symbol:
        """The same quantities in steps larger by a factor."""
        scale = self.scale * factor
        return self._replace(default=self.start // scale, scale=scale, offset=self.start % scale)


class Facts:
    """Least values, greatest ones where there are any, and steps of symbols.

    A symbol is a multiple of its step: 1 for a whole number, 12 where 12 is known to divide it, 1/32 for
    a fraction m of which 32 m is whole, None for an unknown fraction.
    """

    def __init__(self, symbols: Sequence[Symbol]) -> None:
        self.fractions = {one.letter for one in symbols if not one.whole}
        self.least: dict[str, Any] = {one.letter: one.least if one.whole else 0 for one in symbols}
        self.most: dict[str, Any] = {}
        self.steps: dict[str, Any] = {one.letter: 1 if one.whole else None for one in symbols}
        self.exact: set[tuple[Any, Any]] = set()
        self.lows: dict[Any, Any] = {}

    def learn_least(self, letter: str, least: Any) -> None:
        self.least[letter] = max(least, self.least[letter])
        self.lows.clear()

    def learn_most(self, letter: str, most: Any) -> None:
        self.most[letter] = min(most, self.most.get(letter, most))
        self.lows.clear()

    def learn_step(self, letter: str, step: Fraction) -> None:
        """Records that a symbol is a multiple of a number, in addition to its known steps."""
        known = self.steps[letter]
        if known is not None:
            known = Fraction(known)
            step = Fraction(lcm(step.numerator, known.numerator), gcd(step.denominator, known.denominator))
        self.steps[letter] = step.numerator if step.denominator == 1 else step
        self.lows.clear()

    def learn_exact(self, number: Any, divisor: Any) -> None:
        """Records that a number is a multiple of a divisor."""
        self.exact.add((number, divisor))

    def domain(self, one: Symbol) -> Domain:
        """The values that a symbol may have, as far as what is known is of it alone."""
        if not one.whole:
            return Domain(one.letter, one.whole, one.least)
        step, most = self.steps[one.letter], self.most.get(one.letter)
        least = ceil(Fraction(self.least[one.letter]) / step) * step
        return Domain(one.letter, True, least, None if most is None else floor(most / step) * step, step)

    # ------------------------------------------------------------------------------------ bounds

    def reaches(self, one: Any, two: Any) -> bool:
        """Whether `one >= two` is proved."""
        low = self.low(one - two)
        return low is not None and bool(low >= 0)

    def positive(self, value: Any) -> bool:
        """Whether a value is proved to be greater than 0."""
        low = self.low(value)
        return low is not None and bool(low > 0)

    def low(self, value: Any) -> Any:
        """A number that the value is never below, or None.

        Each symbol or function is its least value plus something not negative, or a symbol its greatest
        less something. When no coefficient of the expanded polynomial is negative then, the value is
        least where all the somethings are 0.
        """
        if not isinstance(value, Polynomial):
            return value
        if value not in self.lows:
            lows = [self._low(form) for form in dict.fromkeys((value, self._relaxed(value)))]
            self.lows[value] = max((low for low in lows if low is not None), default=None)
        return self.lows[value]

    def _low(self, value: Any) -> Any:
        if not isinstance(value, Polynomial):
            return value
        bounds: dict[Atom, Any] = {}
        kept: dict[Monomial, Any] = {}
        for monomial, coefficient in value.terms.items():
            for atom, _ in monomial:
                bounds[atom] = self.low_atom(atom)
                if bounds[atom] is None:
                    return None
            if all(exponent > 0 for _, exponent in monomial):
                kept[monomial] = coefficient
            elif coefficient < 0:
                return None  # a positive term with something below the line is at least 0 and left out
        rest = Polynomial.of(kept)
        if not isinstance(rest, Polynomial):
            return rest
        ends = [atom for atom in bounds if not atom.arguments and atom.name in self.most][:MOST_ENDS]
        lows = (
            self._low_from(rest, bounds, from_above)
            for amount in range(len(ends) + 1)
            for from_above in combinations(ends, amount)
        )
        return max((low for low in lows if low is not None), default=None)

    def _low_from(self, value: Polynomial, bounds: Mapping[Atom, Any], from_above: Collection[Atom]) -> Any:
        """A bound of a value where some symbols are their greatest value less something."""

        def shifted(atom: Atom) -> Any:
            something = Polynomial({((atom, 1),): 1})
            return self.most[atom.name] - something if atom in from_above else something + bounds[atom]

        moved = value.mapped(shifted)
        if not isinstance(moved, Polynomial):
            return moved
        low = all(coefficient > 0 for monomial, coefficient in moved.terms.items() if monomial)
        return moved.constant if low else None

    def low_atom(self, atom: Atom) -> Any:
        """A number that an atom is never below, or None; never negative, so that powers keep the order."""
        if not atom.arguments:
            return self.low_symbol(atom.name)
        if atom.name == "divisible":
            return atom.arguments[1]
        if atom.name == "ceil" and self.greater_than_zero(atom.arguments[0]):
            return 1
        lows = [self.low(argument) for argument in atom.arguments]
        if atom.name == "max":
            low = max((low for low in lows if low is not None), default=None)
        elif None in lows:
            return None
        elif atom.name in ("floor", "ceil") and isinstance(atom.arguments[1], Polynomial):
            low = min(lows[0], 0)
        else:
            low = min(lows) if atom.name == "min" else apply(atom.name, lows)
        return low if low is not None and low >= 0 else None

    def greater_than_zero(self, value: Any) -> bool:
        """Whether a value is a sum of products of symbols that cannot be 0."""
        names = {atom.name for monomial in value.terms for atom, _ in monomial if not atom.arguments}
        plain = all(not atom.arguments for monomial in value.terms for atom, _ in monomial)
        positive = all(name in self.fractions or self.least[name] > 0 for name in names)
        return plain and positive and all(coefficient > 0 for coefficient in value.terms.values())

    def low_symbol(self, letter: str) -> Any:
        """The least multiple of its step that a symbol may be; a fraction is greater than 0."""
        least, step = self.least[letter], self.steps[letter]
        return least if step is None else max(letter in self.fractions, -(-least // step)) * step

    def _relaxed(self, value: Polynomial) -> Any:
        """The value or something below it: roundings give way where a term has nothing but one of them."""
        floors = {
            monomial: coefficient
            for monomial, coefficient in value.terms.items()
            if len(monomial) == 1 and monomial[0][0].name in ("floor", "ceil") and monomial[0][1] == 1
        }
        result: Any = Polynomial.of({m: c for m, c in value.terms.items() if m not in floors})
        for ((atom, _),), coefficient in floors.items():
            number, divisor = atom.arguments
            if isinstance(divisor, Polynomial):
                return value
            reach = divisor - 1 if self.whole(number) else divisor
            low, high = (number - reach, number) if atom.name == "floor" else (number, number + reach)
            result = result + (high if coefficient < 0 else low) * coefficient / Fraction(divisor)
        return result

    # ---------------------------------------------------------------------------------- division

    def whole(self, number: Any) -> bool:
        """Whether a number is proved to be whole."""
        return self.divides(1, number) is True

    def divides(self, divisor: Any, number: Any) -> bool | None:
        """Whether a number is a multiple of a divisor: proved, refuted, or None."""
        if (number, divisor) in self.exact:
            return True
        if isinstance(divisor, Polynomial):
            ratio = number / divisor
            return True if _proper(ratio) and self.whole(ratio) else None
        if not isinstance(number, Polynomial):
            return bool(number % divisor == 0)
        if self.obstacle(divisor, number) is not None:
            return None
        return bool(number.constant % divisor == 0)

    def obstacle(self, divisor: int, number: Polynomial) -> tuple[Monomial, Any] | None:
        """The first term with symbols that is not known to be a multiple of a divisor."""
        terms = ((monomial, coefficient) for monomial, coefficient in number.terms.items() if monomial)
        return next((term for term in terms if not self.divides_term(divisor, *term)), None)

    def divides_term(self, divisor: Any, monomial: Monomial, coefficient: Any) -> bool:
        """Whether a divisor is known to divide one term."""
        if isinstance(divisor, Polynomial):
            return self.divides(divisor, Polynomial({monomial: coefficient})) is True
        step = self.step(monomial)
        return step is not None and bool(coefficient * step % divisor == 0)

    def step(self, monomial: Monomial) -> Any:
        """A number that divides a monomial, or None."""
        result: Any = 1
        for atom, exponent in monomial:
            step = self.step_atom(atom) if exponent > 0 else None
            if step is None:
                return None
            result = result * step**exponent
        return result

    def step_atom(self, atom: Atom) -> Any:
        """A number that divides a symbol or function, or None."""
        if not atom.arguments:
            return self.steps[atom.name]
        if atom.name == "divisible":
            return atom.arguments[1]
        if atom.name in ("min", "max", GROUP):
            return 1 if all(self.whole(argument) for argument in atom.arguments) else None
        return 1


def _proper(value: Any) -> bool:
    """Whether a value is a polynomial without negative powers, with whole coefficients."""
    monomials = value.terms if isinstance(value, Polynomial) else ()
    return bool(value.denominator == 1) and all(power > 0 for monomial in monomials for _, power in monomial)
