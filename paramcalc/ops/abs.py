"""Absolute value."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.base import Array, Elementwise, Example, Tools


@dataclass(frozen=True)
class Abs(Elementwise):
    """The distance from 0, element by element. Changing a sign is free, testing it is one comparison."""

    per_element = {"compare": 1}
    examples = (Example("abs", ("4096",), "4096"),)

    def forward(self, tools: Tools, x: Array) -> Array:
        return tools.elementwise(tools.abs, x)
