"""Which positions of an input axis an output position reads.

For one op that is its rule; composed over a network it is the receptive field. Sizes are numbers
here, never symbols. Positions count from 0; those outside the input are padding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from math import gcd, lcm
from typing import TYPE_CHECKING, NamedTuple

from paramcalc.base.errors import Fault

if TYPE_CHECKING:
    from fractions import Fraction

LONGEST_REPEAT = 64  # a table of single positions is shortened when it repeats within so many
MOST_POSITIONS = 1_000_000


class Steps(NamedTuple):
    """A sequence of positions that repeats, each time moved on by `advance`.

    With a `length` it ends: what is before or after has the value of the first or the last position.

    >>> [Steps((0, 0), 1).at(position) for position in range(-1, 4)]
    [-1, 0, 0, 1, 1]
    >>> [Steps((0,), 5, length=3).at(position) for position in range(-1, 4)]
    [0, 0, 5, 10, 10]
    """

    values: tuple[int, ...]
    advance: int
    length: int = 0

    def at(self, position: int) -> int:
        """The value at any position, also before 0."""
        if self.length:
            position = min(max(position, 0), self.length - 1)
        rounds, place = divmod(position, len(self.values))
        return self.values[place] + rounds * self.advance

    @property
    def pace(self) -> Fraction:
        """How far it advances from one position to the next, on average."""
        from fractions import Fraction  # as long to import as a small network to count

        return Fraction(self.advance, len(self.values))

    def keeps_up(self, other: Steps) -> bool:
        """Whether two sequences advance equally far on average."""
        return self.advance * len(other.values) == other.advance * len(self.values)

    @property
    def rising(self) -> bool:
        """Whether no value is below the one before it."""
        if len(self.values) == 1:
            return self.advance >= 0 or self.length == 1
        ended = 0 < self.length <= len(self.values)
        values = self.values if ended else (*self.values, self.values[0] + self.advance)
        return all(one <= two for one, two in pairwise(values))

    @property
    def even(self) -> bool:
        """Whether each value is as far from the one before it as it advances on average."""
        steps = min(len(self.values), self.length - 1) if self.length else len(self.values)
        return all(self.at(place + 1) - self.at(place) == self.pace for place in range(steps))

    def minimum(self, begin: int, end: int) -> int:
        """The least value from position `begin` to `end`, both included."""
        return self.at(begin) if self.rising else min(map(self.at, self._outer(begin, end)))

    def maximum(self, begin: int, end: int) -> int:
        """The greatest value from position `begin` to `end`, both included."""
        return self.at(end) if self.rising else max(map(self.at, self._outer(begin, end)))

    def _outer(self, begin: int, end: int) -> Iterator[int]:
        """The positions of the first and the last round within a range; no other is further out."""
        rounds = self.length or len(self.values)
        yield from range(begin, min(begin + rounds, end + 1))
        yield from range(max(end - rounds, begin), end + 1)


class Reach(NamedTuple):
    """The positions `first` to `last` of an input axis that each position of the output's `axis` reads.

    Without an `axis` every output position reads the same. Where `last` is before `first`, nothing is
    read. `step` is from one position that is read to the next, more than 1 with dilation. `edges` says
    what lies outside the input: `zeros`, or copies of it by `reflect`, `replicate` or `circular`.
    """

    axis: str
    first: Steps
    last: Steps
    step: int = 1
    edges: str = "zeros"

    def over(self, begin: int, end: int) -> tuple[int, int]:
        """What the output positions `begin` to `end` read together, as the outermost positions."""
        return self.first.minimum(begin, end), self.last.maximum(begin, end)

    def real(self, begin: int, end: int, size: int) -> tuple[int, int] | None:
        """The same within an input of that size; None if only padding is read, or nothing."""
        if self.step == 1:
            parts = _real(*self.over(begin, end), size, self.edges)
        else:
            each = (self.over(place, place) for place in range(begin, end + 1))
            parts = [
                part for first, last in each for part in _dilated(first, last, self.step, size, self.edges)
            ]
        return (min(first for first, _ in parts), max(last for _, last in parts)) if parts else None


def _real(first: int, last: int, size: int, edges: str) -> list[tuple[int, int]]:
    """The real positions at `first` to `last`, themselves or as copies."""
    parts = [(max(first, 0), min(last, size - 1))]
    if edges != "zeros":
        parts += [_copied(edges, first, min(last, -1), size), _copied(edges, max(first, size), last, size)]
    return [(one, two) for one, two in parts if one <= two]


def _dilated(first: int, last: int, step: int, size: int, edges: str) -> list[tuple[int, int]]:
    """The real positions at every `step`-th of `first` to `last`."""
    low = first + -(min(first, 0) // step) * step
    high = last - -(min(size - 1 - last, 0) // step) * step
    parts = [(low, high)] if low <= high else []
    if edges != "zeros":
        outside = (
            *range(first, min(last + 1, 0), step),
            *range(low + -(min(low - size, 0) // step) * step, last + 1, step),
        )
        parts += [part for tap in outside for part in _real(tap, tap, size, edges)]
    return parts


def _copied(edges: str, begin: int, end: int, size: int) -> tuple[int, int]:
    """The real positions whose copies are at `begin` to `end`, all before or all after the input."""
    if begin > end:
        return begin, end
    if edges == "replicate":
        return (0, 0) if end < 0 else (size - 1, size - 1)
    if edges == "circular":
        return begin % size, end % size
    return (-end, -begin) if end < 0 else (2 * (size - 1) - end, 2 * (size - 1) - begin)


def alike(axis: str) -> Reach:
    """Each output position reads the input position of its own number."""
    return shifted(axis, 0)


def shifted(axis: str, by: int, edges: str = "zeros") -> Reach:
    """Output position `o` reads input position `o + by`."""
    return sliding(axis, by, 1, 1, edges=edges)


def sliding(axis: str, start: int, span: int, stride: int, step: int = 1, edges: str = "zeros") -> Reach:
    """Output position `o` reads within `span` positions from `start + o * stride` on."""
    return Reach(axis, Steps((start,), stride), Steps((start + span - 1,), stride), step, edges)


def whole(size: int) -> Reach:
    """Every output position reads all of the axis."""
    return _fixed(0, size - 1)


def repeating(
    axis: str,
    period: int,
    advance: int,
    read: Callable[[int], tuple[int, int]],
    step: int = 1,
    length: int = 0,
) -> Reach:
    """What `read` says of the first `period` output positions; each further round is `advance` on.

    With a `length` there is nothing beyond so many positions, however far the input goes on.

    >>> repeating("length", 2, 1, lambda place: (place // 2, place // 2)).over(3, 5)
    (1, 2)
    """
    if period > MOST_POSITIONS:
        raise Fault(
            f"what positions read repeats only after {period:,} of them",
            expected=f"at most {MOST_POSITIONS:,}",
        )
    pairs = [read(place) for place in range(period)]
    first, last = (Steps(tuple(values), advance, length) for values in zip(*pairs, strict=True))
    return Reach(axis, _shortest(first), _shortest(last), step)


def stretched(axis: str, numerator: int, denominator: int, offset: int = 0, between: bool = False) -> Reach:
    """Output position `o` reads at (numerator*o + offset) / denominator, rounded down.

    `between` reads the whole positions on both sides instead, as interpolation does.
    """
    divisor = gcd(numerator, denominator) or 1

    def read(place: int) -> tuple[int, int]:
        at = numerator * place + offset
        return at // denominator, -(-at // denominator) if between else at // denominator

    return repeating(axis, denominator // divisor, numerator // divisor, read)


def through(reach: Reach, below: Reach, length: int) -> Reach:
    """The reach of an op composed with the reach of its input, for `length` output positions."""
    if not below.axis:
        return below
    if not reach.axis:
        return _fixed(*below.over(*reach.over(0, 0)))
    first = _through(reach, reach.first, below.first, below.first.minimum, length)
    last = _through(reach, reach.last, below.last, below.last.maximum, length)
    return Reach(reach.axis if _moves(first) or _moves(last) else "", first, last)


def _moves(end: Steps) -> bool:
    return len(end.values) > 1 or end.advance != 0


def _through(
    reach: Reach, own: Steps, below: Steps, outermost: Callable[[int, int], int], length: int
) -> Steps:
    """One end of `through`. A rising end follows from the same end of the reach alone."""

    def end(place: int) -> int:
        return outermost(reach.first.at(place), reach.last.at(place))

    if own.length or below.length:
        return _ended([end(place) for place in range(length)], own.pace * below.pace)
    if below.rising:
        period, advance = len(own.values), own.advance
    elif reach.first.keeps_up(reach.last):
        period = lcm(len(reach.first.values), len(reach.last.values))
        advance = own.advance * period // len(own.values)
    else:
        return _tabled([end(place) for place in range(length)])
    rounds = len(below.values) // gcd(advance, len(below.values))  # until both repeat together
    if period * rounds > max(length, LONGEST_REPEAT):
        return _tabled([end(place) for place in range(length)])
    values = tuple(end(place) for place in range(period * rounds))
    return _shortest(Steps(values, advance * rounds // len(below.values) * below.advance))


def joined(reaches: list[Reach], sizes: Mapping[str, int]) -> Reach:
    """The outermost positions of several reaches of one output, whose axes have these sizes."""
    if len({reach.axis for reach in reaches if reach.axis}) > 1:
        reaches = [_fixed(*reach.over(0, sizes.get(reach.axis, 1) - 1)) for reach in reaches]
    axis = max(reach.axis for reach in reaches)
    length = sizes.get(axis, 1)
    first = _joined([reach.first for reach in reaches], min, Steps.minimum, length)
    last = _joined([reach.last for reach in reaches], max, Steps.maximum, length)
    return Reach(axis if _moves(first) or _moves(last) else "", first, last)


def _joined(
    ends: list[Steps],
    choose: Callable[[Iterable[int]], int],
    outermost: Callable[[Steps, int, int], int],
    length: int,
) -> Steps:
    """The outermost of several ends at each position."""
    paces = {end.pace for end in ends}
    if any(end.length for end in ends):
        table = [choose(end.at(place) for end in ends) for place in range(length)]
        return _ended(table, paces.pop() if len(paces) == 1 else None)
    if len(paces) == 1:
        period = lcm(*(len(end.values) for end in ends))
        if period > max(length, LONGEST_REPEAT):
            return _tabled([choose(end.at(place) for end in ends) for place in range(length)])
        values = tuple(choose(end.at(place) for end in ends) for place in range(period))
        return _shortest(Steps(values, ends[0].advance * period // len(ends[0].values)))
    extremes = [outermost(end, 0, length - 1) for end in ends]
    for end, extreme in zip(ends, extremes, strict=True):
        if len(end.values) == 1 and not end.advance and extreme == choose(extremes):
            return end
    return _tabled([choose(end.at(place) for end in ends) for place in range(length)])


def tabled(axis: str, spans: list[tuple[int, int]]) -> Reach:
    """A reach given by what each position of the output reads."""
    return Reach(axis, _tabled([first for first, _ in spans]), _tabled([last for _, last in spans]))


def _tabled(values: list[int]) -> Steps:
    """A sequence known for all positions that there are, shortened where it repeats."""
    for period in range(1, min(LONGEST_REPEAT, len(values) - 1) + 1):
        advance = values[period] - values[0]
        if all(two - one == advance for one, two in zip(values, values[period:], strict=False)):
            return Steps(tuple(values[:period]), advance)
    return Steps(tuple(values), values[-1] - values[0])


def _ended(values: list[int], pace: Fraction | None) -> Steps:
    """A sequence that ends with the positions that there are, and its pace, or None for that from end to end."""
    if len(set(values)) == 1:
        return Steps((values[0],), 0)
    length, advance = len(values), values[-1] - values[0]
    if pace is not None and pace.denominator <= 4 * length:
        rest = -length % pace.denominator  # positions that there are not, for an advance that is whole
        values = [*values, *values[-1:] * rest]
        advance = (pace * len(values)).numerator
    return _shortest(Steps(tuple(values), advance, length))


def _shortest(steps: Steps) -> Steps:
    """The same sequence with the fewest values."""
    values = steps.values
    for period in range(1, len(values)):
        if len(values) % period == 0 and steps.advance * period % len(values) == 0:
            advance = steps.advance * period // len(values)
            if all(two - one == advance for one, two in zip(values, values[period:], strict=False)):
                return Steps(values[:period], advance, steps.length)
    return steps


def _fixed(first: int, last: int) -> Reach:
    return Reach("", Steps((first,), 0), Steps((last,), 0))
