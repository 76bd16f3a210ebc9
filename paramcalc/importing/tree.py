"""A network as its author grouped it: layers in groups by module, chains with joins inside each group.

Within a group the data flow is reduced as series-parallel graphs are: what a value runs through to its
only reader is a chain, and a join whose branches all start from one value holds them as branches.
What does not reduce is written with `from`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from paramcalc.importing.layers import Lowered, needed_layers
from paramcalc.importing.words import CONTAINERS
from paramcalc.ops.attributes import attributes
from paramcalc.ops.base import Op


@dataclass
class Leaf:
    """A call of an op, or of a block that stands for a group.

    `head` is its name, `given` are all its arguments. `reads` are the values that it reads; those of a
    block are the tensor that enters and what is read from further out. `enters` is the number of
    channels of the tensor that enters, None if it has none.
    """

    head: str
    given: dict[str, Any]
    reads: tuple[int, ...]
    value: int
    enters: Any = None
    name: str = ""
    op: Op | None = None
    share: int | None = None  # the layer whose weights it has,
    shared: str = ""  # or the only one of them that it has
    holds: tuple[Leaf, ...] = ()  # of a block: the calls of ops inside, in order
    hint: str = ""  # what its channels are called as an argument, where it has no name


@dataclass
class Join:
    """A call whose inputs are the ends of branches; each branch starts from the tensor that enters."""

    call: Leaf
    branches: list[Branch]
    start: int
    name: str = ""

    @property
    def value(self) -> int:
        return self.call.value


@dataclass
class Branch:
    name: str
    items: list[Item]
    value: int  # at its end


@dataclass
class Group:
    """A chain under a name. `kind` is the class of its module, in the author's words."""

    name: str
    kind: str
    items: list[Item]
    value: int = -1
    path: str = ""
    parent: str = ""  # the class of the module around it


@dataclass
class Optional:
    """Items that some of the groups that are one block have, and others have not."""

    flag: str
    items: list[Item] = field(default_factory=list)


@dataclass
class Auxiliary:
    """A branch that exists in training only, from the tensor that passes by it."""

    name: str
    items: list[Item]
    start: int

    @property
    def value(self) -> int:
        return self.start


@dataclass
class Piece:
    """A chain that starts from a value."""

    start: int
    items: list[Item]

    @property
    def value(self) -> int:
        return value_of(self.items[-1]) if self.items else self.start


Item: TypeAlias = Leaf | Join | Group | Optional | Auxiliary


def value_of(item: Item) -> int:
    return value_of(item.items[-1]) if isinstance(item, Optional) else item.value


def leaves(items: Sequence[Item]) -> Iterator[Leaf]:
    """All calls of ops, in the order in which a spec of these items elaborates them."""
    for item in items:
        if isinstance(item, Leaf):
            if item.holds:
                yield from item.holds
            else:
                yield item
        elif isinstance(item, Join):
            for branch in item.branches:
                yield from leaves(branch.items)
            yield item.call
        else:
            yield from leaves(item.items)


def tree(net: Lowered) -> list[Item]:
    """The items of a whole network."""
    return _Grower(net).grown()


def plain(net: Lowered) -> list[Item]:
    """The layers one after the other, without groups."""
    grower = _Grower(net)
    return [grower.leaf(place) for place in range(len(net.layers))]


