"""Square root."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.base import Array, Elementwise, Example, Tools


@dataclass(frozen=True)
class Sqrt(Elementwise):
    """The square root of x, element by element."""

    partial = True
    per_element = {"sqrt": 1}
    examples = (Example("sqrt", ("64x28x28",), "64x28x28"),)

    def forward(self, tools: Tools, x: Array) -> Array:
        return tools.elementwise(tools.sqrt, x)
