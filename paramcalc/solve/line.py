"""Along one setting: where constraints are met.

By bisection where the closed form is proved to rise or fall with the setting, and to hold from the
first value on; else by trying every value in turn. Both are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from paramcalc.base.errors import Fault
from paramcalc.count.report import Counts
from paramcalc.solve.bounds import Constraint
from paramcalc.solve.monotone import falls, rises
from paramcalc.symbolic import Assumption, evaluate
from paramcalc.symbolic.facts import Facts
from paramcalc.symbolic.pieces import Piece, Pieces
from paramcalc.symbolic.polynomial import Polynomial

OPEN = 10**12  # where a setting without an upper end stops
FARTHEST = 1_000  # values looked at for the next one with a network
FIRST_TRIED = 64  # values tried at first where there is no upper end; then twice as many, and so on
MOST_TRIED = 20_000
MOST_PIECES = 500  # networks elaborated along one line

UP, DOWN, LEVEL = 1, -1, 0


class Run(NamedTuple):
    """Places of an axis, both included, between which every network there is meets the constraints."""

    first: int
    last: int


class LineAnswer(NamedTuple):
    """Where the constraints are met along an axis, and how that is known.

    `open` says that they still are at the last value that could be looked at. `tried` values were
    looked at one by one; `missing` have no network, the one at `gap` for the `reason` given. Without values
    tried, the closed form of a `piece` decided, which speaks of all values after the missing ones; then
    `edges` are the places at which a single constraint begins or stops to be met.
    """

    runs: tuple[Run, ...]
    open: bool
    tried: int = 0
    missing: int = 0
    gap: int = 0
    reason: str = ""
    piece: Piece | None = None
    edges: tuple[int, ...] = ()


class Walk:
    """Points of a space along one of its axes."""

    def __init__(self, pieces: Pieces, values: Sequence[Any], place: int) -> None:
        self.pieces = pieces
        self.given = tuple(values)
        self.place = place
        self.axis = pieces.space.axes[place]
        self.column = next((column for column in pieces.columns if column.axis == place), None)

    def __len__(self) -> int:
        return len(self.axis.values)

    @property
    def open(self) -> bool:
        """Whether the axis has no upper end."""
        return isinstance(self.axis.values, range) and self.axis.values.stop > OPEN

    def values(self, number: int) -> tuple[Any, ...]:
        """The point at a place of the axis."""
        return (*self.given[: self.place], self.axis.values[number], *self.given[self.place + 1 :])

    def piece(self, number: int) -> Piece:
        return self.pieces.at(self.values(number))

    def counts(self, number: int) -> Counts | None:
        """The counts at a place, or None where there is no network."""
        values = self.values(number)
        piece = self.pieces.at(values)
        return None if piece.reason else piece.counts(self.pieces.letters(values))

    def first(self) -> int | None:
        """The first place that has a network, if it is not far."""
        near = range(min(len(self), FARTHEST))
        return next((number for number in near if not self.piece(number).reason), None)

    def letter(self, number: int) -> dict[str, int]:
        """The value of the axis' own symbol at a place."""
        column = self.column
        return {column.symbol.letter: column.of(self.axis.values[number])} if column else {}

    def alone(self, value: Any) -> Any:
        """A polynomial with numbers for all symbols but the axis' own."""
        mine = self.column.symbol.letter if self.column else ""
        others = {name: number for name, number in self.pieces.letters(self.given).items() if name != mine}
        return value.replaced(others) if isinstance(value, Polynomial) else value


def along(walk: Walk, bounds: Iterable[Constraint]) -> LineAnswer:
    """Where all constraints are met."""
    bounds = tuple(bounds)
    return _by_formula(walk, bounds) or _by_trying(walk, bounds)


class Near(NamedTuple):
    """A place where a number of constraints is missed, by shares of their right sides that add up to `amount`.

    `above`: the left side of the first that is missed is too large there.
    """

    above: bool
    missed: int
    amount: Fraction
    number: int


def nearest(walk: Walk, line: LineAnswer, bounds: Iterable[Constraint]) -> list[Near]:
    """The places nearest to meeting the constraints, below and above, where none meets them."""
    bounds = tuple(bounds)
    numbers = range(line.tried) if line.piece is None else line.edges
    missed = (_missed(walk, number, bounds) for number in numbers if not walk.open or number < len(walk) - 1)
    found: dict[bool, Near] = {}
    for near in filter(None, missed):
        if near.above not in found or near < found[near.above]:
            found[near.above] = near
    return list(found.values())


def _missed(walk: Walk, number: int, bounds: tuple[Constraint, ...]) -> Near | None:
    """By how much the constraints are missed at a place; None where there is no network."""
    counts = walk.counts(number)
    if counts is None:
        return None
    gaps = [(bound, Fraction(bound.gap(counts))) for bound in bounds if not bound.holds(counts)]
    shares = [abs(gap) / (abs(Fraction(bound.value(counts))) or 1) for bound, gap in gaps]
    return Near(bool(gaps) and gaps[0][0].upper, len(gaps), sum(shares, Fraction(0)), number)


def direction(walk: Walk, value: Any) -> int | None:
    """Whether a closed form, in the axis' own symbol, is proved to rise, fall or stay; None if neither."""
    value = walk.alone(value)
    if not isinstance(value, Polynomial) or walk.column is None:
        return LEVEL
    facts = Facts([walk.column.symbol])
    return UP if rises(value, facts) else DOWN if falls(value, facts) else None


# --------------------------------------------------------------------------------- by closed form


