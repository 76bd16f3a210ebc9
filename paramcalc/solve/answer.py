"""The inverse what-if: which width, depth, input or grouping meets a budget, best."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from paramcalc.base.errors import Fault, visible
from paramcalc.count.report import Counts, known_quantity
from paramcalc.count.vary import MOST_VALUES, Axis, Space, axis
from paramcalc.ops.attributes import shown
from paramcalc.render import notebook
from paramcalc.render.notebook import shows_itself
from paramcalc.solve.bounds import Constraint
from paramcalc.solve.line import (
    FARTHEST,
    MOST_TRIED,
    OPEN,
    UP,
    LineAnswer,
    Run,
    Walk,
    along,
    direction,
    nearest,
    too_many,
)
from paramcalc.symbolic import Symbol
from paramcalc.symbolic.pieces import Pieces

MOST_LINES = 5_000  # values of the first of two settings


class Goal(NamedTuple):
    """The objective: the most or the least of a quantity; '' for the setting itself."""

    most: bool
    quantity: str = ""


class Point(NamedTuple):
    """Values of the settings and the exact counts there, and whether they meet every constraint."""

    values: tuple[int | Fraction, ...]
    counts: Counts
    meets: bool

    def __repr__(self) -> str:
        values = ", ".join(map(str, self.values))
        return f"<Point {values}: {self.counts.params:,} params, {self.counts.macs:,} macs>"


class Answer(NamedTuple):
    """A best point, and its neighbours along the last setting, as far as there are networks."""

    below: Point | None
    point: Point
    above: Point | None

    def __repr__(self) -> str:
        return f"<Answer {repr(self.point).strip('<>').removeprefix('Point ')}>"


@shows_itself
class Solution(NamedTuple):
    """Answers, and how they were found.

    For two settings without a quantity as the goal, the answers are all pairs in which neither value can
    be bettered alone. `endless` says that there is no best value, because no end was found. Where nothing
    meets the constraints, `nearest` has the points that miss them least, below and above. `lines` is
    what was found along the last setting, for each value of the first of two; `across` what bounds the
    first; `symbols` are those of the closed forms.
    """

    space: Space
    symbols: tuple[Symbol, ...]
    bounds: tuple[Constraint, ...]
    goal: Goal
    answers: tuple[Answer, ...]
    endless: bool
    lines: tuple[LineAnswer, ...]
    across: LineAnswer | None = None
    nearest: tuple[Point, ...] = ()

    def __repr__(self) -> str:
        found = " and ".join(str(answer.point.values) for answer in self.answers[:3]) or "none"
        return f"<Solution of {visible(self.label)}: {found}>"

    @property
    def label(self) -> str:
        """The network: its name and the settings that stay."""
        space = self.space
        return ", ".join([space.variant or space.spec.name, *(str(change) for change in space.changes)])

    def to_dict(self) -> dict[str, Any]:
        """The result of `paramcalc solve --format json`, as Python values."""
        return notebook.document(self)

    def to_json(self) -> str:
        """The output of `paramcalc solve --format json`."""
        return notebook.json(self)


def goal(most: str = "", least: str = "") -> Goal | None:
    """The most or the least of a quantity; None where neither is named."""
    if most and least:
        raise Fault("maximise one quantity or minimise one, not both")
    return Goal(bool(most), known_quantity(most or least)) if most or least else None


def setting(text: str, step: int = 1) -> Axis:
    """A setting to solve for: `width` or `width=LOW:HIGH`, in multiples of a step, or `width=LOW:HIGH:STEP`.

    A list is put in order.

    >>> setting("width=30:70", 16).values, setting("width=30:70:20").values, setting("width=1,0.5").values
    (range(32, 71, 16), range(30, 71, 20), (Fraction(1, 2), 1))
    """
    if step < 1:
        raise Fault("a step must be at least 1", found=str(step))
    if "=" not in text:
        return Axis(text.strip(), range(step, OPEN + step, step))
    found = axis(text)
    if not isinstance(found.values, range) and len(found.columns) == 1:
        return Axis(found.name, tuple(sorted(found.columns[0])))
    if text.count(":") != 1 or not isinstance(found.values, range):
        return found
    low = -(-found.values.start // step) * step
    return Axis(found.name, range(low, found.values.stop, step))


def solve(space: Space, bounds: Sequence[Constraint], goal: Goal | None = None) -> Solution:
    """Values of the axes of a space, one or two, that meet all constraints.

    Without a goal it is the largest setting where a constraint bounds from above, else the smallest.
    """
    if not bounds:
        raise Fault("no constraint is given", fix="for example: --until 'params <= 5e6'")
    if not 1 <= len(space.axes) <= 2:
        raise Fault("one setting or two can be solved for", found=str(len(space.axes)))
    for each in space.axes:
        usual = space.usual(each)
        if type(usual) not in (int, Fraction):
            fix = f"one entry of it can be: {each.name}[0]" if isinstance(usual, tuple) else ""
            raise Fault(f"'{each.name}' must hold a number to be solved for", found=shown(usual), fix=fix)
        if type(usual) is Fraction and len(each.values) > MOST_VALUES:  # without a range, whole numbers
            raise Fault(
                f"'{each.name}' is {shown(usual)}, no whole number",
                fix=f"give it a range: {each.name}=0.1:2:0.05",
            )
        if not all(type(value) in (int, Fraction) for value in each.values[:MOST_TRIED]):
            fix = f"such as {each.name}=32:96 or, in steps, {each.name}=32:96:8"
            raise Fault(f"'{each.name}' needs numbers to be solved for", fix=fix)
    wanted = goal or Goal(any(bound.upper for bound in bounds))
    space.check_names()
    solver = _Solver(Pieces(space), tuple(bounds), wanted)
    return solver.one() if len(space.axes) == 1 else solver.two()


class Best(NamedTuple):
    """The best place along a line."""

    walk: Walk
    line: LineAnswer
    number: int


class _Solver:
    def __init__(self, pieces: Pieces, bounds: tuple[Constraint, ...], goal: Goal) -> None:
        self.pieces = pieces
        self.space = pieces.space
        self.bounds = bounds
        self.goal = goal

    def one(self) -> Solution:
        walk = Walk(self.pieces, (self.space.axes[0].values[0],), 0)
        line = along(walk, self.bounds)
        best = self.best(walk, line)
        return self.solution([] if best is None else [Best(walk, line, best)], [(walk, line)])

    def solution(
        self, found: list[Best], looked: list[tuple[Walk, LineAnswer]], across: LineAnswer | None = None
    ) -> Solution:
        """The answers, unless one of them is only where a setting without an end stops being looked at."""
        symbols = tuple(column.symbol for column in self.pieces.columns)
        endless = any(
            walk.open and line.open and number == line.runs[-1].last for walk, line, number in found
        )
        answers = () if endless else tuple(self.answer(walk, number) for walk, _, number in found)
        lines = tuple(line for _, line in looked)
        near = () if found else self.nearest(looked)
        return Solution(self.space, symbols, self.bounds, self.goal, answers, endless, lines, across, near)

    def nearest(self, looked: list[tuple[Walk, LineAnswer]]) -> tuple[Point, ...]:
        """The points that miss the constraints least: of those below, and of those above."""
        found = [(near, walk) for walk, line in looked for near in nearest(walk, line, self.bounds)]
        points = []
        for above in (False, True):
            side = [(near, walk) for near, walk in found if near.above is above]
            if side:
                near, walk = min(side, key=lambda pair: pair[0])
                points.append(self.point(walk, near.number))
        return tuple(points)

    def two(self) -> Solution:
        """One line along the second setting for each value of the first."""
        first, second = (axis.values for axis in self.space.axes)
        across = self.across()
        looked: list[tuple[Walk, LineAnswer]] = []
        found: list[Best] = []
        for value in first[: across.runs[-1].last + 1 if across.runs else 1]:
            walk = Walk(self.pieces, (value, second[0]), 1)
            line = along(walk, self.bounds)
            looked.append((walk, line))
            best = self.best(walk, line)
            if best is not None:
                found.append(Best(walk, line, best))
        kept = self.outermost(found) if not self.goal.quantity else self.best_of(found)
        return self.solution(kept, looked, across)

    def across(self) -> LineAnswer:
        """The values of the first setting worth looking at: all that are not too large by themselves."""
        first, second = self.space.axes
        walk = Walk(self.pieces, (first.values[0], second.values[0]), 0)
        upper = [bound for bound in self.bounds if bound.upper]
        whole = LineAnswer((Run(0, len(walk) - 1),), walk.open)
        line = along(walk, upper) if walk.open and upper else whole
        if (line.open and walk.open) or (line.runs and line.runs[-1].last >= MOST_LINES):
            raise too_many(first.name, len(walk))
        return line

    def best(self, walk: Walk, line: LineAnswer) -> int | None:
        """The place of the best value that meets the constraints."""
        if not line.runs:
            return None
        first, last = line.runs[0].first, line.runs[-1].last
        if not self.goal.quantity:
            return last if self.goal.most else first
        if line.piece is not None:
            way = direction(walk, getattr(line.piece.totals, self.goal.quantity))
            if way is not None:
                return last if way and (way == UP) is self.goal.most else first
        return self.best_tried(walk, line.runs)

    def best_tried(self, walk: Walk, runs: tuple[Run, ...]) -> int:
        """The best place by looking at every one; of equal ones the first."""
        amount = sum(run.last - run.first + 1 for run in runs)
        if amount > MOST_TRIED:
            raise too_many(walk.axis.name, amount)
        numbers = [number for run in runs for number in range(run.first, run.last + 1)]
        return max(
            (number for number in numbers if walk.counts(number)), key=lambda number: self.worth(walk, number)
        )

    def best_of(self, found: list[Best]) -> list[Best]:
        """The best of all lines; of equal ones the first."""
        return [max(found, key=lambda best: self.worth(best.walk, best.number))] if found else []

    def worth(self, walk: Walk, number: int) -> Any:
        """The number that the goal maximises; places that are compared have a network."""
        counts = walk.counts(number)
        measure = getattr(counts, self.goal.quantity)
        return measure if self.goal.most else -measure

    def outermost(self, found: list[Best]) -> list[Best]:
        """The pairs in which neither value can be improved while the other stays."""
        kept: list[Best] = []
        for best in found[::-1] if self.goal.most else found:
            reached = kept[-1].number if kept else None
            if reached is None or (best.number > reached if self.goal.most else best.number < reached):
                kept.append(best)
        return kept[::-1] if self.goal.most else kept

    def answer(self, walk: Walk, best: int) -> Answer:
        below = self.neighbour(walk, range(best - 1, max(best - FARTHEST, 0) - 1, -1))
        above = self.neighbour(walk, range(best + 1, min(best + FARTHEST, len(walk))))
        return Answer(below, self.point(walk, best), above)

    def neighbour(self, walk: Walk, numbers: range) -> Point | None:
        """The first place that has a network."""
        found = next((number for number in numbers if walk.counts(number)), None)
        return None if found is None else self.point(walk, found)

    def point(self, walk: Walk, number: int) -> Point:
        """A place with its counts, which come from counting with numbers."""
        values = walk.values(number)
        counts = self.space.count(values).totals
        return Point(values, counts, all(bound.holds(counts) for bound in self.bounds))
