"""Formulas as sympy's expressions, to go on with. The only module that imports sympy."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import sympy  # type: ignore[import-untyped]

from paramcalc.symbolic.polynomial import GROUP, Atom, Polynomial, Value

FUNCTIONS = {"max": sympy.Max, "min": sympy.Min, GROUP: sympy.sympify}


def expression(value: Value) -> Any:
    """The same value in sympy's positive whole symbols.

    `divisible` and `round` become functions without a rule; floors are sympy's own.
    """
    if not isinstance(value, Polynomial):
        return sympy.Rational(value.numerator, value.denominator)
    return sympy.Add(
        *(
            sympy.Mul(expression(Fraction(coefficient)), *(_atom(atom) ** power for atom, power in monomial))
            for monomial, coefficient in value.terms.items()
        )
    )


def _atom(atom: Atom) -> Any:
    arguments = [expression(argument) for argument in atom.arguments]
    if not arguments:
        return sympy.Symbol(atom.name, integer=True, positive=True)
    if atom.name in ("floor", "ceil"):
        rounded = sympy.floor if atom.name == "floor" else sympy.ceiling
        return rounded(arguments[0] / arguments[1])
    return FUNCTIONS.get(atom.name, sympy.Function(atom.name))(*arguments)
