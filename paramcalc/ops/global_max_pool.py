"""Maximum pooling over everything but the channels."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.shape import Shape, vector
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, need_space


@dataclass(frozen=True)
class GlobalMaxPool(Op):
    """The greatest value of each channel over all other axes.

    Input:  channels and at least one other axis, in any order (an image, tokens)
    Output: channels; a vector, so that a linear layer can follow at once
    """

    examples = (
        Example("global_max_pool", ("2048x7x7",), "2048"),
        Example("global_max_pool", ("{length: 197, channels: 768}",), "768"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        return vector(need_space(self, inputs[0]).channels)

    def cost(self, *inputs: Shape) -> Cost:
        (x,) = inputs
        return Cost(
            connections=x.elements,
            operations={"compare": x.elements - x.channels},
        )

    def forward(self, tools: Tools, x: Array) -> Array:
        channels = tools.axis("channels")
        return tools.max(x, axis=tuple(axis for axis in range(1, x.ndim) if axis != channels))
