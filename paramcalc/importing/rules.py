"""What each primitive is in our ops: one function each, called with what the node reads."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import prod
from typing import Any

from paramcalc.base.shape import CHANNELS, SPACE, Shape
from paramcalc.importing.layers import reshape_to
from paramcalc.importing.layout import Labels, reshaped, shape_of
from paramcalc.importing.lowering import Argument, Constant, Laid, Lowering, Unknown, labels_like
from paramcalc.importing.source import Node, Primitive
from paramcalc.ops.attributes import op
from paramcalc.ops.base import Op

Rule = Callable[..., Laid]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Says of a function which primitives it lowers."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def exact(number: Any) -> Any:
    """A number of a source as a spec writes it: 1e-05 is 1/100000, not the nearest binary fraction."""
    if isinstance(number, int):
        return number
    short = Fraction(repr(number))
    single = Fraction(f"{number:.7g}")  # a number that went through float32
    return single if abs(single - short) <= abs(short) * Fraction(1, 10**7) else short


def primitive(node: Node) -> Primitive:
    assert isinstance(node.call, Primitive)
    return node.call


def name_of(node: Node) -> str:
    return primitive(node).name


def attrs(node: Node) -> Any:
    return primitive(node).attributes


def data(x: Argument) -> Laid:
    """A value that depends on an input."""
    if not isinstance(x, Laid):
        raise Unknown("it computes with constants only")
    return x


def stored(x: Argument) -> Constant:
    """A weight, or what is computed of weights alone."""
    if not isinstance(x, Constant):
        raise Unknown("its weight depends on an input")
    return x


def stored_name(x: Argument) -> str | None:
    return stored(x).value if x is not None else None


# ------------------------------------------------------------------------------ layers with weights


@rule("linear")
def linear(low: Lowering, node: Node, x: Argument, weight: Argument, bias: Argument = None) -> Laid:
    rows = stored(weight)
    out = rows.dims[1] if attrs(node).get("transposed") else rows.dims[0]
    name = f"{rows.value}.T" if attrs(node).get("transposed") else rows.value
    source = low.channels_last(data(x))
    value = low.add(
        op("linear", out, bias=bias is not None), source.value, weight=name, bias=stored_name(bias)
    )
    return low.put(value, source.labels)


@rule("conv")
def conv(low: Lowering, node: Node, x: Argument, weight: Argument, bias: Argument = None) -> Laid:
    given, dims = attrs(node), stored(weight).dims
    rank, kernel = len(dims) - 2, dims[2:]
    source = data(x)
    named = {"weight": stored_name(weight), "bias": stored_name(bias)}
    plain = (
        set(kernel) == set(given["stride"]) == {1} and given["groups"] == 1 and padded(given["padding"]) == 0
    )
    if plain and low.shape(source.value).axes == (CHANNELS,) and low.shape(source.value).channels == dims[1]:
        made = op("linear", dims[0], bias=bias is not None)  # a 1x1 convolution of one position
        return low.put(low.add(made, source.value, **named))
    source = low.image(source, rank)
    factor = factor_of(low, stored(weight), dims)
    made = op(
        f"conv{rank}d",
        dims[0],
        kernel,
        stride=given["stride"],
        padding=padded(given["padding"]),
        dilation=given["dilation"],
        groups=given["groups"],
        bias=bias is not None and not factor,
    )
    if not factor:
        return low.put(low.add(made, source.value, **named), source.labels)
    value = low.add(made, source.value, weight=named["weight"])
    if bias is None:
        return low.put(low.add(op("layer_scale"), value, weight=factor), source.labels)
    return low.put(low.add(op("affine"), value, weight=factor, bias=named["bias"]), source.labels)


def factor_of(low: Lowering, weight: Constant, dims: tuple[int, ...]) -> str:
    """The parameter that scales each output of a weight which is normalized first; '' if there is none."""
    others = [root for root in weight.roots if low.source.weights[root].dims != dims]
    if not others:
        return ""
    if len(others) == 1 and prod(low.source.weights[others[0]].dims) == dims[0]:
        return others[0]
    raise Unknown(f"its weight is computed of {', '.join(weight.roots)}")


def padded(padding: Any) -> Any:
    """Padding as an op takes it: 0 where there is none."""
    if isinstance(padding, str):
        return {"valid": 0}.get(padding, padding)
    return 0 if not any(any(side) if isinstance(side, tuple) else side for side in padding) else padding


@rule("conv_transpose")
def conv_transpose(low: Lowering, node: Node, x: Argument, weight: Argument, bias: Argument = None) -> Laid:
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
    node: Node,
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
    low: Lowering, node: Node, x: Argument, weight: Argument = None, bias: Argument = None
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
    low: Lowering, node: Node, x: Argument, weight: Argument = None, bias: Argument = None
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
def local_response_norm(low: Lowering, node: Node, x: Argument) -> Laid:
    given = attrs(node)
    made = op("local_response_norm", given["size"], *(exact(given[name]) for name in ("alpha", "beta", "k")))
    return low.put(low.add(made, data(x).value), data(x).labels)


@rule("embedding")
def embedding(low: Lowering, node: Node, ids: Argument, weight: Argument) -> Laid:
    table, source = stored(weight), data(ids)
    value = low.add(op("embedding", *table.dims), source.value, weight=table.value)
    return low.put(value, (*source.labels, CHANNELS))


@rule("prelu")
def prelu(low: Lowering, node: Node, x: Argument, weight: Argument) -> Laid:
    source, slopes = data(x), stored(weight)
    count = prod(slopes.dims)
    value = low.add(op("prelu", count), source.value, weight=slopes.value)
    return low.put(value, source.labels)


@rule("lstm", "gru", "rnn")
def recurrent(low: Lowering, node: Node, x: Argument, *weights: Argument) -> Laid:
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
def pointwise(low: Lowering, node: Node, x: Argument) -> Laid:
    return low.put(low.add(op(name_of(node)), data(x).value), data(x).labels)


@rule("sqrt", "log", "erf", "quick_gelu", "sin", "cos")
def function(low: Lowering, node: Node, x: Argument) -> Laid:
    return low.put(low.add(op(name_of(node)), data(x).value), data(x).labels)


@rule("power")
def power(low: Lowering, node: Node, x: Argument, exponent: Argument) -> Laid:
    if not isinstance(exponent, int | float) or not isinstance(x, Laid):
        raise Unknown("its exponent is a tensor")
    made = op("sqrt") if exponent == 0.5 else op("power", exact(exponent))
    return low.put(low.add(made, x.value), x.labels)


@rule("rsqrt")
def rsqrt(low: Lowering, node: Node, x: Argument) -> Laid:
    return low.put(low.add(op("power", exact(-0.5)), data(x).value), data(x).labels)


@rule("clip")
def clip(low: Lowering, node: Node, x: Argument) -> Laid:
    low_end, high_end = attrs(node).get("low"), attrs(node).get("high")
    ends = [None if end is None else exact(end) for end in (low_end, high_end)]
    return low.put(low.add(op("clip", *ends), data(x).value), data(x).labels)


@rule("maximum", "minimum", "divide")
def compared(low: Lowering, node: Node, x: Argument, y: Argument) -> Laid:
    name = name_of(node)
    if isinstance(x, Laid) and isinstance(y, Laid):
        return binary_op(low, node, name, x, y)
    if name == "divide" and isinstance(x, Laid) and isinstance(y, int | float):
        return low.put(low.add(op("scale", exact(1 / y)), x.value), x.labels)
    if name != "divide" and isinstance(y, int | float):
        ends = {"low" if name == "maximum" else "high": exact(y)}
        return low.put(low.add(op("clip", **{"low": None, **ends}), data(x).value), data(x).labels)
    raise Unknown("one of its sides does not depend on an input")


@rule("normalize")
def normalize(low: Lowering, node: Node, x: Argument) -> Laid:
    source = low.channels_last(data(x))
    return low.put(low.add(op("normalize", eps=exact(attrs(node)["eps"])), source.value), source.labels)


@rule("negative")
def negative(low: Lowering, node: Node, x: Argument) -> Laid:
    return low.put(low.add(op("scale", -1), data(x).value), data(x).labels)


@rule("gelu")
def gelu(low: Lowering, node: Node, x: Argument) -> Laid:
    return low.put(low.add(op("gelu", attrs(node)["approximate"]), data(x).value), data(x).labels)


@rule("leaky_relu")
def leaky_relu(low: Lowering, node: Node, x: Argument) -> Laid:
    return low.put(low.add(op("leaky_relu", exact(attrs(node)["slope"])), data(x).value), data(x).labels)


@rule("elu")
def elu(low: Lowering, node: Node, x: Argument) -> Laid:
    return low.put(low.add(op("elu", exact(attrs(node).get("alpha", 1))), data(x).value), data(x).labels)


@rule("dropout")
def dropout(low: Lowering, node: Node, x: Argument) -> Laid:
    return low.put(low.add(op("dropout", exact(attrs(node)["p"])), data(x).value), data(x).labels)


@rule("softmax")
def softmax(low: Lowering, node: Node, x: Argument) -> Laid:
    source, axis = data(x), attrs(node)["axis"]
    if not source.labels[axis]:
        raise Unknown("it works along an axis of size 1")
    return low.put(low.add(op("softmax", source.labels[axis]), source.value), source.labels)


# ------------------------------------------------------------------------------- sums and products


@rule("add", "subtract", "multiply")
def arithmetic(low: Lowering, node: Node, x: Argument, y: Argument) -> Laid:
    name = name_of(node)
    if isinstance(x, Laid) and isinstance(y, Laid):
        return binary_op(low, node, name, x, y)
    if name == "subtract" and isinstance(x, int | float):
        return low.put(low.add(op("scale", -1, exact(x)), data(y).value), data(y).labels)
    if name != "subtract" and not isinstance(x, Laid):
        x, y = y, x
    source = data(x)
    if isinstance(y, int | float):
        return with_number(low, node, name, source, y)
    if not isinstance(y, Constant):
        raise Unknown("")
    if not y.learned:
        low.notes.append(f"{name} of fixed numbers is left out: {y.value}")
        return low.put(source.value, source.labels)
    return with_weight(low, node, name, source, y)


def with_number(low: Lowering, node: Node, name: str, x: Laid, number: float) -> Laid:
    if name == "multiply":
        return x if number == 1 else low.put(low.add(op("scale", exact(number)), x.value), x.labels)
    if number == 0:
        return x
    offset = exact(number if name == "add" else -number)
    return low.put(low.add(op("scale", offset=offset), x.value), x.labels)


@rule("scale")
def scale(low: Lowering, node: Node, x: Argument) -> Laid:
    given = {name: exact(number) for name, number in attrs(node).items()}
    return low.put(low.add(op("scale", **given), data(x).value), data(x).labels)


def with_weight(low: Lowering, node: Node, name: str, x: Laid, weight: Constant) -> Laid:
    """A learned tensor added or multiplied: positions, a scale or a bias of channels, a parameter."""
    dims = (1,) * (len(x.dims) - len(weight.dims)) + weight.dims
    count = prod(dims)
    whole = sum(prod(low.source.weights[root].dims) for root in weight.roots)
    if whole != count:
        return with_rows(low, node, name, x, weight)
    own = [label for label, dim in zip(x.labels, dims, strict=True) if dim != 1]
    if own == [CHANNELS] and name == "multiply":
        return low.put(low.add(op("layer_scale"), x.value, weight=weight.value), x.labels)
    if own == [CHANNELS] and name == "add":
        return low.put(low.add(op("affine", scale=False), x.value, bias=weight.value), x.labels)
    if own == ["length", CHANNELS] and name == "add" and low.shape(x.value).axes == ("length", CHANNELS):
        return low.put(low.add(op("positions"), x.value, weight=weight.value), x.labels)
    labels = tuple(label if dim != 1 or label else "" for label, dim in zip(x.labels, dims, strict=True))
    shape = Shape((CHANNELS,), (1,)) if count == 1 else shape_of(labels, dims)
    fits = shape.axes in ((CHANNELS,), low.shape(x.value).axes) and CHANNELS in shape.axes
    if not fits or shape.axes not in (
        (CHANNELS, *SPACE.get(len(shape.axes) - 1, ())),
        (*shape.axes[:-1], CHANNELS),
    ):
        return low.put(low.add(op(name), x.value, prepared(low, weight)), x.labels)
    parameter = low.add(parameter_of(shape), weight=weight.value)
    return low.put(low.add(op(name), x.value, parameter), x.labels)


def prepared(low: Lowering, weight: Constant) -> int:
    """What stands for a tensor that is computed of weights alone, before any input is there.

    Its params are counted and nothing is multiplied for it; its numbers are not those of the source.
    """
    roots = ", ".join(weight.roots)
    low.notes.append(f"a table is computed of {roots}: counts are exact, values are not the source's")
    parts = [
        low.add(op("reduce_mean"), low.add(op("parameter", prod(low.source.weights[root].dims)), weight=root))
        for root in weight.roots
    ]
    return low.add(op("add"), *parts) if len(parts) > 1 else parts[0]


def with_rows(low: Lowering, node: Node, name: str, x: Laid, weight: Constant) -> Laid:
    """Rows of a learned table added to tokens: the first ones, as of positions, or one that all tokens take."""
    table = low.source.weights[weight.roots[0]].dims
    tokens = low.shape(x.value).axes == ("length", CHANNELS)
    if name != "add" or not weight.looked_up or len(weight.roots) != 1 or not tokens:
        return low.put(low.add(op(name), x.value, prepared(low, weight)), x.labels)
    if table[0] >= low.shape(x.value).dims[0]:
        value = low.add(op("positions", table[0]), x.value, weight=weight.roots[0])
        return low.put(value, x.labels)
    rows = low.add(op("parameter", length=table[0], channels=table[1]), weight=weight.roots[0])
    row = low.add(op("slice", "length", 0, 1), rows)
    return low.put(low.add(op("add"), x.value, row), x.labels)


def parameter_of(shape: Shape) -> Op:
    """A learned tensor of this shape."""
    first = (CHANNELS, *SPACE.get(len(shape.axes) - 1, ()))
    if shape.axes == first:
        return op("parameter", shape.dims if len(shape.dims) > 1 else shape.dims[0])
    if shape.axes[-1] == CHANNELS:
        return op("parameter", **dict(zip(shape.axes, shape.dims, strict=True)))
    raise Unknown("a learned tensor has its channels in the middle")


def binary_op(low: Lowering, node: Node, name: str, x: Laid, y: Laid) -> Laid:
    """Two computed tensors; the smaller one is brought under the labels of the larger one."""
    size = len(node.dims)
    sides = [side._replace(dims=(1,) * (size - len(side.dims)) + side.dims,
                           labels=("",) * (size - len(side.labels)) + side.labels) for side in (x, y)]  # fmt: skip
    full = next((side for side in sides if side.dims == node.dims), None)
    if full is None:
        raise Unknown("both of its inputs would have to be spread")
    fitted = []
    for side in sides:
        spread = low.shape(side.value).axes == (CHANNELS,) and side.labels.index(CHANNELS) == (
            full.labels.index(CHANNELS) if CHANNELS in full.labels else -1
        )
        fitted.append(side if spread else low.relabeled(side, full.labels))
    value = low.add(op(name), fitted[0].value, fitted[1].value)
    return low.put(value, full.labels)


@rule("matmul")
def matmul(low: Lowering, node: Node, x: Argument, y: Argument) -> Laid:
    if isinstance(x, Laid) and isinstance(y, Constant) and len(y.dims) == 2 and y.learned:
        return _product_with_weight(low, node, x, y)
    left, right = data(x), data(y)
    size = len(node.dims)
    left = Laid(
        left.value,
        ("",) * (size - len(left.labels)) + left.labels,
        (1,) * (size - len(left.dims)) + left.dims,
    )
    right = Laid(
        right.value,
        ("",) * (size - len(right.labels)) + right.labels,
        (1,) * (size - len(right.dims)) + right.dims,
    )
    if left.dims[:-2] != right.dims[:-2]:
        raise Unknown("one of its inputs would have to be spread over several matrices")
    names = ["depth", "height", "width"]
    leading = tuple(names.pop(0) if dim != 1 and names else "" for dim in left.dims[:-2])
    if sum(dim != 1 for dim in left.dims[:-2]) > 3:
        raise Unknown("it has more axes than have names")
    left = low.relabeled(left, (*leading, "length", CHANNELS))
    right = low.relabeled(right, (*leading, "length", CHANNELS))
    return low.put(low.add(op("matmul"), left.value, right.value), (*leading, "length", CHANNELS))


def _product_with_weight(low: Lowering, node: Node, x: Laid, weight: Constant) -> Laid:
    source = low.channels_last(x)
    value = low.add(op("linear", weight.dims[1], bias=False), source.value, weight=f"{weight.value}.T")
    return low.put(value, source.labels)


# ------------------------------------------------------------------------------------------ windows


def _pooled(low: Lowering, node: Node, x: Argument, name: str, **more: Any) -> Laid:
    given = attrs(node)
    rank = len(given["kernel"])
    source = low.image(data(x), rank)
    made: dict[str, Any] = {"padding": padded(given["padding"]), "ceil_mode": given["ceil_mode"], **more}
    if given["stride"] != given["kernel"]:
        made["stride"] = given["stride"]
    value = low.add(op(f"{name}{rank}d", given["kernel"], **made), source.value)
    return low.put(value, source.labels)


@rule("max_pool")
def max_pool(low: Lowering, node: Node, x: Argument) -> Laid:
    return _pooled(low, node, x, "max_pool", dilation=attrs(node)["dilation"])


@rule("avg_pool")
def avg_pool(low: Lowering, node: Node, x: Argument) -> Laid:
    given = attrs(node)
    uncounted = padded(given["padding"]) != 0 and not given["count_include_pad"]
    return _pooled(low, node, x, "avg_pool", **({"count_include_pad": False} if uncounted else {}))


@rule("adaptive_avg_pool", "adaptive_max_pool")
def adaptive_pool(low: Lowering, node: Node, x: Argument) -> Laid:
    source, sizes = data(x), attrs(node)["sizes"]
    name = name_of(node)
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
def reduction(low: Lowering, node: Node, x: Argument) -> Laid:
    source, given = data(x), attrs(node)
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


@rule("upsample")
def upsample(low: Lowering, node: Node, x: Argument) -> Laid:
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
def pixel_shuffle(low: Lowering, node: Node, x: Argument) -> Laid:
    source = low.image(data(x), 2)
    made = op(name_of(node), attrs(node)["factor"])
    return low.put(low.add(made, source.value), source.labels)


@rule("pad")
def pad(low: Lowering, node: Node, x: Argument) -> Laid:
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


# ------------------------------------------------------------------------------------------- layout


@rule("expand")
def expand(low: Lowering, node: Node, x: Argument) -> Laid:
    """The same tensor: what reads it spreads it, or says that it cannot."""
    source = data(x)
    more = len(node.dims) - len(source.dims)
    return Laid(source.value, ("",) * more + source.labels, (1,) * more + source.dims)


@rule("attention")
def attention(
    low: Lowering, node: Node, query: Argument, key: Argument, value: Argument, mask: Argument = None
) -> Laid:
    """The products alone, where its projections are not those of one layer."""
    if isinstance(mask, Laid):
        raise Unknown("its mask depends on an input")
    sides = [data(side) for side in (query, key, value)]
    if len({side.dims[:-2] for side in sides}) > 1:
        raise Unknown("its heads share keys and values")
    q, k, v = (_matrix(low, side) for side in sides)
    scale = attrs(node)["scale"] or sides[0].dims[-1] ** -0.5
    scores = low.add(op("scale", exact(scale)), q.value) if scale != 1 else q.value
    scores = low.add(op("matmul", transpose=True), scores, k.value)
    if isinstance(mask, Constant) and mask.learned:
        scores = low.add(op("add"), scores, prepared(low, mask))
    scores = low.add(op("softmax"), scores)
    return low.put(low.add(op("matmul"), scores, v.value), v.labels)


def _matrix(low: Lowering, x: Laid) -> Laid:
    """Matrices of positions and channels behind axes that are counted through."""
    names = ["depth", "height", "width"]
    if sum(dim != 1 for dim in x.dims[:-2]) > len(names):
        raise Unknown("it has more axes than have names")
    leading = tuple(names.pop(0) if dim != 1 else "" for dim in x.dims[:-2])
    return low.relabeled(x, (*leading, "length", CHANNELS))


@rule("reshape")
def reshape(low: Lowering, node: Node, x: Argument) -> Laid:
    source = data(x)
    return resized(low, source, node.dims)


def resized(low: Lowering, x: Laid, dims: tuple[int, ...]) -> Laid:
    """The same elements with other sizes."""
    labels = reshaped(x.labels, x.dims, dims)
    if labels is None:
        raise Unknown("it has more axes than have names")
    wanted = shape_of(labels, dims)
    if wanted == low.shape(x.value):
        return Laid(x.value, labels, dims)
    if CHANNELS not in wanted.axes and CHANNELS in low.shape(x.value).axes:
        raise Unknown("it leaves no axis of channels")
    return Laid(low.add(reshape_to(wanted), x.value), labels, dims)


@rule("permute")
def permute(low: Lowering, node: Node, x: Argument) -> Laid:
    source, order = data(x), attrs(node)["axes"]
    labels = tuple(source.labels[axis] for axis in order)
    axes = tuple(label for label in labels if label)
    if axes == low.shape(source.value).axes:
        return Laid(source.value, labels, node.dims)
    return low.put(low.add(op("permute", axes), source.value), labels)


@rule("slice")
def cut(low: Lowering, node: Node, x: Argument) -> Laid:
    source, given = data(x), attrs(node)
    axis, start, stop = given["axis"], given["start"], given["stop"]
    label = source.labels[axis]
    if not label or source.dims[axis] == 1:
        return resized(low, source, node.dims)
    size = len(range(start, stop, given["step"]))
    dims = tuple(size if at == axis else dim for at, dim in enumerate(source.dims))
    end = {} if stop == source.dims[axis] else {"stop": stop}
    if given["step"] != 1:
        made = op("slice", label, start, step=given["step"], **end)
        return resized(low, Laid(low.add(made, source.value), source.labels, dims), node.dims)
    if len(node.dims) < len(source.dims) and size == 1 and label != CHANNELS:
        labels = (*source.labels[:axis], *source.labels[axis + 1 :])
        laid = Laid(low.add(op("select", label, start), source.value), labels, node.dims)
        return low.put(laid.value, laid.labels)
    made = op("slice_channels", start, **end) if label == CHANNELS else op("slice", label, start, **end)
    laid = Laid(low.add(made, source.value), source.labels, dims)
    return resized(low, laid, node.dims)


@rule("concat")
def concat(low: Lowering, node: Node, *parts: Argument) -> Laid:
    axis = attrs(node)["axis"]
    token = _class_token(low, node, parts, axis)
    if token is not None:
        return token
    laid = [_part(low, node, part, axis) for part in parts]
    lead = next((part for part in laid if part.labels[axis] and part.dims[axis] > 1), laid[0])
    labels = lead.labels
    if not labels[axis]:
        free = [name for name in ("length", "depth", "height", "width") if name not in labels]
        labels = (*labels[:axis], free[0], *labels[axis + 1 :])
    same = [low.relabeled(part, labels) for part in laid]
    name = labels[axis]
    value = low.add(
        op("concat", **({} if name == CHANNELS else {"axis": name})), *(one.value for one in same)
    )
    return low.put(value, labels)


@rule("stack")
def stack(low: Lowering, node: Node, *parts: Argument) -> Laid:
    axis = attrs(node)["axis"]
    widened = [
        Laid(one.value, (*one.labels[:axis], "", *one.labels[axis:]), (*one.dims[:axis], 1, *one.dims[axis:]))
        for one in map(data, parts)
    ]
    return concat(low, node, *widened)


def _part(low: Lowering, node: Node, part: Argument, axis: int) -> Laid:
    """A learned part of a concatenation is a parameter."""
    if isinstance(part, Laid):
        return part
    weight = stored(part)
    if not weight.learned:
        raise Unknown("it joins fixed numbers")
    labels = tuple("" if dim == 1 else "?" for dim in weight.dims)
    names = (CHANNELS, *SPACE[len(weight.dims) - 2]) if len(weight.dims) == 4 else ("length", CHANNELS)
    labels = ("",) * (len(weight.dims) - len(names)) + names
    shape = shape_of(labels, weight.dims)
    return Laid(low.add(parameter_of(shape), weight=weight.value), labels, weight.dims)


def _class_token(low: Lowering, node: Node, parts: tuple[Argument, ...], axis: int) -> Laid | None:
    """One learned token before others."""
    if len(parts) != 2:
        return None
    token, x = parts
    if not isinstance(token, Constant) or not isinstance(x, Laid):
        return None
    fits = low.shape(x.value).axes == ("length", CHANNELS) and x.labels[axis] == "length"
    if not fits or not token.learned or prod(token.dims) != x.dims[-1]:
        return None
    return low.put(low.add(op("class_token"), x.value, weight=token.value), x.labels)


@rule("pass")
def passed(low: Lowering, node: Node, x: Argument) -> Laid:
    return data(x)


@rule("roll")
def roll(low: Lowering, node: Node, x: Argument) -> Laid:
    source, given = data(x), attrs(node)
    moves = {source.labels[axis]: shift for shift, axis in zip(given["shifts"], given["axes"], strict=True)}
    if "" in moves:
        raise Unknown("it moves along an axis of size 1")
    shifts, axes = tuple(moves.values()), tuple(moves)
    shift = shifts[0] if len(set(shifts)) == 1 else shifts
    return low.put(low.add(op("roll", shift, axis=axes), source.value), source.labels)


# ------------------------------------------------------------------------------- ops of the source


def op_node(low: Lowering, node: Node, *inputs: Argument) -> Laid:
    """A node whose source knows layers."""
    assert isinstance(node.call, Op)
    read = [data(x) for x in inputs]
    made = node.call
    tokens = made.name in ("self_attention", "cross_attention", "latent_attention")
    if tokens and node.dims:
        read = [_tokens(low, x) for x in read]
    elif made.name == "window_attention" and node.dims:
        if read[0].labels[1:] == (CHANNELS, "height", "width"):
            inside = low.add(made, low.add(op("channels_last"), read[0].value), **node.weights)
            return low.put(low.add(op("channels_first"), inside), read[0].labels)
        read = [low.relabeled(x, ("", "height", "width", CHANNELS)) for x in read]
    value = low.add(made, *(x.value for x in read), **node.weights)
    if not node.dims:
        shape = low.shape(value)
        dims = (1, *shape.dims)
        return Laid(value, ("", *shape.axes), dims)
    labels: Labels | None = read[0].labels if read and len(read[0].labels) == len(node.dims) else None
    return low.put(value, labels if labels is not None else labels_like(low.shape(value), node.dims))


def _tokens(low: Lowering, x: Laid) -> Laid:
    """Sequences of tokens: the last axes that count are length and channels."""
    places = [at for at, dim in enumerate(x.dims[:-1]) if dim != 1]
    at = places[-1] if places else len(x.dims) - 2
    names = ["depth", "height", "width"]
    if len(places) - 1 > len(names):
        raise Unknown("it has more axes than have names")
    leading = [names.pop(0) if dim != 1 and place != at else "" for place, dim in enumerate(x.dims[:-1])]
    leading[at] = "length"
    return low.relabeled(x, (*leading, CHANNELS))
