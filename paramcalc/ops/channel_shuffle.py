"""Channels of several groups interleaved."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.base.sizes import Size
from paramcalc.ops.base import Array, Example, Op, Tools, need_groups, need_space


@dataclass(frozen=True)
class ChannelShuffle(Op):
    """The channels as a table of `groups` rows, read by columns.

    Input, output: any tensor with channels and another axis

    A grouped convolution after it reads from all groups (Zhang et al. 2017, ShuffleNet, figure 1).
    """

    groups: Size

    examples = (Example("channel_shuffle 2", ("116x28x28",), "116x28x28"),)

    def shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        need_groups(self, "input", need_space(self, x).channels, self.groups)
        return x

    def forward(self, tools: Tools, x: Array) -> Array:
        axis = tools.axis(CHANNELS)
        table = x.reshape(*x.shape[:axis], self.groups, -1, *x.shape[axis + 1 :])
        return table.swapaxes(axis, axis + 1).reshape(x.shape)
