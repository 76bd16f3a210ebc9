"""A graph as a PyTorch module: one `torch.nn` module for each layer, named by its path.

Where `torch.nn` has a module for an op it is used. The rest is written as it usually is: sums and
products with operators, attention as four `nn.Linear` around `F.scaled_dot_product_attention`, learned
tokens, positions and factors as bare parameters. Permuted tensors are copied.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from operator import add, mul, sub, truediv
from typing import Any

import pytest

from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.engine.builder import Builder
from paramcalc.engine.graph import Applied, Graph, Layer
from paramcalc.ops._each import at_position

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional
Tensor = torch.Tensor
Module = torch.nn.Module


class Network(Module):
    """The network that a graph describes; branches that exist in training only are left out."""

    def __init__(self, graph: Graph, writing: str = "") -> None:
        super().__init__()
        self.first = len(graph.inputs)
        self.kept = [
            (self.first + place, layer) for place, layer in enumerate(graph.layers) if not layer.auxiliary
        ]
        self.results = graph.outputs
        self.names = list(graph.inputs)
        self.module_of = {layer.path: key(layer.again or layer.path) for _, layer in self.kept}
        for _, layer in self.kept:
            if not layer.again:
                self.add_module(key(layer.path), built(layer, writing))
        for _, layer in self.kept:
            self._share(layer)

    def forward(self, *inputs: Tensor, **named: Tensor) -> Any:
        values = dict(enumerate(inputs or [named[name] for name in self.names]))
        for place, layer in self.kept:
            module = self.at(layer.path)
            run = module if layer.inputs else module.forward  # a bare parameter is the output of no module
            values[place] = run(*(values[number] for number in layer.reads))
        found = [values[number] for number in self.results]
        return found[0] if len(found) == 1 else found

    def at(self, path: str) -> Any:
        """The module of the layer at a path; layers that are one layer used again have one module."""
        return self._modules[self.module_of[path]]

    def _share(self, layer: Layer) -> None:
        module = self.at(layer.path)
        for name, owner in ({} if layer.again else layer.shared).items():
            setattr(*place(module, name), getattr(*place(self.at(owner), name)))
        if layer.frozen:
            for parameter in module.parameters():
                parameter.requires_grad = False


def key(path: str) -> str:
    """A path as a module's name, in which dots and slashes have a meaning to some tools."""
    return path.replace("/", "__").replace(".", "_")


def network(graph: Graph, writing: str = "") -> Any:
    """The module in evaluation mode; `writing` is one of `WRITINGS`, or '' for the usual one."""
    return Network(graph, writing).eval()


def arguments(graph: Graph, batch: int = 1) -> dict[str, Any]:
    """Inputs by name: zeros, whole numbers where the shape has no channels (token ids)."""
    return {
        name: torch.zeros(
            (batch, *shape.dims), dtype=torch.float32 if CHANNELS in shape.axes else torch.int64
        )
        for name, shape in graph.inputs.items()
    }


def place(module: Any, name: str) -> tuple[Any, str]:
    """Where a module keeps the weight that the layer calls `name`."""
    if hasattr(module, "homes"):
        return module.homes(name)  # type: ignore[no-any-return]
    return module, name


def built(layer: Layer, writing: str = "") -> Any:
    """The module for one layer."""
    op, rank = layer.op, layer.op.rank
    family = op.title.removesuffix(f"{rank}d")
    builders = BUILDERS | WRITINGS.get(writing, {})
    if layer.applied.mixture is not None:
        return EachExpert(builders[family], layer.applied)
    return builders[family](op, layer.applied)


# ------------------------------------------------------------------------------------- small modules


