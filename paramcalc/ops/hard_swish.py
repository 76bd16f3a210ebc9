"""Piecewise linear swish."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.base import Array, Elementwise, Example, Tools


@dataclass(frozen=True)
class HardSwish(Elementwise):
    """x * min(max(x + 3, 0), 6) / 6, element by element."""

    per_element = {"add": 1, "compare": 2, "multiply": 1, "divide": 1}
    examples = (Example("hard_swish", ("64x56x56",), "64x56x56"),)

    def forward(self, tools: Tools, x: Array) -> Array:
        return tools.elementwise(lambda v: v * tools.minimum(tools.maximum(v + 3, 0), 6) / 6, x)
