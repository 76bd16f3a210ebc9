"""Attributes of ops: from the values that a spec gives to the fields of an op.

A field's annotation names its kind, and a kind is a function from the value of an expression to
the value that the op's rules see. Values are whole numbers (or symbols), exact fractions, words,
booleans, and tuples of these.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

from paramcalc import ops
from paramcalc.base.errors import Fault, near
from paramcalc.base.sizes import Size, at_least, divides
from paramcalc.ops.base import Op

Few: TypeAlias = Size  # a number of at least 1 that other things are named after or chosen by, no size
Count: TypeAlias = Size  # a whole number, zero included
Int: TypeAlias = Size  # any whole number
Ints: TypeAlias = tuple[Size, ...]
Sizes: TypeAlias = tuple[Size, ...]  # positive sizes, as many as are given
Number: TypeAlias = Any  # an exact number: int or Fraction
Flag: TypeAlias = bool
Part: TypeAlias = Any  # how many of something: a size, True for all, False for none
Word: TypeAlias = str
Words: TypeAlias = tuple[str, ...]
PerAxis: TypeAlias = tuple[Size, ...]  # one positive size for each spatial axis
CountPerAxis: TypeAlias = tuple[Size, ...]  # the same, zero included
Padding: TypeAlias = Any  # 'same', 'valid', or a pair (before, after) for each spatial axis
Margins: TypeAlias = tuple[tuple[Size, Size], ...]  # (before, after) for each axis, or once for all
Table: TypeAlias = tuple[tuple[int, ...], ...]

NONE = "none"  # as a spec writes it
PADDING_WORDS = ("same", "valid")

Kind: TypeAlias = Callable[[type[Op], Any], Any]


def size(op: type[Op], value: Any) -> Size:
    """A whole number of at least 1."""
    whole = integer(op, value)
    if not at_least(whole, 1):
        raise Fault("must be at least 1", found=str(value))
    return whole


def count(op: type[Op], value: Any) -> Size:
    """A whole number of at least 0."""
    whole = integer(op, value)
    if not at_least(whole, 0):
        raise Fault("must not be negative", found=str(value))
    return whole


def integer(op: type[Op], value: Any) -> Size:
    """A whole number."""
    if type(value) is int:
        return value
    if isinstance(value, bool | str | tuple):
        raise Fault("must be a whole number", found=shown(value))
    if not divides(value.denominator, value.numerator):
        raise Fault(
            "must be a whole number", found=shown(value), fix="round down with //, or up with ceil( )"
        )
    return value  # type: ignore[no-any-return]


def integers(op: type[Op], value: Any) -> Ints:
    """A tuple of whole numbers."""
    if not isinstance(value, tuple):
        value = (value,)
    return tuple(integer(op, item) for item in value)


def sizes(op: type[Op], value: Any) -> Sizes:
    """One size or a tuple of sizes, all at least 1."""
    return tuple(size(op, item) for item in value) if isinstance(value, tuple) else (size(op, value),)


def margins(op: type[Op], value: Any) -> Margins:
    """Amounts before and after: one number for all axes, or a number or a pair for each axis."""
    return tuple(_pair(op, item) for item in (value if isinstance(value, tuple) else (value,)))


def number(op: type[Op], value: Any) -> Number:
    """An exact number."""
    if isinstance(value, bool | str | tuple):
        raise Fault("must be a number", found=shown(value))
    return value


def flag(op: type[Op], value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise Fault("must be true or false", found=shown(value))
    return value


def part(op: type[Op], value: Any) -> Part:
    """All, none, or a whole number of at least 1."""
    return value if isinstance(value, bool) else size(op, value)


def word(op: type[Op], value: Any) -> str:
    """A word."""
    if not isinstance(value, str):
        raise Fault("must be a word", found=shown(value))
    return str(value)


def words(op: type[Op], value: Any) -> Words:
    """One word or a tuple of words."""
    return tuple(word(op, item) for item in value) if isinstance(value, tuple) else (word(op, value),)


def per_axis(op: type[Op], value: Any) -> PerAxis:
    """One size for all spatial axes, or one for each; all at least 1."""
    return tuple(size(op, item) for item in _spread(op, value))


def count_per_axis(op: type[Op], value: Any) -> CountPerAxis:
    """One whole number for all spatial axes, or one for each; none negative."""
    return tuple(count(op, item) for item in _spread(op, value))


def padding(op: type[Op], value: Any) -> Padding:
    """`same`, `valid`, or zeros before and after, for each spatial axis."""
    if isinstance(value, str):
        if value not in PADDING_WORDS:
            raise Fault(
                "must be a number, a pair, or the word same or valid",
                found=f"'{value}'",
                fix=near(value, PADDING_WORDS),
            )
        return str(value)
    if op.rank == 1 and isinstance(value, tuple) and len(value) == 2:
        value = (value,)  # the only axis needs no brackets of its own
    return tuple(_pair(op, item) for item in _spread(op, value))


def table(op: type[Op], value: Any) -> Table:
    """A list of lists of whole numbers."""
    if not isinstance(value, tuple) or not all(isinstance(row, tuple) for row in value):
        raise Fault("must be a list of lists of whole numbers", found=shown(value))
    return tuple(tuple(count(op, item) for item in row) for row in value)


def _spread(op: type[Op], value: Any) -> tuple[Any, ...]:
    if not isinstance(value, tuple):
        return (value,) * op.rank
    if len(value) != op.rank:
        raise Fault(
            "must be one number" + (f", or one for each of the {op.rank} axes" if op.rank > 1 else ""),
            found=f"{len(value)} numbers, {shown(value)}",
        )
    return value


def _pair(op: type[Op], value: Any) -> tuple[Size, Size]:
    if not isinstance(value, tuple):
        both = count(op, value)
        return both, both
    if len(value) != 2:
        raise Fault("must give two numbers, before and after an axis", found=shown(value))
    return count(op, value[0]), count(op, value[1])


def shown(value: Any) -> str:
    """A value as a spec would write it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    if type(value).__module__ == "fractions":
        return _decimal(value)
    return f"'{value}'" if isinstance(value, str) else str(value)


