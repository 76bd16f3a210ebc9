"""The greatest of several tensors, element by element."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from paramcalc.base.shape import Shape
from paramcalc.ops._spread import spread_arrays, spread_shape
from paramcalc.ops.base import Array, Cost, Example, Op, Tools


@dataclass(frozen=True)
class Maximum(Op):
    """The greatest of the inputs at each element; a smaller tensor is spread as in `add`.

    Inputs: two or more tensors; one has the full shape
    Output: the full shape
    """

    inputs = None
    examples = (
        Example("maximum", ("256x7x7", "256x7x7"), "256x7x7"),
        Example("maximum", ("256x7x7", "256"), "256x7x7"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        return spread_shape(self, inputs)

    def cost(self, *inputs: Shape) -> Cost:
        return Cost(operations={"compare": (len(inputs) - 1) * self.shape(*inputs).elements})

    def forward(self, tools: Tools, *inputs: Array) -> Array:
        return reduce(tools.maximum, spread_arrays(tools, inputs, self.shape(*tools.shapes)))
