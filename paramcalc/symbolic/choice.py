"""Which symbols: from the names that a user gives to letters, meanings and default values."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

from paramcalc.base.errors import Fault, Source, SpecError, near
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.engine.scope import Draft
from paramcalc.engine.settings import Change, Decode, Setting, Settings, set_inputs, set_knobs
from paramcalc.language.expression import FUNCTIONS, Expression
from paramcalc.language.spec import Spec, Written
from paramcalc.ops.attributes import shown
from paramcalc.symbolic.facts import Symbol

BATCH = "batch"
PAST = "past"  # tokens before the one that is decoded
AXIS_LETTERS = {"H": "height", "W": "width", "L": "length", "D": "depth", "C": "channels"}
USUAL_AXES = ("H", "W", "L")
SQUARE = "h"  # height and width together
CUSTOMARY = {"depths": "n", "layers": "n", "depth": "n", "growth": "k", "vocabulary": "v", "classes": "c"}
AVOIDED = frozenset({*"lIOi", *FUNCTIONS, *dir(builtins), *keyword.kwlist})  # read as something else
ALPHABET = "abcdefghjkmnopqrstuvwxyz"
SOURCE = Source("<symbols>", "")
_ENTRY = re.compile(r"(.+)\[(\d+)\]")

Place: TypeAlias = tuple[str, int]  # an input, and the place of one of its axes


class Letter(str):
    """A symbol's letter in the place of a value."""

    __slots__ = ()


class Chosen(NamedTuple):
    """Symbols, and how their values are put in: by the knobs and cells that they replace, and by input sizes.

    `knobs` holds, for a knob or a cell (`stage6.depth`), its symbol or a tuple of symbols and numbers; `inputs`,
    for an input, the symbols by the places of their axes: the other sizes follow from the knobs, or are given.
    """

    symbols: tuple[Symbol, ...]
    knobs: Mapping[str, Any]
    inputs: Mapping[str, Mapping[int, Letter]]
    batch: str = ""
    past: str = ""
    decode: Decode | None = None

    def changes(self) -> tuple[Change | Decode, ...]:
        """The knobs' values as settings, in terms of the symbols as they are scaled now."""
        values = {symbol.letter: symbol.value for symbol in self.symbols}
        steps = [self.decode._replace(past=values[self.past])] if self.decode and self.past in values else []
        knobs = (
            Change(row, knob, filled(value, values), SOURCE)
            for name, value in self.knobs.items()
            for row, _, knob in [name.rpartition(".")]
        )
        return *knobs, *steps

    def sizes(self, inputs: Mapping[str, Shape]) -> dict[str, tuple[Any, ...]]:
        """The sizes of those inputs that have symbols, of all inputs as they are without."""
        values = {symbol.letter: symbol.value for symbol in self.symbols}
        return {
            name: tuple(
                values[marks[place]] if place in marks else dim for place, dim in enumerate(inputs[name].dims)
            )
            for name, marks in self.inputs.items()
        }

    def without(self, letter: str) -> Chosen:
        """The same with a number in the place of one symbol: its default."""
        numbers = {symbol.letter: symbol.start for symbol in self.symbols if symbol.letter == letter}
        return Chosen(
            tuple(symbol for symbol in self.symbols if symbol.letter != letter),
            {name: filled(value, numbers) for name, value in self.knobs.items()},
            {
                name: {place: mark for place, mark in marks.items() if mark != letter}
                for name, marks in self.inputs.items()
            },
            self.batch,
            self.past,
            self.decode,
        )

    def stretched(self, letter: str, factor: int) -> Chosen:
        """The same with one symbol in larger steps."""
        symbols = tuple(
            symbol.stretched(factor) if symbol.letter == letter else symbol for symbol in self.symbols
        )
        return self._replace(symbols=symbols)


class Start(NamedTuple):
    """The network with numbers, as far as its layers do not matter: where the symbols start from.

    `given` names the inputs whose sizes are not those that the spec writes; `cells` are those of tables, by the
    paths of their rows.
    """

    knobs: Mapping[str, Any]
    inputs: Mapping[str, Shape]
    given: Collection[str] = ()
    cells: Mapping[str, Mapping[str, Any]] = {}
    decode: Decode | None = None

    @classmethod
    def of(cls, spec: Spec, settings: Settings) -> Start:
        draft = Draft(spec)
        set_knobs(draft, settings)
        inputs = set_inputs(draft, settings)
        if draft.problems:
            raise SpecError(draft.problems.in_order())
        return cls(draft.knobs, inputs, settings.inputs.keys(), decode=decode(settings))


