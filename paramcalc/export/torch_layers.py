"""Which module of PyTorch each op is: its class, what it is made with, how it is called.

`torch.nn` has a module for most. The others are in `torch_modules.txt`, whose text an export copies.
Weights have the names and shapes that they have here; those of attention are `weight` and `bias` of
a module with their name: `query.weight`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, NamedTuple, TypeAlias

from paramcalc.base.errors import Fault
from paramcalc.base.shape import CHANNELS, EXPERTS, SPACE, Shape
from paramcalc.base.sizes import floor_divide
from paramcalc.engine.graph import Applied, Graph
from paramcalc.ops.base import Weights

REQUIRED = object()
TABLES = {"relative_position", "position_bias", "logit_scale"}  # weights of attention that are no module's


class Argument(NamedTuple):
    """An argument of a class. A value that is the default is left out; one without a default is given by place."""

    name: str
    value: Any
    default: Any = REQUIRED


class Step(NamedTuple):
    """A module. The one without a word has the layer's name, and its weights; others add their word to it."""

    kind: str
    arguments: tuple[Argument, ...] = ()
    word: str = ""


class Use(NamedTuple):
    """An op in PyTorch: modules that run one after the other, or an expression of its inputs.

    In an expression `{0}` and `{1}` are the inputs, `{all}` all of them.
    """

    steps: tuple[Step, ...] = ()
    expression: str = ""


Rule: TypeAlias = Callable[[Any, Applied], Use]


def use(applied: Applied) -> Use:
    """The op as PyTorch has it; `Fault` where it has none."""
    op = applied.op
    family = op.title.removesuffix(f"{op.rank}d")
    if applied.mixture is not None and (applied.weights or family == "linear"):
        return expert(op, applied)
    if applied.mixture is not None and any(EXPERTS not in x.axes for x in applied.inputs):
        raise Fault(f"{op.title} of what experts read has no counterpart in PyTorch here: put it before them")
    if family not in RULES:
        raise Fault(f"{op.title} has no counterpart in PyTorch here")
    return RULES[family](op, applied)


def routed(graph: Graph) -> Graph:
    """The graph in which layers with weights of each expert read the scores that choose them, too."""
    layers = tuple(
        layer._replace(inputs=layer.reads) if layer.applied.mixture and layer.applied.weights else layer
        for layer in graph.layers
    )
    return graph._replace(layers=layers)


def expert(op: Any, used: Applied) -> Use:
    """A linear layer of each expert; it reads the scores of the router besides."""
    assert used.mixture is not None
    if op.name != "linear" or used.mixture.positions.axes[-1] != CHANNELS:
        raise Fault(f"{op.title} within experts has no counterpart in PyTorch here")
    return one(
        "ExpertLinear",
        Argument("mixture", used.mixture.stored),
        Argument("active", used.mixture.active),
        Argument("in_features", used.inputs[0].channels),
        Argument("out_features", op.out_channels),
        Argument("bias", op.bias, True),
    )


def mixed(op: Any, used: Applied) -> Use:
    if used.inputs[0].axes[-1] != CHANNELS:
        raise Fault(f"{op.title} at channels before positions has no counterpart in PyTorch here")
    return one("Mixed", Argument("active", op.active), Argument("gates", op.gates, "softmax"))


def weight_name(kind: str, weight: str) -> str:
    """Where a module keeps a weight, as a path of attributes.

    >>> weight_name("Attention", "query_bias"), weight_name("nn.Conv2d", "weight")
    ('query.bias', 'weight')
    """
    if kind == "LatentAttention":
        return f"{weight}.weight"
    if (
        kind in ("Attention", "PlacedAttention", "BiasedAttention", "WindowAttention")
        and weight not in TABLES
    ):
        return f"{weight.removesuffix('_bias')}.{'bias' if weight.endswith('_bias') else 'weight'}"
    if kind == "ConvLSTM2d":
        return f"{'hh' if weight == 'weight_hh' else 'ih'}.{weight.partition('_')[0]}"
    return weight


def one(kind: str, *arguments: Argument) -> Use:
    return Use((Step(kind, arguments),))


def plain(kind: str, *arguments: Argument) -> Rule:
    return lambda op, used: one(kind, *arguments)


def function(name: str) -> Rule:
    return plain("Function", Argument("name", name))


def channel_axis(x: Shape) -> int:
    """Where the channels are in a batch of the tensor."""
    return x.axes.index(CHANNELS) + 1


def axis_of(x: Shape, axis: str) -> int:
    return x.axes.index(axis) + 1


def number(value: Any) -> Any:
    """A number as Python has it: whole, or the nearest float."""
    return int(value) if value == int(value) else float(value)


def real(value: Any) -> float:
    return float(value)


def even(sizes: tuple[Any, ...]) -> Any:
    """One size where all axes have the same."""
    return sizes[0] if len({*sizes}) == 1 else sizes


