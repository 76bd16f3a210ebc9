"""A network as the boxes of a picture: one for each layer with what follows it, or for each block with branches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from paramcalc.base.shape import Shape
from paramcalc.count.call import brief_block
from paramcalc.count.outline import Node, tree
from paramcalc.count.report import Counts, Report, Row, sum_counts
from paramcalc.engine.graph import BlockCall
from paramcalc.figure.kinds import is_body, kind_of, said, times

FEW = 4  # parts of a picture that shows too little
LONGEST = 22  # letters of a call in a label


class Part(NamedTuple):
    """A box. `reads` are the places of the parts that its layers read, inputs as -1, -2 and so on.

    `kind` is that of the layer that costs most, `what` the call of the op or block and `family` its name alone.
    """

    path: str
    name: str
    kind: str
    what: str
    family: str
    body: bool
    rows: tuple[Row, ...]
    output: Shape
    reads: tuple[int, ...] = ()

    @property
    def counts(self) -> Counts:
        return sum_counts(row.counts for row in self.rows)


class _Unit(NamedTuple):
    """A node of the tree that becomes a part."""

    path: str
    node: Node

    @property
    def rows(self) -> list[Row]:
        return [row for row in self.node.rows() if not row.layer.auxiliary]


class _Values:
    """Which value each layer gives, to follow who reads whom."""

    def __init__(self, report: Report) -> None:
        self.first = len(report.graph.inputs)
        self.closed: set[str] = set()  # paths of calls of blocks that have branches, here or elsewhere
        self.of = {row.path: self.first + place for place, row in enumerate(report.rows)}

    def own(self, rows: Iterable[Row]) -> set[int]:
        return {self.of[row.path] for row in rows}

    def read(self, rows: list[Row]) -> list[int]:
        """The values from elsewhere that some rows read, each once, in order."""
        own = self.own(rows)
        read = (value for row in rows for value in row.layer.inputs)
        return [value for value in dict.fromkeys(read) if value not in own]


def parts(report: Report) -> tuple[Part, ...]:
    """The boxes of the network that is trained, branches of training left out."""
    values = _Values(report)
    root, calls = tree(report), report.graph.calls
    opened: set[str] = {""}
    units = list(_units("", root, values, opened))
    branching = {calls[unit.path].block for unit in units if unit.path in calls and unit.node.layers > 1}
    values.closed = {path for path, call in calls.items() if call.block in branching}
    units = list(_units("", root, values, opened))
    while len(units) < FEW:
        closed = [unit for unit in units if len(unit.node.children) > 1]
        if not closed:
            break
        opened.add(max(closed, key=lambda unit: len(unit.rows)).path)
        units = list(_units("", root, values, opened))
    found = _merged(units, values, report)
    places = {row.path: place for place, part in enumerate(found) for row in part.rows}
    paths = {value: path for path, value in values.of.items()}
    result = []
    for place, part in enumerate(found):
        read = (
            places.get(paths[value]) if value in paths else -value - 1
            for value in values.read(list(part.rows))
        )
        reads = tuple(one for one in dict.fromkeys(read) if one is not None and one != place)
        result.append(part._replace(reads=reads))
    return tuple(result)


def _units(path: str, node: Node, values: _Values, opened: set[str]) -> Iterator[_Unit]:
    """The nodes that parts are made of: groups that are chains are opened, blocks with branches are not."""
    unit = _Unit(path, node)
    rows = unit.rows
    children = [_Unit(f"{path}/{name}" if path else name, child) for name, child in node.children.items()]
    children = [child for child in children if child.rows]
    if path not in opened and (
        not children
        or path in values.closed
        or node.row is not None
        or sum(map(is_body, rows)) < 2
        or not _is_chain(children, values)
    ):
        if rows:
            yield unit
        return
    for child in children:
        yield from _units(child.path, child.node, values, opened)
    if node.row is not None:
        leaf = Node()
        leaf.row = node.row
        yield _Unit(path, leaf)


def _is_chain(children: list[_Unit], values: _Values) -> bool:
    """Whether each child reads the one before it, or tensors from far away, but none what enters the first."""
    entering = set(values.read(children[0].rows))
    before = values.own(children[0].rows)
    waiting: set[int] = set()  # of children that only wait for a join
    for child in children[1:]:
        rows = child.rows
        read = set(values.read(rows))
        if read & entering:
            return False
        if not read & (before | waiting) and not any(map(is_body, rows)):
            waiting |= values.own(rows)
            continue
        if not read & before:
            return False
        before, waiting = values.own(rows), set()
    return True


class _Growing:
    """A part to which layers are added that only follow it."""

    def __init__(self, part: Part, values: _Values) -> None:
        self.part = part
        self.rows = [*part.rows]
        self.own = values.own(part.rows)
        self.alone = sum(map(is_body, part.rows)) == 1

    def add(self, rows: list[Row], values: _Values) -> None:
        self.rows += rows
        self.own |= values.own(rows)


def _merged(units: list[_Unit], values: _Values, report: Report) -> list[Part]:
    """Parts, in which what only follows a layer is part of it, and what only enters a join is part of that."""
    all_rows = [unit.rows for unit in units]
    above = [unit.path.rpartition("/")[0] for unit in units]
    entered: list[str | None] = [None] * len(
        units
    )  # the group of the next unit that is more than what follows one
    for place in range(len(units) - 2, -1, -1):
        body = any(map(is_body, all_rows[place + 1]))
        entered[place] = above[place + 1] if body else entered[place + 1]
    found: list[_Growing] = []
    groups = _groups(report)
    held: list[Row] = []
    waiting: set[int] = set()  # the values of the held rows
    for place, rows in enumerate(all_rows):
        body = any(map(is_body, rows))
        last = found[-1] if found else None
        read = set(values.read(rows))
        if last and not held and not body:
            follows = read <= last.own
            same = rows[-1].output.elements == last.part.output.elements
            if follows and same and (last.alone or not any(row.params for row in rows)):
                last.add(rows, values)
                continue
            if not read & last.own or (follows and same and entered[place] == above[place]):
                held, waiting = [*rows], values.own(rows)
                continue
        elif held and not body and read <= waiting:
            held += rows
            waiting |= values.own(rows)
            continue
        found.append(_Growing(_part(units[place], [*held, *rows], report, groups), values))
        held = []
    return [one.part._replace(rows=tuple(one.rows)) for one in found]


def _part(unit: _Unit, rows: list[Row], report: Report, groups: Mapping[str, set[str]]) -> Part:
    bodies = [row for row in rows if is_body(row)]
    main = max(bodies or rows, key=lambda row: (row.macs, row.params, kind_of(row) != "other"))
    what, family = _called(unit.path, bodies, rows, report.graph.calls)
    return Part(
        unit.path,
        _name(unit, report, groups),
        kind_of(main),
        what,
        family,
        bool(bodies),
        tuple(rows),
        (bodies[-1] if len(bodies) == 1 else rows[-1]).output,
    )


def _called(path: str, bodies: list[Row], rows: list[Row], calls: Mapping[str, BlockCall]) -> tuple[str, str]:
    """The call of the block or op of a part, and its name."""
    call = calls.get(path)
    rounds: list[BlockCall] = []
    while one := calls.get(f"{path}/{len(rounds)}"):
        rounds.append(one)
    if len(bodies) == 1 or (not bodies and len(rows) == 1):
        row = (bodies or rows)[0]
        return said(row), row.op
    if call is None and rounds and len({each.block for each in rounds}) == 1:
        return f"{len(rounds)} × {rounds[0].block}", rounds[0].block
    if call is None:
        return "", next((name for name in reversed(path.split("/")) if not name.isdigit()), "")
    text = times(brief_block(call))
    return (text if len(text) <= LONGEST else call.block), call.block


def _name(unit: _Unit, report: Report, groups: Mapping[str, set[str]]) -> str:
    """The name that somebody wrote, or the repeat and the round; behind its group's, where others have it too."""
    names = unit.path.split("/")
    start, stop = _written(names, unit, report)
    if start < stop and len(groups[names[start]]) > 1:
        start = next((place for place in range(start - 1, -1, -1) if not names[place].isdigit()), start)
    return "/".join(names[start:stop])


def _written(names: list[str], unit: _Unit, report: Report) -> tuple[int, int]:
    """Where in the path the name begins and ends."""
    for place in range(len(names) - 1, 0, -1):
        if names[place].isdigit():
            start = place
            while start and names[start].isdigit():
                start -= 1
            return start, place + 1
    for place in range(len(names), 0, -1):
        path = "/".join(names[:place])
        named = unit.node.named if path == unit.path else path not in report.graph.automatic
        if named:
            return place - 1, place
    return 0, 0


def _groups(report: Report) -> dict[str, set[str]]:
    """By each name in the paths of layers, the groups that have it."""
    found: dict[str, set[str]] = {}
    for row in report.rows:
        group = ""
        for name in row.path.split("/"):
            found.setdefault(name, set()).add(group)
            group = f"{group}/{name}"
    return found
