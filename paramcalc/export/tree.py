"""A graph as groups inside groups, each with the tensors that enter and leave it.

Whatever writes a network group by group (classes, functions, boxes of a diagram) needs this and
nothing of how the groups came about. Branches that exist in training only are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from paramcalc.engine.graph import Graph, Layer

JOINED = "joined"  # the part of a named join that joins: its path is that of the group of its branches


class Leaf(NamedTuple):
    """A layer in its group. `inputs` and `output` are value numbers."""

    name: str
    layer: Layer
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class Group(NamedTuple):
    """Parts in the order in which they run; `block` is the name of the block that the group calls, or ''."""

    name: str
    path: str
    block: str
    parts: tuple[Leaf | Group, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def numbered(self) -> bool:
        """Whether the parts are the rounds of a repeat."""
        return all(part.name.isdecimal() for part in self.parts)

    @property
    def is_chain(self) -> bool:
        """Whether one tensor runs through all parts, each of which reads the one before."""
        return (
            len(self.inputs) == 1
            and bool(self.parts)
            and self.parts[0].inputs == self.inputs
            and all(len(part.inputs) == 1 == len(part.outputs) for part in self.parts)
            and all(two.inputs == one.outputs for one, two in pairwise(self.parts))
            and self.outputs == self.parts[-1].outputs
        )


def tree(graph: Graph) -> Group:
    """The whole network as a group without a name."""
    first = len(graph.inputs)
    kept = [(first + place, layer) for place, layer in enumerate(graph.layers) if not layer.auxiliary]
    groups = {path for _, layer in kept for path in _above(layer.path)}
    places = {value: _parts(layer.path, groups) for value, layer in kept}
    return _Grower(graph, kept, places).group("", "", [*range(len(kept))], 0)


def _above(path: str) -> Iterator[str]:
    parts = path.split("/")
    return ("/".join(parts[:depth]) for depth in range(1, len(parts)))


def _parts(path: str, groups: set[str]) -> tuple[str, ...]:
    return (*path.split("/"), JOINED) if path in groups else tuple(path.split("/"))


class _Grower:
    def __init__(
        self, graph: Graph, kept: list[tuple[int, Layer]], places: dict[int, tuple[str, ...]]
    ) -> None:
        self.graph, self.kept, self.places = graph, kept, places
        self.escapes = dict.fromkeys(
            places, 0
        )  # how many groups around a value all its readers have in common
        readers: dict[int, int] = {}
        for value, layer in kept:
            for read in layer.inputs:
                if read in places:
                    common = _common(places[read], places[value])
                    readers[read] = min(common, readers.get(read, common))
        self.escapes |= readers
        self.escapes |= {value: 0 for value in graph.outputs if value in places}

    def group(self, name: str, path: str, members: list[int], depth: int) -> Group:
        """The group of these layers, whose paths agree in so many parts."""
        lots: list[tuple[str, list[int]]] = []
        for member in members:
            part = self.places[self.kept[member][0]][depth]
            if not lots or lots[-1][0] != part:
                lots.append((part, []))
            lots[-1][1].append(member)
        parts: list[Leaf | Group] = []
        for part, lot in lots:
            value, layer = self.kept[lot[0]]
            if len(self.places[value]) == depth + 1:
                parts.append(Leaf(part, layer, layer.inputs, (value,)))
            else:
                parts.append(self.group(part, f"{path}/{part}".lstrip("/"), lot, depth + 1))
        inside = {self.kept[member][0] for member in members}
        read = (value for member in members for value in self.kept[member][1].inputs)
        inputs = tuple(dict.fromkeys(value for value in read if value not in inside))
        outputs = tuple(value for value in sorted(inside) if self.escapes[value] < depth)
        if depth == 0:
            inputs, outputs = tuple(range(len(self.graph.inputs))), self.graph.outputs
        call = self.graph.calls.get(path)
        return Group(name, path, call.block if call else "", tuple(parts), inputs, outputs)


def _common(one: tuple[str, ...], two: tuple[str, ...]) -> int:
    """How many parts at the front two paths share."""
    count = 0
    for a, b in zip(one, two, strict=False):
        if a != b:
            break
        count += 1
    return count
