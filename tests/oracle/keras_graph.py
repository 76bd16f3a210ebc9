"""A graph as a Keras model: one layer for each layer, the channels last wherever there are any.

Where Keras has a layer for an op it is used; the rest is written with `keras.ops` in a `Lambda`, or as a
layer with weights of its own. Only shapes and weights matter here, values do not.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest

from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.engine.graph import Applied, Graph, Layer
from tests.tool_cases import Case, alone, record

os.environ.setdefault("KERAS_BACKEND", "tensorflow" if find_spec("tensorflow") else "torch")
keras = pytest.importorskip("keras")
layers, ops = keras.layers, keras.ops
Make = Callable[[Any, Applied], Any]


def model(graph: Graph) -> Any:
    """The model; branches that exist in training only are left out."""
    values: list[Any] = [keras.Input(last(shape), dtype=kind(shape)) for shape in graph.inputs.values()]
    inputs, made = list(values), {}
    for layer in graph.layers:
        if layer.auxiliary:
            values.append(None)
            continue
        made[layer.path] = module = made[layer.again] if layer.again else built(layer, made)
        read = [values[number] for number in layer.inputs] or inputs[:1]  # a layer of Keras reads something
        values.append(module(read[0] if len(read) == 1 else read))
        module.trainable = not layer.frozen  # once more: of the layers inside, which are made by the call
    return keras.Model(inputs, [values[number] for number in graph.outputs])


def kind(shape: Shape) -> str:
    return "float32" if CHANNELS in shape.axes else "int32"


def last(shape: Shape) -> tuple[int, ...]:
    """Sizes with the channels behind all others."""
    return (*shape.space, shape.channels) if CHANNELS in shape.axes else shape.dims


def built(layer: Layer, made: dict[str, Any]) -> Any:
    op, used = layer.op, layer.applied
    if layer.shared:
        return Tied(made[layer.shared["weight"]])
    return BUILDERS[op.title.removesuffix(f"{op.rank}d")](op, used)


class Chain(layers.Layer):
    """Layers one after the other."""

    def __init__(self, *parts: Any) -> None:
        super().__init__()
        self.parts = list(parts)

    def call(self, x: Any) -> Any:
        for part in self.parts:
            x = part(x)
        return x


class Tied(layers.Layer):
    """A linear layer without bias whose matrix is an embedding's table."""

    def __init__(self, owner: Any) -> None:
        super().__init__()
        self.owner = owner

    def call(self, x: Any) -> Any:
        return ops.matmul(x, ops.transpose(self.owner.embeddings))


class Product(layers.Layer):
    """A matrix product, of the second transposed if so asked."""

    def __init__(self, transpose: bool) -> None:
        super().__init__()
        self.transpose = transpose

    def call(self, parts: Any) -> Any:
        left, right = parts
        return ops.matmul(left, ops.swapaxes(right, -1, -2) if self.transpose else right)


class Learned(layers.Layer):
    """Weights used by a function."""

    def __init__(self, use: Callable[..., Any], *shapes: tuple[int, ...], trainable: bool = True) -> None:
        super().__init__()
        self.use = use
        self.learned = [self.add_weight(shape=shape, trainable=trainable) for shape in shapes]

    def call(self, x: Any) -> Any:
        return self.use(x, *self.learned)


def do(function: Callable[..., Any]) -> Make:
    return lambda op, used: shaped(function, used)


def shaped(function: Callable[..., Any], used: Applied) -> Any:
    return layers.Lambda(function, output_shape=last(used.output))


def to_shape(op: Any, used: Applied) -> Any:
    """Anything that keeps the elements; their order does not matter here."""
    return layers.Reshape(last(used.output))


def plain(name: str, **values: Any) -> Make:
    return lambda op, used: getattr(layers, name)(**values)


def activation(name: str) -> Make:
    return lambda op, used: layers.Activation(name)


def one(used: Applied) -> Shape:
    return used.inputs[0]


# --------------------------------------------------------------------------------- sliding windows


def margins(op: Any, used: Applied) -> list[tuple[int, int]]:
    """Zeros before and after each axis, with those that a last partial window reads (`ceil_mode`)."""
    found = []
    for window, size in zip(op.windows(one(used)), used.output.space, strict=True):
        read = (size - 1) * window.stride + window.span
        after = max(window.after, read - window.size - window.before)
        found.append((window.before, after))
    return found


