"""Average pooling to a given output size."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.reach import Reach
from paramcalc.base.shape import Shape
from paramcalc.ops._bins import bins_reach, over_bins, values_read
from paramcalc.ops.attributes import PerAxis
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, need_image


@dataclass(frozen=True)
class AdaptiveAvgPool(Op):
    """The mean of each channel over bins that cover the input, as many as asked for.

    Input:  channels x space
    Output: channels x output_size

    Bin i of n covers the positions from floor(i*size/n) up to ceil((i+1)*size/n). So bins differ in
    length and overlap where n does not divide the size; where n exceeds the size, values repeat.
    """

    output_size: PerAxis

    ranks = (1, 2, 3)
    examples = (
        Example("adaptive_avg_pool2d 6", ("256x13x13",), "256x6x6"),
        Example("adaptive_avg_pool1d 8", ("4x5",), "4x8"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        return need_image(self, inputs[0]).with_space(self.output_size)

    def cost(self, *inputs: Shape) -> Cost:
        (x,) = inputs
        elements, read = self.shape(x).elements, values_read(x, self.output_size)
        return Cost(connections=read, operations={"add": read - elements, "divide": elements})

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        return bins_reach(axis, x.size(axis), output.size(axis))

    def forward(self, tools: Tools, x: Array) -> Array:
        return over_bins(tools, tools.mean, x, self.output_size)