class Do(Module):
    """A function of tensors, without parameters."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs)


class Along(Module):
    """A module that works on the channels at another place than where the tensor has them."""

    def __init__(self, inner: Any, source: int, target: int) -> None:
        super().__init__()
        self.inner, self.source, self.target = inner, source, target

    def homes(self, name: str) -> tuple[Any, str]:
        return place(self.inner, name)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x.movedim(self.source, self.target)).movedim(self.target, self.source)


class Behind(Module):
    """A module behind another that has no parameters."""

    def __init__(self, before: Any, inner: Any) -> None:
        super().__init__()
        self.before, self.inner = before, inner

    def homes(self, name: str) -> tuple[Any, str]:
        return place(self.inner, name)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(self.before(x))


class Padded(Module):
    """A sliding window over an input that is padded first, differently at its two ends."""

    def __init__(self, inner: Any, ends: list[int], value: float = 0.0, mode: str = "constant") -> None:
        super().__init__()
        self.inner, self.ends, self.value, self.mode = inner, ends, value, mode

    def homes(self, name: str) -> tuple[Any, str]:
        return self.inner, name

    def forward(self, x: Tensor) -> Tensor:
        constant = {"value": self.value} if self.mode == "constant" else {}
        return self.inner(F.pad(x, self.ends, self.mode, **constant))


class Bare(Module):
    """Parameters used by an operator: no tool sees the work, and not each the parameters.

    They are not called weight or bias, as they are not in real networks (`cls_token`, `pos_embedding`).
    """

    def __init__(self, use: Callable[..., Any], **shapes: tuple[int, ...]) -> None:
        super().__init__()
        self.use, self.names = use, {name: f"learned_{place}" for place, name in enumerate(shapes)}
        for name, shape in shapes.items():
            self.register_parameter(self.names[name], nn.Parameter(torch.zeros(shape)))

    def homes(self, name: str) -> tuple[Any, str]:
        return self, self.names[name]

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.use(*inputs, *(self._parameters[name] for name in self.names.values()))


class Stored(Module):
    """A buffer, as a batch of one."""

    def __init__(self, **shapes: tuple[int, ...]) -> None:
        super().__init__()
        ((self.name, shape),) = shapes.items()
        self.register_buffer(self.name, torch.zeros(shape))

    def forward(self) -> Tensor:
        kept = getattr(self, self.name)[None]
        return kept.long() if self.name == "ids" else kept


class EachExpert(Module):
    """A module for each expert, called with the rows of the positions that it is chosen for.

    They are chosen in turns: by whom the work is done does not matter to counts, but some tools leave out
    modules that are never called, and no size may depend on a value.
    """

    def __init__(self, make: Callable[[Any, Applied], Any], used: Applied) -> None:
        super().__init__()
        assert used.mixture is not None
        self.active, self.channels = used.mixture.active, used.output.channels
        alone = Builder().apply(used.op, tuple(map(at_position, used.inputs)))
        self.experts = nn.ModuleList(make(used.op, alone) for _ in range(used.mixture.stored))

    def homes(self, name: str) -> tuple[Any, str]:
        raise NotImplementedError("experts that share weights")

    def forward(self, *inputs: Tensor) -> Tensor:
        """Inputs are N x positions x channels, or x active experts x channels; the scores are the last."""
        *parts, scores = inputs
        rows = [
            part.flatten(0, -3)
            if part.ndim > scores.ndim
            else part.unsqueeze(-2).expand(*part.shape[:-1], self.active, part.shape[-1]).flatten(0, -3)
            for part in parts
        ]
        size = scores.shape[:-1].numel() * self.active
        y = scores.new_zeros(size, self.channels)
        for number, expert in enumerate(self.experts):
            chosen = torch.arange(number, size, len(self.experts), device=scores.device)
            y[chosen] = expert(*(row.flatten(0, 1)[chosen] for row in rows))
        return y.reshape(*scores.shape[:-1], self.active, self.channels)


def experts(op: Any, used: Applied) -> Any:
    """The outputs of the chosen experts, weighted and added up; the positions lie before the channels."""

    def mixed(scores: Tensor, outputs: Tensor) -> Tensor:
        gates = scores.topk(op.active)[0]
        if op.gates == "softmax":
            gates = F.softmax(gates, -1)
        elif op.gates == "sum":
            gates = gates / gates.sum(-1, keepdim=True)
        return (gates.unsqueeze(-1) * outputs).sum(-2)

    return Do(mixed)


def plain(name: str, **fixed: Any) -> Callable[[Any, Applied], Any]:
    """A module of `torch.nn` that needs nothing from the layer."""
    return lambda op, used: getattr(nn, name)(**fixed)


def do(function: Callable[..., Any]) -> Callable[[Any, Applied], Any]:
    return lambda op, used: Do(function)


def one(used: Applied) -> Shape:
    return used.inputs[0]


def channel_axis(x: Shape) -> int:
    """Where the channels are in a batch of the tensor."""
    return x.axes.index(CHANNELS) + 1


# --------------------------------------------------------------------------------- sliding windows


def even(op: Any, x: Shape) -> bool:
    return all(window.before == window.after for window in op.windows(x))


def ends(op: Any, x: Shape) -> list[int]:
    """Padding as `F.pad` takes it: the last axis first."""
    return [end for window in reversed(op.windows(x)) for end in (window.before, window.after)]


def convolution(op: Any, used: Applied) -> Any:
    x, rank = one(used), op.rank
    if len(used.inputs) > 1:
        return computed(op)
    if op.connections is not None:
        return Connected(op)
    values: dict[str, Any] = {
        "stride": op.stride,
        "dilation": op.dilation,
        "groups": op.groups,
        "bias": op.bias,
    }
    make = getattr(nn, f"Conv{rank}d")
    if even(op, x):
        padding = tuple(window.before for window in op.windows(x))
        return make(
            x.channels,
            op.out_channels,
            op.kernel_size,
            padding=padding,
            padding_mode=op.padding_mode,
            **values,
        )
    mode = "constant" if op.padding_mode == "zeros" else op.padding_mode
    return Padded(make(x.channels, op.out_channels, op.kernel_size, **values), ends(op, x), mode=mode)


class Connected(Module):
    """A convolution whose output channels each read some of the input channels."""

    def __init__(self, op: Any) -> None:
        super().__init__()
        make = getattr(nn, f"Conv{op.rank}d")
        self.rows = op.connections
        self.units = nn.ModuleList(make(len(row), 1, op.kernel_size, bias=op.bias) for row in self.rows)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([unit(x[:, list(row)]) for unit, row in zip(self.units, self.rows, strict=True)], 1)


def transposed(op: Any, used: Applied) -> Any:
    x = one(used)
    assert even(op, x), "PyTorch pads both ends alike"
    return getattr(nn, f"ConvTranspose{op.rank}d")(
        x.channels,
        op.out_channels,
        op.kernel_size,
        op.stride,
        tuple(window.before for window in op.windows(x)),
        op.output_padding,
        op.groups,
        op.bias,
        op.dilation,
    )


def maximum(op: Any, used: Applied) -> Any:
    make, x = getattr(nn, f"MaxPool{op.rank}d"), one(used)
    values = {"stride": op.stride, "dilation": op.dilation, "ceil_mode": op.ceil_mode}
    if even(op, x):
        return make(op.kernel_size, padding=tuple(window.before for window in op.windows(x)), **values)
    return Padded(make(op.kernel_size, **values), ends(op, x), value=float("-inf"))


def average(op: Any, used: Applied) -> Any:
    x = one(used)
    counted = op.padding != "same" if op.count_include_pad is None else op.count_include_pad
    assert even(op, x), "PyTorch pads both ends alike"
    padding = tuple(window.before for window in op.windows(x))
    make = getattr(nn, f"AvgPool{op.rank}d")
    if op.rank == 1:
        padding = padding[0]
    return make(op.kernel_size, op.stride, padding, ceil_mode=op.ceil_mode, count_include_pad=counted)


def unpooled(op: Any, used: Applied) -> Any:
    """At the first place of each window, as tools see the shapes alone; a network has the places of its pooling."""
    pool, back = getattr(F, f"max_pool{op.rank}d"), getattr(F, f"max_unpool{op.rank}d")
    falling = -torch.arange(float(math.prod(used.inputs[1].space)), device="cpu").reshape(
        1, 1, *used.inputs[1].space
    )
    ends = [
        n * k > size
        for n, k, size in zip(used.inputs[0].space, op.kernel_size, used.inputs[1].space, strict=True)
    ]
    places = pool(falling, op.kernel_size, ceil_mode=any(ends), return_indices=True)[1]
    return Do(
        lambda values, features: back(
            values,
            places.to(values.device).expand(1, *used.inputs[0].dims),
            op.kernel_size,
            output_size=[int(size) for size in used.inputs[1].space],
        )
    )


def everywhere(kind: str) -> Callable[[Any, Applied], Any]:
    """Pooling of all positions: an adaptive module on images, a reduction on tokens."""

    def make(op: Any, used: Applied) -> Any:
        x = one(used)
        if x.axes[0] == CHANNELS:
            return nn.Sequential(getattr(nn, f"Adaptive{kind}Pool{len(x.space)}d")(1), nn.Flatten())
        axes = [axis for axis in range(1, len(x.axes) + 1) if axis != channel_axis(x)]
        return Do(lambda y: y.mean(axes) if kind == "Avg" else y.amax(axes))

    return make


def axes_of(op: Any, used: Applied) -> tuple[int, ...]:
    """Where the op's axis is, or its axes are, in a batch of its first input."""
    named = (op.axis,) if isinstance(op.axis, str) else op.axis
    return tuple(one(used).axes.index(axis) + 1 for axis in named)


