"""Which symbols: from the names that a user gives to letters, meanings and default values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from keyword import iskeyword
from typing import Any, NamedTuple

from paramcalc.errors import Fault, Source, SpecError, near
from paramcalc.expression import Expression
from paramcalc.scope import Network
from paramcalc.settings import Change, Settings, set_inputs, set_knobs
from paramcalc.shape import CHANNELS, Shape
from paramcalc.spec import Spec, Written
from paramcalc.symbolic.facts import Symbol

BATCH = "batch"
AXIS_LETTERS = {"H": "height", "W": "width", "L": "length", "D": "depth", "C": "channels"}
SQUARE = "h"  # height and width together
CUSTOMARY = {"depths": "n", "layers": "n", "depth": "n", "growth": "k", "vocabulary": "v", "classes": "c"}
AVOIDED = frozenset("lIOi")  # read as digits; i numbers the rounds of a repeat
ALPHABET = "abcdefghjkmnopqrstuvwxyz"
SOURCE = Source("<symbols>", "")


class Chosen(NamedTuple):
    """Symbols, and how their values are put in: by the knobs that they replace, and by input sizes.

    `knobs` holds, for a knob, its symbol or a tuple of symbols and numbers; `inputs`, for an input, one
    entry for each axis: a symbol's letter, or the size that stays.
    """

    symbols: tuple[Symbol, ...]
    knobs: Mapping[str, Any]
    inputs: Mapping[str, tuple[Any, ...]]
    batch: str = ""

    def changes(self) -> tuple[Change, ...]:
        """The knobs' values as settings, in terms of the symbols as they are scaled now."""
        values = {symbol.letter: symbol.value for symbol in self.symbols}
        return tuple(Change("", name, filled(value, values), SOURCE) for name, value in self.knobs.items())

    def sizes(self) -> dict[str, tuple[Any, ...]]:
        """The input sizes, likewise."""
        values = {symbol.letter: symbol.value for symbol in self.symbols}
        return {name: filled(dims, values) for name, dims in self.inputs.items()}

    def stretched(self, letter: str, factor: int) -> Chosen:
        """The same with one symbol in larger steps."""
        symbols = tuple(
            symbol.stretched(factor) if symbol.letter == letter else symbol for symbol in self.symbols
        )
        return self._replace(symbols=symbols)


class _Letters:
    """Hands out letters, each once."""

    def __init__(self, reserved: list[str]) -> None:
        self.taken: set[str] = set(reserved)

    def give(self, *wanted: str) -> str:
        """The first wanted letter that is free, else any."""
        candidates: list[str] = [*wanted, *ALPHABET]
        free = [letter for letter in candidates if letter and letter not in self.taken | AVOIDED]
        if not free:
            raise Fault("there are more symbols than letters")
        self.taken.add(free[0])
        return free[0]


class Start(NamedTuple):
    """The network with numbers, as far as its layers do not matter: where the symbols start from."""

    knobs: Mapping[str, Any]
    inputs: Mapping[str, Shape]

    @classmethod
    def of(cls, spec: Spec, settings: Settings) -> Start:
        network = Network(spec)
        set_knobs(network, settings)
        inputs = set_inputs(network, settings)
        if network.problems:
            raise SpecError(network.problems.in_order())
        return cls(network.knobs, inputs)


def choose(spec: Spec, start: Start, names: Sequence[str]) -> Chosen:
    """Symbols for the names of knobs, of input axes (`H`, `W`, `L`, `D`, `C`, or `h` for height = width),
    and `batch`. A name may give its letter: `width=c`.

    The values at the start are the default point.
    """
    asked = dict(_named(name) for name in names)
    letters = _Letters([letter for letter in asked.values() if letter])
    symbols: list[Symbol] = []
    knobs: dict[str, Any] = {}
    inputs: dict[str, tuple[Any, ...]] = {}
    batch = ""
    entering, fractions = _knobs_of_space(spec), _fractions(spec)
    for name, letter in asked.items():
        if name in start.knobs:
            found, knobs[name] = _knob(name, start.knobs[name], letter, letters, name in entering)
            if name in fractions:
                found = [symbol._replace(whole=False, stretches=False) for symbol in found]
        elif name == BATCH:
            found = [Symbol(letter or letters.give("b"), (BATCH,), 1)]
            batch = found[0].letter
        else:
            found = [_axis(name, start, letter, letters, inputs)]
        symbols += found
    return Chosen(tuple(symbols), knobs, inputs, batch)


def usual(spec: Spec, start: Start) -> list[str]:
    """The symbols that a formula is in when none are asked for: the width, and the input's space."""
    names = ["width"] if _is_size(start.knobs.get("width")) and "width" not in _knobs_of_space(spec) else []
    axes = {axis for shape in start.inputs.values() for axis in shape.axes}
    if "height" in axes:
        square = all(same_plane(shape) for shape in start.inputs.values())
        return [*names, *([SQUARE] if square else ["H", "W"])]
    return [*names, "L"] if "length" in axes else names


