"""Which layer of one network corresponds to which of another: trees of groups, aligned group by group.

Names decide first, because paths are made to align. Where layers were inserted, removed or renamed,
or carry automatic names, the alignment is the best one in order: equal layers before similar ones,
and layers of one kind only.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from paramcalc.count.call import call_text
from paramcalc.count.outline import Node, tree
from paramcalc.count.report import Report, Row

LARGEST_TABLE = 250_000  # pairs that are weighed one by one; beyond, names alone decide
_NUMBERED = re.compile(r"_\d+$")

# What a pair is worth. A name that somebody wrote outweighs everything else; beside it, and between
# parts with automatic names, being of one kind and being equal count, and the place decides the rest.
NAMED, KIND, EQUAL, ALIKE, PLACE = 1000, 20, 20, 20, 1
ENOUGH = ALIKE // 2  # parts of other names correspond from here on


class NodeMatch(NamedTuple):
    """Parts that correspond: for each network its part of the tree, or None.

    `forms` are equal numbers where the parts hold equal layers in the same order.
    """

    names: tuple[str, ...]
    nodes: tuple[Node | None, ...]
    forms: tuple[int, ...]
    children: tuple[NodeMatch, ...]

    @property
    def digits(self) -> bool:
        """Whether it is the round of a repeat."""
        return all(name.isdigit() for name in self.names if name)


def align(reports: Sequence[Report]) -> NodeMatch:
    """The trees of all reports in one; each further network is aligned with those before it."""
    roots = tuple(tree(report) for report in reports)
    return _Aligner().match(("",) * len(roots), roots)


class _Child(NamedTuple):
    """A child of a group, with what the weighing asks of it."""

    name: str
    node: Node
    head: str  # what an automatic name was made from, '0' for a round; '' when somebody wrote the name
    kind: str  # the op, or '' for a group
    form: int


class _Aligner:
    """Forms of all parts by number, so that equal parts are found equal at once."""

    def __init__(self) -> None:
        self.forms: dict[object, int] = {}
        self.known: dict[Node, int] = {}
        self.alike: dict[tuple[int, int], int] = {}
        self.titles: dict[int, Counter[str]] = {}

    def match(self, names: tuple[str, ...], nodes: tuple[Node | None, ...]) -> NodeMatch:
        forms = tuple(self.form(node) if node else 0 for node in nodes)
        rows = self.rows([self.parts(node) for node in nodes])
        children = tuple(
            self.match(
                tuple(part.name if part else "" for part in row),
                tuple(part.node if part else None for part in row),
            )
            for row in rows
        )
        return NodeMatch(names, nodes, forms, children)

    def rows(self, columns: list[list[_Child]]) -> list[tuple[_Child | None, ...]]:
        """Corresponding parts of several networks, in order."""
        rows: list[tuple[_Child | None, ...]] = [(part,) for part in columns[0]]
        for place, column in enumerate(columns[1:], start=1):
            missing = (None,) * place
            first = [next(part for part in row if part) for row in rows]
            rows = [
                (*(missing if one is None else rows[one]), None if two is None else column[two])
                for one, two in self.pairs(first, column)
            ]
        return rows

    def pairs(self, left: list[_Child], right: list[_Child]) -> list[tuple[int | None, int | None]]:
        """Corresponding places in two lists of parts, and places without a counterpart."""
        head = 0
        while head < min(len(left), len(right)) and _agree(left[head], right[head]):
            head += 1
        tail = 0
        while tail < min(len(left), len(right)) - head and _agree(left[-1 - tail], right[-1 - tail]):
            tail += 1
        middle = [
            (None if one is None else one + head, None if two is None else two + head)
            for one, two in self.between(left[head : len(left) - tail], right[head : len(right) - tail])
        ]
        ends = zip(range(len(left) - tail, len(left)), range(len(right) - tail, len(right)), strict=True)
        return [*((place, place) for place in range(head)), *middle, *ends]

    def between(self, left: list[_Child], right: list[_Child]) -> list[tuple[int | None, int | None]]:
        if len(left) * len(right) > LARGEST_TABLE:
            return _by_name(left, right)
        return _best([[self.worth(one, two) for two in right] for one in left], len(left), len(right))

    def worth(self, one: _Child, two: _Child) -> int:
        """How well two parts correspond; 0 when they do not."""
        same_name = one.name == two.name
        value = NAMED if same_name and not one.head else PLACE * same_name
        if one.kind != two.kind:
            return value
        if one.form == two.form:
            return value + KIND + EQUAL + ALIKE
        likeness = self.likeness(one, two)
        expected = same_name or (one.head and one.head == two.head)
        return value + KIND + likeness if expected or likeness >= ENOUGH else 0

    def likeness(self, one: _Child, two: _Child) -> int:
        """How much two unequal parts of one kind have in common, from 0 to `ALIKE`."""
        key = (one.form, two.form)
        found = self.alike.get(key)
        if found is None:
            mine, yours = self.held(one), self.held(two)
            common, all_of_them = (mine & yours).total(), (mine | yours).total()
            found = self.alike[key] = ALIKE * common // max(all_of_them, 1)
        return found

    def held(self, part: _Child) -> Counter[str]:
        """The content of a part: the ops of a group, the attributes of a layer."""
        held = self.titles.get(part.form)
        if held is None:
            rows = list(part.node.rows())
            words = call_text(rows[0].layer.op).split() if len(rows) == 1 else _titles(rows)
            held = self.titles[part.form] = Counter(words)
        return held

    def parts(self, node: Node | None) -> list[_Child]:
        if node is None:
            return []
        return [
            _Child(name, child, _head(name, child), _kind(child), self.form(child))
            for name, child in node.children.items()
        ]

    def form(self, node: Node) -> int:
        """A number for what a part contains, whatever its layers are called."""
        found = self.known.get(node)
        if found is None:
            children = tuple(self.form(child) for child in node.children.values())
            key = (children, _layer_form(node.row) if node.row else None)
            found = self.known[node] = self.forms.setdefault(key, len(self.forms) + 1)
        return found


def _head(name: str, node: Node) -> str:
    """The head of an automatic name, '0' for a round's number; '' for a name written in the spec."""
    if name.isdigit():
        return "0"
    return "" if node.named else _NUMBERED.sub("", name)


