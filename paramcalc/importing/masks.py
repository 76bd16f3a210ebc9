"""What the mask of an attention hides: nothing, later positions, or something else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from paramcalc.importing.net import Net, name_of
from paramcalc.importing.source import SourceNode, Value

HIDDEN = -1e4  # numbers below are added to scores that count for nothing
NOTHING, LATER, OTHERS = "nothing", "later positions", "others"


def hides(net: Net, mask: Value) -> str:
    """What a mask hides. By its numbers where they are known; else comparisons of positions hide later ones.

    Positions before a window may be hidden beside later ones.
    """
    if net.is_data(mask):
        return OTHERS
    array = _numbers(net, mask)
    if array is None:
        return LATER if compares(net, mask) else OTHERS
    seen = array if array.dtype == bool else array > HIDDEN
    if array.dtype != bool and array[seen].any():
        return OTHERS
    if seen.all():
        return NOTHING
    if seen.ndim < 2 or seen.shape[-2] != seen.shape[-1]:
        return OTHERS
    return LATER if (seen == _band(seen, int(seen[..., -1, :].sum(-1).max()))).all() else OTHERS


def _numbers(net: Net, mask: Value) -> Any:
    return net.source.numbers(mask) if net.source.numbers is not None else None


def _band(seen: Any, size: int) -> Any:
    """The positions that each one sees which sees so many before it, itself included."""
    import numpy as np

    rows, columns = np.indices(seen.shape[-2:])
    return (columns <= rows) & (columns > rows - size)


def window(net: Net, mask: Value, length: int) -> int | None:
    """How many positions a mask of later ones leaves to each; None where it hides none before.

    Where it hides more than it does among so few, its comparison with a position so many before says it.
    """
    array = _numbers(net, mask)
    if array is not None and array.ndim > 1:
        left = int((array if array.dtype == bool else array > HIDDEN)[..., -1, :].sum(-1).max())
        if left < length:
            return left
    for node in _makers(net, mask):
        moved = net.maker(node.inputs[-1], "subtract") if name_of(node) == "gt" else None
        number = moved.inputs[-1] if moved is not None else None
        if isinstance(number, int) and number >= length:
            return number
    return None


def compares(net: Net, mask: Value) -> bool:
    """Whether a mask compares positions."""
    return any(name_of(node) in ("le", "tril", "triu", "lt", "gt") for node in _makers(net, mask))


def _makers(net: Net, value: Value) -> Iterator[SourceNode]:
    """The nodes that a value is computed by."""
    waiting, seen = [value], {value}
    while waiting:
        node = net.makers.get(waiting.pop())
        if node is None or name_of(node) in ("embedding", "index"):  # what a table is looked up by is no mask
            continue
        yield node
        for one in node.inputs:
            if isinstance(one, str) and one not in seen:
                seen.add(one)
                waiting.append(one)
