"""Maximum pooling to a given output size."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.reach import Reach
from paramcalc.base.shape import Shape
from paramcalc.ops._bins import bins_reach, over_bins, values_read
from paramcalc.ops.attributes import PerAxis
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, need_image


@dataclass(frozen=True)
class AdaptiveMaxPool(Op):
    """The greatest value of each channel over bins that cover the input, as many as asked for.

    Input:  channels x space
    Output: channels x output_size

    Bin i of n covers the positions from floor(i*size/n) up to ceil((i+1)*size/n). So bins differ in
    length and overlap where n does not divide the size; where n exceeds the size, values repeat.
    """

    output_size: PerAxis

    ranks = (1, 2, 3)
    examples = (
        Example("adaptive_max_pool2d 7", ("512x16x12",), "512x7x7"),
        Example("adaptive_max_pool3d 1x2x2", ("4x5x6x7",), "4x1x2x2"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        return need_image(self, inputs[0]).with_space(self.output_size)

    def cost(self, *inputs: Shape) -> Cost:
        (x,) = inputs
        read = values_read(x, self.output_size)
        return Cost(connections=read, operations={"compare": read - self.shape(x).elements})

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        return bins_reach(axis, x.size(axis), output.size(axis))

    def forward(self, tools: Tools, x: Array) -> Array:
        return over_bins(tools, tools.max, x, self.output_size)
