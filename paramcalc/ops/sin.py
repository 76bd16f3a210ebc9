"""Sine."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.base import Array, Elementwise, Example, Tools


@dataclass(frozen=True)
class Sin(Elementwise):
    """sin(x), element by element."""

    per_element = {"sin": 1}
    examples = (Example("sin", ("64x28x28",), "64x28x28"),)

    def forward(self, tools: Tools, x: Array) -> Array:
        return tools.elementwise(tools.sin, x)
