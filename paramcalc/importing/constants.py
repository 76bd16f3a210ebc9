"""The work that a source does on its weights alone, and that is prepared once."""

from __future__ import annotations

from math import prod

from paramcalc.importing.net import Net, name_of
from paramcalc.importing.source import Source


def folded_macs(source: Source) -> int:
    """Multiply-accumulates of products that no input reaches: tables that are computed of weights."""
    net = Net(source)
    total = 0
    for node in source.nodes:
        if node.value in net.data or name_of(node) not in ("linear", "matmul", "conv"):
            continue
        if name_of(node) == "linear" or name_of(node) == "matmul":
            total += prod(node.dims) * net.dims(node.inputs[0])[-1]
        else:
            total += prod(node.dims) * prod(net.dims(node.inputs[1])[1:])
    return total
