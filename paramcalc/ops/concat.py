"""Joining tensors along an axis."""

from __future__ import annotations

from dataclasses import dataclass, field

from paramcalc.base.reach import Reach, shifted
from paramcalc.base.shape import AXES, CHANNELS, Shape
from paramcalc.base.sizes import Size, total
from paramcalc.ops.attributes import Word
from paramcalc.ops.base import Array, Example, Op, Tools, need_axes, need_same_shape, no_step


@dataclass(frozen=True)
class Concat(Op):
    """The inputs one after the other along one axis (default: the channels).

    Inputs: two or more tensors, equal in all other axes
    Output: the sum of the sizes along `axis`
    """

    axis: Word = field(default=CHANNELS, metadata={"choices": AXES})

    takes_ids = True
    inputs = None
    examples = (Example("concat", ("64x28x28", "128x28x28"), "192x28x28"),)

    def shape(self, *inputs: Shape) -> Shape:
        first = need_same_shape(self, inputs, but=self.axis)
        need_axes(self, first, (self.axis,))
        return first.resized({self.axis: total(x.size(self.axis) for x in inputs)})

    def reaches(self, *inputs: Shape) -> tuple[dict[str, Reach], ...]:
        before, found = 0, []
        for x in inputs:
            offsets = {axis: -before if axis == self.axis else 0 for axis in x.axes if axis != CHANNELS}
            found.append({axis: shifted(axis, by) for axis, by in offsets.items()})
            before += x.size(self.axis)
        return tuple(found)

    def decode(self, past: Size, *inputs: Shape) -> tuple[Op, tuple[Shape, ...]]:
        if self.axis == "length":
            why = "it joins sequences, so the next token has more before it than --decode says"
            fix = "leave the join out, and include the tokens that it adds in front in --decode"
            raise no_step(self, why, fix=fix)
        return super().decode(past, *inputs)

    def forward(self, tools: Tools, *inputs: Array) -> Array:
        return tools.concatenate(inputs, tools.axis(self.axis))
