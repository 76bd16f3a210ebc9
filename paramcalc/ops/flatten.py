"""All axes into one."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.shape import Shape
from paramcalc.ops.base import Array, Example, Op, Tools, flat, need_kind


@dataclass(frozen=True)
class Flatten(Op):
    """Everything as one vector of channels, in memory order.

    Input:  any tensor with channels
    Output: as many channels as the input has elements
    """

    takes_ids = True
    examples = (
        Example("flatten", ("512x7x7",), "25088"),
        Example("flatten", ("{length: 197, channels: 768}",), "151296"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        return need_kind(self, inputs[0], flat(inputs[0]))

    def forward(self, tools: Tools, x: Array) -> Array:
        return x.reshape(len(x), -1)
