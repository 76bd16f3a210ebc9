"""Dropout."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.shape import Shape
from paramcalc.ops.attributes import Number
from paramcalc.ops.base import Array, Elementwise, Example, Tools, need_probability


@dataclass(frozen=True)
class Dropout(Elementwise):
    """Each element set to zero with probability p while training; nothing at inference.

    Input, output: any tensor

    Training multiplies what is kept by 1 / (1 - p), so inference needs no scaling.
    """

    p: Number = 0.5

    examples = (Example("dropout 0.7", ("1024",), "1024"),)

    def shape(self, *inputs: Shape) -> Shape:
        need_probability(self, self.p, "p")
        return inputs[0]

    def forward(self, tools: Tools, x: Array) -> Array:
        return x
