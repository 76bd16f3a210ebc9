"""Whole numbers and fractions in bulk, exact: in 64 bits where nothing can overflow, else Python's own.

Each array carries a bound on its entries. From it follows, before anything is added or multiplied,
whether 64 bits hold the result.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import lcm
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]

WORD = 2**63  # the first number that 64 bits do not hold


@dataclass(frozen=True, slots=True)
class Whole:
    """Whole numbers, an array or one for all points; none is larger than `bound`, whatever its sign."""

    values: Any
    bound: int

    @property
    def is_one(self) -> bool:
        return isinstance(self.values, int) and self.values == 1

    def __add__(self, other: Whole) -> Whole:
        return self._with(other, self.bound + other.bound, operator.add)

    def __sub__(self, other: Whole) -> Whole:
        return self._with(other, self.bound + other.bound, operator.sub)

    def __mul__(self, other: Whole) -> Whole:
        if self.is_one or other.is_one:
            return self if other.is_one else other
        return self._with(other, self.bound * other.bound, operator.mul)

    def __floordiv__(self, other: Whole) -> Whole:
        """The quotient rounded down, by numbers greater than 0."""
        return self if other.is_one else self._with(other, self.bound, operator.floordiv)

    def _with(self, other: Whole, bound: int, apply: Callable[[Any, Any], Any]) -> Whole:
        if isinstance(self.values, int) and isinstance(other.values, int):
            return number(apply(self.values, other.values))
        if max(bound, self.bound, other.bound) < WORD:
            return Whole(apply(self.values, other.values), bound)
        return with_bound(
            apply(np.asarray(self.values, dtype=object), np.asarray(other.values, dtype=object))
        )

    def take(self, places: Array) -> Whole:
        """The entries at some places."""
        return Whole(self.values.take(places), self.bound)


def number(value: int) -> Whole:
    """One number for all points."""
    return Whole(value, abs(value))


def with_bound(values: Array) -> Whole:
    """An array with its bound, in 64 bits where these hold it."""
    bound = max(int(values.max()), -int(values.min())) if values.size else 0
    return Whole(values.astype(np.int64 if bound < WORD else object), bound)


def whole_numbers(values: Sequence[int]) -> Array:
    """Whole numbers as an array, without a list in between where they are a range."""
    if isinstance(values, range) and max(map(abs, (values.start, values.stop))) < WORD:
        return np.arange(values.start, values.stop, values.step, dtype=np.int64)
    return with_bound(np.array(values, dtype=object)).values  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Ratio:
    """Whole numbers over whole numbers, which are greater than 0."""

    above: Whole
    below: Whole

    def __add__(self, other: Ratio) -> Ratio:
        mine, yours, below = other.below, self.below, self.below * other.below
        if isinstance(mine.values, int) and isinstance(yours.values, int):
            both = lcm(mine.values, yours.values)
            mine, yours, below = number(both // yours.values), number(both // mine.values), number(both)
        return Ratio(self.above * mine + other.above * yours, below)

    def __sub__(self, other: Ratio) -> Ratio:
        return self + other * fraction(-1)

    def __mul__(self, other: Ratio) -> Ratio:
        return Ratio(self.above * other.above, self.below * other.below)

    def __truediv__(self, other: Ratio) -> Ratio:
        """By what is greater than 0."""
        return Ratio(self.above * other.below, self.below * other.above)

    def floor(self) -> Whole:
        return self.above // self.below


ONE = number(1)


def fraction(above: int, below: int = 1) -> Ratio:
    return Ratio(number(above), number(below))
