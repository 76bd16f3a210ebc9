"""Where the greatest value is."""

from __future__ import annotations

from dataclasses import dataclass, field

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, whole
from paramcalc.base.shape import AXES, CHANNELS, Shape
from paramcalc.base.sizes import floor_divide
from paramcalc.ops.attributes import Word
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, need_axes


@dataclass(frozen=True)
class Argmax(Op):
    """Ids: the channel with the greatest value at each position, or the position of the greatest id.

    Input:  channels and other axes; or token ids with that axis
    Output: token ids. The channels are removed; an axis of ids stays, with size 1

    CLIP finds the end of a text this way: `argmax length` of its ids, for `gather`.
    """

    axis: Word = field(default=CHANNELS, metadata={"choices": AXES})

    takes_ids = True
    examples = (
        Example("argmax", ("21x33x65",), "33x65"),
        Example("argmax length", ("{length: 77}",), "1"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        x = need_axes(self, inputs[0], (self.axis,))
        if CHANNELS not in x.axes:
            return x.resized({self.axis: 1})
        if self.axis != CHANNELS or len(x.axes) == 1:
            raise Fault(
                f"{self.title} gives ids: of the channels at each position, or of token ids",
                found=x.described(),
                fix="" if self.axis == CHANNELS else "leave out the axis",
                about="axis",
            )
        return Shape(tuple(axis for axis in x.axes if axis != CHANNELS), x.space)

    def cost(self, *inputs: Shape) -> Cost:
        (x,) = inputs
        return Cost(operations={"compare": x.elements - floor_divide(x.elements, x.size(self.axis))})

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        return whole(x.size(axis)) if axis == self.axis else super().reach(axis, x, output)

    def forward(self, tools: Tools, x: Array) -> Array:
        y = x.argmax(axis=tools.axis(self.axis))
        return y if CHANNELS in tools.shapes[0].axes else y.reshape(len(x), *self.shape(*tools.shapes).dims)
