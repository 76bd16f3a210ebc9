"""An image as a sequence of channel vectors."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.reach import Reach, repeating, stretched
from paramcalc.base.shape import CHANNELS, Shape, tokens
from paramcalc.base.sizes import product
from paramcalc.ops.base import Array, Example, Op, Tools, need_space


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

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        sizes = {name: x.size(name) for name in x.axes if name != CHANNELS}
        names = list(sizes)
        inner = product(sizes[name] for name in names[names.index(axis) + 1 :])
        if axis == names[0]:
            return stretched("length", 1, inner)
        size = sizes[axis]
        return repeating("length", inner * size, 0, lambda token: (token // inner % size,) * 2)

    def forward(self, tools: Tools, x: Array) -> Array:
        last = tools.moveaxis(x, tools.axis(CHANNELS), -1)
        return last.reshape(len(x), -1, last.shape[-1])
