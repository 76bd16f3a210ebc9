"""Answers to questions about polynomials: by proof where there is one, else at the default point.

Where there is no proof, the user's starting values decide, and the answer is kept as an
assumption, to be printed with the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import gcd
from typing import Any

from paramcalc.base.errors import Fault
from paramcalc.language.expression import FUNCTIONS
from paramcalc.symbolic.assumption import Assumption, linear
from paramcalc.symbolic.domain import Domain
from paramcalc.symbolic.facts import Facts, Symbol
from paramcalc.symbolic.polynomial import Polynomial, evaluate, opaque, sum_of, symbol, whole
from paramcalc.symbolic.terms import Atom, Monomial


class Stretch(Exception):
    """A symbol must be taken in larger steps before a size divides; elaboration starts again."""

    def __init__(self, letter: str, factor: int) -> None:
        super().__init__(letter, factor)
        self.letter = letter
        self.factor = factor


class PolynomialJudge:
    """Answers for polynomials in the given symbols; see `paramcalc.base.sizes.Judge`.

    To learn what becomes of a network where an equation does not hold, it can be `denied`.
    """

    def __init__(self, symbols: Sequence[Symbol], denied: Assumption | None = None) -> None:
        self.symbols = {symbol.letter: symbol for symbol in symbols}
        self.point = {symbol.letter: symbol.default for symbol in symbols}
        self.facts = Facts(symbols)
        self.denied = denied
        self.assumed: dict[Assumption, bool] = {}  # whether it is of one whole symbol alone: in its domain
        self.only: dict[str, Assumption] = {}  # the equation that gives a symbol its one value
        self.stretching = True
        self.indices: list[str] = []
        self.again: dict[Atom, Any] = {}

    def index(self) -> str:
        """A new symbol for the number of a round, from 1 on; nothing may be assumed about it."""
        letter = f"i{len(self.indices) + 1}" if self.indices else "i"
        self.indices.append(letter)
        self.point[letter] = self.facts.least[letter] = self.facts.steps[letter] = 1
        return letter

    # ------------------------------------------------------------------------------ questions

    def zero(self, value: Any) -> bool:
        if not isinstance(value, Polynomial):
            return bool(value == 0)
        if self.facts.positive(value) or self.facts.positive(-value):
            return False
        equation = Assumption("=", _sign_normal(value))
        answer = equation.holds(self.point) and equation != self.denied
        single = linear(equation.value) if answer else None
        if single:
            self.only[single[0]] = equation
        said = equation if answer else equation._replace(kind="!=")
        self.assume(said, single is not None and self.is_whole(single[0]))
        return answer

    def nonneg(self, value: Any) -> bool:
        value = _without_floor(value)
        if self.facts.reaches(value, 0):
            return True
        if self.facts.positive(-value):
            return False
        answer = bool(evaluate(value, self.point) >= 0)
        if answer:
            self.assume_sign(value)
        elif self.facts.whole(value.numerator):
            self.assume_sign(-value - Fraction(1, value.denominator))
        else:
            self.assume(Assumption(">", -value))
        return answer

    def divides(self, divisor: Any, number: Any) -> bool:
        known = self.facts.divides(divisor, number)
        if known is None:
            self.stretch_for(divisor, number)
            known = bool(evaluate(number, self.point) % evaluate(divisor, self.point) == 0)
            self.assume_divides(divisor, number, known)
        return known

    def floor_divide(self, number: Any, divisor: Any) -> Any:
        if not isinstance(divisor, Polynomial) and not isinstance(number, Polynomial):
            return number // divisor
        if self.facts.divides(divisor, number):
            return number / divisor
        self.stretch_for(divisor, number)
        if number.denominator != 1:  # floor((p/d) / q) is floor(p / (d q))
            return self.floor_divide(number.numerator, divisor * number.denominator)
        whole, rest = self.split(number, divisor)
        smaller = self.reduced(rest, divisor)
        if smaller:
            return whole + self.floor_divide(*smaller)
        level = self.level(rest, divisor)
        if level is not None:
            return whole + level
        flat = self.unnested(rest, divisor)
        if flat:
            return whole + self.floor_divide(*flat)
        if isinstance(rest, Polynomial) and all(coefficient < 0 for coefficient in rest.terms.values()):
            return whole - opaque("ceil", -rest, divisor)
        return whole + (opaque("floor", rest, divisor) if rest != 0 else 0)

    def function(self, name: str, arguments: list[Any]) -> Any:
        if name == "sum":
            return sum_of((argument, 1) for argument in arguments)
        if name in ("min", "max"):
            return self._extreme(name, arguments)
        if name == "divisible":
            return self._divisible(*arguments)
        (value,) = arguments
        if name == "sqrt":
            return _square_root(value)
        if name == "abs":
            return value if self.nonneg(value) else -value
        if name == "round":
            return value if self.facts.whole(value) else opaque("round", value)
        if name == "ceil":
            return -self.floor_divide(-value.numerator, value.denominator)
        return self.floor_divide(value.numerator, value.denominator)

    def _extreme(self, name: str, values: list[Any]) -> Any:
        """The values that may be the greatest (or least); the function only where several may."""
        sign = 1 if name == "max" else -1
        kept: list[Any] = []
        for value in values:
            if any(self.facts.reaches(sign * other, sign * value) for other in kept):
                continue
            kept = [other for other in kept if not self.facts.reaches(sign * value, sign * other)]
            kept.append(value)
        return kept[0] if len(kept) == 1 else opaque(name, *kept)

    def _divisible(self, value: Any, divisor: Any = 8) -> Any:
        if not isinstance(divisor, int) or divisor < 1:
            FUNCTIONS["divisible"].apply(1, divisor)  # says what is wrong with it
        if self.facts.divides(divisor, value) and self.facts.reaches(value, divisor):
            return value
        return opaque("divisible", value, divisor)

    def split(self, number: Any, divisor: Any) -> tuple[Any, Any]:
        """A whole quotient of the terms that divide, and the rest of the terms."""
        if not isinstance(number, Polynomial):
            return 0, number
        parts: dict[Monomial, Any] = {}
        rest: dict[Monomial, Any] = {}
        for monomial, coefficient in number.terms.items():
            share = parts if monomial and self.facts.divides_term(divisor, monomial, coefficient) else rest
            share[monomial] = coefficient
        return Polynomial.of(parts) / divisor if parts else 0, Polynomial.of(rest)

    def reduced(self, number: Any, divisor: Any) -> tuple[Any, Any] | None:
        """A fraction of the same floor without a common factor g: floor((g p + c)/(g q)) = floor((p + c//g)/q)."""
        if not isinstance(divisor, Polynomial) and not isinstance(number, Polynomial):
            return None
        constant = number.constant if isinstance(number, Polynomial) else number
        moving = number - constant
        factor = gcd(*(_content(part) for part in (moving, divisor)))
        if factor < 2:
            return None
        shorter, below = moving / Fraction(factor), divisor / Fraction(factor)
        if not (self.facts.whole(shorter) and self.facts.whole(below) and self.facts.positive(below)):
            return None
        return shorter + constant // factor, whole(below)

    def unnested(self, number: Any, divisor: Any) -> tuple[Any, Any] | None:
        """A fraction of the same floor without one inside: floor((floor(p/q) + c)/r) = floor((p + c q)/(q r))."""
        terms = [term for term in getattr(number, "terms", {}).items() if term[0]]
        if len(terms) != 1 or not isinstance(divisor, int) or divisor < 1:
            return None
        ((monomial, coefficient),) = terms
        atom, exponent = monomial[0]
        if len(monomial) > 1 or exponent != 1 or atom.name not in ("floor", "ceil") or abs(coefficient) != 1:
            return None
        inner, below = atom.arguments
        if not isinstance(below, int) or number.constant.denominator != 1:
            return None
        rounded_down = (atom.name == "floor") is (coefficient == 1)
        if not rounded_down and not self.facts.whole(inner):
            return None
        up = 0 if rounded_down else below - 1  # ceil(p/q) is floor((p + q - 1)/q)
        return inner * coefficient + up + number.constant * below, below * divisor

    def level(self, number: Any, divisor: Any) -> Any:
        """The floor of a fraction that is proved to be the same for all values of the symbols, or None."""
        facts = self.facts
        if not facts.positive(divisor):
            return None
        level = evaluate(number, self.point) // evaluate(divisor, self.point)
        constant = facts.reaches(number, level * divisor) and facts.positive((level + 1) * divisor - number)
        return level if constant else None

    def settled(self, value: Any) -> Any:
        """A value after the last question: functions that all answers together make simpler are.

        What bounds a symbol may have been learned after a function was written down.
        """
        if not isinstance(value, Polynomial) or all(not atom.arguments for m in value.terms for atom, _ in m):
            return value
        self.stretching = False
        return value.mapped(self._settled_atom)

    def _settled_atom(self, atom: Atom) -> Any:
        if atom not in self.again:
            arguments = [self.settled(argument) for argument in atom.arguments]
            if atom.name in ("floor", "ceil"):
                sign = 1 if atom.name == "floor" else -1
                self.again[atom] = sign * self.floor_divide(sign * arguments[0], arguments[1])
            elif atom.name in ("min", "max"):
                self.again[atom] = self._extreme(atom.name, arguments)
            else:
                self.again[atom] = Polynomial({((atom, 1),): 1})
        return self.again[atom]

    # ------------------------------------------------------------------------------ assumptions

    def stretch_for(self, divisor: Any, number: Any) -> None:
        """Asks for larger steps of a symbol if these make a term divide that does not yet."""
        if isinstance(divisor, Polynomial) or not isinstance(number, Polynomial):
            return
        scaled, number = divisor * number.denominator, number.numerator
        obstacle = self.facts.obstacle(scaled, number)
        step = self.facts.step(obstacle[0]) if obstacle else None
        if obstacle is None or not isinstance(step, int):
            return
        monomial, coefficient = obstacle
        factor = scaled // gcd(scaled, coefficient * step)
        for atom, exponent in monomial:
            found = self.symbols.get(atom.name) if not atom.arguments else None
            if found and exponent == 1 and self.may_stretch(found, factor):
                raise Stretch(found.letter, factor)

    def may_stretch(self, found: Symbol, factor: int) -> bool:
        """Whether a symbol may be taken in larger steps: none larger than its default size."""
        return self.stretching and found.stretches and bool(found.scale * factor <= found.start)

    def assume(self, assumption: Assumption, alone: bool = False) -> None:
        self.check_rounds(assumption.value)
        self.assumed[assumption] = alone

    def check_rounds(self, value: Any) -> None:
        """All rounds of a repeat must go alike: an answer for one of them is none."""
        named = value.symbols() if isinstance(value, Polynomial) else set()
        if not named.isdisjoint(self.indices):
            raise Fault(
                f"the rounds of a repeat differ in more than the first, by {value}",
                fix="do not make the number of rounds a symbol",
            )

    def is_whole(self, letter: str) -> bool:
        return letter not in self.facts.fractions

    def assume_sign(self, value: Any) -> None:
        """Assumes that a value is not negative: a new least value of a symbol where it says no more than that."""
        single = linear(value)
        if single is not None and single[1] < 0:
            self.facts.learn_most(single[0], value.constant / -Fraction(single[1]))
        if single is None or single[1] < 0 or self.facts.steps[single[0]] is None:
            self.assume(Assumption(">=", value), single is not None and self.is_whole(single[0]))
            return
        self.check_rounds(value)
        letter, factor = single
        step = self.facts.steps[letter]
        self.facts.learn_least(letter, -(value.constant / Fraction(factor) // step) * step)

    def assume_divides(self, divisor: Any, number: Any, holds: bool) -> None:
        """Assumes that a number is, or is not, a multiple; for a symbol alone, this fixes its step."""
        if holds:
            self.facts.learn_exact(number, divisor)
        single = linear(number)
        if not holds or isinstance(divisor, Polynomial) or single is None or number.constant:
            self.assume(Assumption("divides" if holds else "does not divide", number, divisor))
            return
        self.check_rounds(number)
        letter, factor = single
        self.facts.learn_step(letter, Fraction(divisor) / factor)

    def domains(self) -> tuple[Domain, ...]:
        """The values that each symbol may have, from the assumptions on it alone."""
        return tuple(map(self._domain, self.symbols.values()))

    def _domain(self, declared: Symbol) -> Domain:
        domain = self.facts.domain(declared)
        alone = self.only.get(declared.letter)
        if alone is None or not declared.whole:
            return domain
        value = self.point[declared.letter]
        return domain._replace(least=value, most=value)

    def assumptions(self) -> tuple[Assumption, ...]:
        """Everything assumed, the simplest first."""
        declared = [*self.symbols.values()]
        return (*self._steps(declared), *self._bounds(declared), *self.assumed)

    def others(self) -> tuple[Assumption, ...]:
        """What is assumed besides the domains: of several symbols, or of one that need not be whole."""
        declared = [each for each in self.symbols.values() if not each.whole]
        assumed = (each for each, alone in self.assumed.items() if not alone)
        return (*self._steps(declared), *self._bounds(declared), *assumed)

    def _steps(self, declared: Sequence[Symbol]) -> list[Assumption]:
        found = []
        for each in declared:
            step = self.facts.steps[each.letter]
            if step is not None and step != (1 if each.whole else None):
                fraction, name = Fraction(step), symbol(each.letter)
                found.append(Assumption("divides", name * fraction.denominator, fraction.numerator))
        return found

    def _bounds(self, declared: Sequence[Symbol]) -> list[Assumption]:
        """The least values of symbols, except one with a single value."""
        return [
            Assumption(">=", symbol(each.letter) - self.facts.least[each.letter])
            for each in declared
            if each.letter not in self.only
            and self.facts.least[each.letter] > (each.least if each.whole else 0)
        ]


def _content(value: Any) -> int:
    """The greatest whole number that divides a number, or all coefficients; 1 where some are fractions."""
    if not isinstance(value, Polynomial):
        return int(value) if value.denominator == 1 else 1
    return value.content if value.denominator == 1 else 1


def _without_floor(value: Any) -> Any:
    """What is not negative exactly when the value is: floor(p/q) >= c says p >= c q."""
    terms = {m: c for m, c in value.terms.items() if m} if isinstance(value, Polynomial) else {}
    if len(terms) != 1 or value.denominator != 1:
        return value
    ((monomial, coefficient),) = terms.items()
    if coefficient != 1 or len(monomial) != 1 or monomial[0][0].name != "floor" or monomial[0][1] != 1:
        return value
    number, divisor = monomial[0][0].arguments
    return value if isinstance(divisor, Polynomial) else _without_floor(number + value.constant * divisor)


def _sign_normal(value: Polynomial) -> Polynomial:
    """The value or its negative, and without a common factor: what is asked whether it is 0."""
    value = value.numerator
    value = value / Fraction(value.content)
    first = max(value.terms, key=lambda monomial: [(exponent, atom.name) for atom, exponent in monomial])
    return value if value.terms[first] > 0 else -value


def _square_root(value: Polynomial) -> Any:
    """The square root of a square of symbols; any other has no closed form."""
    (monomial, coefficient), *others = value.terms.items()
    plain = all(exponent % 2 == 0 and not atom.arguments for atom, exponent in monomial)
    if others or not plain:
        fact = f"the square root of {value} has no closed form"
        raise Fault(fact, fix="leave the symbols in it numbers")
    root = FUNCTIONS["sqrt"].apply(coefficient)
    return Polynomial.of({tuple((atom, exponent // 2) for atom, exponent in monomial): root})
