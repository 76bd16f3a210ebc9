"""Multiplication by a constant."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.attributes import Number
from paramcalc.ops.base import Array, Elementwise, Example, Tools


@dataclass(frozen=True)
class Scale(Elementwise):
    """Each element times a fixed number.

    Input, output: any tensor

    Inception-ResNet scales its residuals so before adding them (Szegedy et al. 2016, section 3.3).
    """

    factor: Number

    per_element = {"multiply": 1}
    examples = (Example("scale 0.1", ("384x35x35",), "384x35x35"),)

    def forward(self, tools: Tools, x: Array) -> Array:
        return tools.elementwise(lambda part: part * float(self.factor), x)
