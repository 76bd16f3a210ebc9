"""Difference of two tensors."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops._spread import SpreadOp, spread_arrays
from paramcalc.ops.base import Array, Example, Tools


@dataclass(frozen=True)
class Subtract(SpreadOp):
    """The left input minus the right one, element by element; the smaller one is spread as in `add`.

    Left, right: tensors of one shape; or one of them has size 1 along some axes, or channels alone
    Output:      the full shape
    """

    inputs = ("left", "right")
    operation = "subtract"
    examples = (
        Example("subtract", ("4096", "4096"), "4096"),
        Example("subtract", ("1x28x28", "64x28x28"), "64x28x28"),
    )

    def forward(self, tools: Tools, left: Array, right: Array) -> Array:
        if left.shape == right.shape:
            return tools.elementwise(lambda one, other: one - other, left, right)
        one, other = spread_arrays(tools, (left, right), self.shape(*tools.shapes))
        return one - other
