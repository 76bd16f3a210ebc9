"""Layers that a source amounts to, before they are grouped and named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from paramcalc.base.shape import Shape, image
from paramcalc.importing.source import Module, SourceNode
from paramcalc.ops.attributes import op
from paramcalc.ops.base import Op


class Placed(NamedTuple):
    """A layer: its op, the numbers of what it reads, where it was called, and whose weights it has.

    `weights` are the source's names of its weights and buffers, by ours.
    """

    op: Op
    inputs: tuple[int, ...]
    modules: tuple[Module, ...]
    weights: Mapping[str, str]


class Missing(NamedTuple):
    """An operation without a counterpart."""

    node: SourceNode
    why: str


class Lowered(NamedTuple):
    """A network of layers. Values are numbered: inputs first, then one for each layer."""

    inputs: Mapping[str, Shape]
    layers: tuple[Placed, ...]
    shapes: tuple[Shape, ...]
    outputs: Mapping[str, int]
    missing: tuple[Missing, ...]
    notes: tuple[str, ...]
    auxiliary: Mapping[str, int] = {}  # ends of branches that exist in training only
    computed: frozenset[str] = frozenset()  # values of the source that no input reaches, and layers compute
    unread: int = 0  # parameters of the source that no layer has


def reshape_to(shape: Shape) -> Op:
    """The reshape that gives a shape."""
    if shape.axes == image(*shape.dims).axes if len(shape.dims) < 5 else False:
        return op("flatten") if len(shape.dims) == 1 else op("reshape", shape.dims)
    return op("reshape", shape.dims, axes=shape.axes)


def needed_layers(first: int, layers: Sequence[Placed], outputs: Iterable[int]) -> set[int]:
    """The layers that the outputs read, by their numbers."""
    read = set(outputs)
    for place in range(first + len(layers) - 1, first - 1, -1):
        if place in read:
            read.update(layers[place - first].inputs)
    return read