def _decimal(value: Any) -> str:
    """An exact fraction in decimals where those are exact too, else as numerator/denominator."""
    digits = repr(float(value))
    return digits if type(value)(digits) == value else str(value)


# Each kind of attribute: what reads a value of it, and what a value is in a few words.
KINDS: dict[str, tuple[Kind, str]] = {
    "Size": (size, "a whole number of at least 1"),
    "Few": (size, "a whole number of at least 1"),
    "Count": (count, "a whole number of at least 0"),
    "Int": (integer, "a whole number"),
    "Ints": (integers, "whole numbers"),
    "Sizes": (sizes, "sizes"),
    "Number": (number, "a number"),
    "Flag": (flag, "true or false"),
    "Part": (part, "true for all, false for none, or a whole number of at least 1"),
    "Word": (word, "a word"),
    "Words": (words, "words"),
    "PerAxis": (per_axis, "one size, or one per axis"),
    "CountPerAxis": (count_per_axis, "one whole number, or one per axis"),
    "Padding": (padding, "one number, one per axis, pairs (before, after), same, or valid"),
    "Margins": (margins, "one number, one per axis, or pairs (before, after)"),
    "Table": (table, "a list of lists of whole numbers"),
}


class Attribute:
    """One field of an op, as the spec language sees it."""

    def __init__(self, field: dataclasses.Field[Any]) -> None:
        annotation = str(field.type)
        self.name = field.name
        self.kind = annotation.removesuffix(" | None")
        self.optional = annotation.endswith(" | None")
        if self.kind not in KINDS:
            kinds = ", ".join(KINDS)
            fix = f"annotate it with a kind of paramcalc.ops.attributes: {kinds}"
            if not isinstance(field.type, str):
                fix = f"begin the file with: from __future__ import annotations; then {fix}"
            raise Fault(f"the attribute '{field.name}' has no kind", found=annotation, fix=fix)
        self._read, self.meaning = KINDS[self.kind]
        self.required = field.default is dataclasses.MISSING
        self.default = None if self.required else field.default
        self.choices: tuple[str, ...] = field.metadata.get("choices", ())

    @property
    def words(self) -> tuple[str, ...]:
        """The words that are legal here; an identifier means one of these before anything else."""
        return PADDING_WORDS if self.kind == "Padding" else self.choices

    @property
    def legal_words(self) -> tuple[str, ...]:
        """These, and `none` where the attribute may be left out for good."""
        return (*self.words, NONE) if self.optional else self.words

    def convert(self, op: type[Op], value: Any) -> Any:
        """The field's value; a `Fault` about this attribute when the given value does not fit."""
        if self.optional and (value is None or value == NONE):
            return None
        try:
            converted = self._read(op, value)
        except Fault as fault:
            raise Fault(
                f"{op.name}: {self.name} {fault.fact}",
                expected=fault.expected or (self.choices and f"one of {', '.join(self.choices)}") or "",
                found=fault.found,
                fix=fault.fix,
                about=self.name,
            ) from None
        if self.choices and not set(self.choices).issuperset(_each(converted)):
            raise Fault(
                f"{op.name}: {self.name} must be one of {', '.join(self.choices)}",
                found=shown(value),
                fix=near(str(value), self.choices),
                about=self.name,
            )
        return converted

    def shortest(self, op: type[Op], value: Any) -> Any:
        """The least that can be given for a field's value: one number for what all axes, or both ends, have.

        Whatever is given is read as this very value: (0, 1) at both axes is not shortened, as it would
        be read as 0 at the one and 1 at the other.
        """
        ends = tuple(_evened(item) for item in _each(value))
        for given in (_evened(ends), ends):
            try:
                if self.convert(op, given) == value:
                    return given
            except Fault:  # not all kinds can be given so
                continue
        return value


