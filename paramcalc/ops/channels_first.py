"""Channels moved to the front."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.errors import Fault
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.ops._layout import space_axes
from paramcalc.ops.base import Array, Example, Op, Tools


@dataclass(frozen=True)
class ChannelsFirst(Op):
    """The same elements with the channels as the first axis, where convolutions read them.

    Input:  space x channels
    Output: channels x space
    """

    examples = (Example("channels_first", ("{height: 56, width: 56, channels: 96}",), "96x56x56"),)

    def shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        space = space_axes(self, x)
        if x.axes[-1] != CHANNELS:
            raise Fault(f"{self.title} needs channels as the last axis", found=x.described())
        return Shape((CHANNELS, *space), (x.channels, *x.space))

    def forward(self, tools: Tools, x: Array) -> Array:
        return tools.moveaxis(x, -1, 1)
