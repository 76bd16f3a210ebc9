"""Where elements go."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from paramcalc.base.shape import CHANNELS, SPACE
from paramcalc.importing.readers._keras.state import Layer, Read, Reading
from paramcalc.importing.source import Value


def flattened(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    """Keras flattens with the channels last."""
    shape = reader.shape(read[0])
    if shape.axes == (CHANNELS,):
        return read[0]  # type: ignore[no-any-return]
    x = read[0] if prod(shape.space) == 1 else reader.last(layer, read[0])
    return reader.add(layer, "flatten", inputs=[x])


def reshaped(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    target = [int(size) for size in layer.config["target_shape"]]
    shape = reader.shape(read[0])
    if -1 in target:
        target[target.index(-1)] = shape.elements // abs(prod(target))
    if len(target) == 1:
        return flattened(reader, layer, read)
    one = prod(shape.space) == 1 and prod(target[:-1]) == 1
    pooled = reader.made.get(read[0])
    if pooled and len(target) == 3 and prod(target[:-1]) == 1:
        return reader.add(layer, f"adaptive_{pooled.kind}_pool2d", 1, inputs=[pooled.x])  # what was global
    x = read[0] if one or prod(shape.space) == 1 else reader.last(layer, read[0])
    if len(target) > 2 and prod(target[:-1]) == 1:
        return reader.add(layer, "reshape", (target[-1], *target[:-1]), inputs=[x])
    return reader.add(layer, "reshape", tuple(target), (*SPACE[len(target) - 1], CHANNELS), inputs=[x])


def permute(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    """The second axis of a sequence becomes its channels: the names of axes stay, their sizes move."""
    x = reader.last(layer, read[0])
    axes = [reader.axis(x, number) for number in layer.config["dims"]]
    return reader.add(layer, "permute", tuple(axes), inputs=[x])


def concatenate(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    values = reader.alike(layer, read)
    axis = reader.axis(values[0], layer.config.get("axis", -1))
    return reader.add(layer, "concat", inputs=values, **({} if axis == CHANNELS else {"axis": axis}))


def passed(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    return read[0]  # type: ignore[no-any-return]


KINDS: Mapping[str, Read] = {
    "ActivityRegularization": passed,
    "Concatenate": concatenate,
    "Flatten": flattened,
    "GaussianNoise": passed,
    "Identity": passed,
    "Masking": passed,
    "Permute": permute,
    "Reshape": reshaped,
}
