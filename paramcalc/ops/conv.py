"""Convolution in one, two and three dimensions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, whole
from paramcalc.base.shape import CHANNELS, SPACE, Shape, image
from paramcalc.base.sizes import Size, at_least, floor_divide, product, same
from paramcalc.ops._window import PADDING_MODES, Sliding, Window, Windows, check_reach, output_space, windows
from paramcalc.ops.attributes import Flag, Padding, PerAxis, Table, Word
from paramcalc.ops.base import (
    Array,
    Cost,
    Example,
    Op,
    Tools,
    Weights,
    need_groups,
    need_image,
    no_step,
    one_token,
)


@dataclass(frozen=True)
class Conv(Sliding):
    """A sliding dot product over channels and space (strictly, a cross-correlation).

    Input:  channels x space
    Weight: out_channels x channels/groups x kernel_size; a second input takes its place
    Bias:   out_channels (absent with bias=false)
    Output: out_channels x floor((size + padding - dilation*(kernel - 1) - 1) / stride) + 1

    `padding` is a number, one number per axis, a pair (before, after) for each axis, `valid` (none),
    or `same` in TensorFlow's sense: ceil(size/stride) positions, the odd zero at the far end. At
    stride 1 that is PyTorch's `same` as well; PyTorch refuses it at other strides.

    `connections` lists, for each output channel, the input channels that it reads, as in LeNet-5's
    layer C3; then there is one kernel plane for each listed pair.

    A second input is a kernel computed for each sample (CondConv, dynamic convolution): a tensor
    with as many elements as the weight, in its order. Then only the bias is learned.
    """

    out_channels: Size
    kernel_size: PerAxis
    stride: PerAxis = 1  # type: ignore[assignment]
    padding: Padding = 0
    dilation: PerAxis = 1  # type: ignore[assignment]
    groups: Size = 1
    bias: Flag = True
    padding_mode: Word = field(default="zeros", metadata={"choices": PADDING_MODES})
    connections: Table | None = None

    inputs = ("x", "weight")
    optional = 1
    elsewhere = {"filters": "out_channels"}
    ranks = (1, 2, 3)
    examples = (
        Example(
            "conv2d 64 7 stride=2 padding=3 bias=false", ("3x224x224",), "64x112x112", 9_408, 118_013_952
        ),
        Example("conv2d 48 5 padding=2", ("480x14x14",), "48x14x14", 576_048, 112_896_000),
        Example("conv2d 256 3 padding=1 groups=32", ("256x14x14",), "256x14x14", 18_688, 3_612_672),
        Example("conv1d 8 3 dilation=2", ("4x16",), "8x12", 104, 1_152),
        Example("conv3d 2 1x2x3", ("1x4x4x4",), "2x4x3x2", 14, 288),
        Example("conv2d 32 3 stride=2 padding=same", ("3x225x225",), "32x113x113", 896, 11_032_416),
        Example("conv2d 8 3 padding=1", ("4x6x5", "8x36"), "8x6x5", params=8, macs=30 * 288),
    )

    def windows(self, x: Shape) -> Windows:
        return windows(x, self.kernel_size, self.stride, self.padding, self.dilation)

    def edges(self) -> str:
        return self.padding_mode

    def weights(self, *inputs: Shape) -> Weights:
        kernel = {} if len(inputs) > 1 else {"weight": self._kernel(inputs[0])}
        return kernel | {"bias": (self.out_channels,)} if self.bias else kernel

    def weighs(self, weights: Iterable[str]) -> bool:
        return True

    def _kernel(self, x: Shape) -> tuple[Size, ...]:
        if self.connections is None:
            planes: tuple[Size, ...] = (self.out_channels, floor_divide(x.channels, self.groups))
        else:
            planes = (sum(len(row) for row in self.connections),)
        return (*planes, *self.kernel_size)

    def shape(self, *inputs: Shape) -> Shape:
        x = need_image(self, inputs[0])
        need_groups(self, "input", x.channels, self.groups)
        need_groups(self, "output", self.out_channels, self.groups)
        self._check_connections(x.channels)
        for kernel in inputs[1:]:
            self._check_kernel(x, kernel)
        each = self.windows(x)
        space = output_space(self, x, each)
        for axis, one in zip(SPACE[self.rank], each, strict=True):
            check_reach(self, self.padding_mode, axis, one.size, (one.before, one.after))
        return image(self.out_channels, *space)

    def cost(self, *inputs: Shape) -> Cost:
        y = self.shape(*inputs)
        macs = product(self._kernel(inputs[0])) * product(y.space)
        biases = y.elements if self.bias else 0
        return Cost(macs, connections=macs + biases, operations={"add": biases})

    def reaches(self, *inputs: Shape) -> tuple[dict[str, Reach], ...]:
        computed = ({axis: whole(k.size(axis)) for axis in k.axes if axis != CHANNELS} for k in inputs[1:])
        return (*super().reaches(inputs[0]), *computed)

    def decode(self, past: Size, *inputs: Shape) -> tuple[Op, tuple[Shape, ...]]:
        """One position more of a causal convolution, which keeps the inputs that its window reaches back to."""
        if self.rank != 1 or len(inputs) > 1:
            return super().decode(past, *inputs)
        (x,) = inputs
        (one,) = self.windows(x)
        causal = same(one.stride, 1) and same(one.after, 0) and same(one.before, one.span - 1)
        if not causal or self.padding_mode != "zeros":
            expected = f"stride 1, and zeros before only: padding=({one.span - 1}, 0)"
            raise no_step(self, "it is not causal", expected)
        return replace(self, padding=((one.before, 0),)), (one_token(x),)

    def cached(self, *inputs: Shape) -> dict[str, Size]:
        if self.rank != 1:
            return {}
        x = inputs[0]
        (one,) = self.windows(x)
        return {"inputs of convolutions": x.channels * (one.span - 1)}

    def forward(self, tools: Tools, x: Array, weight: Array, bias: Array | None = None) -> Array:
        if len(tools.shapes) > 1:  # a kernel for each sample
            kernels = weight.reshape(len(x), *self._kernel(tools.shapes[0]))
            each = zip(x, kernels, strict=True)
            return tools.concatenate([self._run(tools, one[None], kernel, bias) for one, kernel in each])
        return self._run(tools, x, weight, bias)

    def _run(self, tools: Tools, x: Array, weight: Array, bias: Array | None) -> Array:
        each = self.windows(tools.shapes[0])
        if tools.cache is not None and self.rank == 1:
            x, each = _after(tools, x, each[0])
        if self.padding_mode != "zeros":
            x = tools.pad(x, [(one.before, one.after) for one in each], self.padding_mode)
            each = tuple(one._replace(before=0, after=0) for one in each)
        if self.connections is None:
            return tools.convolve(x, weight, each, self.groups, bias)
        planes, maps = 0, []
        for output, row in enumerate(self.connections):
            kernel = weight[planes : planes + len(row)][None]
            shift = None if bias is None else bias[output : output + 1]
            maps.append(tools.convolve(x[:, list(row)], kernel, each, bias=shift))
            planes += len(row)
        return tools.concatenate(maps, axis=1)

    def _check_kernel(self, x: Shape, kernel: Shape) -> None:
        wanted = self._kernel(x)
        if not same(kernel.elements, product(wanted)):
            raise Fault(
                f"{self.title}: the computed kernel has the wrong size",
                expected=f"{product(wanted)} elements: {' x '.join(map(str, wanted))}",
                found=f"{kernel.elements}, from {kernel.described()}",
                fix="a second tensor is the kernel; to convolve both, join them first with concat",
                about="inputs:2",
            )

    def _check_connections(self, channels: Size) -> None:
        if self.connections is None:
            return
        rows = self.connections
        if self.groups != 1 or not same(len(rows), self.out_channels):
            raise Fault(
                f"{self.title}: connections must list the inputs of each output channel, without groups",
                expected=f"{self.out_channels} lists",
                found=f"{len(rows)} lists, groups={self.groups}",
                about="connections",
            )
        for index, row in enumerate(rows):
            if not row or len(set(row)) != len(row) or not at_least(channels - 1, max(row)):
                raise Fault(
                    f"{self.title}: connections of output channel {index} do not fit",
                    expected=f"different input channels from 0 to {channels - 1}",
                    found=str(list(row)),
                    about="connections",
                )


def _after(tools: Tools, x: Array, one: Window) -> tuple[Array, Windows]:
    """Inputs of the tokens before in the place of zeros."""
    zeros = tools.zeros((*x.shape[:-1], one.before), x.dtype)
    x = tools.concatenate([tools.left("inputs", zeros), x], -1)
    tools.leave("inputs", x[..., x.shape[-1] - one.before :])
    return x, (one._replace(before=0, size=x.shape[-1]),)