def padded(op: Any, used: Applied, inner: Any) -> Any:
    ends = margins(op, used)
    if not any(end for pair in ends for end in pair):
        return inner
    padding = getattr(layers, f"ZeroPadding{op.rank}D")
    return Chain(padding(ends[0] if op.rank == 1 else tuple(ends)), inner)


def convolution(op: Any, used: Applied) -> Any:
    channels = one(used).channels
    if op.connections is not None:
        return Connected(op)
    values: dict[str, Any] = {"strides": op.stride, "dilation_rate": op.dilation, "use_bias": op.bias}
    if op.groups == channels > 1 and op.rank < 3:
        inner = getattr(layers, f"DepthwiseConv{op.rank}D")(
            op.kernel_size, depth_multiplier=op.out_channels // channels, **values
        )
    else:
        make = getattr(layers, f"Conv{op.rank}D")
        inner = make(op.out_channels, op.kernel_size, groups=op.groups, **values)
    return padded(op, used, inner)


class Connected(layers.Layer):
    """A convolution whose output channels each read some of the input channels."""

    def __init__(self, op: Any) -> None:
        super().__init__()
        self.rows = op.connections
        self.units = [layers.Conv2D(1, op.kernel_size, use_bias=op.bias) for _ in self.rows]

    def call(self, x: Any) -> Any:
        found = []
        for unit, row in zip(self.units, self.rows, strict=True):
            read = [x[..., channel : channel + 1] for channel in row]
            found.append(unit(ops.concatenate(read, axis=-1)))
        return ops.concatenate(found, axis=-1)


def transposed(op: Any, used: Applied) -> Any:
    assert op.groups == 1
    assert op.padding == ((0, 0),) * op.rank
    assert not any(op.output_padding)
    make = getattr(layers, f"Conv{op.rank}DTranspose")
    return make(op.out_channels, op.kernel_size, strides=op.stride, use_bias=op.bias)


def pooling(name: str) -> Make:
    def make(op: Any, used: Applied) -> Any:
        strides = op.stride or op.kernel_size
        inner = getattr(layers, f"{name}Pooling{op.rank}D")(op.kernel_size, strides=strides)
        return padded(op, used, inner)

    return make


def everywhere(name: str) -> Make:
    return lambda op, used: getattr(layers, f"Global{name}Pooling{len(one(used).space)}D")()


def place(shape: Shape, axis: str) -> int:
    """Where an axis is in a batch; the channels are last."""
    return -1 if axis == CHANNELS else 1 + [one for one in shape.axes if one != CHANNELS].index(axis)


def along(function: Callable[..., Any]) -> Make:
    """A function of tensors and of the op's axes."""

    def make(op: Any, used: Applied) -> Any:
        named = (op.axis,) if isinstance(op.axis, str) else op.axis
        axes = [place(one(used), axis) for axis in named]
        return shaped(lambda x: function(op, x, axes), used)

    return make


def reduced(function: Callable[..., Any]) -> Make:
    """A function along the op's axes, which stay."""
    return along(lambda op, x, axes: function(x, axis=axes[0] if len(axes) == 1 else axes, keepdims=True))


