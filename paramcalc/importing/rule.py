"""The rules by which primitives are lowered: a function for each, and what all of them need."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from paramcalc.importing.lowering import Argument, Constant, Laid, Unknown
from paramcalc.importing.source import Primitive, SourceNode

Rule = Callable[..., Laid]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Says of a function which primitives it lowers."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def exact(number: Any) -> Any:
    """A number of a source as a spec writes it: 1e-05 is 1/100000, not the nearest binary fraction."""
    if isinstance(number, int):
        return number
    short = Fraction(repr(number))
    for digits in (6, 7, 8, 9):  # a number that went through float32 is the shortest that it can have been
        single = Fraction(f"{number:.{digits}g}")
        if abs(single - short) <= abs(short) * Fraction(1, 2**24):
            return single
    return short


def primitive(node: SourceNode) -> Primitive:
    assert isinstance(node.call, Primitive)
    return node.call


def name_of(node: SourceNode) -> str:
    return primitive(node).name


def attrs(node: SourceNode) -> Any:
    return primitive(node).attributes


def data(x: Argument) -> Laid:
    """A value that depends on an input."""
    if not isinstance(x, Laid):
        raise Unknown("it computes with constants only")
    return x


def stored(x: Argument) -> Constant:
    """A weight, or what is computed of weights alone."""
    if not isinstance(x, Constant):
        raise Unknown("its weight depends on an input")
    return x


def stored_name(x: Argument) -> str | None:
    return stored(x).value if x is not None else None
