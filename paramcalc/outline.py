"""A report as the lines of a table: a tree of groups, folded to a depth, equal neighbours in one.

A line's counts are `times` the sum of the lines right below it, at every depth, so that the sums of
a folded table hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from paramcalc.ops.attributes import attributes, shown
from paramcalc.ops.base import Op
from paramcalc.report import Counts, Report, Row, added
from paramcalc.shape import Shape

FULL_DEPTH = 99
FITTING_LINES = 40


class Line(NamedTuple):
    """One line: a layer, or a group with its layers added up.

    `name` is relative to the line above it, `call` what a spec would write. `times` equal
    neighbours are folded into this line; what stands below it is for one of them. `output` is the
    shape that leaves the line's last layer, whose path is `last`.
    """

    depth: int
    name: str
    path: str
    call: str
    times: int
    output: Shape
    last: str
    counts: Counts
    layers: int
    auxiliary: bool


class Node:
    """A group or layer of the tree that the paths form."""

    __slots__ = ("children", "row")

    def __init__(self) -> None:
        self.children: dict[str, Node] = {}
        self.row: Row | None = None

    def rows(self) -> Iterator[Row]:
        """All rows below, in order; a join's own row stands behind its branches."""
        for child in self.children.values():
            yield from child.rows()
        if self.row is not None:
            yield self.row

    def signature(self, root: int) -> tuple[object, ...]:
        """What two groups must have in common to be shown as one: everything but their place."""
        return tuple(
            (row.path[root:], id(row.layer.applied), row.counts, row.layer.frozen) for row in self.rows()
        )


def tree(report: Report) -> Node:
    """The groups and layers of a report as their paths nest them."""
    root = Node()
    for row in report.rows:
        node = root
        for part in row.path.split("/"):
            node = node.children.setdefault(part, Node())
        node.row = row
    return root


def outline(report: Report, depth: int | None = None, fold: bool = True) -> list[Line]:
    """The lines of a report down to a depth; None takes the deepest that is easily read."""
    root = tree(report)
    if depth is not None:
        return list(_lines(root, 0, depth, "", fold))
    lines = list(_lines(root, 0, 1, "", fold))
    for deeper in range(2, FULL_DEPTH):
        more = list(_lines(root, 0, deeper, "", fold))
        if len(more) > FITTING_LINES or len(more) == len(lines):
            return lines
        lines = more
    return lines


def _lines(parent: Node, depth: int, deepest: int, path: str, fold: bool) -> Iterator[Line]:
    for names, node in _folded(parent, path, fold):
        first = f"{path}{names[0]}"
        yield _line(names, node, depth, first)
        if depth + 1 < deepest and node.children:
            yield from _lines(node, depth + 1, deepest, first + "/", fold)
            if node.row is not None:
                yield _line(["="], _leaf(node.row), depth + 1, first)


def _leaf(row: Row) -> Node:
    node = Node()
    node.row = row
    return node


def _folded(parent: Node, path: str, fold: bool) -> Iterator[tuple[list[str], Node]]:
    """Children in order, runs of equal ones together."""
    run: list[str] = []
    first: Node | None = None
    signature: tuple[object, ...] = ()
    for name, node in parent.children.items():
        mine = node.signature(len(path) + len(name)) if fold and name.isdigit() else ()
        if first is not None and mine and mine == signature:
            run.append(name)
            continue
        if first is not None:
            yield run, first
        run, first, signature = [name], node, mine
    if first is not None:
        yield run, first


def _line(names: list[str], node: Node, depth: int, path: str) -> Line:
    rows = list(node.rows())
    name = names[0] if len(names) == 1 else f"{names[0]}-{names[-1]}"
    return Line(
        depth=depth,
        name=name,
        path=path,
        call=call_text(rows[-1].layer.op) if len(rows) == 1 else "",
        times=len(names),
        output=rows[-1].layer.output,
        last=_beside(path, names) + rows[-1].path[len(path) :],
        counts=added(row.counts for row in rows for _ in names),
        layers=len(rows),
        auxiliary=bool(rows[-1].layer.auxiliary),
    )


def _beside(path: str, names: list[str]) -> str:
    """The path of the last of equal neighbours, from that of the first."""
    return path if len(names) == 1 else path[: -len(names[0])] + names[-1]


def call_text(op: Op) -> str:
    """An op as a spec would write it: required attributes by position, others where they differ.

    >>> from paramcalc.ops import find
    >>> from paramcalc.ops.attributes import build
    >>> call_text(build(find("conv2d"), {"out_channels": 64, "kernel_size": 3, "padding": 1}))
    'conv2d 64 3 padding=1'
    """
    parts = [op.title]
    for name, attribute in attributes(type(op)).items():
        value = getattr(op, name)
        if attribute.required:
            parts.append(_short(value))
        elif value != attribute.convert(type(op), attribute.default):
            parts.append(f"{name}={_short(value)}")
    return " ".join(parts)


def _short(value: object) -> str:
    """An attribute's value on a line: equal sizes of all axes as one, a long list by its length."""
    if isinstance(value, tuple) and value and len(set(value)) == 1:
        return _short(value[0])
    if isinstance(value, tuple):
        if all(isinstance(item, int) for item in value) and len(value) <= 3:
            return "x".join(str(item) for item in value)
        if all(isinstance(item, tuple) for item in value) and len(value) > 3:
            return f"({len(value)} lists)"
        return (
            "(" + ",".join(_short(item) if isinstance(item, tuple) else shown(item) for item in value) + ")"
        )
    return value if isinstance(value, str) else shown(value)
