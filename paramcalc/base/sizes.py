"""Arithmetic on sizes, which are whole numbers or symbols.

A rule uses `+ - * //` freely, and never tests a size with `if`: it asks `same`, `divides`,
`at_least`. For numbers the answer is immediate. For symbols a judge answers; where the symbols
alone do not decide, it settles the question at the point the user started from, and records the
assumption so that it can be shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from typing import Protocol, TypeAlias

Size: TypeAlias = int  # at run time a symbolic expression may stand here


class Judge(Protocol):
    """The interface that answers questions about symbols."""

    def zero(self, value: Size) -> bool: ...

    def nonneg(self, value: Size) -> bool: ...

    def divides(self, divisor: Size, number: Size) -> bool: ...

    def floor_divide(self, number: Size, divisor: Size) -> Size: ...

    def function(self, name: str, arguments: list[Size]) -> Size: ...


judge: ContextVar[Judge] = ContextVar("judge")


def same(one: Size, other: Size) -> bool:
    """Whether two sizes are equal."""
    if type(one) is int and type(other) is int:
        return one == other
    return judge.get().zero(one - other)


def at_least(size: Size, bound: Size) -> bool:
    """Whether `size >= bound`."""
    if type(size) is int and type(bound) is int:
        return size >= bound
    return judge.get().nonneg(size - bound)


def divides(divisor: Size, number: Size) -> bool:
    """Whether `number` is a whole multiple of `divisor`.

    >>> divides(32, 224), divides(3, 224)
    (True, False)
    """
    if type(divisor) is int and type(number) is int:
        return number % divisor == 0
    return judge.get().divides(divisor, number)


def floor_divide(number: Size, divisor: Size) -> Size:
    """`number // divisor`; exact, without a floor, where the symbols divide."""
    if type(number) is int and type(divisor) is int:
        return number // divisor
    return judge.get().floor_divide(number, divisor)


def ceil_divide(number: Size, divisor: Size) -> Size:
    """The least whole number not below `number / divisor`.

    >>> ceil_divide(7, 2)
    4
    """
    return floor_divide(number + divisor - 1, divisor)


def least(one: Size, other: Size) -> Size:
    """The smaller of two sizes; of symbols, `min` of both where they do not decide it.

    >>> least(4096, 2048)
    2048
    """
    if type(one) is int and type(other) is int:
        return min(one, other)
    return judge.get().function("min", [one, other])


def product(sizes: Iterable[Size]) -> Size:
    """All sizes multiplied; 1 for none."""
    result = 1
    for size in sizes:
        result = result * size
    return result


def total(sizes: Iterable[Size]) -> Size:
    """All sizes added; 0 for none."""
    result = 0
    for size in sizes:
        result = result + size
    return result


def window(size: Size, kernel: Size, stride: Size = 1, padding: Size = 0, dilation: Size = 1) -> Size:
    """Number of positions of a sliding window along one axis.

    `padding` is what both ends add together. Partial windows at the far end are dropped.

    >>> window(224, kernel=7, stride=2, padding=6)
    112
    """
    return floor_divide(size + padding - dilation * (kernel - 1) - 1, stride) + 1
