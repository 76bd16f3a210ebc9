"""Convolutions, pools, and what else works on images or sequences: padding, cropping, scaling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcalc.base.shape import CHANNELS
from paramcalc.importing.readers._keras.state import Config, Layer, Pooled, Read, Reading
from paramcalc.importing.source import Value


def sizes_of(config: Config, name: str, rank: int, default: int = 1) -> tuple[int, ...]:
    given = config.get(name, default)
    return tuple(given) if isinstance(given, list | tuple) else (given,) * rank


def convolution(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    config, rank = layer.config, int(layer.kind[-2])
    x = reader.first(layer, read[0])
    channels = reader.shape(x).channels
    padding, before = config.get("padding", "valid"), x
    if padding == "causal":
        reach = (config["kernel_size"][0] - 1) * config.get("dilation_rate", [1])[0]
        padding = ((reach, 0),)
    kernel, strides = sizes_of(config, "kernel_size", rank), sizes_of(config, "strides", rank)
    named: dict[str, Any] = {
        "stride": strides,
        "padding": 0 if padding == "valid" or {*kernel} == {1} == {*strides} else padding,
        "dilation": sizes_of(config, "dilation_rate", rank),
        "bias": config.get("use_bias", True),
    }
    if layer.kind.startswith("Depthwise"):
        out = channels * config.get("depth_multiplier", 1)
        y = reader.add(
            layer,
            f"conv{rank}d",
            out,
            kernel,
            inputs=[before],
            groups=channels,
            arrays=f"weight{_turned(rank, each=True)} bias",
            **named,
        )
    elif layer.kind.startswith("Separable"):
        inner = channels * config.get("depth_multiplier", 1)
        bias = named.pop("bias")
        x = reader.add(
            layer, f"conv{rank}d", inner, kernel, inputs=[x], part="depthwise", groups=channels, bias=False,
            arrays=f"weight{_turned(rank, each=True)}", **named,
        )  # fmt: skip
        y = reader.add(
            layer, f"conv{rank}d", config["filters"], 1, inputs=[x], part="pointwise", bias=bias,
            arrays=f"- weight{_turned(rank)} bias",
        )  # fmt: skip
    elif "Transpose" in layer.kind:
        if config.get("output_padding"):
            named["output_padding"] = tuple(config["output_padding"])
        out = config["filters"]
        y = reader.add(
            layer,
            f"conv_transpose{rank}d",
            out,
            kernel,
            inputs=[x],
            arrays=f"weight{_turned(rank)} bias",
            **named,
        )
    else:
        groups = config.get("groups", 1)
        y = reader.add(
            layer,
            f"conv{rank}d",
            config["filters"],
            kernel,
            inputs=[x],
            groups=groups,
            arrays=f"weight{_turned(rank)} bias",
            **named,
        )
    return reader.activated(layer, y)


def _turned(rank: int, each: bool = False) -> str:
    """A kernel of Keras with its channels first: those it gives, or of `each` channel those it is for."""
    first = (rank, rank + 1) if each else (rank + 1, rank)
    return f".permute({','.join(map(str, (*first, *range(rank))))})"


def transpose(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    return convolution(reader, layer._replace(kind=f"Transpose{layer.kind[4:6]}"), read)


def pooling(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    config, rank = layer.config, int(layer.kind[-2])
    x = reader.first(layer, read[0])
    kernel = sizes_of(config, "pool_size", rank)
    strides = sizes_of(config, "strides", rank) if config.get("strides") else kernel
    padding = {"padding": "same"} if config.get("padding") == "same" else {}
    name = "max_pool" if layer.kind.startswith("Max") else "avg_pool"
    return reader.add(layer, f"{name}{rank}d", kernel, strides, inputs=[x], **padding)


def global_pool(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    kind, rank = ("max" if "Max" in layer.kind else "avg"), len(reader.shape(read[0]).space)
    if layer.config.get("keepdims") and rank:
        x = reader.first(layer, read[0])
        return reader.add(layer, f"adaptive_{kind}_pool{rank}d", 1, inputs=[x])
    y = reader.add(layer, f"global_{kind}_pool", inputs=read[:1])
    if rank == 2 and reader.shape(read[0]).axes[0] == CHANNELS:
        reader.made[y] = Pooled(kind, read[0])
    return y


def padding(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    given = layer.config.get("padding", layer.config.get("cropping", 1))
    if isinstance(given, int):
        ends: Any = given
    else:
        pairs = [tuple(one) if isinstance(one, list | tuple) else (one, one) for one in given]
        ends = (tuple(given),) if layer.kind.endswith("1D") else tuple(pairs)
    name = "crop" if layer.kind.startswith("Cropping") else "pad"
    return reader.add(layer, name, ends, inputs=read[:1])


def upsampling(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    size = layer.config["size"]
    mode = layer.config.get("interpolation", "nearest")
    scale = tuple(size) if isinstance(size, list | tuple) else size
    return reader.add(
        layer, "upsample", scale, inputs=read[:1], **({} if mode == "nearest" else {"mode": mode})
    )


KINDS: Mapping[str, Read] = {
    "DepthwiseConv1D": convolution,
    "DepthwiseConv2D": convolution,
    "SeparableConv1D": convolution,
    "SeparableConv2D": convolution,
    **{f"Conv{rank}D": convolution for rank in (1, 2, 3)},
    **{f"Conv{rank}DTranspose": transpose for rank in (1, 2, 3)},
    **{f"{kind}Pooling{rank}D": pooling for kind in ("Max", "Average") for rank in (1, 2, 3)},
    **{f"Global{kind}Pooling{rank}D": global_pool for kind in ("Max", "Average") for rank in (1, 2, 3)},
    **{f"{kind}{rank}D": padding for kind in ("ZeroPadding", "Cropping") for rank in (1, 2, 3)},
    **{f"UpSampling{rank}D": upsampling for rank in (1, 2, 3)},
}
