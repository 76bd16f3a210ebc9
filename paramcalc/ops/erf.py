"""Error function."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.base import Array, Elementwise, Example, Tools


@dataclass(frozen=True)
class Erf(Elementwise):
    """erf(x), element by element; `gelu` has it inside."""

    per_element = {"erf": 1}
    examples = (Example("erf", ("{length: 197, channels: 3072}",), "197x3072"),)

    def forward(self, tools: Tools, x: Array) -> Array:
        return tools.elementwise(tools.erf, x)