# --------------------------------------------------------------------------------- sliding windows


def ends(op: Any, x: Shape) -> tuple[int, ...]:
    """Padding as `F.pad` takes it: the last axis first."""
    return tuple(end for window in reversed(op.windows(x)) for end in (window.before, window.after))


def symmetric(op: Any, x: Shape) -> bool:
    return all(window.before == window.after for window in op.windows(x))


def before(op: Any, x: Shape) -> tuple[int, ...]:
    return tuple(window.before for window in op.windows(x))


def padded(op: Any, x: Shape, step: Step, mode: str = "zeros", value: float = 0.0) -> Use:
    """The step behind one that pads, differently at the two ends of an axis."""
    amounts = Argument("padding", ends(op, x))
    if value:
        return Use((Step(f"nn.ConstantPad{op.rank}d", (amounts, Argument("value", value)), "pad"), step))
    kinds = {"zeros": "Zero", "reflect": "Reflection", "replicate": "Replication", "circular": "Circular"}
    return Use((Step(f"nn.{kinds[mode]}Pad{op.rank}d", (amounts,), "pad"), step))


def computed(op: Any, x: Shape) -> Use:
    """A convolution with a kernel for each sample: the samples are groups of one."""
    if op.bias or op.padding_mode != "zeros" or not symmetric(op, x):
        raise Fault(
            f"{op.title}: a computed kernel has a counterpart in PyTorch without bias and with even padding"
        )
    dims = ", ".join(map(str, (-1, floor_divide(x.channels, op.groups), *op.kernel_size)))
    settings = f"stride={even(op.stride)}, padding={even(before(op, x))}, dilation={even(op.dilation)}"
    groups = f"groups={{0}}.shape[0] * {op.groups}"
    call = f"F.conv{op.rank}d({{0}}.flatten(0, 1)[None], {{1}}.reshape({dims}), {settings}, {groups})"
    return Use(expression=f"{call}.unflatten(1, (-1, {op.out_channels}))[0]")


def convolution(op: Any, used: Applied) -> Use:
    x = used.inputs[0]
    if len(used.inputs) > 1:
        return computed(op, x)
    if op.connections is not None:
        return one("ConnectedConv2d", Argument("connections", op.connections),
                   Argument("kernel_size", op.kernel_size), Argument("bias", op.bias))  # fmt: skip
    is_even = symmetric(op, x)
    arguments = (
        Argument("in_channels", x.channels),
        Argument("out_channels", op.out_channels),
        Argument("kernel_size", even(op.kernel_size)),
        Argument("stride", even(op.stride), 1),
        Argument("padding", even(before(op, x)) if is_even else 0, 0),
        Argument("dilation", even(op.dilation), 1),
        Argument("groups", op.groups, 1),
        Argument("bias", op.bias, True),
        Argument("padding_mode", op.padding_mode if is_even else "zeros", "zeros"),
    )
    step = Step(f"nn.Conv{op.rank}d", arguments)
    return Use((step,)) if is_even else padded(op, x, step, op.padding_mode)


def transposed(op: Any, used: Applied) -> Use:
    (x,) = used.inputs
    step = Step(
        f"nn.ConvTranspose{op.rank}d",
        (
            Argument("in_channels", x.channels),
            Argument("out_channels", op.out_channels),
            Argument("kernel_size", even(op.kernel_size)),
            Argument("stride", even(op.stride), 1),
            Argument("padding", even(before(op, x)) if symmetric(op, x) else 0, 0),
            Argument("output_padding", even(op.output_padding), 0),
            Argument("groups", op.groups, 1),
            Argument("bias", op.bias, True),
            Argument("dilation", even(op.dilation), 1),
        ),
    )
    if symmetric(op, x):
        return Use((step,))
    cut = tuple(-end for end in ends(op, x))
    return Use((step, Step("Pad", (Argument("amounts", cut),), "cut")))


def maximum(op: Any, used: Applied) -> Use:
    (x,) = used.inputs
    kernel = even(op.kernel_size)
    is_even = symmetric(op, x)
    step = Step(
        f"nn.MaxPool{op.rank}d",
        (
            Argument("kernel_size", kernel),
            Argument("stride", even(op.stride or op.kernel_size), kernel),
            Argument("padding", even(before(op, x)) if is_even else 0, 0),
            Argument("dilation", even(op.dilation), 1),
            Argument("ceil_mode", op.ceil_mode, False),
        ),
    )
    return Use((step,)) if is_even else padded(op, x, step, value=float("-inf"))


def average(op: Any, used: Applied) -> Use:
    (x,) = used.inputs
    if not symmetric(op, x):
        raise Fault(f"{op.title}: PyTorch pads both ends of an axis alike", about="padding")
    counted = op.padding != "same" if op.count_include_pad is None else op.count_include_pad
    kernel, padding = even(op.kernel_size), even(before(op, x))
    return one(
        f"nn.AvgPool{op.rank}d",
        Argument("kernel_size", kernel),
        Argument("stride", even(op.stride or op.kernel_size), kernel),
        Argument("padding", padding, 0),
        Argument("ceil_mode", op.ceil_mode, False),
        Argument("count_include_pad", counted or padding == 0, True),
    )


