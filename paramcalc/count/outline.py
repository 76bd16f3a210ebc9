"""A report as the lines of a table: a tree of groups, folded to a depth, equal neighbours in one.

A line's counts are `times` the sum of the lines right below it, at every depth, so that the sums of
a folded table hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

from paramcalc.base.shape import Shape
from paramcalc.count.call import block_text, brief_block, brief_text, call_text, placed_text
from paramcalc.count.report import Counts, Report, Row, sum_counts
from paramcalc.engine.graph import BlockCall

FULL_DEPTH = 1_000  # deeper than any tree: blocks nest at most 100 deep
FITTING_LINES = 40
JOIN = "="  # the name of a join's own line, below its branches


class OutlineLine(NamedTuple):
    """One line: a layer, or a group with its layers added up.

    `name` is relative to the line above it. `call` is the layer as a spec would write it, `block` the
    block that a group calls, `brief` either of them for narrow tables. `times` equal neighbours are
    folded into this line; what is below it is for one of them. `inputs` enter the line's first layer,
    `output` leaves its last one, whose path is `last`.
    """

    depth: int
    name: str
    path: str
    call: str
    block: str
    brief: str
    times: int
    inputs: tuple[Shape, ...]
    output: Shape
    last: str
    counts: Counts
    layers: int
    auxiliary: bool


class Node:
    """A group or layer of the tree that the paths form; `named` says that its name was written in the spec.

    What is added up is remembered: every line of a table asks for it, at every depth that is tried.
    """

    __slots__ = ("_counts", "_kind", "_layers", "children", "named", "row")

    def __init__(self, named: bool = True) -> None:
        self.named = named
        self.children: dict[str, Node] = {}
        self.row: Row | None = None
        self._counts: Counts | None = None
        self._kind: int | None = None
        self._layers: int | None = None

    def rows(self) -> Iterator[Row]:
        """All rows below, in order; a join's own row comes after its branches."""
        for child in self.children.values():
            yield from child.rows()
        if self.row is not None:
            yield self.row

    @property
    def first(self) -> Row:
        """The row at the beginning."""
        node = self
        while node.children:
            node = next(iter(node.children.values()))
        assert node.row is not None
        return node.row

    @property
    def last(self) -> Row:
        """The row at the end."""
        node = self
        while node.row is None:
            node = node.children[next(reversed(node.children))]
        return node.row

    @property
    def counts(self) -> Counts:
        """All rows below, added up."""
        if self._counts is None:
            parts = [child.counts for child in self.children.values()]
            parts += [] if self.row is None else [self.row.counts]
            self._counts = parts[0] if len(parts) == 1 else sum_counts(parts)
        return self._counts

    @property
    def layers(self) -> int:
        """The number of rows below."""
        if self._layers is None:
            below = sum(child.layers for child in self.children.values())
            self._layers = below + (self.row is not None)
        return self._layers

    def kind(self, kinds: dict[object, int]) -> int:
        """A number that equal groups share: those with the same layers but for their place."""
        if self._kind is None:
            parts = tuple((name, child.kind(kinds)) for name, child in self.children.items())
            row = self.row
            own = row and row.layer.kind
            self._kind = kinds.setdefault((parts, own), len(kinds))
        return self._kind


def tree(report: Report) -> Node:
    """The groups and layers of a report as their paths nest them."""
    root = Node()
    known = {"": root}
    for row in report.rows:
        node = _node(known, row.path, report.graph.automatic)
        node.row, node.named = row, row.layer.named
    return root


def _node(known: dict[str, Node], path: str, automatic: frozenset[str]) -> Node:
    """The node of a path, made with all above it when it is new."""
    node = known.get(path)
    if node is None:
        node = known[path] = Node(path not in automatic)
        above, _, name = path.rpartition("/")
        _node(known, above, automatic).children[name] = node
    return node


