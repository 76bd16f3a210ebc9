"""The greatest values along an axis."""

from __future__ import annotations

from dataclasses import dataclass, field

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, whole
from paramcalc.base.shape import AXES, CHANNELS, Shape
from paramcalc.base.sizes import Size, at_least, floor_divide, product, same
from paramcalc.ops.attributes import Flag, Word
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, need_axes


@dataclass(frozen=True)
class TopK(Op):
    """The `k` greatest values along an axis, the greatest first; or, with indices=true, their positions.

    Input:  any tensor with that axis
    Output: k positions along it. Indices are token ids: they need a single channel, which is removed

    The work is that of finding the greatest k times, each time of one value fewer: k*(2n - k - 1)/2
    comparisons. Two-stage detectors choose their queries this way, and fetch them with `gather`.
    """

    k: Size
    axis: Word = field(default=CHANNELS, metadata={"choices": AXES})
    indices: Flag = False

    examples = (
        Example("top_k 5", ("1000",), "5"),
        Example("top_k 300 length indices=true", ("{length: 8400, channels: 1}",), "300"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        x = need_axes(self, inputs[0], (self.axis,))
        size = x.size(self.axis)
        if not at_least(size, self.k):
            raise Fault(
                f"{self.title}: the {self.axis} has fewer positions than k",
                expected=f"at most {size}",
                found=str(self.k),
                about="k",
            )
        if not self.indices:
            return x.resized({self.axis: self.k})
        if self.axis == CHANNELS or not same(x.channels, 1):
            raise Fault(
                f"{self.title}: indices are ids of positions with one channel",
                expected="an axis besides the channels, and 1 channel",
                found=f"{x.described()}, along the {self.axis}",
                fix="put reduce_max before it" if self.axis != CHANNELS else "",
                about="indices",
            )
        kept = [axis for axis in x.axes if axis != CHANNELS]
        return Shape(tuple(kept), tuple(self.k if axis == self.axis else x.size(axis) for axis in kept))

    def cost(self, *inputs: Shape) -> Cost:
        (x,) = inputs
        size = x.size(self.axis)
        others = product(dim for axis, dim in zip(x.axes, x.dims, strict=True) if axis != self.axis)
        return Cost(operations={"compare": others * floor_divide(self.k * (2 * size - self.k - 1), 2)})

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        return whole(x.size(axis)) if axis == self.axis else super().reach(axis, x, output)

    def forward(self, tools: Tools, x: Array) -> Array:
        axis = tools.axis(self.axis)
        order = (-x).argsort(axis=axis, kind="stable").take(range(self.k), axis=axis)
        if self.indices:
            return order.reshape(len(x), *self.shape(*tools.shapes).dims)
        return tools.take_along_axis(x, order, axis)
