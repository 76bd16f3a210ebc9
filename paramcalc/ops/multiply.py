"""Product of tensors, element by element."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import mul

from paramcalc.ops._spread import SpreadOp, spread_arrays
from paramcalc.ops.base import Array, Example, Tools


@dataclass(frozen=True)
class Multiply(SpreadOp):
    """The inputs multiplied, element by element; a gate is spread along the axes where it has size 1.

    Inputs: two or more tensors; one has the full shape, the others the same, or size 1 along any of
            its axes, or channels alone, without space
    Output: the full shape

    A vector of channels gates an image as in squeeze-and-excitation (Hu et al. 2017), a map of one
    channel as in CBAM (Woo et al. 2018) and attention gates (Oktay et al. 2018). No two gates
    can spread each other: one of the inputs must have the full shape.
    """

    inputs = None
    operation = "multiply"
    examples = (
        Example("multiply", ("256", "256x56x56"), "256x56x56"),
        Example("multiply", ("256x56x56", "256x1x1"), "256x56x56"),
        Example("multiply", ("64x28x28", "1x28x28"), "64x28x28"),
        Example("multiply", ("{length: 9, channels: 8}", "{length: 9, channels: 8}"), "9x8"),
    )

    def forward(self, tools: Tools, *inputs: Array) -> Array:
        return reduce(mul, spread_arrays(tools, inputs, self.shape(*tools.shapes)))
