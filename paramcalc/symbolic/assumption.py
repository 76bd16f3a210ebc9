"""Assumptions: relations decided at the default point that need not hold elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from paramcalc.symbolic.notation import shown
from paramcalc.symbolic.polynomial import Polynomial, evaluate


class Assumption(NamedTuple):
    """A relation that holds at the default point and need not hold elsewhere.

    `value` is >= 0, > 0, = 0 or != 0, or a multiple of `divisor` ("divides") or none ("does not divide").
    """

    kind: str
    value: Any
    divisor: Any = 1

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether a point meets it."""
        value, divisor = evaluate(self.value, values), evaluate(self.divisor, values)
        if self.kind == ">=":
            return bool(value >= 0)
        if self.kind == ">":
            return bool(value > 0)
        if self.kind in ("=", "!="):
            return (value == 0) is (self.kind == "=")
        return (value % divisor == 0) is (self.kind == "divides")

    def __str__(self) -> str:
        """As `w != 64` or `12 divides w`."""
        if self.kind in ("divides", "does not divide"):
            if self.divisor == 1:
                return f"{shown(self.value)} is whole"
            return f"{shown(self.divisor)} {self.kind} {shown(self.value)}"
        plus, minus = sides(self.value)
        kind = self.kind
        if kind in (">=", ">") and not isinstance(plus, Polynomial):
            plus, minus, kind = minus, plus, kind.replace(">", "<")
        return f"{shown(plus)} {kind} {shown(minus)}"


def sides(value: Polynomial) -> tuple[Any, Any]:
    """The added terms and the subtracted terms of a polynomial."""
    plus = Polynomial.of({monomial: amount for monomial, amount in value.terms.items() if amount > 0})
    return plus, plus - value


def linear(value: Any) -> tuple[str, Any] | None:
    """The letter and the coefficient of a value that is one symbol times a number, plus a number."""
    terms = value.terms if isinstance(value, Polynomial) else {}
    (monomial, coefficient), *others = [term for term in terms.items() if term[0]] or [((), 0)]
    single = not others and len(monomial) == 1 and monomial[0][1] == 1 and not monomial[0][0].arguments
    return (monomial[0][0].name, coefficient) if single else None
