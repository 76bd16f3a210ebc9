"""Layers and functions: what each primitive is in our ops, called with what the node reads."""

from __future__ import annotations

from math import prod
from typing import Any

from paramcalc.base.shape import CHANNELS, SPACE
from paramcalc.importing.arrays import apart, images, merged, named, resized, tensor
from paramcalc.importing.layout import UNNAMED, Labels, shape_of
from paramcalc.importing.lowering import Argument, Constant, Laid, Lowering, Unknown, labels_like
from paramcalc.importing.products import joined, over, product
from paramcalc.importing.rule import attrs, data, exact, name_of, rule, stored, stored_name
from paramcalc.importing.source import SourceNode
from paramcalc.ops.attributes import op
from paramcalc.ops.base import Op

# ------------------------------------------------------------------------------ layers with weights


@rule("linear")
def linear(low: Lowering, node: SourceNode, x: Argument, weight: Argument, bias: Argument = None) -> Laid:
    rows = stored(weight)
    if not rows.learned:
        return fixed_linear(low, node, data(x), rows, bias)
    out = rows.dims[1] if attrs(node).get("transposed") else rows.dims[0]
    name = over(rows.value) if attrs(node).get("transposed") else rows.value
    source = low.channels_last(data(x))
    whole = bias is None or low.all_of_it(stored(bias))
    named = stored_name(bias) if whole else None
    value = low.add(op("linear", out, bias=named is not None), source.value, weight=name, bias=named)
    y = low.put(value, source.labels)
    return y if whole else joined(low, "add", y, tensor(low, bias), node.dims)


def fixed_linear(low: Lowering, node: SourceNode, x: Laid, weight: Constant, bias: Argument) -> Laid:
    """A product with a matrix that is stored and not learned."""
    if bias is not None:
        raise Unknown("its weight is fixed, not learned")
    turned_over = not attrs(node).get("transposed")
    rows = Laid(x.value, x.labels, x.dims) if len(x.dims) > 1 else resized(low, x, (1, *x.dims))
    return resized(low, product(low, rows, tensor(low, weight), transpose=turned_over), node.dims)


def fixed_conv(low: Lowering, node: SourceNode, x: Laid, weight: Constant) -> Laid:
    """A convolution with a kernel that is stored and not learned: its windows, times the kernel."""
    given, (out, inner, *kernel) = attrs(node), weight.dims
    rank, groups, taps = len(kernel), given["groups"], prod(kernel)
    if isinstance(given["padding"], str) or (groups > 1 and (inner > 1 or out != groups)):
        raise Unknown("its weight is fixed, not learned")
    image = low.image(x, rank)
    window = {name: given[name] for name in ("stride", "padding", "dilation")}
    columns = low.add(op(f"unfold{rank}d", tuple(kernel), **window), image.value)
    space = low.shape(columns).space
    across = Laid(columns, ("", CHANNELS, *SPACE[rank]), (1, groups * inner * taps, *space))
    if groups == 1:
        rows = low.add(op("parameter", length=out, channels=inner * taps, learned=False), weight=weight.value)
        flat = merged(low, across, 2, len(across.dims), labels=("length", CHANNELS))
        value = low.add(op("matmul"), rows, flat.value)
        return resized(low, Laid(value, ("length", CHANNELS), (out, prod(space))), node.dims)
    each = low.add(op("parameter", length=groups, channels=taps, learned=False), weight=weight.value)
    flat = low.relabeled(
        Laid(columns, (UNNAMED,) * 3, (groups, taps, prod(space))), ("length", "height", CHANNELS)
    )
    value = low.add(op("einsum", "ckp,ck->cp", axes=("length", CHANNELS)), flat.value, each)
    return resized(low, Laid(value, ("length", CHANNELS), (groups, prod(space))), node.dims)


