"""Positions added around the spatial axes."""

from __future__ import annotations

from dataclasses import dataclass, field

from paramcalc.base.reach import Reach, shifted
from paramcalc.base.shape import Shape
from paramcalc.ops._layout import spread
from paramcalc.ops._window import PADDING_MODES, check_reach
from paramcalc.ops.attributes import Margins, Word
from paramcalc.ops.base import Array, Example, Op, Tools


@dataclass(frozen=True)
class Pad(Op):
    """Zeros, or copies of the input, before and after each axis but the channels.

    Input:  any tensor with an axis besides the channels
    Output: before + size + after along each such axis

    `padding` is a number for all ends, or for each axis a number or a pair (before, after); axes
    in the tensor's order, where PyTorch's F.pad starts with the last. As in PyTorch, `reflect`
    can pad by size - 1 at most, and `circular` by size.
    """

    padding: Margins
    mode: Word = field(default="zeros", metadata={"choices": PADDING_MODES})

    takes_ids = True
    examples = (
        Example("pad 3", ("3x224x224",), "3x230x230"),
        Example("pad ((0, 1), (2, 3)) mode=reflect", ("8x7x5",), "8x8x10"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        margins = spread(self, "padding", self.padding, x)
        for axis, ends in margins.items():
            check_reach(self, self.mode, axis, x.size(axis), ends)
        return x.resized({axis: before + x.size(axis) + after for axis, (before, after) in margins.items()})

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        margins = spread(self, "padding", self.padding, x)
        return shifted(axis, -margins[axis][0], self.mode)

    def forward(self, tools: Tools, x: Array) -> Array:
        (shape,) = tools.shapes
        margins = spread(self, "padding", self.padding, shape)
        return tools.pad(x, [margins.get(axis, (0, 0)) for axis in shape.axes], self.mode)
