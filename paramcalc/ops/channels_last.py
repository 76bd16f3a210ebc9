"""Channels moved to the end."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.errors import Fault
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.ops._layout import space_axes
from paramcalc.ops.base import Array, Example, Op, Tools


@dataclass(frozen=True)
class ChannelsLast(Op):
    """The same elements with the channels as the last axis, where linear and layer_norm read them.

    Input:  channels x space
    Output: space x channels
    """

    examples = (Example("channels_last", ("96x56x56",), "56x56x96"),)

    def shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        space = space_axes(self, x)
        if x.axes[0] != CHANNELS:
            raise Fault(f"{self.title} needs channels as the first axis", found=x.described())
        return Shape((*space, CHANNELS), (*x.space, x.channels))

    def forward(self, tools: Tools, x: Array) -> Array:
        return tools.moveaxis(x, 1, -1)
