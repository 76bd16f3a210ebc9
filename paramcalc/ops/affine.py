"""Learned factor and bias for each channel."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.errors import Fault
from paramcalc.ops.attributes import Flag
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, Weights, need_channels
from paramcalc.shape import CHANNELS, Shape


@dataclass(frozen=True)
class Affine(Op):
    """weight * x + bias, with one weight and one bias for each channel (ResMLP, Touvron et al. 2021).

    Input, output: any tensor with channels
    Weight, bias:  channels

    scale=false leaves a bias alone. A factor alone is layer_scale.
    """

    scale: Flag = True
    bias: Flag = True

    contracting = frozenset()
    examples = (
        Example("affine", ("{length: 196, channels: 384}",), "196x384", params=768),
        Example("affine scale=false", ("64x28x28",), "64x28x28", params=64),
    )

    def weights(self, *inputs: Shape) -> Weights:
        named = {"weight": self.scale, "bias": self.bias}
        return {name: (inputs[0].channels,) for name, wanted in named.items() if wanted}

    def shape(self, *inputs: Shape) -> Shape:
        need_channels(self, inputs[0])
        if not self.scale and not self.bias:
            raise Fault(f"{self.title} needs a factor or a bias", fix="leave out scale=false", about="scale")
        return inputs[0]

    def cost(self, *inputs: Shape) -> Cost:
        kinds = {"multiply": self.scale, "add": self.bias}
        return Cost(operations={kind: inputs[0].elements for kind, wanted in kinds.items() if wanted})

    def forward(
        self, tools: Tools, x: Array, weight: Array | None = None, bias: Array | None = None
    ) -> Array:
        axis = tools.axis(CHANNELS)
        if bias is None:
            return x * tools.along(weight, axis, x)
        if weight is None:
            return x + tools.along(bias, axis, x)
        return tools.scale_shift(x, weight, bias, axis)
