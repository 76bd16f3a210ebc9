"""Activations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcalc.base.shape import CHANNELS
from paramcalc.importing.readers._caffe.layout import axis_of, passed
from paramcalc.importing.readers._caffe.state import Layer, Read, Reading
from paramcalc.importing.readers._layers import exact
from paramcalc.importing.source import Value


def softmax(reader: Reading, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    axis = axis_of(reader, layer, inputs[0], reader.integer(layer.settings("softmax"), "axis", 1))
    named: dict[str, Any] = {} if axis == CHANNELS else {"axis": axis}
    reader.add(layer, "softmax", **named)
    return 0


def power(reader: Reading, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    """(shift + scale * x) ** power."""
    settings = layer.settings("power")
    power, scale, shift = (
        exact(reader.number(settings, name, default))
        for name, default in (("power", 1), ("scale", 1), ("shift", 0))
    )
    if scale != 1 or shift:
        inputs = [reader.add(layer, "scale", scale, shift, inputs=inputs)]
    if power == 2:
        reader.add(layer, "square", inputs=inputs)
    elif power != 1:
        reader.add(layer, "power", power, inputs=inputs)
    elif scale == 1 and not shift:
        return passed(reader, layer, inputs, follows)
    return 0


def relu(reader: Reading, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    slope = reader.number(layer.settings("relu"), "negative_slope", 0)
    return (
        plain("leaky_relu", exact(slope))(reader, layer, inputs, follows)
        if slope
        else plain("relu")(reader, layer, inputs, follows)
    )


def prelu(reader: Reading, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    shared = reader.flag(layer.settings("prelu"), "channel_shared", False)
    reader.add(layer, "prelu", 1 if shared else reader.layers.shapes[inputs[0]].channels)
    return 0


def dropout(reader: Reading, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    reader.add(layer, "dropout", exact(reader.number(layer.settings("dropout"), "dropout_ratio", 0.5)))
    return 0


def elu(reader: Reading, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    alpha = reader.number(layer.settings("elu"), "alpha", 1)
    return plain("elu", *([] if alpha == 1 else [exact(alpha)]))(reader, layer, inputs, follows)


def plain(name: str, *given: object) -> Read:
    """An op that needs nothing from the layer but, perhaps, the same values for all."""

    def read(reader: Reading, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
        reader.add(layer, name, *given)
        return 0

    return read


KINDS: Mapping[str, Read] = {
    "AbsVal": plain("abs"),
    "BNLL": plain("softplus"),
    "Dropout": dropout,
    "ELU": elu,
    "Exp": plain("exp"),
    "PReLU": prelu,
    "Power": power,
    "ReLU": relu,
    "ReLU6": plain("relu6"),
    "Sigmoid": plain("sigmoid"),
    "Softmax": softmax,
    "TanH": plain("tanh"),
}
