"""Rectified linear unit."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.base import Array, Elementwise, Example, Tools


@dataclass(frozen=True)
class Relu(Elementwise):
    """max(x, 0), element by element."""

    per_element = {"compare": 1}
    examples = (Example("relu", ("64x112x112",), "64x112x112"),)

    def forward(self, tools: Tools, x: Array) -> Array:
        return tools.elementwise(tools.maximum, x, 0)