class _Grower:
    """Builds groups from the outside in, then chains within each."""

    def __init__(self, net: Lowered) -> None:
        self.net = net
        self.first = len(net.inputs)
        self.kinds: dict[str, str] = {}
        self.parts: list[tuple[str, ...]] = []
        for layer in net.layers:
            for module in layer.modules:
                self.kinds[module.path] = module.kind
            path = layer.modules[-1].path if layer.modules else ""
            self.parts.append(tuple(path.split(".")) if path else ())
        self.readers = Counter(value for layer in net.layers for value in layer.inputs)
        for value in net.outputs.values():
            self.readers[value] += 1
        self.owners = self._owners()
        self.lift()

    def lift(self) -> None:
        """A sum belongs to the group in which its branches part, not to the last part of one of them.

        BERT adds what entered its attention inside the module that follows it.
        """
        reading: dict[int, list[int]] = {}
        for place, layer in enumerate(self.net.layers):
            for value in layer.inputs:
                reading.setdefault(value, []).append(place)
        for place, layer in enumerate(self.net.layers):
            if layer.op.inputs is not None or type(layer.op).name == "concat":
                continue
            parts = self.parts[place]
            for value in layer.inputs:
                while parts and not self.inside(value, parts):
                    others = [
                        one
                        for one in reading[value]
                        if one < place and self.parts[one][: len(parts)] != parts
                    ]
                    around = parts[:-1]
                    if not any(self.parts[one][: len(around)] == around for one in others):
                        break
                    parts = around
            self.parts[place] = parts

    def inside(self, value: int, parts: tuple[str, ...]) -> bool:
        place = value - self.first
        return place >= 0 and self.parts[place][: len(parts)] == parts

    def grown(self) -> list[Item]:
        main = needed_layers(self.first, self.net.layers, self.net.outputs.values())
        places = [place for place in range(len(self.net.layers)) if self.first + place in main]
        items = self.group(places, 0) if places else []
        taken = set(places)
        for name, end in self.net.auxiliary.items():
            branch = needed_layers(self.first, self.net.layers, [end])
            own = [
                place
                for place in range(len(self.net.layers))
                if self.first + place in branch - {*main} and place not in taken
            ]
            if own:
                taken.update(own)
                self.beside(items, Auxiliary(name, self.group(own, 0), self.net.layers[own[0]].inputs[0]))
        return items

    def beside(self, items: list[Item], branch: Auxiliary) -> bool:
        """Puts a branch of training behind what gives the tensor that it reads."""
        for place, item in enumerate(items):
            if value_of(item) == branch.start:
                items.insert(place + 1, branch)
                return True
            if isinstance(item, Group) and self.beside(item.items, branch):
                return True
        return False

    def _owners(self) -> dict[str, int]:
        """The first layer with each weight."""
        found: dict[str, int] = {}
        for place, layer in enumerate(self.net.layers):
            for name in layer.weights.values():
                found.setdefault(name, place)
        return found

    def leaf(self, place: int) -> Leaf:
        layer = self.net.layers[place]
        kind = type(layer.op)
        given = {
            name: attribute.shortest(kind, getattr(layer.op, name))
            for name, attribute in attributes(kind).items()
        }
        shape = self.net.shapes[layer.inputs[0]] if layer.inputs else None
        enters = shape.channels if shape is not None and "channels" in shape.axes else None
        part = self.parts[place][-1] if self.parts[place] else ""
        share, shared = self.shared(place)
        return Leaf(kind.name, given, layer.inputs, self.first + place, enters, part, layer.op, share, shared)

    def shared(self, place: int) -> tuple[int | None, str]:
        """The earlier layer whose weights a layer has: all that both have by name, or just one of them."""
        own = self.net.layers[place].weights
        if not getattr(self.net.layers[place].op, "learned", True):
            return None, ""  # nothing is counted twice
        for owner in dict.fromkeys(self.owners[name] for name in own.values() if self.owners[name] != place):
            theirs = self.net.layers[owner].weights
            common = [ours for ours in own if ours in theirs]
            equal = [ours for ours in common if own[ours] == theirs[ours]]
            if equal and len(equal) == len(common):
                return self.first + owner, ""
            if len(equal) == 1:
                return self.first + owner, equal[0]
        return None, ""

    # ---------------------------------------------------------------------------------- groups

    def group(self, places: list[int], depth: int) -> list[Item]:
        """The chain of a group of layers whose paths agree up to a depth."""
        elements = self.elements(places, depth)
        items: list[Item] = []
        for element in elements:
            items.append(self.element(element, depth))
        return self.chained(items, elements)

    def element(self, places: list[int], depth: int) -> Item:
        parts = self.parts[places[0]]
        if len(places) == 1:
            return self.leaf(places[0])
        path = ".".join(parts[: depth + 1])
        name = parts[depth]
        items = self.group(places, depth + 1)
        around = [".".join(parts[:end]) for end in range(depth, 0, -1)]
        parent = next((self.kinds[one] for one in around if self.kinds.get(one, "") not in CONTAINERS), "")
        return Group(name, self.kinds.get(path, ""), items, value_of(items[-1]), path, parent)

    def elements(self, places: list[int], depth: int) -> list[list[int]]:
        """Layers with one more name in common, in an order in which the parts can be computed whole."""
        runs: list[tuple[str, list[int]]] = []
        for place in places:
            parts = self.parts[place]
            name = parts[depth] if len(parts) > depth else ""
            if runs and name and runs[-1][0] == name:
                runs[-1][1].append(place)
            else:
                runs.append((name, [place]))
        counts = Counter(name for name, _ in runs if name)
        if all(count == 1 for count in counts.values()):
            return [run for _, run in runs]
        return self.gathered(runs)

    def gathered(self, runs: list[tuple[str, list[int]]]) -> list[list[int]]:
        """Runs of the same name as one, where nothing between them needs them apart."""
        whole: dict[str, list[int]] = {}
        for name, run in runs:
            if name:
                whole.setdefault(name, []).extend(run)
        merged = list(whole.values()) + [run for name, run in runs if not name]
        ordered = self.ordered(merged)
        return ordered if ordered is not None else [run for _, run in runs]

    def ordered(self, elements: list[list[int]]) -> list[list[int]] | None:
        """Elements in an order in which they can be computed; None if there is none."""
        home = {place: number for number, element in enumerate(elements) for place in element}
        needs = [
            {
                home[value - self.first]
                for place in element
                for value in self.net.layers[place].inputs
                if value - self.first in home and home[value - self.first] != number
            }
            for number, element in enumerate(elements)
        ]
        waiting = sorted(range(len(elements)), key=lambda number: elements[number][0])
        done: set[int] = set()
        order: list[list[int]] = []
        while waiting:
            ready = next((number for number in waiting if needs[number] <= done), None)
            if ready is None:
                return None
            waiting.remove(ready)
            done.add(ready)
            order.append(elements[ready])
        return order

    # ---------------------------------------------------------------------------------- chains

    def chained(self, items: list[Item], elements: list[list[int]]) -> list[Item]:
        """The items of one group as chains with joins, one after the other."""
        readers: Counter[int] = Counter()
        entries: list[tuple[int, ...]] = []
        for element in elements:
            read = self.entered(element)
            entries.append(read)
            readers.update(read)
        outside = self.read_outside(elements)
        pieces: dict[int, Piece] = {}  # by the value at their end, of which this is the only reader
        for item, read in zip(items, entries, strict=True):
            call = item if isinstance(item, Leaf) else None
            if call is not None and call.op is not None and _joins(call.op) and len(read) > 1:
                branches = [
                    pieces.get(value) if self.alone(value, readers, outside) else None for value in read
                ]
                starts = {
                    piece.start if piece else value for piece, value in zip(branches, read, strict=True)
                }
                taken = [piece for piece in branches if piece is not None]
                if (
                    len(starts) == 1
                    and -1 not in starts
                    and len({id(piece) for piece in taken}) == len(taken)
                    and taken
                ):
                    (start,) = starts
                    join = self.joined(call, read, branches, start)
                    for piece, value in zip(branches, read, strict=True):
                        if piece is not None:
                            del pieces[value]
                    readers[start] -= len(read) - 1
                    self.extend(pieces, start, join, readers, outside)
                    continue
            if len(read) == 1 or (read and call is None):
                self.extend(pieces, read[0], item, readers, outside)
            else:
                piece = Piece(-1, [item])  # reads several, or nothing: says so itself
                pieces[piece.value] = piece
        return self.assembled([*pieces.values()])

    def alone(self, value: int, readers: Counter[int], outside: set[int]) -> bool:
        return readers[value] == 1 and value not in outside

    def extend(
        self, pieces: dict[int, Piece], start: int, item: Item, readers: Counter[int], outside: set[int]
    ) -> None:
        """An item at the end of the chain whose value it alone reads, or as the start of another one."""
        piece = pieces.get(start)
        if piece is not None and self.alone(start, readers, outside):
            del pieces[start]
            piece.items.append(item)
        else:
            piece = Piece(start, [item])
        pieces[piece.value] = piece

    def joined(self, call: Leaf, read: tuple[int, ...], branches: Sequence[Piece | None], start: int) -> Join:
        found = [
            Branch("", piece.items if piece else [], value)
            for piece, value in zip(branches, read, strict=True)
        ]
        if call.op is not None and call.op.inputs is None and call.head != "concat":
            found.sort(key=lambda branch: not branch.items)  # what passes last
        return Join(call, found, start)

    def entered(self, element: list[int]) -> tuple[int, ...]:
        """The values from outside that an element reads; a layer's as often as it reads them."""
        if len(element) == 1:
            return self.net.layers[element[0]].inputs
        own = {self.first + place for place in element}
        found: dict[int, None] = {}
        for place in element:
            for value in self.net.layers[place].inputs:
                if value not in own:
                    found[value] = None
        return tuple(found)

    def read_outside(self, elements: list[list[int]]) -> set[int]:
        """The values of a group that are read outside of it, or are outputs."""
        own = {self.first + place for element in elements for place in element}
        here: Counter[int] = Counter(
            value for element in elements for place in element for value in self.net.layers[place].inputs
        )
        return {value for value in own if self.readers[value] > here[value]}

    def assembled(self, pieces: list[Piece]) -> list[Item]:
        """Chains one after the other: each behind the one whose value it starts from, where that can be."""
        if len(pieces) == 1:
            return pieces[0].items
        given = {value for piece in pieces for item in piece.items for value in values_in(item)}
        waiting = sorted(pieces, key=lambda piece: first_value(piece.items))
        known: set[int] = set()
        current: int | None = None
        found: list[Item] = []
        while waiting:
            ready = [piece for piece in waiting if all(
                value in known or value not in given for value in read_from(piece))]  # fmt: skip
            chosen = next(
                (piece for piece in ready if piece.start == current), ready[0] if ready else waiting[0]
            )
            waiting.remove(chosen)
            found += chosen.items
            known.update(value for item in chosen.items for value in values_in(item))
            current = chosen.value
        return found


def values_in(item: Item) -> Iterator[int]:
    """The values that an item gives, inner ones included."""
    for leaf in leaves([item]):
        yield leaf.value


def first_value(items: Sequence[Item]) -> int:
    return min(leaf.value for leaf in leaves(items))


def read_from(piece: Piece) -> set[int]:
    """The values from outside that a chain reads."""
    own = {value for item in piece.items for value in values_in(item)}
    return {value for leaf in leaves(piece.items) for value in leaf.reads if value not in own}


def _joins(made: Op) -> bool:
    return made.inputs is None or len(made.inputs) > 1
