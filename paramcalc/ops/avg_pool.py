"""Average pooling in one, two and three dimensions."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.shape import Shape
from paramcalc.ops._pool import WindowPool
from paramcalc.ops._reduction import Mean
from paramcalc.ops._window import Windows, windows
from paramcalc.ops.attributes import Flag, Padding, PerAxis
from paramcalc.ops.base import Array, Example, Tools


@dataclass(frozen=True)
class AvgPool(Mean, WindowPool):
    """The mean of each channel under a sliding window.

    Input:  channels x space
    Output: channels x floor((size + padding - kernel) / stride) + 1

    By default the stride is the window's size; padding is at most half the window. `ceil_mode`
    rounds up instead, so that a last partial window counts, but only if it starts inside the input
    or the padding before it (PyTorch's rule).

    With `count_include_pad` a mean includes the zeros of the padding, though never what a partial
    window leaves beyond it. It is on by default, as in PyTorch, but off with padding=same, as in
    TensorFlow.
    """

    kernel_size: PerAxis
    stride: PerAxis | None = None
    padding: Padding = 0
    ceil_mode: Flag = False
    count_include_pad: Flag | None = None

    examples = (
        Example("avg_pool2d 5 stride=3", ("512x14x14",), "512x4x4"),
        Example("avg_pool2d 7", ("1024x7x7",), "1024x1x1"),
        Example("avg_pool2d 3 stride=2 ceil_mode=true", ("192x16x16",), "192x8x8"),
    )

    def windows(self, x: Shape) -> Windows:
        adjacent = (1,) * self.rank
        return windows(x, self.kernel_size, self.stride or self.kernel_size, self.padding, adjacent)

    def forward(self, tools: Tools, x: Array) -> Array:
        each = self.windows(tools.shapes[0])
        places = tools.starts(x, each, ceil_mode=self.ceil_mode)
        y = tools.slide_sum(x, each, places)
        with_pad = self.padding != "same" if self.count_include_pad is None else self.count_include_pad
        for axis, (one, starts) in enumerate(zip(each, places, strict=True), start=2):
            low, high = (-one.before, one.size + one.after) if with_pad else (0, one.size)
            counted = [min(start + one.kernel, high) - max(start, low) for start in starts]
            y /= tools.along(tools.array(counted, y.dtype), axis, y)
        return y