def _agree(one: _Child, two: _Child) -> bool:
    """Whether two parts at one end of their lists correspond without weighing."""
    return one.name == two.name and (one.form == two.form or (not one.head and one.kind == two.kind))


def _layer_form(row: Row) -> object:
    applied = row.layer.applied
    return applied.op, applied.inputs, row.counts, row.layer.frozen, row.layer.auxiliary != ""


def _kind(node: Node) -> str:
    return node.row.layer.op.title if node.row and not node.children else ""


def _titles(rows: list[Row]) -> list[str]:
    return [row.layer.op.title for row in rows]


def _best(worth: list[list[int]], rows: int, columns: int) -> list[tuple[int | None, int | None]]:
    """The pairs in order of the greatest total worth; pairs of no worth stay alone."""
    total = [[0] * (columns + 1) for _ in range(rows + 1)]
    for one in range(rows - 1, -1, -1):
        below, here, values = total[one + 1], total[one], worth[one]
        for two in range(columns - 1, -1, -1):
            paired = below[two + 1] + values[two] if values[two] else 0
            here[two] = max(paired, below[two], here[two + 1])
    pairs: list[tuple[int | None, int | None]] = []
    one = two = 0
    while one < rows and two < columns:
        if worth[one][two] and total[one][two] == total[one + 1][two + 1] + worth[one][two]:
            pairs.append((one, two))
            one, two = one + 1, two + 1
        elif total[one + 1][two] >= total[one][two + 1]:
            pairs.append((one, None))
            one += 1
        else:
            pairs.append((None, two))
            two += 1
    pairs += [(place, None) for place in range(one, rows)]
    return pairs + [(None, place) for place in range(two, columns)]


def _by_name(left: list[_Child], right: list[_Child]) -> list[tuple[int | None, int | None]]:
    """As many pairs of equal names as are in the same order in both; all else stays alone."""
    places = {part.name: place for place, part in enumerate(right)}
    common = [(one, places[part.name]) for one, part in enumerate(left) if part.name in places]
    pairs: list[tuple[int | None, int | None]] = []
    done_left = done_right = 0
    for one, two in [*_rising(common), (len(left), len(right))]:
        pairs += [(place, None) for place in range(done_left, one)]
        pairs += [(None, place) for place in range(done_right, two)]
        pairs.append((one, two))
        done_left, done_right = one + 1, two + 1
    return pairs[:-1]


def _rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest part of a list of pairs, rising in the first, that rises in the second as well."""
    ends: list[int] = []  # the least last value of a rising part of each length
    last: list[int] = []  # the place of that value
    before: list[int] = []  # for each place, the place before it in its rising part
    for place, (_, value) in enumerate(pairs):
        length = bisect_left(ends, value)
        ends[length : length + 1] = [value]
        last[length : length + 1] = [place]
        before.append(last[length - 1] if length else -1)
    rising = []
    place = last[-1] if last else -1
    while place >= 0:
        rising.append(pairs[place])
        place = before[place]
    return rising[::-1]