def _by_formula(walk: Walk, bounds: tuple[Constraint, ...]) -> LineAnswer | None:
    """The one run where the closed form of the first network holds for all that follow and is monotone."""
    start = walk.first()
    piece = walk.piece(start or 0)
    if start is None or walk.column is None or not all(_stays(walk, start, guard) for guard in piece.guards):
        return None
    end = len(walk) - 1
    first, last, edges = start, end, [start]
    for bound in bounds:
        gap = _gap(walk, bound, piece)
        way = None if gap is None else direction(walk, gap)
        if way is None:
            return None
        begin, stop = _met_between(walk, start, bound, gap, way)
        first, last = max(first, begin), min(last, stop)
        edges += [min(begin, end), stop]
    runs = (Run(first, last),) if first <= last else ()
    reason = walk.piece(0).reason
    return LineAnswer(runs, bool(runs) and last == end, 0, start, 0, reason, piece, tuple(edges))


def _gap(walk: Walk, bound: Constraint, piece: Piece) -> Any:
    """A constraint's gap in the axis' own symbol; None where it is no closed form."""
    try:
        return walk.alone(bound.gap(piece.totals))
    except (Fault, LookupError, TypeError, ArithmeticError):  # a function of quantities, such as max
        return None


def _stays(walk: Walk, start: int, guard: Assumption) -> bool:
    """Whether a guard that holds at a place is proved to hold at all later ones."""
    value, divisor = walk.alone(guard.value), walk.alone(guard.divisor)
    if not isinstance(value, Polynomial) and not isinstance(divisor, Polynomial):
        return True
    way = direction(walk, value)
    if guard.kind == ">=":
        return way == UP
    here = evaluate(value, walk.letter(start))
    return guard.kind == "!=" and ((way == UP and here > 0) or (way == DOWN and here < 0))


def _met_between(walk: Walk, start: int, bound: Constraint, gap: Any, way: int) -> tuple[int, int]:
    """The first and the last place from `start` on where a constraint of monotone gap is met.

    The last is before the first where it is met nowhere.
    """

    def met(number: int) -> bool:
        return bound.met(evaluate(gap, walk.letter(number)))

    def unmet(number: int) -> bool:
        return not met(number)

    end = len(walk) - 1
    if met(start):
        lasts = way == LEVEL or bound.upper is (way == UP)
        return start, end if lasts else _last(met, start, end)
    never = way == LEVEL or bound.upper is (way == DOWN)
    return end + 1 if never else _last(unmet, start, end) + 1, end


def _last(holds: Callable[[int], bool], start: int, end: int) -> int:
    """The last place up to `end` where something holds that holds at `start` and stops once."""
    low, step = start, 1
    while low + step <= end and holds(low + step):
        low, step = low + step, 2 * step
    high = min(low + step, end + 1)  # fails there, or is past the end
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


# -------------------------------------------------------------------------------------- by trying


class _Tried(NamedTuple):
    """A network that was looked at: whether it meets all constraints, and whether it exceeds one."""

    meets: bool
    exceeds: bool


def _by_trying(walk: Walk, bounds: tuple[Constraint, ...]) -> LineAnswer:
    """Every value in turn; without an upper end in growing stages, until one brings nothing more."""
    if not walk.open and len(walk) > MOST_TRIED:
        raise too_many(walk.axis.name, len(walk))
    before = walk.pieces.amount
    tried: list[_Tried | None] = []  # None where there is no network
    reason = ""
    for stage in _stages(walk):
        begin = len(tried)
        for number in range(begin, stage):
            counts = walk.counts(number)
            reason = reason or (walk.piece(number).reason if counts is None else "")
            tried.append(None if counts is None else _look(bounds, counts))
            if walk.pieces.amount - before > MOST_PIECES:
                raise too_many(walk.axis.name, len(walk))
        if _enough(bounds, [each for each in tried[begin:] if each is not None]):
            break
    known = [each for each in tried if each is not None]
    missing = len(tried) - len(known)
    gap = tried.index(None) if missing else 0
    return LineAnswer(_runs(tried), bool(known) and known[-1].meets, len(tried), missing, gap, reason)


def _stages(walk: Walk) -> list[int]:
    """How many values to have tried at the end of each stage."""
    if not walk.open:
        return [len(walk)]
    stages = [FIRST_TRIED]
    while stages[-1] < MOST_TRIED:
        stages.append(min(2 * stages[-1], MOST_TRIED))
    return stages


def _look(bounds: tuple[Constraint, ...], counts: Counts) -> _Tried:
    met = [bound.holds(counts) for bound in bounds]
    return _Tried(all(met), any(not each and bound.upper for each, bound in zip(met, bounds, strict=True)))


def _enough(bounds: tuple[Constraint, ...], stage: list[_Tried]) -> bool:
    """Whether larger values bring nothing more: all of a stage is too large, or one is large enough."""
    if any(bound.upper for bound in bounds):
        return bool(stage) and all(each.exceeds for each in stage)
    return any(each.meets for each in stage)


def _runs(tried: list[_Tried | None]) -> tuple[Run, ...]:
    runs: list[Run] = []
    joined = False  # nothing that fails lies between this place and the last run
    for number, each in enumerate(tried):
        if each is not None and each.meets:
            runs = [*runs[:-1], Run(runs[-1].first, number)] if joined else [*runs, Run(number, number)]
        joined = joined if each is None else each.meets
    return tuple(runs)


def too_many(name: str, amount: int) -> Fault:
    return Fault(
        f"{amount:,} values of '{name}' would have to be tried one by one",
        fix=f"give it a range: --vary {name}=LOW:HIGH or {name}=LOW:HIGH:STEP",
    )
