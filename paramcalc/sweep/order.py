"""Which point of a grid each row is: all of them in order, or a random sample without repetition.

A row's point follows from its number alone, so any part of a sweep can be computed anywhere, again,
and in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt, prod
from typing import NamedTuple

import numpy as np

from paramcalc.base.errors import Fault
from paramcalc.sweep.exact import Array

LARGEST = 2**62  # points of a grid: their numbers are 64-bit integers
ROUNDS = 6  # of the shuffle
MASK = 2**64 - 1


class Order(NamedTuple):
    """The rows of a sweep over a grid with `lengths` values on its axes; the last axis runs fastest.

    With `sample`, so many different points of the grid in random order, which the seed decides.
    """

    lengths: tuple[int, ...]
    sample: int | None = None
    seed: int = 0

    @property
    def points(self) -> int:
        """Points of the grid."""
        return prod(self.lengths)

    @property
    def rows(self) -> int:
        """Rows of the sweep."""
        return self.points if self.sample is None else self.sample

    def check(self) -> None:
        """A `Fault` where the grid is too large, or too small for the sample."""
        if self.points > LARGEST:
            raise Fault(f"the grid has {self.points:,} points", expected=f"at most {LARGEST:,}")
        if self.sample is not None and not 1 <= self.sample <= self.points:
            raise Fault(f"a sample of {self.sample:,} different points from a grid of {self.points:,}")

    def places(self, begin: int, end: int) -> list[Array]:
        """For the rows from `begin` up to `end`, the place on each axis."""
        numbers = np.arange(begin, end, dtype=np.int64)
        if self.sample is not None:
            numbers = shuffle(numbers, self.points, self.seed)
        places = []
        for length in self.lengths[:0:-1]:
            above = numbers // length  # by a number, which is four times as fast as with the remainder
            places.append(numbers - above * length)
            numbers = above
        return [numbers, *places[::-1]] if self.lengths else []

    def place(self, row: int) -> tuple[int, ...]:
        """The place of one row on each axis."""
        return tuple(int(each[0]) for each in self.places(row, row + 1))


def shuffle(numbers: Array, size: int, seed: int) -> Array:
    """Numbers below `size` carried to others below it, each to one of its own.

    A Feistel network permutes the cells of the smallest near-square of at least `size` cells; what
    leaves the range goes through it again until it is back.

    >>> sorted(shuffle(np.arange(10), 10, seed=3).tolist()) == list(range(10))
    True
    """
    width = isqrt(size - 1) + 1
    height = -(-size // width)
    keys = [_scramble(seed * ROUNDS + turn) for turn in range(ROUNDS)]
    result = _permute(numbers.astype(np.uint64), height, width, keys)
    outside = np.flatnonzero(result >= size)
    while outside.size:
        result[outside] = _permute(result[outside], height, width, keys)
        outside = outside[result[outside] >= size]
    return result.astype(np.int64)


def _permute(numbers: Array, height: int, width: int, keys: Sequence[int]) -> Array:
    """Row and column of each cell, moved round in turn by what the other says."""
    row, column = np.divmod(numbers, np.uint64(width))
    for turn, key in enumerate(keys):
        if turn % 2:
            column = _move(column, row, width, key)
        else:
            row = _move(row, column, height, key)
    return row * np.uint64(width) + column


def _move(place: Array, by: Array, size: int, key: int) -> Array:
    """Places below `size`, rotated by an amount that depends on another number and a key."""
    bits = (by + np.uint64(key)) * np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(32)
    bits *= np.uint64(0x94D049BB133111EB)
    bits >>= np.uint64(32)
    bits *= np.uint64(size)
    bits >>= np.uint64(32)  # of 32 random bits, the share of `size` that they are
    bits += place
    return np.where(bits >= size, bits - np.uint64(size), bits)


def _scramble(number: int) -> int:
    """64 bits that each depend on all bits of the number: SplitMix64.

    Source: Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014.
    """
    bits = number * 0x9E3779B97F4A7C15 & MASK
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9 & MASK
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EB & MASK
    return bits ^ bits >> 31
