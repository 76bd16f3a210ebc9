"""An image as a sequence of channel vectors."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.ops.base import Array, Example, Op, Tools, need_space
from paramcalc.shape import CHANNELS, Shape, tokens
from paramcalc.sizes import product


@dataclass(frozen=True)
class ToTokens(Op):
    """All positions one after the other, row by row, the channels last.

    Input:  channels x space, or space x channels
    Output: length x channels, where length is the number of positions

    With conv2d dim P stride=P before it, this is the patch embedding of vision transformers.
    """

    examples = (
        Example("to_tokens", ("768x14x14",), "196x768"),
        Example("to_tokens", ("{height: 7, width: 5, channels: 96}",), "35x96"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        need_space(self, x)
        return tokens(product(x.space), x.channels)

    def forward(self, tools: Tools, x: Array) -> Array:
        last = tools.moveaxis(x, tools.axis(CHANNELS), -1)
        return last.reshape(len(x), -1, last.shape[-1])
