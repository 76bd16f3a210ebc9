"""Maximum pooling in one, two and three dimensions."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.shape import Shape
from paramcalc.ops._pool import WindowPool
from paramcalc.ops._reduction import Greatest
from paramcalc.ops._window import Windows, windows
from paramcalc.ops.attributes import Flag, Padding, PerAxis
from paramcalc.ops.base import Array, Example, Tools


@dataclass(frozen=True)
class MaxPool(Greatest, WindowPool):
    """The greatest value of each channel under a sliding window.

    Input:  channels x space
    Output: channels x floor((size + padding - dilation*(kernel - 1) - 1) / stride) + 1

    By default the stride is the window's size. Padding counts as minus infinity and is at most half
    the window. `ceil_mode` rounds up instead, so that a last partial window counts, but only if it
    starts inside the input or the padding before it (PyTorch's rule).
    """

    kernel_size: PerAxis
    stride: PerAxis | None = None
    padding: Padding = 0
    dilation: PerAxis = 1  # type: ignore[assignment]
    ceil_mode: Flag = False

    examples = (
        Example("max_pool2d 2", ("64x224x224",), "64x112x112"),
        Example("max_pool2d 3 stride=2 padding=1", ("64x112x112",), "64x56x56"),
        Example("max_pool2d 3 stride=2", ("96x54x54",), "96x26x26"),
        Example("max_pool2d 3 stride=2 ceil_mode=true", ("96x54x54",), "96x27x27"),
    )

    def windows(self, x: Shape) -> Windows:
        return windows(x, self.kernel_size, self.stride or self.kernel_size, self.padding, self.dilation)

    def forward(self, tools: Tools, x: Array) -> Array:
        each = self.windows(tools.shapes[0])
        return tools.slide_max(x, each, tools.starts(x, each, ceil_mode=self.ceil_mode))
