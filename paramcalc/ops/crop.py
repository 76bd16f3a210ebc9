"""Positions taken off the spatial axes."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.reach import Reach, shifted
from paramcalc.base.shape import Shape
from paramcalc.ops._layout import need_left, spread
from paramcalc.ops.attributes import Margins
from paramcalc.ops.base import Array, Example, Op, Tools
from paramcalc.ops.slice import taken


@dataclass(frozen=True)
class Crop(Op):
    """The input without its outermost positions along each axis but the channels.

    Input:  any tensor with an axis besides the channels
    Output: size - before - after along each such axis

    `amounts` is a number for all ends, or for each axis a number or a pair (before, after).
    """

    amounts: Margins

    takes_ids = True
    examples = (
        Example("crop 4", ("64x64x64",), "64x56x56"),
        Example("crop ((0, 1), 2)", ("8x7x7",), "8x6x3"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        margins = spread(self, "amounts", self.amounts, x)
        return x.resized(
            {
                axis: need_left(self, axis, x.size(axis) - before - after, x)
                for axis, (before, after) in margins.items()
            }
        )

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        return shifted(axis, spread(self, "amounts", self.amounts, x)[axis][0])

    def forward(self, tools: Tools, x: Array) -> Array:
        (shape,) = tools.shapes
        for axis, (before, after) in spread(self, "amounts", self.amounts, shape).items():
            x = taken(x, tools.axis(axis), before, shape.size(axis) - after)
        return x
