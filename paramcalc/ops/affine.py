"""Learned factor and bias for each channel."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.ops.attributes import Flag
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, Weights, need_channels


@dataclass(frozen=True)
class Affine(Op):
    """weight * x + bias, with one weight and one bias for each channel (ResMLP, Touvron et al. 2021).

    Input, output: any tensor with channels
    Weight, bias:  channels

    With scale=false there is only a bias. For only a factor, use layer_scale.
    """

    scale: Flag = True

    contracting = frozenset()
    examples = (
        Example("affine", ("{length: 196, channels: 384}",), "196x384", params=768),
        Example("affine scale=false", ("64x28x28",), "64x28x28", params=64),
    )

    def weights(self, *inputs: Shape) -> Weights:
        return dict.fromkeys(("weight", "bias") if self.scale else ("bias",), (inputs[0].channels,))

    def shape(self, *inputs: Shape) -> Shape:
        need_channels(self, inputs[0])
        return inputs[0]

    def cost(self, *inputs: Shape) -> Cost:
        return Cost(
            operations=dict.fromkeys(("multiply", "add") if self.scale else ("add",), inputs[0].elements)
        )

    def forward(self, tools: Tools, x: Array, bias: Array, weight: Array | None = None) -> Array:
        axis = tools.axis(CHANNELS)
        if weight is None:
            return x + tools.along(bias, axis, x)
        return tools.scale_shift(x, weight, bias, axis)