def _evened(value: Any) -> Any:
    """The item of a tuple whose items are all equal; else the value itself."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


def _each(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


_attributes: dict[type[Op], dict[str, Attribute]] = {}


def attributes(op: type[Op]) -> dict[str, Attribute]:
    """The attributes of an op by name, in positional order."""
    found = _attributes.get(op)
    if found is None:
        fields = dataclasses.fields(op)  # type: ignore[arg-type]
        found = _attributes[op] = {field.name: Attribute(field) for field in fields}
    return found


def build(op: type[Op], values: Mapping[str, Any]) -> Op:
    """An op with the given attribute values; the rest take their defaults.

    Raises `Fault` with `about` set to the attribute that is unknown, missing or unfit.
    """
    known = attributes(op)
    converted = {}
    for name, value in values.items():
        if name not in known:
            raise Fault(
                f"{op.name} has no attribute '{name}'",
                fix=near(name, known) or listed(known),
                about=name,
            )
        converted[name] = known[name].convert(op, value)
    for name, attribute in known.items():
        if name not in converted:
            if attribute.required:
                raise Fault(f"{op.name} needs '{name}'", fix=listed(known))
            converted[name] = attribute.convert(op, attribute.default)
    return op(**converted)


def op(name: str, *values: Any, **named: Any) -> Op:
    """The op of that name with attributes as a spec gives them, by place or by name.

    >>> op("conv2d", 64, 7, stride=2, padding="same").kernel_size
    (7, 7)
    """
    kind = ops.find(name)
    if kind is None:
        raise Fault(f"there is no op '{name}'", fix=near(name, ops.names()))
    if len(values) > len(attributes(kind)):
        raise Fault(f"{name} takes at most {len(attributes(kind))} values", fix=listed(attributes(kind)))
    return build(kind, {**dict(zip(attributes(kind), values, strict=False)), **named})


def listed(names: Collection[str]) -> str:
    """A remark that names the attributes of an op."""
    if not names:
        return "it has no attributes"
    return f"its attribute{'s are' if len(names) > 1 else ' is'} {', '.join(names)}"
