"""What the mask of an attention hides: nothing, later positions, or something else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from paramcalc.importing.net import Net, name_of
from paramcalc.importing.source import SourceNode, Value

HIDDEN = -1e4  # numbers below are added to scores that count for nothing
NOTHING, LATER, OTHERS = "nothing", "later positions", "others"


def hides(net: Net, mask: Value) -> str:
    """What a mask hides. By its numbers where they are known; else comparisons of positions hide later ones."""
    if net.is_data(mask):
        return OTHERS
    array = net.source.numbers(mask) if net.source.numbers is not None else None
    if array is None:
        return LATER if compares(net, mask) else OTHERS
    seen = array if array.dtype == bool else array > HIDDEN
    if array.dtype != bool and array[seen].any():
        return OTHERS
    if seen.all():
        return NOTHING
    if seen.ndim < 2:
        return OTHERS
    rows, columns = np.indices(seen.shape[-2:])
    return LATER if seen.shape[-2] == seen.shape[-1] and (seen == (columns <= rows)).all() else OTHERS


def window(net: Net, mask: Value, length: int) -> int | None:
    """How many positions a mask leaves, where it would hide more than it does among so few."""
    for node in _makers(net, mask):
        if name_of(node) not in ("gt", "ge", "lt", "le"):
            continue
        for value in node.inputs:
            moved = net.maker(value, "subtract", "add")
            numbers = (
                [abs(one) for one in moved.inputs if isinstance(one, int | float)]
                if moved is not None
                else []
            )
            if numbers and numbers[0] >= length:
                return int(numbers[0])
    return None


def compares(net: Net, mask: Value) -> bool:
    """Whether a mask compares positions."""
    return any(name_of(node) in ("le", "tril", "triu", "lt", "gt") for node in _makers(net, mask))


def _makers(net: Net, value: Value) -> Iterator[SourceNode]:
    """The nodes that a value is computed by."""
    waiting, seen = [value], {value}
    while waiting:
        node = net.makers.get(waiting.pop())
        if node is None:
            continue
        yield node
        for one in node.inputs:
            if isinstance(one, str) and one not in seen:
                seen.add(one)
                waiting.append(one)
