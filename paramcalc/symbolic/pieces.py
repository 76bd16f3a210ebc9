"""Exact counts all over a space from few elaborations: closed forms that hold on parts of it.

The network is elaborated at one point with symbols for all numbers that vary. Where the
symbols alone do not decide a question, the point does, and the question is kept as a guard. At every
other point where the guards hold, the elaboration would have gone the same way, so the same closed
form counts there. A point that no known guards admit starts a piece of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

from paramcalc.base.errors import Fault, Problem, SpecError
from paramcalc.base.sizes import judge
from paramcalc.count.report import Counts
from paramcalc.count.vary import Axis, Lattice, Space
from paramcalc.engine.elaborate import Elaborator
from paramcalc.symbolic import Assumption, Symbol, evaluate, symbol
from paramcalc.symbolic.choice import ALPHABET, AVOIDED, CUSTOMARY
from paramcalc.symbolic.closed import counted
from paramcalc.symbolic.judge import PolynomialJudge

# What an elaboration with symbols can end in besides the faults of a spec: text that needs a number
# there, such as the index of a list, meets a symbol. Then the point is counted with numbers.
NOT_IN_SYMBOLS = (Fault, SpecError, TypeError, ValueError, ArithmeticError, AttributeError)
_WORD = re.compile(r"[A-Za-z]{3,}")


class SymbolColumn(NamedTuple):
    """A symbol, and the axis of its values; `entry` is its place in them if they are lists."""

    symbol: Symbol
    axis: int
    entry: int | None

    def of(self, value: Any) -> int:
        """The symbol's own value where the axis has a given one."""
        return self._above(value) // self.symbol.scale  # type: ignore[no-any-return]

    def reaches(self, value: Any) -> bool:
        """Whether the symbol can have a value of the axis."""
        return bool(self._above(value) % self.symbol.scale == 0)

    def _above(self, value: Any) -> Any:
        return (value if self.entry is None else value[self.entry]) - self.symbol.offset


class Piece(NamedTuple):
    """Counts wherever the guards hold: numbers, and polynomials in the symbols.

    `reason` says why there is no such network instead; `closed` is false where one point was counted
    by itself.
    """

    totals: Counts
    guards: tuple[Assumption, ...]
    reason: str = ""
    closed: bool = True

    def holds(self, letters: dict[str, int]) -> bool:
        return all(guard.holds(letters) for guard in self.guards)

    def counts(self, letters: dict[str, int]) -> Counts:
        """The exact counts at a point where the guards hold."""
        return Counts(*(evaluate(value, letters) for value in self.totals))


