"""Normalized exponentials."""

from __future__ import annotations

from dataclasses import dataclass, field

from paramcalc.base.reach import Reach, whole
from paramcalc.base.shape import AXES, CHANNELS, Shape
from paramcalc.base.sizes import floor_divide
from paramcalc.ops.attributes import Word
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, need_axes


@dataclass(frozen=True)
class Softmax(Op):
    """exp(x) divided by its sum along one axis (default: the channels).

    Input, output: any tensor with that axis

    The greatest value is subtracted first, so that no exponential overflows; the work includes that.
    """

    axis: Word = field(default=CHANNELS, metadata={"choices": AXES})

    examples = (Example("softmax", ("1000",), "1000"),)

    def shape(self, *inputs: Shape) -> Shape:
        return need_axes(self, inputs[0], (self.axis,))

    def cost(self, *inputs: Shape) -> Cost:
        (x,) = inputs
        elements = x.elements
        pairs = elements - floor_divide(elements, x.size(self.axis))  # n - 1 for each sum or maximum of n
        return Cost(
            operations={
                "compare": pairs,
                "subtract": elements,
                "exp": elements,
                "add": pairs,
                "divide": elements,
            }
        )

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        return whole(x.size(axis)) if axis == self.axis else super().reach(axis, x, output)

    def forward(self, tools: Tools, x: Array) -> Array:
        axis = tools.axis(self.axis)
        y = x - x.max(axis=axis, keepdims=True)
        tools.exp(y, out=y)
        y /= y.sum(axis=axis, keepdims=True)
        return y
