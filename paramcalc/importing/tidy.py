"""Layers that only move axes to and fro, after lowering: what cancels goes, what has a name gets it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.importing.layers import Placed, reshape_to
from paramcalc.ops.attributes import op
from paramcalc.ops.base import Op

# ops that do the same to a position wherever its axes are
ANYWHERE = frozenset({
    "layer_norm", "rms_norm", "layer_scale", "affine", "dropout", "scale", "relu", "relu6", "gelu", "silu",
    "sigmoid", "tanh", "hard_swish", "hard_sigmoid", "mish", "elu", "selu", "leaky_relu", "softplus",
    "square", "exp", "abs", "identity",
})  # fmt: skip
MOVES = ("permute", "reshape", "flatten")


def tidied(
    first: int,
    shapes: Sequence[Shape],
    layers: Sequence[Placed],
    outputs: Mapping[str, int],
    kept: Sequence[int] = (),
) -> tuple[list[Placed], dict[str, int]]:
    """The layers with runs of moves made one; numbers stay, layers that nobody reads stay too."""
    found = [*layers]
    shape = [*shapes]
    alias = [*range(first + len(found))]  # a value by the one that is equal to it
    readers = [0] * len(alias)
    for layer in found:
        for value in layer.inputs:
            readers[value] += 1
    for place, layer in enumerate(found):
        value = first + place
        inputs = tuple(alias[read] for read in layer.inputs)
        layer = found[place] = layer._replace(inputs=inputs)
        if layer.op.name not in MOVES or not inputs:
            continue
        before = inputs[0] - first
        below = found[before] if before >= 0 else None
        merged = _merged(below, layer, shape, value) if below is not None else None
        if merged is not None:
            made, read = merged
            if made is None:
                alias[value] = read
                continue
            layer = found[place] = layer._replace(op=made, inputs=(read,))
        named = _named(layer.op, shape[layer.inputs[0]], shape[value])
        found[place] = layer._replace(op=named)
    _sink(first, found, shape, alias, {*outputs.values(), *kept})
    found = [layer._replace(inputs=tuple(_root(alias, read) for read in layer.inputs)) for layer in found]
    return found, {name: _root(alias, value) for name, value in outputs.items()}


def _root(alias: Sequence[int], value: int) -> int:
    while alias[value] != value:
        value = alias[value]
    return value


def _merged(below: Placed, layer: Placed, shape: Sequence[Shape], value: int) -> tuple[Op | None, int] | None:
    """Two moves as one, or none (then the value that is equal); None where they stay two."""
    read = below.inputs[0] if below.inputs else -1
    if below.op.name not in (*MOVES, "channels_last", "channels_first", "to_tokens") or read < 0:
        return None
    start, middle, end = shape[read], shape[layer.inputs[0]], shape[value]
    reshapes = ("reshape", "flatten")
    if below.op.name in reshapes and layer.op.name in reshapes:
        return (None, read) if start == end else (reshape_to(end), read)
    orders = ("permute", "channels_last", "channels_first")
    if below.op.name in orders and layer.op.name == "permute":
        return (None, read) if start == end else (op("permute", end.axes), read)
    if _to_tokens(below, layer, start, middle, end):
        return op("to_tokens"), read
    return None


def _to_tokens(below: Placed, layer: Placed, start: Shape, middle: Shape, end: Shape) -> bool:
    """Positions in a row, then the channels last, in either order."""
    if end.axes != ("length", CHANNELS) or CHANNELS not in start.axes:
        return False
    names = below.op.name, layer.op.name
    if names == ("reshape", "permute"):
        return (
            start.axes[0] == CHANNELS
            and middle.axes == (CHANNELS, "length")
            and start.channels == middle.channels
        )
    if names[0] in ("permute", "channels_last") and names[1] == "reshape":
        kept = tuple(axis for axis in start.axes if axis != CHANNELS)
        return middle.axes == (*kept, CHANNELS) and middle.channels == end.channels
    return False


def _named(made: Op, before: Shape, after: Shape) -> Op:
    """A move under its own name, where it has one."""
    if made.name == "permute" and len(before.axes) > 1:
        rest = tuple(axis for axis in before.axes if axis != CHANNELS)
        if before.axes[0] == CHANNELS and after.axes == (*rest, CHANNELS):
            return op("channels_last")
        if before.axes[-1] == CHANNELS and after.axes == (CHANNELS, *rest):
            return op("channels_first")
    tokens = made.name == "reshape" and before.axes[-1] == CHANNELS and after.axes == ("length", CHANNELS)
    if tokens and before.channels == after.channels and len(before.axes) > 2:
        return op("to_tokens")
    return made


def _sink(first: int, layers: list[Placed], shape: list[Shape], alias: list[int], outputs: set[int]) -> None:
    """`channels_last, layer_norm, channels_first` is layer_norm, as it finds the channels anywhere."""
    readers: dict[int, list[int]] = {}
    for place, layer in enumerate(layers):
        for value in layer.inputs:
            readers.setdefault(_root(alias, value), []).append(place)
    for place, layer in enumerate(layers):
        if layer.op.name not in ("channels_last", "permute"):
            continue
        run: list[int] = []
        value = first + place
        if _root(alias, value) != value or not layer.inputs:
            continue
        while len(readers.get(value, ())) == 1 and value not in outputs:
            following = readers[value][0]
            if layers[following].op.name in ANYWHERE and len(layers[following].inputs) == 1:
                run.append(following)
                value = first + following
                continue
            break
        after = readers.get(value, ())
        start = _root(alias, layer.inputs[0])
        if not run or len(after) != 1 or value in outputs:
            continue
        back = layers[after[0]]
        if back.op.name not in ("channels_first", "permute") or shape[first + after[0]] != shape[start]:
            continue
        if any(_axes_named(layers[one].op) for one in run):
            continue
        alias[first + place] = start
        for one in run:
            shape[first + one] = shape[start]
        alias[first + after[0]] = value


def _axes_named(made: Op) -> bool:
    return getattr(made, "axis", (CHANNELS,)) not in ((CHANNELS,), CHANNELS)
