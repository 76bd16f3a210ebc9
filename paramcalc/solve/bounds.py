"""Constraints on the quantities of a network: `params <= 5e6`."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from paramcalc.base.errors import Fault, visible
from paramcalc.base.printed import without_units
from paramcalc.base.shape import Shape
from paramcalc.count.report import Counts, known_quantity
from paramcalc.language.expression import Expression, parse

EXPECTED = "such as params <= 5e6 or params <= 5M, with <= < >= > or =="
_COMPARISON = re.compile(r"<=|>=|==|!=|<|>")
UPPER = ("<=", "<")
_SIGNS: dict[type[ast.cmpop], tuple[str, ...]] = {
    ast.LtE: ("<=",),
    ast.Lt: ("<",),
    ast.GtE: (">=",),
    ast.Gt: (">",),
    ast.Eq: ("<=", ">="),
}
_TURNED = {"<=": ">=", "<": ">", ">=": "<=", ">": "<"}  # the same with its sides changed
_FAILED = {"<=": ">", "<": ">=", ">=": "<", ">": "<="}  # what holds where it does not


class Constraint(NamedTuple):
    """`left sign right`, expressions in the quantities of the whole network."""

    left: Expression
    sign: str
    right: Expression

    def __repr__(self) -> str:
        return f"<Constraint {visible(str(self))}>"

    def __str__(self) -> str:
        return f"{self.left.text} {self.sign} {self.right.text}"

    @property
    def failed(self) -> str:
        """The opposite constraint, which holds where this one is not met."""
        return f"{self.left.text} {_FAILED[self.sign]} {self.right.text}"

    @property
    def upper(self) -> bool:
        """Whether it keeps the left side down."""
        return self.sign in UPPER

    @property
    def quantities(self) -> list[str]:
        """The quantities that it is about, in order."""
        return list(dict.fromkeys([*self.left.names(), *self.right.names()]))

    def gap(self, counts: Counts) -> Any:
        """How far the left side is below the right one; a polynomial where the counts are."""
        return self.value(counts) - self.left.evaluate(_Quantities(counts))

    def value(self, counts: Counts) -> Any:
        """The right side, which the left one is compared with."""
        return self.right.evaluate(_Quantities(counts))

    def met(self, gap: Any) -> bool:
        """Whether a gap, a number, is as the constraint asks."""
        met = {"<=": gap >= 0, "<": gap > 0, ">=": gap <= 0, ">": gap < 0}
        return bool(met[self.sign])

    def holds(self, counts: Counts) -> bool:
        return self.met(self.gap(counts))


def bounds(text: str) -> tuple[Constraint, ...]:
    """The constraints in a text, quantities on the left; a chain of comparisons is several.

    Numbers may have units as in claims, each exactly what it says.

    >>> [str(bound) for bound in bounds("1e6 <= params < 5M")]
    ['params >= 1e6', 'params < 5M']
    """
    try:
        tree = parse(without_units(text)).tree
        written = _COMPARISON.split(text)
        sides = [parse(without_units(side))._replace(text=side.strip()) for side in written]
    except Fault as fault:
        raise Fault(f"'{text}' is not a constraint: {fault.fact}", expected=EXPECTED) from None
    if not isinstance(tree, ast.Compare) or not all(type(operator) in _SIGNS for operator in tree.ops):
        raise Fault(f"'{text}' is not a constraint", expected=EXPECTED)
    names = [known_quantity(name) for side in sides for name in side.names()]
    if not names or not all(_is_number(side) for side in sides):
        raise Fault(f"'{text}' does not compare numbers of the network", expected="such as params <= 5e6")
    return tuple(
        _bound(left, sign, right)
        for left, operator, right in zip(sides, tree.ops, sides[1:], strict=False)
        for sign in _SIGNS[type(operator)]
    )


def _bound(left: Expression, sign: str, right: Expression) -> Constraint:
    """A constraint: 5e6 >= params keeps params down, as params <= 5e6 does."""
    return Constraint(left, sign, right) if left.names() else Constraint(right, _TURNED[sign], left)


def wanted(bounds: Sequence[Constraint]) -> list[str]:
    """The constraints as they are written: two that leave one value are an equation.

    >>> wanted(bounds("params == 5e6") + bounds("macs < 1e9"))
    ['params == 5e6', 'macs < 1e9']
    """
    texts = list(dict.fromkeys(str(bound) for bound in bounds))
    for bound in bounds:
        below, above = (f"{bound.left.text} {sign} {bound.right.text}" for sign in ("<=", ">="))
        if below in texts and above in texts:
            texts[texts.index(below)] = f"{bound.left.text} == {bound.right.text}"
            texts.remove(above)
    return texts


def _is_number(side: Expression) -> bool:
    """Whether one side, whatever the counts, is a number."""
    value = side.evaluate(_Quantities(Counts(*range(2, 2 + len(Counts._fields)))))
    return not isinstance(value, bool | str | tuple)


class _Quantities(NamedTuple):
    """A scope in which the names of quantities are what was counted."""

    counts: Counts

    def value(self, name: str) -> Any:
        return getattr(self.counts, name)

    def tensor(self, name: str) -> Shape:
        raise Fault(f"'{name}' has no sizes here")
