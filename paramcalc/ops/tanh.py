"""Hyperbolic tangent."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.base import Array, Elementwise, Example, Tools


@dataclass(frozen=True)
class Tanh(Elementwise):
    """tanh(x), element by element."""

    per_element = {"tanh": 1}
    examples = (Example("tanh", ("64x56x56",), "64x56x56"),)

    def forward(self, tools: Tools, x: Array) -> Array:
        return tools.elementwise(tools.tanh, x)