def outline(report: Report, depth: int | None = None, fold: bool = True) -> list[OutlineLine]:
    """The lines of a report down to a depth; None takes the deepest that is easily read."""
    root = tree(report)
    kinds: dict[object, int] | None = {} if fold else None
    calls = report.graph.calls
    if depth is not None:
        return list(_lines(root, 0, depth, "", kinds, calls))
    lines = list(_lines(root, 0, 1, "", kinds, calls))
    for deeper in range(2, FULL_DEPTH):
        more = list(islice(_lines(root, 0, deeper, "", kinds, calls), FITTING_LINES + 1))
        if len(more) > FITTING_LINES or len(more) == len(lines):
            return lines
        lines = more
    return lines


def _lines(
    parent: Node,
    depth: int,
    deepest: int,
    path: str,
    kinds: dict[object, int] | None,
    calls: Mapping[str, BlockCall],
) -> Iterator[OutlineLine]:
    """The lines below a group. `kinds` numbers equal groups, which then make one line; None keeps each."""
    for names, nodes in _folded(parent, kinds):
        first, node = f"{path}{names[0]}", nodes[0]
        yield _line(names, nodes, depth, first, calls)
        if depth + 1 < deepest and node.children:
            yield from _lines(node, depth + 1, deepest, first + "/", kinds, calls)
            if node.row is not None:
                yield _line([JOIN], [_leaf(node.row)], depth + 1, first, {})


def _leaf(row: Row) -> Node:
    node = Node()
    node.row = row
    return node


def _folded(parent: Node, kinds: dict[object, int] | None) -> Iterator[tuple[list[str], list[Node]]]:
    """Children in order, runs of equal ones together."""
    run: list[str] = []
    nodes: list[Node] = []
    kind: int | None = None
    for name, node in parent.children.items():
        mine = node.kind(kinds) if kinds is not None and name.isdigit() else None
        if nodes and mine is not None and mine == kind:
            run.append(name)
            nodes.append(node)
            continue
        if nodes:
            yield run, nodes
        run, nodes, kind = [name], [node], mine
    if nodes:
        yield run, nodes


def _line(
    names: list[str], nodes: list[Node], depth: int, path: str, calls: Mapping[str, BlockCall]
) -> OutlineLine:
    node = nodes[0]
    last, alone = node.last, node.layers == 1
    name = names[0] if len(names) == 1 else f"{names[0]}-{names[-1]}"
    block, brief = ("", brief_text(last.layer.op)) if alone else _called(node, path, calls)
    return OutlineLine(
        depth=depth,
        name=name,
        path=path,
        call=call_text(last.layer.op) if alone else "",
        block=block,
        brief=brief,
        times=len(names),
        inputs=node.first.layer.applied.inputs,
        output=last.layer.output,
        last=_beside(path, names) + last.path[len(path) :],
        counts=node.counts if len(names) == 1 else sum_counts(node.counts for node in nodes),
        layers=node.layers,
        auxiliary=bool(last.layer.auxiliary),
    )


def _called(node: Node, path: str, calls: Mapping[str, BlockCall]) -> tuple[str, str]:
    """The block that a group calls, or that all rounds of a repeat do, as a spec would write it and in brief."""
    if path in calls:
        call = calls[path]
        return block_text(call), brief_block(call)
    rounds = [calls.get(f"{path}/{name}") for name in node.children if name.isdigit()]
    known = [call for call in rounds if call is not None]
    if not known or len(known) < len(node.children):
        return "", ""
    for write in (block_text, placed_text, attrgetter("block")):
        texts = {write(call) for call in known}
        if len(texts) == 1:
            brief = {placed_text(call) for call in known}
            text = texts.pop()
            times = f"{len(known)} * " if len(known) > 1 else ""
            return times + text, times + (brief.pop() if len(brief) == 1 else text)
    return "", ""


def _beside(path: str, names: list[str]) -> str:
    """The path of the last of equal neighbours, from that of the first."""
    return path if len(names) == 1 else path[: -len(names[0])] + names[-1]