def choose(spec: Spec, start: Start, names: Sequence[str]) -> Chosen:
    """Symbols for knobs, for entries of knobs (`depths[0]`), for input axes, and for the batch.

    Input axes are `H`, `W`, `L`, `D`, `C`, or `h` for height = width; `source.L` is one input's. A name
    may give its letter: `width=c`. The values at the start are the default point.
    """
    asked = dict(_named(name) for name in names)
    choice = _Choice(spec, start, [letter for letter in asked.values() if letter])
    for name, letter in asked.items():
        choice.add(name, letter)
    return Chosen(tuple(choice.symbols), choice.knobs, choice.inputs, choice.batch, choice.past, start.decode)


def all_tokens(settings: Settings) -> tuple[Setting, ...]:
    """The changes without the token that is decoded."""
    return tuple(change for change in settings.changes if not isinstance(change, Decode))


def decode(settings: Settings) -> Decode | None:
    """The token that is decoded, if one is."""
    return next((change for change in reversed(settings.changes) if isinstance(change, Decode)), None)


def usual(spec: Spec, start: Start) -> list[str]:
    """The symbols of a formula when none are given: the width, and the input's space; of one more token, its past.

    A width that multiplies others, and rounds them, would make nothing shorter. Of a space that is
    worked out from knobs, these are the symbols: other sizes would leave them as they are.
    """
    if start.decode:
        return [PAST]
    space = _knobs_of_space(spec)
    names = (
        ["width"] if _is_size(start.knobs.get("width")) and "width" not in space | _fractions(spec) else []
    )
    if _knobs_of_space(spec, start.given) - _knobs_by_place(spec, start).keys():
        return [*names, *(name for name, value in start.knobs.items() if name in space and _is_size(value))]
    axes = {axis for shape in start.inputs.values() for axis in shape.axes}
    if {"height", "width"} <= axes and all(same_plane(shape) for shape in start.inputs.values()):
        return [*names, SQUARE]
    return [*names, *(letter for letter in USUAL_AXES if AXIS_LETTERS[letter] in axes)]


def same_plane(shape: Shape) -> bool:
    """Whether an input's height is its width, or it has neither."""
    sizes = dict(zip(shape.axes, shape.dims, strict=True))
    return sizes.get("height") == sizes.get("width")


def _named(text: str) -> tuple[str, str]:
    """A name and the letter given to it, or ''."""
    name, _, letter = text.partition("=")
    if letter and (not letter.isidentifier() or letter in AVOIDED):
        raise Fault(f"'{letter}' cannot name a symbol", expected="a letter or a word")
    return name.strip(), letter.strip()


