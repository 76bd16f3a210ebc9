"""Maximum pooling in one, two and three dimensions."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.shape import Shape
from paramcalc.ops._window import Sliding, Windows, check_half, output_space, window_size, windows
from paramcalc.ops.attributes import Flag, Padding, PerAxis
from paramcalc.ops.base import Array, Cost, Example, Tools, need_image


@dataclass(frozen=True)
class MaxPool(Sliding):
    """The greatest value of each channel under a sliding window.

    Input:  channels x space
    Output: channels x floor((size + padding - dilation*(kernel - 1) - 1) / stride) + 1

    The stride is the window's size unless given. Padding counts as minus infinity and is at most half
    the window. `ceil_mode` rounds up instead, so that a last partial window counts, but only if it
    starts inside the input or the padding before it (PyTorch's rule).
    """

    kernel_size: PerAxis
    stride: PerAxis | None = None
    padding: Padding = 0
    dilation: PerAxis = 1  # type: ignore[assignment]
    ceil_mode: Flag = False

    ranks = (1, 2, 3)
    examples = (
        Example("max_pool2d 2", ("64x224x224",), "64x112x112"),
        Example("max_pool2d 3 stride=2 padding=1", ("64x112x112",), "64x56x56"),
        Example("max_pool2d 3 stride=2", ("96x54x54",), "96x26x26"),
        Example("max_pool2d 3 stride=2 ceil_mode=true", ("96x54x54",), "96x27x27"),
    )

    def windows(self, x: Shape) -> Windows:
        return windows(x, self.kernel_size, self.stride or self.kernel_size, self.padding, self.dilation)

    def shape(self, *inputs: Shape) -> Shape:
        x = need_image(self, inputs[0])
        each = self.windows(x)
        check_half(self, each)
        return x.with_space(output_space(self, x, each, ceil_mode=self.ceil_mode))

    def cost(self, *inputs: Shape) -> Cost:
        (x,) = inputs
        elements, read = self.shape(x).elements, window_size(self.windows(x))
        return Cost(connections=elements * read, operations={"compare": elements * (read - 1)})

    def forward(self, tools: Tools, x: Array) -> Array:
        each = self.windows(tools.shapes[0])
        return tools.slide_max(x, each, tools.starts(x, each, ceil_mode=self.ceil_mode))
