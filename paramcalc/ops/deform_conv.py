"""Deformable convolution."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, alike, whole
from paramcalc.base.shape import CHANNELS, SPACE, Shape, image
from paramcalc.base.sizes import Size, divides, floor_divide, product, same
from paramcalc.ops._sampling import bilinear, sampling
from paramcalc.ops._window import Window, Windows, output_space, windows
from paramcalc.ops.attributes import Flag, Padding, PerAxis
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, Weights, need_groups, need_image


@dataclass(frozen=True)
class DeformConv(Op):
    """A convolution that reads each tap of its window at a computed distance from where it would be.

    Image:  channels x height x width
    Offset: 2 * taps * offset groups x output height x output width; for each tap down, then right
    Mask:   taps * offset groups x the same, if given: a factor for each value that is read (version 2)
    Weight: out_channels x channels/groups x kernel_size
    Bias:   out_channels (absent with bias=false)
    Output: out_channels x floor((size + padding - dilation*(kernel - 1) - 1) / stride) + 1

    The offsets come from a convolution beside it (Dai et al. 2017; Zhu et al. 2018). The number of
    their channels sets the number of offset groups of the input's channels. As
    `torchvision.ops.deform_conv2d`, it is bilinear between positions and zero outside.

    Multiplications are those of the convolution. Interpolation adds other operations: for each tap
    at each position of each offset group 2 additions of the offset, 4 subtractions and 4 products for
    the weights; for each value 4 products and 3 additions, and 1 product with a mask.
    """

    out_channels: Size
    kernel_size: PerAxis
    stride: PerAxis = 1  # type: ignore[assignment]
    padding: Padding = 0
    dilation: PerAxis = 1  # type: ignore[assignment]
    groups: Size = 1
    bias: Flag = True

    inputs = ("image", "offset", "mask")
    optional = 1
    ranks = (2,)
    examples = (
        Example(
            "deform_conv2d 64 3 padding=1",
            ("32x14x14", "18x14x14"),
            "64x14x14",
            params=64 * 32 * 9 + 64,
            macs=196 * 64 * 32 * 9,
        ),
        Example(
            "deform_conv2d 4 2x3 stride=2 groups=2 bias=false",
            ("4x7x8", "24x3x3", "12x3x3"),
            "4x3x3",
            params=48,
            macs=432,
        ),
    )

    def windows(self, x: Shape) -> Windows:
        return windows(x, self.kernel_size, self.stride, self.padding, self.dilation)

    def weights(self, *inputs: Shape) -> Weights:
        planes = (self.out_channels, floor_divide(inputs[0].channels, self.groups))
        kernel: Weights = {"weight": (*planes, *self.kernel_size)}
        return kernel | {"bias": (self.out_channels,)} if self.bias else kernel

    def shape(self, *inputs: Shape) -> Shape:
        x, offset, *masks = inputs
        need_image(self, x)
        need_groups(self, "input", x.channels, self.groups)
        need_groups(self, "output", self.out_channels, self.groups)
        space = output_space(self, x, self.windows(x))
        self._check_offset(x, offset, space)
        for mask in masks:
            wanted = image(floor_divide(offset.channels, 2), *space)
            if mask.axes != wanted.axes or not all(map(same, mask.dims, wanted.dims)):
                raise Fault(
                    f"{self.title}: the mask has the wrong size",
                    expected=f"{wanted.described()}, one for each pair of offsets",
                    found=mask.described(),
                    about="inputs:3",
                )
        return image(self.out_channels, *space)

    def _check_offset(self, x: Shape, offset: Shape, space: tuple[Size, ...]) -> None:
        each = 2 * product(self.kernel_size)
        wanted = image(each, *space)
        fits = offset.axes == wanted.axes and all(map(same, offset.space, space))
        if not fits or not divides(each, offset.channels):
            raise Fault(
                f"{self.title}: the offsets have the wrong size",
                expected=f"{wanted.described()}, two for each tap, or a multiple of these channels",
                found=offset.described(),
                about="inputs:2",
            )
        need_groups(self, "input", x.channels, self._offset_groups(offset), "inputs:2")

    def _offset_groups(self, offset: Shape) -> Size:
        return floor_divide(offset.channels, 2 * product(self.kernel_size))

    def cost(self, *inputs: Shape) -> Cost:
        x, offset = inputs[:2]
        y = self.shape(*inputs)
        macs = product(self.weights(x)["weight"]) * product(y.space)
        biases = y.elements if self.bias else 0
        taps = product(self.kernel_size) * product(y.space)
        locations, values = taps * self._offset_groups(offset), taps * x.channels
        work = sampling(locations, values)
        work["add"] = work["add"] + 2 * locations + biases
        if len(inputs) > 2:
            work["multiply"] = work["multiply"] + values
        return Cost(macs, connections=macs + biases, operations=work)

    def inner(self, *inputs: Shape) -> dict[str, Size]:
        space = product(self.shape(*inputs).space)
        return {"samples": inputs[0].channels * product(self.kernel_size) * space}

    def reaches(self, *inputs: Shape) -> tuple[dict[str, Reach], ...]:
        """What is read depends on the offsets: it may be anything of the input."""
        x, *others = inputs
        return (
            {axis: whole(x.size(axis)) for axis in SPACE[2]},
            *({axis: alike(axis) for axis in other.axes if axis != CHANNELS} for other in others),
        )

    def forward(self, tools: Tools, *inputs: Array, **weights: Array) -> Array:
        x, offset, *masks = inputs
        each, weight = self.windows(tools.shapes[0]), weights["weight"]
        samples, space = len(x), offset.shape[2:]
        taps = product(self.kernel_size)
        apart = self._offset_groups(tools.shapes[1])
        rows, columns = (self._places(tools, place, one) for place, one in enumerate(each))
        moved = offset.reshape(samples * apart, taps, 2, *space)
        found = bilinear(
            tools,
            x.reshape(samples * apart, -1, *x.shape[2:]),
            (moved[:, :, 0] + rows).reshape(samples * apart, -1),
            (moved[:, :, 1] + columns).reshape(samples * apart, -1),
        ).reshape(samples * apart, -1, taps, *space)
        for mask in masks:
            found = found * mask.reshape(samples * apart, 1, taps, *space)
        read = found.reshape(samples, self.groups, -1, product(space))
        y = tools.matmul(weight.reshape(self.groups, self.out_channels // self.groups, -1), read)
        y = y.reshape(samples, self.out_channels, *space)
        if self.bias:
            y += weights["bias"].reshape(-1, 1, 1)
        return y

    def _places(self, tools: Tools, axis: int, one: Window) -> Array:
        """Where each tap lies along an axis at each position: taps x height x width."""
        starts = tools.arange(one.positions) * one.stride - one.before
        steps = tools.arange(one.kernel) * one.dilation
        tall = self.kernel_size[0] if axis else 1
        wide = 1 if axis else self.kernel_size[1]
        steps = tools.repeat(steps, wide) if not axis else tools.concatenate([steps] * tall)
        ends = starts[:, None] if axis == 0 else starts[None, :]
        return steps[:, None, None] + ends
