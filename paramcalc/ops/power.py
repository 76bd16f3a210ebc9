"""Power with a fixed exponent."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.attributes import Number
from paramcalc.ops.base import Array, Elementwise, Example, Tools


@dataclass(frozen=True)
class Power(Elementwise):
    """x ** exponent, element by element: one call of `power` each, whatever the exponent.

    For x*x and the square root use `square` and `sqrt`, which count a product and a root.
    """

    exponent: Number

    partial = True
    per_element = {"power": 1}
    examples = (Example("power 3", ("64x28x28",), "64x28x28"),)

    def forward(self, tools: Tools, x: Array) -> Array:
        return tools.elementwise(lambda part: tools.power(part, float(self.exponent)), x)