class _Choice:
    """Symbols as they are chosen, one name after the other, each with a letter of its own."""

    def __init__(self, spec: Spec, start: Start, letters: list[str]) -> None:
        self.start = start
        self.taken = set(letters)
        if len(self.taken) < len(letters):
            raise Fault("two symbols have the same letter", found=", ".join(letters))
        self.entering, self.fractions = _knobs_of_space(spec), _fractions(spec)
        self.written = _knobs_by_place(spec, start)
        self.symbols: list[Symbol] = []
        self.knobs: dict[str, Any] = {}
        self.inputs: dict[str, dict[int, Letter]] = {}
        self.batch = ""
        self.past = ""

    def add(self, name: str, letter: str) -> None:
        entry = _ENTRY.fullmatch(name)
        row, _, column = name.rpartition(".")
        if name in self.start.knobs:
            self.free_knob(name)
            self.knobs[name] = self.knob(name, self.start.knobs[name], letter)
        elif column in self.start.cells.get(row, {}):
            self.free_knob(name)
            self.knobs[name] = self.knob(name, self.start.cells[row][column], letter)
        elif name == BATCH:
            self.batch = self.symbol(BATCH, 1, letter, "b")
        elif name == PAST and self.start.decode:
            self.past = self.symbol(PAST, self.start.decode.past, letter, "P")
            self.symbols[-1] = self.symbols[-1]._replace(least=0)
        elif entry and entry[1] in self.start.knobs:
            self.entry(entry[1], int(entry[2]), letter)
        else:
            self.axis(name, letter)

    def symbol(self, name: str, default: Any, letter: str, *wanted: str, stretches: bool = False) -> Letter:
        """Adds a symbol; its letter is the given one, else the first wanted one that is free, else any."""
        free = [
            one for one in (letter, *wanted, *ALPHABET) if one and one not in self.taken - {letter} | AVOIDED
        ]
        if not free:
            raise Fault("there are more symbols than letters")
        self.taken.add(free[0])
        base = name.partition("[")[0]
        self.symbols.append(
            Symbol(
                free[0],
                (name,),
                default,
                least=min(int(default), 1),
                stretches=stretches,
                whole=base not in self.fractions,
            )
        )
        return Letter(free[0])

    def knob(self, name: str, value: Any, letter: str) -> Any:
        """A knob's value in symbols; one symbol for all equal entries of a list."""
        plain = name.rpartition(".")[2]
        wanted = (CUSTOMARY.get(plain, ""), plain[0], plain)
        if type(value) in (int, Fraction) and value >= 0:
            return self.symbol(name, value, letter, *wanted, stretches=name in self.entering)
        if not isinstance(value, tuple) or not value or not all(_is_size(item) for item in value):
            raise Fault(
                f"'{name}' cannot be a symbol",
                expected="one that holds a number, or a list of whole ones from 1 on",
                found=shown(value),
            )
        if len(set(value)) == 1:
            return (self.symbol(name, value[0], letter, *wanted),) * len(value)
        base = letter or wanted[0] or wanted[1]
        return tuple(
            self.symbol(f"{name}[{place}]", item, "", f"{base}{place + 1}")
            for place, item in enumerate(value)
        )

    def entry(self, name: str, place: int, letter: str) -> None:
        """One entry of a knob's list as a symbol."""
        values = self.knobs.get(name, self.start.knobs[name])
        if not isinstance(values, tuple) or place >= len(values) or not _is_size(values[place]):
            raise Fault(f"'{name}[{place}]' cannot be a symbol", found=shown(values))
        wanted = f"{CUSTOMARY.get(name, name[0])}{place + 1}"
        mark = self.symbol(f"{name}[{place}]", values[place], letter, wanted)
        self.knobs[name] = (*values[:place], mark, *values[place + 1 :])

    def axis(self, name: str, letter: str) -> None:
        """A symbol for an axis of all inputs that have it, or one for each size where sizes differ.

        `source.L` is the length of one input.
        """
        source, dot, plain = name.rpartition(".")
        axes = ("height", "width") if plain == SQUARE else (AXIS_LETTERS.get(plain, plain),)
        alike: dict[int, list[Place]] = {}
        for each, shape in self.start.inputs.items():
            places = [place for place, axis in enumerate(shape.axes) if axis in axes]
            if places and (not dot or each == source):
                size = self.free_size(name, each, places)
                alike.setdefault(size, []).extend((each, place) for place in places)
        if not alike:
            raise self.unknown(name)
        several = len(alike) > 1 or (bool(dot) and len(self.start.inputs) > 1)
        for size, found in alike.items():
            index = f"_{found[0][0]}" if several else ""
            self.sized(plain, size, found, letter + index if letter and not dot else letter, index)

    def free_knob(self, name: str) -> None:
        if name in self.knobs:
            raise Fault(
                f"the knob '{name}' has two symbols", fix="it is the size of an input: name one of them"
            )

    def free_size(self, name: str, source: str, places: Sequence[int]) -> int:
        """The one size that an input has at some places, which have no symbol yet."""
        shape = self.start.inputs[source]
        for place in places:
            if place in self.inputs.get(source, {}):
                fix = "h means H and W together" if "height" in shape.axes else "name it once"
                raise Fault(f"the {shape.axes[place]} of '{source}' has two symbols", fix=fix)
        sizes = {shape.dims[place]: shape.axes[place] for place in places}
        if len(sizes) > 1:
            found = ", ".join(f"{axis} {size}" for size, axis in sizes.items())
            raise Fault(f"'{name}' is one symbol for two sizes of '{source}'", found=found, fix="name H,W")
        return sizes.popitem()[0]

    def sized(self, name: str, size: int, found: Sequence[Place], letter: str, index: str) -> None:
        """A symbol for places of inputs that have one size; an `index` says of which inputs.

        Where the spec writes a knob for the size, the symbol is that knob, whatever else it decides.
        """
        axes = [self.start.inputs[source].axes[place] for source, place in found]
        stretches = axes[0] != CHANNELS
        again = "yz" if stretches and name.lower() not in AVOIDED else name  # 32 W would not be W
        wanted = [f"{one}{index}" for one in (name.lower(), *again) if one not in AVOIDED]
        mark = self.symbol(name, size, letter, *wanted, stretches=stretches)
        letters = [
            f"{source}.{_axis_letter(axis)}" if index else _axis_letter(axis)
            for (source, _), axis in zip(found, axes, strict=True)
        ]
        knobs = [knob for knob, places in self.written.items() if places <= {*found}]
        self.symbols[-1] = self.symbols[-1]._replace(stands_for=tuple(dict.fromkeys([*knobs, *letters])))
        for knob in knobs:
            self.free_knob(knob)
            self.knobs[knob] = mark
        for source, place in found:
            self.inputs.setdefault(source, {})[place] = mark

    def unknown(self, name: str) -> Fault:
        inputs = self.start.inputs
        axes = {
            source: [*shape.axes, *([SQUARE] * ("height" in shape.axes))] for source, shape in inputs.items()
        }
        letters = {**AXIS_LETTERS, SQUARE: SQUARE}
        every = [letter for letter, axis in letters.items() if any(axis in each for each in axes.values())]
        known = [*self.start.knobs, BATCH, *([PAST] if self.start.decode else []), *every]
        cells = [f"{row}.{column}" for row, cells in self.start.cells.items() for column in cells]
        if len(inputs) > 1:
            known += [
                f"{source}.{letter}"
                for source, each in axes.items()
                for letter, axis in letters.items()
                if axis in each
            ]
        return Fault(
            f"there is no knob and no axis of the input called '{name}'",
            fix=near(name, [*known, *cells]) or "symbols can be " + ", ".join(dict.fromkeys(known)),
        )


