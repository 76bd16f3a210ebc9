"""Rectified linear unit with an upper end."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.base import Array, Elementwise, Example, Tools


@dataclass(frozen=True)
class Relu6(Elementwise):
    """min(max(x, 0), 6), element by element."""

    per_element = {"compare": 2}
    examples = (Example("relu6", ("64x56x56",), "64x56x56"),)

    def forward(self, tools: Tools, x: Array) -> Array:
        return tools.elementwise(lambda v: tools.minimum(tools.maximum(v, 0), 6), x)
