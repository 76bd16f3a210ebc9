"""The rows of a sweep: exact counts at the points that they mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from operator import and_
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from paramcalc.count.vary import Space
from paramcalc.sweep.exact import Array, whole_numbers
from paramcalc.sweep.forms import Form, Gate, SymbolValues, Tables
from paramcalc.sweep.order import Order
from paramcalc.symbolic.pieces import Pieces, SymbolColumn, words

LONGEST = 1 << 22  # values of an axis that are evaluated at once
BLOCK = 1 << 14  # points evaluated at once, so that what they need stays in the cache


Reasons: TypeAlias = Mapping[str, tuple[int, int]]  # by its words: how many points have it, and the first row


class RowBlock(NamedTuple):
    """Some rows that have a network: the place of each on every axis, and its counts by quantity.

    `reasons` says why the others have none.
    """

    rows: Array
    places: list[Array]
    counts: list[Array]
    reasons: Reasons


class Program(NamedTuple):
    """A piece ready for many points: where it holds, and its counts; `reason` where there is no network."""

    gates: list[Gate]
    forms: list[Form]
    reason: str


class Evaluator:
    """Counts at any rows of a sweep, from pieces that are found as they are met."""

    def __init__(self, space: Space, order: Order, quantities: Sequence[str]) -> None:
        self.space = space
        self.order = order
        self.quantities = tuple(quantities)
        self.pieces = Pieces(space)
        symbols = {one.symbol.letter: SymbolValues(one.axis, self._table(one)) for one in self.pieces.columns}
        self.tables = Tables(symbols, min(max(order.rows, BLOCK), LONGEST))
        self.programs: dict[int, list[Program]] = {}

    def blocks(self, begin: int, end: int) -> Iterator[RowBlock]:
        """The rows from `begin` up to `end`."""
        for start in range(begin, end, BLOCK):
            yield self.block(start, min(start + BLOCK, end))

    def block(self, begin: int, end: int) -> RowBlock:
        places = self.order.places(begin, end)
        size = end - begin
        reasons: Reasons = {}
        counts: list[Array] = [np.zeros(size, dtype=np.int64) for _ in self.quantities]
        there = np.zeros(size, dtype=bool)
        for chosen, program, values in self._parts(places, size):
            if program.reason:
                one = {words(program.reason): (chosen.size, begin + int(chosen[0]))}
                reasons = join_reasons(reasons, one)
                continue
            there[chosen] = True
            counts = [_put(*each, chosen) for each in zip(counts, values, strict=True)]
        rows = np.arange(begin, end, dtype=np.int64)
        if there.all():
            return RowBlock(rows, places, counts, reasons)
        return RowBlock(
            rows[there], [each[there] for each in places], [each[there] for each in counts], reasons
        )

    def _parts(self, places: list[Array], size: int) -> Iterator[tuple[Array, Program, list[Any]]]:
        """The points of a block with their counts, piece by piece."""
        for key, left in self._alike(places, size):
            known = self.programs.setdefault(key, [])
            number = 0
            while left.size:
                here = places if left.size == size else [place[left] for place in places]
                if number == len(known):
                    known.append(self._program([int(place[0]) for place in here]))
                program, inside = known[number], left
                held = np.asarray(reduce(and_, (gate(here) for gate in program.gates), True))
                if not held.all():
                    inside, here = left[held], [each[held] for each in here]
                if inside.size:
                    yield inside, program, [form(here).values for form in program.forms]
                left = left[~held] if inside.size < left.size else left[:0]
                number += 1

    def _alike(self, places: list[Array], size: int) -> Iterator[tuple[int, Array]]:
        """Points with the same values on the axes that cannot be symbols, together."""
        key = np.zeros(size, dtype=np.int64)
        for axis in self.pieces.solid:
            key = key * len(self.space.axes[axis].values) + places[axis]
        if (key == key[0]).all():
            yield int(key[0]), np.arange(size)
            return
        for one in np.unique(key).tolist():
            yield one, np.flatnonzero(key == one)

    def _program(self, places: Sequence[int]) -> Program:
        """The piece around a point, ready for many points."""
        piece = self.pieces.compiled(
            [axis.values[place] for axis, place in zip(self.space.axes, places, strict=True)]
        )
        gates = [gate for guard in piece.guards if (gate := self.tables.gate(guard)) is not None]
        wanted = () if piece.reason else self.quantities
        return Program(
            gates, [self.tables.form(getattr(piece.totals, name)) for name in wanted], piece.reason
        )

    def _table(self, column: SymbolColumn) -> Array:
        """The values of a symbol at all places of its axis."""
        values, symbol = self.space.axes[column.axis].values, column.symbol
        if isinstance(values, range):
            return (whole_numbers(values) - symbol.offset) // symbol.scale
        return whole_numbers([column.of(value) for value in values])


def join_reasons(one: Reasons, two: Reasons) -> Reasons:
    """The reasons of two sets of rows, in the order of their first rows."""
    result = dict(one)
    for text, (points, row) in two.items():
        known, first = result.get(text, (0, row))
        result[text] = known + points, min(first, row)
    return dict(sorted(result.items(), key=lambda item: item[1][1]))


def _put(counts: Array, values: Any, chosen: Array) -> Array:
    """Counts with values, or one for all, at chosen points."""
    if isinstance(values, np.ndarray) and chosen.size == counts.size:
        return values
    if np.asarray(values).dtype == object or not np.can_cast(np.asarray(values).dtype, np.int64):
        counts = counts.astype(object)
    counts[chosen] = values
    return counts
