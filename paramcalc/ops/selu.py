"""Scaled exponential linear unit."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.base import Array, Elementwise, Example, Tools

ALPHA = 1.6732632423543772
SCALE = 1.0507009873554805


@dataclass(frozen=True)
class Selu(Elementwise):
    """scale * x where x is positive, scale * alpha * (exp(x) - 1) elsewhere.

    The two numbers keep zero mean and unit variance (Klambauer et al. 2017, equation 14). The work is
    that of the negative side.
    """

    per_element = {"compare": 1, "exp": 1, "subtract": 1, "multiply": 1}
    examples = (Example("selu", ("64x56x56",), "64x56x56"),)

    def forward(self, tools: Tools, x: Array) -> Array:
        def selu(v: Array) -> Array:
            return SCALE * (tools.maximum(v, 0) + ALPHA * tools.expm1(tools.minimum(v, 0)))

        return tools.elementwise(selu, x)
