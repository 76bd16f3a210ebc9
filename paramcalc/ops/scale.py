"""Multiplication by a constant, and addition of one."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.shape import Shape
from paramcalc.ops.attributes import Number
from paramcalc.ops.base import Array, Cost, Elementwise, Example, Tools


@dataclass(frozen=True)
class Scale(Elementwise):
    """Each element times a fixed number, plus a fixed offset.

    Input, output: any tensor

    Inception-ResNet scales its residuals this way before adding them (Szegedy et al. 2016, section 3.3).
    """

    factor: Number = 1
    offset: Number = 0

    examples = (Example("scale 0.1", ("384x35x35",), "384x35x35"),)

    def cost(self, *inputs: Shape) -> Cost:
        work = {"multiply": self.factor != 1, "add": self.offset != 0}
        return Cost(operations={kind: inputs[0].elements for kind, done in work.items() if done})

    def forward(self, tools: Tools, x: Array) -> Array:
        factor, offset = float(self.factor), float(self.offset)
        if factor == 1:
            return tools.elementwise(lambda part: part + offset, x)
        return tools.elementwise(lambda part: part * factor + offset if offset else part * factor, x)
