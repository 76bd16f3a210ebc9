"""Nothing done."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.base import Array, Elementwise, Example, Tools


@dataclass(frozen=True)
class Identity(Elementwise):
    """The input itself; no layer of its own."""

    passes = True
    examples = (Example("identity", ("64x56x56",), "64x56x56"),)

    def forward(self, tools: Tools, x: Array) -> Array:
        return x
