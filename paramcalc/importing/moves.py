"""Where elements go when arrays are reshaped, permuted and cut, by moving their numbers about."""

from __future__ import annotations

from math import prod
from typing import Any, TypeAlias

from paramcalc.importing.net import Net, name_of
from paramcalc.importing.source import SourceNode, Value

Indices: TypeAlias = Any  # an array of whole numbers: which element of the first array stands where

MOVES = frozenset({"reshape", "permute", "slice", "expand", "roll", "pad"})
LARGEST = 50_000_000  # elements that are moved about to see where they go


def moved(net: Net, node: SourceNode, x: Indices) -> Indices:
    """What a node that only moves elements does to an array of their numbers; padding has -1."""
    import numpy as np

    name = name_of(node)
    given: Any = node.call.attributes  # type: ignore[union-attr]
    if name == "reshape":
        return x.reshape(node.dims)
    if name == "permute":
        return x.transpose(given["axes"])
    if name == "slice":
        at = (slice(None),) * given["axis"] + (slice(given["start"], given["stop"], given["step"]),)
        return x[at].reshape(node.dims)
    if name == "roll":
        return np.roll(x, given["shifts"], given["axes"])
    if name == "pad":
        return np.pad(x, given["amounts"], constant_values=-1)
    return np.broadcast_to(x, node.dims)


def back(
    net: Net, value: Value | float | None, names: frozenset[str] = MOVES
) -> tuple[Value, list[SourceNode]]:
    """From what a value was made by moves, and the moves in order."""
    assert isinstance(value, str)
    found: list[SourceNode] = []
    while True:
        node = net.makers.get(value)
        if node is None or name_of(node) not in names or node.inputs[0] not in net.data:
            return value, found[::-1]
        if name_of(node) == "pad" and node.call.attributes["mode"] not in ("constant", "zeros"):  # type: ignore[union-attr]
            return value, found[::-1]
        found.append(node)
        value = str(node.inputs[0])


def replay(net: Net, start: Indices, nodes: list[SourceNode]) -> Indices:
    """An array of numbers after some moves."""
    for node in nodes:
        start = moved(net, node, start)
    return start


def numbered(dims: tuple[int, ...]) -> Indices:
    """An array of these sizes whose elements are their own numbers."""
    import numpy as np

    return np.arange(prod(dims), dtype=np.int64).reshape(dims)


def forward(net: Net, value: Value, names: frozenset[str] = MOVES) -> list[SourceNode]:
    """The moves that alone read a value, one after the other."""
    found: list[SourceNode] = []
    while True:
        node = net.only_reader(value)
        if node is None or name_of(node) not in names:
            return found
        found.append(node)
        value = node.value


def ranges(rows: Any) -> str:
    """Row numbers in brackets, neighbours as ranges: [0:64,128:192].

    >>> ranges([0, 1, 2, 6, 7])
    '[0:3,6:8]'
    """
    rows = [int(row) for row in rows]
    found: list[list[int]] = []
    for row in rows:
        if found and found[-1][1] == row:
            found[-1][1] = row + 1
        else:
            found.append([row, row + 1])
    return "[" + ",".join(f"{start}:{stop}" for start, stop in found) + "]"
