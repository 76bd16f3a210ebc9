"""Vectors of length one."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.shape import Shape
from paramcalc.ops._norm import AxesNorm
from paramcalc.ops.attributes import Number
from paramcalc.ops.base import Array, Cost, Example, Tools, need_axes, need_epsilon


@dataclass(frozen=True)
class L2Norm(AxesNorm):
    """Each vector along the axes (default: the channels) divided by its Euclidean length, or by eps if that is more.

    Input, output: any tensor with those axes

    As `F.normalize`: nothing is learned and nothing centred.
    """

    eps: Number = 1e-12

    examples = (Example("l2_norm", ("{length: 49, channels: 32}",), "49x32"),)

    def shape(self, *inputs: Shape) -> Shape:
        need_epsilon(self, self.eps)
        return need_axes(self, inputs[0], self.axis)

    def cost(self, *inputs: Shape) -> Cost:
        (x,) = inputs
        elements, groups = x.elements, self.groups(x)
        work = {"multiply": elements, "add": elements - groups, "sqrt": groups, "compare": groups}
        return Cost(operations={**work, "divide": elements})

    def forward(self, tools: Tools, x: Array) -> Array:
        axes = tuple({*map(tools.axis, self.axis)})
        length = tools.sqrt(tools.sum(x * x, axis=axes, keepdims=True))
        return x / tools.maximum(length, float(self.eps))
