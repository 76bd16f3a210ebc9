"""The state of lowering: layers so far, and what each value of the source is among them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from fractions import Fraction
from math import prod
from typing import NamedTuple

from paramcalc.base.origins import origin
from paramcalc.base.shape import CHANNELS, SPACE, Shape
from paramcalc.engine.builder import Builder
from paramcalc.importing.layers import Placed, reshape_to
from paramcalc.importing.layout import UNNAMED, Dims, Labels, labels_of, shape_of
from paramcalc.importing.source import Primitive, SourceNetwork, SourceNode, Value
from paramcalc.ops.base import Op


class Laid(NamedTuple):
    """A value of the source: its number here, its labels, its sizes with the batch.

    An axis of size 1 may be one along which the source has it spread. An array of more axes than have
    names is UNNAMED: its elements are in this order, under whatever shape.
    """

    value: int
    labels: Labels
    dims: Dims

    @property
    def named(self) -> bool:
        return UNNAMED not in self.labels


class Constant(NamedTuple):
    """A value that no input reaches, by name; `learned` when a parameter does."""

    value: Value
    dims: Dims
    learned: bool
    roots: tuple[str, ...] = ()  # the parameters that it is computed of
    looked_up: bool = False  # rows of a table
    made: Value = ""  # what the source calls it


Argument = Laid | Constant | float | None


class Unknown(Exception):
    """An operation that our ops cannot express; says why, or nothing."""


class Lowering:
    """Adds layers for node after node."""

    def __init__(self, source: SourceNetwork, extra: Mapping[str, Shape] = {}) -> None:
        self.source = source
        self.dims: dict[Value, Dims] = {name: weight.dims for name, weight in source.weights.items()}
        self.builder = Builder()
        self.laid: dict[Value, Laid] = {}
        self.layers: list[Placed] = []
        self.notes: list[str] = []
        self.node: SourceNode | None = None
        self.constants: Mapping[Value, Constant] = {}
        self.makers: dict[Value, SourceNode] = {node.value: node for node in source.nodes}
        self._kinds: dict[Value, set[str]] = {}
        self.computed: set[Value] = set()  # values that no input reaches, and that are layers all the same
        self.prepared: dict[Value, Laid] = {}  # those
        self._made: dict[tuple[object, ...], int] = {}
        for name, shape in {**source.inputs, **extra}.items():
            dims = (1, *shape.dims)
            self.laid[name] = Laid(self.builder.input(name, shape), labels_of(shape, dims), dims)

    # ---------------------------------------------------------------------------------- adding

    def add(self, made: Op, *inputs: int, **weights: str | None) -> int:
        """A layer of the present node; the number of its value. Equal layers without weights are one."""
        assert self.node is not None
        made = plain(made)
        named = {ours: name for ours, name in weights.items() if name is not None}
        key = (type(made).name, made, inputs, self.node.modules, *named.items())
        if (not named or not inputs) and key in self._made:
            return self._made[key]
        value = self.builder.add(made, inputs, f"layer_{len(self.layers)}")
        for ours in made.weights(*(self.shape(read) for read in inputs)) if named else ():
            weight = self.source.weights.get(origin(named.get(ours, "")).name)
            if weight is not None and not weight.learned:
                raise Unknown(f"its {ours} is fixed, not learned")
        self.layers.append(Placed(made, inputs, self.node.modules, named))
        self._made[key] = value
        return value

    def whole(self, x: Constant) -> bool:
        """Whether a constant is a weight, or all of one, under whatever sizes: no sum, and no part of it."""
        return x.value in self.source.weights and self.all_of_it(x)

    def all_of_it(self, x: Constant) -> bool:
        """Whether a constant has as many numbers as the parameters that it is computed of."""
        return bool(x.roots) and sum(prod(self.source.weights[root].dims) for root in x.roots) == prod(x.dims)

    def read_otherwise(self, x: Constant, node: SourceNode) -> bool:
        """Whether operations of another kind read the same weight, so that it must be a layer of its own."""
        if not self._kinds:
            for one in self.source.nodes:
                renamed = (
                    one.value in self.constants and self.constants[one.value].value in self.source.weights
                )
                read = [value for value in one.inputs if isinstance(value, str)]
                for value in read if isinstance(one.call, Primitive) and not renamed else ():
                    name = self.constants[value].value if value in self.constants else value
                    self._kinds.setdefault(name, set()).add(one.call.name)
        return len(self._kinds.get(x.value, ())) > 1

    def take_back(self, layers: int) -> None:
        """Only the first so many layers stay."""
        self.builder.take_back(layers)
        del self.layers[layers:]
        self._made = {key: value for key, value in self._made.items() if value < self.builder.first + layers}

    def shape(self, value: int) -> Shape:
        return self.builder.shapes[value]

    def put(self, value: int, labels: Labels | None = None, dims: Dims | None = None) -> Laid:
        """What the present node gives. Its sizes are those that the source states, or `Unknown`."""
        assert self.node is not None
        dims = self.node.dims if dims is None else dims
        shape = self.shape(value)
        labels = labels_like(shape, dims) if labels is None else labels
        if UNNAMED in labels and prod(dims) == shape.elements:
            return Laid(value, labels, dims)
        if UNNAMED in labels or shape_of(labels, dims) != shape:
            raise Unknown(f"it gives {_sizes(dims)}, and what is known of it gives {shape}")
        return Laid(value, labels, dims)

    # ------------------------------------------------------------------------------- relabeling

    def relabeled(self, x: Laid, labels: Labels) -> Laid:
        """The same array under other labels: by a reshape, if anything changes."""
        if x.labels == labels and x.named:
            return x
        wanted = shape_of(labels, x.dims)
        if wanted == self.shape(x.value):
            return Laid(x.value, labels, x.dims)
        if wanted.elements != self.shape(x.value).elements:
            raise Unknown("its input has an axis too many")
        return Laid(self.add(reshape_to(wanted), x.value), labels, x.dims)

    def image(self, x: Laid, rank: int) -> Laid:
        """An array batch x channels x space with just these labels."""
        if len(x.dims) != rank + 2 or x.dims[0] != 1:
            raise Unknown(f"it works on {_sizes(x.dims)}, more than one image")
        return self.relabeled(x, ("", CHANNELS, *SPACE[rank]))

    def channels_last(self, x: Laid) -> Laid:
        """An array whose last axis is the channels."""
        if x.labels and x.labels[-1] == CHANNELS:
            return x
        if not x.named:
            rows = Laid(x.value, (UNNAMED, UNNAMED), (prod(x.dims[:-1]), x.dims[-1]))
            return x._replace(value=self.relabeled(rows, ("length", CHANNELS)).value)
        labels = [*x.labels]
        other = labels[-1] or next(
            (axis for axis in ("length", "height", "width", "depth") if axis not in labels), ""
        )
        labels = [other if label == CHANNELS and x.dims[at] != 1 else "" if label == CHANNELS else label
                  for at, label in enumerate(labels)]  # fmt: skip
        return self.relabeled(x, (*labels[:-1], CHANNELS))


def plain(made: Op) -> Op:
    """An op with its own default where it was given the same number: 1/100000 is the default 1e-5."""
    fields = {field.name: field.default for field in dataclasses.fields(made)}  # type: ignore[arg-type]
    same = {
        name: default
        for name, default in fields.items()
        if isinstance(default, float)
        and isinstance(getattr(made, name), Fraction)
        and Fraction(repr(default)) == getattr(made, name)
    }
    return dataclasses.replace(made, **same) if same else made  # type: ignore[type-var]


def labels_like(shape: Shape, dims: Dims) -> Labels:
    """The labels that give an array this shape; axes that the shape lacks have size 1."""
    labels = [""] * len(dims)
    at = len(dims)
    for axis, size in zip(reversed(shape.axes), reversed(shape.dims), strict=True):
        at -= 1
        while at >= 0 and dims[at] != size:
            at -= 1
        if at < 0:
            raise Unknown(f"it gives {_sizes(dims)}, and what is known of it gives {shape}")
        labels[at] = axis
    return tuple(labels)


def _sizes(dims: Dims) -> str:
    return "x".join(map(str, dims)) or "a number"