def unpooled(op: Any, used: Applied) -> Use:
    """Unpooling, which repeats the pooling to find the places."""
    kernel = op.kernel_size[0] if op.rank == 1 else op.kernel_size
    sizes = zip(used.inputs[0].space, op.kernel_size, used.inputs[1].space, strict=True)
    mode = ", ceil_mode=True" if any(n * k > size for n, k, size in sizes) else ""
    places = f"F.max_pool{op.rank}d({{1}}, {kernel}{mode}, return_indices=True)[1]"
    return Use(expression=f"F.max_unpool{op.rank}d({{0}}, {places}, {kernel}, output_size={{1}}.shape[2:])")


def everywhere(kind: str) -> Rule:
    """Pooling of all positions: an adaptive module on images, a reduction on tokens."""

    def rule(op: Any, used: Applied) -> Use:
        (x,) = used.inputs
        if x.axes[0] == CHANNELS and len(x.space):
            pool = Step(f"nn.Adaptive{kind}Pool{len(x.space)}d", (Argument("output_size", 1),), "pool")
            return Use((pool, Step("nn.Flatten")))
        axes = tuple(axis for axis in range(1, len(x.axes) + 1) if axis != channel_axis(x))
        return one("Mean" if kind == "Avg" else "Max", Argument("axes", axes))

    return rule


def adaptive(kind: str) -> Rule:
    return lambda op, used: one(
        f"nn.Adaptive{kind}Pool{op.rank}d", Argument("output_size", even(op.output_size))
    )


def reduced(kind: str) -> Rule:
    """A reduction of the op's axes to one position."""
    return lambda op, used: one(
        kind,
        Argument("axes", tuple(axis_of(used.inputs[0], axis) for axis in op.axis)),
        Argument("keepdim", True, False),
    )


def linear(op: Any, used: Applied) -> Use:
    """A linear layer on the last axis; an image of one position is flattened first."""
    (x,) = used.inputs
    step = Step(
        "nn.Linear",
        (
            Argument("in_features", x.channels),
            Argument("out_features", op.out_channels),
            Argument("bias", op.bias, True),
        ),
    )
    return Use((step,) if x.axes[-1] == CHANNELS else (Step("nn.Flatten", (), "flat"), step))


# ----------------------------------------------------------------------------------- normalization


def between(x: Shape, step: Step, axis: int) -> Use:
    """A module that has the channels at an axis, for a tensor that has them elsewhere."""
    here, places = channel_axis(x), [*range(1, len(x.axes) + 1)]
    target = axis if axis > 0 else places[axis]
    if here == target:
        return Use((step,))
    there = [place for place in places if place != here]
    there.insert(target - 1, here)
    back = [there.index(place) + 1 for place in places]
    turn = [
        tuple(Argument(f"axis_{place}", axis) for place, axis in enumerate(order)) for order in (there, back)
    ]
    return Use((Step("Permute", turn[0], "in"), step, Step("Permute", turn[1], "out")))


def batch_norm(op: Any, used: Applied) -> Use:
    (x,) = used.inputs
    step = Step(
        f"nn.BatchNorm{max(1, len(x.space))}d",
        (
            Argument("num_features", x.channels),
            Argument("eps", real(op.eps), 1e-05),
            Argument("affine", op.affine, True),
            Argument("track_running_stats", op.track_running_stats, True),
        ),
    )
    return between(x, step, 1)


def instance_norm(op: Any, used: Applied) -> Use:
    (x,) = used.inputs
    step = Step(
        f"nn.InstanceNorm{len(x.space)}d",
        (
            Argument("num_features", x.channels),
            Argument("eps", real(op.eps), 1e-05),
            Argument("affine", op.affine, False),
            Argument("track_running_stats", op.track_running_stats, False),
        ),
    )
    return between(x, step, 1)


def group_norm(op: Any, used: Applied) -> Use:
    (x,) = used.inputs
    step = Step(
        "nn.GroupNorm",
        (
            Argument("num_groups", op.num_groups),
            Argument("num_channels", x.channels),
            Argument("eps", real(op.eps), 1e-05),
            Argument("affine", op.affine, True),
        ),
    )
    return between(x, step, 1)


def last_axes(op: Any, used: Applied, kind: str, *arguments: Argument) -> Use:
    """A normalization that PyTorch has for the last axes only."""
    (x,) = used.inputs
    named = tuple(axis for axis in x.axes if axis in op.axis)
    sizes = tuple(x.size(axis) for axis in named)
    step = Step(kind, (Argument("normalized_shape", sizes[0] if len(sizes) == 1 else sizes), *arguments))
    if x.axes[-len(named) :] == named:
        return Use((step,))
    if named != (CHANNELS,):
        raise Fault(f"{op.title}: PyTorch normalizes over the last axes", about="axis")
    return between(x, step, -1)