def same_plane(shape: Shape) -> bool:
    """Whether an input's height is its width, or it has neither."""
    sizes = dict(zip(shape.axes, shape.dims, strict=True))
    return sizes.get("height") == sizes.get("width")


def _named(text: str) -> tuple[str, str]:
    name, _, letter = text.partition("=")
    if letter and (not letter.isidentifier() or iskeyword(letter) or letter in AVOIDED):
        raise Fault(f"'{letter}' cannot name a symbol", expected="a letter or a word")
    return name.strip(), letter.strip()


def _knob(name: str, value: Any, letter: str, letters: _Letters, stretches: bool) -> tuple[list[Symbol], Any]:
    """The symbols of a knob and the value to give it; one symbol for all equal entries of a list."""
    if type(value) in (int, Fraction) and value >= 0:
        least = min(int(value), 1)
        one = Symbol(letter or _letter(name, letters), (name,), value, least=least, stretches=stretches)
        return [one], one.letter
    if isinstance(value, tuple) and value and all(_is_size(item) for item in value):
        base = letter or CUSTOMARY.get(name, name[0])
        if len(set(value)) == 1:
            one = Symbol(letter or letters.give(base), (name,), value[0], stretches=stretches)
            return [one], (one.letter,) * len(value)
        marks = tuple(f"{base}{place}" for place in range(1, len(value) + 1))
        each = [
            Symbol(mark, (f"{name}[{place}]",), item)
            for place, (mark, item) in enumerate(zip(marks, value, strict=True))
        ]
        return each, marks
    raise Fault(
        f"the knob '{name}' cannot be a symbol",
        expected="a knob that holds a number, or a list of whole ones from 1 on",
        found=f"{value}",
    )


def _letter(name: str, letters: _Letters) -> str:
    return letters.give(CUSTOMARY.get(name, ""), name[0], name)


def _axis(
    name: str, start: Start, letter: str, letters: _Letters, inputs: dict[str, tuple[Any, ...]]
) -> Symbol:
    """A symbol for an axis of all inputs that have it; they must agree on its size."""
    axes = ("height", "width") if name == SQUARE else (AXIS_LETTERS.get(name, name),)
    found = [
        (source, place, shape.dims[place], axis)
        for source, shape in start.inputs.items()
        for place, axis in enumerate(shape.axes)
        if axis in axes
    ]
    if not found:
        known = [*start.knobs, BATCH, *(key for key, axis in AXIS_LETTERS.items() if _has(start, axis))]
        raise Fault(
            f"there is no knob and no axis of the input called '{name}'",
            fix=near(name, known) or "symbols can be " + ", ".join(known),
        )
    sizes = {size for _, _, size, _ in found}
    if len(sizes) > 1:
        raise Fault(f"the inputs' sizes that '{name}' means differ", found=", ".join(map(str, sorted(sizes))))
    mark = letter or letters.give(name.lower(), name)
    for source, place, _, _ in found:
        dims = inputs.get(source, start.inputs[source].dims)
        inputs[source] = (*dims[:place], mark, *dims[place + 1 :])
    meaning = tuple(dict.fromkeys(_axis_letter(axis) for *_, axis in found))
    return Symbol(mark, meaning, sizes.pop(), stretches=axes != ("channels",))


def _axis_letter(axis: str) -> str:
    return next(letter for letter, name in AXIS_LETTERS.items() if name == axis)


def _has(start: Start, axis: str) -> bool:
    return any(axis in shape.axes for shape in start.inputs.values())


def _fractions(spec: Spec) -> set[str]:
    """The knobs that are written with a decimal point, as they are or in a variant: not only whole."""
    written = [(name, knob.value) for name, knob in spec.knobs.items()]
    written += [(each.name, each.value) for variant in spec.variants.values() for each in variant.settings]
    return {name for name, value in written if isinstance(value, Expression) and "." in value.text}


def _knobs_of_space(spec: Spec) -> set[str]:
    """The knobs that the sizes of inputs along other axes than the channels are made of."""
    written: list[Written] = []
    for declared in spec.inputs.values():
        if declared.sizes is not None and not isinstance(declared.sizes, Expression):
            written += declared.sizes[1:]  # channels come first
        written += [argument.value for argument in declared.axes if argument.name != CHANNELS]
    return {name for expression in written for name in _names(expression)}


def _names(written: Written) -> list[str]:
    if isinstance(written, Expression):
        return written.names()
    return [name for item in written for name in _names(item)]


def _is_size(value: Any) -> bool:
    return type(value) is int and value >= 1


def filled(value: Any, values: Mapping[str, Any]) -> Any:
    """Letters replaced by what they stand for."""
    if isinstance(value, tuple):
        return tuple(filled(item, values) for item in value)
    return values[value] if isinstance(value, str) else value
