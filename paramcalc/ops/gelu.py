"""Gaussian error linear unit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from paramcalc.base.shape import Shape
from paramcalc.ops.attributes import Word
from paramcalc.ops.base import Array, Cost, Elementwise, Example, Tools


@dataclass(frozen=True)
class Gelu(Elementwise):
    """x * Phi(x), with the distribution function of the normal distribution, element by element.

    approximate=none: 0.5 * x * (1 + erf(x / sqrt(2)))
    approximate=tanh: 0.5 * x * (1 + tanh(sqrt(2/pi) * (x + 0.044715 * x**3))), as in GPT-2 and BERT
    (Hendrycks and Gimpel 2016, section 2)
    """

    approximate: Word = field(default="none", metadata={"choices": ("none", "tanh")})

    per_element = {"multiply": 3, "add": 1, "erf": 1}
    tanh_per_element: ClassVar[Mapping[str, int]] = {"multiply": 6, "add": 2, "tanh": 1}
    examples = (
        Example("gelu", ("{length: 197, channels: 3072}",), "197x3072"),
        Example("gelu tanh", ("{length: 1024, channels: 3072}",), "1024x3072"),
    )

    def cost(self, *inputs: Shape) -> Cost:
        elements = inputs[0].elements
        work = self.per_element if self.approximate == "none" else self.tanh_per_element
        return Cost(operations={kind: times * elements for kind, times in work.items()})

    def forward(self, tools: Tools, x: Array) -> Array:
        def by_erf(v: Array) -> Array:
            return 0.5 * v * (1 + tools.erf(v * math.sqrt(0.5)))

        def by_tanh(v: Array) -> Array:
            return 0.5 * v * (1 + tools.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v * v * v)))

        return tools.elementwise(by_erf if self.approximate == "none" else by_tanh, x)
