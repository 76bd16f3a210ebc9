"""Running sums along an axis."""

from __future__ import annotations

from dataclasses import dataclass, field

from paramcalc.base.reach import Reach, Steps
from paramcalc.base.shape import AXES, Shape
from paramcalc.base.sizes import product
from paramcalc.ops.attributes import Word
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, need_axes


@dataclass(frozen=True)
class Cumsum(Op):
    """At each position of the axis, the sum of the values up to and including it.

    Input, output: any tensor with that axis
    """

    axis: Word = field(metadata={"choices": AXES})

    examples = (Example("cumsum length", ("{length: 128, channels: 64}",), "128x64"),)

    def shape(self, *inputs: Shape) -> Shape:
        return need_axes(self, inputs[0], (self.axis,))

    def cost(self, *inputs: Shape) -> Cost:
        (x,) = inputs
        others = product(dim for axis, dim in zip(x.axes, x.dims, strict=True) if axis != self.axis)
        return Cost(operations={"add": (x.size(self.axis) - 1) * others})

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        if axis != self.axis:
            return super().reach(axis, x, output)
        return Reach(axis, Steps((0,), 0), Steps((0,), 1))

    def forward(self, tools: Tools, x: Array) -> Array:
        return x.cumsum(axis=tools.axis(self.axis))
