"""Joining tensors along a new axis."""

from __future__ import annotations

from dataclasses import dataclass, field

from paramcalc.base.errors import Fault
from paramcalc.base.shape import AXES, Shape
from paramcalc.ops.attributes import Word
from paramcalc.ops.base import Array, Example, Op, Tools, need_kind, need_same_shape


@dataclass(frozen=True)
class StackAs(Op):
    """The inputs one after the other along a new axis, before the others.

    Inputs: two or more tensors of one shape
    Output: the number of inputs, then that shape
    """

    axis: Word = field(metadata={"choices": AXES})

    takes_ids = True
    inputs = None
    examples = (
        Example("stack_as depth", ("64x28x28", "64x28x28"), "2x64x28x28"),
        Example("stack_as length", ("768", "768", "768"), "3x768"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        x = need_same_shape(self, inputs)
        if self.axis in x.axes:
            raise Fault(
                f"{self.title}: the inputs have an axis {self.axis} already",
                found=x.described(),
                fix="choose another name, or concat along this one",
                about="axis",
            )
        return need_kind(self, x, Shape((self.axis, *x.axes), (len(inputs), *x.dims)))

    def forward(self, tools: Tools, *inputs: Array) -> Array:
        return tools.stack(inputs, 1)
