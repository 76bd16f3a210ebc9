"""Joins, and where elements go."""

from __future__ import annotations

from collections.abc import Mapping

from paramcalc.base.shape import CHANNELS
from paramcalc.importing.readers._caffe.state import Layer, Read, Reading, word
from paramcalc.importing.readers._layers import exact, modules
from paramcalc.importing.source import Value


def eltwise(reader: Reading, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    settings = layer.settings("eltwise")
    kind = settings.text("operation", "SUM")
    factors = [float(value.text) for value in settings.scalars("coeff")]
    if kind in ("MAX", "2"):
        name = "maximum"
    elif kind in ("PROD", "0"):
        name = "multiply"
    elif factors == [1, -1]:
        name = "subtract"
    elif not factors or {*factors} == {1}:
        name = "add"
    else:
        inputs = [
            reader.layers.add(f"{layer.name}_{place}", "scale", exact(factor), inputs=[value],
                              modules=modules(word(layer.name), layer.type), at=layer.at)
            for place, (value, factor) in enumerate(zip(inputs, factors, strict=False))
        ]  # fmt: skip
        name = "add"
    reader.add(layer, name, inputs=inputs)
    return 0


def concat(reader: Reading, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    settings = layer.settings("concat")
    axis = reader.integer(settings, "axis", reader.integer(settings, "concat_dim", 1))
    if len(inputs) == 1:
        reader.now[layer.tops[0]] = inputs[0]
        return 0
    reader.add(layer, "concat", axis=axis_of(reader, layer, inputs[0], axis), inputs=inputs)
    return 0


def axis_of(reader: Reading, layer: Layer, value: Value, number: int) -> str:
    """The name of an axis that is counted with the batch before it."""
    axes = reader.layers.shapes[value].axes
    place = number - 1 if number > 0 else number + len(axes)
    if not 0 <= place < len(axes) or number == 0:
        raise reader.layers.wrong(layer.at, f"{layer.name} works on axis {number}, which its input has not")
    return axes[place]


def cut(reader: Reading, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    settings = layer.settings("slice")
    axis = axis_of(
        reader, layer, inputs[0], reader.integer(settings, "axis", reader.integer(settings, "slice_dim", 1))
    )
    size = reader.layers.shapes[inputs[0]].size(axis)
    points = [reader.whole(point) for point in settings.scalars("slice_point")]
    if not points:
        points = [size * place // len(layer.tops) for place in range(1, len(layer.tops))]
    for top, start, stop in zip(layer.tops, [0, *points], [*points, size], strict=False):
        reader.add(layer._replace(tops=(top,), name=top), "slice", axis, start, stop, inputs=inputs)
    return 0


def passed(reader: Reading, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    reader.now |= dict.fromkeys(layer.tops, inputs[0])
    return 0


def flatten(reader: Reading, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    if reader.layers.shapes[inputs[0]].axes == (CHANNELS,):
        return passed(reader, layer, inputs, follows)
    reader.add(layer, "flatten")
    return 0


def permute(reader: Reading, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    axes = reader.layers.shapes[inputs[0]].axes
    order = [reader.whole(value) - 1 for value in layer.settings("permute").scalars("order")][1:]
    order += [place for place in range(len(axes)) if place not in order]
    reader.add(layer, "permute", tuple(axes[place] for place in order if 0 <= place < len(axes)))
    return 0


def reshape(reader: Reading, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    shape = reader.layers.shapes[inputs[0]]
    dims = [int(value.text) for value in layer.settings("reshape").message("shape").scalars("dim")][1:]
    sizes = [shape.dims[place] if dim == 0 else dim for place, dim in enumerate(dims)]
    if len(sizes) == 2:  # rows of so many values: the channels are last
        reader.add(layer, "reshape", tuple(sizes), ("length", CHANNELS))
    else:
        reader.add(layer, "reshape", tuple(sizes))
    return 0


KINDS: Mapping[str, Read] = {
    "Concat": concat,
    "Eltwise": eltwise,
    "Flatten": flatten,
    "Permute": permute,
    "Reshape": reshape,
    "Slice": cut,
    "Split": passed,
}
