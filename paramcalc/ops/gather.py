"""Positions of an axis, by ids."""

from __future__ import annotations

from dataclasses import dataclass, field

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, alike, whole
from paramcalc.base.shape import AXES, CHANNELS, Shape
from paramcalc.ops.attributes import Word
from paramcalc.ops.base import Array, Example, Op, Tools, need_axes


@dataclass(frozen=True)
class Gather(Op):
    """The positions of an axis that ids name, in their order.

    Values: any tensor with that axis
    Ids:    token ids along one axis
    Output: as many positions along the axis as there are ids
    """

    axis: Word = field(metadata={"choices": AXES})

    inputs = ("values", "ids")
    takes_ids = True
    examples = (
        Example("gather length", ("{length: 8400, channels: 256}", "{length: 300}"), "300x256"),
        Example("gather length", ("{length: 77, channels: 512}", "{length: 1}"), "1x512"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        x, ids = inputs
        need_axes(self, x, (self.axis,))
        if CHANNELS in ids.axes or len(ids.axes) != 1:
            raise Fault(
                f"{self.title} needs ids along one axis",
                expected="a tensor of one axis, without channels",
                found=ids.described(),
                about="inputs:2",
            )
        return x.resized({self.axis: ids.dims[0]})

    def reaches(self, *inputs: Shape) -> tuple[dict[str, Reach], ...]:
        x, ids = inputs
        own = {axis: alike(axis) for axis in x.axes if axis != CHANNELS} | {
            self.axis: whole(x.size(self.axis))
        }
        chosen = whole(ids.dims[0]) if self.axis == CHANNELS else alike(self.axis)
        return {axis: reach for axis, reach in own.items() if axis != CHANNELS}, {ids.axes[0]: chosen}

    def forward(self, tools: Tools, x: Array, ids: Array) -> Array:
        axis = tools.axis(self.axis)
        each = ids.reshape([len(x), *(-1 if place == axis else 1 for place in range(1, x.ndim))])
        return tools.take_along_axis(x, each, axis)