class Joined(layers.Layer):
    """A function of several tensors."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def call(self, parts: Any) -> Any:
        return self.function(*parts)


def ranged(op: Any, used: Applied) -> Any:
    axis = place(one(used), op.axis) % (len(one(used).axes) + 1)
    return shaped(lambda x: x[(slice(None),) * axis + (slice(op.start, op.stop, op.step),)], used)


def first(op: Any, used: Applied) -> Any:
    axis = place(one(used), op.axis)

    def run(x: Any) -> Any:
        values, places = ops.top_k(ops.moveaxis(x, axis, -1), op.k)
        return ops.moveaxis(places, -1, axis)[..., 0] if op.indices else ops.moveaxis(values, -1, axis)

    return shaped(run, used)


def unfolded(op: Any, used: Applied) -> Any:
    patches = shaped(
        lambda x: ops.image.extract_patches(x, op.kernel_size, op.stride, op.dilation, "valid"), used
    )
    return padded(op, used, patches)


def clipped(op: Any, used: Applied) -> Any:
    low, high = (None if end is None else float(end) for end in (op.low, op.high))
    if low is None or high is None:
        return shaped(lambda x: ops.minimum(x, high) if low is None else ops.maximum(x, low), used)
    return shaped(lambda x: ops.clip(x, low, high), used)


# ----------------------------------------------------------------------------------- normalization


def batch_norm(op: Any, used: Applied) -> Any:
    assert op.track_running_stats
    return layers.BatchNormalization(center=op.affine, scale=op.affine)


def layer_norm(op: Any, used: Applied) -> Any:
    affine = op.elementwise_affine
    return layers.LayerNormalization(center=affine and op.bias, scale=affine)


def group_norm(op: Any, used: Applied) -> Any:
    return layers.GroupNormalization(op.num_groups, center=op.affine, scale=op.affine)


def local_response_norm(op: Any, used: Applied) -> Any:
    tensorflow = pytest.importorskip("tensorflow")
    return layers.Lambda(lambda x: tensorflow.nn.local_response_normalization(x, op.size // 2))


# --------------------------------------------------------------------------------------- the others


def multiplied(op: Any, used: Applied) -> Any:
    full = last(used.output)

    class Gates(layers.Layer):
        def call(self, parts: Any) -> Any:
            first, *others = (
                ops.reshape(x, (-1, *(1,) * (len(full) + 1 - x.ndim), *x.shape[1:])) for x in parts
            )
            for other in others:
                first = ops.multiply(first, other)
            return first

    return Gates()


def cut(op: Any, used: Applied) -> Any:
    sizes = last(used.output)
    return shaped(lambda x: x[(slice(None), *(slice(0, size) for size in sizes))], used)


def more(op: Any, used: Applied) -> Any:
    pairs = [(0, new - old) for old, new in zip(last(one(used)), last(used.output), strict=True)]
    return shaped(lambda x: ops.pad(x, [(0, 0), *pairs]), used)


def upsampled(op: Any, used: Applied) -> Any:
    pairs = [*zip(one(used).space, used.output.space, strict=True)]
    assert not any(new % old for old, new in pairs)
    scale = tuple(new // old for old, new in pairs)
    if len(scale) == 2:
        return layers.UpSampling2D(scale, interpolation=op.mode)
    assert op.mode == "nearest"
    return layers.UpSampling1D(*scale) if len(scale) == 1 else layers.UpSampling3D(scale)


BEYOND_MULTIHEAD = ("value_dim", "qk_norm", "window", "position_bias", "rotary", "past", "prepared")


def attention(op: Any, used: Applied) -> Any:
    """From the first input to the last, along the positions before the channels."""
    head = used.weights["query"][0] // op.heads
    assert ("query_bias" in used.weights) is ("out_bias" in used.weights)
    assert not any(getattr(op, name, None) for name in BEYOND_MULTIHEAD)
    assert op.key_bias is None
    biased, axis = "query_bias" in used.weights, len(one(used).space)
    if op.kv_heads is None:
        inner = layers.MultiHeadAttention(op.heads, head, use_bias=biased, attention_axes=(axis,))
    else:
        assert axis == 1
        inner = layers.GroupQueryAttention(head, op.heads, op.kv_heads, use_bias=biased)

    class Attention(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.inner = inner

        def call(self, x: Any) -> Any:
            first, *others = x if isinstance(x, list) else [x]
            return self.inner(first, (others or [first])[-1], (others or [first])[0])

    return Attention()


class Named(layers.Layer):
    """A product of two tensors by the names of their axes."""

    def __init__(self, pattern: str) -> None:
        super().__init__()
        self.pattern = pattern

    def call(self, parts: Any) -> Any:
        return ops.einsum(self.pattern, *parts)


def named_axes(op: Any, used: Applied) -> Any:
    """`keras.ops.einsum`, with a letter for each name and one for the batch; of tensors as they are here."""
    names = op.names()
    letters = {name: chr(ord("a") + place) for place, name in enumerate({*names.left, *names.right})}
    left, right, output = ("z" + "".join(map(letters.get, side)) for side in names)
    return Named(f"{left},{right}->{output}")


def recurrent(name: str) -> Make:
    """A recurrent layer, one over the other; of first states Keras' own tests say enough."""

    def make(op: Any, used: Applied) -> Any:
        values: dict[str, Any] = {"use_bias": op.bias}
        if name == "GRU":
            values["reset_after"] = op.reset_after
        if name == "SimpleRNN":
            values["activation"] = op.activation
        assert not op.bias or op.biases == (2 if name == "GRU" and op.reset_after else 1)
        assert len(used.inputs) == 1
        assert not getattr(op, "projection", None)
        assert not getattr(op, "peephole", False)
        parts = []
        for place in range(op.num_layers):
            every = not (op.last and place == op.num_layers - 1)
            part = getattr(layers, name)(op.out_channels, return_sequences=every, **values)
            parts.append(layers.Bidirectional(part) if op.bidirectional else part)
        return parts[0] if len(parts) == 1 else Chain(*parts)

    return make


