"""Axes of variation and their values: knobs, entries of list knobs, inputs, the batch, attributes.

Values that are numbers, or lists of equal length, can be put into a spec as symbols, so that one elaboration
speaks of all of them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import reduce
from math import gcd, lcm
from typing import Any, NamedTuple, TypeAlias, TypeGuard

from paramcalc.base.errors import Fault, Source, SpecError, near, visible
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.count.report import Report, count
from paramcalc.engine.elaborate import Change, Elaborator, Setting, Settings, elaborate
from paramcalc.language.expression import parse
from paramcalc.language.lines import split
from paramcalc.language.spec import Spec
from paramcalc.language.values import divide, whole
from paramcalc.ops.attributes import shown

BATCH = "batch"
MOST_VALUES = 10_000_000  # of one axis, which are held in memory
MOST_FRACTIONS = 100_000
SOURCE = Source("<varied>", "")
_LIKE_A_RANGE = re.compile(r"(\d+)\s*(?:\.\.+|-)\s*(\d+)")  # as other programs write it
_ENTRY = re.compile(r"([A-Za-z_][A-Za-z_0-9]*)\[(\d+)\]")


Number: TypeAlias = "int | Fraction"


def apart(quantities: Iterable[str], settings: Collection[str]) -> tuple[str, ...]:
    """Names for columns of quantities beside those of settings, all different.

    >>> apart(("params", "depth"), ["depth", "width"])
    ('params', 'quantity depth')
    """
    return tuple(f"quantity {name}" if name in settings else name for name in quantities)


class Axis(NamedTuple):
    """A setting and its values, in order: whole numbers, or whatever else the setting can hold.

    `name` is as a user writes it: `width`, `depths[2]`, `input`, `batch`, `conv1.kernel_size`. A whole
    number for an input is the size of all its axes but the channels.
    """

    name: str
    values: Sequence[Any]

    @property
    def whole(self) -> bool:
        """Whether all values are whole numbers, none negative."""
        if isinstance(self.values, range):
            return min(self.values[0], self.values[-1]) >= 0
        return all(map(_is_count, self.values))

    @property
    def columns(self) -> tuple[Sequence[Number], ...]:
        """The values as numbers, one column for each entry where they are lists; () for others."""
        values = self.values
        if self.whole or all(map(_is_number, values)):
            return (values,)
        lengths = {len(value) if isinstance(value, tuple) else -1 for value in values}
        if len(lengths) == 1 and all(isinstance(v, tuple) and all(map(_is_number, v)) for v in values):
            return tuple(zip(*values, strict=True))
        return ()

    def texts(self) -> list[str]:
        """The values as a spec would write them."""
        return [shown(value).strip("'") for value in self.values]


class Lattice(NamedTuple):
    """Numbers in equal steps: `scale * k + offset` for whole k of at least `least`."""

    scale: Any  # whole numbers or fractions, both
    offset: Any
    least: int

    @staticmethod
    def of(values: Sequence[Number]) -> Lattice:
        """The widest steps that reach all the values.

        >>> Lattice.of([32, 40, 64]), Lattice.of(range(5, 50, 4))
        (Lattice(scale=8, offset=0, least=4), Lattice(scale=4, offset=1, least=1))
        >>> Lattice.of([Fraction(1, 2), Fraction(3, 4), 1])
        Lattice(scale=Fraction(1, 4), offset=0, least=2)
        """
        if isinstance(values, range):
            first, below, step = min(values[0], values[-1]), 1, abs(values.step) if len(values) > 1 else 0
        else:
            below = lcm(*(value.denominator for value in values))
            first = int(min(values) * below)
            step = reduce(gcd, (int(value * below) - first for value in values), 0)
        step = step or 1
        return Lattice(divide(step, below), divide(first % step, below), first // step)


class Space:
    """A network, the settings that vary, and the settings that stay fixed.

    `knobs` and `shapes` are those of the network before anything varies.
    """

    def __init__(
        self,
        spec: Spec,
        variant: str,
        axes: Sequence[Axis],
        changes: tuple[Setting, ...] = (),
        inputs: Mapping[str, Any] | None = None,
        batch: int = 1,
    ) -> None:
        self.spec = spec
        self.variant = variant
        self.axes = tuple(axes)
        self.changes = changes
        self.inputs = dict(inputs or {})
        self.batch = batch
        graph = elaborate(spec, Settings(variant, changes, self.inputs))
        self.knobs: dict[str, Any] = dict(graph.knobs)
        self.shapes: dict[str, Shape] = dict(graph.inputs)
        for place, axis in enumerate(self.axes):
            self._check(axis, [other.name for other in self.axes[:place]])

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent to another process as what it was made from: words that are checked cannot be sent."""
        return Space, (self.spec, self.variant, self.axes, self.changes, self.inputs, self.batch)

    def __repr__(self) -> str:
        return f"<Space of {visible(self.variant or self.spec.name)}: {', '.join(axis.name for axis in self.axes)}>"

    def count(self, values: Sequence[Any]) -> Report:
        """The exact counts at one point, which has a value for each axis."""
        settings, batch = self.settings(values)
        return count(Elaborator(self.spec, settings).run(), batch)

    def settings(self, values: Sequence[Any]) -> tuple[Settings, Any]:
        """The settings to elaborate at a point, and the batch there; values may be symbols, or lists of them."""
        knobs: dict[str, Any] = {}
        changes: list[Setting] = []
        inputs = dict(self.inputs)
        batch: Any = self.batch
        for axis, value in zip(self.axes, values, strict=True):
            name, place = self.entry(axis.name)
            if name in self.knobs:
                whole = knobs.get(name, self.knobs[name])
                knobs[name] = value if place is None else (*whole[:place], value, *whole[place + 1 :])
            elif name in self.shapes:
                inputs[name] = value if isinstance(value, tuple) else self._resized(name, value)
            elif name == BATCH:
                batch = value
            else:
                layers, _, attribute = name.rpartition(".")
                changes.append(Change(layers, attribute, value, SOURCE))
        given = (Change("", name, value, SOURCE) for name, value in knobs.items())
        return Settings(self.variant, (*self.changes, *given, *changes), inputs), batch

    def usual(self, axis: Axis) -> Any:
        """The value that an axis has before anything varies; the first of its own where that is unknown."""
        name, place = self.entry(axis.name)
        if name in self.knobs:
            return self.knobs[name] if place is None else self.knobs[name][place]
        if name in self.shapes:
            dims = self.shapes[name].dims
            sizes = set(self._spread(name))
            return sizes.pop() if len(sizes) == 1 and not isinstance(axis.values[0], tuple) else dims
        return self.batch if name == BATCH else axis.values[0]

    def entry(self, name: str) -> tuple[str, int | None]:
        """The knob and the place in it that the name of an axis means; other names as they are."""
        found = _ENTRY.fullmatch(name)
        return (found[1], int(found[2])) if found and name not in self.knobs else (name, None)

    def check_names(self) -> None:
        """A `Fault` with near misses where layers or attributes are named that the first point has not."""
        if any("." in axis.name and axis.name not in (*self.knobs, *self.shapes) for axis in self.axes):
            with suppress(SpecError):
                self.count([axis.values[0] for axis in self.axes])

    def hint(self) -> str:
        """How a knob that holds a list is varied, where single values are given to one; else ''."""
        for axis in self.axes:
            whole = self.knobs.get(axis.name)
            if isinstance(whole, tuple) and whole and not any(isinstance(v, tuple) for v in axis.values):
                lists = ",".join(shown(each).replace(" ", "") for each in (whole, (whole[0],) * len(whole)))
                return f"'{axis.name}' holds a list: vary one entry, {axis.name}[0]=1:4, or '{axis.name}={lists}'"
        return ""

    def _spread(self, name: str) -> tuple[int, ...]:
        """The sizes that a single number for an input means."""
        shape = self.shapes[name]
        return shape.space or shape.dims

    def _resized(self, name: str, value: Any) -> tuple[Any, ...]:
        shape = self.shapes[name]
        alone = not shape.space
        return tuple(
            value if alone or axis != CHANNELS else dim
            for axis, dim in zip(shape.axes, shape.dims, strict=True)
        )

    def _check(self, axis: Axis, before: list[str]) -> None:
        """A `Fault` where an axis names nothing, or what another names already."""
        name, place = self.entry(axis.name)
        if axis.name in before or any(
            self.entry(other)[0] == name and None in (place, self.entry(other)[1]) for other in before
        ):
            raise Fault(f"'{name}' varies twice")
        if not axis.values:
            raise Fault(f"'{axis.name}' has no values")
        if place is None and name in (change.name for change in self.changes if _is_knob(change)):
            raise Fault(f"'{name}' varies, and is set to one value")
        if name == BATCH and self.batch != 1:
            raise Fault(f"the batch varies, and is set to {self.batch}")
        if name == BATCH and not isinstance(axis.values, range):
            odd = [value for value in axis.values if type(value) is not int]
            if odd:
                raise Fault("the batch takes whole numbers only", found=shown(odd[0]), expected=forms(BATCH))
        if name in self.knobs:
            whole = self.knobs[name]
            if place is not None and not (isinstance(whole, tuple) and place < len(whole)):
                raise Fault(f"the knob '{name}' has no entry [{place}]", found=shown(whole))
        elif name not in self.shapes and name != BATCH and "." not in name:
            known = [*self.knobs, *self.shapes, BATCH]
            fix = near(name, known) or "what can vary: " + ", ".join(known)
            raise Fault(f"there is no knob or input '{name}' in '{self.spec.name}'", fix=fix)


