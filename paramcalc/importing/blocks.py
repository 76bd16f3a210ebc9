"""Groups that are alike as calls of one block, whose parameters are the arguments in which they differ.

From the inside out: groups of one class and one skeleton (the ops, and how they are wired) become a
block. An argument that is the same everywhere is written in the block; one that equals the channels of
the tensor that enters, another parameter, or a multiple of it, is written as that; the rest are parameters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from paramcalc.importing.names import block_name, parameter_name
from paramcalc.importing.tree import Group, Item, Join, Leaf, Optional, leaves
from paramcalc.importing.words import CONTAINERS

SIMPLE = 3  # calls on a line that are better written again than named


@dataclass
class BlockParameter:
    name: str
    column: tuple[Any, ...]
    default: Any = None
    has_default: bool = False


@dataclass
class Block:
    """A named group with parameters. `body` are the items of one of its uses, with expressions for arguments."""

    name: str
    parameters: list[BlockParameter]
    body: list[Item]
    inputs: list[str] = field(default_factory=list)
    captured: str = ""  # the name of the channels of what enters, where they are used further down


class Text(str):
    """An expression, as opposed to a word that an attribute takes."""


@dataclass
class Use:
    """A group that may be an instance of a block, and where it is."""

    group: Group
    home: list[Item]


def folded(items: list[Item], outputs: Collection[int] = ()) -> tuple[list[Item], list[Block]]:
    """The items with calls of blocks in place of groups, and the blocks, inner ones first."""
    return _Folder(items, outputs).folded()


class _Folder:
    def __init__(self, items: list[Item], outputs: Collection[int]) -> None:
        self.items = items
        self.readers = Counter(value for leaf in leaves(items) for value in (*leaf.reads, *shared(leaf)))
        self.readers.update(outputs)
        self.blocks: list[Block] = []
        self.names: set[str] = set()
        self.alike: dict[tuple[str, str], list[Group]] = {}  # what blocks of a class consist of

    def folded(self) -> tuple[list[Item], list[Block]]:
        levels: dict[int, int] = {}
        for level in range(heights(self.items, levels)):
            self.level([use for use in groups(self.items) if levels[id(use.group)] == level])
        return self.items, self.blocks

    def level(self, uses: list[Use]) -> None:
        """Folds what is alike among groups with as many levels below them."""
        alike: dict[Any, list[Use]] = {}
        for use in uses:
            if worth(use.group) and self.closed(use.group):
                alike.setdefault((class_of(use.group), skeleton(use.group)), []).append(use)
        lots = list(alike.values())
        for lot in lots:
            if len(lot) > 1:
                self.fold(lot)

    def closed(self, group: Group) -> bool:
        """Whether nothing outside of a group reads what is inside it but its end."""
        inner = Counter(value for leaf in leaves(group.items) for value in (*leaf.reads, *shared(leaf)))
        own = {leaf.value for leaf in leaves(group.items)}
        if any(value not in own for leaf in leaves(group.items) for value in shared(leaf)):
            return False  # a block sees no layer outside
        return all(
            self.readers[leaf.value] <= inner[leaf.value] or leaf.value == group.value
            for leaf in leaves(group.items)
        )

    def fold(self, lot: list[Use]) -> None:
        externals = [outer(use.group) for use in lot]
        slots = [list(slots_of(use.group.items)) for use in lot]
        if len({len(one) for one in slots}) != 1 or len({len(one) for one in externals}) != 1:
            return
        kind = (lot[0].group.kind, lot[0].group.parent)
        name = block_name(lot[0].group, self.names, self.alike.get(kind, []))
        body = lot[0].group.items
        block = Block(name, [], body)
        namer = _Columns(block, [use.group for use in lot])
        for number, (leaf, argument, _) in enumerate(slots[0]):
            column = tuple(one[number][2] for one in slots)
            context = tuple(one[number][0].enters for one in slots)
            leaf.given[argument] = namer.expression(leaf, argument, column, context)
        namer.settle_defaults()
        self.names.add(name)
        self.alike.setdefault(kind, []).append(lot[0].group)
        self.blocks.append(block)
        entering = externals[0]
        block.inputs = [f"input{place}" if place else "memory" for place in range(len(entering) - 1)]
        calls: dict[int, Item] = {}
        for place, use in enumerate(lot):
            group = use.group
            given = {parameter.name: parameter.column[place] for parameter in block.parameters}
            call = Leaf(
                name,
                given,
                tuple(externals[place]),
                group.value,
                first_enters(group.items),
                group.name,
                holds=tuple(leaves(group.items)),
            )
            calls[id(group)] = call
        for home in {id(use.home): use.home for use in lot}.values():
            home[:] = [calls.get(id(item), item) for item in home]


def shared(leaf: Leaf) -> tuple[int, ...]:
    """The value of the layer whose weights a call has too."""
    return () if leaf.share is None else (leaf.share,)


def first_enters(items: Sequence[Item]) -> Any:
    return next(leaves(items)).enters


def groups(items: list[Item]) -> Iterator[Use]:
    """All groups, each with the list that it is in."""
    for item in items:
        if isinstance(item, Group):
            yield Use(item, items)
        for inner in lists(item):
            yield from groups(inner)


def lists(item: Item) -> list[list[Item]]:
    """The chains inside an item."""
    if isinstance(item, Join):
        return [branch.items for branch in item.branches]
    return [] if isinstance(item, Leaf) else [item.items]


def heights(items: Sequence[Item], found: dict[int, int]) -> int:
    """How many levels of groups lie below each group, by its identity; and how many there are in all."""
    deepest = 0
    for item in items:
        levels = max((heights(inner, found) for inner in lists(item)), default=0)
        if isinstance(item, Group):
            found[id(item)] = levels
            levels += 1
        deepest = max(deepest, levels)
    return deepest


def class_of(group: Group) -> str:
    return group.kind


def worth(group: Group) -> bool:
    """Whether a group says more under a name than it does on a line."""
    calls = group.items
    if any(isinstance(item, Join | Optional | Group) for item in calls):
        return True
    contracting = sum(isinstance(item, Leaf) and item.head in MAIN for item in calls)
    if group.kind in CONTAINERS:
        return contracting > 2 or len(calls) > 2 * SIMPLE
    return len(calls) > SIMPLE or contracting > 1


MAIN = frozenset({
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "linear",
    "embedding", "lstm", "gru", "rnn", "self_attention", "cross_attention", "window_attention",
    "latent_attention",
})  # fmt: skip


# ------------------------------------------------------------------------------------- skeletons


def skeleton(group: Group) -> Any:
    """What groups have in common whose arguments alone differ."""
    inner = {leaf.value: number for number, leaf in enumerate(leaves(group.items))}
    for number, value in enumerate(branch_ends(group.items)):
        inner.setdefault(value, number)
    outside: dict[int, int] = {}

    def read(values: Sequence[int]) -> tuple[int, ...]:
        return tuple(
            inner[value] if value in inner else -1 - outside.setdefault(value, len(outside))
            for value in values
        )

    def shape(items: Sequence[Item]) -> Any:
        return tuple(one(item) for item in items)

    def one(item: Item) -> Any:
        if isinstance(item, Leaf):
            return item.head, tuple(item.given), read(item.reads), kinds(item), item.share is not None
        if isinstance(item, Join):
            return (
                "join",
                item.call.head,
                tuple(item.call.given),
                tuple(shape(branch.items) for branch in item.branches),
            )
        if isinstance(item, Optional):
            return "if", item.flag, shape(item.items)
        return "group", item.name if not item.name.isdigit() else "", shape(item.items)

    return shape(group.items)


def kinds(leaf: Leaf) -> tuple[str, ...]:
    """What arguments must agree in: words, which a block cannot be given; of others only the kind."""
    found = []
    for value in leaf.given.values():
        words = isinstance(value, tuple) and any(isinstance(one, str) for one in value)
        if words or (isinstance(value, str) and not isinstance(value, Text)):
            found.append(str(value))
        elif isinstance(value, tuple):
            found.append("tuple")
    return tuple(found)


def branch_ends(items: Sequence[Item]) -> Iterator[int]:
    for item in items:
        if isinstance(item, Join):
            for branch in item.branches:
                yield branch.value
                yield from branch_ends(branch.items)
        elif isinstance(item, Group | Optional):
            yield from branch_ends(item.items)


def outer(group: Group) -> list[int]:
    """The values from outside that a group reads, the one that enters first."""
    inner = {leaf.value for leaf in leaves(group.items)}
    found: dict[int, None] = {}
    for leaf in leaves(group.items):
        for value in leaf.reads:
            if value not in inner:
                found[value] = None
    return [*found]


def slots_of(items: Sequence[Item]) -> Iterator[tuple[Leaf, str, Any]]:
    """The arguments of all calls, in order."""
    for item in items:
        if isinstance(item, Leaf):
            for name, value in item.given.items():
                yield item, name, value
        elif isinstance(item, Join):
            for branch in item.branches:
                yield from slots_of(branch.items)
            for name, value in item.call.given.items():
                yield item.call, name, value
        else:
            yield from slots_of(item.items)


# --------------------------------------------------------------------------------------- columns


class _Columns:
    """Finds what to write for an argument whose values over all uses are a column."""

    def __init__(self, block: Block, uses: list[Group]) -> None:
        self.block = block
        self.uses = uses
        self.full = tuple(first_enters(group.items) for group in uses)
        self.begun = False
        self.output = tuple(output_channels(group) for group in uses)

    def expression(self, leaf: Leaf, argument: str, column: tuple[Any, ...], context: tuple[Any, ...]) -> Any:
        first = column[0]
        size = argument not in NO_SIZES and all(type(value) is int for value in column)
        constant = all(value == first and type(value) is type(first) for value in column)
        if (
            size
            and argument in FROM_CHANNELS
            and column == context
            and not (constant and argument != "groups")
        ):
            return Text("channels")
        if constant:
            return first
        if size and argument in FROM_CHANNELS and None not in context:
            ratio = multiple(column, context, "channels")
            if ratio and len(set(column)) > 1 and argument in FROM_CHANNELS:
                return Text(ratio)
        for parameter in self.block.parameters:
            if parameter.column == column:
                return Text(parameter.name)
        if size:
            for parameter in self.block.parameters:
                written = multiple(column, parameter.column, parameter.name, argument == "padding")
                if written:
                    return Text(written)
        if size and argument in FROM_CHANNELS and column == self.full and None not in self.full:
            self.block.captured = self.block.captured or "full"
            return Text("full")
        name = parameter_name(
            leaf, argument, {one.name for one in self.block.parameters}, column == self.output
        )
        self.block.parameters.append(BlockParameter(name, column))
        return Text(name)

    def settle_defaults(self) -> None:
        """A value that most uses have is the default, unless the parameter is what the block is about."""
        for parameter in self.block.parameters:
            (value, count), *_ = Counter(map(_key, parameter.column)).most_common(1)
            given = next(one for one in parameter.column if _key(one) == value)
            plain = isinstance(given, bool) or parameter.name.startswith(("stride", "dilation", "groups"))
            often = count * 2 > len(parameter.column)
            if (plain and (often or given in (1, False))) or (often and not isinstance(given, int)):
                parameter.default, parameter.has_default = given, True
        self.block.parameters.sort(key=lambda one: one.has_default)


def _key(value: Any) -> Any:
    return (type(value).__name__, value)


NO_SIZES = frozenset({"axis", "axes", "p", "eps", "start", "stop"})
FROM_CHANNELS = frozenset(
    {"out_channels", "groups", "full", "num_groups", "channels", "out", "dim", "hidden", "width"}
)


def multiple(column: tuple[Any, ...], base: tuple[Any, ...], name: str, half: bool = False) -> str:
    """A column as a multiple or a part of another one; '' when it is none."""
    if not all(type(value) is int for value in base) or len(set(base)) == 1:
        return ""
    if half and all(value == one // 2 for value, one in zip(column, base, strict=True)):
        return f"{name}//2"
    if half:
        return ""
    if any(not one for one in base) or any(not one for one in column):
        return ""
    ratios = {(value, one) for value, one in zip(column, base, strict=True)}
    up = {value // one if value % one == 0 else 0 for value, one in ratios}
    if len(up) == 1 and 0 not in up and up != {1}:
        return f"{up.pop()}*{name}"
    down = {one // value if one % value == 0 else 0 for value, one in ratios}
    if len(down) == 1 and 0 not in down and down != {1}:
        return f"{name}/{down.pop()}"
    return ""


def output_channels(group: Group) -> Any:
    for leaf in reversed([*leaves(group.items)]):
        if "out_channels" in leaf.given:
            return leaf.given["out_channels"]
    return None
