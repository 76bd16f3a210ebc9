"""A network as a diagram for Mermaid or Graphviz: boxes in boxes, equal rounds of a repeat as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import NamedTuple

from paramcalc.base.errors import visible
from paramcalc.base.shape import Shape
from paramcalc.count.report import Report, Row
from paramcalc.engine.graph import Layer
from paramcalc.export.tree import Group, Leaf, tree

MOST_BOXES = 40  # up to which groups are opened where no --depth is given
DEEPEST = 100
INDENT = "  "


class Box(NamedTuple):
    """A layer or a group; one with boxes inside is drawn around them. `times` are the rounds it stands for."""

    number: int
    name: str
    kind: str
    output: Shape | None
    params: int
    times: int
    inside: tuple[Box, ...]


class Diagram(NamedTuple):
    """Boxes, and arrows between their numbers; inputs have numbers below zero."""

    inputs: Mapping[str, Shape]
    boxes: tuple[Box, ...]
    arrows: tuple[tuple[int, int], ...]


def diagram(report: Report, depth: int | None = None) -> Diagram:
    """The network with groups opened to a depth, or as deep as it is still an overview."""
    root = tree(report.graph)
    if depth is not None:
        return _Drawer(report, root, depth).drawn()
    found = _Drawer(report, root, 1).drawn()
    for deeper in range(2, DEEPEST):
        more = _Drawer(report, root, deeper).drawn()
        if sum(1 for _ in _all(more.boxes)) > MOST_BOXES or more == found:
            break
        found = more
    return found


def mermaid(drawn: Diagram) -> str:
    """The text of a flowchart of Mermaid."""
    lines = ["flowchart TB"]
    lines += [
        f'{INDENT}in{place}(["{name}<br>{shape}"])'
        for place, (name, shape) in enumerate(drawn.inputs.items())
    ]
    lines += _nested(drawn.boxes, 1, 'subgraph g{0}["{1}"]', "end", 'n{0}["{1}"]', "<br>", {'"': "#quot;"})
    lines += [f"{INDENT}{_id(one)} --> {_id(two)}" for one, two in drawn.arrows]
    return "\n".join(lines) + "\n"


def dot(drawn: Diagram) -> str:
    """The text of a graph of Graphviz."""
    lines = ["digraph network {", f'{INDENT}node [shape=box, style=rounded, fontname="Helvetica"];']
    lines += [
        f'{INDENT}in{place} [label="{name}\\n{shape}", shape=ellipse];'
        for place, (name, shape) in enumerate(drawn.inputs.items())
    ]
    escapes = {"\\": "\\\\", '"': '\\"'}
    lines += _nested(
        drawn.boxes, 1, 'subgraph cluster_{0} {{ label="{1}";', "}", 'n{0} [label="{1}"];', "\\n", escapes
    )
    lines += [f"{INDENT}{_id(one)} -> {_id(two)};" for one, two in drawn.arrows]
    return "\n".join([*lines, "}"]) + "\n"


def _nested(
    boxes: tuple[Box, ...],
    depth: int,
    opened: str,
    closed: str,
    single: str,
    line: str,
    escapes: Mapping[str, str],
) -> Iterator[str]:
    for box in boxes:
        label = line.join(_escaped(text, escapes) for text in _label(box))
        if box.inside:
            yield INDENT * depth + opened.format(box.number, label)
            yield from _nested(box.inside, depth + 1, opened, closed, single, line, escapes)
            yield INDENT * depth + closed
        else:
            yield INDENT * depth + single.format(box.number, label)


def _escaped(text: str, escapes: Mapping[str, str]) -> str:
    for char, written in escapes.items():
        text = visible(text).replace(char, written)
    return text


def _label(box: Box) -> Iterator[str]:
    """What a box says: its name and what it is, and, unless there are boxes inside, its size."""
    times = f" x{box.times}" if box.times > 1 else ""
    yield f"{box.name}{'' if box.kind in ('', box.name) else f': {box.kind}'}{times}"
    if not box.inside:
        params = f", {box.params:,} params" if box.params else ""
        yield f"{box.output}{params}"


def _id(number: int) -> str:
    return f"in{-1 - number}" if number < 0 else f"n{number}"


def _all(boxes: tuple[Box, ...]) -> Iterator[Box]:
    for box in boxes:
        yield box
        yield from _all(box.inside)


class _Drawer:
    def __init__(self, report: Report, root: Group, depth: int) -> None:
        self.graph, self.root, self.depth = report.graph, root, depth
        counts = zip(report.graph.layers, report.layers, strict=True)
        self.counts: dict[str, Row] = {layer.path: counted for layer, counted in counts}
        self.owner: dict[int, int] = {place: -1 - place for place in range(len(report.graph.inputs))}
        self.number = 0

    def drawn(self) -> Diagram:
        boxes = tuple(self.boxes(self.root, self.depth))
        first = len(self.graph.inputs)
        arrows: dict[tuple[int, int], None] = {}
        for value, layer in enumerate(self.graph.layers, start=first):
            for read in layer.inputs if value in self.owner else ():
                pair = (self.owner[read], self.owner[value])
                if pair[0] < pair[1]:  # not from a later round that its first one stands for
                    arrows[pair] = None
        return Diagram(self.graph.inputs, boxes, tuple(arrows))

    def boxes(self, group: Group, depth: int) -> Iterator[Box]:
        """The parts of a group as boxes; equal rounds are one, which all their values belong to."""
        runs = groupby(group.parts, self.kind) if group.numbered else ((None, [part]) for part in group.parts)
        for _, run in runs:
            same = [*run]
            start = self.number
            box = self.box(same[0], depth, len(same))
            taken = [self.owner[value] for value, _ in _layers(same[0])]
            for other in same[1:]:
                self.owner |= zip((value for value, _ in _layers(other)), taken, strict=True)
            assert self.number > start
            yield box

    def box(self, part: Leaf | Group, depth: int, times: int) -> Box:
        number = self.number
        self.number += 1
        layers = [*_layers(part)]
        params = times * sum(self.counts[layer.path].params for _, layer in layers)
        if isinstance(part, Group) and depth > 1:
            inside = tuple(self.boxes(part, depth - 1))
            return Box(number, part.name, part.block, None, params, times, inside)
        kind = part.block if isinstance(part, Group) else part.layer.op.title
        name = kind if isinstance(part, Leaf) and not part.layer.named else part.name
        self.owner |= dict.fromkeys((value for value, _ in layers), number)
        return Box(number, name, kind, layers[-1][1].output, params, times, ())

    def kind(self, part: Leaf | Group) -> object:
        return tuple(layer.kind for _, layer in _layers(part))


def _layers(part: Leaf | Group) -> Iterator[tuple[int, Layer]]:
    if isinstance(part, Leaf):
        yield part.outputs[0], part.layer
    else:
        for inner in part.parts:
            yield from _layers(inner)
