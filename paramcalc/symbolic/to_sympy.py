"""Formulas as sympy's expressions, to go on with or to be printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy  # type: ignore[import-untyped]

from paramcalc.symbolic.notation import latex_symbol, left_out, readable
from paramcalc.symbolic.terms import GROUP, Atom, Sum, Value


def expression(value: Value) -> Any:
    """The same value in sympy's positive whole symbols.

    `divisible` and `round` become functions without a rule; floors are sympy's own.
    """
    return _expression(value, {})


def _expression(value: Value, known: dict[Atom, Any]) -> Any:
    if not isinstance(value, Sum):
        return sympy.Rational(value.numerator, value.denominator)
    return sympy.Add(
        *(
            sympy.Mul(
                sympy.Rational(coefficient.numerator, coefficient.denominator),
                *(_atom(atom, known) ** power for atom, power in monomial),
            )
            for monomial, coefficient in value.terms.items()
        )
    )


def _atom(atom: Atom, known: dict[Atom, Any]) -> Any:
    """An atom as it stands: what sympy could make simpler of it takes long to find, and is simple already."""
    if atom in known:
        return known[atom]
    arguments = [_expression(argument, known) for argument in atom.arguments]
    if not arguments:
        known[atom] = sympy.Symbol(atom.name, integer=True, positive=True)
    elif atom.name == GROUP:
        known[atom] = arguments[0]
    elif atom.name in ("floor", "ceil"):
        above, below = arguments
        inside = above if below == 1 else sympy.Mul(above, sympy.Pow(below, -1), evaluate=False)
        known[atom] = (sympy.floor if atom.name == "floor" else sympy.ceiling)(inside, evaluate=False)
    elif atom.name in ("max", "min"):
        known[atom] = (sympy.Max if atom.name == "max" else sympy.Min)(*arguments, evaluate=False)
    else:
        known[atom] = sympy.Function(atom.name)(*arguments)
    return known[atom]


def latex(value: Value, leading: Sequence[str] = ()) -> str:
    """A value as LaTeX; the powers of leading symbols are taken out of what they multiply.

    >>> from paramcalc.symbolic.polynomial import symbol
    >>> print(latex(symbol("h") ** 2 * symbol("n2") + symbol("h") ** 2, ["h"]))
    h^{2} \\left(n_{2} + 1\\right)
    """
    if not readable(value):
        return rf"\text{{{left_out(value)}}}"
    found = expression(value)
    names = {str(symbol): symbol for symbol in found.free_symbols}
    first = next((names[name] for name in leading if name in names), None)
    shown = found if first is None else sympy.collect(found, first)
    return str(
        sympy.latex(shown, symbol_names={symbol: latex_symbol(str(symbol)) for symbol in names.values()})
    )
