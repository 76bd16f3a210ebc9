"""A range of the channels."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.base.sizes import Size
from paramcalc.ops.attributes import Count
from paramcalc.ops.base import Array, Example, Op, Tools, need_channels
from paramcalc.ops.slice import sliced, taken


@dataclass(frozen=True)
class SliceChannels(Op):
    """The channels from `start` up to, not including, `stop`.

    Input:  any tensor with channels
    Output: stop - start channels

    Both count from 0 and must lie inside. A split in two is two slices of one tensor.
    """

    start: Count
    stop: Size | None = None

    examples = (
        Example("slice_channels 0 58", ("116x28x28",), "58x28x28"),
        Example("slice_channels 58", ("116x28x28",), "58x28x28"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        need_channels(self, inputs[0])
        return sliced(self, inputs[0], CHANNELS, self.start, self.stop)

    def forward(self, tools: Tools, x: Array) -> Array:
        return taken(x, tools.axis(CHANNELS), self.start, self.stop)