@rule("conv")
def conv(low: Lowering, node: SourceNode, x: Argument, weight: Argument, bias: Argument = None) -> Laid:
    given, dims = attrs(node), stored(weight).dims
    rank, kernel = len(dims) - 2, dims[2:]
    source = data(x)
    if not stored(weight).learned and bias is None:
        return fixed_conv(low, node, source, stored(weight))
    named = {"weight": stored_name(weight), "bias": stored_name(bias)}
    plain = (
        set(kernel) == set(given["stride"]) == {1} and given["groups"] == 1 and padded(given["padding"]) == 0
    )
    if plain and low.shape(source.value).axes == (CHANNELS,) and low.shape(source.value).channels == dims[1]:
        made = op("linear", dims[0], bias=bias is not None)  # a 1x1 convolution of one position
        return low.put(low.add(made, source.value, **named))
    source, more = images(low, source, rank)
    factor = factor_of(low, stored(weight), dims)
    one = (1,) * more
    made = op(
        f"conv{rank + more}d",
        dims[0],
        one + kernel,
        stride=one + given["stride"],
        padding=padded(given["padding"], more),
        dilation=one + given["dilation"],
        groups=given["groups"],
        bias=bias is not None and not factor,
    )
    value = low.add(made, source.value, weight=named["weight"], bias=None if factor else named["bias"])
    if factor and bias is None:
        value = low.add(op("layer_scale"), value, weight=factor)
    elif factor:
        value = low.add(op("affine"), value, weight=factor, bias=named["bias"])
    return apart(low, value, node.dims, more)


def factor_of(low: Lowering, weight: Constant, dims: tuple[int, ...]) -> str:
    """The parameter that scales each output of a weight which is normalized first; '' if there is none."""
    others = [root for root in weight.roots if low.source.weights[root].dims != dims]
    if not others:
        return ""
    if len(others) == 1 and prod(low.source.weights[others[0]].dims) == dims[0]:
        return others[0]
    raise Unknown(f"its weight is computed of {', '.join(weight.roots)}")


def padded(padding: Any, more: int = 0) -> Any:
    """Padding as an op takes it, for some axes more: 0 where there is none."""
    if isinstance(padding, str):
        return {"valid": 0}.get(padding, padding)
    none = not any(any(side) if isinstance(side, tuple) else side for side in padding)
    return 0 if none else (0,) * more + padding


@rule("conv_transpose")
def conv_transpose(
    low: Lowering, node: SourceNode, x: Argument, weight: Argument, bias: Argument = None
) -> Laid:
    given, dims = attrs(node), stored(weight).dims
    rank = len(dims) - 2
    source = low.image(data(x), rank)
    made = op(
        f"conv_transpose{rank}d",
        dims[1] * given["groups"],
        dims[2:],
        stride=given["stride"],
        padding=given["padding"],
        output_padding=given["output_padding"],
        groups=given["groups"],
        dilation=given["dilation"],
        bias=bias is not None,
    )
    value = low.add(made, source.value, weight=stored_name(weight), bias=stored_name(bias))
    return low.put(value, source.labels)


@rule("batch_norm")
def batch_norm(
    low: Lowering,
    node: SourceNode,
    x: Argument,
    weight: Argument,
    bias: Argument,
    mean: Argument,
    variance: Argument,
) -> Laid:
    source = data(x)
    if len(source.dims) == 2 or source.labels[1:2] == (CHANNELS,):
        source = source if CHANNELS in source.labels else low.relabeled(source, ("", CHANNELS))
    if len(source.dims) > 1 and source.labels[1] != CHANNELS and low.shape(source.value).axes != (CHANNELS,):
        labels = [label if label != CHANNELS else "length" for label in source.labels]
        source = low.relabeled(source, (*labels[:1], CHANNELS, *labels[2:]))
    named = {
        "weight": stored_name(weight),
        "bias": stored_name(bias),
        "running_mean": stored_name(mean),
        "running_var": stored_name(variance),
    }
    made = op("batch_norm", eps=exact(attrs(node)["eps"]), affine=weight is not None)
    return low.put(low.add(made, source.value, **named), source.labels)


