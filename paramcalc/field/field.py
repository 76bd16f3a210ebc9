"""Receptive fields: which input positions an output position sees, over the whole graph.

Two questions are answered, both exactly. `fields` follows the graph forwards and gives the field of
every layer as a rule (size, jump, start), as if the input went on beyond its edges; that is what the
literature prints. `region` follows one position backwards, without what padding hides, and `seers`
asks it which positions see a given one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from math import lcm
from typing import NamedTuple, TypeAlias

from paramcalc.base.errors import Fault, Problem, SpecError
from paramcalc.base.paths import matching
from paramcalc.base.reach import MOST_POSITIONS, Reach, alike, joined, tabled, through
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.engine.graph import Graph, Layer

Source: TypeAlias = tuple[str, str]  # an input's name and one of its axes
Seen: TypeAlias = dict[Source, Reach]  # what a value's positions see; nothing of a source left out
Rule: TypeAlias = tuple[dict[str, Reach], ...]
Box: TypeAlias = dict[str, tuple[int, int]]  # first and last position along each axis but the channels


class Field(NamedTuple):
    """The receptive field of a layer's output along one axis of one input.

    Position `o` along the output's axis `along` sees `size` input positions, from `start + o*jump`
    on, padding included. Where positions see different sizes, as after upsampling, `size` is that of the
    position that sees most and `smallest` of the one that sees least. `jump` is the effective stride, on
    average: a fraction after upsampling, None where the field does not move evenly. Without `along`
    all positions see the same. `whole`: every position sees all of the axis.
    """

    input: str
    axis: str
    along: str
    size: int
    smallest: int
    jump: int | Fraction | None
    start: int
    whole: bool
    reach: Reach

    @property
    def padding(self) -> int:
        """The effective padding: how far position 0 sees beyond the input's edge."""
        return -self.start

    @property
    def even(self) -> bool:
        """Whether each field is the same `jump` further than the one before; else that is the mean."""
        return self.jump is None or (self.reach.first.even and self.reach.last.even)


class Misalignment(NamedTuple):
    """Two paths that join in a layer although their fields are centred on different places.

    `paths` names the two values that the layer reads. `shift` says how many input positions the
    centre of the second is beyond that of the first; None when the two jumps differ.
    """

    layer: str
    input: str
    axis: str
    paths: tuple[str, str]
    jumps: tuple[int | Fraction, int | Fraction]
    shift: int | Fraction | None


class Fields(NamedTuple):
    """The fields of every layer, in the graph's order, and where paths are not aligned."""

    graph: Graph
    layers: tuple[tuple[Field, ...], ...]
    misaligned: tuple[Misalignment, ...]


def fields(graph: Graph) -> Fields:
    """The receptive fields of all layers.

    >>> from paramcalc import load
    >>> found = fields(load("vgg-16").graph())
    >>> field = found.layers[find(found.graph, "pool5")][0]
    >>> field.size, field.jump, field.start
    (212, 32, -90)
    """
    values: list[Seen] = [
        {(name, axis): alike(axis) for axis in _space(shape)} for name, shape in graph.inputs.items()
    ]
    found: list[tuple[Field, ...]] = []
    misaligned: list[Misalignment] = []
    rules = _Rules()
    for layer in graph.layers:
        parts = _parts(layer, [values[number] for number in layer.inputs], rules.of(layer))
        misaligned += _misaligned(graph, layer, parts)
        values.append({source: _joined(shares, layer.output) for source, shares in parts.items()})
        found.append(_described(graph, values[-1], layer.output))
    return Fields(graph, tuple(found), tuple(misaligned))


class _Part(NamedTuple):
    """One input's share in what a layer sees of a source.

    `covered` are the output positions that read the input at all: not all, so not `complete`, where
    positions of several inputs stand one behind the other.
    """

    value: int
    reach: Reach
    covered: range
    complete: bool


class _Rules:
    """The reaches of ops on their inputs, worked out once for all equal uses."""

    def __init__(self) -> None:
        self.known: dict[int, Rule] = {}

    def of(self, layer: Layer) -> Rule:
        applied = layer.applied
        if id(applied) not in self.known:
            try:
                _check_sizes(layer)
                self.known[id(applied)] = applied.rules.reaches(*applied.inputs)
            except Fault as fault:
                problem = Problem(layer.source, layer.start, layer.end, fault.fact, fault.notes())
                raise SpecError([problem]) from None
        return self.known[id(applied)]


