"""Numbers of what a source computes of its weights alone, by running the operations that move and combine them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from paramcalc.base.errors import Fault
from paramcalc.importing.source import Primitive, SourceNetwork, SourceNode, Value, Weight

Arrays = Callable[[Value], Any]

BINARY: Mapping[str, Callable[..., Any]] = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide, "maximum": np.maximum,
    "minimum": np.minimum, "matmul": np.matmul, "power": np.power,
}  # fmt: skip


def known(weight: Weight) -> Any:
    """The numbers of a constant that has them."""
    return np.array(weight.numbers, "f4").reshape(weight.dims)


def evaluated(source: SourceNetwork, name: Value, stored: Arrays) -> Any:
    """The numbers of a value that no input reaches; `stored` gives those of the weights."""
    makers = {node.value: node for node in source.nodes}
    found: dict[Value, Any] = {}
    waiting = [name]
    while waiting:
        value = waiting[-1]
        node = makers.get(value)
        lacking = [one for one in (node.inputs if node else ()) if isinstance(one, str) and one not in found]
        if lacking:
            waiting += lacking
            continue
        found[value] = stored(value) if node is None else _run(node, found)
        waiting.pop()
    return found[name]


def _run(node: SourceNode, found: Mapping[Value, Any]) -> Any:
    assert isinstance(node.call, Primitive)
    name, given = node.call.name, node.call.attributes
    read: list[Any] = [found[one] if isinstance(one, str) else one for one in node.inputs]
    if name in BINARY:
        return BINARY[name](*read)
    match name:
        case "reshape":
            return read[0].reshape(node.dims)
        case "expand":
            return np.broadcast_to(read[0], node.dims)
        case "permute":
            return read[0].transpose(given["axes"])
        case "slice":
            cut = (slice(None),) * given["axis"] + (slice(given["start"], given["stop"], given["step"]),)
            return read[0][cut].reshape(node.dims)
        case "concat":
            return np.concatenate(read, given["axis"])
        case "pass":
            return read[0]
    raise Fault(f"the weight '{node.value}' is computed by {name}, and cannot be had")
