"""Natural logarithm."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.base import Array, Elementwise, Example, Tools


@dataclass(frozen=True)
class Log(Elementwise):
    """log(x), element by element."""

    partial = True
    per_element = {"log": 1}
    examples = (Example("log", ("1x80x3000",), "1x80x3000"),)

    def forward(self, tools: Tools, x: Array) -> Array:
        return tools.elementwise(tools.log, x)
