"""Vectors of length one."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.shape import Shape
from paramcalc.ops._norm import AxesNorm, lengthening, unit_length
from paramcalc.ops.attributes import Number
from paramcalc.ops.base import Array, Cost, Example, Tools, need_axes, need_epsilon


@dataclass(frozen=True)
class L2Norm(AxesNorm):
    """Each vector along the axes (default: the channels) divided by its Euclidean length, or by eps if that is more.

    Input, output: any tensor with those axes

    Like `F.normalize`: no weights, no centring.
    """

    eps: Number = 1e-12

    examples = (Example("l2_norm", ("{length: 49, channels: 32}",), "49x32"),)

    def shape(self, *inputs: Shape) -> Shape:
        need_epsilon(self, self.eps)
        return need_axes(self, inputs[0], self.axis)

    def cost(self, *inputs: Shape) -> Cost:
        (x,) = inputs
        return Cost(operations=lengthening(x.elements, self.groups(x)))

    def forward(self, tools: Tools, x: Array) -> Array:
        return unit_length(tools, x, tuple({*map(tools.axis, self.axis)}), float(self.eps))
