"""Transposed convolution in one, two and three dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, repeating
from paramcalc.base.shape import SPACE, Shape, image
from paramcalc.base.sizes import Size, at_least, floor_divide, product
from paramcalc.ops._window import Window, Windows, windows
from paramcalc.ops.attributes import CountPerAxis, Flag, Padding, PerAxis
from paramcalc.ops.base import (
    Array,
    Cost,
    Example,
    Op,
    Tools,
    Weights,
    need_groups,
    need_image,
    need_positive,
)


@dataclass(frozen=True)
class ConvTranspose(Op):
    """Convolution run backwards: each input position adds its own scaled kernel to the output.

    Input:  channels x space
    Weight: channels x out_channels/groups x kernel_size (input channels come first)
    Bias:   out_channels (absent with bias=false)
    Output: out_channels x (size - 1)*stride - padding + dilation*(kernel - 1) + 1 + output_padding

    `padding` takes away from the output, at both ends; `output_padding` adds to its far end. With
    `same` the output is size*stride, as in TensorFlow. Each input position is multiplied by the
    weights of its channels, so the multiplications follow the input's positions, not the output's.
    """

    out_channels: Size
    kernel_size: PerAxis
    stride: PerAxis = 1  # type: ignore[assignment]
    padding: Padding = 0
    output_padding: CountPerAxis = 0  # type: ignore[assignment]
    groups: Size = 1
    bias: Flag = True
    dilation: PerAxis = 1  # type: ignore[assignment]

    ranks = (1, 2, 3)
    examples = (
        Example("conv_transpose2d 512 2 stride=2", ("1024x28x28",), "512x56x56", 2_097_664, 1_644_167_168),
        Example(
            "conv_transpose2d 4 3 stride=2 padding=1 output_padding=1", ("8x5x5",), "4x10x10", 292, 7_200
        ),
        Example("conv_transpose1d 6 4 stride=3 groups=2 bias=false", ("4x10",), "6x31", 48, 480),
        Example("conv_transpose2d 4 3 stride=2 padding=same", ("8x5x5",), "4x10x10", 292, 7_200),
    )

    def windows(self, x: Shape) -> Windows:
        """The windows of the convolution that this one runs backwards, cut where it pads.

        With `same`, `after` may be negative: then zeros are added there instead.
        """
        if self.padding != "same":
            return windows(x, self.kernel_size, self.stride, self.padding, self.dilation)
        each = windows(x, self.kernel_size, self.stride, "valid", self.dilation)
        return tuple(_cut_to_same(one) for one in each)

    def weights(self, *inputs: Shape) -> Weights:
        (x,) = inputs
        kernel = {"weight": (x.channels, floor_divide(self.out_channels, self.groups), *self.kernel_size)}
        return kernel | {"bias": (self.out_channels,)} if self.bias else kernel

    def shape(self, *inputs: Shape) -> Shape:
        x = need_image(self, inputs[0])
        need_groups(self, "input", x.channels, self.groups)
        need_groups(self, "output", self.out_channels, self.groups)
        self._check_output_padding()
        space = tuple(
            (one.size - 1) * one.stride - one.before - one.after + one.span + extra
            for one, extra in zip(self.windows(x), self.output_padding, strict=True)
        )
        return image(
            self.out_channels, *need_positive(self, space, x, "the padding removes the whole output")
        )

    def cost(self, *inputs: Shape) -> Cost:
        (x,) = inputs
        macs = product(x.space) * product(self.weights(x)["weight"])
        biases = self.shape(x).elements if self.bias else 0
        return Cost(macs, connections=macs + biases, operations={"add": biases})

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        one = self.windows(x)[SPACE[self.rank].index(axis)]
        step = one.dilation // gcd(one.dilation, one.stride)
        return repeating(axis, one.stride, 1, lambda place: _reading(one, place + one.before), step)

    def forward(self, tools: Tools, x: Array, weight: Array, bias: Array | None = None) -> Array:
        each = self.windows(tools.shapes[0])
        return tools.convolve_transposed(x, weight, each, self.output_padding, self.groups, bias)

    def _check_output_padding(self) -> None:
        """More than that would be positions that no window of the forward convolution reaches."""
        each = zip(SPACE[self.rank], self.output_padding, self.stride, self.dilation, strict=True)
        for axis, extra, stride, dilation in each:
            if at_least(extra, stride) and at_least(extra, dilation):
                raise Fault(
                    f"{self.title}: output_padding must be less than the stride or the dilation",
                    expected=f"less than {stride} or {dilation} along the {axis}",
                    found=str(extra),
                    about="output_padding",
                )


def _cut_to_same(one: Window) -> Window:
    """Cuts what exceeds size*stride, the odd position at the far end."""
    excess = one.span - one.stride
    before = floor_divide(excess, 2) if at_least(excess, 0) else 0
    return one._replace(before=before, after=excess - before)


def _reading(one: Window, place: int) -> tuple[int, int]:
    """The input positions whose kernels meet an output position; last before first where none does."""
    common = gcd(one.dilation, one.stride)
    apart = one.stride // common  # taps that meet one position are so many apart
    tap = place // common * pow(one.dilation // common, -1, apart) % apart
    if place % common or tap >= one.kernel:
        return place // one.stride + 1, place // one.stride
    furthest = tap + (one.kernel - 1 - tap) // apart * apart
    first, last = ((place - each * one.dilation) // one.stride for each in (furthest, tap))
    return first, last