def convolutional_lstm(op: Any, used: Applied) -> Any:
    """The channels go behind the space and come back before it."""
    assert op.padding in ("same", ((0, 0), (0, 0)))
    inner = layers.ConvLSTM2D(
        op.out_channels, op.kernel_size, strides=op.stride, use_bias=op.bias, return_sequences=not op.last,
        padding="same" if op.padding == "same" else "valid", dilation_rate=op.dilation,
    )  # fmt: skip
    frames = layers.Reshape((one(used).size("length"), *one(used).dims[-2:], one(used).channels))
    return Chain(frames, inner, layers.Reshape(last(used.output)))


def prelu(op: Any, used: Applied) -> Any:
    space = len(one(used).space)
    return layers.PReLU(shared_axes=list(range(1, space + 1 + (op.num_parameters == 1))))


def class_token(op: Any, used: Applied) -> Any:
    def before(x: Any, token: Any) -> Any:
        return ops.concatenate([ops.broadcast_to(token, (1, 1, token.shape[-1])), x], axis=1)

    return Learned(before, (one(used).channels,))


def positions(op: Any, used: Applied) -> Any:
    length = one(used).size("length")
    return Learned(lambda x, table: x + table[:length], used.weights["weight"])


def layer_scale(op: Any, used: Applied) -> Any:
    return Learned(lambda x, factor: x * factor, (one(used).channels,))


def affine(op: Any, used: Applied) -> Any:
    channels = (one(used).channels,)
    if op.scale:
        return Learned(lambda x, factor, bias: x * factor + bias, channels, channels)
    return Learned(lambda x, bias: x + bias, channels)


def subsampled(op: Any, used: Applied) -> Any:
    channels = one(used).channels
    pool = layers.AveragePooling2D(op.kernel_size)
    return Chain(pool, Learned(lambda x, weight, bias: x * weight + bias, (channels,), (channels,)))


def distances(op: Any, used: Applied) -> Any:
    def squared(x: Any) -> Any:
        codes = ops.zeros((op.out_channels, one(used).channels))
        return ops.sum(ops.square(ops.expand_dims(x, 1) - codes), axis=-1)

    return shaped(squared, used)


def linear(op: Any, used: Applied) -> Any:
    matrix = layers.Dense(op.out_channels, use_bias=op.bias)
    return matrix if one(used).axes[-1] == CHANNELS else Chain(layers.Flatten(), matrix)


