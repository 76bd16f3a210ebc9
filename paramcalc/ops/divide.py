"""Quotient of two tensors."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops._spread import SpreadOp, spread_arrays
from paramcalc.ops.base import Array, Example, Tools


@dataclass(frozen=True)
class Divide(SpreadOp):
    """The left input divided by the right one, element by element; the smaller one is spread as in `add`.

    Left, right: tensors of one shape; or one of them has size 1 along some axes, or channels alone
    Output:      the full shape
    """

    inputs = ("left", "right")
    operation = "divide"
    examples = (
        Example("divide", ("256x7x7", "256x7x7"), "256x7x7"),
        Example("divide", ("{length: 9, channels: 8}", "{length: 9, channels: 1}"), "9x8"),
    )

    def forward(self, tools: Tools, left: Array, right: Array) -> Array:
        one, other = spread_arrays(tools, (left, right), self.shape(*tools.shapes))
        return one / other