@rule("layer_norm", "rms_norm")
def layer_norm(
    low: Lowering, node: SourceNode, x: Argument, weight: Argument = None, bias: Argument = None
) -> Laid:
    source, count, eps = data(x), attrs(node)["axes"], attrs(node)["eps"]
    if count == 1:
        source = low.channels_last(source)
    axes = tuple(label for label in source.labels[-count:] if label)
    given: dict[str, Any] = {} if axes == (CHANNELS,) else {"axis": axes}
    given |= {} if eps is None else {"eps": exact(eps)}
    given |= {} if weight is not None else {"elementwise_affine": False}
    name = name_of(node)
    if name == "layer_norm" and bias is None and weight is not None:
        given["bias"] = False
    value = low.add(op(name, **given), source.value, weight=stored_name(weight), bias=stored_name(bias))
    return low.put(value, source.labels)


@rule("group_norm", "instance_norm")
def group_norm(
    low: Lowering, node: SourceNode, x: Argument, weight: Argument = None, bias: Argument = None
) -> Laid:
    source = data(x)
    eps = exact(attrs(node)["eps"])
    if name_of(node) == "group_norm":
        made = op("group_norm", attrs(node)["groups"], eps=eps, affine=weight is not None)
    else:
        made = op("instance_norm", eps=eps, affine=weight is not None)
    value = low.add(made, source.value, weight=stored_name(weight), bias=stored_name(bias))
    return low.put(value, source.labels)


