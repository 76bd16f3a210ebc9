"""Exponential function."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.base import Array, Elementwise, Example, Tools


@dataclass(frozen=True)
class Exp(Elementwise):
    """e to the power of x, element by element."""

    per_element = {"exp": 1}
    examples = (Example("exp", ("64x28x28",), "64x28x28"),)

    def forward(self, tools: Tools, x: Array) -> Array:
        return tools.elementwise(tools.exp, x)
