"""Convolutions, pools, and what else works on images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcalc.base.shape import CHANNELS
from paramcalc.importing.readers._caffe.state import SILENT, Layer, Read, Reading
from paramcalc.importing.source import Value


def rank_of(reader: Reading, value: Value) -> int:
    return len(reader.layers.shapes[value].space)


def convolution(reader: Reading, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    settings = layer.settings("convolution")
    rank = max(1, rank_of(reader, inputs[0]))
    transposed = layer.type == "Deconvolution"
    kernel = reader.per_axis(settings, "kernel_size", "kernel", rank, 0)
    if min(kernel) < 1:
        raise reader.layers.wrong(layer.at, f"{layer.name} has no kernel_size")
    named = {
        "stride": reader.per_axis(settings, "stride", "stride", rank, 1),
        "padding": reader.per_axis(settings, "pad", "pad", rank, 0),
        "dilation": reader.per_axis(settings, "dilation", "dilation", rank, 1),
        "groups": reader.integer(settings, "group", 1),
        "bias": reader.flag(settings, "bias_term", True),
    }
    out = reader.required(layer, settings, "num_output")
    if layer.type == "DepthwiseConvolution":
        named["groups"] = reader.layers.shapes[inputs[0]].channels
    name = f"conv{'_transpose' if transposed else ''}{rank}d"
    for value, top in zip(inputs, layer.tops, strict=False):  # several pairs share the weights
        reader.add(layer._replace(tops=(top,)), name, out, kernel, inputs=[value], **named)
    return 0


def pooling(reader: Reading, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    settings = layer.settings("pooling")
    largest = settings.text("pool", "MAX") in ("MAX", "0")
    if settings.text("pool") in ("STOCHASTIC", "2"):
        raise reader.layers.wrong(layer.at, f"{layer.name}: stochastic pooling has no counterpart here")
    shape = reader.layers.shapes[inputs[0]]
    kernel = reader.per_axis(settings, "kernel_size", "kernel", 2, 0)
    stride = reader.per_axis(settings, "stride", "stride", 2, 1)
    pad = reader.per_axis(settings, "pad", "pad", 2, 0)
    if reader.flag(settings, "global_pooling", False):
        kernel, stride, pad = tuple(shape.space), (1, 1), (0, 0)
    if min(kernel) < 1:
        raise reader.layers.wrong(layer.at, f"{layer.name} has no kernel_size")
    name = "max_pool2d" if largest else "avg_pool2d"
    if kernel == shape.space and not any(pad):
        kind = "global_max_pool" if largest else "global_avg_pool"
        reader.add(layer, f"adaptive_{'max' if largest else 'avg'}_pool2d" if kept(reader, layer) else kind,
                   *([1] if kept(reader, layer) else []))  # fmt: skip
        return 0
    up = settings.text("round_mode", "CEIL") in ("CEIL", "0") and settings.text("ceil_mode") != "false"
    exact = all(
        (size + 2 * p - k) % s == 0 for size, k, s, p in zip(shape.space, kernel, stride, pad, strict=True)
    )
    rounded: dict[str, Any] = {"ceil_mode": True} if up and not exact else {}
    reader.add(layer, name, kernel, stride, pad, **rounded)
    return 0


def kept(reader: Reading, layer: Layer) -> bool:
    """Whether what reads a 1x1 image needs it to be one: a convolution, or anything but a matrix."""
    vectors = {"InnerProduct", "Softmax", "Flatten", "Dropout", "SoftmaxWithLoss"}
    tops = {*layer.tops}
    readers = [other for other in reader.given if tops & {*other.bottoms} and other.type not in SILENT]
    return not readers or any(other.type not in vectors for other in readers)


def crop(reader: Reading, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    settings = layer.settings("crop")
    axis = reader.integer(settings, "axis", 2)
    shape, like = (reader.layers.shapes[value] for value in inputs)
    offsets = [reader.whole(value) for value in settings.scalars("offset")] or [0]
    cut = shape.axes[axis - 1 :]
    starts = offsets * len(cut) if len(offsets) == 1 else offsets
    ends = tuple(
        (start, shape.size(name) - like.size(name) - start) for name, start in zip(cut, starts, strict=False)
    )
    if CHANNELS in cut or any(end < 0 for pair in ends for end in pair):
        raise reader.layers.wrong(layer.at, f"{layer.name}: this crop has no counterpart here")
    reader.read_by.add(inputs[1])
    reader.add(layer, "crop", ends, inputs=inputs[:1])
    return 0


def upsample(reader: Reading, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    reader.add(layer, "upsample", reader.integer(layer.settings("upsample"), "scale", 2), inputs=inputs[:1])
    return 0


def shuffle(reader: Reading, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    reader.add(layer, "channel_shuffle", reader.integer(layer.settings("shuffle_channel"), "group", 1))
    return 0


KINDS: Mapping[str, Read] = {
    "Convolution": convolution,
    "ConvolutionDepthwise": convolution,
    "Crop": crop,
    "Deconvolution": convolution,
    "DepthwiseConvolution": convolution,
    "Pooling": pooling,
    "ShuffleChannel": shuffle,
    "Upsample": upsample,
}
