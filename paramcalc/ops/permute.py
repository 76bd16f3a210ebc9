"""Axes in another order."""

from __future__ import annotations

from dataclasses import dataclass, field

from paramcalc.base.errors import Fault
from paramcalc.base.shape import AXES, Shape
from paramcalc.ops.attributes import Words
from paramcalc.ops.base import Array, Example, Op, Tools


@dataclass(frozen=True)
class Permute(Op):
    """The same elements with the axes in the order given, by name.

    Input:  any tensor
    Output: the axes in the order of `axes`; each must be named once
    """

    axes: Words = field(metadata={"choices": AXES})

    takes_ids = True
    examples = (
        Example("permute (width, channels, height)", ("3x4x5",), "5x3x4"),
        Example("permute (channels, length)", ("{length: 196, channels: 768}",), "768x196"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        if sorted(self.axes) != sorted(x.axes):
            raise Fault(
                f"{self.title} must name each axis of its input once",
                expected=f"{', '.join(x.axes)} in any order, for an input of {x.described()}",
                found=", ".join(self.axes),
                about="axes",
            )
        return Shape(self.axes, tuple(x.size(axis) for axis in self.axes))

    def forward(self, tools: Tools, x: Array) -> Array:
        return x.transpose(0, *(tools.axis(axis) for axis in self.axes))