def layer_norm(op: Any, used: Applied) -> Use:
    return last_axes(
        op, used, "nn.LayerNorm",
        Argument("eps", real(op.eps), 1e-05),
        Argument("elementwise_affine", op.elementwise_affine, True),
        Argument("bias", op.bias, True),
    )  # fmt: skip


def rms_norm(op: Any, used: Applied) -> Use:
    return last_axes(
        op, used, "nn.RMSNorm",
        Argument("eps", None if op.eps is None else real(op.eps), None),
        Argument("elementwise_affine", op.elementwise_affine, True),
    )  # fmt: skip


# ------------------------------------------------------------------------ layout, and several inputs


def fitted(used: Applied) -> list[str]:
    """The inputs; a vector of channels gets axes to spread along."""

    def one_of(place: int, x: Shape) -> str:
        if x.axes == used.output.axes:
            return f"{{{place}}}"
        axes = ", ".join(":" if axis in x.axes else "None" for axis in used.output.axes)
        return f"{{{place}}}[:, {axes}]".replace(", :]", ", :]")

    return [one_of(place, x) for place, x in enumerate(used.inputs)]


def spread(sign: str) -> Rule:
    """An operator between tensors."""
    return lambda op, used: Use(expression=f" {sign} ".join(fitted(used)))


def spread_call(name: str) -> Rule:
    """A function of two tensors, once more for each further one."""
    return lambda op, used: Use(expression=reduce(lambda one, other: f"{name}({one}, {other})", fitted(used)))


def axes_of(op: Any, used: Applied) -> tuple[int, ...]:
    named = (op.axis,) if isinstance(op.axis, str) else op.axis
    return tuple(axis_of(used.inputs[0], axis) for axis in named)


def written(form: Callable[..., str]) -> Rule:
    """An expression of the inputs, by the op and where its axis is, or its axes are."""
    return lambda op, used: Use(expression=form(op, used, *axes_of(op, used)))


def scaled(op: Any, used: Applied) -> Use:
    """Multiplication by a number, plus a number."""
    if not op.offset:
        return one("Scale", Argument("factor", number(op.factor)))
    factor = "" if op.factor == 1 else f" * {number(op.factor)!r}"
    return Use(expression=f"{{0}}{factor} + {number(op.offset)!r}")


def ranged(op: Any, used: Applied) -> Use:
    """A range of positions; with a step, every so many."""
    if op.step == 1:
        return sliced(lambda op: op.axis)(op, used)
    (axis,) = axes_of(op, used)
    stop = "" if op.stop is None else op.stop
    return Use(expression=f"{{0}}[{':, ' * axis}{op.start}:{stop}:{op.step}]")


def named_axes(op: Any, used: Applied) -> Use:
    names = op.names()
    letters = {
        name: chr(ord("a") + place) for place, name in enumerate(dict.fromkeys(names.left + names.right))
    }
    left, right, output = ("z" + "".join(letters[name] for name in side) for side in names)
    return Use(expression=f'torch.einsum("{left},{right}->{output}", {{0}}, {{1}})')


def windows(name: str, x: Callable[[Any, Applied], Any]) -> Rule:
    """im2col and col2im, which PyTorch has for images."""

    def rule(op: Any, used: Applied) -> Use:
        each = x(op, used)
        if op.rank != 2 or any(one.before != one.after for one in each):
            raise Fault(f"{op.title}: PyTorch has it for images, padded alike at both ends of an axis")
        settings = (
            f"kernel_size={op.kernel_size}, dilation={op.dilation}, "
            f"padding={tuple(one.before for one in each)}, stride={op.stride}"
        )
        if name == "fold":
            return Use(expression=f"F.fold({{0}}.flatten(2), {op.output_size}, {settings})")
        return Use(expression=f"F.unfold({{0}}, {settings}).unflatten(2, {used.output.space})")

    return rule


def gathered(op: Any, used: Applied, axis: int) -> str:
    shape = ", ".join("-1" if place == axis else "1" for place in range(1, len(used.inputs[0].axes) + 1))
    return f"{{0}}.take_along_dim({{1}}.reshape({{0}}.shape[0], {shape}), {axis})"


def greatest(op: Any, used: Applied, axis: int) -> str:
    kept = len(used.output.axes) == len(used.inputs[0].axes)
    return f"{{0}}.argmax({axis}{', keepdim=True' if kept else ''})"


def first(op: Any, used: Applied, axis: int) -> str:
    channels = channel_axis(used.inputs[0])
    return f"{{0}}.topk({op.k}, {axis})" + (f".indices.squeeze({channels})" if op.indices else ".values")


