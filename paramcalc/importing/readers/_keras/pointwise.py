"""Activations, joins, and arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from paramcalc.base.errors import Fault
from paramcalc.base.shape import CHANNELS
from paramcalc.importing.readers._keras.state import Layer, Pending, Read, Reading, word
from paramcalc.importing.readers._layers import exact
from paramcalc.importing.source import Value


def activation(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    return reader.activation(layer, layer.config["activation"], read[0])


def relu(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    config, x = layer.config, read[0]
    most, slope = config.get("max_value"), config.get("negative_slope") or config.get("alpha") or 0
    if x in reader.pending and most == 6:
        value = reader.layers.unique(f"{word(layer.name)}.clipped")
        reader.pending[value] = Pending(2, reader.pending[x].x)
        return value
    if most not in (None, 6) or (slope and most):
        raise Fault(f"{layer.name}: a relu cut off at {most} has no counterpart here")
    if slope:
        return reader.add(layer, "leaky_relu", exact(slope), inputs=[x])
    return reader.add(layer, "relu6" if most == 6 else "relu", inputs=[x])


def leaky(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    slope = layer.config.get("negative_slope", layer.config.get("alpha", 0.3))
    return reader.add(layer, "leaky_relu", exact(slope), inputs=read[:1])


def prelu(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    shape = reader.shape(read[0])
    shared = layer.config.get("shared_axes") or []
    if len(shared) not in (len(shape.space), len(shape.axes)):
        raise Fault(
            f"{layer.name}: a slope for each position has no counterpart here", fix="give shared_axes"
        )
    slopes = 1 if len(shared) == len(shape.axes) else shape.channels
    return reader.add(layer, "prelu", slopes, inputs=read[:1], arrays="weight")


def join(name: str) -> Read:
    """A layer of several tensors; a number instead of one of them is arithmetic."""

    def read(reader: Reading, layer: Layer, given: list[Any]) -> Value:
        numbers = [one for one in given if not isinstance(one, str)]
        values = [one for one in given if isinstance(one, str)]
        if numbers:
            return with_number(reader, layer, name, values[0], float(numbers[0]))
        values = [reader.resolved(value) for value in values]
        if len(values) == 1:
            return values[0]
        return reader.add(layer, name, inputs=reader.alike(layer, values))

    return read


def with_number(reader: Reading, layer: Layer, name: str, x: Value, number: float) -> Value:
    pending = reader.pending.get(x)
    if name == "add" and number == 3 and pending is None:
        value = reader.layers.unique(f"{word(layer.name)}.shifted")
        reader.pending[value] = Pending(1, x)
        return value
    if name == "multiply" and pending and pending.step == 2 and abs(number - 1 / 6) < 1e-6:
        return reader.add(layer, "hard_sigmoid", inputs=[pending.x])
    if name == "multiply":
        return reader.add(layer, "scale", exact(number), inputs=[x])
    return reader.add(layer, "scale", offset=exact(-number if name == "subtract" else number), inputs=[x])


def average(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    x = reader.add(layer, "add", inputs=reader.alike(layer, read), part="sum")
    return reader.add(layer, "scale", Fraction(1, len(read)), inputs=[x])


def rescaling(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    offset = layer.config.get("offset", 0)
    scale = layer.config["scale"]
    if isinstance(scale, list) or isinstance(offset, list):
        raise Fault(f"{layer.name}: a factor for each channel has no counterpart here")
    more = {"offset": exact(offset)} if offset else {}
    return reader.add(layer, "scale", exact(scale), inputs=read[:1], **more)


def dropout(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    rate = layer.config.get("rate", layer.config.get("drop_path_rate", 0))
    shape = layer.config.get("noise_shape")
    whole = layer.kind in ("StochasticDepth", "DropPath") or bool(
        shape and all(size == 1 for size in shape[1:])
    )
    return reader.add(layer, "drop_path" if whole else "dropout", exact(rate), inputs=read[:1])


def softmax(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    axis = layer.config.get("axis", -1)
    name = reader.axis(read[0], axis[0] if isinstance(axis, list) else axis)
    return reader.add(layer, "softmax", inputs=read[:1], **({} if name == CHANNELS else {"axis": name}))


def plain(name: str) -> Read:
    return lambda reader, layer, read: reader.add(layer, name, inputs=read[:1])


KINDS: Mapping[str, Read] = {
    "Activation": activation,
    "Add": join("add"),
    "AlphaDropout": dropout,
    "Average": average,
    "DropPath": dropout,
    "Dropout": dropout,
    "ELU": plain("elu"),
    "GaussianDropout": dropout,
    "LeakyReLU": leaky,
    "Multiply": join("multiply"),
    "PReLU": prelu,
    "ReLU": relu,
    "Rescaling": rescaling,
    "Softmax": softmax,
    "SpatialDropout1D": dropout,
    "SpatialDropout2D": dropout,
    "StochasticDepth": dropout,
    "Subtract": join("subtract"),
}
