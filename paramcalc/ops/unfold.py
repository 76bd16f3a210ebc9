"""The windows of a tensor as channels: im2col."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.shape import Shape, image
from paramcalc.base.sizes import product
from paramcalc.ops._window import Sliding, Windows, output_space, patches, windows
from paramcalc.ops.attributes import Padding, PerAxis
from paramcalc.ops.base import Array, Example, Tools, need_image


@dataclass(frozen=True)
class Unfold(Sliding):
    """What a sliding window reads at each position, as channels of that position (im2col).

    Input:  channels x space
    Output: channels * kernel_size x floor((size + padding - dilation*(kernel - 1) - 1) / stride) + 1

    The channels are in the order of a convolution's weight: all taps of the first channel, then those
    of the second. A 1x1 convolution after it is the convolution with that window. PyTorch's `unfold`
    has the positions in one axis: reshape them.
    """

    kernel_size: PerAxis
    stride: PerAxis = 1  # type: ignore[assignment]
    padding: Padding = 0
    dilation: PerAxis = 1  # type: ignore[assignment]

    ranks = (1, 2, 3)
    examples = (
        Example("unfold2d 3 padding=1", ("64x14x14",), "576x14x14"),
        Example("unfold2d 4 stride=4", ("3x32x32",), "48x8x8"),
        Example("unfold1d 3 dilation=2", ("4x16",), "12x12"),
    )

    def windows(self, x: Shape) -> Windows:
        return windows(x, self.kernel_size, self.stride, self.padding, self.dilation)

    def shape(self, *inputs: Shape) -> Shape:
        x = need_image(self, inputs[0])
        return image(x.channels * product(self.kernel_size), *output_space(self, x, self.windows(x)))

    def forward(self, tools: Tools, x: Array) -> Array:
        found = patches(tools, x, self.windows(tools.shapes[0]))
        return found.reshape(len(x), -1, *found.shape[3:])
