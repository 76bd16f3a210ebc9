"""Mish."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.base import Array, Elementwise, Example, Tools

ENOUGH = 20  # tanh(log(1 + exp(20))) is 1 to the last digit, and no exponential overflows


@dataclass(frozen=True)
class Mish(Elementwise):
    """x * tanh(log(1 + exp(x))), element by element (Misra 2019)."""

    per_element = {"exp": 1, "add": 1, "log": 1, "tanh": 1, "multiply": 1}
    examples = (Example("mish", ("64x28x28",), "64x28x28"),)

    def forward(self, tools: Tools, x: Array) -> Array:
        def mish(v: Array) -> Array:
            return v * tools.tanh(tools.log1p(tools.exp(tools.minimum(v, ENOUGH))))

        return tools.elementwise(mish, x)