def axis(text: str) -> Axis:
    """An axis as the command line has it.

    Ranges have both ends: `LOW:HIGH` or `LOW:HIGH:STEP`. Lists have commas outside brackets. Fractions are
    exact.

    >>> axis("width=32:64:16"), axis("depths=[2,2],[3,4]").values
    (Axis(name='width', values=range(32, 65, 16)), ((2, 2), (3, 4)))
    >>> axis("multiplier=0.1:0.35:0.1,1").values
    (Fraction(1, 10), Fraction(1, 5), Fraction(3, 10), 1)
    """
    name, equals, written = text.partition("=")
    if not equals or not name.strip() or not written.strip():
        raise Fault(f"'{text}' does not say what varies", expected=forms(name.strip() or "width"))
    name = name.strip()
    try:
        parts = [values(token.text) for token in split(written)]
    except Fault as fault:
        raise Fault(f"{name}: {fault.fact}", expected=forms(name, "[" in written), fix=fault.fix) from None
    if len(parts) == 1:
        return Axis(name, parts[0])
    return Axis(name, tuple(dict.fromkeys(value for part in parts for value in part)))


def forms(name: str, lists: bool = False) -> str:
    """How the values of an axis, which may be lists, are written: by examples."""
    if lists:
        return f"such as {name}=[2,2,2,2],[3,4,6,3]"
    return f"a range {name}=32:96, in steps {name}=32:96:8, or values {name}=32,64,96"