@rule("local_response_norm")
def local_response_norm(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    given = attrs(node)
    made = op("local_response_norm", given["size"], *(exact(given[name]) for name in ("alpha", "beta", "k")))
    return low.put(low.add(made, data(x).value), data(x).labels)


@rule("embedding")
def embedding(low: Lowering, node: SourceNode, ids: Argument, weight: Argument) -> Laid:
    table, source = stored(weight), data(ids)
    value = low.add(op("embedding", *table.dims), source.value, weight=table.value)
    return low.put(value, (*source.labels, CHANNELS))


@rule("prelu")
def prelu(low: Lowering, node: SourceNode, x: Argument, weight: Argument) -> Laid:
    source, slopes = data(x), stored(weight)
    count = prod(slopes.dims)
    value = low.add(op("prelu", count), source.value, weight=slopes.value)
    return low.put(value, source.labels)


@rule("lstm", "gru", "rnn")
def recurrent(low: Lowering, node: SourceNode, x: Argument, *weights: Argument) -> Laid:
    given, source = attrs(node), data(x)
    names = dict(zip(given["names"], map(stored_name, weights), strict=True))
    hidden = stored(weights[1]).dims[1]
    kind = name_of(node)
    made: dict[str, Any] = {
        "num_layers": given["layers"],
        "bidirectional": given["bidirectional"],
        "bias": given["bias"],
    }
    if kind == "rnn":
        made["activation"] = given["activation"]
    if any(name.startswith("weight_hr") for name in names):
        raise Unknown("it has projections")
    if given["result"] > 0:
        raise Unknown("its last state is read")
    labels = ["" if dim == 1 else label for label, dim in zip(source.labels, source.dims, strict=True)]
    at = 1 if given["batch_first"] else 0
    labels[at] = "length"
    others = [axis for axis in ("depth", "height", "width") if axis not in labels]
    labels = [
        label if place == at else CHANNELS if place == 2 else (others[0] if source.dims[place] != 1 else "")
        for place, label in enumerate(labels)
    ]
    source = low.relabeled(source, tuple(labels))
    if shape_of(tuple(labels), source.dims).axes[-2:] != ("length", CHANNELS):
        raise Unknown("the length comes before other sequences")
    value = low.add(op(kind, hidden, **made), source.value, **names)
    return low.put(value, source.labels)


# ---------------------------------------------------------------------------------------- pointwise


@rule(
    "relu", "relu6", "sigmoid", "tanh", "silu", "mish", "selu", "softplus", "hard_sigmoid", "hard_swish", "exp",
    "abs", "square",
)  # fmt: skip
def pointwise(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    return low.put(low.add(op(name_of(node)), data(x).value), data(x).labels)


@rule("sqrt", "log", "erf", "quick_gelu", "sin", "cos")
def function(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    return low.put(low.add(op(name_of(node)), data(x).value), data(x).labels)


@rule("power")
def power(low: Lowering, node: SourceNode, x: Argument, exponent: Argument) -> Laid:
    if not isinstance(exponent, int | float) or not isinstance(x, Laid):
        raise Unknown("its exponent is a tensor")
    made = op("sqrt") if exponent == 0.5 else op("power", exact(exponent))
    return low.put(low.add(made, x.value), x.labels)


@rule("rsqrt")
def rsqrt(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    return low.put(low.add(op("power", exact(-0.5)), data(x).value), data(x).labels)


@rule("clip")
def clip(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    low_end, high_end = attrs(node).get("low"), attrs(node).get("high")
    ends = [None if end is None else exact(end) for end in (low_end, high_end)]
    return low.put(low.add(op("clip", *ends), data(x).value), data(x).labels)


@rule("scale")
def scale(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    given = {name: exact(number) for name, number in attrs(node).items()}
    return low.put(low.add(op("scale", **given), data(x).value), data(x).labels)


@rule("normalize")
def normalize(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    source = low.channels_last(data(x))
    return low.put(low.add(op("l2_norm", eps=exact(attrs(node)["eps"])), source.value), source.labels)


@rule("negative")
def negative(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    return low.put(low.add(op("scale", -1), data(x).value), data(x).labels)


@rule("gelu")
def gelu(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    return low.put(low.add(op("gelu", attrs(node)["approximate"]), data(x).value), data(x).labels)


@rule("leaky_relu")
def leaky_relu(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    return low.put(low.add(op("leaky_relu", exact(attrs(node)["slope"])), data(x).value), data(x).labels)


@rule("clamp")
def clamp(low: Lowering, node: SourceNode, x: Argument, lowest: Argument, highest: Argument) -> Laid:
    """Between two ends that are stored."""
    above = joined(low, "maximum", data(x), tensor(low, lowest), node.dims)
    return joined(low, "minimum", above, tensor(low, highest), node.dims)


@rule("elu")
def elu(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    return low.put(low.add(op("elu", exact(attrs(node).get("alpha", 1))), data(x).value), data(x).labels)


@rule("dropout")
def dropout(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    return low.put(low.add(op("dropout", exact(attrs(node)["p"])), data(x).value), data(x).labels)


@rule("softmax")
def softmax(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    source, axis = data(x), attrs(node)["axis"]
    if not source.labels[axis]:
        raise Unknown("it works along an axis of size 1")
    return low.put(low.add(op("softmax", source.labels[axis]), source.value), source.labels)


# ------------------------------------------------------------------------------------------ windows


def _pooled(low: Lowering, node: SourceNode, x: Argument, name: str, **more: Any) -> Laid:
    given = attrs(node)
    rank = len(given["kernel"])
    source, axes = images(low, data(x), rank)
    one = (1,) * axes
    made: dict[str, Any] = {
        "padding": padded(given["padding"], axes),
        "ceil_mode": given["ceil_mode"],
        **more,
    }
    if axes and "dilation" in more:
        made["dilation"] = one + more["dilation"]
    if given["stride"] != given["kernel"]:
        made["stride"] = one + given["stride"]
    value = low.add(op(f"{name}{rank + axes}d", one + given["kernel"], **made), source.value)
    return apart(low, value, node.dims, axes)


@rule("max_pool")
def max_pool(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    return _pooled(low, node, x, "max_pool", dilation=attrs(node)["dilation"])


@rule("avg_pool")
def avg_pool(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    given = attrs(node)
    uncounted = padded(given["padding"]) != 0 and not given["count_include_pad"]
    return _pooled(low, node, x, "avg_pool", **({"count_include_pad": False} if uncounted else {}))


@rule("adaptive_avg_pool", "adaptive_max_pool")
def adaptive_pool(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    source, sizes = data(x), attrs(node)["sizes"]
    name = name_of(node)
    if set(sizes) == {1} and source.dims[0] != 1:
        wide = source.dims[: -len(sizes)]
        low_name = "mean" if name == "adaptive_avg_pool" else "max"
        axes = tuple(source.labels[len(wide) :])
        value = low.add(op(f"reduce_{low_name}", axes), source.value)
        kept = Laid(value, (*source.labels[: len(wide)], *("" for _ in axes)), (*wide, *(1 for _ in axes)))
        return resized(low, kept, node.dims)
    if set(sizes) == {1}:
        if low.shape(source.value).axes == (CHANNELS,):
            return low.put(source.value)
        made = op("global_avg_pool" if name == "adaptive_avg_pool" else "global_max_pool")
        return low.put(low.add(made, source.value))
    source = low.image(source, len(sizes))
    if low.shape(source.value).space == sizes:
        return low.put(source.value, source.labels)
    return low.put(low.add(op(f"{name}{len(sizes)}d", sizes), source.value), source.labels)


@rule("mean", "sum", "max", "min", "norm")
def reduction(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    source, given = named(low, data(x)), attrs(node)
    axes = tuple(source.labels[axis] for axis in given["axes"] if source.labels[axis])
    name = name_of(node)
    shape = low.shape(source.value)
    if not axes:
        return low.put(source.value)
    if set(axes) == set(shape.axes) - {CHANNELS} and CHANNELS in shape.axes and name in ("mean", "max"):
        return low.put(low.add(op("global_max_pool" if name == "max" else "global_avg_pool"), source.value))
    value = low.add(op(f"reduce_{name}", axes[0] if len(axes) == 1 else axes), source.value)
    dims = tuple(1 if axis in given["axes"] else dim for axis, dim in enumerate(source.dims))
    return resized(low, Laid(value, source.labels, dims), node.dims)


@rule("unfold")
def unfold(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    """Windows as columns, their positions in a row."""
    source = low.image(data(x), 2)
    value = low.add(op("unfold2d", **_window(node)), source.value)
    image = low.shape(value)
    return resized(low, Laid(value, ("", *image.axes), (1, *image.dims)), node.dims)


@rule("fold")
def fold(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    """Columns added up to an image."""
    source, given = data(x), attrs(node)
    size, window = given["output_size"], _window(node)
    space = tuple(
        (whole + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        for whole, kernel, stride, padding, dilation in zip(
            size, *(given[name] for name in ("kernel_size", "stride", "padding", "dilation")), strict=True
        )
    )
    source = resized(low, source, (*source.dims[:-1], *space))
    value = low.add(op("fold2d", size, **window), low.image(source, 2).value)
    return low.put(value, ("", CHANNELS, "height", "width"))


def _window(node: SourceNode) -> dict[str, Any]:
    given = attrs(node)
    return {name: given[name] for name in ("kernel_size", "stride", "padding", "dilation")}


@rule("upsample")
def upsample(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    given = attrs(node)
    source = data(x)
    source = low.image(source, len(source.dims) - 2)
    space, wanted = low.shape(source.value).space, node.dims[2:]
    if wanted == space:
        return low.put(source.value, source.labels)
    more: dict[str, Any] = {} if given["mode"] == "nearest" else {"mode": given["mode"]}
    more |= {"align_corners": True} if given["align_corners"] else {}
    scales = {two // one if two % one == 0 else 0 for one, two in zip(space, wanted, strict=True)}
    if len(scales) == 1 and 0 not in scales:
        made = op("upsample", scales.pop(), **more)
    else:
        made = op("upsample", size=wanted, **more)
    return low.put(low.add(made, source.value), source.labels)


@rule("pixel_shuffle", "pixel_unshuffle")
def pixel_shuffle(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    source = low.image(data(x), 2)
    made = op(name_of(node), attrs(node)["factor"])
    return low.put(low.add(made, source.value), source.labels)


@rule("pad")
def pad(low: Lowering, node: SourceNode, x: Argument) -> Laid:
    source, given = data(x), attrs(node)
    amounts = {source.labels[axis] or axis: pair for axis, pair in enumerate(given["amounts"]) if any(pair)}
    if any(isinstance(axis, int) for axis in amounts):
        raise Unknown("it pads an axis of size 1")
    modes = {"constant": "zeros", "zeros": "zeros"}
    mode = modes.get(given["mode"], given["mode"])
    if given["value"]:
        low.notes.append(f"pads with zeros what the source pads with {given['value']:g}")
    if [*amounts] == [CHANNELS]:
        before, _ = amounts[CHANNELS]
        if before or mode != "zeros":
            raise Unknown("it pads before the channels")
        return low.put(
            low.add(op("pad_channels", node.dims[source.labels.index(CHANNELS)]), source.value), source.labels
        )
    if CHANNELS in amounts:
        raise Unknown("it pads channels and space at once")
    for axis, (before, after) in list(amounts.items()):
        if before < 0 or after < 0:  # it cuts
            start, size = max(-before, 0), low.shape(source.value).size(str(axis))
            end = {"stop": size + after} if after < 0 else {}
            source = source._replace(value=low.add(op("slice", axis, start, **end), source.value))
            amounts[axis] = (max(before, 0), max(after, 0))
    amounts = {axis: pair for axis, pair in amounts.items() if any(pair)}
    if not amounts:
        return low.put(source.value, source.labels)
    each = tuple(amounts.get(axis, (0, 0)) for axis in low.shape(source.value).axes if axis != CHANNELS)
    short = each[0][0] if len({side for pair in each for side in pair}) == 1 else each
    made = op("pad", short, **({} if mode == "zeros" else {"mode": mode}))
    return low.put(low.add(made, source.value), source.labels)


# ------------------------------------------------------------------------------- ops of the source


def op_node(low: Lowering, node: SourceNode, *inputs: Argument) -> Laid:
    """A node whose source knows layers, or windows that were found."""
    assert isinstance(node.call, Op)
    read = [data(x) for x in inputs]
    made = node.call
    if made.name == "window_attention" and node.dims:
        if read[0].labels[1:] == (CHANNELS, "height", "width"):
            inside = low.add(made, low.add(op("channels_last"), read[0].value), **node.weights)
            return low.put(low.add(op("channels_first"), inside), read[0].labels)
        read = [low.relabeled(x, ("", "height", "width", CHANNELS)) for x in read]
    if made.name in ("lstm", "gru", "rnn") and node.dims:
        read[0] = _tokens(low, read[0], read[0].dims[1])
    value = low.add(made, *(x.value for x in read), **node.weights)
    if not node.dims:
        shape = low.shape(value)
        dims = (1, *shape.dims)
        return Laid(value, ("", *shape.axes), dims)
    labels: Labels | None = read[0].labels if read and len(read[0].labels) == len(node.dims) else None
    return low.put(value, labels if labels is not None else labels_like(low.shape(value), node.dims))


@rule("projected_attention")
def projected_attention(low: Lowering, node: SourceNode, *inputs: Argument) -> Laid:
    """Attention with its projections, of sequences of known lengths."""
    given = attrs(node)
    read = [_tokens(low, data(x), length) for x, length in zip(inputs, given["lengths"], strict=True)]
    value = low.add(given["op"], *(x.value for x in read), **node.weights)
    dims = (*read[0].dims[:-1], low.shape(value).channels)
    return resized(low, Laid(value, read[0].labels, dims), node.dims)


def _tokens(low: Lowering, x: Laid, length: int) -> Laid:
    """Sequences of so many tokens; axes before them are sequences that do not see each other."""
    places = [at for at, dim in enumerate(x.dims[:-1]) if dim != 1]
    at = places[-1] if places else len(x.dims) - 2
    names = ["depth", "height", "width"]
    if x.dims[at] != length or len(places) - 1 > len(names):
        count = prod(x.dims[:-1]) // length
        labels = ("height" if count != 1 else "", "length", CHANNELS)
        return resized_as(low, x, (count, length, x.dims[-1]), labels)
    leading = [names.pop(0) if dim != 1 and place != at else "" for place, dim in enumerate(x.dims[:-1])]
    leading[at] = "length"
    return low.relabeled(x, (*leading, CHANNELS))


def resized_as(low: Lowering, x: Laid, dims: tuple[int, ...], labels: Labels) -> Laid:
    """The same elements with other sizes, under these labels."""
    return low.relabeled(Laid(x.value, (UNNAMED,) * len(dims), dims), labels)
