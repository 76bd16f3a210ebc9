"""A summary of the rows of one or several parts: their number, their extremes, their Pareto front."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from paramcalc.sweep.evaluate import Reasons, RowBlock, join_reasons
from paramcalc.sweep.exact import Array, whole_numbers
from paramcalc.sweep.front import Front, front

Extremes: TypeAlias = Mapping[str, tuple[int, int]]  # by quantity a value, and the first row that has it
NONE: Extremes = {}


class Summary(NamedTuple):
    """By default, of no rows."""

    rows: int = 0
    reasons: Reasons = NONE
    least: Extremes = NONE
    most: Extremes = NONE
    front: Front | None = None

    @staticmethod
    def of(block: RowBlock, names: Sequence[str], goals: Sequence[Array]) -> Summary:
        """The summary of a block, from its quantities' names and the values of its objectives, less being better."""
        if not block.rows.size:
            return Summary(reasons=block.reasons)
        least, most = {}, {}
        for name, values in zip(names, block.counts, strict=True):
            low, high = int(values.argmin()), int(values.argmax())
            least[name] = int(values[low]), int(block.rows[low])
            most[name] = int(values[high]), int(block.rows[high])
        best = front(block.rows, goals) if goals else None
        return Summary(block.rows.size, block.reasons, least, most, best)

    def join_with(self, other: Summary) -> Summary:
        """The summary of two sets of rows together."""
        fronts = [each for each in (self.front, other.front) if each is not None]
        return Summary(
            self.rows + other.rows,
            join_reasons(self.reasons, other.reasons),
            _better(self.least, other.least, lambda pair: pair),
            _better(self.most, other.most, lambda pair: (-pair[0], pair[1])),
            fronts[0].join_with(fronts[1]) if len(fronts) == 2 else fronts[0] if fronts else None,
        )

    def document(self) -> dict[str, Any]:
        """The summary as JSON."""
        arrays = () if self.front is None else (self.front.rows, *self.front.values)
        return self._asdict() | {"front": [each.tolist() for each in arrays]}

    @staticmethod
    def read(document: Mapping[str, Any]) -> Summary:
        """The summary from its JSON."""
        pairs = (document[name].items() for name in ("reasons", "least", "most"))
        reasons, least, most = ({name: (one, two) for name, (one, two) in each} for each in pairs)
        arrays = [whole_numbers(each) for each in document["front"]]
        found = Front(arrays[0], tuple(arrays[1:])) if arrays else None
        return Summary(document["rows"], reasons, least, most, found)


def _better(one: Extremes, two: Extremes, key: Callable[[tuple[int, int]], Any]) -> Extremes:
    """For each quantity the better of two values; of equal ones the first row."""
    names = dict.fromkeys([*one, *two])
    return {name: min((each[name] for each in (one, two) if name in each), key=key) for name in names}
