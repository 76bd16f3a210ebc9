"""Norms and activations that a source writes out in products, sums and roots."""

from __future__ import annotations

from collections.abc import Iterator
from math import isclose

from paramcalc.importing.net import Net, name_of
from paramcalc.importing.source import Primitive, SourceNetwork, SourceNode, Value


def written_out(source: SourceNetwork) -> SourceNetwork:
    """A source in which each of these is one node."""
    net = Net(source)
    for node in source.nodes:
        if node.value not in net.data:
            continue
        name = name_of(node)
        if name == "multiply":
            found = _silu(net, node) or _weighted(net, node) or _hard_swish(net, node) or _gelu(net, node)
        elif name == "divide":
            found = _normalized(net, node)
        else:
            found = None
        if found is not None:
            net.replace(found)
    return net.done()


def pairs(node: SourceNode) -> Iterator[tuple[Value | float | None, Value | float | None]]:
    """The two inputs of a node in both orders."""
    one, two = node.inputs
    yield one, two
    yield two, one


def _made(node: SourceNode, name: str, *inputs: Value | float | None, **attributes: object) -> SourceNode:
    return node._replace(call=Primitive(name, attributes), inputs=inputs)


def _silu(net: Net, node: SourceNode) -> SourceNode | None:
    """x * sigmoid(x), and x * sigmoid(1.702 * x)."""
    for x, gate in pairs(node):
        sigmoid = net.maker(gate, "sigmoid")
        if sigmoid is None or not isinstance(x, str):
            continue
        if sigmoid.inputs[0] == x:
            return _made(node, "silu", x)
        scaled = net.maker(sigmoid.inputs[0], "multiply")
        if scaled is not None and x in scaled.inputs and any(_close(one, 1.702) for one in scaled.inputs):
            return _made(node, "quick_gelu", x)
    return None


def _close(value: Value | float | None, number: float) -> bool:
    return isinstance(value, int | float) and isclose(value, number, rel_tol=1e-4)


def _number(net: Net, value: Value | float | None) -> float | None:
    """A number, or a constant that holds one."""
    if isinstance(value, int | float):
        return value
    weight = net.source.weights.get(value) if isinstance(value, str) else None
    return weight.numbers if weight is not None and isinstance(weight.numbers, float) else None


def _weighted(net: Net, node: SourceNode) -> SourceNode | None:
    """RMS norm: x * rsqrt(mean(x*x) + eps), times a weight."""
    for weight, product in pairs(node):
        inner = net.maker(product, "multiply")
        if inner is not None and net.learned(weight) and len(net.dims(weight)) == 1:
            found = _normed(net, inner)
            if found is not None:
                x, eps = found
                return _made(node, "rms_norm", x, weight, None, axes=1, eps=eps)
    found = _normed(net, node)
    if found is not None and not _has_weight(net, node):
        return _made(node, "rms_norm", found[0], None, None, axes=1, eps=found[1])
    return None


def _has_weight(net: Net, node: SourceNode) -> bool:
    """Whether the next that happens to a normalized tensor is its weight."""
    reader = net.only_reader(node.value)
    return (
        reader is not None
        and name_of(reader) == "multiply"
        and any(net.learned(value) and len(net.dims(value)) == 1 for value in reader.inputs)
    )


def _normed(net: Net, node: SourceNode) -> tuple[Value, float] | None:
    """What is divided by its root mean square over the last axis, and the epsilon."""
    for x, root in pairs(node):
        rsqrt = net.maker(root, "rsqrt")
        if rsqrt is None:
            power = net.maker(root, "power")
            if power is None or not _close(power.inputs[1], -0.5):
                continue
            rsqrt = power
        total = net.maker(rsqrt.inputs[0], "add")
        if total is None or not isinstance(x, str):
            continue
        for mean, eps in pairs(total):
            average = net.maker(mean, "mean")
            number = _number(net, eps)
            square = net.maker(average.inputs[0], "square") if average is not None else None
            if average is None or number is None or square is None or square.inputs[0] != x:
                continue
            attributes = average.call.attributes  # type: ignore[union-attr]
            if attributes["axes"] == (len(net.dims(x)) - 1,):
                return x, number
    return None


def _normalized(net: Net, node: SourceNode) -> SourceNode | None:
    """A vector divided by its length, or by a small number if that is more: F.normalize."""
    x, length = node.inputs
    while (maker := net.maker(length, "expand")) is not None:
        length = maker.inputs[0]
    clip = net.maker(length, "clip")
    norm = net.maker(clip.inputs[0], "norm") if clip is not None else None
    if clip is None or norm is None or norm.inputs[0] != x:
        return None
    eps = clip.call.attributes["low"]  # type: ignore[union-attr]
    last = norm.call.attributes["axes"] == (len(node.dims) - 1,)  # type: ignore[union-attr]
    return _made(node, "normalize", x, eps=eps) if last and eps is not None else None


def _hard_swish(net: Net, node: SourceNode) -> SourceNode | None:
    """x * clip(x + 3, 0, 6) / 6, in either order."""
    for x, gate in pairs(node):
        hard = net.maker(gate, "hard_sigmoid")
        if hard is not None and hard.inputs[0] == x:
            return _made(node, "hard_swish", x)
    return None


def _gelu(net: Net, node: SourceNode) -> SourceNode | None:
    """0.5 * x * (1 + erf(x / sqrt 2)), and the same with the tanh of a cubic polynomial."""
    for left, right in pairs(node):
        half = net.maker(left, "multiply")
        whole = net.maker(right, "add")
        if half is None or whole is None or not any(_close(one, 0.5) for one in half.inputs):
            continue
        x = next(one for one in half.inputs if not isinstance(one, int | float))
        inner = next((net.maker(one, "tanh", "erf") for one in whole.inputs if net.is_data(one)), None)
        if inner is None or not any(_close(one, 1) for one in whole.inputs):
            continue
        if _made_of(net, str(inner.inputs[0]), str(x)):
            return _made(node, "gelu", x, approximate="tanh" if name_of(inner) == "tanh" else "none")
    return None


def _made_of(net: Net, value: Value, x: Value) -> bool:
    """Whether a value is a polynomial of x."""
    waiting, steps = [value], 0
    while waiting and steps < 12:
        at = waiting.pop()
        steps += 1
        if at == x:
            continue
        node = net.maker(at, "multiply", "add", "power", "square", "divide")
        if node is None:
            return False
        waiting += net.tensors(node)
    return steps < 12