def values(text: str) -> Sequence[Any]:
    """The values of one part of a list: a range, or a value by itself."""
    ends = text.split(":")
    like = _LIKE_A_RANGE.fullmatch(text.strip())
    if like and int(like[1]) < int(like[2]):
        raise Fault(f"'{text.strip()}' is not a range", fix=f"a range has a colon: {like[1]}:{like[2]}")
    if len(ends) == 1:
        return (value(text),)
    numbers = [value(end) for end in ends]
    if len(ends) > 3 or not all(_is_number(number) for number in numbers):
        raise Fault(
            f"'{text}' is not a range", fix="a range is LOW:HIGH or LOW:HIGH:STEP in numbers from 0 on"
        )
    low, high, step = (*numbers, 1)[:3]
    if len(ends) == 2 and not all(map(_is_count, numbers)):
        raise Fault(f"the range '{text}' of fractions has no step", fix=f"add one: {text.strip()}:0.05")
    if step <= 0:
        raise Fault(f"the range '{text}' has a step of {shown(step)}", fix="a step is greater than 0")
    if high < low:
        raise Fault(
            f"the range '{text}' is empty", fix=f"the lower end comes first: {shown(high)}:{shown(low)}"
        )
    counts = all(map(_is_count, (low, step)))
    amount, most = (high - low) // step + 1, MOST_VALUES if counts else MOST_FRACTIONS
    if amount > most:
        raise Fault(f"the range '{text}' has more than {most:,} values")
    if counts:
        return range(low, int(high) + 1, step)
    return tuple(whole(low + place * step) for place in range(amount))


def value(text: str) -> Any:
    """A value as a spec would write it: a number, a list, sizes as 3x224x224, or a word."""
    return parse(text.strip()).evaluate(_Words())


class _Words:
    """A scope in which every name is a word."""

    def value(self, name: str) -> str:
        return name

    def tensor(self, name: str) -> Shape:
        raise Fault(f"'{name}' has no sizes here")


def _is_knob(change: Setting) -> TypeGuard[Change]:
    return isinstance(change, Change) and not change.layers


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_number(value: Any) -> bool:
    return _is_count(value) or (isinstance(value, Fraction) and value >= 0)
