"""The values of expressions: exact numbers, truth values, words, lists, and symbols.

Numbers are whole or exact fractions, never binary floats. Symbols pass through the same operators;
questions about them go to `sizes`. Everything is bounded, as the text may come from a stranger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

from paramcalc.base.errors import Fault, near
from paramcalc.base.sizes import at_least, floor_divide, judge, same
from paramcalc.ops.attributes import shown

Value: TypeAlias = Any  # int, Fraction, bool, str, a tuple of these, or a symbolic expression

MOST_BITS = 512
MOST_ELEMENTS = 10_000
MOST_LEVELS = 8
NUMBERS, NUMBERS_OR_LIST = "numbers", "numbers, or one list of them"


class Word(str):
    """A word that may be compared with certain words only; any other is a misspelling.

    `legal` tells whether a word is one of them, `kind` what a word is that is not, and `listed`
    gives the legal ones for near misses.
    """

    __slots__ = ("kind", "legal", "listed")
    kind: str
    legal: Callable[[str], bool]
    listed: Callable[[], Sequence[str]]

    def __new__(
        cls, text: str, kind: str, legal: Callable[[str], bool], listed: Callable[[], Sequence[str]]
    ) -> Word:
        self = super().__new__(cls, text)
        self.kind, self.legal, self.listed = kind, legal, listed
        return self


def exact(value: Value) -> Any:
    """A key under which only the very same value is found: 1 and true are equal, but not the same."""
    kind = type(value)
    if kind is int or kind is str:
        return value
    if kind is tuple:
        return tuple(exact(item) for item in value)
    return (kind, str(value), value.legal) if kind is Word else (kind, value)


def collected(items: Iterable[Value]) -> tuple[Value, ...]:
    """A list of values, if it is not too long or too deep."""
    values = tuple(items)
    elements, levels = extent(values)
    if elements > MOST_ELEMENTS:
        raise Fault(f"a list may hold at most {MOST_ELEMENTS:,} values")
    if levels > MOST_LEVELS:
        raise Fault(f"lists may be nested at most {MOST_LEVELS} deep")
    return values


def extent(value: Value) -> tuple[int, int]:
    """How many values a list holds, inner lists and all, and how deep it is; (1, 0) for no list."""
    if not isinstance(value, tuple):
        return 1, 0
    elements, levels = 1, 0
    for item in value:
        if type(item) is tuple:
            inner, depth = extent(item)
            elements, levels = elements + inner, max(levels, depth)
        else:
            elements += 1
    return elements, levels + 1


def truth(value: Value) -> bool:
    """The value of a condition, which must be true or false."""
    if not isinstance(value, bool):
        raise Fault("a condition must be true or false", found=shown(value))
    return value


def bounded(value: Value) -> Value:
    """The value itself, unless it is a number too large to be meant."""
    if isinstance(value, int):
        large = value.bit_length() > MOST_BITS
    else:
        large = _plain(value) and max(abs(value.numerator), value.denominator).bit_length() > MOST_BITS
    if large:
        raise Fault(f"the number has more than {MOST_BITS} bits")
    return value


def numbers(*values: Value) -> None:
    """A fault unless all of these are numbers."""
    for value in values:
        if isinstance(value, bool | str | tuple):
            raise Fault("arithmetic takes numbers only", found=shown(value))


def is_symbol(value: Value) -> bool:
    """Whether a value is a symbolic expression."""
    return not (isinstance(value, bool | str | tuple) or _plain(value))


def _plain(value: Value) -> bool:
    """Whether a value is a number, and not a symbolic expression."""
    return isinstance(value, int) or type(value).__module__ == "fractions"


def whole(value: Any) -> Any:
    """A fraction with denominator 1 as the whole number that it is."""
    return value.numerator if getattr(value, "denominator", 0) == 1 else value


# ------------------------------------------------------------------------------------- operators


def arithmetic(operator: Callable[[Value, Value], Value], one: Value, two: Value) -> Value:
    """The result of an operator on two numbers."""
    if type(one) is not int or type(two) is not int:
        numbers(one, two)
    return bounded(operator(one, two))


def divide(one: Value, two: Value) -> Value:
    """Exact division: whole where it comes out whole, else a fraction.

    >>> divide(6, 3), divide(1, 4)
    (2, Fraction(1, 4))
    """
    if isinstance(one, int) and isinstance(two, int):
        if two and one % two == 0:
            return one // two
        from fractions import Fraction

        return Fraction(one, _divisor(two))
    return whole(one / _divisor(two))


def floor(one: Value, two: Value) -> Value:
    """Division rounded down."""
    if _plain(one) and _plain(two):
        return one // _divisor(two)
    return floor_divide(one, two)


def remainder(one: Value, two: Value) -> Value:
    return whole(one - two * floor(one, two))


def power(one: Value, two: Value) -> Value:
    if not isinstance(two, int) or abs(two) > MOST_BITS:
        if is_symbol(two):
            fix = f"do not make '{shown(two)}' a symbol, nor the number of rounds that it counts"
            raise Fault("an exponent cannot depend on a symbol", found=shown(two), fix=fix)
        half = type(two).__module__ == "fractions" and two.denominator == 2
        fact = f"an exponent must be a whole number of at most {MOST_BITS}"
        raise Fault(fact, found=shown(two), fix="a square root is sqrt( )" if half else "")
    if not _plain(one):
        return whole(one**two)
    size = max(abs(one.numerator).bit_length(), one.denominator.bit_length())
    if size > 1 and size * abs(two) > 2 * MOST_BITS:
        raise Fault(f"the power has more than {MOST_BITS} bits")
    return divide(1, one**-two) if two < 0 else whole(one**two)


def _divisor(value: Value) -> Value:
    if _plain(value) and value == 0:
        raise Fault("division by zero")
    return value


def reaches(one: Value, two: Value) -> bool:
    """Whether `one >= two`."""
    numbers(one, two)
    return bool(one >= two) if _plain(one) and _plain(two) else at_least(one, two)


def indexed(values: Value, place: Value) -> Value:
    """The value at a place of a list; -1 is the last."""
    if not isinstance(values, tuple):
        raise Fault("only a list has an index", found=shown(values))
    if isinstance(place, bool) or not isinstance(place, int):
        raise Fault("an index must be a whole number", found=shown(place))
    if not -len(values) <= place < len(values):
        raise Fault(f"index {place} is outside a list of {len(values)}", found=shown(values))
    return values[place]


def contains(values: Value, one: Value) -> bool:
    """Whether a value is in a list."""
    if not isinstance(values, tuple):
        raise Fault("'in' needs a list on its right", found=shown(values))
    return any(equal(one, item) for item in values)


def equal(one: Value, two: Value) -> bool:
    """Whether two values of one kind are equal; to compare different kinds is a mistake."""
    if type(one) is int and type(two) is int:
        return one == two
    _check_word(one, two)
    _check_word(two, one)
    kinds = _kind(one), _kind(two)
    if kinds[0] != kinds[1]:
        raise Fault(f"{kinds[0]} never equals {kinds[1]}", found=f"{shown(one)} and {shown(two)}")
    if kinds[0] == "a number" and not (_plain(one) and _plain(two)):
        return same(one, two)
    if kinds[0] == "a list":
        return len(one) == len(two) and all(map(equal, one, two))
    return bool(one == two)


def _check_word(word: Value, other: Value) -> None:
    if type(word) is Word and type(other) is str and not word.legal(other):
        fix = near(other, word.listed())
        raise Fault(f"'{other}' is {word.kind}, so the two are never equal", fix=fix)


def _kind(value: Value) -> str:
    if isinstance(value, str):
        return "a word"
    if isinstance(value, bool):
        return "a truth value"
    return "a list" if isinstance(value, tuple) else "a number"


# ------------------------------------------------------------------------------------- functions


class Function(NamedTuple):
    """A function of numbers, given as arguments or, where `takes` says so, as one list."""

    apply: Callable[..., Any]
    least: int
    most: int
    takes: str = NUMBERS


def call(name: str, arguments: list[Value]) -> Value:
    """The value of a function. Symbols go to the judge, except in functions that only count or add."""
    function = FUNCTIONS[name]
    listed = len(arguments) == 1 and isinstance(arguments[0], tuple)
    items = arguments[0] if listed and function.takes != NUMBERS else arguments
    if name == "len" and listed:
        return len(items)
    missing = not items if function.takes == NUMBERS_OR_LIST else function.takes != NUMBERS and not listed
    if missing or any(isinstance(item, bool | str | tuple) for item in items):
        raise Fault(f"{name} needs {function.takes}", found=", ".join(map(shown, arguments)))
    if name != "sum" and not all(map(_plain, items)):
        return judge.get().function(name, [*items])
    return bounded(function.apply(*items))


def divisible(value: Value, divisor: Value = 8) -> Value:
    """The nearest multiple of `divisor`, at least one, and not below 90 % of the value.

    Source: TensorFlow's `make_divisible`, used by MobileNet v2 and its successors.

    >>> divisible(33), divisible(3), divisible(44)
    (32, 8, 48)
    """
    if not isinstance(divisor, int) or divisor < 1:
        raise Fault("divisible needs a divisor of at least 1", found=shown(divisor))
    nearest = max(divisor, floor(value + divide(divisor, 2), divisor) * divisor)
    return nearest + divisor if 10 * nearest < 9 * value else nearest


def square_root(value: Value) -> Value:
    """The exact square root, where there is one.

    >>> square_root(64)
    8
    """
    from math import isqrt

    above, below = (isqrt(max(part, 0)) for part in (value.numerator, value.denominator))
    if above**2 != value.numerator or below**2 != value.denominator:
        around = (
            f"a square, such as {above**2} or {(above + 1) ** 2}" if value >= 0 else "a square, at least 0"
        )
        fact = f"the square root of {shown(value)} is no exact number"
        fix = f"write a decimal: it is about {float(value) ** 0.5:.7g}" if value > 0 else ""
        raise Fault(fact, expected=around if value.denominator == 1 else "a square", fix=fix)
    return divide(above, below)


FUNCTIONS: dict[str, Function] = {
    "min": Function(lambda *items: min(items), 1, 100, NUMBERS_OR_LIST),
    "max": Function(lambda *items: max(items), 1, 100, NUMBERS_OR_LIST),
    "abs": Function(abs, 1, 1),
    "sum": Function(lambda *items: whole(sum(items)), 1, 1, "a list of numbers"),
    "len": Function(lambda *items: len(items), 1, 1, "a list"),
    "floor": Function(lambda value: value // 1, 1, 1),
    "ceil": Function(lambda value: -(-value // 1), 1, 1),
    "round": Function(lambda value: value if isinstance(value, int) else round(value), 1, 1),
    "divisible": Function(divisible, 1, 2),
    "sqrt": Function(square_root, 1, 1),
}
