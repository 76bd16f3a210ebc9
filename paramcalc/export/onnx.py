"""A network as an ONNX file without weights: they are inputs of the graph, named by path (`conv1.weight`).

The file is written without the `onnx` package: protocol buffers need a page of code for this.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from paramcalc.base.errors import Fault
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.engine.graph import Applied, Graph, Layer
from paramcalc.version import __version__

VERSION = 18  # of the operators
FORMAT = 8  # of the file
FLOAT, INT64 = 1, 7


# ------------------------------------------------------------------------------- protocol buffers


def varint(value: int) -> bytes:
    value &= 2**64 - 1
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def stretch(field: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(data)) + data


def attribute(name: str, value: Any) -> bytes:
    """An attribute of a node: a whole number, a real one, a word, or a list of whole numbers."""
    head = stretch(1, name)
    if isinstance(value, bool | int):
        return head + number(3, int(value)) + number(20, 2)
    if isinstance(value, float):
        return head + varint(2 << 3 | 5) + struct.pack("<f", value) + number(20, 1)
    if isinstance(value, str):
        return head + stretch(4, value) + number(20, 3)
    return head + b"".join(number(8, one) for one in value) + number(20, 7)


def tensor(
    name: str, values: Sequence[int] | Sequence[float], kind: int = INT64, scalar: bool = False
) -> bytes:
    """A stored tensor of one axis, or a single number."""
    packed = struct.pack(f"<{len(values)}{'q' if kind == INT64 else 'f'}", *values)
    dims = b"" if scalar else number(1, len(values))
    return dims + number(2, kind) + stretch(8, name) + stretch(9, packed)


def described(name: str, kind: int, dims: Sequence[int]) -> bytes:
    """An input or output with its sizes."""
    shape = b"".join(stretch(1, number(1, dim)) for dim in dims)
    return stretch(1, name) + stretch(2, stretch(1, number(1, kind) + stretch(2, shape)))


# ----------------------------------------------------------------------------------------- a graph


class Writer:
    """Nodes, weights and constants as they are written."""

    def __init__(self, graph: Graph, batch: int) -> None:
        self.graph, self.batch = graph, batch
        self.nodes: list[bytes] = []
        self.weights: dict[str, tuple[int, ...]] = {}
        self.constants: dict[str, bytes] = {}
        self.layer: Layer | None = None
        self.made = 0

    def weight(self, name: str, dims: Sequence[int] | None = None) -> str:
        """A weight of the layer as an input of the graph; of an owner, where it is shared."""
        assert self.layer is not None
        owner = self.layer.shared.get(name, self.layer.path)
        applied = self.layer.applied
        key = f"{owner}.{name}"
        self.weights.setdefault(key, tuple(dims or {**applied.weights, **applied.buffers}[name]))
        return key

    def integers(self, *values: int) -> str:
        name = f"whole_{'_'.join(map(str, values))}"
        self.constants.setdefault(name, tensor(name, values))
        return name

    def real(self, value: float, axes: int = 0) -> str:
        name = f"real_{value:g}" + (f"_{axes}" if axes else "")
        self.constants.setdefault(name, tensor(name, [value], FLOAT, scalar=not axes))
        return name

    def node(self, kind: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        """A node; the name of what it gives."""
        assert self.layer is not None
        if not output:
            self.made += 1
            output = f"{self.layer.path}:{self.made}"
        given = {name.rstrip("_"): value for name, value in attributes.items() if value is not None}
        parts = [stretch(1, one) for one in inputs] + [stretch(2, output)]
        parts += [stretch(3, output), stretch(4, kind)]
        parts += [stretch(5, attribute(name, value)) for name, value in given.items()]
        self.nodes.append(b"".join(parts))
        return output

    def turned(self, x: str, order: Sequence[int]) -> str:
        """The axes in another order; the batch stays."""
        axes = [0, *order]
        return x if axes == [*range(len(axes))] else self.node("Transpose", [x], perm=axes)


def onnx(graph: Graph, batch: int = 1) -> bytes:
    """The file."""
    writer = Writer(graph, batch)
    first = len(graph.inputs)
    names = dict(enumerate(graph.inputs))
    for value, layer in enumerate(graph.layers, start=first):
        if layer.auxiliary:
            continue
        writer.layer = layer
        family = layer.op.title.removesuffix(f"{layer.op.rank}d")
        if family not in RULES:
            raise Fault(f"{layer.path}: {layer.op.title} has no counterpart in ONNX here")
        try:
            given = RULES[family](writer, layer.op, layer.applied, [names[read] for read in layer.inputs])
        except Fault as fault:
            fault.fact = f"{layer.path}: {fault.fact}"
            raise
        names[value] = writer.node("Identity", [given], layer.path)

    def shown(name: str, shape: Shape) -> bytes:
        return described(name, FLOAT if CHANNELS in shape.axes else INT64, (batch, *shape.dims))

    parts = [stretch(1, node) for node in writer.nodes]
    parts.append(stretch(2, graph.model))
    parts += [stretch(5, one) for one in writer.constants.values()]
    parts += [stretch(11, shown(name, shape)) for name, shape in graph.inputs.items()]
    parts += [stretch(11, described(name, FLOAT, dims)) for name, dims in writer.weights.items()]
    parts += [stretch(12, shown(names[value], graph.shape(value))) for value in dict.fromkeys(graph.outputs)]
    head = number(1, FORMAT) + stretch(2, "paramcalc") + stretch(3, __version__)
    return head + stretch(7, b"".join(parts)) + stretch(8, stretch(1, "") + number(2, VERSION))


Rule: TypeAlias = Callable[[Writer, Any, Applied, list[str]], str]


def places(x: Shape) -> dict[str, int]:
    return {axis: place for place, axis in enumerate(x.axes, start=1)}


def channels_second(w: Writer, x: str, shape: Shape) -> tuple[str, list[int]]:
    """The tensor with its channels behind the batch, and the way back."""
    here = shape.axes.index(CHANNELS) + 1
    order = [here, *(place for place in range(1, len(shape.axes) + 1) if place != here)]
    return w.turned(x, order), [order.index(place) + 1 for place in range(1, len(order) + 1)]


def conv(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
    if op.connections is not None or op.padding_mode != "zeros" or len(x) > 1:
        raise Fault(
            f"{op.title} with connections, a padding mode or a computed kernel has no counterpart in ONNX"
        )
    each = op.windows(used.inputs[0])
    reads = [*x, w.weight("weight"), *([w.weight("bias")] if op.bias else [])]
    return w.node(
        "Conv", reads, kernel_shape=op.kernel_size, strides=op.stride, dilations=op.dilation, group=op.groups,
        pads=[*(one.before for one in each), *(one.after for one in each)],
    )  # fmt: skip


def conv_transpose(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
    each = op.windows(used.inputs[0])
    reads = [*x, w.weight("weight"), *([w.weight("bias")] if op.bias else [])]
    return w.node(
        "ConvTranspose", reads, kernel_shape=op.kernel_size, strides=op.stride, dilations=op.dilation,
        group=op.groups, output_padding=op.output_padding,
        pads=[*(one.before for one in each), *(one.after for one in each)],
    )  # fmt: skip


def pool(kind: str) -> Rule:
    def rule(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
        each = op.windows(used.inputs[0])
        more: dict[str, Any] = {"dilations": op.dilation} if kind == "MaxPool" else {}
        if kind == "AveragePool":
            counted = op.padding != "same" if op.count_include_pad is None else op.count_include_pad
            more = {"count_include_pad": int(counted)}
        return w.node(
            kind, x, kernel_shape=op.kernel_size, strides=op.stride or op.kernel_size, ceil_mode=int(op.ceil_mode),
            pads=[*(one.before for one in each), *(one.after for one in each)], **more,
        )  # fmt: skip

    return rule


def everywhere(kind: str) -> Rule:
    def rule(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
        axes = [place for axis, place in places(used.inputs[0]).items() if axis != CHANNELS]
        return w.node(f"Reduce{kind}", [*x, w.integers(*axes)], keepdims=0) if axes else x[0]

    return rule


def reduced(kind: str) -> Rule:
    def rule(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
        axes = [places(used.inputs[0])[axis] for axis in _each(op.axis)]
        return w.node(f"Reduce{kind}", [*x, w.integers(*axes)], keepdims=1)

    return rule


def linear(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
    (shape,) = used.inputs
    value = x[0] if shape.axes[-1] == CHANNELS else w.node("Flatten", x, axis=1)
    rank = len(shape.axes) if shape.axes[-1] == CHANNELS else 1
    bias = [w.weight("bias")] if op.bias else []
    if rank == 1:
        return w.node("Gemm", [value, w.weight("weight"), *bias], transB=1)
    matrix = w.node("Transpose", [w.weight("weight")], perm=[1, 0])
    y = w.node("MatMul", [value, matrix])
    return w.node("Add", [y, *bias]) if bias else y


def batch_norm(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
    if not op.track_running_stats:
        raise Fault(f"{op.title} with statistics of the batch has no counterpart in ONNX")
    (shape,) = used.inputs
    value, back = channels_second(w, x[0], shape)
    channels = shape.channels
    ones = w.node("Expand", [w.real(1.0, 1), w.integers(channels)]) if not op.affine else w.weight("weight")
    zeros = w.node("Expand", [w.real(0.0, 1), w.integers(channels)]) if not op.affine else w.weight("bias")
    reads = [value, ones, zeros, w.weight("running_mean"), w.weight("running_var")]
    return w.turned(w.node("BatchNormalization", reads, epsilon=float(op.eps)), back)


def last_norm(kind: str) -> Rule:
    """Normalization over the last axes; with the channels elsewhere, they are brought there."""

    def rule(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
        (shape,) = used.inputs
        named = [axis for axis in shape.axes if axis in op.axis]
        others = [axis for axis in shape.axes if axis not in op.axis]
        at = places(shape)
        order = [at[axis] for axis in (*others, *named)]
        value = w.turned(x[0], order)
        scale = w.weight("weight") if op.elementwise_affine else w.real(1.0, 1)
        eps = float(op.eps) if op.eps is not None else 1.1920929e-07
        if kind == "layer":
            bias = [w.weight("bias")] if op.elementwise_affine and op.bias else []
            y = w.node("LayerNormalization", [value, scale, *bias], axis=-len(named), epsilon=eps)
        else:
            square = w.node("Mul", [value, value])
            mean = w.node("ReduceMean", [square, w.integers(*range(-len(named), 0))], keepdims=1)
            root = w.node("Sqrt", [w.node("Add", [mean, w.real(eps)])])
            y = w.node("Mul", [w.node("Div", [value, root]), scale])
        return w.turned(y, [order.index(place) + 1 for place in range(1, len(order) + 1)])

    return rule


def spread(kind: str) -> Rule:
    """Arithmetic between tensors; vectors of channels get axes to spread along."""

    def rule(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
        full, found = used.output, ""
        for name, shape in zip(x, used.inputs, strict=True):
            value = name
            if shape.axes != full.axes:
                axes = [place for axis, place in places(full).items() if axis not in shape.axes]
                value = w.node("Unsqueeze", [name, w.integers(*axes)])
            found = w.node(kind, [found, value]) if found else value
        return found

    return rule


def concat(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
    return w.node("Concat", x, axis=places(used.inputs[0])[op.axis])


def sliced(axis: Callable[[Any], str]) -> Rule:
    def rule(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
        name = axis(op)
        step = getattr(op, "step", 1)
        stop = op.start + (used.output.size(name) - 1) * step + 1
        at = places(used.inputs[0])[name]
        return w.node("Slice", [*x, *(w.integers(one) for one in (op.start, stop, at, step))])

    return rule


def cropped(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
    from paramcalc.export.torch_layers import _starts

    (shape,) = used.inputs
    starts = _starts(op, shape, used.output)
    stops = [start + size for start, size in zip(starts, used.output.dims, strict=True)]
    return w.node("Slice", [*x, w.integers(*starts), w.integers(*stops), w.integers(*places(shape).values())])


def padded(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
    (shape,) = used.inputs
    space = [axis for axis in shape.axes if axis != CHANNELS]
    amounts = op.padding * len(space) if len(op.padding) == 1 else op.padding
    margins = dict(zip(space, amounts, strict=True))
    ends = [(0, 0), *(margins.get(axis, (0, 0)) for axis in shape.axes)]
    mode = {"zeros": "constant", "replicate": "edge", "circular": "wrap"}.get(op.mode, op.mode)
    return w.node("Pad", [*x, w.integers(*(one for one, _ in ends), *(two for _, two in ends))], mode=mode)


def more_channels(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
    (shape,) = used.inputs
    added = [op.out_channels - shape.channels if axis == CHANNELS else 0 for axis in shape.axes]
    return w.node("Pad", [*x, w.integers(0, *(0 for _ in added), 0, *added)])


def permuted(axes: Callable[[Any, Shape], tuple[str, ...]]) -> Rule:
    def rule(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
        at = places(used.inputs[0])
        return w.turned(x[0], [at[axis] for axis in axes(op, used.inputs[0])])

    return rule


def reshaped(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
    return w.node("Reshape", [*x, w.integers(0, *used.output.dims)])


def to_tokens(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
    (shape,) = used.inputs
    if shape.axes[0] == CHANNELS:
        flat = w.node("Reshape", [*x, w.integers(0, shape.channels, -1)])
        return w.node("Transpose", [flat], perm=[0, 2, 1])
    return reshaped(w, op, used, x)


def shuffled(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
    (shape,) = used.inputs
    if shape.axes[0] != CHANNELS:
        raise Fault(f"{op.title} of a tensor with its channels last has no counterpart in ONNX here")
    groups = w.node("Reshape", [*x, w.integers(0, op.groups, shape.channels // op.groups, *shape.space)])
    rest = [*range(3, 3 + len(shape.space))]
    return reshaped(w, op, used, [w.node("Transpose", [groups], perm=[0, 2, 1, *rest])])


def upsampled(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
    (shape,) = used.inputs
    value, back = channels_second(w, x[0], shape)
    sizes = w.integers(w.batch, shape.channels, *used.output.space)
    mode = {"nearest": "nearest", "bicubic": "cubic"}.get(op.mode, "linear")
    way = "asymmetric" if mode == "nearest" else "align_corners" if op.align_corners else "half_pixel"
    y = w.node(
        "Resize", [value, "", "", sizes], mode=mode, coordinate_transformation_mode=way,
        nearest_mode="floor" if mode == "nearest" else None,
    )  # fmt: skip
    return w.turned(y, back)


def embedding(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
    return w.node("Gather", [w.weight("weight"), *x], axis=0)


def learned(kind: str, weight: str) -> Rule:
    """A factor or a bias of each channel."""

    def rule(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
        (shape,) = used.inputs
        behind = len(shape.axes) - places(shape)[CHANNELS]
        y = x[0]
        for name in ("weight", "bias") if weight == "both" else (weight,):
            if name not in used.weights:
                continue
            value = w.weight(name)
            if behind:
                value = w.node("Unsqueeze", [value, w.integers(*range(1, behind + 1))])
            y = w.node("Mul" if name == "weight" else "Add", [y, value])
        return y

    return rule


def positions(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
    length = used.inputs[0].size("length")
    table = w.weight("weight")
    if length != used.weights["weight"][0]:
        table = w.node("Slice", [table, w.integers(0), w.integers(length), w.integers(0)])
    return w.node("Add", [*x, table])


def class_token(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
    channels = used.inputs[0].channels
    token = w.node("Reshape", [w.weight("weight"), w.integers(1, 1, channels)])
    tokens = w.node("Expand", [token, w.integers(w.batch, 1, channels)])
    return w.node("Concat", [tokens, *x], axis=1)


def parameter(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
    if "ids" in used.buffers:
        raise Fault(f"{op.title}: fixed ids have no counterpart in ONNX here", about="learned")
    return w.node("Unsqueeze", [w.weight("weight"), w.integers(0)])


def attention(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
    """The projections, two products, and the softmax between them."""
    odd = ("past", "prepared", "window", "position_bias", "rotary", "qk_norm")
    found = [name for name in odd if getattr(op, name, None)]
    if found or len(used.inputs[0].axes) != 2:
        what = found[0] if found else "several sequences"
        raise Fault(f"{op.title} with {what} has no counterpart in ONNX here")
    asking, memory = used.inputs[0], op.memory(*used.inputs)
    biases = x[1:] if op.name == "self_attention" else []
    heads = op.heads
    head_dim = used.weights["query"][0] // heads
    groups = used.weights["key"][0] // head_dim
    value_dim = used.weights["value"][0] // groups

    def projected(name: str, value: str) -> str:
        y = w.node("MatMul", [value, w.node("Transpose", [w.weight(name)], perm=[1, 0])])
        return w.node("Add", [y, w.weight(f"{name}_bias")]) if f"{name}_bias" in used.weights else y

    def split(value: str, shape: Shape, count: int, dim: int, perm: list[int]) -> str:
        rows = w.node("Reshape", [value, w.integers(0, shape.size("length"), count, dim)])
        y = w.node("Transpose", [rows], perm=perm)
        if count == heads:
            return y
        sizes = [shape.size("length"), dim] if perm[2] == 1 else [dim, shape.size("length")]
        wide = w.node(
            "Expand",
            [w.node("Unsqueeze", [y, w.integers(2)]), w.integers(1, groups, heads // groups, *sizes)],
        )
        return w.node("Reshape", [wide, w.integers(0, heads, *sizes)])

    query = split(projected("query", x[0]), asking, heads, head_dim, [0, 2, 1, 3])
    key = split(projected("key", x[0] if biases else x[:2][-1]), memory, groups, head_dim, [0, 2, 3, 1])
    value = split(projected("value", x[0] if biases else x[-1]), memory, groups, value_dim, [0, 2, 1, 3])
    scale = head_dim**-0.5 if op.scale is None else float(op.scale)
    scores = w.node("Mul", [w.node("MatMul", [query, key]), w.real(scale)])
    if getattr(op, "causal", False):
        length = asking.size("length")
        full = w.node("Expand", [w.real(float("-inf"), 1), w.integers(length, length)])
        scores = w.node("Add", [scores, w.node("Trilu", [full, w.integers(1)], upper=1)])
    for bias in biases:
        scores = w.node("Add", [scores, bias])
    mixed = w.node("MatMul", [w.node("Softmax", [scores], axis=-1), value])
    rows = w.node("Transpose", [mixed], perm=[0, 2, 1, 3])
    joined = w.node("Reshape", [rows, w.integers(0, asking.size("length"), heads * value_dim)])
    return projected("out", joined)


def prelu(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
    slope = w.weight("weight")
    behind = len(used.inputs[0].axes) - places(used.inputs[0]).get(CHANNELS, 1)
    if op.num_parameters != 1 and behind:
        slope = w.node("Unsqueeze", [slope, w.integers(*range(1, behind + 1))])
    return w.node("PRelu", [*x, slope])


def gelu(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
    if op.approximate == "tanh":
        cube = w.node("Mul", [w.node("Mul", [x[0], x[0]]), x[0]])
        inner = w.node("Add", [x[0], w.node("Mul", [cube, w.real(0.044715)])])
        gate = w.node("Tanh", [w.node("Mul", [inner, w.real(0.7978845608)])])
    else:
        gate = w.node("Erf", [w.node("Div", [x[0], w.real(2**0.5)])])
    return w.node("Mul", [w.node("Mul", [x[0], w.node("Add", [gate, w.real(1.0)])]), w.real(0.5)])


def times(x: str, kind: str) -> Rule:
    return lambda w, op, used, inputs: w.node(kind, [*inputs, *inputs] if x == "itself" else inputs)


def response_norm(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
    if op.size % 2 == 0 or used.inputs[0].axes[0] != CHANNELS:
        raise Fault(f"{op.title} of an even size, or of channels last, has no counterpart in ONNX")
    return w.node("LRN", x, size=op.size, alpha=float(op.alpha), beta=float(op.beta), bias=float(op.k))


def group_norm(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
    """Each group is one channel of an instance norm, then the factors and biases follow."""
    (shape,) = used.inputs
    value, back = channels_second(w, x[0], shape)
    flat = w.node("Reshape", [value, w.integers(0, op.num_groups, -1)])
    ones = w.node("Expand", [w.real(1.0, 1), w.integers(op.num_groups)])
    zeros = w.node("Expand", [w.real(0.0, 1), w.integers(op.num_groups)])
    y = w.node("InstanceNormalization", [flat, ones, zeros], epsilon=float(op.eps))
    y = w.node("Reshape", [y, w.integers(0, shape.channels, *shape.space)])
    if op.affine:
        axes = w.integers(*range(1, len(shape.space) + 1))
        for kind, name in (("Mul", "weight"), ("Add", "bias")):
            y = w.node(
                kind, [y, w.node("Unsqueeze", [w.weight(name), axes]) if shape.space else w.weight(name)]
            )
    return w.turned(y, back)


def scaled(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
    """Multiplication by a number, plus a number."""
    y = w.node("Mul", [*x, w.real(float(op.factor))])
    return w.node("Add", [y, w.real(float(op.offset))]) if op.offset else str(y)


def softplus(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
    """log(1 + exp(beta * x)) / beta; the threshold beyond which it is x only keeps numbers small."""
    beta = float(op.beta)
    if beta * float(op.threshold) < 15:
        raise Fault(f"{op.title} with a low threshold has no counterpart in ONNX")
    return w.node("Div", [w.node("Softplus", [w.node("Mul", [*x, w.real(beta)])]), w.real(beta)])


def with_factor(kind: str, name: str, given: str) -> Rule:
    def rule(w: Writer, op: Any, used: Applied, x: list[str]) -> str:
        attributes: dict[str, Any] = {name: float(getattr(op, given))}
        return w.node(kind, x, **attributes)

    return rule


RULES: dict[str, Rule] = {
    "abs": times("", "Abs"),
    "add": spread("Add"),
    "affine": learned("affine", "both"),
    "avg_pool": pool("AveragePool"),
    "batch_norm": batch_norm,
    "center_crop": cropped,
    "channel_shuffle": shuffled,
    "channels_first": permuted(lambda op, x: (x.axes[-1], *x.axes[:-1])),
    "channels_last": permuted(lambda op, x: (*x.axes[1:], x.axes[0])),
    "class_token": class_token,
    "concat": concat,
    "clip": lambda w, op, used, x: w.node(
        "Clip", [*x, *("" if end is None else w.real(float(end)) for end in (op.low, op.high))]
    ),
    "conv": conv,
    "conv_transpose": conv_transpose,
    "cos": times("", "Cos"),
    "crop": cropped,
    "cross_attention": attention,
    "cumsum": lambda w, op, used, x: w.node("CumSum", [*x, w.integers(places(used.inputs[0])[op.axis])]),
    "divide": spread("Div"),
    "drop_path": times("", "Identity"),
    "dropout": times("", "Identity"),
    "elu": with_factor("Elu", "alpha", "alpha"),
    "embedding": embedding,
    "erf": times("", "Erf"),
    "exp": times("", "Exp"),
    "flatten": lambda w, op, used, x: w.node("Flatten", x, axis=1),
    "gelu": gelu,
    "global_avg_pool": everywhere("Mean"),
    "global_max_pool": everywhere("Max"),
    "group_norm": group_norm,
    "hard_sigmoid": lambda w, op, used, x: w.node("HardSigmoid", x, alpha=1 / 6, beta=0.5),
    "hard_swish": times("", "HardSwish"),
    "identity": times("", "Identity"),
    "layer_norm": last_norm("layer"),
    "layer_scale": learned("scale", "weight"),
    "leaky_relu": with_factor("LeakyRelu", "alpha", "negative_slope"),
    "linear": linear,
    "local_response_norm": response_norm,
    "matmul": lambda w, op, used, x: w.node(
        "MatMul",
        [
            x[0],
            w.node("Transpose", [x[1]], perm=_swapped(len(used.inputs[1].axes))) if op.transpose else x[1],
        ],
    ),
    "log": times("", "Log"),
    "maximum": spread("Max"),
    "minimum": spread("Min"),
    "max_pool": pool("MaxPool"),
    "mish": times("", "Mish"),
    "multiply": spread("Mul"),
    "pad": padded,
    "pad_channels": more_channels,
    "parameter": parameter,
    "permute": permuted(lambda op, x: op.axes),
    "positions": positions,
    "power": lambda w, op, used, x: w.node("Pow", [*x, w.real(float(op.exponent))]),
    "prelu": prelu,
    "reduce_max": reduced("Max"),
    "reduce_min": reduced("Min"),
    "reduce_norm": reduced("L2"),
    "reduce_sum": reduced("Sum"),
    "reduce_mean": reduced("Mean"),
    "relu": times("", "Relu"),
    "relu6": lambda w, op, used, x: w.node("Clip", [*x, w.real(0.0), w.real(6.0)]),
    "reshape": reshaped,
    "rms_norm": last_norm("rms"),
    "scale": scaled,
    "self_attention": attention,
    "selu": times("", "Selu"),
    "sigmoid": times("", "Sigmoid"),
    "silu": lambda w, op, used, x: w.node("Mul", [*x, w.node("Sigmoid", x)]),
    "sin": times("", "Sin"),
    "slice": sliced(lambda op: op.axis),
    "slice_channels": sliced(lambda op: CHANNELS),
    "softmax": lambda w, op, used, x: w.node("Softmax", x, axis=places(used.inputs[0])[op.axis]),
    "softplus": softplus,
    "sqrt": times("", "Sqrt"),
    "square": times("itself", "Mul"),
    "subtract": spread("Sub"),
    "tanh": times("", "Tanh"),
    "to_tokens": to_tokens,
    "upsample": upsampled,
}


def _each(axis: Any) -> tuple[str, ...]:
    return axis if isinstance(axis, tuple) else (axis,)


def _swapped(rank: int) -> list[int]:
    """The last two axes exchanged, the batch before them."""
    return [*range(rank - 1), rank, rank - 1]
