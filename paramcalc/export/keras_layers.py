"""Which layers of Keras each op is. Tensors have their channels last, whatever their order here."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, TypeAlias

from paramcalc.base.errors import Fault
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.engine.graph import Applied
from paramcalc.export.torch_layers import Argument, Step, Use, even, number, real

Rule: TypeAlias = Callable[[Any, Applied], Use]


def use(applied: Applied) -> Use:
    """The op as Keras has it; `Fault` where it has none."""
    op = applied.op
    family = op.title.removesuffix(f"{op.rank}d")
    if family not in RULES:
        raise Fault(f"{op.title} has no counterpart in Keras here")
    return RULES[family](op, applied)


def one(kind: str, *arguments: Argument) -> Use:
    return Use((Step(f"layers.{kind}", arguments),))


def nothing(op: Any, used: Applied) -> Use:
    """No layer: the op changes only the order of axes, which is fixed in Keras."""
    return Use(expression="{0}")


def plain(kind: str, *arguments: Argument) -> Rule:
    return lambda op, used: one(kind, *arguments)


def activation(name: str) -> Rule:
    return plain("Activation", Argument("activation", name))


def last(x: Shape) -> tuple[int, ...]:
    """Sizes with the channels behind all others."""
    return (*x.space, x.channels) if CHANNELS in x.axes else x.dims


# ------------------------------------------------------------------------------------------ windows


def margins(op: Any, used: Applied) -> tuple[tuple[int, int], ...]:
    """Zeros before and after each axis, and the zeros that a last partial window reads."""
    found = []
    for window, size in zip(op.windows(used.inputs[0]), used.output.space, strict=True):
        read = (size - 1) * window.stride + window.span
        found.append((window.before, max(window.after, read - window.size - window.before)))
    return tuple(found)


def padded(op: Any, used: Applied, step: Step) -> Use:
    ends = margins(op, used)
    if not any(map(any, ends)):
        return Use((step,))
    amounts = Argument("padding", ends[0] if op.rank == 1 else ends)
    return Use((Step(f"layers.ZeroPadding{op.rank}D", (amounts,), "pad"), step))


def convolution(op: Any, used: Applied) -> Use:
    channels = used.inputs[0].channels
    if op.connections is not None or op.padding_mode != "zeros" or len(used.inputs) > 1:
        raise Fault(
            f"{op.title} with connections, a padding mode or a computed kernel has no counterpart in Keras"
        )
    if max(op.stride) > 1 and max(op.dilation) > 1:
        raise Fault(f"{op.title} with stride and dilation has no counterpart in Keras")
    same = op.padding == "same"
    shared = (
        Argument("kernel_size", even(op.kernel_size)),
        Argument("strides", even(op.stride), 1),
        Argument("padding", "same" if same else "valid", "valid"),
        Argument("dilation_rate", even(op.dilation), 1),
        Argument("use_bias", op.bias, True),
    )
    if op.groups == channels > 1 and op.rank < 3:
        times = Argument("depth_multiplier", op.out_channels // channels, 1)
        step = Step(f"layers.DepthwiseConv{op.rank}D", (*shared, times))
    else:
        groups = Argument("groups", op.groups, 1)
        step = Step(f"layers.Conv{op.rank}D", (Argument("filters", op.out_channels), *shared, groups))
    return Use((step,)) if same else padded(op, used, step)


def transposed(op: Any, used: Applied) -> Use:
    if op.groups != 1 or any(op.output_padding) or (op.padding != "same" and any(map(any, op.padding))):
        raise Fault(f"{op.title} with groups or uneven padding has no counterpart in Keras")
    return one(
        f"Conv{op.rank}DTranspose",
        Argument("filters", op.out_channels),
        Argument("kernel_size", even(op.kernel_size)),
        Argument("strides", even(op.stride), 1),
        Argument("padding", "same" if op.padding == "same" else "valid", "valid"),
        Argument("dilation_rate", even(op.dilation), 1),
        Argument("use_bias", op.bias, True),
    )


def pooling(kind: str) -> Rule:
    """Keras pads with what a maximum passes over; a mean over padding counts its zeros as a separate layer."""

    def rule(op: Any, used: Applied) -> Use:
        if max(getattr(op, "dilation", (1,))) > 1:
            raise Fault(f"{op.title} with dilation has no counterpart in Keras")
        kernel = even(op.kernel_size)
        same = op.padding == "same"
        step = Step(
            f"layers.{kind}Pooling{op.rank}D",
            (
                Argument("pool_size", kernel),
                Argument("strides", even(op.stride or op.kernel_size), kernel),
                Argument("padding", "same" if same else "valid", "valid"),
            ),
        )
        if same:
            return Use((step,))
        if kind == "Max" and any(map(any, margins(op, used))):
            amounts = Argument("ends", margins(op, used))
            return Use((Step("PadForMax", (amounts,), "pad"), step))
        return padded(op, used, step)

    return rule


def everywhere(kind: str) -> Rule:
    def rule(op: Any, used: Applied) -> Use:
        rank = len(used.inputs[0].space)
        return one(f"Global{kind}Pooling{rank}D") if rank else nothing(op, used)

    return rule


# -------------------------------------------------------------------------------------- the others


def linear(op: Any, used: Applied) -> Use:
    (x,) = used.inputs
    step = Step("layers.Dense", (Argument("units", op.out_channels), Argument("use_bias", op.bias, True)))
    return Use((step,)) if x.axes[-1] == CHANNELS else Use((Step("layers.Flatten", (), "flat"), step))


def batch_norm(op: Any, used: Applied) -> Use:
    if not op.track_running_stats:
        raise Fault(f"{op.title} with statistics of the batch has no counterpart in Keras")
    return one("BatchNormalization", Argument("epsilon", real(op.eps), 0.001), Argument("center", op.affine, True),
               Argument("scale", op.affine, True))  # fmt: skip


def layer_norm(op: Any, used: Applied) -> Use:
    if tuple(op.axis) != (CHANNELS,):
        raise Fault(f"{op.title} over other axes than the channels has no counterpart in Keras here")
    affine = op.elementwise_affine
    return one("LayerNormalization", Argument("epsilon", real(op.eps), 0.001),
               Argument("center", affine and op.bias, True), Argument("scale", affine, True))  # fmt: skip


def rms_norm(op: Any, used: Applied) -> Use:
    if tuple(op.axis) != (CHANNELS,) or not op.elementwise_affine:
        raise Fault(f"{op.title} over other axes than the channels has no counterpart in Keras here")
    return one("RMSNormalization", Argument("epsilon", real(op.eps) if op.eps is not None else 1e-06, 1e-06))


def group_norm(op: Any, used: Applied) -> Use:
    return one("GroupNormalization", Argument("groups", op.num_groups), Argument("epsilon", real(op.eps), 0.001),
               Argument("center", op.affine, True), Argument("scale", op.affine, True))  # fmt: skip


def joined(name: str) -> Rule:
    """A sum or product; a vector of channels gets axes to spread along."""

    def rule(op: Any, used: Applied) -> Use:
        full = last(used.output)
        found = []
        for place, x in enumerate(used.inputs):
            missing = len(full) - len(x.dims)
            text = f"{{{place}}}"
            if missing:
                text = f"layers.Reshape({(*(1,) * missing, *last(x))!r})({text})"
            found.append(text)
        if len({last(x) for x in used.inputs}) == 1:
            return Use(expression=f"layers.{name}()([{{all}}])")
        call = found[0]
        for text in found[1:]:
            call = f"ops.{name.lower()}({call}, {text})"
        return Use(expression=call)

    return rule


def concatenated(op: Any, used: Applied) -> Use:
    axes = [axis for axis in used.inputs[0].axes if axis != CHANNELS]
    axis = -1 if op.axis == CHANNELS else 1 + axes.index(op.axis)
    return Use(expression=f"layers.Concatenate({'' if axis == -1 else f'axis={axis}'})([{{all}}])")


def flat(op: Any, used: Applied) -> Use:
    """With the channels first, so that the rows of the matrix behind it are as here."""
    (x,) = used.inputs
    if x.axes[0] == CHANNELS and x.space and prod(x.space) > 1 and x.channels > 1:
        rank = len(x.axes)
        turned = Step("layers.Permute", (Argument("dims", (rank, *range(1, rank))),), "first")
        return Use((turned, Step("layers.Flatten")))
    return one("Flatten")


def to_shape(op: Any, used: Applied) -> Use:
    (x,) = used.inputs
    if x.axes[0] == CHANNELS and prod(x.space) > 1 and not op.title.startswith("to_tokens"):
        raise Fault(f"{op.title} of a tensor with its channels first has no counterpart in Keras here")
    return one("Reshape", Argument("target_shape", last(used.output)))


def cut(op: Any, used: Applied) -> Use:
    from paramcalc.export.torch_layers import _starts

    x, y = used.inputs[0], used.output
    if hasattr(op, "start"):
        name = getattr(op, "axis", CHANNELS)
        starts = [op.start if axis == name else 0 for axis in x.axes]
    else:
        starts = _starts(op, x, y)
    if getattr(op, "step", 1) != 1:
        raise Fault(f"{op.title} in steps has no counterpart in Keras here")
    places = dict(zip(x.axes, zip(starts, y.dims, strict=True), strict=True))
    axes = [axis for axis in x.axes if axis != CHANNELS] + ([CHANNELS] if CHANNELS in x.axes else [])
    ranges = ", ".join(
        ":" if places[axis] == (0, x.size(axis)) else f"{places[axis][0]}:{sum(places[axis])}"
        for axis in axes
    )
    return Use(expression=f"{{0}}[:, {ranges}]")


def more(op: Any, used: Applied) -> Use:
    (x,) = used.inputs
    if getattr(op, "mode", "zeros") != "zeros":
        raise Fault(f"{op.title} of that mode has no counterpart in Keras")
    if hasattr(op, "out_channels"):
        ends = [(0, 0)] * (len(x.axes) - 1) + [(0, op.out_channels - x.channels)]
    else:
        amounts = op.padding * len(x.space) if len(op.padding) == 1 else op.padding
        ends = [*amounts, (0, 0)]
    return Use(expression=f"ops.pad({{0}}, {[(0, 0), *ends]!r})")


def upsampled(op: Any, used: Applied) -> Use:
    pairs = [*zip(used.inputs[0].space, used.output.space, strict=True)]
    if any(new % old for old, new in pairs) or op.mode not in ("nearest", "bilinear") or op.align_corners:
        raise Fault(
            f"{op.title} to sizes that are no multiples, or of that mode, has no counterpart in Keras"
        )
    scale = tuple(new // old for old, new in pairs)
    return one(f"UpSampling{len(scale)}D", Argument("size", even(scale)),
               *([Argument("interpolation", op.mode, "nearest")] if len(scale) == 2 else []))  # fmt: skip


def attention(op: Any, used: Applied) -> Use:
    odd = ("window", "position_bias", "rotary", "qk_norm", "past", "prepared", "scale")
    found = [name for name in odd if getattr(op, name, None)]
    if len(used.inputs) > len(op.inputs) - op.optional:
        found.append("a bias for each pair of positions")
    weights = used.weights
    biased = "query_bias" in weights
    head_dim = weights["query"][0] // op.heads
    kv_heads = weights["key"][0] // head_dim
    uneven = {biased} != {f"{name}_bias" in weights for name in ("key", "value", "out")}
    if found or uneven or kv_heads != op.heads or len(used.inputs[0].space) != 1:
        what = found[0] if found else "these biases, heads or axes"
        raise Fault(f"{op.title} with {what} has no counterpart in Keras")
    arguments = (
        Argument("num_heads", op.heads),
        Argument("key_dim", head_dim),
        Argument("value_dim", weights["value"][0] // kv_heads, head_dim),
        Argument("use_bias", biased, True),
    )
    kind = "Attention" if len(used.inputs) > 1 else "CausalAttention" if op.causal else "SelfAttention"
    return Use((Step(kind, arguments),))


def recurrent(kind: str) -> Rule:
    def rule(op: Any, used: Applied) -> Use:
        simple = op.num_layers == 1 and len(used.inputs) == 1 and not getattr(op, "projection", None)
        biases = 2 if kind == "GRU" and op.reset_after else 1
        if not simple or getattr(op, "peephole", False) or (op.bias and op.biases != biases):
            raise Fault(
                f"{op.title} of several layers, with states, or of two biases has no counterpart in Keras here"
            )
        arguments = [Argument("units", op.out_channels), Argument("return_sequences", not op.last, False),
                     Argument("use_bias", op.bias, True)]  # fmt: skip
        if kind == "GRU":
            arguments.append(Argument("reset_after", op.reset_after, True))
        if kind == "SimpleRNN":
            arguments.append(Argument("activation", op.activation, "tanh"))
        return Use((Step(f"{'Both' if op.bidirectional else 'layers.'}{kind}", tuple(arguments)),))

    return rule


def own(kind: str, *names: str) -> Rule:
    """A layer with weights that Keras has none for."""
    return lambda op, used: Use((Step(kind, tuple(Argument(name, getattr(op, name)) for name in names)),))


def positions(op: Any, used: Applied) -> Use:
    return Use((Step("Positions", (Argument("length", used.weights["weight"][0]),)),))


def with_number(kind: str, name: str, ours: str, default: float) -> Rule:
    return lambda op, used: one(kind, Argument(name, number(getattr(op, ours)), default))


RULES: dict[str, Rule] = {
    "add": joined("Add"),
    "affine": own("Affine", "scale"),
    "avg_pool": pooling("Average"),
    "batch_norm": batch_norm,
    "center_crop": cut,
    "channels_first": nothing,
    "channels_last": nothing,
    "class_token": own("ClassToken"),
    "concat": concatenated,
    "conv": convolution,
    "conv_transpose": transposed,
    "crop": cut,
    "cross_attention": attention,
    "drop_path": with_number("Dropout", "rate", "p", -1),
    "dropout": with_number("Dropout", "rate", "p", -1),
    "elu": with_number("ELU", "alpha", "alpha", 1),
    "embedding": lambda op, used: one(
        "Embedding", Argument("input_dim", op.vocabulary), Argument("output_dim", op.dim)
    ),
    "exp": activation("exponential"),
    "flatten": flat,
    "gelu": lambda op, used: Use(expression=f"ops.gelu({{0}}, approximate={op.approximate == 'tanh'})"),
    "global_avg_pool": everywhere("Average"),
    "global_max_pool": everywhere("Max"),
    "group_norm": group_norm,
    "gru": recurrent("GRU"),
    "hard_sigmoid": activation("hard_sigmoid"),
    "hard_swish": activation("hard_silu"),
    "identity": nothing,
    "layer_norm": layer_norm,
    "layer_scale": own("LayerScale"),
    "leaky_relu": with_number("LeakyReLU", "negative_slope", "negative_slope", 0.3),
    "linear": linear,
    "local_response_norm": lambda op, used: Use(
        (
            Step(
                "LocalResponseNorm",
                (
                    Argument("size", op.size),
                    Argument("alpha", number(op.alpha)),
                    Argument("beta", number(op.beta)),
                    Argument("k", number(op.k)),
                ),
            ),
        )
    ),
    "lstm": recurrent("LSTM"),
    "max_pool": pooling("Max"),
    "mish": activation("mish"),
    "multiply": joined("Multiply"),
    "pad": more,
    "pad_channels": more,
    "positions": positions,
    "relu": plain("ReLU"),
    "relu6": activation("relu6"),
    "reshape": to_shape,
    "rms_norm": rms_norm,
    "rnn": recurrent("SimpleRNN"),
    "scale": lambda op, used: Use(
        expression=f"{{0}} * {number(op.factor)!r}" + f" + {number(op.offset)!r}" * bool(op.offset)
    ),
    "selu": activation("selu"),
    "self_attention": attention,
    "sigmoid": activation("sigmoid"),
    "silu": activation("silu"),
    "slice": cut,
    "slice_channels": cut,
    "softmax": plain("Softmax"),
    "softplus": activation("softplus"),
    "square": lambda op, used: Use(expression="ops.square({0})"),
    "subtract": joined("Subtract"),
    "tanh": activation("tanh"),
    "to_tokens": to_shape,
    "upsample": upsampled,
}
