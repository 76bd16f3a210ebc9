"""The rows of a sweep: exact counts at the points that they mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from paramcalc.count.vary import Space
from paramcalc.sweep.bulk import Program, Table, Tables, program
from paramcalc.sweep.exact import Array
from paramcalc.sweep.order import Order, numbered
from paramcalc.symbolic.pieces import Column, Pieces

LONGEST = 1 << 22  # values of an axis that are evaluated at once
BLOCK = 1 << 14  # points evaluated at once, so that what they need stays in the cache


class Block(NamedTuple):
    """Some rows that have a network: the place of each on every axis, and its counts by quantity.

    `reasons` says why the others have none, and how many.
    """

    rows: Array
    places: list[Array]
    counts: list[Array]
    reasons: Counter[str]


class _Part(NamedTuple):
    """Counts of the points with some numbers within a block."""

    points: Array
    counts: list[Any]


class Evaluator:
    """Counts at any rows of a sweep, from pieces that are found as they are met."""

    def __init__(self, space: Space, order: Order, quantities: Sequence[str]) -> None:
        self.space = space
        self.order = order
        self.quantities = tuple(quantities)
        self.pieces = Pieces(space)
        columns = self.pieces.columns
        symbols = {one.symbol.letter: Table(one.axis, self._table(one)) for one in columns}
        self.tables = Tables(symbols, min(max(order.rows, BLOCK), LONGEST))
        self.programs: dict[int, list[Program]] = {}

    def blocks(self, begin: int, end: int) -> Iterator[Block]:
        """The rows from `begin` up to `end`."""
        for start in range(begin, end, BLOCK):
            yield self.block(start, min(start + BLOCK, end))

    def block(self, begin: int, end: int) -> Block:
        places = self.order.places(begin, end)
        rows = np.arange(begin, end, dtype=np.int64)
        reasons: Counter[str] = Counter()
        parts = list(self._parts(places, end - begin, reasons))
        if len(parts) == 1 and parts[0].points.size == rows.size:
            return Block(rows, places, [_spread(each, rows.size) for each in parts[0].counts], reasons)
        kept = np.sort(np.concatenate([part.points for part in parts])) if parts else rows[:0]
        counts = [
            _joined(parts, number, rows.size)[kept] for number in range(len(self.quantities) if parts else 0)
        ] or [rows[:0]] * len(self.quantities)
        return Block(rows[kept], [place[kept] for place in places], counts, reasons)

    def _parts(self, places: list[Array], points: int, reasons: Counter[str]) -> Iterator[_Part]:
        """The counts of a block piece by piece; points without a network are counted by their reason."""
        for key, chosen in self._keys(places, points):
            known = self.programs.setdefault(key, [])
            left, number = chosen, 0
            while left.size:
                here = places if left.size == points else [place[left] for place in places]
                if number == len(known):
                    known.append(self._program([int(place[0]) for place in here]))
                piece = known[number]
                held = piece.holds(here, left.size)
                if held is not None:
                    here = [place[held] for place in here]
                inside = left if held is None else left[held]
                if piece.reason:
                    reasons[piece.reason] += inside.size
                elif inside.size:
                    yield _Part(inside, [form.at(here).values for form in piece.forms])
                left = left[:0] if held is None else left[~held]
                number += 1

    def _keys(self, places: list[Array], points: int) -> Iterator[tuple[int, Array]]:
        """Points with the same values on the axes that cannot be symbols, together."""
        everything = np.arange(points)
        solid = [(places[axis], len(self.space.axes[axis].values)) for axis in self.pieces.solid]
        key = np.zeros(points, dtype=np.int64)
        for place, length in solid:
            key = key * length + place
        first = int(key[0])
        if not solid or (key == first).all():
            yield first, everything
            return
        for one in np.unique(key).tolist():
            yield one, np.flatnonzero(key == one)

    def _program(self, places: Sequence[int]) -> Program:
        """The piece around a point, ready for many points."""
        values = [axis.values[place] for axis, place in zip(self.space.axes, places, strict=True)]
        return program(self.pieces.compiled(values), self.tables, self.quantities)

    def _table(self, column: Column) -> Array:
        """The values of a symbol at all places of its axis."""
        values = self.space.axes[column.axis].values
        if isinstance(values, range):
            return (numbered(values) - column.symbol.offset) // column.symbol.scale
        return numbered([column.of(value) for value in values])


def _spread(values: Any, points: int) -> Array:
    """As many values as points, where one stands for all."""
    if isinstance(values, np.ndarray):
        return values
    return np.full(points, values, dtype=np.int64 if abs(values) < 2**63 else object)


def _joined(parts: list[_Part], number: int, points: int) -> Array:
    """One quantity at the points of all parts."""
    wide = any(_spread(part.counts[number], 1).dtype == object for part in parts)
    result: Array = np.zeros(points, dtype=object if wide else np.int64)
    for part in parts:
        result[part.points] = part.counts[number]
    return result