def _check_sizes(layer: Layer) -> None:
    """A fault where an axis is too long to go through its positions."""
    for shape in (*layer.applied.inputs, layer.output):
        if any(shape.size(axis) > MOST_POSITIONS for axis in _space(shape)):
            raise Fault(
                f"'{layer.path}' has too many positions to follow its receptive field",
                expected=f"at most {MOST_POSITIONS:,} along an axis",
                found=shape.described(),
            )


def _parts(layer: Layer, inputs: list[Seen], rule: Rule) -> dict[Source, list[_Part]]:
    """What each input shows of each source."""
    parts: dict[Source, list[_Part]] = {}
    for number, seen, shape, own in zip(layer.inputs, inputs, layer.applied.inputs, rule, strict=True):
        for source, below in seen.items():
            length = _length(layer.output, own[below.axis].axis if below.axis else "")
            reach, covered = below, range(length)
            if below.axis:
                reach = _through(own[below.axis], below, length)
                if len(inputs) > 1:
                    covered = _covered(own[below.axis], length, shape.size(below.axis))
            part = _Part(number, reach, covered, len(covered) == length)
            parts.setdefault(source, []).append(part)
    return parts


@lru_cache(maxsize=256)  # so that what neighbours see alike is one object, and compared at once
def _through(step: Reach, below: Reach, length: int) -> Reach:
    """The reach of a layer composed with that of its input; the input's own reach where it is the same."""
    reach = through(step, below, length)
    return below if reach == below else reach


@lru_cache(maxsize=64)
def _covered(step: Reach, length: int, size: int) -> range:
    """The output positions that read anything but padding; all but the outermost do."""
    if step.real(0, 0, size) and step.real(length - 1, length - 1, size):
        return range(length)
    reading = [place for place in range(length) if step.real(place, place, size)]
    return range(reading[0], reading[-1] + 1) if reading else range(0)


def _joined(parts: list[_Part], output: Shape) -> Reach:
    """The reach of a layer into a source through all its inputs."""
    if len(parts) == 1 or (all(part.complete and part.reach is parts[0].reach for part in parts)):
        return parts[0].reach
    axis = max(part.reach.axis for part in parts)
    length = _length(output, axis)
    if all(part.complete for part in parts):
        return joined([part.reach for part in parts], {name: output.size(name) for name in _space(output)})
    spans = []
    for place in range(length):
        reading = [part for part in parts if part.complete or place in part.covered] or parts[:1]
        each = [part.reach.over(place, place) for part in reading]
        spans.append((min(first for first, _ in each), max(last for _, last in each)))
    return tabled(axis, spans)


def _misaligned(graph: Graph, layer: Layer, parts: dict[Source, list[_Part]]) -> list[Misalignment]:
    """The inputs of a layer that do not fit the first one that moves over the source."""
    found = []
    for (name, axis), shares in parts.items():
        moving = [share for share in shares if share.complete and _jump(share.reach)]
        for other in moving[1:]:
            if other.reach is moving[0].reach:
                continue
            jumps = (_jump(moving[0].reach) or 0, _jump(other.reach) or 0)
            shift = _shift(moving[0].reach, other.reach) if jumps[0] == jumps[1] else None
            if shift != 0:
                paths = (graph.name(moving[0].value), graph.name(other.value))
                found.append(Misalignment(layer.path, name, axis, paths, jumps, shift))
    return found


def _shift(one: Reach, other: Reach) -> int | Fraction:
    """How far the centres of two fields of one jump are apart, on average over their rounds.

    Over all positions where it is known how many there are.
    """
    ends = (one.first, one.last, other.first, other.last)
    known = [steps.length for steps in ends if steps.length]
    rounds = min(known) if known else lcm(*(len(steps.values) for steps in ends))
    a, b, c, d = (sum(steps.at(place) for place in range(rounds)) for steps in ends)
    return _plain(Fraction(c + d - a - b, 2 * rounds))


