"""Structure where a source names no parts: what repeats in a chain becomes a group, so that it can be a block.

A part that repeats is a run of items, each of which reads the one before it alone. Of all runs that
repeat, the one that saves most lines is taken, then the next, until none saves any. A run holds at most
one join or group, unless it follows itself several times: so the residual blocks of a network are found,
and not the stages, each of which has another number of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from paramcalc.importing.blocks import MAIN, kinds, lists
from paramcalc.importing.tree import Group, Item, Join, Leaf, leaves, value_of

LONGEST = 32  # items of a run
WORK = 4_000_000  # tokens that are looked at in a round
ROUNDS = 24
FEWEST = 3  # times that a run of several parts follows itself
NUMBERS = frozenset({"clip", "power", "scale"})  # calls that are alike with the same numbers only
FOUND = "@"  # before the path of a group that was found here


def structured(items: list[Item], outputs: Sequence[int]) -> list[Item]:
    """The items, with runs that repeat as groups."""
    readers = Counter(value for leaf in leaves(items) for value in leaf.reads)
    readers.update(outputs)
    tokens: dict[Any, int] = {}
    for number in range(ROUNDS):
        chains = [_chain(found, inner, tokens, readers) for found, inner in _chains(items, False)]
        run = _best(chains)
        if run is None:
            break
        for chain in chains:
            _wrap(chain, run, number)
    return items


def dissolved(items: list[Item]) -> list[Item]:
    """The items without groups that were found here, and have become no block."""
    found: list[Item] = []
    for item in items:
        for chain in lists(item):
            chain[:] = dissolved(chain)
        found += item.items if isinstance(item, Group) and item.path.startswith(FOUND) else [item]
    return found


# ------------------------------------------------------------------------------------------ chains


class _Chain(NamedTuple):
    """Items one after the other, and of each: what it is, whether it begins anew, what it costs and has."""

    items: list[Item]
    inner: bool  # whether it is a branch of a join
    tokens: list[int]
    begins: list[bool]  # whether it cannot go on the run of the item before it
    costs: list[float]  # lines, summed up from the first item on
    parts: list[int]  # joins and groups, likewise
    heavy: list[int]  # layers with matrices, likewise


def _chains(items: list[Item], inner: bool) -> Iterator[tuple[list[Item], bool]]:
    """All chains in which a run can be; groups that were found are what they are, but for branches in them."""
    if not inner or any(not isinstance(item, Leaf) for item in items):
        yield items, inner
    for item in items:
        waiting = [item]
        while waiting:
            one = waiting.pop()
            if isinstance(one, Group) and one.path.startswith(FOUND):
                waiting += one.items
                continue
            for chain in lists(one):
                yield from _chains(chain, isinstance(one, Join) or inner)


def _chain(items: list[Item], inner: bool, tokens: dict[Any, int], readers: Counter[int]) -> _Chain:
    found: list[int] = []
    begins: list[bool] = []
    before: int | None = None
    for place, item in enumerate(items):
        own = {leaf.value for leaf in leaves([item])}
        reads = Counter(value for leaf in leaves([item]) for value in leaf.reads)
        outside = {value for value in reads if value not in own}
        closed = len(outside) == 1 and all(
            readers[value] == reads[value] for value in own if value != value_of(item)
        )
        shared = any(leaf.share is not None for leaf in leaves([item]))
        token = tokens.setdefault(_token(item), len(tokens)) if closed and not shared else -1 - place
        found.append(token)
        follows = before is not None and outside == {before} and readers[before] == reads[before]
        begins.append(not follows)
        before = value_of(item)
    return _Chain(
        items,
        inner,
        found,
        begins,
        [0.0, *accumulate(map(_cost, items))],
        [0, *accumulate(not isinstance(item, Leaf) for item in items)],
        [0, *accumulate(isinstance(item, Leaf) and item.head in MAIN for item in items)],
    )


def _token(item: Item) -> Any:
    """What items have in common that may be one part: ops and wiring, kernels of 1 apart from others."""
    if isinstance(item, Leaf):
        kernel, groups = item.given.get("kernel_size"), item.given.get("groups", 1)
        fixed = (*item.given.values(),) if item.head in NUMBERS else ()
        return item.head, kinds(item), kernel == 1, kernel is not None and groups != 1, fixed
    if isinstance(item, Join):
        branches = tuple(tuple(map(_token, branch.items)) for branch in item.branches)
        return "join", item.call.head, kinds(item.call), branches
    return "group", *(tuple(map(_token, chain)) for chain in lists(item))


def _cost(item: Item) -> float:
    """The lines that an item takes, about."""
    if isinstance(item, Leaf):
        return 1 if item.head in MAIN else 0.25
    if isinstance(item, Join):
        return 1 + sum(max(1, sum(map(_cost, branch.items))) for branch in item.branches)
    return 1


# ---------------------------------------------------------------------------------- the best run


class _Run(NamedTuple):
    tokens: tuple[int, ...]
    tandem: bool  # whether it counts only where it follows itself


class _Seen:
    """How often a run was met, and where last."""

    __slots__ = ("chain", "count", "end", "most", "row")

    def __init__(self) -> None:
        self.count = self.row = self.most = 0
        self.chain, self.end = -1, 0

    def meet(self, chain: int, start: int, length: int) -> None:
        if chain == self.chain and start < self.end:
            return
        self.row = self.row + 1 if chain == self.chain and start == self.end else 1
        self.count += 1
        self.most = max(self.most, self.row)
        self.chain, self.end = chain, start + length


def _best(chains: Sequence[_Chain]) -> _Run | None:
    """The run that saves most lines."""
    size = sum(len(chain.items) for chain in chains)
    longest = next((most for most in range(LONGEST, 1, -1) if size * most * most <= WORK), 1)
    best, most = None, 1.0
    for length in range(1, longest + 1):
        seen: dict[tuple[int, ...], _Seen] = {}
        for number, chain in enumerate(chains):
            if len(chain.items) < length:
                continue
            for start in _starts(chain, length):
                key = tuple(chain.tokens[start : start + length])
                seen.setdefault(key, _Seen()).meet(number, start, length)
        for key, met in seen.items():
            if met.count < 2:
                continue
            chain, start = chains[met.chain], met.end - length
            tandem = chain.parts[start + length] - chain.parts[start] > 1
            gain = _gain(chain, start, length, met)
            if gain > most:
                best, most = _Run(key, tandem), gain
    return best


def _starts(chain: _Chain, length: int) -> Iterator[int]:
    """Where runs of a length begin: without a break, and without an item that is like no other."""
    left = 0  # items from here on that one run may hold
    ends: list[int] = []
    for place in range(len(chain.items)):
        if chain.tokens[place] < 0:
            left = 0
            continue
        left = 1 if chain.begins[place] else left + 1
        if left >= length:
            ends.append(place + 1)
    return (end - length for end in ends)


def _gain(chain: _Chain, start: int, length: int, met: _Seen) -> float:
    """The lines that a run saves as a block; less where it begins with what ends another."""
    end = start + length
    items = chain.items[start:end]
    parts, heavy = chain.parts[end] - chain.parts[start], chain.heavy[end] - chain.heavy[start]
    cost, count = chain.costs[end] - chain.costs[start], met.count
    if parts > 1:
        count = met.most if met.most >= FEWEST else 0
        worth = len({*chain.tokens[start:end]}) > 1
    elif parts:
        worth = heavy > 1 or any(isinstance(item, Join) for item in items)
    else:
        worth = heavy > 1 and count >= FEWEST and not chain.inner
    if not worth or _periodic(chain.tokens[start:end]):
        return 0
    light = isinstance(items[0], Leaf) and items[0].head not in MAIN
    return count * cost - cost - 1 - count - 0.5 * light - 3 * (not parts and _broken(chain, start, end))


def _broken(chain: _Chain, start: int, end: int) -> bool:
    """Whether a run of layers ends before what belongs to its last one, or goes on after a pool."""
    after = chain.items[end] if end < len(chain.items) and not chain.begins[end] else None
    if isinstance(after, Leaf) and after.head not in MAIN and "pool" not in after.head:
        return True
    inside = chain.items[start + 1 : end - 1]
    return any(isinstance(item, Leaf) and "pool" in item.head for item in inside)


def _periodic(tokens: Sequence[int]) -> bool:
    """Whether a run is a shorter one several times."""
    size = len(tokens)
    return any(
        size % period == 0 and [*tokens[:period]] * (size // period) == [*tokens]
        for period in range(1, size // 2 + 1)
    )


def _wrap(chain: _Chain, run: _Run, number: int) -> None:
    """Groups in place of a run, wherever it occurs."""
    length = len(run.tokens)
    starts = [at for at in _starts(chain, length) if tuple(chain.tokens[at : at + length]) == run.tokens]
    taken: list[int] = []
    for start in starts:
        if not taken or start >= taken[-1] + length:
            taken.append(start)
    if run.tandem:
        beside = {*taken}
        taken = [at for at in taken if at + length in beside or at - length in beside]
    for start in reversed(taken):
        items = chain.items[start : start + length]
        chain.items[start : start + length] = [
            Group("", word(items), items, value_of(items[-1]), f"{FOUND}{number}")
        ]


def hinted(items: Sequence[Item]) -> None:
    """Names of widths as papers give them for branches that are concatenated: reduce3, out3, pool."""
    for item in items:
        if isinstance(item, Join) and item.call.head == "concat":
            _hint(item)
        for chain in lists(item):
            hinted(chain)


def _hint(join: Join) -> None:
    for branch in join.branches:
        sizes = {
            id(leaf): leaf.given.get("kernel_size") for leaf in leaves(branch.items) if leaf.head in MAIN
        }
        largest = max((size for size in sizes.values() if type(size) is int), default=0)
        pooled = any("pool" in leaf.head for leaf in leaves(branch.items))
        for leaf in leaves(branch.items):
            size = sizes.get(id(leaf))
            if type(size) is int:
                leaf.hint = "pool" if pooled else f"out{size}" if size == largest else f"reduce{largest}"


# ------------------------------------------------------------------------------------------- words


def word(items: Sequence[Item]) -> str:
    """What people call a part like this.

    >>> word([Leaf("conv2d", {}, (0,), 1), Leaf("relu", {}, (1,), 2)])
    'layer'
    """
    join = next((item for item in items if isinstance(item, Join)), None)
    if join is None:
        depthwise = [leaf for leaf in leaves(items) if _depthwise(leaf)]
        return "separable" if depthwise else "layer"
    empty = sum(not branch.items for branch in join.branches)
    inside = [[*leaves(branch.items)] for branch in join.branches if branch.items]
    if join.call.head == "multiply":
        pooled = any("pool" in leaf.head for chain in inside for leaf in chain)
        return "squeeze_excite" if pooled else "gated"
    if join.call.head == "concat":
        before = any(isinstance(item, Leaf) and item.head in MAIN for item in items[: items.index(join)])
        if empty:
            return "dense_layer"
        return "inception" if len(inside) > 2 else "fire" if before else "branches"
    if join.call.head != "add":
        return join.call.head
    longest = max(inside, key=len)
    return _residual(longest) + ("" if empty else "_downsample")


def _residual(chain: Sequence[Leaf]) -> str:
    """A residual block by its main branch."""
    if any("attention" in leaf.head for leaf in chain):
        return "attention"
    heavy = [leaf for leaf in chain if leaf.head in MAIN]
    if all(leaf.head == "linear" for leaf in heavy):
        return "mlp"
    if any(_depthwise(leaf) for leaf in heavy):
        return "inverted_residual"
    if len(heavy) == 3 and heavy[0].given.get("kernel_size") == heavy[-1].given.get("kernel_size") == 1:
        return "bottleneck"
    return "basic_block" if len(heavy) == 2 else "residual"


def _depthwise(leaf: Leaf) -> bool:
    groups = leaf.given.get("groups", 1)
    return type(groups) is int and groups > 1 and groups == leaf.enters
