"""Matrices and norms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcalc.base.shape import CHANNELS
from paramcalc.importing.readers._caffe.state import Layer, Read, Reading, word
from paramcalc.importing.readers._layers import exact, modules
from paramcalc.importing.source import Value


def inner_product(reader: Reading, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    settings = layer.settings("inner_product")
    value = flat(reader, layer, inputs[0])
    bias = reader.flag(settings, "bias_term", True)
    reader.add(layer, "linear", reader.required(layer, settings, "num_output"), bias=bias, inputs=[value])
    return 0


def flat(reader: Reading, layer: Layer, value: Value) -> Value:
    """The value as a vector."""
    if reader.layers.shapes[value].axes == (CHANNELS,):
        return value
    reader.read_by.add(value)
    around = modules(word(layer.name), layer.type)[:-1]
    return reader.layers.add(f"{value}flat", "flatten", inputs=[value], modules=around, at=layer.at)


def batch_norm(reader: Reading, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    """With the Scale that follows it, whose weights are those of the norm."""
    settings = layer.settings("batch_norm")
    bn = layer.type == "BN"
    eps = reader.number(layer.settings("bn") if bn else settings, "eps", 1e-5)
    scale = bool(follows and follows.type == "Scale" and follows.bottoms == layer.tops[:1]) and not bn
    taken = follows if scale and follows else layer
    affine = bn or scale
    if scale and not reader.flag(taken.settings("scale"), "bias_term", False):
        affine = scale = False
    weights = {"running_mean": f"{layer.name}.0", "running_var": f"{layer.name}.1"}
    weights |= {"weight": f"{taken.name}.0", "bias": f"{taken.name}.1"} if affine else {}
    top = (taken if scale else layer).tops[0]
    reader.read_by.add(inputs[0])
    reader.now[top] = reader.layers.add(
        word(top), "batch_norm", inputs=inputs[:1], modules=modules(word(layer.name), layer.type), at=layer.at,
        weights=weights, eps=exact(eps), affine=affine,
    )  # fmt: skip
    return int(scale)


def scale(reader: Reading, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    settings = layer.settings("scale")
    if len(inputs) == 2:
        reader.add(layer, "multiply", inputs=inputs)
    elif reader.flag(settings, "bias_term", False):
        reader.add(layer, "affine")
    else:
        reader.add(layer, "layer_scale")
    return 0


def response_norm(reader: Reading, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    settings = layer.settings("lrn")
    if settings.text("norm_region") in ("WITHIN_CHANNEL", "1"):
        raise reader.layers.wrong(
            layer.at, f"{layer.name}: a response norm within channels has no counterpart here"
        )
    defaults = {"alpha": 1, "beta": 0.75, "k": 1}
    named: dict[str, Any] = {
        name: exact(reader.number(settings, name, default)) for name, default in defaults.items()
    }
    reader.add(layer, "local_response_norm", reader.integer(settings, "local_size", 5), **named)
    return 0


def normalize(reader: Reading, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    """SSD's layer: each position at unit length over the channels, times a learned factor of each."""
    settings = layer.settings("norm")
    if reader.flag(settings, "across_spatial", True) or reader.flag(settings, "channel_shared", True):
        raise reader.layers.wrong(layer.at, f"{layer.name}: a norm across positions has no counterpart here")
    # unit length is a root mean square of sqrt(channels): the weight differs by that factor
    reader.add(layer, "rms_norm", eps=exact(reader.number(settings, "eps", 1e-10)))
    reader.layers.remarks.append(
        f"{layer.name}: counted as rms_norm, whose weight is that of Normalize divided by the root of its channels"
    )
    return 0


def embed(reader: Reading, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    raise reader.layers.wrong(layer.at, f"{layer.name}: embeddings of Caffe have no counterpart here")


KINDS: Mapping[str, Read] = {
    "BN": batch_norm,
    "BatchNorm": batch_norm,
    "InnerProduct": inner_product,
    "LRN": response_norm,
    "Normalize": normalize,
    "Scale": scale,
}
