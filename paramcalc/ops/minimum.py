"""The least of several tensors, element by element."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from paramcalc.ops._spread import SpreadOp, spread_arrays
from paramcalc.ops.base import Array, Example, Tools


@dataclass(frozen=True)
class Minimum(SpreadOp):
    """The least of the inputs at each element; a smaller tensor is spread as in `add`.

    Inputs: two or more tensors; one has the full shape
    Output: the full shape
    """

    inputs = None
    operation = "compare"
    examples = (
        Example("minimum", ("256x7x7", "256x7x7"), "256x7x7"),
        Example("minimum", ("256x7x7", "256"), "256x7x7"),
    )

    def forward(self, tools: Tools, *inputs: Array) -> Array:
        return reduce(tools.minimum, spread_arrays(tools, inputs, self.shape(*tools.shapes)))