BUILDERS: dict[str, Make] = {
    "abs": lambda op, used: layers.Lambda(ops.abs),
    "add": plain("Add"),
    "affine": affine,
    "argmax": along(lambda op, x, axes: ops.argmax(x, axes[0], keepdims=op.axis != CHANNELS)),
    "avg_pool": pooling("Average"),
    "batch_norm": batch_norm,
    "center_crop": cut,
    "channel_shuffle": to_shape,
    "channels_first": to_shape,
    "channels_last": to_shape,
    "class_token": class_token,
    "clip": clipped,
    "concat": lambda op, used: layers.Concatenate(
        -1
        if op.axis == CHANNELS
        else 1 + [axis for axis in one(used).axes if axis != CHANNELS].index(op.axis)
    ),
    "conv": convolution,
    "conv_lstm": convolutional_lstm,
    "conv_transpose": transposed,
    "cos": do(ops.cos),
    "crop": cut,
    "cross_attention": attention,
    "cumsum": along(lambda op, x, axes: ops.cumsum(x, axes[0])),
    "divide": lambda op, used: Joined(ops.divide),
    "drop_path": lambda op, used: layers.Dropout(float(op.p)),
    "dropout": lambda op, used: layers.Dropout(float(op.p)),
    "einsum": named_axes,
    "elu": lambda op, used: layers.ELU(float(op.alpha)),
    "embedding": lambda op, used: layers.Embedding(op.vocabulary, op.dim),
    "erf": do(ops.erf),
    "exp": activation("exponential"),
    "flatten": plain("Flatten"),
    "flip": along(lambda op, x, axes: ops.flip(x, tuple(axes))),
    "gelu": lambda op, used: layers.Lambda(lambda x: ops.gelu(x, approximate=op.approximate == "tanh")),
    "global_avg_pool": everywhere("Average"),
    "global_max_pool": everywhere("Max"),
    "group_norm": group_norm,
    "gru": recurrent("GRU"),
    "hard_sigmoid": activation("hard_sigmoid"),
    "hard_swish": activation("hard_silu"),
    "layer_norm": layer_norm,
    "layer_scale": layer_scale,
    "leaky_relu": lambda op, used: layers.LeakyReLU(float(op.negative_slope)),
    "linear": linear,
    "local_response_norm": local_response_norm,
    "log": do(ops.log),
    "lstm": recurrent("LSTM"),
    "matmul": lambda op, used: Product(op.transpose),
    "max_pool": pooling("Max"),
    "maximum": plain("Maximum"),
    "minimum": plain("Minimum"),
    "mish": activation("mish"),
    "multiply": multiplied,
    "l2_norm": along(lambda op, x, axes: ops.normalize(x, axes[0], epsilon=float(op.eps))),
    "pad": more,
    "pad_channels": more,
    "parameter": lambda op, used: Learned(
        lambda x, weight: weight[None], last(used.output), trainable=op.learned
    ),
    "permute": to_shape,
    "pixel_shuffle": to_shape,
    "positions": positions,
    "power": lambda op, used: layers.Lambda(lambda x: ops.power(x, float(op.exponent))),
    "prelu": prelu,
    "quick_gelu": do(lambda x: x * ops.sigmoid(1.702 * x)),
    "rbf": distances,
    "reduce_max": reduced(ops.max),
    "reduce_mean": reduced(ops.mean),
    "reduce_min": reduced(ops.min),
    "reduce_norm": reduced(ops.norm),
    "reduce_sum": reduced(ops.sum),
    "relu": plain("ReLU"),
    "relu6": activation("relu6"),
    "reshape": to_shape,
    "rms_norm": plain("RMSNormalization"),
    "rnn": recurrent("SimpleRNN"),
    "roll": along(lambda op, x, axes: ops.roll(x, op.shift * (len(axes) // len(op.shift)), axes)),
    "scale": lambda op, used: layers.Lambda(lambda x: x * float(op.factor) + float(op.offset)),
    "select": along(lambda op, x, axes: ops.moveaxis(x, axes[0], 0)[op.index]),
    "self_attention": attention,
    "selu": activation("selu"),
    "sigmoid": activation("sigmoid"),
    "silu": activation("silu"),
    "sin": do(ops.sin),
    "slice": ranged,
    "slice_channels": cut,
    "softmax": plain("Softmax"),
    "softplus": activation("softplus"),
    "sqrt": do(ops.sqrt),
    "square": lambda op, used: layers.Lambda(ops.square),
    "subsample": subsampled,
    "stack_as": lambda op, used: Joined(lambda *parts: ops.stack(parts, 1)),
    "subtract": plain("Subtract"),
    "tanh": activation("tanh"),
    "tile": along(lambda op, x, axes: ops.concatenate([x] * op.times, axes[0])),
    "to_tokens": to_shape,
    "top_k": first,
    "unfold": unfolded,
    "upsample": upsampled,
}


# -------------------------------------------------------------------------------------- what it prints


def printed(graph: Graph) -> dict[str, int]:
    """The totals of `model.summary()`; with TensorFlow also its profiler's count of the frozen graph."""
    made = model(graph)
    trainable = sum(math.prod(weight.shape) for weight in made.trainable_weights)
    total = made.count_params()
    found = {"params": total, "trainable": trainable, "frozen": total - trainable}
    return found | ({"flops": float_operations(made)} if keras.backend.backend() == "tensorflow" else {})


def float_operations(made: Any) -> int:
    """`total_float_ops` of one sample, as `tf.compat.v1.profiler` has it."""
    tf = pytest.importorskip("tensorflow")
    frozen = pytest.importorskip("tensorflow.python.framework.convert_to_constants")
    specs = [tf.TensorSpec((1, *x.shape[1:]), x.dtype) for x in made.inputs]
    run = tf.function(lambda *x: made(x[0] if len(x) == 1 else list(x))).get_concrete_function(*specs)
    definition = frozen.convert_variables_to_constants_v2(run).graph.as_graph_def()
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation() | {"output": "none"}
    with tf.Graph().as_default() as graph, contextlib.redirect_stdout(io.StringIO()):
        tf.graph_util.import_graph_def(definition, name="")
        return int(tf.compat.v1.profiler.profile(graph, options=options).total_float_ops)


def of_case(case: Case) -> dict[str, int]:
    """What is printed about a network of one op."""
    if not {*case.way.split()} <= {"twice", "frozen"}:
        raise ValueError("PyTorch's ways of writing")
    return printed(alone(case))


if __name__ == "__main__":
    record("keras", keras.__version__, of_case)
