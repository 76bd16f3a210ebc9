"""Whole numbers and fractions in bulk, exact: in 64 bits where nothing can overflow, else Python's own.

Each array carries a number that none of its entries exceeds. From it follows, before anything is
added or multiplied, whether 64 bits hold the result.
"""

from __future__ import annotations

from collections.abc import Callable
from math import lcm
from typing import Any, NamedTuple, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]

WORD = 2**63  # what 64 bits do not hold any more


class Numbers(NamedTuple):
    """Whole numbers, an array or one for all points; none is larger than `most`, whatever its sign."""

    values: Any
    most: int

    def plus(self, other: Numbers) -> Numbers:
        return self._with(other, self.most + other.most, np.add)

    def minus(self, other: Numbers) -> Numbers:
        return self._with(other, self.most + other.most, np.subtract)

    def times(self, other: Numbers) -> Numbers:
        return self._with(other, self.most * other.most, np.multiply)

    def over(self, other: Numbers) -> Numbers:
        """The quotient rounded down, by numbers greater than 0."""
        return self._with(other, self.most, np.floor_divide)

    def _with(self, other: Numbers, most: int, apply: Callable[[Any, Any], Any]) -> Numbers:
        if isinstance(self.values, int) and isinstance(other.values, int):
            return number(int(apply(_object(self.values), _object(other.values))))
        if max(most, self.most, other.most) < WORD:
            return Numbers(apply(self.values, other.values), most)
        return measured(apply(_object(self.values), _object(other.values)))

    def at(self, places: Array) -> Numbers:
        """The entries at some places."""
        return Numbers(self.values.take(places), self.most)


def number(value: int) -> Numbers:
    """One number for all points."""
    return Numbers(value, abs(value))


def measured(values: Array) -> Numbers:
    """An array with what it reaches, in 64 bits where these hold it."""
    most = max(int(values.max()), -int(values.min())) if values.size else 0
    return Numbers(values.astype(np.int64) if most < WORD else values.astype(object), most)


def _object(values: Any) -> Array:
    return np.asarray(values, dtype=object)


class Ratio(NamedTuple):
    """Whole numbers over whole numbers, which are greater than 0."""

    above: Numbers
    below: Numbers

    def plus(self, other: Ratio) -> Ratio:
        mine, yours, below = _common(self.below, other.below)
        return Ratio(self.above.times(mine).plus(other.above.times(yours)), below)

    def times(self, other: Ratio) -> Ratio:
        return Ratio(self.above.times(other.above), self.below.times(other.below))

    def inverse(self) -> Ratio:
        """1 over this, which is greater than 0."""
        return Ratio(self.below, self.above)

    def floor(self) -> Numbers:
        return self.above if is_one(self.below) else self.above.over(self.below)

    def whole(self) -> Ratio:
        """The same, where it is known to be whole, without anything below."""
        return Ratio(self.floor(), ONE)


ONE = number(1)


def is_one(numbers: Numbers) -> bool:
    return isinstance(numbers.values, int) and numbers.values == 1


def fraction(above: int, below: int = 1) -> Ratio:
    return Ratio(number(above), number(below))


def _common(one: Numbers, two: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """What both must be multiplied by to be the same, and what they are then."""
    if isinstance(one.values, int) and isinstance(two.values, int):
        both = lcm(one.values, two.values)
        return number(both // one.values), number(both // two.values), number(both)
    return two, one, one.times(two)
