"""Smooth rectified linear unit."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.attributes import Number
from paramcalc.ops.base import Array, Elementwise, Example, Tools


@dataclass(frozen=True)
class Softplus(Elementwise):
    """log(1 + exp(beta * x)) / beta, element by element; x itself where beta * x is above the threshold.

    The work is that below the threshold for all values.
    """

    beta: Number = 1
    threshold: Number = 20

    per_element = {"multiply": 1, "compare": 1, "exp": 1, "add": 1, "log": 1, "divide": 1}
    examples = (Example("softplus", ("64x28x28",), "64x28x28"),)

    def forward(self, tools: Tools, x: Array) -> Array:
        beta, threshold = float(self.beta), float(self.threshold)

        def softplus(v: Array) -> Array:
            steep = beta * v
            below = tools.log1p(tools.exp(tools.minimum(steep, threshold))) / beta
            return tools.where(steep > threshold, v, below)

        return tools.elementwise(softplus, x)
