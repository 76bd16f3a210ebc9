"""The table of a family, as papers print it: stages as rows, a column for each model.

A cell writes what a stage holds in a few words: `[1x1, 64; 3x3, 64; 1x1, 256] x 3`. Only layers that
multiply weights or pool are written; normalizations, activations and shortcuts are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import groupby
from typing import NamedTuple

from paramcalc.base.errors import Fault
from paramcalc.base.shape import Shape
from paramcalc.count.call import call_text
from paramcalc.count.outline import Node, tree
from paramcalc.count.report import Report
from paramcalc.engine.graph import Graph, Layer
from paramcalc.language.spec import Spec
from paramcalc.ops.base import Op

WORDS = {"conv": "", "linear": "fc"}  # what papers call them; other ops go by their own names
MOST_MODELS = 12
FURTHEST = 500  # layers through which the branches of a join are followed
SEVERAL = -1
NEXT = -1  # the join that comes after a block


class StageBlock(NamedTuple):
    """Parts one after the other, `times` over; parallel branches are one part, with `|` between them."""

    parts: tuple[str, ...]
    times: int = 1

    def __str__(self) -> str:
        """The block on one line.

        >>> print(StageBlock(("1x1, 64", "3x3, 64"), 3))
        [1x1, 64; 3x3, 64] x 3
        """
        text = "; ".join(self.parts)
        text = f"[{text}]" if self.times > 1 or len(self.parts) > 1 else text
        return f"{text} x {self.times}" if self.times > 1 else text


class Stage(NamedTuple):
    """A row: the size of what leaves the stage, and for each model its blocks, none where it has none.

    `strided` are the models whose first of several blocks has a stride, which the cell leaves out.
    """

    name: str
    output: str
    cells: tuple[tuple[StageBlock, ...], ...]
    strided: tuple[str, ...]


class Family(NamedTuple):
    """The models of a table, their counts, and the stages of all of them."""

    reports: tuple[Report, ...]
    stages: tuple[Stage, ...]

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(report.graph.model for report in self.reports)


class _StageRow(NamedTuple):
    """One model's part of a stage."""

    output: Shape
    blocks: tuple[StageBlock, ...]
    strided: bool


def family(reports: Sequence[Report]) -> Family:
    """The table of some models of one spec.

    >>> from paramcalc import load
    >>> found = family([load("resnet-50").count()])
    >>> print(found.stages[2].name, found.stages[2].output, *found.stages[2].cells[0])
    conv2_x 56x56 [1x1, 64; 3x3, 64; 1x1, 256] x 3
    """
    if not reports:
        raise Fault("a table needs at least one model")
    columns = [_rows(report) for report in reports]
    return Family(tuple(reports), tuple(_stage(name, columns, reports) for name in _merged(columns)))


def usual(spec: Spec) -> list[str]:
    """The models that a table of a spec shows if none are chosen.

    Those called after the spec with a number (`resnet-50`), else all that differ, else the spec.
    """
    named = [name for name in spec.variants if re.fullmatch(rf"{re.escape(spec.name)}-[0-9]+", name)]
    distinct = [name for name, variant in spec.variants.items() if variant.settings or not variant.like]
    return (named or distinct or [""])[:MOST_MODELS]


def _stage(name: str, columns: Sequence[dict[str, _StageRow]], reports: Sequence[Report]) -> Stage:
    rows = [column.get(name) for column in columns]
    outputs = dict.fromkeys(_space(row.output) for row in rows if row)
    strided = [report.graph.model for report, row in zip(reports, rows, strict=True) if row and row.strided]
    return Stage(name, " / ".join(outputs), tuple(row.blocks if row else () for row in rows), tuple(strided))


def _space(shape: Shape) -> str:
    return "x".join(str(size) for size in shape.space) or "-"


def _merged(columns: Iterable[dict[str, _StageRow]]) -> list[str]:
    """All names in an order that keeps that of every column where they agree."""
    after: dict[str, str] = {}  # each name behind the one before it, from '' on
    known: set[str] = set()
    for column in columns:
        before = ""
        for name in column:
            if name not in known:
                after[before], after[name] = name, after.get(before, "")
                known.add(name)
            before = name
    names, name = [], after.get("", "")
    while name:
        names.append(name)
        name = after[name]
    return names


