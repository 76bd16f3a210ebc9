"""Who answers questions about polynomials: by proof where there is one, else at the default point.

A proof holds for all admissible values of the symbols. Where there is none, the values that the user
started from decide, and the answer is kept as an assumption, to be printed with the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import gcd, lcm
from typing import Any, NamedTuple

from paramcalc.errors import Fault
from paramcalc.expression import FUNCTIONS
from paramcalc.symbolic.polynomial import (
    Atom,
    Monomial,
    Polynomial,
    apply,
    evaluate,
    opaque,
    sum_of,
    symbol,
)


class Symbol(NamedTuple):
    """A symbol: what it stands for, and its value at the default point.

    The quantities that it stands for are `scale * letter + offset` each. It is at least `least`. One
    that `stretches` may be given a larger scale, so that strides divide it.
    """

    letter: str
    stands_for: tuple[str, ...]
    default: int
    scale: int = 1
    offset: int = 0
    least: int = 1
    stretches: bool = False

    @property
    def value(self) -> Any:
        """What it stands for, as a polynomial in the letter."""
        return symbol(self.letter) * self.scale + self.offset

    @property
    def start(self) -> int:
        """The default of what it stands for."""
        return self.default * self.scale + self.offset

    def stretched(self, factor: int) -> Symbol:
        """The same quantities in steps that are so many times larger."""
        scale = self.scale * factor
        return self._replace(default=self.start // scale, scale=scale, offset=self.start % scale)


class Assumption(NamedTuple):
    """What holds at the default point and need not elsewhere: `value` is >= 0, = 0 or != 0, or is a
    multiple of `divisor` or none."""

    kind: str
    value: Any
    divisor: Any = 1

    def holds(self, values: Mapping[str, int]) -> bool:
        """Whether a point meets it."""
        value, divisor = evaluate(self.value, values), evaluate(self.divisor, values)
        if self.kind == ">=":
            return bool(value >= 0)
        if self.kind in ("=", "!="):
            return (value == 0) is (self.kind == "=")
        return (value % divisor == 0) is (self.kind == "divides")


class Stretch(Exception):
    """A symbol must be taken in larger steps before a size divides; elaboration starts again."""

    def __init__(self, letter: str, factor: int) -> None:
        super().__init__(letter, factor)
        self.letter = letter
        self.factor = factor


class Judge:
    """Answers for polynomials in the given symbols; see `paramcalc.sizes.Judge`."""

    def __init__(self, symbols: Sequence[Symbol]) -> None:
        self.symbols = {symbol.letter: symbol for symbol in symbols}
        self.point = {symbol.letter: symbol.default for symbol in symbols}
        self.least = {symbol.letter: symbol.least for symbol in symbols}
        self.multiples = {symbol.letter: 1 for symbol in symbols}
        self.assumed: dict[Assumption, None] = {}
        self.exact: set[tuple[Any, Any]] = set()
        self.lows: dict[Any, Any] = {}
        self.stretching = True
        self.indices: list[str] = []

    def index(self) -> str:
        """A new symbol for the number of a round, from 1 on; nothing may be assumed about it."""
        letter = f"i{len(self.indices) + 1}" if self.indices else "i"
        self.indices.append(letter)
        self.point[letter] = self.least[letter] = self.multiples[letter] = 1
        return letter

    # ------------------------------------------------------------------------------ questions

    def zero(self, value: Any) -> bool:
        if not isinstance(value, Polynomial):
            return bool(value == 0)
        if self.positive(value) or self.positive(-value):
            return False
        answer = bool(evaluate(value, self.point) == 0)
        self.assume(Assumption("=" if answer else "!=", _sign_normal(value)))
        return answer

    def nonneg(self, value: Any) -> bool:
        if not isinstance(value, Polynomial):
            return bool(value >= 0)
        low = self.low(value)
        if low is not None and low >= 0:
            return True
        if self.positive(-value):
            return False
        answer = bool(evaluate(value, self.point) >= 0)
        self.assume_sign(value if answer else -value - Fraction(1, value.denominator))
        return answer

    def divides(self, divisor: Any, number: Any) -> bool:
        if divisor == 1:
            return not isinstance(number, Fraction)
        if not isinstance(divisor, Polynomial) and not isinstance(number, Polynomial):
            return bool(number % divisor == 0)
        known = self.known_to_divide(divisor, number)
        if known is not None:
            return known
        answer = bool(evaluate(number, self.point) % evaluate(divisor, self.point) == 0)
        if answer:
            self.assume_divides(divisor, number)
        else:
            self.assume(Assumption("does not divide", number, divisor))
        return answer

    def floor_divide(self, number: Any, divisor: Any) -> Any:
        if not isinstance(divisor, Polynomial) and not isinstance(number, Polynomial):
            return number // divisor
        if divisor == 1 and number.denominator == 1:
            return number
        if (number, divisor) in self.exact or self.known_to_divide(divisor, number):
            return number / divisor
        if isinstance(number, Polynomial) and number.denominator != 1:  # floor((p/d) / q) = floor(p / (d q))
            return self.floor_divide(number.numerator, divisor * number.denominator)
        whole, rest = self.split(number, divisor)
        if isinstance(rest, Polynomial) or isinstance(divisor, Polynomial):
            return whole + (opaque("floor", rest, divisor) if not isinstance(rest, int) or rest else 0)
        return whole + rest // divisor

    def function(self, name: str, arguments: list[Any]) -> Any:
        if name == "sum":
            return sum_of((argument, 1) for argument in arguments)
        if name in ("floor", "ceil", "round", "abs"):
            (value,) = arguments
            return getattr(self, f"_{name}")(value)
        if name in ("min", "max"):
            return self._extreme(name, arguments)
        if name == "divisible":
            return self._divisible(*arguments)
        return opaque(name, *arguments)

    # ------------------------------------------------------------------------------ functions

    def _floor(self, value: Polynomial) -> Any:
        return self.floor_divide(value.numerator, value.denominator)

    def _ceil(self, value: Polynomial) -> Any:
        return -self._floor(-value)

    def _round(self, value: Polynomial) -> Any:
        whole = self.known_to_divide(value.denominator, value.numerator)
        return value if whole else opaque("round", value)

    def _abs(self, value: Polynomial) -> Any:
        return value if self.nonneg(value) else -value

    def _extreme(self, name: str, values: list[Any]) -> Any:
        """The values that may be the greatest (or least); the function only where several may."""
        sign = 1 if name == "max" else -1
        kept: list[Any] = []
        for value in values:
            if any(self.reaches(sign * other, sign * value) for other in kept):
                continue
            kept = [other for other in kept if not self.reaches(sign * value, sign * other)]
            kept.append(value)
        return kept[0] if len(kept) == 1 else opaque(name, *kept)

    def _divisible(self, value: Any, divisor: Any = 8) -> Any:
        if not isinstance(divisor, int) or divisor < 1:
            FUNCTIONS["divisible"].apply(1, divisor)  # says what is wrong with it
        if self.known_to_divide(divisor, value) and self.reaches(value, divisor):
            return value
        return opaque("divisible", value, divisor)

    # ------------------------------------------------------------------------------ proofs

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

        Each symbol or function is its least value plus something not negative. When no coefficient of
        the expanded polynomial is negative then, the value is least where all the somethings are 0.
        """
        if not isinstance(value, Polynomial):
            return value
        if value not in self.lows:
            self.lows[value] = self._low(value)
        return self.lows[value]

    def _low(self, value: Polynomial) -> Any:
        lows = [self._least(form) for form in dict.fromkeys((value, self.relaxed(value)))]
        return max((low for low in lows if low is not None), default=None)

    def _least(self, value: Any) -> Any:
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
        shifted = rest.mapped(lambda atom: Polynomial({((atom, 1),): 1}) + bounds[atom])
        if not isinstance(shifted, Polynomial):
            return shifted
        low = all(coefficient > 0 for monomial, coefficient in shifted.terms.items() if monomial)
        return shifted.constant if low else None

    def low_atom(self, atom: Atom) -> Any:
        """A number that an atom is never below, or None; never negative, so that powers keep the order."""
        if not atom.arguments:
            return self.bound(atom.name)
        lows = [self.low(argument) for argument in atom.arguments]
        if atom.name == "divisible":
            return atom.arguments[1]
        if atom.name == "max":
            low = max((low for low in lows if low is not None), default=None)
        elif None in lows:
            return None
        elif atom.name == "floor" and isinstance(atom.arguments[1], Polynomial):
            low = min(lows[0], 0)
        else:
            low = min(lows) if atom.name == "min" else apply(atom.name, lows)
        return low if low is not None and low >= 0 else None

    def bound(self, letter: str) -> int:
        """The least value that a symbol can have."""
        multiple = self.multiples.get(letter, 1)
        return -(-self.least.get(letter, 1) // multiple) * multiple

    def relaxed(self, value: Polynomial) -> Any:
        """The value or something below it: floors are replaced where a term has nothing but one of them."""
        floors = {
            monomial: coefficient
            for monomial, coefficient in value.terms.items()
            if len(monomial) == 1 and monomial[0][0].name == "floor" and monomial[0][1] == 1
        }
        if not floors:
            return value
        result: Any = Polynomial.of({m: c for m, c in value.terms.items() if m not in floors})
        for ((atom, _),), coefficient in floors.items():
            number, divisor = atom.arguments
            if isinstance(divisor, Polynomial):
                return value
            bound = number if coefficient < 0 else number - divisor + 1
            result = result + bound * coefficient / Fraction(divisor)
        return result

    def known_to_divide(self, divisor: Any, number: Any) -> bool | None:
        """Whether a number is a multiple: proved, refuted, or None."""
        if (number, divisor) in self.exact:
            return True
        if isinstance(divisor, Polynomial):
            return _whole(number / divisor) or None
        if not isinstance(number, Polynomial):
            return bool(number % divisor == 0)
        scaled = divisor * number.denominator
        if scaled == 1:
            return True
        number = number.numerator
        rest = 0
        for monomial, coefficient in number.terms.items():
            if not monomial:
                rest = int(coefficient)
            elif not self._divided(monomial, coefficient, scaled):
                self._stretch(monomial, int(coefficient), scaled)
                return None
        return bool(rest % scaled == 0)

    def factor(self, monomial: Monomial) -> int:
        """A number that is known to divide a monomial."""
        result = 1
        for atom, exponent in monomial:
            known = self.multiples.get(atom.name, 1) if not atom.arguments else 1
            if atom.name == "divisible":
                known = int(atom.arguments[1])  # type: ignore[arg-type]
            result *= known ** max(exponent, 0)
        return result

    def _stretch(self, monomial: Monomial, coefficient: int, divisor: int) -> None:
        """Asks for larger steps of a symbol if these make the monomial divide; else nothing."""
        factor = divisor // gcd(divisor, coefficient * self.factor(monomial))
        for atom, exponent in monomial:
            found = self.symbols.get(atom.name) if not atom.arguments else None
            if found and exponent == 1 and self.may_stretch(found, factor):
                raise Stretch(found.letter, factor)

    def may_stretch(self, found: Symbol, factor: int) -> bool:
        """Whether a symbol may be taken in larger steps: none larger than its default size."""
        return self.stretching and found.stretches and found.scale * factor <= found.start

    def split(self, number: Any, divisor: Any) -> tuple[Any, Any]:
        """A whole quotient of the terms that divide, and the rest of the terms."""
        if not isinstance(number, Polynomial):
            return 0, number
        parts: dict[Monomial, Any] = {}
        rest: dict[Monomial, Any] = {}
        for monomial, coefficient in number.terms.items():
            share = parts if monomial and self._divided(monomial, coefficient, divisor) else rest
            share[monomial] = coefficient
        return Polynomial.of(parts) / divisor if parts else 0, Polynomial.of(rest)

    def _divided(self, monomial: Monomial, coefficient: Any, divisor: Any) -> bool:
        """Whether a divisor divides one term."""
        if isinstance(divisor, Polynomial):
            return _whole(Polynomial({monomial: coefficient}) / divisor)
        above = all(exponent > 0 for _, exponent in monomial)
        return above and bool(coefficient * self.factor(monomial) % divisor == 0)

    # ------------------------------------------------------------------------------ assumptions

    def assume(self, assumption: Assumption) -> None:
        self.check_rounds(assumption.value)
        self.assumed[assumption] = None

    def check_rounds(self, value: Any) -> None:
        """All rounds of a repeat must go alike: an answer for one of them is none."""
        named = value.symbols() if isinstance(value, Polynomial) else set()
        if not named.isdisjoint(self.indices):
            raise Fault(
                f"the rounds of a repeat differ in more than the first, by {value}",
                fix="leave the number of rounds a number",
            )

    def assume_sign(self, value: Any) -> None:
        """That a value is not negative: a new least value of a symbol where it says no more than that."""
        self.check_rounds(value)
        bound = _lower_bound(value)
        if bound is None:
            self.assume(Assumption(">=", value))
            return
        letter, least = bound
        if least > self.least[letter]:
            self.least[letter] = least
            self.lows.clear()

    def assume_divides(self, divisor: Any, number: Any) -> None:
        """That a number is a multiple: of a symbol alone, it is known of the symbol from then on."""
        self.check_rounds(number)
        self.exact.add((number, divisor))
        if not isinstance(divisor, Polynomial) and isinstance(number, Polynomial):
            scaled, terms = divisor * number.denominator, number.numerator.terms
            (monomial, coefficient), *others = terms.items()
            if not others and len(monomial) == 1 and monomial[0][1] == 1 and not monomial[0][0].arguments:
                letter = monomial[0][0].name
                self.multiples[letter] = lcm(self.multiples[letter], scaled // gcd(scaled, int(coefficient)))
                self.lows.clear()
                return
        self.assume(Assumption("divides", number, divisor))

    def assumptions(self) -> tuple[Assumption, ...]:
        """Everything assumed, the simplest first."""
        bounds = [
            Assumption(">=", symbol(letter) - least)
            for letter, least in self.least.items()
            if letter in self.symbols and least > self.symbols[letter].least
        ]
        multiples = [
            Assumption("divides", symbol(letter), multiple)
            for letter, multiple in self.multiples.items()
            if multiple > 1
        ]
        return (*bounds, *multiples, *self.assumed)


def _lower_bound(value: Any) -> tuple[str, int] | None:
    """The symbol and its least value, when `value >= 0` says just that."""
    if not isinstance(value, Polynomial):
        return None
    terms = [(monomial, coefficient) for monomial, coefficient in value.terms.items() if monomial]
    if len(terms) != 1:
        return None
    ((monomial, coefficient),) = terms
    if len(monomial) != 1 or monomial[0][1] != 1 or monomial[0][0].arguments or coefficient < 0:
        return None
    return monomial[0][0].name, -int(value.constant / Fraction(coefficient) // 1)


def _sign_normal(value: Polynomial) -> Polynomial:
    """The value or its negative, and without a common factor: what is asked whether it is 0."""
    value = value.numerator
    value = value / Fraction(value.content)
    first = max(value.terms, key=lambda monomial: [(exponent, atom.name) for atom, exponent in monomial])
    return value if value.terms[first] > 0 else -value


def _whole(value: Any) -> bool:
    """Whether a value is a polynomial in the proper sense, with whole coefficients."""
    monomials = value.terms if isinstance(value, Polynomial) else ()
    return bool(value.denominator == 1) and all(power > 0 for monomial in monomials for _, power in monomial)
