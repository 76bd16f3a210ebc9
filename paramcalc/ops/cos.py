"""Cosine."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.base import Array, Elementwise, Example, Tools


@dataclass(frozen=True)
class Cos(Elementwise):
    """cos(x), element by element."""

    per_element = {"cos": 1}
    examples = (Example("cos", ("64x28x28",), "64x28x28"),)

    def forward(self, tools: Tools, x: Array) -> Array:
        return tools.elementwise(tools.cos, x)
