"""Sum of tensors."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.shape import Shape
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, need_same_shape


@dataclass(frozen=True)
class Add(Op):
    """The inputs added, element by element.

    Inputs: two or more tensors of one shape; nothing is broadcast
    Output: the same shape

    A sum of a tensor with a smaller one is nearly always a shortcut that was meant to have the same
    shape, so it is refused; gates that spread are `multiply`.
    """

    inputs = None
    examples = (Example("add", ("256x56x56", "256x56x56"), "256x56x56"),)

    def shape(self, *inputs: Shape) -> Shape:
        return need_same_shape(self, inputs)

    def cost(self, *inputs: Shape) -> Cost:
        return Cost(operations={"add": (len(inputs) - 1) * inputs[0].elements})

    def forward(self, tools: Tools, *inputs: Array) -> Array:
        if len(inputs) == 2:
            return tools.elementwise(tools.add, *inputs)
        return tools.elementwise(lambda *parts: sum(parts[1:], parts[0]), *inputs)
