"""Power-average pooling in one, two and three dimensions."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.errors import Fault
from paramcalc.base.shape import Shape
from paramcalc.base.sizes import Size
from paramcalc.ops._pool import WindowPool
from paramcalc.ops._window import Windows, windows
from paramcalc.ops.attributes import Flag, Number, PerAxis
from paramcalc.ops.base import Array, Example, Tools


@dataclass(frozen=True)
class LpPool(WindowPool):
    """The p-th root of the sum of the p-th powers of each channel under a sliding window.

    Input:  channels x space
    Output: channels x floor((size - kernel) / stride) + 1

    `norm_type` is p, and the stride is the window's size unless given, as in PyTorch. With `ceil_mode`
    the sum of a partial window is scaled up to that of a whole one, as there. A `power` is counted for
    each value of a window and for each result, whatever p is.
    """

    norm_type: Number
    kernel_size: PerAxis
    stride: PerAxis | None = None
    ceil_mode: Flag = False

    partial = True
    examples = (Example("lp_pool2d 2 2", ("64x28x28",), "64x14x14"),)

    def shape(self, *inputs: Shape) -> Shape:
        if self.norm_type <= 0:
            raise Fault(
                f"{self.title}: norm_type must be above 0",
                found=str(self.norm_type),
                fix="2 for the root of the sum of squares",
                about="norm_type",
            )
        return super().shape(*inputs)

    def windows(self, x: Shape) -> Windows:
        return windows(x, self.kernel_size, self.stride or self.kernel_size, "valid", (1,) * self.rank)

    def work(self, pairs: Size, results: Size) -> dict[str, Size]:
        return {"power": pairs + 2 * results, "add": pairs}

    def forward(self, tools: Tools, x: Array) -> Array:
        each, p = self.windows(tools.shapes[0]), float(self.norm_type)
        powers = tools.power(x, p)
        places = tools.starts(powers, each, ceil_mode=self.ceil_mode)
        sums = tools.slide_sum(powers, each, places)
        for axis, (one, starts) in enumerate(zip(each, places, strict=True), start=2):
            whole = [one.kernel / (min(start + one.kernel, one.size) - start) for start in starts]
            sums *= tools.along(tools.array(whole, sums.dtype), axis, sums)
        return tools.power(sums, 1 / p)
