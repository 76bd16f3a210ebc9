"""Exponential linear unit."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.attributes import Number
from paramcalc.ops.base import Array, Elementwise, Example, Tools


@dataclass(frozen=True)
class Elu(Elementwise):
    """x where it is positive, alpha * (exp(x) - 1) elsewhere.

    The work is that of the negative side for all values.
    """

    alpha: Number = 1

    per_element = {"compare": 1, "exp": 1, "subtract": 1, "multiply": 1}
    examples = (Example("elu", ("64x56x56",), "64x56x56"),)

    def forward(self, tools: Tools, x: Array) -> Array:
        alpha = float(self.alpha)
        return tools.elementwise(lambda v: tools.maximum(v, 0) + alpha * tools.expm1(tools.minimum(v, 0)), x)
