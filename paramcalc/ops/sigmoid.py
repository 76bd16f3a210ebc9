"""Logistic sigmoid."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.base import Array, Elementwise, Example, Tools


@dataclass(frozen=True)
class Sigmoid(Elementwise):
    """1 / (1 + exp(-x)), element by element."""

    per_element = {"exp": 1, "add": 1, "divide": 1}
    examples = (Example("sigmoid", ("64x56x56",), "64x56x56"),)

    def forward(self, tools: Tools, x: Array) -> Array:
        return tools.elementwise(lambda v: 1 / (1 + tools.exp(-v)), x)
