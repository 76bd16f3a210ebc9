"""Sum of tensors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add

from paramcalc.ops._spread import SpreadOp, spread_arrays
from paramcalc.ops.base import Array, Example, Tools


@dataclass(frozen=True)
class Add(SpreadOp):
    """The inputs added, element by element; a smaller one is spread along the axes where it has size 1.

    Inputs: two or more tensors; one has the full shape, the others the same, or size 1 along any of
            its axes, or channels alone, without space
    Output: the full shape

    Two sizes that differ, neither of them 1, are refused: 56 against 28 is a shortcut that lost its
    stride. Two inputs cannot spread each other: one of them must have the full shape.
    """

    inputs = None
    operation = "add"
    examples = (
        Example("add", ("256x56x56", "256x56x56"), "256x56x56"),
        Example("add", ("256x56x56", "256"), "256x56x56"),
        Example("add", ("{length: 1, channels: 8}", "{length: 9, channels: 8}"), "9x8"),
    )

    def forward(self, tools: Tools, *inputs: Array) -> Array:
        whole = self.shape(*tools.shapes)
        if any(shape != whole for shape in tools.shapes):
            return reduce(add, spread_arrays(tools, inputs, whole))
        if len(inputs) == 2:
            return tools.elementwise(tools.add, *inputs)
        return tools.elementwise(lambda *parts: sum(parts[1:], parts[0]), *inputs)