class Pieces:
    """The pieces of a space, found so far.

    Axes in `solid` never become symbols: words, and numbers that the structure depends on.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.columns = _columns(space)
        self.solid = self._solid()
        self.columns = tuple(column for column in self.columns if column.axis not in self.solid)
        self.found: dict[tuple[Any, ...], list[Piece]] = {}

    @property
    def amount(self) -> int:
        """How many pieces were found."""
        return sum(len(pieces) for pieces in self.found.values())

    def at(self, values: Sequence[Any]) -> Piece:
        """The piece that a point lies in, which has a value for each axis."""
        letters = self.letters(values)
        pieces = self.among(values)
        for piece in pieces:
            if piece.holds(letters):
                return piece
        pieces.append(self.compiled(values))
        return pieces[-1]

    def among(self, values: Sequence[Any]) -> list[Piece]:
        """The pieces found for the values of the solid axes at a point."""
        return self.found.setdefault(tuple(values[place] for place in self.solid), [])

    def letters(self, values: Sequence[Any]) -> dict[str, int]:
        """The values of all symbols at a point."""
        return {column.symbol.letter: column.of(values[column.axis]) for column in self.columns}

    def compiled(self, values: Sequence[Any]) -> Piece:
        """A new piece around a point. Its result at the point has been compared with the count."""
        try:
            exact = self.space.count(values).totals
        except SpecError as error:
            return self._inadmissible(values, error)
        except Fault as fault:
            return self._single(values, Counts(), fault.fact)
        if not self.columns:
            return Piece(exact, ())
        for numbers in dict.fromkeys((frozenset[int](), self.rounds)):
            piece = self._closed(values, numbers)
            if piece is not None and piece.counts(self.letters(values)) == exact:
                return piece
        return self._single(values, exact)

    def _closed(self, values: Sequence[Any], numbers: frozenset[int]) -> Piece | None:
        """The closed form around a point, with numbers for some axes; None where there is none."""
        asked = self._judge(values)
        settings, batch = self.space.settings(self._symbolic(values, numbers))
        try:
            _, _, totals = counted(self.space.spec, settings, asked, batch)
        except NOT_IN_SYMBOLS:
            return None
        return Piece(totals, (*asked.assumptions(), *self._pins(values, numbers)))

    def _inadmissible(self, values: Sequence[Any], error: SpecError) -> Piece:
        """The piece of a point without a network: wherever the same questions lead to the same mistakes."""
        reason = error.problems[0].fact
        asked = self._judge(values)
        settings, _ = self.space.settings(self._symbolic(values, self.rounds))
        try:
            with answering(asked):
                Elaborator(self.space.spec, settings).run()
        except SpecError as symbolic:
            if _alike(symbolic.problems, error.problems):
                return Piece(Counts(), (*asked.assumptions(), *self._pins(values, self.rounds)), reason)
        except NOT_IN_SYMBOLS:
            pass
        return self._single(values, Counts(), reason)

    def _single(self, values: Sequence[Any], totals: Counts, reason: str = "") -> Piece:
        """A piece of one point."""
        everywhere = frozenset(range(len(values)))
        return Piece(totals, self._pins(values, everywhere), reason, closed=False)

    def _pins(self, values: Sequence[Any], axes: frozenset[int]) -> tuple[Assumption, ...]:
        """That some axes have the values of a point."""
        return tuple(
            Assumption("=", symbol(column.symbol.letter) - column.of(values[column.axis]))
            for column in self.columns
            if column.axis in axes
        )

    def _judge(self, values: Sequence[Any]) -> PolynomialJudge:
        """A judge that decides as it is at a point."""
        letters = self.letters(values)
        symbols = [column.symbol for column in self.columns]
        return PolynomialJudge([each._replace(default=letters[each.letter]) for each in symbols])

    def _symbolic(self, values: Sequence[Any], numbers: frozenset[int] = frozenset()) -> list[Any]:
        """A point with symbols in place of all values but those of some axes."""
        columns = [column for column in self.columns if column.axis not in numbers]
        return _filled(values, columns)

    # ------------------------------------------------------------------- what can be a symbol

    def _solid(self) -> tuple[int, ...]:
        """The axes that cannot be symbols: axes without numbers, and axes that failed."""
        able = {column.axis for column in self.columns}
        if not self._works(able):
            able = {place for place in able if self._works({place})}
        if not self._works(able):
            able = set()
        return tuple(place for place in range(len(self.space.axes)) if place not in able)

    @cached_property
    def rounds(self) -> frozenset[int]:
        """The axes that numbers of rounds depend on."""
        able = {column.axis for column in self.columns}
        return frozenset(place for place in able if not self._works({place}, rounds=False))

    def _works(self, able: set[int], rounds: bool = True) -> bool:
        """Whether the network can be elaborated with symbols for some axes, at its usual settings."""
        usual = self.usual
        columns = [
            column._replace(symbol=column.symbol._replace(default=column.of(usual[column.axis]), least=0))
            for column in self.columns
            if column.axis in able
        ]
        asked = PolynomialJudge([column.symbol for column in columns])
        settings, batch = self.space.settings(_filled(usual, columns))
        try:
            if rounds:
                counted(self.space.spec, settings, asked, batch)
            else:
                with answering(asked):
                    Elaborator(self.space.spec, settings).run()
        except NOT_IN_SYMBOLS:
            return False
        return True

    @cached_property
    def usual(self) -> list[Any]:
        """A point with the values that the network has before anything varies, as far as they fit."""
        return [self._usual(place, axis) for place, axis in enumerate(self.space.axes)]

    def _usual(self, place: int, axis: Axis) -> Any:
        before, first = self.space.usual(axis), axis.values[0]
        fits = _form(before) == _form(first)
        columns = (column for column in self.columns if column.axis == place)
        return before if fits and all(column.reaches(before) for column in columns) else first


@contextmanager
def answering(asked: PolynomialJudge) -> Iterator[None]:
    """Within, questions about symbols go to a judge."""
    token = judge.set(asked)
    try:
        yield
    finally:
        judge.reset(token)


def _form(value: Any) -> object:
    """What values of one axis have in common: the kind, and the length of a list."""
    if isinstance(value, tuple):
        return len(value)
    return "number" if isinstance(value, int | Fraction) and not isinstance(value, bool) else type(value)


def _filled(values: Sequence[Any], columns: Sequence[SymbolColumn]) -> list[Any]:
    """A point with the symbols of some columns put in."""
    result = list(values)
    for column in columns:
        mine, whole = column.symbol.value, result[column.axis]
        place = column.entry
        result[column.axis] = mine if place is None else (*whole[:place], mine, *whole[place + 1 :])
    return result


def _columns(space: Space) -> tuple[SymbolColumn, ...]:
    """A symbol for all numbers that vary, by letters that remind of the names."""
    columns: list[SymbolColumn] = []
    taken: set[str] = set()
    for number, axis in enumerate(space.axes):
        found = axis.columns
        alone = not isinstance(axis.values[0], tuple)
        for place, values in enumerate(found):
            if len(values) < 2 or (not isinstance(values, range) and len(set(values)) < 2):
                continue
            letter = _letter(space, axis.name, "" if alone else str(place + 1), taken)
            taken.add(letter)
            steps = Lattice.of(values)
            mine = Symbol(letter, (axis.name,), steps.least, steps.scale, steps.offset, steps.least)
            columns.append(SymbolColumn(mine, number, None if alone else place))
    return tuple(columns)


def _letter(space: Space, name: str, mark: str, taken: set[str]) -> str:
    knob, place = space.entry(name)
    if place is not None:
        mark = str(place + 1)
    shape = space.shapes.get(knob) if knob not in space.knobs else None
    wanted = "h" if shape is not None and len(shape.space) > 1 else CUSTOMARY.get(knob, knob[0].lower())
    candidates: list[str] = [letter + mark for letter in (wanted, *ALPHABET) if letter not in AVOIDED]
    return next(letter for letter in candidates if letter not in taken)


def _alike(ours: Sequence[Problem], theirs: Sequence[Problem]) -> bool:
    """Whether two lists of mistakes are equal except for the numbers in them."""
    return [_gist(problem) for problem in ours] == [_gist(problem) for problem in theirs]


def _gist(problem: Problem) -> tuple[object, ...]:
    return problem.source, problem.start, problem.end, words(problem.fact)


def words(fact: str) -> str:
    """The text of a mistake without numbers and symbols: the same all over a piece.

    >>> words("1 channels do not divide into 12 heads")
    'channels not divide into heads'
    """
    functions = ("floor", "divisible", "max", "min", "round")
    return " ".join(word for word in _WORD.findall(fact) if word not in functions)