def along(function: Callable[..., Tensor]) -> Callable[[Any, Applied], Any]:
    """A function of tensors and of the op's axes."""

    def make(op: Any, used: Applied) -> Any:
        axes = axes_of(op, used)
        return Do(lambda *parts: function(op, *parts, axes))

    return make


def reduced(function: Callable[[Tensor, tuple[int, ...]], Tensor]) -> Callable[[Any, Applied], Any]:
    """A function that leaves one position along the op's axes."""
    return along(lambda op, x, axes: function(x, axes))


def computed(op: Any) -> Any:
    """A convolution whose kernels are computed: samples are groups of one."""

    padding = tuple(before for before, _ in op.padding)

    def run(x: Tensor, weight: Tensor, *bias: Tensor) -> Tensor:
        kernels = weight.reshape(-1, x.shape[1] // op.groups, *op.kernel_size)
        shift = bias[0].repeat(len(x)) if bias else None
        y = getattr(F, f"conv{op.rank}d")(
            x.flatten(0, 1)[None], kernels, shift, op.stride, padding, op.dilation, len(x) * op.groups
        )
        return y.unflatten(1, (-1, op.out_channels))[0]

    return Bare(run, **({"bias": (op.out_channels,)} if op.bias else {}))


class DeformConv(Module):
    """The module of torchvision."""

    def __init__(self, op: Any, used: Applied) -> None:
        super().__init__()
        kind = pytest.importorskip("torchvision").ops.DeformConv2d
        padding = tuple(window.before for window in op.windows(one(used)))
        self.inner = kind(
            one(used).channels, op.out_channels, op.kernel_size, op.stride, padding, op.dilation,
            op.groups, op.bias,
        )  # fmt: skip

    def homes(self, name: str) -> tuple[Any, str]:
        return self.inner, name

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.inner(*inputs)


def local(op: Any, used: Applied) -> Any:
    """As it is usually written: windows times weights, summed up."""
    x, ranks = one(used), range(op.rank)
    flat = [end for window in reversed(op.windows(x)) for end in (window.before, window.after)]

    def run(y: Tensor, weight: Tensor, *bias: Tensor) -> Tensor:
        y = F.pad(y, flat)
        for axis in ranks:
            y = y.unfold(2 + axis, op.kernel_size[axis], op.stride[axis])
        order = (op.rank, op.rank + 1, *ranks, *(op.rank + 2 + axis for axis in ranks))
        products = y[:, None] * weight.permute(order)
        found = products.sum((2, *(3 + op.rank + axis for axis in ranks)))
        return found + bias[0].movedim(-1, 0) if bias else found

    return Bare(run, **used.weights)


def folded(op: Any, used: Applied) -> Any:
    assert op.rank == 2
    padding = tuple(window.before for window in op.windows())
    inner = nn.Fold(op.output_size, op.kernel_size, op.dilation, padding, op.stride)
    return Behind(Do(lambda x: x.flatten(2)), inner)


def unfolded(op: Any, used: Applied) -> Any:
    assert op.rank == 2
    padding = tuple(window.before for window in op.windows(one(used)))
    inner = nn.Unfold(op.kernel_size, op.dilation, padding, op.stride)
    return nn.Sequential(inner, nn.Unflatten(2, used.output.space))


def selective_scan(op: Any, used: Applied) -> Any:
    """As it is usually written: everything discretized, then step by step."""

    def run(x: Tensor, delta: Tensor, b: Tensor, c: Tensor, a_log: Tensor, d: Tensor) -> Tensor:
        rates = torch.exp(delta[..., None] * -torch.exp(a_log))
        entering = delta[..., None] * b[:, :, None] * x[..., None]
        h, found = torch.zeros_like(rates[:, 0]), []
        for step in range(x.shape[1]):
            h = rates[:, step] * h + entering[:, step]
            found.append(torch.matmul(h, c[:, step, :, None])[..., 0])
        return torch.stack(found, 1) + x * d

    return Bare(run, **used.weights)


def named_axes(op: Any, used: Applied) -> Any:
    """`torch.einsum`, with a letter for each name and one for the batch."""
    names = op.names()
    letters = {name: chr(ord("a") + place) for place, name in enumerate({*names.left, *names.right})}
    left, right, output = ("z" + "".join(map(letters.get, side)) for side in names)
    return Do(lambda x, y: torch.einsum(f"{left},{right}->{output}", x, y))


def ranged(op: Any, used: Applied) -> Any:
    ends = slice(op.start, op.stop, op.step)
    (axis,) = axes_of(op, used)
    return Do(lambda x: x[(slice(None),) * axis + (ends,)])


def gathered(op: Any, x: Tensor, ids: Tensor, axes: tuple[int, ...]) -> Tensor:
    shape = [len(x), *(-1 if place == axes[0] else 1 for place in range(1, x.ndim))]
    return x.take_along_dim(ids.reshape(shape), axes[0])


def greatest(op: Any, used: Applied) -> Any:
    (axis,) = axes_of(op, used)
    return Do(lambda x: x.argmax(axis, keepdim=len(used.output.axes) == len(one(used).axes)))


def first(op: Any, x: Tensor, axes: tuple[int, ...]) -> Tensor:
    values, places = x.topk(op.k, axes[0])
    return places.squeeze(-1) if op.indices else values


def subsampled(op: Any, used: Applied) -> Any:
    """The sum under each window by average pooling that divides by one, times and plus what is learned."""
    channels = one(used).channels
    affine = Bare(lambda y, weight, bias: y * weight + bias, weight=(channels, 1, 1), bias=(channels, 1, 1))
    return Behind(nn.AvgPool2d(op.kernel_size, divisor_override=1), affine)


def linear(op: Any, used: Applied) -> Any:
    """On the last axis; an image of one position is flattened first."""
    x = one(used)
    matrix = nn.Linear(x.channels, op.out_channels, bias=op.bias)
    return matrix if x.axes[-1] == CHANNELS else Behind(nn.Flatten(), matrix)


# ----------------------------------------------------------------------------------- normalization


def batch_norm(op: Any, used: Applied) -> Any:
    x = one(used)
    make = getattr(nn, f"BatchNorm{max(1, len(x.space))}d")
    inner = make(x.channels, eps=float(op.eps), affine=op.affine, track_running_stats=op.track_running_stats)
    return inner if channel_axis(x) == 1 else Along(inner, channel_axis(x), 1)


def instance_norm(op: Any, used: Applied) -> Any:
    x = one(used)
    make = getattr(nn, f"InstanceNorm{len(x.space)}d")
    inner = make(x.channels, eps=float(op.eps), affine=op.affine, track_running_stats=op.track_running_stats)
    return inner if channel_axis(x) == 1 else Along(inner, channel_axis(x), 1)


def group_norm(op: Any, used: Applied) -> Any:
    x = one(used)
    inner = nn.GroupNorm(op.num_groups, x.channels, eps=float(op.eps), affine=op.affine)
    return inner if channel_axis(x) == 1 else Along(inner, channel_axis(x), 1)


def last_axes(make: Callable[[Any, list[int]], Any]) -> Callable[[Any, Applied], Any]:
    """A normalization that PyTorch has for the last axes only."""

    def module(op: Any, used: Applied) -> Any:
        x = one(used)
        sizes = [x.size(axis) for axis in x.axes if axis in op.axis]
        inner = make(op, sizes)
        if x.axes[-len(sizes) :] == tuple(axis for axis in x.axes if axis in op.axis):
            return inner
        assert tuple(op.axis) == (CHANNELS,)
        return Along(inner, channel_axis(x), -1)

    return module


def layer_norm(op: Any, sizes: list[int]) -> Any:
    return nn.LayerNorm(sizes, eps=float(op.eps), elementwise_affine=op.elementwise_affine, bias=op.bias)


def rms_norm(op: Any, sizes: list[int]) -> Any:
    return nn.RMSNorm(sizes, None if op.eps is None else float(op.eps), op.elementwise_affine)


def softmax(op: Any, used: Applied) -> Any:
    return nn.Softmax(one(used).axes.index(op.axis) + 1)


# --------------------------------------------------------------------------- layout, and two inputs


def concatenated(op: Any, used: Applied) -> Any:
    axis = one(used).axes.index(op.axis) + 1
    return Do(lambda *parts: torch.cat(parts, axis))


def spread(operator: Callable[[Any, Any], Any]) -> Callable[[Any, Applied], Any]:
    """An operator between tensors, vectors of channels with axes to broadcast by."""

    def make(op: Any, used: Applied) -> Any:
        full = used.output

        def fitted(x: Tensor, shape: Shape) -> Tensor:
            if shape.axes == full.axes:
                return x
            return x.reshape([len(x), *(-1 if axis == CHANNELS else 1 for axis in full.axes)])

        return Do(lambda *parts: reduce(operator, map(fitted, parts, used.inputs)))

    return make


def sliced(axis: Callable[[Any], str]) -> Callable[[Any, Applied], Any]:
    def make(op: Any, used: Applied) -> Any:
        x = one(used)
        dim = x.axes.index(axis(op)) + 1
        length = used.output.size(axis(op))
        return Do(lambda y: y.narrow(dim, op.start, length))

    return make


def cut(op: Any, used: Applied) -> Any:
    """Crops: any layer that keeps a block of positions of each axis."""
    x, y = one(used), used.output
    starts = _starts(op, x, y)
    return Do(
        lambda tensor: tensor[
            (slice(None), *(slice(a, a + size) for a, size in zip(starts, y.dims, strict=True)))
        ]
    )


def _starts(op: Any, x: Shape, y: Shape) -> list[int]:
    if not hasattr(op, "amounts"):
        return [(whole - part) // 2 for whole, part in zip(x.dims, y.dims, strict=True)]
    space = [axis for axis in x.axes if axis != CHANNELS]
    amounts = op.amounts * len(space) if len(op.amounts) == 1 else op.amounts
    before = {axis: ends[0] for axis, ends in zip(space, amounts, strict=True)}
    return [before.get(axis, 0) for axis in x.axes]


def padded(op: Any, used: Applied) -> Any:
    x = one(used)
    space = [axis for axis in x.axes if axis != CHANNELS]
    amounts = op.padding * len(space) if len(op.padding) == 1 else op.padding
    margins = dict(zip(space, amounts, strict=True))
    flat = [end for axis in reversed(x.axes) for end in margins.get(axis, (0, 0))]
    mode = "constant" if op.mode == "zeros" else op.mode
    return Do(lambda y: F.pad(y, flat if mode == "constant" else flat[: 2 * len(space)], mode))


def more_channels(op: Any, used: Applied) -> Any:
    x = one(used)
    behind = len(x.axes) - channel_axis(x)
    amounts = [0, 0] * behind + [0, op.out_channels - x.channels]
    return Do(lambda y: F.pad(y, amounts))


def permuted(axes: Callable[[Any, Shape], tuple[str, ...]]) -> Callable[[Any, Applied], Any]:
    def make(op: Any, used: Applied) -> Any:
        x = one(used)
        order = [x.axes.index(axis) + 1 for axis in axes(op, x)]
        return Do(lambda y: y.permute(0, *order).contiguous())

    return make


def tokens(op: Any, used: Applied) -> Any:
    if one(used).axes[0] == CHANNELS:
        return Do(lambda x: x.flatten(2).transpose(1, 2).contiguous())
    return Do(lambda x: x.flatten(1, -2))


def reshaped(op: Any, used: Applied) -> Any:
    return Do(lambda x: x.reshape(len(x), *used.output.dims))


def shuffled(op: Any, used: Applied) -> Any:
    inner = nn.ChannelShuffle(op.groups)
    axis = channel_axis(one(used))
    return inner if axis == 1 else Along(inner, axis, 1)


def pixels(name: str) -> Callable[[Any, Applied], Any]:
    def make(op: Any, used: Applied) -> Any:
        inner = getattr(nn, name)(op.factor)
        axis = channel_axis(one(used))
        return inner if axis == 1 else Along(inner, axis, 1)

    return make


def upsampled(op: Any, used: Applied) -> Any:
    corners = {} if op.mode == "nearest" else {"align_corners": op.align_corners}
    if op.scale is not None:
        scale = op.scale[0] if len(op.scale) == 1 else op.scale
        return nn.Upsample(scale_factor=scale, mode=op.mode, **corners)
    return nn.Upsample(size=used.output.space, mode=op.mode, **corners)


def distances(op: Any, used: Applied) -> Any:
    class Codes(Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("codes", torch.zeros(op.out_channels, one(used).channels))

        def forward(self, x: Tensor) -> Tensor:
            return ((x[:, None] - self.codes) ** 2).sum(-1)

    return Codes()


def class_token(op: Any, used: Applied) -> Any:
    def before(x: Tensor, token: Tensor) -> Tensor:
        return torch.cat([token.expand(len(x), 1, -1), x], 1)

    return Bare(before, weight=(one(used).channels,))


def positions(op: Any, used: Applied) -> Any:
    length = one(used).size("length")
    return Bare(lambda x, table: x + table[:length], weight=used.weights["weight"])


def layer_scale(op: Any, used: Applied) -> Any:
    x = one(used)
    behind = len(x.axes) - channel_axis(x)
    return Bare(lambda y, factor: y * factor, weight=(x.channels, *(1,) * behind))


def affine(op: Any, used: Applied) -> Any:
    x = one(used)
    each = (x.channels, *(1,) * (len(x.axes) - channel_axis(x)))
    rule = (lambda y, factor, bias: y * factor + bias) if op.scale else (lambda y, bias: y + bias)
    return Bare(rule, **dict.fromkeys(used.weights, each))


# --------------------------------------------------------------------------------------- recurrence


class Recurrent(Module):
    """A recurrent layer of `torch.nn`; sequences side by side are a larger batch."""

    def __init__(self, kind: Any, op: Any, used: Applied, **values: Any) -> None:
        super().__init__()
        if op.bias and op.biases != 2:
            raise ValueError("torch.nn has two biases or none")
        values |= {"num_layers": op.num_layers, "bidirectional": op.bidirectional, "bias": op.bias}
        self.inner = kind(one(used).channels, op.out_channels, batch_first=True, **values)
        self.last, self.ends = op.last, 1 + op.bidirectional

    def homes(self, name: str) -> tuple[Any, str]:
        return self.inner, name

    def forward(self, x: Tensor, *states: Tensor) -> Tensor:
        rows = x.reshape(-1, *x.shape[-2:])
        first = [state.reshape(len(x), -1, state.shape[-1]).transpose(0, 1).contiguous() for state in states]
        y, ended = self.inner(rows, *([tuple(first) if len(first) > 1 else first[0]] if first else []))
        if not self.last:
            return y.reshape(*x.shape[:-1], -1)
        ended = ended[0] if isinstance(ended, tuple) else ended
        return torch.cat([*ended[-self.ends :]], -1).reshape(*x.shape[:-2], -1)


class ConvLstm(Module):
    """As it is usually written: convolutions of the token and of the state, step by step."""

    def __init__(self, op: Any, used: Applied) -> None:
        super().__init__()
        if not even(op, one(used)) or any(size % 2 == 0 for size in op.kernel_size):
            raise ValueError("PyTorch pads both ends alike")
        padding = tuple(window.before for window in op.windows(one(used)))
        kept = tuple(size // 2 for size in op.kernel_size)
        rows, self.last = 4 * op.out_channels, op.last
        self.ih = nn.Conv2d(
            one(used).channels, rows, op.kernel_size, op.stride, padding, op.dilation, bias=op.bias
        )
        self.hh = nn.Conv2d(op.out_channels, rows, op.kernel_size, padding=kept, bias=False)
        self.space = used.output.dims[-3:]

    def homes(self, name: str) -> tuple[Any, str]:
        return (self.hh if name == "weight_hh" else self.ih), name.partition("_")[0]

    def forward(self, x: Tensor) -> Tensor:
        h = c = torch.zeros((len(x), *self.space), device=x.device)
        found = []
        for step in range(x.shape[1]):
            i, f, g, o = (self.ih(x[:, step]) + self.hh(h)).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            found.append(h)
        return h if self.last else torch.stack(found, 1)


def lstm(op: Any, used: Applied) -> Any:
    if op.peephole:
        raise ValueError("torch.nn has no peepholes")
    return Recurrent(nn.LSTM, op, used, **({"proj_size": op.projection} if op.projection else {}))


def gru(op: Any, used: Applied) -> Any:
    if not op.reset_after:
        raise ValueError("torch.nn applies the reset gate after the product")
    return Recurrent(nn.GRU, op, used)


# --------------------------------------------------------------------------------------- attention


class Attention(Module):
    """Four projections around `F.scaled_dot_product_attention`; sequences side by side are a larger batch.

    Norms of queries and keys are modules, turning is written with operators. What is masked, later
    positions or those outside a window, is masked in a full product. Cached tokens are zeros.
    """

    def __init__(self, op: Any, used: Applied) -> None:
        super().__init__()
        self.op, self.heads, self.causal = op, op.heads, getattr(op, "causal", False)
        for name in ("query", "key", "value", "out"):
            rows, columns = used.weights[name]
            self.add_module(name, nn.Linear(columns, rows, bias=f"{name}_bias" in used.weights))
        self.head_dim = used.weights["query"][0] // op.heads
        self.kv_heads = used.weights["key"][0] // self.head_dim
        for name in ("query_norm", "key_norm"):
            if name in used.weights:
                make = nn.LayerNorm if op.qk_norm == "layer" else nn.RMSNorm
                self.add_module(name, make(used.weights[name][0]))
        self.past = getattr(op, "past", 0)
        if "position_bias" in used.weights:
            self.position_bias = nn.Parameter(torch.zeros(used.weights["position_bias"]))
        length = one(used).space[-1]
        self.register_buffer("mask", self.masked(length, getattr(op, "window", None)), persistent=False)
        self.rotated = rotated(op, self.head_dim)
        self.register_buffer("angles", torch.zeros(length, (self.rotated or 2) // 2), persistent=False)

    def homes(self, name: str) -> tuple[Any, str]:
        if name in ("position_bias", "logit_scale"):
            return self, name
        return self._modules[name.removesuffix("_bias")], "bias" if name.endswith("_bias") else "weight"

    def masked(self, length: int, window: int | None) -> Any:
        """What is added to scores where `is_causal` does not say it."""
        if "WindowAttention" in type(self).__name__ or (window is None and not self.past):
            return None
        if not self.causal and window is not None:
            return torch.ones(length, length).tril(window // 2).triu(-(window // 2))
        mask = torch.ones(length, self.past + length).tril(self.past)
        return mask if window is None else mask.triu(self.past + 1 - window)

    def forward(self, x: Tensor, memory: Tensor | None = None, values: Tensor | None = None) -> Tensor:
        sizes = x.shape
        x = x.reshape(-1, *sizes[-2:])
        if type(self.op).name == "self_attention" and memory is not None:  # a bias for each pair of positions
            self.mask, memory = memory.repeat_interleave(len(x) // len(memory), 0), None
        memory = x if memory is None else memory
        query = self.turned(self.normed("query", self.split(self.query(x), self.heads)))
        if getattr(self.op, "prepared", False):
            rows = len(memory), self.kv_heads, memory.shape[1]
            key = torch.zeros(*rows, self.head_dim, device=x.device)
            value = torch.zeros(*rows, self.value.out_features // self.kv_heads, device=x.device)
        else:
            key = self.turned(self.normed("key", self.split(self.key(memory), self.kv_heads)))
            value = self.split(self.value(memory if values is None else values), self.kv_heads)
        if self.past:
            key, value = (
                torch.cat([torch.zeros(*y.shape[:-2], self.past, y.shape[-1], device=y.device), y], -2)
                for y in (key, value)
            )
        y = self.attended(query, key, value)
        return self.out(y.transpose(-3, -2).flatten(-2)).reshape(sizes)

    def attended(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        added = self.mask
        if hasattr(self, "position_bias"):
            places = torch.zeros(query.shape[-2], key.shape[-2], dtype=torch.int64, device=query.device)
            added = self.position_bias[places].permute(2, 0, 1)[None]
        return F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=added,
            is_causal=self.causal and added is None,
            scale=None if self.op.scale is None else float(self.op.scale),
            enable_gqa=self.kv_heads < self.heads,
        )

    def split(self, x: Tensor, heads: int) -> Tensor:
        return x.unflatten(-1, (heads, -1)).transpose(-3, -2)

    def normed(self, name: str, x: Tensor) -> Tensor:
        norm = self._modules.get(f"{name}_norm")
        if norm is not None and self.op.qk_norm == "rms_all":
            return self.split(norm(x.transpose(-3, -2).flatten(-2)), x.shape[-3])
        return x if norm is None else norm(x)

    def turned(self, x: Tensor) -> Tensor:
        return turned(x, self.rotated, self.angles) if self.rotated else x


def rotated(op: Any, head_dim: int) -> int:
    """Channels of a head that are turned."""
    wanted = getattr(op, "rotary", False)
    return head_dim if wanted is True else int(wanted)


def turned(x: Tensor, rotated: int, angles: Tensor) -> Tensor:
    """Channels turned by operators; the cosines and sines are tables, here of zeros."""
    half = rotated // 2
    first, second = x[..., :half], x[..., half:rotated]
    return torch.cat(
        [first * angles - second * angles, second * angles + first * angles, x[..., rotated:]], -1
    )


def rotary(op: Any, used: Applied) -> Any:
    dim = one(used).channels // op.heads
    rows = op.dim or dim
    angles = torch.zeros(one(used).space[-1], rows // 2)

    def run(x: Tensor) -> Tensor:
        y = turned(x.unflatten(-1, (op.heads, -1)).transpose(-3, -2), rows, angles.to(x.device))
        return y.transpose(-3, -2).flatten(-2)

    return Do(run)


class LatentAttention(Module):
    """The modules of transformers' DeepseekV3Attention around `F.scaled_dot_product_attention`.

    Absorbed, kv_b_proj is multiplied in by `torch.matmul` on both sides.
    """

    def __init__(self, op: Any, used: Applied) -> None:
        super().__init__()
        self.op = op
        for name, dims in used.weights.items():
            module = nn.RMSNorm(*dims) if "norm" in name else nn.Linear(dims[1], dims[0], bias=False)
            self.add_module(name, module)
        length = one(used).space[-1]
        self.register_buffer("angles", torch.zeros(length, op.rope_dim // 2), persistent=False)
        mask = torch.ones(length, op.past + length).tril(op.past) if op.past else None
        self.register_buffer("mask", mask, persistent=False)

    def homes(self, name: str) -> tuple[Any, str]:
        return self._modules[name], "weight"

    def forward(self, x: Tensor) -> Tensor:
        op, sizes = self.op, x.shape
        x = x.reshape(-1, *sizes[-2:])
        query = self.q_proj(x) if op.q_rank is None else self.q_b_proj(self.q_a_layernorm(self.q_a_proj(x)))
        query, turning = (
            query.unflatten(-1, (op.heads, -1)).transpose(1, 2).split([op.nope_dim, op.rope_dim], -1)
        )
        turning = turned(turning, op.rope_dim, self.angles)
        latent, key = self.kv_a_proj_with_mqa(x).split([op.kv_rank, op.rope_dim], -1)
        latent = self.cached(self.kv_a_layernorm(latent))[:, None]
        key = self.cached(turned(key, op.rope_dim, self.angles))[:, None]
        y = (self.absorbed if op.absorbed else self.expanded)(query, turning, latent, key)
        return self.o_proj(y.transpose(1, 2).flatten(-2)).reshape(sizes)

    def expanded(self, query: Tensor, turning: Tensor, latent: Tensor, key: Tensor) -> Tensor:
        op = self.op
        both = self.kv_b_proj(latent[:, 0]).unflatten(-1, (op.heads, -1)).transpose(1, 2)
        own, value = both.split([op.nope_dim, op.value_dim], -1)
        keys = torch.cat([own, key.expand(-1, op.heads, -1, -1)], -1)
        return self.attended(torch.cat([query, turning], -1), keys, value)

    def absorbed(self, query: Tensor, turning: Tensor, latent: Tensor, key: Tensor) -> Tensor:
        op = self.op
        weight = self.kv_b_proj.weight.unflatten(0, (op.heads, -1))
        queries = torch.cat([torch.matmul(query, weight[:, : op.nope_dim]), turning], -1)
        keys = torch.cat([latent, key], -1).expand(-1, op.heads, -1, -1)
        summed = self.attended(queries, keys, latent.expand(-1, op.heads, -1, -1))
        return torch.matmul(summed, weight[:, op.nope_dim :].transpose(1, 2))

    def attended(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        causal = self.op.causal and self.mask is None
        return F.scaled_dot_product_attention(query, key, value, attn_mask=self.mask, is_causal=causal)

    def cached(self, x: Tensor) -> Tensor:
        before = torch.zeros(len(x), self.op.past, x.shape[-1], device=x.device)
        return torch.cat([before, x], 1) if self.op.past else x


class WindowAttention(Attention):
    """Attention within windows; height x width x channels, padded to whole windows as Swin does.

    The mask of shifted windows is left out: it changes values, not counts.
    """

    def __init__(self, op: Any, used: Applied) -> None:
        super().__init__(op, used)
        self.window, self.sizes = op.window, one(used).dims
        self.tiles = [-(-size // op.window) for size in one(used).space]
        side = 2 * op.window - 1
        if "relative_position" in used.weights:
            self.relative_position = nn.Parameter(torch.zeros(side * side, op.heads))
        if op.cosine:
            self.logit_scale = nn.Parameter(torch.zeros(op.heads))
        places = [(y, x) for y in range(op.window) for x in range(op.window)]
        rows = [
            [(y - v + op.window - 1) * side + x - u + op.window - 1 for v, u in places] for y, x in places
        ]
        self.register_buffer("rows", torch.tensor(rows))

    def homes(self, name: str) -> tuple[Any, str]:
        return (self, name) if name == "relative_position" else super().homes(name)

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        side, (rows, columns), (height, width, channels) = self.window, self.tiles, self.sizes
        self.given = memory
        x = F.pad(x, (0, 0, 0, columns * side - width, 0, rows * side - height))
        tiles = x.unflatten(2, (columns, side)).unflatten(1, (rows, side)).transpose(2, 3)
        y = super().forward(tiles.reshape(-1, side * side, channels))
        y = y.reshape(-1, rows, columns, side, side, channels).transpose(2, 3)
        return y.flatten(3, 4).flatten(1, 2)[:, :height, :width]

    def attended(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        bias = getattr(self, "relative_position", None) if self.given is None else self.given[0]
        if bias is not None:
            bias = bias[self.rows].permute(2, 0, 1)[None]
        if not self.op.cosine:
            return F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        scores = F.normalize(query, dim=-1) @ F.normalize(key, dim=-1).transpose(-2, -1)
        scores = scores * self.logit_scale.clamp(max=math.log(100)).exp()[:, None, None]
        return torch.softmax(scores if bias is None else scores + bias, -1) @ value


class MultiheadAttention(Module):
    """Attention as `nn.MultiheadAttention`, which has what it projects with as one parameter."""

    def __init__(self, op: Any, used: Applied, need_weights: bool) -> None:
        super().__init__()
        self.inner = nn.MultiheadAttention(one(used).channels, op.heads, bias=op.bias, batch_first=True)
        self.need_weights = need_weights

    def forward(self, x: Tensor, memory: Tensor | None = None, values: Tensor | None = None) -> Tensor:
        memory = x if memory is None else memory
        values = memory if values is None else values
        return self.inner(x, memory, values, need_weights=self.need_weights)[0]


BEYOND_MULTIHEAD = (
    "kv_heads", "head_dim", "value_dim", "qk_norm", "window", "position_bias", "rotary", "past", "prepared",
    "scale",
)  # fmt: skip


def multihead(need_weights: bool) -> dict[str, Callable[[Any, Applied], Any]]:
    def make(op: Any, used: Applied) -> Any:
        unusual = any(getattr(op, name, None) not in (None, False, 0) for name in BEYOND_MULTIHEAD)
        unusual |= {op.qkv_bias, op.out_bias, op.key_bias} != {None}
        if unusual or len({x.channels for x in used.inputs}) > 1:
            return Attention(op, used)
        return MultiheadAttention(op, used, need_weights)

    return {"self_attention": make, "cross_attention": make}


def same_padding(op: Any, used: Applied) -> Any:
    """A convolution with the word that PyTorch knows at stride 1 only."""
    if op.padding != "same" or set(op.stride) != {1}:
        return convolution(op, used)
    make = getattr(nn, f"Conv{op.rank}d")
    values = {"dilation": op.dilation, "groups": op.groups, "bias": op.bias, "padding_mode": op.padding_mode}
    return make(one(used).channels, op.out_channels, op.kernel_size, padding="same", **values)


BUILDERS: dict[str, Callable[[Any, Applied], Any]] = {
    "abs": do(torch.abs),
    "adaptive_avg_pool": lambda op, used: getattr(nn, f"AdaptiveAvgPool{op.rank}d")(op.output_size),
    "adaptive_max_pool": lambda op, used: getattr(nn, f"AdaptiveMaxPool{op.rank}d")(op.output_size),
    "add": spread(add),
    "affine": affine,
    "argmax": greatest,
    "avg_pool": average,
    "batch_norm": batch_norm,
    "bilinear": lambda op, used: nn.Bilinear(
        *(x.channels for x in used.inputs), op.out_channels, bias=op.bias
    ),
    "center_crop": cut,
    "channel_shuffle": shuffled,
    "channels_first": permuted(lambda op, x: (x.axes[-1], *x.axes[:-1])),
    "channels_last": permuted(lambda op, x: (*x.axes[1:], x.axes[0])),
    "class_token": class_token,
    "clip": lambda op, used: Do(
        lambda x: x.clamp(*(None if end is None else float(end) for end in (op.low, op.high)))
    ),
    "concat": concatenated,
    "conv": convolution,
    "conv_lstm": ConvLstm,
    "conv_transpose": transposed,
    "cos": do(torch.cos),
    "crop": cut,
    "cross_attention": Attention,
    "cumsum": along(lambda op, x, axes: x.cumsum(axes[0])),
    "deform_conv": DeformConv,
    "divide": spread(truediv),
    "drop_path": plain("Identity"),
    "dropout": lambda op, used: nn.Dropout(float(op.p)),
    "einsum": named_axes,
    "elu": lambda op, used: nn.ELU(float(op.alpha)),
    "embedding": lambda op, used: nn.Embedding(op.vocabulary, op.dim),
    "erf": do(torch.erf),
    "exp": do(torch.exp),
    "experts": experts,
    "flatten": plain("Flatten"),
    "flip": along(lambda op, x, axes: x.flip(axes)),
    "fold": folded,
    "gather": along(gathered),
    "gelu": lambda op, used: nn.GELU(op.approximate),
    "global_avg_pool": everywhere("Avg"),
    "global_max_pool": everywhere("Max"),
    "grid_sample": lambda op, used: Do(
        lambda x, grid: F.grid_sample(x, grid, op.mode, align_corners=op.align_corners)
    ),
    "group_norm": group_norm,
    "gru": gru,
    "hard_sigmoid": plain("Hardsigmoid"),
    "hard_swish": plain("Hardswish"),
    "instance_norm": instance_norm,
    "layer_norm": last_axes(layer_norm),
    "layer_scale": layer_scale,
    "leaky_relu": lambda op, used: nn.LeakyReLU(float(op.negative_slope)),
    "linear": linear,
    "local_conv": local,
    "log": do(torch.log),
    "lp_pool": lambda op, used: getattr(nn, f"LPPool{op.rank}d")(
        float(op.norm_type),
        *(ends[0] if ends and op.rank == 1 else ends for ends in (op.kernel_size, op.stride)),
        op.ceil_mode,
    ),
    "local_response_norm": lambda op, used: nn.LocalResponseNorm(
        op.size, float(op.alpha), float(op.beta), float(op.k)
    ),
    "latent_attention": LatentAttention,
    "lstm": lstm,
    "matmul": lambda op, used: Do(
        lambda left, right: torch.matmul(left, right.mT if op.transpose else right)
    ),
    "max_pool": maximum,
    "max_unpool": unpooled,
    "maximum": spread(torch.maximum),
    "minimum": spread(torch.minimum),
    "mish": plain("Mish"),
    "multiply": spread(mul),
    "l2_norm": along(lambda op, x, axes: F.normalize(x, dim=axes, eps=float(op.eps))),
    "pad": padded,
    "pad_channels": more_channels,
    "offsets": lambda op, used: Do(lambda: torch.zeros(1, *used.output.dims)),
    "parameter": lambda op, used: (
        Bare(lambda weight: weight.detach()[None], **used.weights) if op.learned else Stored(**used.buffers)
    ),
    "sine_positions": lambda op, used: Do(lambda: torch.zeros(1, *used.output.dims)),
    "permute": permuted(lambda op, x: op.axes),
    "pixel_shuffle": pixels("PixelShuffle"),
    "pixel_unshuffle": pixels("PixelUnshuffle"),
    "positions": positions,
    "power": lambda op, used: Do(lambda x: x ** float(op.exponent)),
    "quick_gelu": do(lambda x: x * torch.sigmoid(1.702 * x)),
    "prelu": lambda op, used: nn.PReLU(op.num_parameters),
    "rbf": distances,
    "reduce_max": reduced(lambda x, axis: x.amax(axis, keepdim=True)),
    "reduce_mean": reduced(lambda x, axis: x.mean(axis, keepdim=True)),
    "reduce_min": reduced(lambda x, axis: x.amin(axis, keepdim=True)),
    "reduce_norm": reduced(lambda x, axis: torch.linalg.vector_norm(x, dim=axis, keepdim=True)),
    "reduce_sum": reduced(lambda x, axis: x.sum(axis, keepdim=True)),
    "relative_bias": lambda op, used: Do(
        lambda table: table[
            :, torch.zeros(used.output.dims[1:], dtype=torch.int64, device=table.device)
        ].permute(0, 3, 1, 2)
    ),
    "relu": plain("ReLU"),
    "relu6": plain("ReLU6"),
    "reshape": reshaped,
    "rms_norm": last_axes(rms_norm),
    "roll": along(lambda op, x, axes: x.roll(op.shift * (len(axes) // len(op.shift)), axes)),
    "rnn": lambda op, used: Recurrent(nn.RNN, op, used, nonlinearity=op.activation),
    "rotary": rotary,
    "scale": lambda op, used: Do(lambda x: x * float(op.factor) + float(op.offset)),
    "select": along(lambda op, x, axes: x.select(axes[0], op.index)),
    "selective_scan": selective_scan,
    "self_attention": Attention,
    "selu": plain("SELU"),
    "sigmoid": plain("Sigmoid"),
    "silu": plain("SiLU"),
    "sin": do(torch.sin),
    "slice": ranged,
    "slice_channels": sliced(lambda op: CHANNELS),
    "softmax": softmax,
    "softplus": lambda op, used: nn.Softplus(float(op.beta), float(op.threshold)),
    "sqrt": do(torch.sqrt),
    "square": do(torch.square),
    "stack_as": lambda op, used: Do(lambda *parts: torch.stack(parts, 1)),
    "subsample": subsampled,
    "subtract": spread(sub),
    "tanh": plain("Tanh"),
    "tile": along(
        lambda op, x, axes: x.repeat(*(op.times if axis == axes[0] else 1 for axis in range(x.ndim)))
    ),
    "to_tokens": tokens,
    "top_k": along(first),
    "unfold": unfolded,
    "upsample": upsampled,
    "window_attention": WindowAttention,
}

# Other ways to write a network than with `BUILDERS`, by name as in `paramcalc.conventions.tools.WRITINGS`.
WRITINGS: dict[str, dict[str, Callable[[Any, Applied], Any]]] = {
    "multihead": multihead(need_weights=True),
    "encoder-layer": multihead(need_weights=False),
    "padding-same": {"conv": same_padding},
}