def _rows(report: Report) -> dict[str, _StageRow]:
    """A model's stages by name; what holds nothing that is written has no row."""
    reader, rows = _GraphReader(report.graph), {}
    for name, node in _stages(tree(report), ""):
        layers = [row.layer for row in node.rows() if not row.layer.auxiliary]
        blocks = tuple(reader.blocks(node)) if layers else ()
        if blocks:
            strided = _repeats(node) and any(size != 1 for layer in layers for size in _stride(layer))
            rows[name] = _StageRow(layers[-1].output, blocks, strided)
    return rows


def _stages(parent: Node, path: str) -> Iterator[tuple[str, Node]]:
    """The groups right below the top; of a repeat whose rounds differ in size, each is a stage."""
    for name, node in parent.children.items():
        rounds = [[*child.rows()] for key, child in node.children.items() if key.isdigit()]
        if len({_space(rows[-1].layer.output) for rows in rounds}) > 1:
            yield from _stages(node, f"{path}{name}/")
        else:
            yield f"{path}{name}", node


def _repeats(node: Node) -> bool:
    return any(key.isdigit() or _repeats(child) for key, child in node.children.items())


class _GraphReader:
    """One network's layers in words."""

    def __init__(self, graph: Graph) -> None:
        self.values = {id(layer): len(graph.inputs) + place for place, layer in enumerate(graph.layers)}

    def blocks(self, node: Node) -> Iterator[StageBlock]:
        """The blocks of a group: its rounds, equal neighbours together, or all of it as one block."""
        if not _repeats(node):
            parts = self.parts(node, strides=True)
            if parts:
                yield StageBlock(parts)
            return
        for numbered, children in groupby(node.children.items(), key=lambda item: item[0].isdigit()):
            if not numbered:
                for _, child in children:
                    yield from self.blocks(child)
                continue
            for parts, same in groupby(self.parts(child, strides=False) for _, child in children):
                if parts:
                    yield StageBlock(parts, len(list(same)))

    def parts(self, node: Node, strides: bool) -> tuple[str, ...]:
        """The layers of a group in words; the branches of a join as one part."""
        block = {self.values[id(row.layer)]: row.layer for row in node.rows()}
        written = {value: text for value, layer in block.items() if (text := _text(layer, strides))}
        followed, branches = _followed(block, set(written))
        parts = []
        for _, values in groupby(
            sorted(followed & set(written)), key=lambda value: branches.get(value, (value, 0))[0]
        ):
            runs = groupby(values, key=lambda value: branches.get(value))
            parts.append(" | ".join(" > ".join(written[value] for value in run) for _, run in runs))
        return tuple(parts)


def _followed(block: Mapping[int, Layer], written: set[int]) -> tuple[set[int], dict[int, tuple[int, int]]]:
    """The layers that lead to the ends of a block, and the branches of joins that some of them are.

    Of a sum with a shortcut only the other input is followed. Several ends are branches of one join that
    comes after the block.
    """
    ends = sorted(block.keys() - {value for layer in block.values() for value in layer.inputs})
    toward: dict[int, int] = {end: number for number, end in enumerate(ends)}  # which end, or SEVERAL
    branches: dict[int, tuple[int, int]] = {}
    for value in sorted(block, reverse=True):
        if value not in toward:
            continue
        inputs, own = [source for source in block[value].inputs if source in block], None
        if len(block[value].inputs) > 1:
            own = _own(block, block[value].inputs)
            main = _main(block[value], own, written)
            inputs = inputs if main is None else [block[value].inputs[main]]
            own = own if main is None else None
        for number, layers in enumerate(own if own and sum(bool(one & written) for one in own) > 1 else ()):
            branches.update({layer: (value, number) for layer in layers if layer not in branches})
        for source in inputs:
            if source in block:
                toward[source] = (
                    toward[value] if toward.get(source, toward[value]) == toward[value] else SEVERAL
                )
    if len({toward[value] for value in toward.keys() & written} - {SEVERAL}) > 1:
        branches = {value: (NEXT, end) for value, end in toward.items() if end != SEVERAL} | branches
    return set(toward), branches


