"""Stochastic depth."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.shape import Shape
from paramcalc.ops.attributes import Number
from paramcalc.ops.base import Array, Elementwise, Example, Tools, need_probability


@dataclass(frozen=True)
class DropPath(Elementwise):
    """A sample's whole tensor set to zero with probability p while training; nothing at inference.

    Input, output: any tensor

    It belongs on the residual branch, before the addition. Samples of one batch are dropped singly
    (Huang et al. 2016, as Larsson et al. 2017 call it).
    """

    p: Number

    examples = (Example("drop_path 0.1", ("96x56x56",), "96x56x56"),)

    def shape(self, *inputs: Shape) -> Shape:
        need_probability(self, self.p, "p")
        return inputs[0]

    def forward(self, tools: Tools, x: Array) -> Array:
        return x
