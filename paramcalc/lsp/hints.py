"""Hints at the end of each line: the output's shape and the params of the layers that it makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from paramcalc.count.outline import Node, tree
from paramcalc.language.spec import (
    Auxiliary,
    Chain,
    If,
    Item,
    Join,
    Named,
    Repeat,
    Step,
    Table,
    walk,
)
from paramcalc.lsp.analysis import Analysis


class Hint(NamedTuple):
    """A text for the end of a line, from 0."""

    line: int
    text: str


def hints(analysis: Analysis) -> list[Hint]:
    """A hint for every line that makes layers; for several rounds or calls, that of one and their number."""
    if analysis.report is None or analysis.spec is None:
        return []
    finder = _Finder(analysis)
    root = tree(analysis.report)
    if analysis.spec.layers_source == analysis.source:
        finder.chain(analysis.spec.layers, [root])
    called: dict[str, list[Node]] = {}
    for path, call in analysis.report.graph.calls.items():
        node = _at(root, path)
        if node is not None:
            called.setdefault(call.block, []).append(node)
    for name, block in analysis.spec.blocks.items():
        if block.source == analysis.source and name in called:
            finder.chain(block.chain, called[name])
    return [Hint(line, _text(uses)) for line, uses in sorted(finder.found.items())]


class _Finder:
    """The nodes that each line makes: a list for each round or call that the line is in."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        self.found: dict[int, list[list[Node]]] = {}
        layers = analysis.spec.layers if analysis.spec else Chain((), 0)
        self.lines = self.lines_of(layers)  # of calls outside of blocks

    def chain(self, chain: Chain, groups: list[Node]) -> None:
        for item in chain.items:
            self.item(item, groups)

    def lines_of(self, chain: Chain) -> set[int]:
        return {self.analysis.line(item.at) for item in walk(chain) if isinstance(item, Step | Join)}

    def built(self, node: Node, lines: set[int]) -> bool:
        """Whether a node comes from these lines, and not from the other branch of an `if`."""
        layer = node.first.layer
        line = self.analysis.line(layer.start)
        return layer.source != self.analysis.source or line in lines or line not in self.lines

    def item(self, item: Item, groups: list[Node]) -> None:
        if isinstance(item, If):
            self.chain(item.then, groups)
            self.chain(item.otherwise, groups)
        elif isinstance(item, Auxiliary):
            self.item(item.branch, groups)
        elif isinstance(item, Step):
            self.put(item.at + item.call.start, item.name, groups, {self.analysis.line(item.at)})
        elif isinstance(item, Named):
            inside = self.put(item.at, item.name, groups, self.lines_of(item.chain))
            if any(node.children for node in inside):
                self.chain(item.chain, inside)
        elif isinstance(item, Join):
            joined = self.put(item.at, item.name, groups)
            for branch in item.branches:
                beside = branch.name in {name for group in groups for name in group.children}
                self.item(branch, groups if beside else joined)
        elif isinstance(item, Repeat | Table):
            self.rounds(item, groups)

    def rounds(self, item: Repeat | Table, groups: list[Node]) -> None:
        """Rounds are below a group with the name of the repeat, or right below the name that holds nothing else."""
        below = [group.children.get(item.name, group) for group in groups]
        if isinstance(item, Table) and any(row.name for row in item.rows):
            names = {row.name for row in item.rows}
            rounds = [node for group in groups for name, node in group.children.items() if name in names]
        else:
            rounds = [node for group in below for name, node in group.children.items() if name.isdigit()]
        if isinstance(item, Repeat):
            self.add(item.at, [[node] for node in below if node.children])
        self.chain(item.body, rounds)

    def put(self, at: int, name: str, groups: list[Node], lines: set[int] | None = None) -> list[Node]:
        """Notes what a line makes; the nodes of that name."""
        nodes = [group.children[name] for group in groups if name in group.children]
        nodes = nodes or [
            group for group in groups if group.row is not None and not group.children
        ]  # of a table
        nodes = nodes if lines is None else [node for node in nodes if self.built(node, lines)]
        self.add(at, [[node] for node in nodes])
        return nodes

    def add(self, at: int, uses: list[list[Node]]) -> None:
        """Adds to a line; of a name and what it holds on the same line, the name alone."""
        line = self.analysis.line(at)
        known = self.found.get(line)
        if known is None:
            if uses:
                self.found[line] = uses
            return
        inside = {id(node) for use in known for outer in use for node in (outer, *_below(outer))}
        fresh = [[node for node in use if id(node) not in inside] for use in uses]
        if len(fresh) == len(known):
            for use, more in zip(known, fresh, strict=True):
                use += more


def _below(node: Node) -> Iterator[Node]:
    for child in node.children.values():
        yield child
        yield from _below(child)


def _at(root: Node, path: str) -> Node | None:
    node: Node | None = root
    for part in path.split("/"):
        node = node.children.get(part) if node else None
    return node


def _text(uses: list[list[Node]]) -> str:
    """The shape that leaves the line, its params, and how many times it is used."""
    said = [(use[-1].last.output, sum(int(node.counts.params) for node in use)) for use in uses if use]
    shapes = list(dict.fromkeys(str(shape) for shape, _ in said))
    shape = shapes[0] if len(shapes) == 1 else f"{shapes[0]} .. {shapes[-1]}" if shapes else ""
    params = [one for _, one in said]
    if not any(params):
        counted = ""
    elif len({*params}) == 1:
        counted = f"{params[0]:,} params"
    else:
        counted = f"{sum(params):,} params in all"
    times = f"{len(said)} times" if len(said) > 1 else ""
    return "  ".join(part for part in (shape, counted, times) if part)