def clipped(op: Any, used: Applied) -> Use:
    ends = {"min": op.low, "max": op.high}
    named = ", ".join(f"{name}={number(end)}" for name, end in ends.items() if end is not None)
    return Use(expression=f"{{0}}.clamp({named})")


def tiled(op: Any, used: Applied, axis: int) -> str:
    times = (str(op.times) if place == axis else "1" for place in range(len(used.inputs[0].axes) + 1))
    return f"{{0}}.repeat({', '.join(times)})"


def lp_pool(op: Any, used: Applied) -> Use:
    sizes = [size[0] if size and op.rank == 1 else size for size in (op.kernel_size, op.stride)]
    return one(
        f"nn.LPPool{op.rank}d",
        Argument("norm_type", number(op.norm_type)),
        Argument("kernel_size", sizes[0]),
        Argument("stride", sizes[1], None),
        Argument("ceil_mode", op.ceil_mode, False),
    )


def concatenated(op: Any, used: Applied) -> Use:
    return Use(expression=f"torch.cat([{{all}}], {axis_of(used.inputs[0], op.axis)})")


def sliced(axis: Callable[[Any], str]) -> Rule:
    def rule(op: Any, used: Applied) -> Use:
        name = axis(op)
        length = used.output.size(name)
        return one("Slice", Argument("axis", axis_of(used.inputs[0], name)), Argument("start", op.start),
                   Argument("length", length))  # fmt: skip

    return rule


def cut(op: Any, used: Applied) -> Use:
    """Crops: any layer that keeps a block of positions of each axis."""
    (x,) = used.inputs
    starts = _starts(op, x, used.output)
    return one(
        "Crop",
        *(
            Argument(f"range_{place}", pair)
            for place, pair in enumerate(zip(starts, used.output.dims, strict=True))
        ),
    )


