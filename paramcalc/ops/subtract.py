"""Difference of two tensors."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.shape import Shape
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, need_same_shape


@dataclass(frozen=True)
class Subtract(Op):
    """The left input minus the right one, element by element.

    Left, right: tensors of one shape; nothing is broadcast
    Output:      the same shape
    """

    inputs = ("left", "right")
    examples = (Example("subtract", ("4096", "4096"), "4096"),)

    def shape(self, *inputs: Shape) -> Shape:
        return need_same_shape(self, inputs)

    def cost(self, *inputs: Shape) -> Cost:
        return Cost(operations={"subtract": inputs[0].elements})

    def forward(self, tools: Tools, left: Array, right: Array) -> Array:
        return tools.elementwise(lambda one, other: one - other, left, right)