def _described(graph: Graph, seen: Seen, output: Shape) -> tuple[Field, ...]:
    found = []
    for (name, axis), reach in seen.items():
        length, total = _length(output, reach.axis), graph.inputs[name].size(axis)
        sizes = _sizes(reach, length)
        together = [one for (other, _), one in seen.items() if other == name and one.axis == reach.axis != ""]
        found.append(
            Field(
                input=name,
                axis=axis,
                along=reach.axis,
                size=max(sizes),
                smallest=min(sizes),
                jump=_jump(reach) if len(together) == 1 else None,
                start=reach.first.at(0),
                whole=reach.first.maximum(0, length - 1) <= 0
                and reach.last.minimum(0, length - 1) >= total - 1,
                reach=reach,
            )
        )
    return tuple(found)


@lru_cache(maxsize=64)  # equal layers one after the other see the same
def _sizes(reach: Reach, length: int) -> set[int]:
    """How many positions the output positions see."""
    both = (reach.first, reach.last)
    repeats = reach.first.keeps_up(reach.last)
    places = min(lcm(*(len(steps.values) for steps in both)), length) if repeats else length
    return {reach.last.at(place) - reach.first.at(place) + 1 for place in range(places)}


@lru_cache(maxsize=64)
def _jump(reach: Reach) -> int | Fraction | None:
    """Input positions between the fields of neighbours, if both ends move on evenly."""
    first, last = reach.first, reach.last
    even = reach.axis and first.keeps_up(last) and first.rising and last.rising
    return _plain(first.pace) if even else None


def region(graph: Graph, number: int, position: Mapping[str, int]) -> dict[str, Box]:
    """The part of each input that one position of a layer's output really sees.

    `number` counts layers from 0. Of axes that the position leaves out, all positions are meant. The
    box is the smallest that holds what is seen; an input that is not seen is left out.

    >>> from paramcalc import load
    >>> graph = load("vgg-16").graph()
    >>> region(graph, find(graph, "pool5"), {"height": 0, "width": 3})
    {'input': {'height': (0, 121), 'width': (6, 217)}}
    """
    first, output = len(graph.inputs), graph.layers[number].output
    chosen = _checked(position, output)
    needed: dict[int, Box] = {
        first + number: {
            axis: (chosen.get(axis, 0), chosen.get(axis, output.size(axis) - 1)) for axis in _space(output)
        }
    }
    rules = _Rules()
    for value in range(first + number, first - 1, -1):
        if value not in needed:
            continue
        layer, box = graph.layers[value - first], needed.pop(value)
        for source, shape, rule in zip(layer.inputs, layer.applied.inputs, rules.of(layer), strict=True):
            read = _read(box, shape, rule)
            if read is not None:
                needed[source] = _hull(needed[source], read) if source in needed else read
    return {name: needed[value] for value, name in enumerate(graph.inputs) if value in needed}


def seers(network: Fields, number: int, name: str, position: Mapping[str, int]) -> Box | None:
    """The positions of a layer's output that see one position of an input; None if none does.

    >>> from paramcalc import load
    >>> found = fields(load("vgg-16").graph())
    >>> seers(found, find(found.graph, "pool2"), "input", {"height": 0, "width": 100})
    {'height': (0, 1), 'width': (23, 26)}
    """
    graph, output = network.graph, network.graph.layers[number].output
    chosen = _checked(position, graph.inputs[name])
    known = [field for field in network.layers[number] if field.input == name and field.axis in chosen]
    box = {axis: range(output.size(axis)) for axis in _space(output)}
    for field in known:
        length = _length(output, field.along)
        seeing = _seeing(graph, number, field, chosen[field.axis], length)
        if not field.along and not seeing:
            return None
        if field.along:
            both = box[field.along], seeing
            box[field.along] = range(max(one.start for one in both), min(one.stop for one in both))
    if not known or not all(box.values()):
        return None
    return {axis: (places[0], places[-1]) for axis, places in box.items()}


def _seeing(graph: Graph, number: int, field: Field, at: int, length: int) -> range:
    """The output positions along the field's axis that see an input position."""

    def span(place: int) -> tuple[int, int]:
        boxes = region(graph, number, {field.along: place} if field.along else {})
        return boxes[field.input][field.axis] if field.input in boxes else field.reach.over(place, place)

    if field.reach.first.rising and field.reach.last.rising:
        begin = bisect_left(range(length), at, key=lambda place: span(place)[1])
        return range(begin, bisect_right(range(length), at, key=lambda place: span(place)[0]))
    places = [place for place in range(length) if span(place)[0] <= at <= span(place)[1]]
    return range(places[0], places[-1] + 1) if places else range(0)


