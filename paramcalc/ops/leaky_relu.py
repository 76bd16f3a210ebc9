"""Leaky rectified linear unit."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.attributes import Number
from paramcalc.ops.base import Array, Elementwise, Example, Tools


@dataclass(frozen=True)
class LeakyRelu(Elementwise):
    """x where it is positive, negative_slope * x elsewhere."""

    negative_slope: Number = 0.01

    per_element = {"compare": 1, "multiply": 1}
    examples = (Example("leaky_relu 0.1", ("64x56x56",), "64x56x56"),)

    def forward(self, tools: Tools, x: Array) -> Array:
        slope = float(self.negative_slope)
        return tools.elementwise(lambda v: tools.maximum(v, 0) + slope * tools.minimum(v, 0), x)