def _starts(op: Any, x: Shape, y: Shape) -> list[int]:
    if not hasattr(op, "amounts"):
        return [(whole - part) // 2 for whole, part in zip(x.dims, y.dims, strict=True)]
    space = [axis for axis in x.axes if axis != CHANNELS]
    amounts = op.amounts * len(space) if len(op.amounts) == 1 else op.amounts
    first = {axis: both[0] for axis, both in zip(space, amounts, strict=True)}
    return [first.get(axis, 0) for axis in x.axes]


def more_space(op: Any, used: Applied) -> Use:
    (x,) = used.inputs
    space = [axis for axis in x.axes if axis != CHANNELS]
    amounts = op.padding * len(space) if len(op.padding) == 1 else op.padding
    margins = dict(zip(space, amounts, strict=True))
    mode = "constant" if op.mode == "zeros" else op.mode
    axes = reversed(x.axes) if mode == "constant" or x.axes[0] != CHANNELS else reversed(space)
    flat = tuple(end for axis in axes for end in margins.get(axis, (0, 0)))
    return one("Pad", Argument("amounts", flat), Argument("mode", mode, "constant"))


def more_channels(op: Any, used: Applied) -> Use:
    (x,) = used.inputs
    behind = len(x.axes) - channel_axis(x)
    return one("Pad", Argument("amounts", (*(0, 0) * behind, 0, op.out_channels - x.channels)))


def permuted(axes: Callable[[Any, Shape], tuple[str, ...]]) -> Rule:
    def rule(op: Any, used: Applied) -> Use:
        (x,) = used.inputs
        order = (axis_of(x, axis) for axis in axes(op, x))
        return one("Permute", *(Argument(f"axis_{place}", axis) for place, axis in enumerate(order)))

    return rule


def reshaped(op: Any, used: Applied) -> Use:
    return one("Reshape", *(Argument(f"size_{place}", size) for place, size in enumerate(used.output.dims)))


def to_tokens(op: Any, used: Applied) -> Use:
    (x,) = used.inputs
    if x.axes[0] != CHANNELS:
        return one("nn.Flatten", Argument("start_dim", 1, 1), Argument("end_dim", -2, -1))
    flat = Step("nn.Flatten", (Argument("start_dim", 2, 1),), "flat")
    return Use((flat, Step("Permute", (Argument("axis_0", 2), Argument("axis_1", 1)))))


def on_channels(kind: str, value: Callable[[Any], Any], name: str) -> Rule:
    """A module that has the channels first."""
    return lambda op, used: between(used.inputs[0], Step(kind, (Argument(name, value(op)),)), 1)


def upsampled(op: Any, used: Applied) -> Use:
    size = op.scale is None
    arguments = (
        Argument("size", used.output.space if size else None, None),
        Argument("scale_factor", None if size else even(op.scale), None),
        Argument("mode", op.mode, "nearest"),
        Argument("align_corners", True if op.align_corners else None, None),
    )
    x = used.inputs[0]
    return between(x, Step("nn.Upsample", arguments), 1)


def learned(kind: str) -> Rule:
    def rule(op: Any, used: Applied) -> Use:
        (x,) = used.inputs
        return one(kind, Argument("channels", x.channels), Argument("behind", len(x.axes) - channel_axis(x), 0),
                   *([Argument("scale", op.scale, True)] if kind == "Affine" else []))  # fmt: skip

    return rule


def positions(op: Any, used: Applied) -> Use:
    if op.past:
        raise Fault(f"{op.title}: a step after cached tokens has no counterpart in PyTorch", about="past")
    length, channels = used.weights["weight"]
    return one("Positions", Argument("length", length), Argument("channels", channels))


def parameter(op: Any, used: Applied) -> Use:
    if not op.learned:
        sizes = next(iter(used.buffers.values()))
        kind = "Fixed" if "weight" in used.buffers else "FixedIds"
        return one(kind, *(Argument(f"size_{place}", size) for place, size in enumerate(sizes)))
    sizes = used.weights["weight"]
    return one("Parameter", *(Argument(f"size_{place}", size) for place, size in enumerate(sizes)))


def offsets(op: Any, used: Applied) -> Use:
    numbers = (Argument(name, float(getattr(op, name) or 0), 0.0) for name in ("farthest", "log"))
    return one("Offsets", Argument("window", op.window), *numbers)


# ------------------------------------------------------------------------------ recurrence, attention


def recurrent(kind: str, name: str = "") -> Rule:
    """A recurrent layer; what it has beside PyTorch's is refused."""

    def rule(op: Any, used: Applied) -> Use:
        if op.bias and op.biases != 2:
            raise Fault(f"{op.title}: PyTorch has two biases or none", about="biases")
        if getattr(op, "peephole", False):
            raise Fault(f"{op.title}: PyTorch has no peepholes", about="peephole")
        if not getattr(op, "reset_after", True):
            raise Fault(f"{op.title}: PyTorch applies the reset gate after the product", about="reset_after")
        extra = []
        if getattr(op, "projection", None):
            extra = [Argument("proj_size", op.projection, 0)]
        if kind == "RNN":
            extra = [Argument("nonlinearity", op.activation, "tanh")]
        return one(
            kind,
            Argument("channels", used.inputs[0].channels),
            Argument("hidden", op.out_channels),
            Argument("num_layers", op.num_layers, 1),
            Argument("bidirectional", op.bidirectional, False),
            Argument("bias", op.bias, True),
            *extra,
            Argument("last", op.last, False),
        )

    return rule


def conv_lstm(op: Any, used: Applied) -> Use:
    (x,) = used.inputs[:1]
    if not symmetric(op, x) or any(size % 2 == 0 for size in op.kernel_size):
        raise Fault(f"{op.title}: PyTorch pads both ends of an axis alike", about="padding")
    return one(
        "ConvLSTM2d",
        Argument("channels", x.channels),
        Argument("hidden", op.out_channels),
        Argument("kernel_size", op.kernel_size),
        Argument("stride", op.stride),
        Argument("padding", before(op, x)),
        Argument("dilation", op.dilation),
        Argument("bias", op.bias),
        Argument("space", used.output.dims[-2:]),
        Argument("last", op.last, False),
    )


def attention(op: Any, used: Applied) -> Use:
    for name in ("past", "prepared"):
        if getattr(op, name, False):
            raise Fault(
                f"{op.title}: a step that reads cached tokens has no counterpart in PyTorch", about=name
            )
    read = used.inputs
    x, memory, values = (one.channels for one in (read[0], op.memory(*read), op.values(*read)))
    weights = used.weights
    head_dim = weights["query"][0] // op.heads
    kv_heads = weights["key"][0] // head_dim
    sizes = (
        Argument("channels", x),
        Argument("heads", op.heads),
        Argument("head_dim", head_dim),
        Argument("kv_heads", kv_heads),
        Argument("value_dim", weights["value"][0] // kv_heads),
    )
    settings = (
        Argument("memory", 0 if memory == x else memory, 0),
        Argument("values", 0 if values == memory else values, 0),
        *biases(weights),
        Argument("causal", getattr(op, "causal", False), False),
        Argument("scale", None if op.scale is None else float(op.scale), None),
    )
    rotary = getattr(op, "rotary", False)
    placed = (
        Argument("qk_norm", op.qk_norm or "", ""),
        Argument("rotary", head_dim if rotary is True else int(rotary), 0),
        Argument("theta", float(getattr(op, "theta", 10000)), 10000.0),
        Argument("window", getattr(op, "window", None) or 0, 0),
        Argument("position_bias", getattr(op, "position_bias", None) or 0, 0),
    )
    if op.name == "self_attention" and len(used.inputs) > 1:
        return one("BiasedAttention", *sizes, *settings, *placed)
    if all(argument.value == argument.default for argument in placed):
        return one("Attention", *sizes, *settings)
    return one("PlacedAttention", *sizes, *settings, *placed)


def biases(weights: Weights) -> tuple[Argument, ...]:
    return tuple(
        Argument(f"{name}_bias", f"{of}_bias" in weights, True)
        for name, of in (("qkv", "query"), ("key", "key"), ("out", "out"))
    )


def latent_attention(op: Any, used: Applied) -> Use:
    if op.past or op.absorbed:
        raise Fault(f"{op.title}: a step that reads cached tokens has no counterpart in PyTorch")
    names = ("heads", "kv_rank", "nope_dim", "rope_dim", "value_dim")
    return one(
        "LatentAttention",
        Argument("channels", used.inputs[0].channels),
        *(Argument(name, getattr(op, name)) for name in names),
        Argument("q_rank", op.q_rank or 0, 0),
        Argument("causal", op.causal, False),
        Argument("theta", float(op.theta), 10000.0),
    )


def rotary(op: Any, used: Applied) -> Use:
    return one(
        "Rotary",
        Argument("heads", op.heads),
        Argument("dim", op.dim or used.inputs[0].channels // op.heads),
        Argument("theta", float(op.theta), 10000.0),
        Argument("past", op.past, 0),
    )


def window_attention(op: Any, used: Applied) -> Use:
    return one(
        "WindowAttention",
        Argument("channels", used.inputs[0].channels),
        Argument("heads", op.heads),
        Argument("window", op.window),
        Argument("shift", op.shift, 0),
        Argument("relative_bias", op.relative_bias and len(used.inputs) == 1, True),
        Argument("cosine", op.cosine, False),
        *biases(used.weights),
    )


def with_numbers(kind: str, **defaults: tuple[str, Any]) -> Rule:
    """A module of numbers: our name of each, with PyTorch's and its default."""
    return lambda op, used: one(
        kind,
        *(Argument(name, number(getattr(op, ours)), default) for ours, (name, default) in defaults.items()),
    )


RULES: dict[str, Rule] = {
    "abs": function("abs"),
    "adaptive_avg_pool": adaptive("Avg"),
    "adaptive_max_pool": adaptive("Max"),
    "add": spread("+"),
    "affine": learned("Affine"),
    "argmax": written(greatest),
    "avg_pool": average,
    "batch_norm": batch_norm,
    "bilinear": lambda op, used: one(
        "nn.Bilinear",
        *(Argument(f"in{place}_features", x.channels) for place, x in enumerate(used.inputs, start=1)),
        Argument("out_features", op.out_channels),
        Argument("bias", op.bias, True),
    ),
    "center_crop": cut,
    "channel_shuffle": on_channels("nn.ChannelShuffle", lambda op: op.groups, "groups"),
    "channels_first": permuted(lambda op, x: (x.axes[-1], *x.axes[:-1])),
    "channels_last": permuted(lambda op, x: (*x.axes[1:], x.axes[0])),
    "class_token": lambda op, used: one("ClassToken", Argument("channels", used.inputs[0].channels)),
    "clip": clipped,
    "concat": concatenated,
    "conv": convolution,
    "conv_lstm": conv_lstm,
    "conv_transpose": transposed,
    "cos": function("cos"),
    "crop": cut,
    "cross_attention": attention,
    "cumsum": written(lambda op, used, axis: f"{{0}}.cumsum({axis})"),
    "divide": spread("/"),
    "drop_path": plain("nn.Identity"),
    "dropout": with_numbers("nn.Dropout", p=("p", 0.5)),
    "einsum": named_axes,
    "elu": with_numbers("nn.ELU", alpha=("alpha", 1)),
    "embedding": lambda op, used: one(
        "nn.Embedding", Argument("num_embeddings", op.vocabulary), Argument("embedding_dim", op.dim)
    ),
    "erf": function("erf"),
    "exp": function("exp"),
    "experts": mixed,
    "flatten": plain("nn.Flatten"),
    "flip": written(lambda op, used, *axes: f"{{0}}.flip({axes})"),
    "fold": windows("fold", lambda op, used: op.windows()),
    "gather": written(gathered),
    "gelu": lambda op, used: one("nn.GELU", Argument("approximate", op.approximate, "none")),
    "global_avg_pool": everywhere("Avg"),
    "global_max_pool": everywhere("Max"),
    "grid_sample": lambda op, used: Use(
        expression=f'F.grid_sample({{0}}, {{1}}, "{op.mode}", align_corners={op.align_corners})'
    ),
    "group_norm": group_norm,
    "gru": recurrent("GRU"),
    "hard_sigmoid": plain("nn.Hardsigmoid"),
    "hard_swish": plain("nn.Hardswish"),
    "identity": plain("nn.Identity"),
    "instance_norm": instance_norm,
    "l2_norm": written(lambda op, used, *axes: f"F.normalize({{0}}, dim={axes}, eps={float(op.eps)})"),
    "latent_attention": latent_attention,
    "layer_norm": layer_norm,
    "layer_scale": learned("LayerScale"),
    "leaky_relu": with_numbers("nn.LeakyReLU", negative_slope=("negative_slope", 0.01)),
    "linear": linear,
    "local_response_norm": lambda op, used: between(
        used.inputs[0],
        Step(
            "nn.LocalResponseNorm",
            (
                Argument("size", op.size),
                Argument("alpha", number(op.alpha), 0.0001),
                Argument("beta", number(op.beta), 0.75),
                Argument("k", number(op.k), 1),
            ),
        ),
        1,
    ),
    "log": function("log"),
    "lp_pool": lp_pool,
    "lstm": recurrent("LSTM"),
    "matmul": lambda op, used: Use(expression=f"{{0}} @ {{1}}{'.mT' if op.transpose else ''}"),
    "max_pool": maximum,
    "max_unpool": unpooled,
    "maximum": spread_call("torch.maximum"),
    "minimum": spread_call("torch.minimum"),
    "mish": plain("nn.Mish"),
    "multiply": spread("*"),
    "pad": more_space,
    "pad_channels": more_channels,
    "offsets": offsets,
    "parameter": parameter,
    "permute": permuted(lambda op, x: op.axes),
    "pixel_shuffle": on_channels("nn.PixelShuffle", lambda op: op.factor, "upscale_factor"),
    "pixel_unshuffle": on_channels("nn.PixelUnshuffle", lambda op: op.factor, "downscale_factor"),
    "positions": positions,
    "power": lambda op, used: Use(expression=f"{{0}} ** {number(op.exponent)}"),
    "quick_gelu": lambda op, used: Use(expression="{0} * torch.sigmoid(1.702 * {0})"),
    "prelu": lambda op, used: between(
        used.inputs[0], Step("nn.PReLU", (Argument("num_parameters", op.num_parameters, 1),)), 1
    ) if op.num_parameters != 1 else one("nn.PReLU"),
    "rbf": lambda op, used: one(
        "SquaredDistances", Argument("channels", used.inputs[0].channels), Argument("codes", op.out_channels)
    ),
    "reduce_max": reduced("Max"),
    "reduce_mean": reduced("Mean"),
    "reduce_min": written(lambda op, used, *axes: f"{{0}}.amin({axes}, keepdim=True)"),
    "reduce_norm": written(
        lambda op, used, *axes: f"torch.linalg.vector_norm({{0}}, dim={axes}, keepdim=True)"
    ),
    "reduce_sum": written(lambda op, used, *axes: f"{{0}}.sum({axes}, keepdim=True)"),
    "sine_positions": lambda op, used: one(
        "SinePositions",
        Argument("channels", op.channels),
        Argument("height", op.height),
        Argument("width", op.width),
        Argument("temperature", float(op.temperature), 10000.0),
    ),
    "relative_bias": lambda op, used: one(
        "RelativeBias",
        Argument("height", op.height),
        Argument("width", op.width),
        Argument("class_token", op.class_token, False),
        Argument("absolute", op.absolute, False),
        Argument("stride", op.stride, 1),
    ),
    "relu": plain("nn.ReLU"),
    "relu6": plain("nn.ReLU6"),
    "reshape": reshaped,
    "rms_norm": rms_norm,
    "rnn": recurrent("RNN"),
    "roll": written(lambda op, used, *axes: f"{{0}}.roll({op.shift * (len(axes) // len(op.shift))}, {axes})"),
    "rotary": rotary,
    "scale": scaled,
    "select": written(lambda op, used, axis: f"{{0}}.select({axis}, {op.index})"),
    "selective_scan": lambda op, used: one(
        "SelectiveScan",
        Argument("channels", used.inputs[0].channels),
        Argument("state", used.inputs[2].channels),
    ),
    "self_attention": attention,
    "selu": plain("nn.SELU"),
    "sigmoid": plain("nn.Sigmoid"),
    "silu": plain("nn.SiLU"),
    "sin": function("sin"),
    "slice": ranged,
    "slice_channels": sliced(lambda op: CHANNELS),
    "softmax": lambda op, used: one("nn.Softmax", Argument("dim", axis_of(used.inputs[0], op.axis))),
    "softplus": with_numbers("nn.Softplus", beta=("beta", 1), threshold=("threshold", 20)),
    "sqrt": function("sqrt"),
    "square": function("square"),
    "stack_as": lambda op, used: Use(expression="torch.stack([{all}], 1)"),
    "subsample": lambda op, used: one(
        "Subsample", Argument("channels", used.inputs[0].channels), Argument("kernel_size", op.kernel_size)
    ),
    "subtract": spread("-"),
    "tanh": plain("nn.Tanh"),
    "tile": written(tiled),
    "to_tokens": to_tokens,
    "top_k": written(first),
    "unfold": windows("unfold", lambda op, used: op.windows(used.inputs[0])),
    "upsample": upsampled,
    "window_attention": window_attention,
}  # fmt: skip
__all__ = ["RULES", "SPACE", "Argument", "Step", "Use", "use", "weight_name"]
