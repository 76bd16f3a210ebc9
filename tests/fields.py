"""Receptive fields by experiment: which input positions an output position really sees.

Part of the input is spoilt with NaN and the network run: NaN spreads through sums, products and
comparisons alike, so an output is NaN exactly when something spoilt was among what it was computed
from. Nothing is assumed about the ops, and no influence is too small to be seen. What is multiplied
by zero counts as seen: padding is not, but positions behind an attention mask are.

The weights do not matter and are zeros. One axis is measured at a time, with the others as small as
the network allows, and with the axis enlarged until fields are no longer cut off by its ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from math import log2, prod
from typing import NamedTuple, TypeAlias

import numpy as np

from paramcalc.base.errors import Fault, SpecError
from paramcalc.base.paths import matching
from paramcalc.base.shape import CHANNELS
from paramcalc.engine.graph import Graph, Layer
from paramcalc.field.field import fields, region
from paramcalc.verify.run import Live, needed
from paramcalc.verify.tools import Array, Tools
from paramcalc.verify.weights import FLOATS, declared, owned

Build: TypeAlias = Callable[[dict[str, tuple[int, ...]]], Graph]  # the network at other input sizes

NARROW = (0, 1, 2, 3, 4, 6, 8, 12)  # times STEP, and what remains: sizes tried for axes that are not measured
STEP = 32  # networks made for sizes like 572 want their remainder kept
DOUBLINGS = 8  # of the measured axis
MOST_WORK = 100 * 10**9  # multiplications of one run


class Extent(NamedTuple):
    """What one output position sees, from `first` to `last`, and how that moves from one to the next.

    Each position sees `jump` further on than the one before; position 0 begins at `start`, below zero
    in the padding. Both are None where the input's ends cut all fields off, or where positions do
    not move evenly, or do not move. `every`: each output position sees all of the axis.
    """

    first: int
    last: int
    jump: int | Fraction | None = None
    start: int | None = None
    every: bool = False

    @property
    def size(self) -> int:
        return self.last - self.first + 1


class Field(NamedTuple):
    """What positions of a layer's output see of one axis of one input, and what they should by rule.

    It was measured at `position` along the output's axis `along` (none for a vector), with the
    middle one of others, and with an input of `length` positions along the axis.
    """

    layer: str
    input: str
    axis: str
    along: str
    position: int
    length: int
    seen: Extent
    expected: Extent

    @property
    def whole(self) -> bool:
        return (self.seen.first, self.seen.last) == (0, self.length - 1)

    @property
    def cut(self) -> bool:
        """Whether what is seen ends with the input, so that it cannot be known how far it would go on."""
        return self.seen.first == 0 or self.seen.last == self.length - 1

    @property
    def agrees(self) -> bool:
        return self.seen == self.expected


def measured(build: Build, patterns: Iterable[str]) -> list[Field]:
    """The fields of the layers that patterns mean, along each axis of each input that they see.

    A plain path means the output of the layer or group, a pattern with a star every layer.

    >>> from paramcalc import load
    >>> field, _ = measured(lambda inputs: load("vgg-16").graph(inputs=inputs), ["pool2"])
    >>> field.axis, field.seen.size, field.seen.jump, field.seen.start, field.agrees
    ('height', 16, 4, -6, True)
    """
    graph = build({})
    tools = Tools()
    return [
        field
        for path in _paths(graph, patterns)
        for name, shape in graph.inputs.items()
        for axis in shape.axes
        if axis != CHANNELS
        for field in _measured(build, graph, path, name, axis, tools)
    ]


def _paths(graph: Graph, patterns: Iterable[str]) -> list[str]:
    paths = [layer.path for layer in graph.layers]
    found: dict[str, None] = {}
    for text in patterns:
        matched = matching(text, paths)
        found.update(dict.fromkeys(matched if "*" in text else matched[-1:]))
    return [*found]


def _measured(build: Build, graph: Graph, path: str, name: str, axis: str, tools: Tools) -> Iterator[Field]:
    """The field along one axis; nothing where the layer does not see the input."""
    networks = _enlarged(build, graph, path, axis)
    made_for = runs = _Runs(next(networks, graph), path, name, axis, tools)
    if not runs.seen():
        return
    while runs.uncut() is None:
        larger = next(networks, None) if runs.along else None
        if larger is None:
            yield _cut(made_for)
            return
        runs = _Runs(larger, path, name, axis, tools)
    yield _even(runs)


def _enlarged(build: Build, graph: Graph, path: str, axis: str) -> Iterator[Graph]:
    """The network with the axis at its size, doubled, doubled again, and the others as small as can be."""
    for doubling in range(DOUBLINGS):
        found = _narrowest(build, graph, axis, 2**doubling)
        if found is None or _work(found, path) > MOST_WORK:
            return
        yield found


def _narrowest(build: Build, graph: Graph, axis: str, times: int) -> Graph | None:
    for narrow in (*NARROW, None):
        dims = {
            name: tuple(
                dim * times if one == axis else dim if one == CHANNELS else _narrowed(dim, narrow)
                for one, dim in zip(shape.axes, shape.dims, strict=True)
            )
            for name, shape in graph.inputs.items()
        }
        try:
            return build(dims)
        except (Fault, SpecError):
            continue
    return None


def _narrowed(size: int, times: int | None) -> int:
    """A smaller size with the same remainder; the size itself for None."""
    return size if times is None else min(size, max(1, size % STEP + times * STEP))


def _work(graph: Graph, path: str) -> int:
    """Multiplications of a run as far as a layer, two samples at once."""
    first = len(graph.inputs)
    return 2 * sum(
        graph.layers[value - first].applied.cost.macs for value in needed(graph, [_value(graph, path)])
    )


def _value(graph: Graph, path: str) -> int:
    return next(value for value, layer in enumerate(graph.layers, len(graph.inputs)) if layer.path == path)


class Zeros:
    """Zeros for every weight, at no cost: only what depends on what matters."""

    def __init__(self, graph: Graph, dtype: str = "float32") -> None:
        largest = max((prod(dims) for dims in owned(graph).values()), default=0)
        self._memory = np.zeros(largest, FLOATS[dtype])
        self._memory.flags.writeable = False

    def arrays(self, layer: Layer, inputs: Sequence[Array]) -> dict[str, Array]:
        return {name: self._memory[: prod(dims)].reshape(dims) for name, dims in declared(layer).items()}


class _Runs:
    """Runs with either end of one input's axis spoilt, and which output positions that reached.

    `firsts[n]` tells for each position along the layer's axis whether what it sees begins at n or
    later, because it is not reached from 0 .. n - 1; `lasts[n]` whether it ends at n or later, because
    it is reached from there.
    """

    def __init__(self, graph: Graph, path: str, name: str, axis: str, tools: Tools) -> None:
        self.graph, self.path, self.name, self.axis = graph, path, name, axis
        self.length = graph.inputs[name].size(axis)
        self.value = _value(graph, path)
        self.output = graph.shape(self.value)
        self.along = axis if axis in self.output.axes else ""
        everywhere = np.ones(self.positions, bool)
        self.firsts = {0: everywhere, self.length: ~everywhere}
        self.lasts = {0: everywhere, self.length: ~everywhere}
        self._order = needed(graph, [self.value])
        self._spoilt = _first_numbers(graph, name)
        self._tools = tools
        self._weights = Zeros(graph)

    @property
    def positions(self) -> int:
        return self.output.size(self.along) if self.along else 1

    def seen(self) -> bool:
        """Whether the layer sees anything of the input at all."""
        self._cut(1, self.length - 1)
        if self.lasts[self.length - 1].any() or not self.firsts[1].all():
            return True
        return bool(self._reached(self._run(self.length, 0))[0].any())

    def uncut(self) -> int | None:
        """A position that sees neither end of the input, and so does the next; in the middle of such."""
        self._cut(1, self.length - 1)
        inside = self.firsts[1] & ~self.lasts[self.length - 1]
        both = np.flatnonzero(inside[:-1] & inside[1:])
        return int(both[len(both) // 2]) if len(both) else None

    def sees_no_end(self, position: int) -> bool:
        """Whether a position sees neither end of the input."""
        self._cut(1, self.length - 1)
        inside = self.firsts[1] & ~self.lasts[self.length - 1]
        return 0 <= position < len(inside) and bool(inside[position])

    def every_sees_all(self) -> bool:
        """Whether each output position sees both ends of the input."""
        self._cut(1, self.length - 1)
        return bool((~self.firsts[1] & self.lasts[self.length - 1]).all())

    def region(self, position: int) -> tuple[int, int]:
        """The first and the last input position that an output position sees."""
        self._cut(1, self.length - 1)
        while True:
            first, last = (self._next(known, position) for known in (self.firsts, self.lasts))
            if first is None and last is None:
                return _bounds(self.firsts, position)[0], _bounds(self.lasts, position)[0]
            self._cut(self.length if first is None else first, 0 if last is None else last)

    def _next(self, known: dict[int, Array], position: int) -> int | None:
        """The cut to try next for one end of what a position sees; None when it is known.

        Halfway between the bounds. What is known of other positions narrows them further, if the
        field moves by the usual step; what that gives is then tried at the position itself.
        """
        low, high = _bounds(known, position)
        if high - low == 1:
            return None
        jump = 2 ** round(log2(self.length / self.positions))
        shifts = jump * (np.arange(self.positions) - position)
        inner = {cut: later for cut, later in known.items() if 0 < cut < self.length}
        least = max([low, *(int((cut - shifts[later]).max(initial=low)) for cut, later in inner.items())])
        most = min([high, *(int((cut - shifts[~later]).min(initial=high)) for cut, later in inner.items())])
        if least >= most:  # it moves otherwise
            return (low + high) // 2
        if most - least > 1:
            return (least + most) // 2
        return least if least > low else most

    def _cut(self, before: int, after: int) -> None:
        """Finds out which positions see what is before one cut, and which what is after another."""
        if before not in self.firsts or after not in self.lasts:
            first, last = self._reached(self._run(before, after))
            self.firsts[before], self.lasts[after] = ~first, last

    def _run(self, before: int, after: int) -> Array:
        """The layer's output with 0 .. before - 1 spoilt in one sample, after .. length - 1 in another."""
        ends = (slice(0, before), slice(after, self.length))
        inputs: dict[str, Array] = {}
        for value, (name, shape) in enumerate(self.graph.inputs.items()):
            kind = np.float32 if CHANNELS in shape.axes else np.int64
            inputs[name] = np.zeros((2, *shape.dims), kind)
            if value in self._spoilt:
                _spoil(inputs[name], 1 + shape.axes.index(self.axis), ends)
        live = Live(self.graph, inputs, self._order, [self.value])
        with np.errstate(all="ignore"):
            for value in self._order:
                y = live.forward(value, self._tools, self._weights.arrays(live.layer(value), ()))
                if value in self._spoilt:
                    y = y.copy()
                    _spoil(y, 1 + self.graph.shape(value).axes.index(self.axis), ends)
                live.hold(value, y)
                live.release(value)
        return live.arrays[self.value]

    def _reached(self, y: Array) -> tuple[Array, Array]:
        """For both samples, which positions along the axis are spoilt, in the middle of other axes."""
        middle = tuple(
            slice(None) if one in (CHANNELS, self.along) else slice(dim // 2, dim // 2 + 1)
            for one, dim in zip(self.output.axes, self.output.dims, strict=True)
        )
        others = tuple(
            place for place, one in enumerate(self.output.axes) if one != self.along or not self.along
        )
        first, second = (np.isnan(sample[middle]).any(axis=others) for sample in y)
        return np.atleast_1d(first), np.atleast_1d(second)


def _first_numbers(graph: Graph, name: str) -> set[int]:
    """The values to spoil for an input: itself, or, where it holds token ids, what is looked up."""
    value = [*graph.inputs].index(name)
    if CHANNELS in graph.inputs[name].axes:
        return {value}
    return {place for place, layer in enumerate(graph.layers, len(graph.inputs)) if value in layer.inputs}


def _spoil(array: Array, axis: int, ends: tuple[slice, slice]) -> None:
    for sample, end in zip(array, ends, strict=True):
        sample[(slice(None),) * (axis - 1) + (end,)] = np.nan


def _bounds(known: dict[int, Array], position: int) -> tuple[int, int]:
    """Cuts between which an end lies: at the first or later, before the second."""
    later = [cut for cut, positions in known.items() if positions[position]]
    earlier = [cut for cut, positions in known.items() if not positions[position]]
    return max(later), min(earlier)


def _even(runs: _Runs) -> Field:
    """The field of positions that see neither end of the input."""
    place = runs.uncut() or 0
    first, last = runs.region(place)
    jump = runs.region(place + 1)[0] - first
    steps = (1, -1) if runs.sees_no_end(place - 1) else (1,)  # of a pair alone, one may stand still
    moved = {step: (first + step * jump, last + step * jump) for step in steps}
    even = jump > 0 and all(runs.region(place + step) == seen for step, seen in moved.items())
    return _field(runs, place, (first, last), jump if even else None)


def _cut(runs: _Runs) -> Field:
    """The field of the middle position at the size that the network is made for."""
    place = runs.positions // 2
    return _field(runs, place, runs.region(place), None)


def _field(runs: _Runs, place: int, span: tuple[int, int], jump: int | None) -> Field:
    first, last = span
    start = None if jump is None else first - place * jump
    seen = Extent(first, last, jump, start, runs.every_sees_all())
    return Field(
        layer=runs.path,
        input=runs.name,
        axis=runs.axis,
        along=runs.along,
        position=place,
        length=runs.length,
        seen=seen,
        expected=_expected(runs, place, seen),
    )


def _expected(runs: _Runs, place: int, seen: Extent) -> Extent:
    """The same by rule: how it moves only where that was measured, and beyond the input nothing.

    What a position sees is known in two ways, followed back from it and composed forwards. Both must
    say what was seen, the second only where no end of the input is in the way; if one does not, it
    is the one that is given.
    """
    span = _span(runs, place)
    rule = next(
        rule
        for rule in fields(runs.graph).layers[runs.value - len(runs.graph.inputs)]
        if (rule.input, rule.axis) == (runs.name, runs.axis)
    )
    composed = rule.reach.over(place, place) if rule.along else rule.reach.over(0, 0)
    if span == (seen.first, seen.last) and composed[0] > 0 and composed[1] < runs.length - 1:
        span = composed
    whole = (0, runs.length - 1)
    every = span == whole and all(_span(runs, other) == whole for other in range(runs.positions))
    if seen.jump is None:
        return Extent(*span, every=every)
    return Extent(*span, rule.jump, rule.start, every)


def _span(runs: _Runs, place: int) -> tuple[int, int]:
    """What a position sees, followed back through the network; from 0 to -1 where that is nothing."""
    middle = {axis: dim // 2 for axis, dim in zip(*runs.output, strict=True) if axis != CHANNELS}
    position = {axis: place if axis == runs.along else at for axis, at in middle.items()}
    boxes = region(runs.graph, runs.value - len(runs.graph.inputs), position)
    return boxes[runs.name][runs.axis] if runs.name in boxes else (0, -1)
