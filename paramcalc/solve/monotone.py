"""Whether a closed form never falls while one of its symbols grows: proved, or not known."""

from __future__ import annotations

from typing import Any

from paramcalc.symbolic.facts import Facts
from paramcalc.symbolic.polynomial import Polynomial
from paramcalc.symbolic.terms import Atom

COMPOSED = ("max", "min", "round")  # never fall while no argument does


def rises(value: Any, facts: Facts) -> bool:
    """Whether a value is proved never to fall while the symbols grow.

    Each symbol or rounding is its least value plus something not negative, and never falls itself. When
    no coefficient of the expanded polynomial is negative then, but for the constant, neither does the
    value.

    >>> from paramcalc.symbolic import Symbol, symbol
    >>> w = symbol("w")
    >>> facts = Facts([Symbol("w", ("width",), 64, least=4)])
    >>> rises(w * w - 8 * w, facts), rises(w * w - 9 * w, facts)
    (True, False)
    """
    if not isinstance(value, Polynomial):
        return True
    lows: dict[Atom, Any] = {}
    for monomial in value.terms:
        for atom, exponent in monomial:
            lows[atom] = facts.low_atom(atom)
            if exponent < 0 or lows[atom] is None or not _atom_rises(atom, facts):
                return False
    shifted = value.mapped(lambda atom: Polynomial({((atom, 1),): 1}) + lows[atom])
    terms = shifted.terms.items() if isinstance(shifted, Polynomial) else ()
    return all(coefficient > 0 for monomial, coefficient in terms if monomial)


def falls(value: Any, facts: Facts) -> bool:
    """Whether a value is proved never to rise."""
    return rises(-value, facts)


def _atom_rises(atom: Atom, facts: Facts) -> bool:
    if not atom.arguments or atom.name in COMPOSED:
        return all(rises(argument, facts) for argument in atom.arguments)
    if atom.name in ("floor", "ceil", "divisible"):  # by a number, which is at least 1
        number, divisor = atom.arguments
        return isinstance(divisor, int) and divisor > 0 and rises(number, facts)
    return False