def _main(layer: Layer, own: Sequence[set[int]] | None, written: set[int]) -> int | None:
    """The place of the input of a sum beside which the others are shortcuts, with a layer to write at most."""
    if own is None or not _is_sum(layer):
        return None
    amounts = [len(layers & written) for layers in own]
    main = amounts.index(max(amounts))
    others = [*amounts[:main], *amounts[main + 1 :]]
    return main if sum(others) <= 1 else None


def _own(block: Mapping[int, Layer], inputs: Sequence[int]) -> list[set[int]] | None:
    """For each input of a join, the layers of the block that lead to it and to no other input.

    None where the inputs have nothing in common within so many layers that no cell would show them.
    """
    toward: dict[int, int] = {}  # the input's number, or SEVERAL
    for number, value in enumerate(inputs):
        if value in block:
            toward[value] = number if value not in toward else SEVERAL
    waiting = [-value for value in toward]
    heapify(waiting)
    alone = sum(number != SEVERAL for number in toward.values())
    own: list[set[int]] = [set() for _ in inputs]
    while waiting and alone:
        if len(toward) > FURTHEST:
            return None
        value = -heappop(waiting)
        mine = toward[value]
        if mine != SEVERAL:
            own[mine].add(value)
            alone -= 1
        for source in set(block[value].inputs) & block.keys():
            if source not in toward:
                toward[source] = mine
                heappush(waiting, -source)
                alone += mine != SEVERAL
            elif toward[source] not in (mine, SEVERAL):
                toward[source] = SEVERAL
                alone -= 1
    return own


def _is_sum(layer: Layer) -> bool:
    """Whether a layer with several inputs does nothing but add."""
    cost = layer.applied.cost
    return not cost.macs and set(cost.operations) == {"add"}


def _text(layer: Layer, strides: bool) -> str:
    """A layer as a table of a paper has it; '' for one that it leaves out."""
    op, applied = layer.op, layer.applied
    x, out = next(iter(applied.inputs), applied.output), getattr(op, "out_channels", None)
    contracts = op.weighs(applied.weights)
    if hasattr(op, "kernel_size"):
        size = "x".join(str(one) for one in op.kernel_size)
        facts = [f"{size} {_word(op)}".rstrip(), *([str(out)] if contracts else []), *_extras(layer, strides)]
        return ", ".join(facts)
    if contracts:
        return call_text(op) if out is None else f"{out}-d {_word(op)}"
    reduces = len(applied.inputs) == 1 and applied.output.elements < x.elements
    if x.space and reduces and applied.cost.operations and not applied.weights:
        return _word(op)
    return call_text(op) if applied.weights and applied.output != x else ""


def _extras(layer: Layer, strides: bool) -> list[str]:
    """Groups, dilation and stride, where they are not 1."""
    op, said = layer.op, []
    groups = getattr(op, "groups", 1)
    if groups != 1:
        said.append("depthwise" if groups == layer.applied.inputs[0].channels else f"{groups} groups")
    said += _unless_one("dilation", getattr(op, "dilation", ()))
    return said + (_unless_one("stride", _stride(layer)) if strides else [])


def _stride(layer: Layer) -> tuple[int, ...]:
    """The stride along each axis of a layer with a window; nothing for others."""
    windows = getattr(layer.op, "windows", None)
    return tuple(one.stride for one in windows(layer.applied.inputs[0])) if windows else ()


def _unless_one(name: str, sizes: tuple[int, ...]) -> list[str]:
    if all(size == 1 for size in sizes):
        return []
    return [f"{name} {'x'.join(str(size) for size in (sizes if len(set(sizes)) > 1 else sizes[:1]))}"]


def _word(op: Op) -> str:
    """The name of an op in tables: `max pool` for max_pool2d."""
    name = op.title.removesuffix(f"{op.rank}d")
    return WORDS.get(name, name.replace("_", " "))