class Look(NamedTuple):
    """One layer looked at: what a position of its output sees, and which positions see one of the input.

    `at` is the position, `region` what it sees of each input. `source` is an input's name with a
    position in it, if one was asked about, and `seers` the output positions that see that.
    """

    found: Fields
    number: int
    at: dict[str, int]
    region: dict[str, Box]
    source: tuple[str, dict[str, int]] | None
    seers: Box | None

    @property
    def layer(self) -> Layer:
        return self.found.graph.layers[self.number]

    @property
    def fields(self) -> tuple[Field, ...]:
        return self.found.layers[self.number]


def look(
    network: Fields, number: int, at: Sequence[int] = (), source: tuple[str, Sequence[int]] | None = None
) -> Look:
    """A look at one layer. Positions are given in the order of the axes; none means the middle one.

    `source` asks about a position of an input, of the first one where it has no name.
    """
    graph, output = network.graph, network.graph.layers[number].output
    position = _named(at, output) if at else {axis: output.size(axis) // 2 for axis in _space(output)}
    asked = None
    if source is not None:
        name, places = source[0] or next(iter(graph.inputs)), source[1]
        if name not in graph.inputs:
            raise Fault(f"there is no input '{name}'", fix="inputs are " + ", ".join(graph.inputs))
        asked = (name, _named(places, graph.inputs[name]))
    return Look(
        network,
        number,
        position,
        region(graph, number, position),
        asked,
        seers(network, number, *asked) if asked else None,
    )


def position(text: str) -> tuple[str, tuple[int, ...]]:
    """A position as written on the command line, with the name of an input or without.

    >>> position("left=3,4"), position("100")
    (('left', (3, 4)), ('', (100,)))
    """
    name, _, places = text.rpartition("=")
    try:
        return name, tuple(int(part) for part in places.split(","))
    except ValueError:
        raise Fault(
            f"'{text}' is not a position", expected="numbers separated by commas, such as 3,4"
        ) from None


def _named(position: Sequence[int], shape: Shape) -> dict[str, int]:
    axes = _space(shape)
    if len(position) != len(axes):
        raise Fault(
            f"a position needs a number per axis: {len(axes)}, not {len(position)}",
            expected=", ".join(axes) or "no position: its elements are one unit",
            found=shape.described(),
        )
    return dict(zip(axes, position, strict=True))


def _read(box: Box, shape: Shape, rule: dict[str, Reach]) -> Box | None:
    """The part of an input that a part of the output reads; None if it reads nothing."""
    found: Box = {}
    for axis, reach in rule.items():
        span = reach.real(*(box[reach.axis] if reach.axis else (0, 0)), shape.size(axis))
        if span is None:
            return None
        found[axis] = span
    return found


def _hull(one: Box, other: Box) -> Box:
    return {
        axis: (min(begin, other[axis][0]), max(end, other[axis][1])) for axis, (begin, end) in one.items()
    }


def _checked(position: Mapping[str, int], shape: Shape) -> Mapping[str, int]:
    """The position itself; a fault where a tensor has none such."""
    for axis, at in position.items():
        if axis not in _space(shape):
            raise Fault(f"there is no {axis} axis for a position", found=shape.described())
        if not 0 <= at < shape.size(axis):
            expected = f"0 to {shape.size(axis) - 1} along the {axis}"
            raise Fault(f"there is no position {at}", expected=expected, found=shape.described())
    return position


def find(graph: Graph, pattern: str) -> int:
    """The number of a layer by its path; of a group or pattern the last layer is meant."""
    paths = {layer.path: number for number, layer in enumerate(graph.layers)}
    return max(paths[path] for path in matching(pattern, paths))


def _space(shape: Shape) -> list[str]:
    return [axis for axis in shape.axes if axis != CHANNELS]


def _length(shape: Shape, axis: str) -> int:
    """Positions along an axis; one for no axis."""
    return shape.size(axis) if axis else 1


def _plain(value: Fraction) -> int | Fraction:
    return value.numerator if value.denominator == 1 else value
