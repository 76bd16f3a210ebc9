"""One position of an axis."""

from __future__ import annotations

from dataclasses import dataclass, field

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, Steps
from paramcalc.base.shape import AXES, Shape
from paramcalc.base.sizes import Size, at_least
from paramcalc.ops.attributes import Int, Word
from paramcalc.ops.base import Array, Example, Op, Tools, need_axes, need_kind


@dataclass(frozen=True)
class Select(Op):
    """One position of an axis, which is removed.

    Input:  any tensor with that axis and another
    Output: the other axes

    Positions count from 0, or from the end: -1 is the last. `slice` keeps the axis.
    """

    axis: Word = field(metadata={"choices": AXES})
    index: Int

    takes_ids = True
    examples = (
        Example("select length 0", ("{length: 197, channels: 768}",), "768"),
        Example("select depth -1", ("16x8x7x7",), "16x7x7"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        x = need_axes(self, inputs[0], (self.axis,))
        self._position(x)
        if len(x.axes) == 1:
            raise Fault(
                f"{self.title} leaves no axis",
                found=x.described(),
                fix="write slice to keep it",
                about="axis",
            )
        kept = [(axis, dim) for axis, dim in zip(x.axes, x.dims, strict=True) if axis != self.axis]
        return need_kind(self, x, Shape(*map(tuple, zip(*kept, strict=True))))

    def _position(self, x: Shape) -> Size:
        size = x.size(self.axis)
        place = self.index if at_least(self.index, 0) else size + self.index
        if not at_least(place, 0) or not at_least(size - 1, place):
            raise Fault(
                f"{self.title}: no such position of the {self.axis}",
                expected=f"from 0 to {size - 1}, or from -{size} to -1",
                found=str(self.index),
                about="index",
            )
        return place

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        if axis != self.axis:
            return super().reach(axis, x, output)
        return Reach("", Steps((self._position(x),), 0), Steps((self._position(x),), 0))

    def forward(self, tools: Tools, x: Array) -> Array:
        return x.take(self.index, axis=tools.axis(self.axis))
