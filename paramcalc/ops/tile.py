"""A tensor several times one after the other."""

from __future__ import annotations

from dataclasses import dataclass, field

from paramcalc.base.reach import Reach, repeating
from paramcalc.base.shape import AXES, Shape
from paramcalc.base.sizes import Size
from paramcalc.ops.attributes import Word
from paramcalc.ops.base import Array, Example, Op, Tools, need_axes


@dataclass(frozen=True)
class Tile(Op):
    """The whole tensor `times` times one after the other along an axis.

    Input:  any tensor with that axis
    Output: times * size along it

    An axis of size 1 becomes equal positions. To repeat each position in place, use `upsample`.
    """

    axis: Word = field(metadata={"choices": AXES})
    times: Size

    takes_ids = True
    examples = (
        Example("tile length 4", ("{length: 1, channels: 64}",), "4x64"),
        Example("tile channels 3", ("1x28x28",), "3x28x28"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        x = need_axes(self, inputs[0], (self.axis,))
        return x.resized({self.axis: self.times * x.size(self.axis)})

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        if axis != self.axis:
            return super().reach(axis, x, output)
        return repeating(axis, x.size(axis), 0, lambda place: (place, place))

    def forward(self, tools: Tools, x: Array) -> Array:
        return tools.concatenate([x] * self.times, tools.axis(self.axis))
