"""Conditions on bundled models: `list --where 'macs < 1G and params < 5M'`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from paramcalc.base.choice import known
from paramcalc.base.errors import Fault
from paramcalc.base.printed import without_units
from paramcalc.base.shape import Shape
from paramcalc.engine.index import Entry
from paramcalc.language.expression import Expression, parse

QUANTITIES = ("params", "macs", "flops", "year")
EXAMPLE = "such as macs < 1G and params < 5M, of params, macs, flops and year"


class _Names(NamedTuple):
    """A scope in which the names of quantities are those of one model."""

    entry: Entry

    def value(self, name: str) -> Any:
        known(name, QUANTITIES, "quantity")
        return 2 * self.entry.macs if name == "flops" else getattr(self.entry, name)

    def tensor(self, name: str) -> Shape:
        raise Fault(f"'{name}' has no sizes here")


def where(text: str, models: Iterable[Entry]) -> list[Entry]:
    """The models that meet a condition; models without a year meet no condition on the year.

    >>> from paramcalc.list.catalogue import bundled
    >>> [one.model for one in where("params < 100K and year == 1998", bundled())]
    ['lenet5-1998']
    """
    try:
        condition = parse(without_units(text))
        dated = "year" in condition.names()
        return [one for one in models if (one.year or not dated) and _meets(condition, one)]
    except Fault as fault:
        fact = f"--where: {fault.fact.replace(without_units(text), text)}"
        raise Fault(fact, expected=fault.expected or EXAMPLE, found=fault.found, fix=fault.fix) from None


def _meets(condition: Expression, entry: Entry) -> bool:
    value = condition.evaluate(_Names(entry))
    if not isinstance(value, bool):
        raise Fault("a condition is true or false", found=str(value))
    return value
