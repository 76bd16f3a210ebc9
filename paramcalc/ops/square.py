"""Square."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.base import Array, Elementwise, Example, Tools


@dataclass(frozen=True)
class Square(Elementwise):
    """x * x, element by element."""

    per_element = {"multiply": 1}
    examples = (Example("square", ("64x28x28",), "64x28x28"),)

    def forward(self, tools: Tools, x: Array) -> Array:
        return tools.elementwise(lambda v: v * v, x)