def _axis_letter(axis: str) -> str:
    return next(letter for letter, name in AXIS_LETTERS.items() if name == axis)


def _fractions(spec: Spec) -> set[str]:
    """The knobs that are written with a decimal point, as they are or in a variant: not only whole."""
    written = [(name, knob.value) for name, knob in spec.knobs.items()]
    written += [(each.name, each.value) for variant in spec.variants.values() for each in variant.settings]
    return {name for name, value in written if isinstance(value, Expression) and "." in value.text}


def _knobs_of_space(spec: Spec, without: Collection[str] = ()) -> set[str]:
    """The knobs that the sizes of inputs along other axes than the channels are made of."""
    written: list[Written] = []
    for name, declared in spec.inputs.items():
        if name in without:
            continue
        for one in declared.alternatives():
            if one.sizes is not None and not isinstance(one.sizes, Expression):
                written += one.sizes[1:]  # channels come first
            written += [argument.value for argument in one.axes if argument.name != CHANNELS]
    return {name for expression in written for name in _names(expression)}


def _knobs_by_place(spec: Spec, start: Start) -> dict[str, set[Place]]:
    """The places of sizes that are a knob, as in `3 x size x size`, and that it is in no other way part of."""
    places: dict[str, set[Place]] = {}
    within: set[str] = set()
    for source, declared in spec.inputs.items():
        if source in start.given:
            continue
        if declared.choice is not None:
            each = (one.sizes or tuple(axis.value for axis in one.axes) for one in declared.alternatives())
            within.update(name for part in (*each, *declared.conditions()) for name in _names(part))
            continue
        sizes = declared.sizes or tuple(axis.value for axis in declared.axes)
        written = (sizes,) if isinstance(sizes, Expression) else sizes
        for place, (one, size) in enumerate(zip(written, start.inputs[source].dims, strict=False)):
            if isinstance(one, Expression) and start.knobs.get(one.text) == size:
                places.setdefault(one.text, set()).add((source, place))
            else:
                within.update(_names(one))
    return {name: found for name, found in places.items() if name not in within}


def _names(written: Written) -> list[str]:
    if isinstance(written, Expression):
        return written.names()
    return [name for item in written for name in _names(item)]


def _is_size(value: Any) -> bool:
    return type(value) is int and value >= 1


def filled(value: Any, values: Mapping[str, Any]) -> Any:
    """Letters replaced by their values."""
    if isinstance(value, tuple):
        return tuple(filled(item, values) for item in value)
    return values.get(value, value) if isinstance(value, Letter) else value
