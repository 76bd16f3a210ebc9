"""The Pareto front: points that no other is at least as good as in everything and better in something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from paramcalc.base.choice import known
from paramcalc.sweep.exact import Array


class Objective(NamedTuple):
    """A quantity or a setting to minimise or to maximise."""

    name: str
    more: bool

    def __str__(self) -> str:
        return f"{'most' if self.more else 'least'} {self.name}"


class Front(NamedTuple):
    """Rows and, for each objective, their values with the sign that makes less better; rows rise."""

    rows: Array
    values: tuple[Array, ...]

    def join_with(self, other: Front) -> Front:
        """The front of two fronts."""
        both = zip(self.values, other.values, strict=True)
        return front(np.concatenate([self.rows, other.rows]), [np.concatenate(pair) for pair in both])


def front(rows: Array, values: Sequence[Array]) -> Front:
    """The front of many points; of points that are equal in all objectives the first row.

    >>> front(np.arange(4), [np.array([1, 2, 2, 3]), np.array([5, 3, 4, 3])]).rows.tolist()
    [0, 1]
    """
    order = np.lexsort((rows, *values[::-1]))
    kept = np.sort(_of_two(order, values[1]) if len(values) == 2 else _of_many(order, values))
    return Front(rows[kept], tuple(value[kept] for value in values))


def _of_two(order: Array, second: Array) -> Array:
    """Of points sorted by two objectives, those whose second is less than all before."""
    sorted_second = second[order]
    kept: Array = order[np.append(True, sorted_second[1:] < np.minimum.accumulate(sorted_second)[:-1])]
    return kept


def _of_many(order: Array, values: Sequence[Array]) -> Array:
    """The first of sorted points is on the front; then the first that it does not make needless."""
    kept = []
    while order.size:
        kept.append(order[0])
        order = order[np.logical_or.reduce([value[order] < value[order[0]] for value in values])]
    return np.array(kept, dtype=np.int64)


def objectives(text: str, names: Sequence[str]) -> tuple[Objective, ...]:
    """Objectives with commas between; a plus says that more is better.

    >>> [str(objective) for objective in objectives("macs,+params", ["params", "macs"])]
    ['least macs', 'most params']
    """
    found = []
    for part in (part.strip() for part in text.split(",")):
        name = part.removeprefix("+")
        found.append(Objective(known(name, names, "objective"), part.startswith("+")))
    return tuple(found)
