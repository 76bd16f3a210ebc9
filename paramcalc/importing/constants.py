"""Work on weights alone, which is done once, and work on what an input reaches, node by node as a source has it."""

from __future__ import annotations

from collections.abc import Collection
from math import prod

from paramcalc.importing.net import Net, name_of
from paramcalc.importing.source import Primitive, SourceNetwork, SourceNode, Value


def macs_of(source: SourceNetwork, *, reached: bool) -> int:
    """Multiply-accumulates of the nodes that an input reaches, or of all others: tables computed of weights.

    They are counted by the sizes of the source, with none of our ops.
    """
    net = Net(source)
    return sum(_macs(net, node) for node in source.nodes if (node.value in net.data) is reached)


def macs_at(source: SourceNetwork, values: Collection[Value]) -> int:
    """Multiply-accumulates of the nodes that give these values."""
    net = Net(source)
    return sum(_macs(net, node) for node in source.nodes if node.value in values)


def _macs(net: Net, node: SourceNode) -> int:
    if not isinstance(node.call, Primitive):  # each of its matrices meets each position once
        matrices = (net.source.weights[name].dims for name in node.weights.values())
        return prod(net.dims(node.inputs[0])[:-1]) * sum(prod(dims) for dims in matrices if len(dims) == 2)
    match name_of(node):
        case "linear" | "matmul":
            return prod(node.dims) * net.dims(node.inputs[0])[-1]
        case "conv":
            return prod(node.dims) * prod(net.dims(node.inputs[1])[1:])
        case "conv_transpose":
            return prod(net.dims(node.inputs[0])) * prod(net.dims(node.inputs[1])[1:])
    return 0
