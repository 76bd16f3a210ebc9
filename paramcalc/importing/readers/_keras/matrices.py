"""Matrices, norms, recurrent layers, attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcalc.base.errors import Fault
from paramcalc.base.shape import CHANNELS
from paramcalc.importing.readers._keras.state import Config, Layer, Read, Reading
from paramcalc.importing.readers._layers import exact
from paramcalc.importing.source import Value


def dense(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    """A matrix on the last axis; on an image whose channels are first here it is a 1x1 convolution."""
    units, bias, rank = (
        layer.config["units"],
        layer.config.get("use_bias", True),
        len(reader.shape(read[0]).space),
    )
    if reader.shape(read[0]).axes[-1] != CHANNELS:
        y = reader.add(layer, f"conv{rank}d", units, 1, inputs=read[:1], bias=bias, arrays="weight.T bias")
    else:
        y = reader.add(layer, "linear", units, inputs=read[:1], bias=bias, arrays="weight.T bias")
    return reader.activated(layer, y)


def batch_norm(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    """With a factor or a bias alone, that is a layer of its own here."""
    config, x = layer.config, read[0]
    axis = config.get("axis", -1)
    if reader.axis(x, axis[0] if isinstance(axis, list) else axis) != CHANNELS:
        raise Fault(f"{layer.name}: a batch norm of another axis than the channels has no counterpart here")
    scale, center = config.get("scale", True), config.get("center", True)
    eps = exact(config.get("epsilon", 1e-3))
    if scale and center:
        return reader.add(
            layer, "batch_norm", inputs=[x], eps=eps, arrays="weight bias running_mean running_var"
        )
    names = "- " * (scale + center) + "running_mean running_var"
    x = reader.add(layer, "batch_norm", inputs=[x], eps=eps, affine=False, arrays=names)
    if scale:
        return reader.add(layer, "layer_scale", inputs=[x], part="gamma", arrays="weight")
    return reader.add(layer, "affine", inputs=[x], part="beta", scale=False, arrays="bias") if center else x


def normalization(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    """What is subtracted and divided by is stored, not learned: a batch norm without weights."""
    return reader.add(
        layer, "batch_norm", inputs=read[:1], eps=0, affine=False, arrays="running_mean running_var"
    )


def layer_norm(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    config, x = layer.config, read[0]
    axis = config.get("axis", -1)
    axes = tuple(reader.axis(x, one) for one in (axis if isinstance(axis, list) else [axis]))
    scale, center = config.get("scale", True), config.get("center", True)
    named: dict[str, Any] = {"eps": exact(config.get("epsilon", 1e-3))}
    if axes != (CHANNELS,):
        named["axis"] = axes
    if layer.kind == "RMSNormalization" or config.get("rms_scaling"):
        return reader.add(layer, "rms_norm", inputs=[x], arrays="weight", **named)
    if scale:
        return reader.add(layer, "layer_norm", inputs=[x], bias=center, arrays="weight bias", **named)
    x = reader.add(layer, "layer_norm", inputs=[x], elementwise_affine=False, **named)
    return reader.add(layer, "affine", inputs=[x], part="beta", scale=False, arrays="bias") if center else x


def group_norm(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    config, channels = layer.config, reader.shape(read[0]).channels
    groups = config.get("groups", 32)
    affine = config.get("scale", True) and config.get("center", True)
    return reader.add(
        layer, "group_norm", channels if groups == -1 else groups, inputs=read[:1],
        eps=exact(config.get("epsilon", 1e-3)), affine=affine, arrays="weight bias",
    )  # fmt: skip


def embedding(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    return reader.add(
        layer,
        "embedding",
        layer.config["input_dim"],
        layer.config["output_dim"],
        inputs=read[:1],
        arrays="weight",
    )


def recurrent(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    both = layer.kind == "Bidirectional"
    inner: Config = layer.config["layer"] if both else {"class_name": layer.kind, "config": layer.config}
    kind, config = str(inner["class_name"]), dict(inner["config"])
    if both and layer.config.get("merge_mode", "concat") != "concat":
        raise Fault(f"{layer.name}: directions that are not concatenated have no counterpart here")
    if kind not in RECURRENT:
        raise Fault(f"{layer.name}: the recurrent layer '{kind}' has no counterpart here")
    named: dict[str, Any] = {"bias": config.get("use_bias", True)}
    after = kind == "GRU" and config.get("reset_after", True)
    if named["bias"]:
        named["biases"] = 2 if after else 1
    if kind == "GRU":
        named["reset_after"] = after
    if kind == "SimpleRNN":
        named["activation"] = config.get("activation", "tanh")
    usual = {"activation": "tanh", "recurrent_activation": "sigmoid"}
    odd = [name for name, value in usual.items() if kind != "SimpleRNN" and config.get(name, value) != value]
    if odd:
        raise Fault(f"{layer.name}: {odd[0]}={config[odd[0]]} has no counterpart here")
    last = not config.get("return_sequences", False)
    x = reader.last(layer, read[0])
    return reader.add(
        layer,
        RECURRENT[kind],
        config["units"],
        inputs=[x, *read[1:]],
        bidirectional=both,
        last=last,
        arrays=_cells(kind, config["units"], both, named["bias"], after),
        **named,
    )


def _cells(kind: str, units: int, both: bool, biased: bool, after: bool) -> str:
    """The arrays of recurrent cells, gates in our order: a GRU of Keras has its update gate first."""
    gates = f"[{units}:{2 * units},0:{units},{2 * units}:{3 * units}]" if kind == "GRU" else ""
    found = []
    for folder, end in (
        (("forward_layer/cell/", ""), ("backward_layer/cell/", "_reverse")) if both else (("cell/", ""),)
    ):
        found += [f"{folder}weight_{one}_l0{end}.T{gates}" for one in ("ih", "hh")]
        if biased and after:
            found += [
                f"{folder}bias_{one}_l0{end}[{row}:{row + 1}].T{gates}"
                for row, one in enumerate(("ih", "hh"))
            ]
        elif biased:
            found.append(f"{folder}bias_ih_l0{end}{gates}")
    return " ".join(found)


def conv_lstm(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    raise Fault(f"{layer.name}: ConvLSTM2D cannot be imported yet", fix="write it as conv_lstm2d")


def attention(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    config = layer.config
    if config.get("output_shape"):
        raise Fault(f"{layer.name}: an output of another size has no counterpart here")
    values = [reader.last(layer, value) for value in read]
    causal: dict[str, Any] = {"causal": True} if "use_causal_mask" in config.get("_call", {}) else {}
    same = len({*values}) == 1
    named: dict[str, Any] = {"head_dim": config["key_dim"], "bias": config.get("use_bias", True)}
    if config.get("value_dim") not in (None, config["key_dim"]):
        named["value_dim"] = config["value_dim"]
    if same:
        return reader.add(
            layer,
            "self_attention",
            config["num_heads"],
            inputs=values[:1],
            arrays=_PROJECTIONS,
            **named,
            **causal,
        )
    return reader.add(
        layer, "cross_attention", config["num_heads"], inputs=values[:2], arrays=_PROJECTIONS, **named
    )


# channels x heads x head_dim, and back
_PROJECTIONS = (
    " ".join(
        f"{one}_dense/{name}{'.permute(1,2,0)'} {one}_dense/{name}_bias"
        for one, name in (("query", "query"), ("key", "key"), ("value", "value"))
    )
    + " output_dense/out.permute(2,0,1) output_dense/out_bias"
)


def time_distributed(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    inner = layer.config["layer"]
    if inner["class_name"] not in (
        "Dense",
        "Activation",
        "Dropout",
        "LayerNormalization",
        "BatchNormalization",
    ):
        raise Fault(f"{layer.name}: {inner['class_name']} at each step has no counterpart here")
    one = Layer(inner["class_name"], layer.name, inner["config"], f"{layer.stored}/layer")
    return reader.kinds[inner["class_name"]](reader, one, read)


def layer_scale(reader: Reading, layer: Layer, read: list[Any]) -> Value:
    return reader.add(layer, "layer_scale", inputs=read[:1], arrays="weight")


RECURRENT = {"LSTM": "lstm", "GRU": "gru", "SimpleRNN": "rnn"}


KINDS: Mapping[str, Read] = {
    "BatchNormalization": batch_norm,
    "Bidirectional": recurrent,
    "ConvLSTM2D": conv_lstm,
    "Dense": dense,
    "Embedding": embedding,
    "GroupNormalization": group_norm,
    "GRU": recurrent,
    "LayerNormalization": layer_norm,
    "LayerScale": layer_scale,
    "LSTM": recurrent,
    "MultiHeadAttention": attention,
    "Normalization": normalization,
    "RMSNormalization": layer_norm,
    "SimpleRNN": recurrent,
    "TimeDistributed": time_distributed,
}
