"""Positions in reverse order."""

from __future__ import annotations

from dataclasses import dataclass, field

from paramcalc.base.reach import Reach, Steps
from paramcalc.base.shape import AXES, Shape
from paramcalc.ops.attributes import Words
from paramcalc.ops.base import Array, Example, Op, Tools, need_axes


@dataclass(frozen=True)
class Flip(Op):
    """The positions of the named axes from the last to the first.

    Input, output: any tensor with those axes
    """

    axis: Words = field(metadata={"choices": AXES})

    takes_ids = True
    examples = (Example("flip length", ("{length: 128, channels: 64}",), "128x64"),)

    def shape(self, *inputs: Shape) -> Shape:
        return need_axes(self, inputs[0], self.axis)

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        if axis not in self.axis:
            return super().reach(axis, x, output)
        end = Steps((x.size(axis) - 1,), -1)
        return Reach(axis, end, end)

    def forward(self, tools: Tools, x: Array) -> Array:
        turned = {tools.axis(axis) for axis in self.axis}
        return x[tuple(slice(None, None, -1 if axis in turned else None) for axis in range(x.ndim))]
