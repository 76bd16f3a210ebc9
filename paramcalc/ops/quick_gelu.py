"""Gaussian error linear unit by a sigmoid."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.base import Array, Elementwise, Example, Tools


@dataclass(frozen=True)
class QuickGelu(Elementwise):
    """x * sigmoid(1.702 * x), element by element, as in CLIP (Hendrycks and Gimpel 2016, section 2)."""

    per_element = {"multiply": 1, "exp": 1, "add": 1, "divide": 1}
    examples = (Example("quick_gelu", ("{length: 50, channels: 3072}",), "50x3072"),)

    def forward(self, tools: Tools, x: Array) -> Array:
        return tools.elementwise(lambda part: part / (1 + tools.exp(-1.702 * part)), x)
