"""Piecewise linear sigmoid."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.base import Array, Elementwise, Example, Tools


@dataclass(frozen=True)
class HardSigmoid(Elementwise):
    """min(max(x + 3, 0), 6) / 6, element by element."""

    per_element = {"add": 1, "compare": 2, "divide": 1}
    examples = (Example("hard_sigmoid", ("64x56x56",), "64x56x56"),)

    def forward(self, tools: Tools, x: Array) -> Array:
        return tools.elementwise(lambda v: tools.minimum(tools.maximum(v + 3, 0), 6) / 6, x)
