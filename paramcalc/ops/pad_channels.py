"""Channels of zeros appended."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.errors import Fault
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.base.sizes import Size, at_least
from paramcalc.ops.base import Array, Example, Op, Tools, need_channels


@dataclass(frozen=True)
class PadChannels(Op):
    """The input followed by channels of zeros, up to `out_channels` in all.

    Input:  any tensor with channels
    Output: the same with out_channels

    The parameter-free shortcut (option A) of He et al. 2015, Deep Residual Learning, section 4.1.
    """

    out_channels: Size

    examples = (Example("pad_channels 32", ("16x16x16",), "32x16x16"),)

    def shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        channels = need_channels(self, x)
        if not at_least(self.out_channels, channels):
            raise Fault(
                f"{self.title} cannot remove channels",
                expected=f"at least the {channels} channels of the input",
                found=str(self.out_channels),
                fix="use slice_channels, or conv2d N 1",
                about="out_channels",
            )
        return x.with_channels(self.out_channels)

    def forward(self, tools: Tools, x: Array) -> Array:
        (shape,) = tools.shapes
        missing = self.out_channels - shape.channels
        return tools.pad(x, [(0, missing if axis == CHANNELS else 0) for axis in shape.axes])
